"""What must not change an estimate of ratings: names, order of rows, who is first, copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.rating.analysis import (
    Crossed,
    Uncertainty,
    choice_shares,
    item_interval,
    opinions,
    rater_interval,
    read_comparisons,
    win_rates,
)
from equivoice.rating.analysis.agreement import comparison_votes

FEW = Uncertainty(replicates=30)
SAID = st.sampled_from(["a", "b", "tie"])
UNITS = ("item", "rater")  # the two-way interval is drawn, and the draws follow positions


@st.composite
def worlds(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Votes of some raters on pairs of two systems, each pair in both orders."""
    pairs, raters = draw(st.integers(2, 6)), draw(st.integers(1, 3))
    items = [
        {
            "item": f"u{at} | {first}",
            "utterance_id": f"u{at}",
            "system_a": first,
            "system_b": {"p": "q", "q": "p"}[first],
            "shown": None,
        }
        for at in range(pairs)
        for first in "pq"
    ]
    votes = [
        {
            "item": item["item"],
            "rater": f"r{rater}",
            "question": "preference",
            "value": draw(SAID),
        }
        for item in items
        for rater in range(raters)
    ]
    return pl.DataFrame(votes), pl.DataFrame(items, schema_overrides={"shown": pl.String})


def estimates(votes: pl.DataFrame, items: pl.DataFrame, **how: Any) -> dict[tuple[str, str], Any]:
    """By metric and unit, value and interval."""
    found = win_rates(read_comparisons(votes, items, **how), uncertainty=FEW)
    return {
        (row["metric"], row["unit"]): (row["value"], row["low"], row["high"])
        for row in found.iter_rows(named=True)
        if row["unit"] in UNITS
    }


def close(one: dict[tuple[str, str], Any], two: dict[tuple[str, str], Any]) -> bool:
    return one.keys() == two.keys() and all(
        (a is None and b is None) or a == pytest.approx(b)
        for key in one
        for a, b in zip(one[key], two[key], strict=True)
    )


@settings(max_examples=12, deadline=None)
@given(worlds(), st.integers(0, 100))
def test_the_order_of_rows_changes_nothing(
    world: tuple[pl.DataFrame, pl.DataFrame], seed: int
) -> None:
    votes, items = world
    mixed = votes.sample(fraction=1.0, shuffle=True, seed=seed)
    turned = items.sample(fraction=1.0, shuffle=True, seed=seed)
    assert close(estimates(votes, items), estimates(mixed, turned))


@settings(max_examples=12, deadline=None)
@given(worlds())
def test_renaming_raters_and_utterances_changes_nothing(
    world: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    votes, items = world
    renamed = votes.with_columns(rater="x" + pl.col("rater"), item="y" + pl.col("item"))
    called = items.with_columns(
        item="y" + pl.col("item"), utterance_id="z" + pl.col("utterance_id")
    )
    assert close(estimates(votes, items), estimates(renamed, called))


@settings(max_examples=12, deadline=None)
@given(worlds())
def test_exchanging_what_is_shown_and_what_is_said_changes_no_win(
    world: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    """The same choices told of exchanged places: wins stay, places turn round."""
    votes, items = world
    other = {"a": "b", "b": "a", "tie": "tie"}
    turned = votes.with_columns(pl.col("value").replace_strict(other))
    exchanged = items.with_columns(system_a="system_b", system_b="system_a")
    one, two = estimates(votes, items), estimates(turned, exchanged)
    for key, (value, low, high) in one.items():
        if key[0] in ("win_rate", "tie_rate", "same_in_both_orders"):
            assert two[key] == pytest.approx((value, low, high))
        elif value is not None:
            assert two[key][0] == pytest.approx(1 - value)


@settings(max_examples=12, deadline=None)
@given(worlds())
def test_wins_of_both_systems_add_up_to_one(world: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    votes, items = world
    mine = estimates(votes, items, systems=["p"])
    yours = estimates(votes, items, systems=["q"])
    for unit in UNITS:
        value, low, high = mine["win_rate", unit]
        other = yours["win_rate", unit]
        assert other[0] == pytest.approx(1 - value)
        if low is not None:
            assert (other[1], other[2]) == pytest.approx((1 - high, 1 - low))


@settings(max_examples=12, deadline=None)
@given(worlds())
def test_every_vote_is_counted_once(world: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    votes, items = world
    read = read_comparisons(votes, items)
    said, lost = opinions(read)
    assert read.frame.height == votes.height
    assert (said.height + lost) * 2 == votes.height
    assert lost == 0
    as_votes = comparison_votes(read)
    assert as_votes.height == said.height
    half = said.filter(pl.col("value") == 0.5).height
    assert as_votes.filter(value="tie").height == half


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(2, 8))
def test_a_second_copy_of_every_item_is_no_more_spread_over_raters(
    seed: int, raters: int, items: int
) -> None:
    """Raters' means stay, so does their interval; that over items gets shorter."""
    values = np.random.default_rng(seed).integers(0, 2, (raters, items)).astype(float)

    def table(wide: np.ndarray) -> Crossed:
        rater, item = np.divmod(np.arange(wide.size), wide.shape[1])
        return Crossed(wide.ravel(), item, rater, wide.shape[1], raters)

    once, twice = table(values), table(np.concatenate([values, values], axis=1))
    one, two = rater_interval(once), rater_interval(twice)
    assert (one.low is None) == (two.low is None)
    if one.low is not None:
        assert (two.low, two.high) == pytest.approx((one.low, one.high))
    short, long = item_interval(twice), item_interval(once)
    assert short.low is not None
    assert short.high is not None
    assert long.low is not None
    assert long.high is not None
    assert short.high - short.low <= long.high - long.low + 1e-12


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=6))
def test_acceptance_and_rejection_add_up_to_one(table: list[list[bool]]) -> None:
    rows = [
        (f"i{item}", f"r{rater}", "acceptance", "accept" if said else "reject")
        for item, line in enumerate(table)
        for rater, said in enumerate(line)
    ]
    votes = pl.DataFrame(rows, orient="row", schema=["item", "rater", "question", "value"])
    found = choice_shares(votes, choices=("accept", "reject"), uncertainty=FEW)
    shares = found.filter(unit="item").sort("metric")
    assert shares.get_column("value").sum() == pytest.approx(1.0)
    accepted, rejected = shares.iter_rows(named=True)
    assert accepted["low"] == pytest.approx(1 - rejected["high"])
    assert accepted["value"] == pytest.approx(np.mean(table))
