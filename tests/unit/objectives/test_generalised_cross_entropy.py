"""Generalised cross-entropy: the known values and both limits."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import ConfigError
from equivoice.objectives.cross_entropy import CrossEntropy
from equivoice.objectives.generalised_cross_entropy import GeneralisedCrossEntropy

ODDS = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]).log()
FIRST = torch.tensor([0, 0, 0])


def test_the_known_values() -> None:
    losses = GeneralisedCrossEntropy(0.7)(ODDS, FIRST)
    assert losses.tolist() == pytest.approx([0.101569, 0.549182, 1.143534], abs=1e-6)


def test_q_of_one_is_the_mass_elsewhere() -> None:
    losses = GeneralisedCrossEntropy(1)(ODDS, FIRST)
    assert losses.tolist() == pytest.approx([0.1, 0.5, 0.9])


def test_q_near_zero_is_cross_entropy() -> None:
    losses = GeneralisedCrossEntropy(1e-6)(ODDS.double(), FIRST)
    torch.testing.assert_close(losses, CrossEntropy()(ODDS.double(), FIRST), rtol=1e-5, atol=1e-6)


def test_a_distribution_has_the_mean_over_its_classes() -> None:
    shares = torch.tensor([[0.75, 0.25]])
    expected = 0.75 * (1 - 0.9**0.7) / 0.7 + 0.25 * (1 - 0.1**0.7) / 0.7
    assert GeneralisedCrossEntropy()(ODDS[:1], shares).item() == pytest.approx(expected)


def test_its_gradient_is_that_of_cross_entropy_times_p_to_the_q() -> None:
    ours, plain = ODDS.clone().requires_grad_(), ODDS.clone().requires_grad_()
    GeneralisedCrossEntropy(0.7)(ours, FIRST).sum().backward()
    CrossEntropy()(plain, FIRST).sum().backward()
    assert ours.grad is not None
    assert plain.grad is not None
    factors = torch.tensor([[0.9**0.7], [0.5**0.7], [0.1**0.7]])
    torch.testing.assert_close(ours.grad, plain.grad * factors)


def test_it_is_bounded_however_wrong_the_model_is() -> None:
    scores = torch.tensor([[-1e4, 1e4]])
    assert GeneralisedCrossEntropy(0.5)(scores, FIRST[:1]).item() == pytest.approx(2)


@pytest.mark.parametrize("q", [0.0, -0.1, 1.1, math.nan])
def test_q_lies_above_zero_and_up_to_one(q: float) -> None:
    with pytest.raises(ConfigError, match="above 0 and up to 1"):
        GeneralisedCrossEntropy(q)


def test_items_weigh_one() -> None:
    assert GeneralisedCrossEntropy().item_weights(FIRST).tolist() == [1, 1, 1]
