"""Lines of forest plots out of estimates, and what is folded away."""

from __future__ import annotations

from typing import Any

import pytest

from equivoice.reports.document import Body, Cell, Figure, Folded, Table
from equivoice.reports.drawing import (
    HEADLINE,
    difference_blocks,
    drawn_metrics,
    folded,
    lines_of,
    metrics_of,
    told,
)
from equivoice.reports.rows import Estimate


def gap(**values: Any) -> Estimate:
    """A signed difference of two groups."""
    given = {"metric": "macro_f1", "group_by": "gender", "groups": "female − male"} | values
    return Estimate("pair_gap", **given)


def table_of(length: int) -> Table:
    """A table with so many rows."""
    rows = tuple((Cell(str(number)), Cell("1")) for number in range(length))
    return Table("Numbers", ("Number", "One"), (Body(rows),))


@pytest.mark.parametrize(
    ("row", "difference", "expected"),
    [
        (Estimate("score", "macro_f1", value=0.5, low=0.4, high=0.6), False, "50.0 [40.0, 60.0]"),
        (gap(value=-0.1, low=-0.2, high=0.05), True, "−10.0 [−20.0, +5.0]"),
        (gap(value=0.1, undefined="interval: too few speakers"), True, "+10.0, no interval"),
        (gap(undefined="no predictions (male)"), True, "not defined: no predictions (male)"),
        (gap(), True, "not defined: no reason was recorded"),
        (Estimate("score", "recall_sum", value=4.5, low=4.0, high=5.0), False, "4.50 [4.00, 5.00]"),
    ],
)
def test_a_value_in_words(row: Estimate, difference: bool, expected: str) -> None:
    assert told(row, difference=difference) == expected


def test_differences_are_filled_only_on_one_side_of_zero() -> None:
    rows = [gap(value=0.1, low=0.05, high=0.2), gap(value=0.1, low=-0.05, high=0.2), gap(value=0.1)]
    lines = lines_of([("x", row) for row in rows], heading="H", difference=True)
    assert [line.full for line in lines] == [True, False, False]
    assert [line.heading for line in lines] == ["H", "", ""]


def test_scores_are_filled_where_they_have_an_interval() -> None:
    rows = [
        Estimate("score", "accuracy", value=0.1, low=-0.05, high=0.2),
        Estimate("score", "accuracy", value=0.1),
    ]
    lines = lines_of([("x", row) for row in rows], heading="")
    assert [line.full for line in lines] == [True, False]


def test_only_differences_have_a_band() -> None:
    row = gap(value=0.1, low=0.0, high=0.2, detectable=0.08)
    assert lines_of([("x", row)], heading="", difference=True)[0].band == 0.08
    assert lines_of([("x", row)], heading="")[0].band is None


def test_headline_metrics_come_in_their_order() -> None:
    rows = [Estimate("score", name) for name in ("coverage", "accuracy", "macro_f1")]
    assert metrics_of(rows) == (["macro_f1", "accuracy"], ["coverage"])
    assert metrics_of([Estimate("score", "mine"), Estimate("score", "yours")]) == (
        ["mine"],
        ["yours"],
    )
    assert metrics_of([]) == ([], [])


def test_many_lines_leave_the_first_metric_only() -> None:
    rows = [Estimate("score", name) for name in HEADLINE]
    assert drawn_metrics(rows, 2) == list(HEADLINE)
    assert drawn_metrics(rows, 28) == ["macro_f1"]


def test_long_tables_are_folded_away() -> None:
    assert folded(table_of(3)) == table_of(3)
    long = folded(table_of(60))
    assert isinstance(long, Folded)
    assert long.long
    assert long.summary == "Numbers"


def test_differences_are_drawn_with_their_table() -> None:
    rows = [gap(value=0.1, low=0.0, high=0.2), gap(value=0.2, groups="x − y")]
    figure, table = difference_blocks(
        rows, table_of(2), "Differences", name=lambda r: r.groups or ""
    )
    assert isinstance(figure, Figure)
    assert "female − male: +10.0 [0.0, +20.0]." in figure.description
    assert "x − y: +20.0, no interval." in figure.description
    assert table == table_of(2)


def test_where_nothing_is_defined_there_is_no_empty_plot() -> None:
    rows = [gap(undefined="no predictions (male)")]
    blocks = list(difference_blocks(rows, table_of(1), "Differences", name=str))
    assert blocks == [table_of(1)]
