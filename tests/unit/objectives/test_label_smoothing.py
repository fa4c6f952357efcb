"""Label smoothing: the thesis's rule, the framework's, and their fixed point."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import ConfigError
from equivoice.objectives.cross_entropy import CrossEntropy
from equivoice.objectives.label_smoothing import LabelSmoothing, smoothed_shares
from equivoice.objectives.soft_cross_entropy import SoftCrossEntropy
from equivoice.objectives.weighted_cross_entropy import WeightedCrossEntropy


def test_nine_classes_at_five_percent() -> None:
    shares = smoothed_shares(torch.eye(9), 0.05)
    expected = torch.full((9, 9), 0.00625).fill_diagonal_(0.95)
    torch.testing.assert_close(shares, expected)


def test_shares_of_several_classes() -> None:
    # .75 · .9 + .25 · .1 / 2 = .6875, .25 · .9 + .75 · .05 = .2625, 0 + 1 · .05
    shares = smoothed_shares(torch.tensor([[0.75, 0.25, 0.0]]), 0.1)
    assert shares[0].tolist() == pytest.approx([0.6875, 0.2625, 0.05])


@pytest.mark.parametrize("convention", ["others", "uniform"])
@pytest.mark.parametrize("amount", [0.0, 0.05, 0.5])
def test_one_over_c_stays(convention: str, amount: float) -> None:
    even = torch.full((1, 5), 0.2)
    torch.testing.assert_close(smoothed_shares(even, amount, convention=convention), even)


@pytest.mark.parametrize("convention", ["others", "uniform"])
def test_nothing_taken_changes_nothing(convention: str) -> None:
    assert torch.equal(smoothed_shares(torch.eye(3), 0.0, convention=convention), torch.eye(3))


def test_the_loss_by_hand() -> None:
    odds = torch.tensor([[0.9, 0.1]]).log()
    loss = LabelSmoothing(CrossEntropy(), 0.05)(odds, torch.tensor([0]))
    assert loss.item() == pytest.approx(-0.95 * math.log(0.9) - 0.05 * math.log(0.1))


def test_classes_are_given_to_a_loss_of_distributions() -> None:
    odds, target = torch.tensor([[0.9, 0.1]]).log(), torch.tensor([0])
    soft, plain = LabelSmoothing(SoftCrossEntropy(), 0.1), LabelSmoothing(CrossEntropy(), 0.1)
    assert torch.equal(soft(odds, target), plain(odds, target))


def test_items_keep_the_weight_of_their_label() -> None:
    loss = LabelSmoothing(WeightedCrossEntropy((1, 3)), 0.1)
    assert loss.item_weights(torch.tensor([0, 1])).tolist() == pytest.approx([2, 2 / 3])


def test_halves_are_smoothed_in_float32() -> None:
    scores = torch.zeros(1, 9, dtype=torch.bfloat16)
    loss = LabelSmoothing(CrossEntropy(), 0.05)(scores, torch.tensor([0]))
    assert loss.item() == pytest.approx(math.log(9), abs=1e-6)


@pytest.mark.parametrize("amount", [-0.1, 1.0, math.nan])
def test_the_amount_lies_from_zero_to_below_one(amount: float) -> None:
    with pytest.raises(ConfigError, match="below 1"):
        LabelSmoothing(CrossEntropy(), amount)


def test_an_unknown_convention_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="others, uniform"):
        LabelSmoothing(CrossEntropy(), 0.1, "framework")
