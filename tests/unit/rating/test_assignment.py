"""Who judges what: counts that must hold for every pool, and the sides of pairs."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.rating.assignment import Candidate, HandedOut, Place, assign


def pool(sizes: dict[str, int], gold: int = 0) -> list[Candidate]:
    items = [Candidate(f"{name}-{n}", name) for name, size in sizes.items() for n in range(size)]
    return items + [Candidate(f"gold-{n}", gold=True) for n in range(gold)]


def names(raters: int) -> list[str]:
    return [f"r{number}" for number in range(raters)]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Candidate], int, int]:
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    candidates = pool({f"s{at}": size for at, size in enumerate(sizes)})
    return candidates, draw(st.integers(1, len(candidates))), draw(st.integers(1, 8))


@settings(max_examples=60, deadline=None)
@given(worlds(), st.integers(0, 5))
def test_every_list_has_its_length_and_no_item_twice(
    world: tuple[list[Candidate], int, int], seed: int
) -> None:
    candidates, each, raters = world
    lists = assign(candidates, names(raters), per_rater=each, seed=seed)
    assert list(lists) == names(raters)
    for places in lists.values():
        assert len(places) == each == len({place.item for place in places})


@settings(max_examples=60, deadline=None)
@given(worlds(), st.integers(0, 5))
def test_within_a_stratum_no_item_is_used_more_than_once_more(
    world: tuple[list[Candidate], int, int], seed: int
) -> None:
    candidates, each, raters = world
    lists = assign(candidates, names(raters), per_rater=each, seed=seed)
    uses = Counter(place.item for places in lists.values() for place in places)
    strata: dict[str, list[int]] = {}
    for candidate in candidates:
        strata.setdefault(candidate.stratum, []).append(uses[candidate.item])
    assert all(max(counts) - min(counts) <= 1 for counts in strata.values())


@settings(max_examples=60, deadline=None)
@given(worlds(), st.integers(0, 5))
def test_each_rater_gets_the_strata_in_proportion(
    world: tuple[list[Candidate], int, int], seed: int
) -> None:
    candidates, each, raters = world
    of = {candidate.item: candidate.stratum for candidate in candidates}
    sizes = Counter(of.values())
    for places in assign(candidates, names(raters), per_rater=each, seed=seed).values():
        got = Counter(of[place.item] for place in places)
        for stratum, size in sizes.items():
            assert abs(got[stratum] - each * size / len(candidates)) < 1 + 1e-9


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_either_side_stands_first_equally_often(world: tuple[list[Candidate], int, int]) -> None:
    candidates, each, raters = world
    lists = assign(candidates, names(raters), per_rater=each, sides=True)
    leans = HandedOut.of(place for places in lists.values() for place in places).swaps
    assert all(abs(lean) <= 1 for lean in leans.values())


def test_the_first_rater_sees_both_sides_first_equally_often() -> None:
    places = assign(pool({"s": 20}), ["r"], sides=True)["r"]
    assert sum(place.swapped for place in places) == 10


def test_without_sides_nothing_is_swapped() -> None:
    assert not any(place.swapped for place in assign(pool({"s": 9}), ["r"])["r"])


def test_strata_that_do_not_divide_even_out_over_raters() -> None:
    lists = assign(pool({"a": 10, "b": 10}), names(4), per_rater=5)
    got = Counter(place.item[0] for places in lists.values() for place in places)
    assert got == {"a": 10, "b": 10}


def test_the_order_is_another_for_each_rater_and_the_same_each_time() -> None:
    lists = assign(pool({"s": 12}), names(3), seed=1)
    assert lists == assign(pool({"s": 12}), names(3), seed=1)
    orders = {tuple(place.item for place in places) for places in lists.values()}
    assert len(orders) == 3
    assert lists != assign(pool({"s": 12}), names(3), seed=2)


def test_gold_items_come_in_the_wanted_number() -> None:
    lists = assign(pool({"s": 10}, gold=6), names(3), per_rater=6, gold_per_rater=2)
    for places in lists.values():
        assert sum(place.item.startswith("gold") for place in places) == 2
    uses = Counter(place.item for places in lists.values() for place in places)
    assert {uses[f"gold-{n}"] for n in range(6)} == {1}


def test_without_a_number_gold_items_come_by_their_share() -> None:
    lists = assign(pool({"": 6}, gold=6), names(2), per_rater=6)
    uses = Counter(place.item for places in lists.values() for place in places)
    assert set(uses.values()) == {1}


@pytest.mark.parametrize("checks", [1, 2, 3])
def test_checks_are_spread_and_never_first(checks: int) -> None:
    wanted = [f"check-{n}" for n in range(checks)]
    for places in assign(pool({"s": 12}), names(20), checks=wanted).values():
        at = [n for n, place in enumerate(places) if place.item.startswith("check")]
        assert sorted(places[n].item for n in at) == wanted
        assert at[0] > 0
        assert len(places) == 12 + checks
        gaps = [later - before for before, later in pairwise(at)]
        assert all(gap <= 2 * (12 // checks) + 1 for gap in gaps)


def test_raters_who_come_later_get_what_was_rated_least() -> None:
    items = pool({"s": 9})
    first = assign(items, ["r1"], per_rater=6)
    before = HandedOut.of(first["r1"])
    later = assign(items, ["r2"], per_rater=3, before=before)
    unused = {item.item for item in items} - {place.item for place in first["r1"]}
    assert {place.item for place in later["r2"]} == unused
    assert before == HandedOut.of(first["r1"]), "the counts that were given stay"


def test_lists_do_not_change_when_raters_are_added() -> None:
    items = pool({"s": 9})
    assert (
        assign(items, ["r1", "r2"], per_rater=4)["r1"] == assign(items, ["r1"], per_rater=4)["r1"]
    )


def test_places_count_both_ways() -> None:
    counts = HandedOut.of([Place("x", swapped=True), Place("x"), Place("y")])
    assert counts.uses == {"x": 2, "y": 1}
    assert counts.swaps == {"x": 0, "y": -1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per_rater": 4}, "each rater would get 4 items, and there are 3"),
        ({"per_rater": 3, "gold_per_rater": 2}, "would get 2 gold items, and there are 0"),
        ({"per_rater": 1, "gold_per_rater": 2}, "gold_per_rater is more than per_rater"),
    ],
)
def test_more_than_there_is_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        assign(pool({"s": 3}), ["r"], **options)
