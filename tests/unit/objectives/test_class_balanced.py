"""Class-balanced soft cross-entropy: the known weights, and items weighted whole."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import InputError
from equivoice.objectives.class_balanced import ClassBalancedSoftCrossEntropy

KNOWN = ClassBalancedSoftCrossEntropy((4, 2, 1, 1), items=8)


def test_the_known_weights() -> None:
    assert KNOWN.weights == pytest.approx((0.426134, 0.752393, 1.410737, 1.410737), abs=5e-7)


def test_an_item_is_weighted_whole() -> None:
    targets = torch.tensor([[0.5, 0.25, 0.25, 0.0]])
    odds = torch.tensor([[1.0, 2.0, 4.0, 1.0]]).log()
    weight = 0.5 * 0.426134 + 0.25 * 0.752393 + 0.25 * 1.410737
    plain = 0.5 * math.log(8) + 0.25 * math.log(4) + 0.25 * math.log(2)
    assert KNOWN(odds, targets).item() == pytest.approx(weight * plain, abs=1e-5)
    # weighting class by class would give another number
    by_class = 0.5 * 0.426134 * math.log(8) + 0.25 * (
        0.752393 * math.log(4) + 1.410737 * math.log(2)
    )
    assert KNOWN(odds, targets).item() != pytest.approx(by_class, abs=1e-2)


def test_counts_come_from_shares_above_chance() -> None:
    shares = torch.zeros(8, 4)
    shares[:4, 0] = 1
    shares[4, 1], shares[5, 1] = 1, 1
    shares[6, 2], shares[7, 3] = 1, 1
    made = ClassBalancedSoftCrossEntropy.of(shares)
    assert (made.counts, made.items) == ((4, 2, 1, 1), 8)
    assert made == KNOWN


def test_an_item_may_show_several_classes_or_none() -> None:
    shares = torch.tensor([[0.4, 0.6, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    made = ClassBalancedSoftCrossEntropy.of(shares)
    assert (made.counts, made.items) == ((2, 2, 0), 3)


def test_items_have_the_mean_weight_of_their_classes() -> None:
    targets = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0.5, 0.5]])
    assert KNOWN.item_weights(targets).tolist() == pytest.approx([0.426134, 1.410737], abs=1e-6)


def test_no_training_items_are_refused() -> None:
    with pytest.raises(InputError, match="at least one item"):
        ClassBalancedSoftCrossEntropy.of(torch.zeros(0, 3))
