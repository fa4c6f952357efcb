"""Memory limits."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equivoice.models.decoding.batching import Budget, split_counts

COUNTS = st.lists(st.integers(1, 40), max_size=12)


@given(COUNTS, st.integers(1, 50), st.integers(0, 60))
def test_groups_cover_every_node_once_and_keep_the_limit(
    counts: list[int], limit: int, call_cost: int
) -> None:
    groups = split_counts(counts, limit, call_cost=call_cost)
    nodes = [
        (each, node) for group in groups for each, low, high in group for node in range(low, high)
    ]
    assert sorted(nodes) == [
        (each, node) for each, count in enumerate(counts) for node in range(count)
    ]
    for group in groups:
        assert group == sorted(group)
        assert len(group) * max(high - low for _, low, high in group) <= limit
        # an utterance whose nodes are cut stands alone
        assert len(group) == 1 or all(high - low == counts[each] for each, low, high in group)


def _cost(groups: list[list[int]], call_cost: int) -> int:
    return sum(call_cost + len(group) * max(group) for group in groups)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=7), st.integers(0, 60))
def test_no_other_groups_cost_less(counts: list[int], call_cost: int) -> None:
    found = split_counts(counts, 1000, call_cost=call_cost)
    ours = _cost([[counts[each] for each, _, _ in group] for group in found], call_cost)
    ordered = sorted(counts)
    # an exchange shows that some best grouping is of neighbours by size: all of those
    for cuts in itertools.product([False, True], repeat=len(counts) - 1):
        borders = [0, *(at + 1 for at, cut in enumerate(cuts) if cut), len(counts)]
        groups = [ordered[low:high] for low, high in itertools.pairwise(borders)]
        assert ours <= _cost(groups, call_cost)


def test_few_nodes_are_one_group() -> None:
    assert len(split_counts([1] * 32, 400, call_cost=16)) == 1


def test_the_utterance_in_doubt_is_read_alone() -> None:
    groups = split_counts([1, 1, 40, 1], 400, call_cost=16)
    assert groups == [[(0, 0, 1), (1, 0, 1), (3, 0, 1)], [(2, 0, 40)]]


@pytest.mark.parametrize("vocabulary", [50, 152_000])
def test_a_budget_holds_what_it_says(vocabulary: int) -> None:
    budget = Budget(torch.device("cpu"), vocabulary=vocabulary, row_bytes=2**20)
    assert budget.positions * vocabulary * 4 <= 2**28
    assert budget.distributions * vocabulary * 32 <= 2**28
    assert budget.rows * 2**20 <= 2**32


def test_at_least_one_of_everything() -> None:
    budget = Budget(torch.device("cpu"), vocabulary=10**6, row_bytes=2**40, logits_bytes=1)
    assert (budget.positions, budget.distributions, budget.rows) == (1, 1, 1)
