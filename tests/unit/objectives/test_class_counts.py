"""Weights of classes: published ones, sums written out, and what has none."""

from __future__ import annotations

import pytest
import torch

from equivoice.errors import InputError
from equivoice.objectives.class_counts import (
    class_weights,
    counts_above_chance,
    effective_number_weights,
    inverse_weights,
)


def test_weights_by_class_of_a_published_corpus() -> None:
    # ABHINAYA's training counts, and its weights by the formula, rounded to three places
    numbers = (6728, 2495, 1432, 1120, 16712, 29239, 6303, 2948)
    counts = dict(zip("ACDFHNSU", numbers, strict=True))
    rounded = (1.244, 3.356, 5.846, 7.475, 0.501, 0.286, 1.328, 2.840)
    published = dict(zip("ACDFHNSU", rounded, strict=True))
    weights = class_weights(counts)
    assert list(weights) == list(counts)
    assert weights == pytest.approx(published, abs=5e-4)


def test_the_mean_weight_over_items_is_one() -> None:
    counts = {"a": 5, "b": 11, "c": 84}
    weights = class_weights(counts)
    assert sum(weights[label] * n for label, n in counts.items()) == pytest.approx(100)


def test_each_class_weighs_the_same_in_all() -> None:
    counts = {"a": 5, "b": 11, "c": 84}
    weights = class_weights(counts)
    assert [weights[label] * n for label, n in counts.items()] == pytest.approx([100 / 3] * 3)


def test_balanced_classes_weigh_one() -> None:
    assert class_weights({0: 7, 1: 7, 2: 7}) == {0: 1.0, 1: 1.0, 2: 1.0}


def test_a_class_without_items_has_no_weight() -> None:
    with pytest.raises(InputError, match="without items") as caught:
        class_weights({"happy": 3, "calm": 0})
    assert "'calm'" in str(caught.value)


def test_no_classes_have_no_weights() -> None:
    with pytest.raises(InputError, match="at least one class"):
        class_weights({})


def test_weights_in_order_are_those_by_name() -> None:
    counts = {"b": 5, "a": 11, "c": 84}
    assert inverse_weights(list(counts.values())) == tuple(class_weights(counts).values())


def test_sums_of_shares_can_be_counts() -> None:
    # 4 items: shares of the first class .5 .25 .25 0
    assert inverse_weights([1.0, 3.0]) == inverse_weights([1, 3])
    assert inverse_weights([0.5, 1.5]) == (2.0, pytest.approx(2 / 3))


# --------------------------------------------------------------------------- effective numbers


def test_effective_numbers_of_a_known_example() -> None:
    # β = 7/8: (1 − β) / (1 − β^n) = 1/8 / (1 − (7/8)^n) for n = 4, 2, 1
    raw = [0.125 / (1 - (7 / 8) ** n) for n in (4, 2, 1, 1)]
    expected = [4 * weight / sum(raw) for weight in raw]
    weights = effective_number_weights([4, 2, 1, 1], 8)
    assert weights == pytest.approx(expected, rel=1e-12)
    assert weights == pytest.approx((0.426134, 0.752393, 1.410737, 1.410737), abs=5e-7)


def test_a_class_that_no_item_shows_counts_as_shown_once() -> None:
    assert effective_number_weights([4, 0], 8) == effective_number_weights([4, 1], 8)


def test_one_item_gives_weights_of_one() -> None:
    assert effective_number_weights([1, 1, 1], 1) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(("counts", "items"), [([], 3), ([1, -1], 3), ([1, 1], 0)])
def test_counts_that_cannot_be(counts: list[int], items: int) -> None:
    with pytest.raises(InputError, match="counts from 0"):
        effective_number_weights(counts, items)


def test_a_class_is_shown_above_chance_strictly() -> None:
    shares = torch.tensor([[0.5, 0.25, 0.25, 0], [0.25, 0.25, 0.25, 0.25], [0.1, 0.3, 0.6, 0]])
    assert counts_above_chance(shares) == [1, 1, 1, 0]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [3, 6, 7, 9])
def test_rounding_makes_nobody_shown(classes: int, kind: torch.dtype) -> None:
    assert counts_above_chance(torch.full((5, classes), 1 / classes, dtype=kind)) == [0] * classes


def test_shares_are_a_table() -> None:
    with pytest.raises(InputError, match="items, classes"):
        counts_above_chance(torch.ones(3))
