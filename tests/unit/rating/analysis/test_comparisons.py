"""Win rates from votes: orders, ties, place, length, and what does not count."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from scipy import stats

from equivoice.errors import ConfigError, VotesError
from equivoice.rating.analysis.comparisons import opinions, read_comparisons, win_rates
from equivoice.rating.analysis.rows import Uncertainty

FEW = Uncertainty(replicates=100)
Vote = tuple[str, str, str, str]  # utterance, system shown first, value, rater


def tables(votes: Sequence[Vote], *, shown: bool = False) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Votes and items of two systems, p and q."""
    texts = {"p": "three words here", "q": "one"}
    items: dict[str, dict[str, str | None]] = {}
    rows = []
    for utterance, first, value, rater in votes:
        second = "q" if first == "p" else "p"
        name = f"{utterance} | {first} | {second}"
        told = {"emotion": "sad", "reason_a": texts[first], "reason_b": texts[second]}
        items[name] = {
            "item": name,
            "utterance_id": utterance,
            "system_a": first,
            "system_b": second,
            "shown": json.dumps(told) if shown else None,
        }
        rows.append({"item": name, "rater": rater, "question": "preference", "value": value})
    schema = ["item", "utterance_id", "system_a", "system_b", "shown"]
    return pl.DataFrame(rows), pl.DataFrame(
        list(items.values()), schema=dict.fromkeys(schema, pl.String)
    )


def value(estimates: pl.DataFrame, metric: str, **where: str) -> float | None:
    """The estimate over items."""
    rows = estimates.filter(metric=metric, **where).filter(
        pl.col("unit").is_null() | (pl.col("unit") == "item")
    )
    if "class" not in where:
        rows = rows.filter(pl.col("class").is_null())
    assert rows.height == 1
    found: float | None = rows.get_column("value")[0]
    return found


def test_a_win_is_counted_for_the_system_and_not_for_the_place() -> None:
    votes = [
        ("u1", "p", "a", "j"),
        ("u1", "q", "b", "j"),
        ("u2", "p", "a", "j"),
        ("u2", "q", "a", "j"),
    ]
    found = win_rates(read_comparisons(*tables(votes)), uncertainty=FEW)
    # u1: p in both orders; u2: whoever stands first
    assert value(found, "win_rate") == 0.75
    assert value(found, "tie_rate") == 0.5
    assert value(found, "first_chosen") == 0.75
    assert value(found, "same_in_both_orders") == 0.5
    assert set(found.get_column("system").unique()) == {"p"}
    assert set(found.get_column("groups").unique()) == {"q"}


def test_the_other_system_wins_the_rest() -> None:
    rng = np.random.default_rng(0)
    votes = [
        (f"u{at}", first, str(rng.choice(["a", "b", "tie"])), "j")
        for at in range(30)
        for first in "pq"
    ]
    given = tables(votes)
    mine = win_rates(read_comparisons(*given, systems=["p"]), uncertainty=FEW)
    yours = win_rates(read_comparisons(*given, systems=["q"]), uncertainty=FEW)
    one, two = value(mine, "win_rate"), value(yours, "win_rate")
    assert one is not None
    assert two == pytest.approx(1 - one)
    assert value(mine, "first_chosen") == value(yours, "first_chosen")
    by_hand = [
        {"a": 1.0, "b": 0.0, "tie": 0.5}[said] if first == "p" else
        {"a": 0.0, "b": 1.0, "tie": 0.5}[said]
        for _, first, said, _ in votes
    ]  # fmt: skip
    assert one == pytest.approx(np.mean(by_hand))


