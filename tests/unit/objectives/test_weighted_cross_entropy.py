"""Weighted cross-entropy: the paper's weights, and the framework's loss."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import InputError
from equivoice.objectives.reductions import reduced
from equivoice.objectives.weighted_cross_entropy import WeightedCrossEntropy

# ABHINAYA's training counts in the order A C D F H N S U
COUNTS = (6728, 2495, 1432, 1120, 16712, 29239, 6303, 2948)


def test_two_classes_by_hand() -> None:
    # N = 8, C = 2: weights 8 / (2 · 2) = 2 and 8 / (6 · 2) = 2/3
    loss = WeightedCrossEntropy((2, 6))
    odds = torch.tensor([[1.0, 3.0], [1.0, 3.0]]).log()
    expected = [2 * math.log(4), 2 / 3 * math.log(4 / 3)]
    assert loss(odds, torch.tensor([0, 1])).tolist() == pytest.approx(expected)


def test_the_paper_s_weights() -> None:
    published = (1.244, 3.356, 5.846, 7.475, 0.501, 0.286, 1.328, 2.840)
    assert WeightedCrossEntropy(COUNTS).weights == pytest.approx(published, abs=5e-4)


def test_its_items_and_its_reduction_are_the_framework_s() -> None:
    loss = WeightedCrossEntropy(COUNTS)
    scores = torch.randn(50, 8, generator=torch.Generator().manual_seed(1))
    classes = torch.arange(50) % 8
    weights = torch.tensor(loss.weights)
    theirs = torch.nn.functional.cross_entropy
    items = loss(scores, classes)
    torch.testing.assert_close(items, theirs(scores, classes, weights, reduction="none"))
    mean = reduced(items, loss.item_weights(classes), "weights")
    torch.testing.assert_close(mean, theirs(scores, classes, weights))
    assert reduced(items, loss.item_weights(classes)).item() == pytest.approx(items.mean().item())


def test_the_two_reductions_differ() -> None:
    loss = WeightedCrossEntropy((1, 3))
    items = loss(torch.zeros(2, 2), torch.tensor([1, 1]))
    weights = loss.item_weights(torch.tensor([1, 1]))
    assert reduced(items, weights).item() == pytest.approx(2 / 3 * math.log(2))
    assert reduced(items, weights, "weights").item() == pytest.approx(math.log(2))


def test_balanced_counts_change_nothing() -> None:
    assert WeightedCrossEntropy((5, 5, 5)).weights == (1, 1, 1)


def test_a_class_without_training_items_is_refused() -> None:
    with pytest.raises(InputError, match="without items in the training data"):
        WeightedCrossEntropy((3, 0))


def test_counts_of_other_classes_are_refused() -> None:
    with pytest.raises(InputError, match="knows 2 classes and the model scores 3"):
        WeightedCrossEntropy((3, 1))(torch.zeros(1, 3), torch.tensor([0]))
