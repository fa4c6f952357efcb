"""Acceptance and points on scales: overall, by system, by group; what does not count."""

from __future__ import annotations

import json

import polars as pl
import pytest

from equivoice.errors import ConfigError, SchemaError, VotesError
from equivoice.rating.analysis.rows import Uncertainty, estimate_table, mean_rows
from equivoice.rating.analysis.shares import choice_shares, scale_means

FEW = Uncertainty(replicates=50)


def votes(values: list[tuple[str, str, str]], question: str = "acceptance") -> pl.DataFrame:
    """Rows of item, rater, value."""
    frame = pl.DataFrame(values, orient="row", schema=["item", "rater", "value"])
    return frame.with_columns(question=pl.lit(question))


GRID = votes(
    [
        (item, rater, "accept" if said == "1" else "reject")
        for rater, line in {"r": "1101", "s": "1000", "t": "1111"}.items()
        for item, said in zip("abcd", line, strict=True)
    ]
)


def test_acceptance_is_the_share_of_votes_with_three_intervals() -> None:
    found = choice_shares(GRID, uncertainty=FEW)
    assert found.get_column("metric").to_list() == ["acceptance"] * 3
    assert found.get_column("unit").to_list() == ["item", "rater", "rater x item"]
    assert found.get_column("value").to_list() == pytest.approx([8 / 12] * 3)
    assert found.get_column("n").to_list() == [12] * 3
    assert found.get_column("clusters").to_list() == [4, 3, 3]
    assert found.get_column("low").null_count() == 0


def test_groups_and_systems_are_counted_alone() -> None:
    groups = pl.DataFrame({"item": list("abcd"), "match": ["match", "match", "no match", None]})
    systems = {"a": "p", "b": "q", "c": "q", "d": "p"}
    found = choice_shares(GRID, groups=groups, systems=systems, uncertainty=FEW)
    own = found.filter(unit="item").select("system", "group_by", "groups", "value").rows()
    assert own == [
        ("p", None, None, 5 / 6),
        ("p", "match", "match", 1.0),
        ("q", None, None, 0.5),
        ("q", "match", "match", 2 / 3),
        ("q", "match", "no match", pytest.approx(1 / 3)),
    ]
    quantities = found.select("group_by", "quantity").unique().sort("quantity").rows()
    assert quantities == [("match", "group_score"), (None, "score")]


def test_other_choices_are_named_as_classes() -> None:
    given = votes([("a", "r", "child"), ("b", "r", "adult"), ("c", "r", "adult")], "age")
    found = choice_shares(
        given, question="age", choices=("child", "adult", "teen"), uncertainty=FEW
    )
    shares = found.filter(unit="item").select("metric", "class", "value").rows()
    assert shares == [
        ("chosen", "child", pytest.approx(1 / 3)),
        ("chosen", "adult", pytest.approx(2 / 3)),
        ("chosen", "teen", 0.0),
    ]


def test_excluded_items_and_empty_answers_are_counted_as_left_out() -> None:
    given = pl.concat(
        [GRID, votes([("e", "r", "")]).with_columns(value=None)], how="vertical_relaxed"
    )
    found = choice_shares(given, exclude=["d"], uncertainty=FEW)
    assert found.get_column("value")[0] == pytest.approx(6 / 9)
    assert json.loads(found.get_column("left_out")[0]) == {
        "vote on an item that does not count": 3,
        "vote without an answer": 1,
    }


def test_points_of_a_scale_have_their_mean() -> None:
    given = pl.DataFrame(
        {
            "item": list("aabb"),
            "rater": list("rsrs"),
            "question": ["fits"] * 4,
            "number": [1.0, 2, 5, 4],
        }
    )
    found = scale_means(given, question="fits", low=1, high=5, uncertainty=FEW)
    assert found.get_column("metric").unique().to_list() == ["mean fits"]
    assert found.get_column("value")[0] == 3.0
    assert found.filter(unit="item").get_column("low")[0] >= 1.0
    with pytest.raises(VotesError, match="outside its scale"):
        scale_means(given, question="fits", low=2, high=5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (GRID.with_columns(rater=pl.lit(None, dtype=pl.String)), "without names"),
        (GRID.with_columns(count=pl.lit(2)), "without names of raters"),
        (pl.concat([GRID, GRID.head(1)]), "a second vote"),
        (GRID.with_columns(question=pl.lit("other")), "no votes on this question"),
    ],
)
def test_votes_that_are_no_votes_of_raters_are_refused(given: pl.DataFrame, message: str) -> None:
    with pytest.raises(VotesError, match=message):
        choice_shares(given)


def test_nothing_rated_gives_a_row_that_says_so() -> None:
    rows = mean_rows(GRID.select("item", "rater", value=pl.lit(1.0)).head(0), FEW, metric="x")
    assert rows == [
        {
            "quantity": "score",
            "level": 0.95,
            "metric": "x",
            "value": None,
            "n": 0,
            "undefined": "no votes",
        }
    ]
    assert estimate_table([]).is_empty()
    assert estimate_table(rows).height == 1
    with pytest.raises(SchemaError):
        estimate_table([{**rows[0], "colour": "red"}])


def test_settings_out_of_range_are_refused_together() -> None:
    with pytest.raises(ConfigError, match="2 problems"):
        Uncertainty(level=1.0, replicates=3)