def test_ties_count_half_or_are_left_out() -> None:
    votes = [
        ("u1", "p", "tie", "j"),
        ("u2", "p", "a", "j"),
        ("u3", "p", "a", "j"),
        ("u4", "p", "b", "j"),
    ]
    read = read_comparisons(*tables(votes))
    half = win_rates(read, uncertainty=FEW)
    out = win_rates(read, ties="leave_out", uncertainty=FEW)
    assert value(half, "win_rate") == 2.5 / 4
    assert value(out, "win_rate") == pytest.approx(2 / 3)
    rows = out.filter(metric="win_rate", unit="item")
    assert json.loads(rows.get_column("left_out")[0]) == {"tie": 1}
    assert rows.get_column("convention")[0] == "ties left out"
    assert half.filter(metric="win_rate").get_column("convention")[0] == "ties half"
    with pytest.raises(ConfigError, match="unknown choice for ties"):
        win_rates(read, ties="win")  # type: ignore[arg-type]


def test_a_pair_of_which_one_order_was_not_read_is_left_out() -> None:
    votes = [("u1", "p", "a", "j"), ("u1", "q", "b", "j"), ("u2", "p", "b", "j")]
    found = win_rates(read_comparisons(*tables(votes)), uncertainty=FEW)
    assert value(found, "win_rate") == 1.0
    lost = json.loads(found.filter(metric="win_rate").get_column("left_out")[0])
    assert lost == {"pair of which one order could not be read": 1}


def test_raters_who_see_one_order_each_all_count() -> None:
    votes = [
        ("u1", "p", "a", "r"),
        ("u1", "q", "a", "s"),
        ("u2", "q", "b", "r"),
        ("u2", "p", "a", "s"),
    ]
    said, lost = opinions(read_comparisons(*tables(votes)))
    assert lost == 0
    assert sorted(said.select("rater", "value").rows()) == [
        ("r", 1.0), ("r", 1.0), ("s", 0.0), ("s", 1.0),
    ]  # fmt: skip
    found = win_rates(read_comparisons(*tables(votes)), uncertainty=FEW)
    assert value(found, "win_rate") == 0.75
    # both orders together, but by no one rater
    assert found.filter(metric="same_in_both_orders").is_empty()
    assert value(found, "first_chosen") == 0.75


def test_a_system_that_always_stands_first_hides_the_liking_for_places() -> None:
    votes = [(f"u{at}", "p", "a", "j") for at in range(4)]
    found = win_rates(read_comparisons(*tables(votes)), uncertainty=FEW)
    (row,) = found.filter(metric="first_chosen").iter_rows(named=True)
    assert row["value"] is None
    assert "always shown first" in row["undefined"]


def test_a_liking_for_a_place_is_tested_on_pairs_that_changed_with_the_order() -> None:
    first_twice = [(f"u{at}", first, "a", "j") for at in range(9) for first in "pq"]
    second_twice = [(f"v{at}", first, "b", "j") for at in range(2) for first in "pq"]
    steady = [
        (f"w{at}", first, "a" if first == "p" else "b", "j") for at in range(5) for first in "pq"
    ]
    found = win_rates(
        read_comparisons(*tables(first_twice + second_twice + steady)), uncertainty=FEW
    )
    row = found.filter(metric="first_chosen", unit="item").row(0, named=True)
    assert row["value"] == pytest.approx((18 + 5) / 32)
    assert row["p_value"] == pytest.approx(stats.binomtest(9, 11).pvalue)
    assert value(found, "win_rate") == pytest.approx((11 * 0.5 + 5) / 16)


def test_the_interval_is_over_pairs_and_not_over_votes() -> None:
    """Both orders say the same, so that twice the votes are no more evidence."""
    rng = np.random.default_rng(1)
    wins = rng.random(60) < 0.7
    both = [
        (f"u{at}", first, "a" if won == (first == "p") else "b", "j")
        for at, won in enumerate(wins)
        for first in "pq"
    ]
    once = [vote for vote in both if vote[1] == "p"]
    of_both, of_once = (
        win_rates(read_comparisons(*tables(votes)), uncertainty=FEW)
        .filter(metric="win_rate", unit="item")
        .select("value", "low", "high", "clusters", "n")
        .row(0)
        for votes in (both, once)
    )
    assert of_both == of_once
    assert of_both[3:] == (60, 60)


