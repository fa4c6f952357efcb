"""Statistics add up: over items, over groups, over resamples."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.metrics import CodedStatistics, classification_statistics, confusion_table


@pytest.fixture
def coded() -> CodedStatistics:
    rng = np.random.default_rng(0)
    return CodedStatistics(rng.integers(0, 4, 50), rng.normal(size=(4, 3)))


def test_sums_are_sums_over_items(coded: CodedStatistics) -> None:
    index = np.random.default_rng(1).integers(0, 5, 50)
    slow = np.zeros((5, 3))
    for item, where in enumerate(index):
        slow[where] += coded.table[coded.codes[item]]
    np.testing.assert_allclose(coded.sums(index, 5), slow, atol=1e-12)


def test_counts_hold_every_item_once(coded: CodedStatistics) -> None:
    counts = coded.counts(np.zeros(50, dtype=np.int64), 2)
    assert counts.shape == (2, 4)
    assert counts[0].sum() == 50
    assert counts[1].sum() == 0


def test_an_index_without_items_has_zero_sums(coded: CodedStatistics) -> None:
    sums = coded.sums(np.full(50, 2), 4)
    assert (sums[[0, 1, 3]] == 0).all()


@pytest.mark.parametrize("policy", ["wrong", "extra_class"])
def test_margins_are_the_confusion_tables(policy: str) -> None:
    rng = np.random.default_rng(2)
    reference, predicted = rng.integers(0, 4, 200), rng.integers(-1, 4, 200)
    table = confusion_table(reference, predicted, 4)
    statistics = classification_statistics(reference, predicted, 4, unparsed=policy)
    sums = statistics.sums(np.zeros(200, dtype=np.int64), 1)[0]
    np.testing.assert_array_equal(sums[:4], table.diagonal())
    np.testing.assert_array_equal(sums[4:8], table.sum(1))
    np.testing.assert_array_equal(sums[8:12], table[:, :4].sum(0))
    assert sums[12] == table[:, 4].sum()


def test_dropped_answers_leave_only_their_count() -> None:
    reference, predicted = np.array([0, 1, 1]), np.array([0, -1, -1])
    statistics = classification_statistics(reference, predicted, 2, unparsed="drop")
    sums = statistics.sums(np.zeros(3, dtype=np.int64), 1)[0]
    assert sums.tolist() == [1, 0, 1, 0, 1, 0, 2]


def test_a_vector_an_item_is_never_made() -> None:
    """A million items cost the memory of their codes: the table has K (K + 1) rows."""
    reference = np.zeros(100_000, dtype=np.int64)
    statistics = classification_statistics(reference, reference, 3)
    assert statistics.table.shape == (12, 10)
    assert statistics.codes.nbytes == 800_000
