"""Seeds by hash: stable, apart from each other, within range."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from equivoice.inference import seed_for

PART = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.none())


def test_seeds_are_the_same_on_every_machine_and_for_ever() -> None:
    assert seed_for(0) == 6197007067532723406  # printf "[0]" | b2sum -l 64, shifted right by one
    assert seed_for(0, "fit", "acoustic", "ravdess", "1") == 6853653963429318849
    assert seed_for(42, "x") == 7287428453062538798


@given(st.integers(), st.lists(PART, max_size=4), st.lists(PART, max_size=4))
def test_two_pieces_of_work_share_a_seed_only_if_they_are_the_same(
    root: int, one: list[str | int | None], two: list[str | int | None]
) -> None:
    same = [(type(part), part) for part in one] == [(type(part), part) for part in two]
    assert (seed_for(root, *one) == seed_for(root, *two)) == same


def test_borders_and_types_of_parts_count() -> None:
    assert len({seed_for(0, "a", "b"), seed_for(0, "ab"), seed_for(0, "a,b")}) == 3
    assert len({seed_for(0, 1), seed_for(0, "1"), seed_for(0, 1.0)}) == 3


@given(st.integers(0, 2**40), PART)
def test_seeds_fit_into_63_bits(root: int, part: str | int | None) -> None:
    assert 0 <= seed_for(root, part) < 2**63


def test_the_state_of_the_random_module_plays_no_part() -> None:
    random.seed(1)
    first = seed_for(7, "x")
    random.seed(2)
    assert seed_for(7, "x") == first


def test_seeds_of_neighbours_are_spread_over_the_range() -> None:
    seeds = [seed_for(0, number) for number in range(2000)]
    assert len(set(seeds)) == 2000
    for bit in range(63):
        share = sum(seed >> bit & 1 for seed in seeds) / len(seeds)
        assert 0.44 < share < 0.56
