"""Memory limits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equivoice.models.decoding.batching import Budget, split_counts


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(1, 50))
def test_groups_cover_every_node_once_in_order_and_keep_the_limit(
    counts: list[int], limit: int
) -> None:
    groups = split_counts(counts, limit)
    nodes = [
        (each, node) for group in groups for each, low, high in group for node in range(low, high)
    ]
    assert nodes == [(each, node) for each, count in enumerate(counts) for node in range(count)]
    for group in groups:
        assert len(group) * max(high - low for _, low, high in group) <= limit
        # an utterance whose nodes are cut stands alone
        assert len(group) == 1 or all(high - low == counts[each] for each, low, high in group)


def test_few_nodes_are_one_group() -> None:
    assert len(split_counts([1] * 32, 400)) == 1


@pytest.mark.parametrize("vocabulary", [50, 152_000])
def test_a_budget_holds_what_it_says(vocabulary: int) -> None:
    budget = Budget(torch.device("cpu"), vocabulary=vocabulary, row_bytes=2**20)
    assert budget.positions * vocabulary * 4 <= 2**28
    assert budget.distributions * vocabulary * 32 <= 2**28
    assert budget.rows * 2**20 <= 2**32


def test_at_least_one_of_everything() -> None:
    budget = Budget(torch.device("cpu"), vocabulary=10**6, row_bytes=2**40, logits_bytes=1)
    assert (budget.positions, budget.distributions, budget.rows) == (1, 1, 1)