def test_emotions_are_counted_alone() -> None:
    votes = [
        (f"u{at}", first, "a" if first == "p" else "b", "j") for at in range(3) for first in "pq"
    ]
    votes += [
        (f"v{at}", first, "b" if first == "p" else "a", "j") for at in range(2) for first in "pq"
    ]
    given, items = tables(votes)
    groups = items.select(
        "item",
        emotion=pl.when(pl.col("item").str.starts_with("u"))
        .then(pl.lit("sad"))
        .otherwise(pl.lit("angry")),
    )
    found = win_rates(read_comparisons(given, items), groups=groups, uncertainty=FEW)
    assert value(found, "win_rate", **{"class": "sad"}) == 1.0
    assert value(found, "win_rate", **{"class": "angry"}) == 0.0
    assert value(found, "win_rate") == 0.6


def test_the_longer_text_is_told_where_texts_are() -> None:
    votes = [
        ("u1", "p", "a", "j"),
        ("u1", "q", "b", "j"),
        ("u2", "p", "a", "j"),
        ("u2", "q", "a", "j"),
    ]
    found = win_rates(read_comparisons(*tables(votes, shown=True)), uncertainty=FEW)
    assert value(found, "longer_chosen") == 0.75  # p's text is longer
    assert (
        win_rates(read_comparisons(*tables(votes)), uncertainty=FEW)
        .filter(metric="longer_chosen")
        .is_empty()
    )


def test_three_systems_meet_in_pairs() -> None:
    items = pl.DataFrame(
        {
            "item": ["1", "2", "3"],
            "utterance_id": ["u"] * 3,
            "system_a": ["p", "q", "r"],
            "system_b": ["q", "r", "p"],
            "shown": [None] * 3,
        }
    )
    votes = pl.DataFrame(
        {
            "item": ["1", "2", "3"],
            "rater": ["j"] * 3,
            "question": ["preference"] * 3,
            "value": ["a"] * 3,
        }
    )
    read = read_comparisons(votes, items, systems=["r"])
    assert read.systems == (("p", "q"), ("r", "p"), ("r", "q"))
    found = win_rates(read, uncertainty=FEW).filter(metric="win_rate", unit="item")
    assert found.select("system", "groups", "value").rows() == [
        ("p", "q", 1.0), ("r", "p", 1.0), ("r", "q", 0.0),
    ]  # fmt: skip


def test_other_questions_gold_items_and_empty_answers_do_not_count() -> None:
    given, items = tables([("u1", "p", "a", "j"), ("u2", "p", "b", "j"), ("u3", "p", "b", "j")])
    more = pl.DataFrame(
        {
            "item": ["u1 | p | q", "u3 | p | q"],
            "rater": ["k", "k"],
            "question": ["acceptance", "preference"],
            "value": ["accept", None],
        }
    )
    read = read_comparisons(pl.concat([given, more]), items, exclude=["u2 | p | q"])
    assert read.frame.height == 2
    assert read.left_out == {"vote without an answer": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": "left"}, "neither a nor b nor tie"),
        ({"item": "elsewhere"}, "does not hold"),
        ({"count": 3}, "a row of several votes"),
        ({"twice": True}, "a rater's second vote"),
    ],
)
def test_votes_that_cannot_be_compared_are_refused(change: dict[str, object], message: str) -> None:
    given, items = tables([("u1", "p", "a", "j")])
    if change.pop("twice", False):
        given = pl.concat([given, given])
    given = given.with_columns(**{name: pl.lit(what) for name, what in change.items()})
    with pytest.raises(VotesError, match=message):
        read_comparisons(given, items)


def test_values_in_capitals_are_understood() -> None:
    given, items = tables([("u1", "p", "A", "j"), ("u2", "p", "TIE", "j")])
    assert read_comparisons(given, items).frame["chosen"].to_list() == ["p", "tie"]
