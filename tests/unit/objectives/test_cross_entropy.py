"""Cross-entropy: logarithms written out, and the framework's own."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.objectives.cross_entropy import CrossEntropy

ODDS = torch.tensor([[1.0, 2.0, 5.0], [6.0, 1.0, 1.0]]).log()


def test_known_probabilities() -> None:
    losses = CrossEntropy()(ODDS, torch.tensor([1, 0]))
    assert losses.tolist() == pytest.approx([math.log(4), math.log(4 / 3)])


def test_a_distribution_has_the_mean_of_the_logarithms() -> None:
    losses = CrossEntropy()(ODDS, torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]))
    assert losses.tolist() == pytest.approx([(math.log(8) + math.log(4)) / 2, math.log(8)])


def test_it_is_the_framework_s() -> None:
    scores = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    classes = torch.arange(40) % 7
    expected = torch.nn.functional.cross_entropy(scores, classes, reduction="none")
    torch.testing.assert_close(CrossEntropy()(scores, classes), expected)


def test_its_gradient_is_what_is_too_much() -> None:
    scores = ODDS.clone().requires_grad_()
    CrossEntropy()(scores, torch.tensor([1, 0])).sum().backward()
    assert scores.grad is not None
    expected = [[1 / 8, 2 / 8 - 1, 5 / 8], [6 / 8 - 1, 1 / 8, 1 / 8]]
    torch.testing.assert_close(scores.grad, torch.tensor(expected))


def test_items_weigh_one() -> None:
    assert CrossEntropy().item_weights(torch.tensor([0, 2, 2])).tolist() == [1, 1, 1]
