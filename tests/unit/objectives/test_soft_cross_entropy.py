"""Soft-label cross-entropy: the mean of logarithms over the votes."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import InputError
from equivoice.objectives.kl_divergence import KLDivergence
from equivoice.objectives.soft_cross_entropy import SoftCrossEntropy

ODDS = torch.tensor([[1.0, 2.0, 5.0]]).log()


def test_three_of_four_votes() -> None:
    losses = SoftCrossEntropy()(ODDS, torch.tensor([[0.75, 0.25, 0.0]]))
    assert losses.tolist() == pytest.approx([0.75 * math.log(8) + 0.25 * math.log(4)])


def test_it_is_the_mean_over_the_votes() -> None:
    # five raters: A S S N A in the order A S N
    each = [-math.log(p) for p in (1 / 8, 2 / 8, 2 / 8, 5 / 8, 1 / 8)]
    losses = SoftCrossEntropy()(ODDS, torch.tensor([[0.4, 0.4, 0.2]]))
    assert losses.item() == pytest.approx(sum(each) / 5)


def test_it_is_least_where_model_and_raters_agree() -> None:
    shares = torch.tensor([[0.2, 0.5, 0.3]])
    scores = shares.log().requires_grad_()
    SoftCrossEntropy()(scores, shares).sum().backward()
    assert scores.grad is not None
    torch.testing.assert_close(scores.grad, torch.zeros(1, 3))


def test_it_has_the_gradient_of_the_divergence() -> None:
    shares, grads = torch.tensor([[0.2, 0.5, 0.3]]), []
    for loss in (SoftCrossEntropy(), KLDivergence()):
        scores = ODDS.clone().requires_grad_()
        loss(scores, shares).sum().backward()
        grads.append(scores.grad)
    torch.testing.assert_close(grads[0], grads[1])


def test_classes_are_refused() -> None:
    with pytest.raises(InputError, match=r"shares of all classes(.|\n)*cross_entropy"):
        SoftCrossEntropy()(ODDS, torch.tensor([1]))


def test_items_weigh_one() -> None:
    assert SoftCrossEntropy().item_weights(torch.tensor([[0.5, 0.5]])).tolist() == [1]
