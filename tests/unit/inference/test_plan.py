"""Plans: batches follow from the plan and never from what remains."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.inference import Cell, Plan

NAMES = st.lists(st.text("abc/123", min_size=1, max_size=6), unique=True, max_size=50)


@given(NAMES, st.integers(1, 9), st.randoms())
def test_batches_hold_each_utterance_once_in_an_order_of_their_own(
    names: list[str], size: int, chance: random.Random
) -> None:
    plan = Plan((), batch_size=size)
    batches = plan.batches(names)
    shuffled = list(names)
    chance.shuffle(shuffled)
    assert plan.batches(shuffled) == batches
    assert [name for batch in batches for name in batch.utterance_ids] == sorted(names)
    assert all(len(batch.utterance_ids) == size for batch in batches[:-1])
    assert [batch.number for batch in batches] == list(range(len(batches)))


def test_cells_with_awkward_names_stay_apart() -> None:
    cells = [
        Cell("a@b", "c", "1"),
        Cell("a", "b@c", "1"),
        Cell("a", "b", "c@1"),
        Cell("a b", "c", "1"),
    ]
    assert len({cell.name for cell in cells}) == len(cells)
    assert "/" not in Cell("../x", "a/b", "1").name


def test_a_cell_stands_once_in_a_plan() -> None:
    with pytest.raises(ConfigError, match="stand twice"):
        Plan((Cell("a", "b", "1"), Cell("a", "b", "1")))


def test_a_batch_is_not_empty() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Plan((), batch_size=0)


def test_each_cell_has_a_seed_of_its_own_that_no_other_cell_moves() -> None:
    cells = tuple(Cell("s", "c", str(fold)) for fold in range(5))
    seeds = [Plan(cells, seed=1).fit_seed(cell) for cell in cells]
    assert len(set(seeds)) == 5
    assert Plan(cells[3:], seed=1).fit_seed(cells[3]) == seeds[3]
    assert Plan(cells, seed=2).fit_seed(cells[3]) != seeds[3]
