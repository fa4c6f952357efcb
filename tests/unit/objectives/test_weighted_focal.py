"""Weighted focal loss: by hand, its limits, and the defect of the released code."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import ConfigError, InputError
from equivoice.objectives.weighted_cross_entropy import WeightedCrossEntropy
from equivoice.objectives.weighted_focal import WeightedFocal

ODDS = torch.tensor([[1.0, 3.0], [1.0, 3.0], [9.0, 1.0]]).log()
CLASSES = torch.tensor([0, 1, 0])


def test_three_items_by_hand() -> None:
    # weights 2 and 2/3; p of the class 1/4, 3/4, 9/10
    expected = [
        2 * (3 / 4) ** 2 * math.log(4),
        2 / 3 * (1 / 4) ** 2 * math.log(4 / 3),
        2 * (1 / 10) ** 2 * math.log(10 / 9),
    ]
    assert WeightedFocal((2, 6))(ODDS, CLASSES).tolist() == pytest.approx(expected, rel=1e-5)


def test_gamma_zero_is_weighted_cross_entropy() -> None:
    focal, plain = WeightedFocal((2, 6), gamma=0), WeightedCrossEntropy((2, 6))
    torch.testing.assert_close(focal(ODDS, CLASSES), plain(ODDS, CLASSES))


def test_easy_items_count_less() -> None:
    classes = torch.tensor([0, 0, 0])
    share = WeightedFocal((1, 1), 2.0)(ODDS, classes) / WeightedFocal((1, 1), 0.0)(ODDS, classes)
    assert share.tolist() == pytest.approx([(3 / 4) ** 2, (3 / 4) ** 2, (1 / 10) ** 2])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_certain_item_has_a_finite_gradient(gamma: float) -> None:
    scores = torch.tensor([[200.0, -200.0]], requires_grad=True)
    WeightedFocal((1, 1), gamma)(scores, torch.tensor([0])).sum().backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()


# --------------------------------------------------------------------------- the released code


def test_the_released_code_s_mean_over_a_square() -> None:
    """(n, 1) weights times (n,) losses is (n, n); its mean is what the convention's items give."""
    weights = torch.tensor([2.0, 2 / 3])[CLASSES].reshape(-1, 1)
    p = ODDS.softmax(1).gather(1, CLASSES[:, None]).flatten()
    square = weights * ((1 - p) ** 2 * -p.log())
    assert square.shape == (3, 3)
    loss = WeightedFocal((2, 6), convention="abhinaya_code")
    torch.testing.assert_close(loss(ODDS, CLASSES).mean(), square.mean())


def test_there_no_class_weighs_more_than_another() -> None:
    loss = WeightedFocal((2, 6), convention="abhinaya_code")
    even = torch.zeros(2, 2)
    first, second = loss(even, torch.tensor([0, 1])).tolist()
    assert first == second == pytest.approx((2 + 2 / 3) / 2 * math.log(2) / 4)
    paper = WeightedFocal((2, 6))(even, torch.tensor([0, 1])).tolist()
    assert paper[0] == pytest.approx(3 * paper[1])


def test_there_an_item_depends_on_its_batch() -> None:
    loss = WeightedFocal((2, 6), convention="abhinaya_code")
    even = torch.zeros(2, 2)
    beside_rare = loss(even, torch.tensor([0, 0]))[0]
    beside_common = loss(even, torch.tensor([0, 1]))[0]
    assert beside_rare > beside_common


# --------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("gamma", [-1.0, math.inf, math.nan])
def test_gamma_is_a_number_from_zero(gamma: float) -> None:
    with pytest.raises(ConfigError, match="gamma"):
        WeightedFocal((1, 1), gamma)


def test_an_unknown_convention_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="paper, abhinaya_code"):
        WeightedFocal((1, 1), convention="code")


def test_a_class_without_training_items_is_refused() -> None:
    with pytest.raises(InputError, match="without items in the training data"):
        WeightedFocal((3, 0))
