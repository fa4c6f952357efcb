"""Estimates as lines of forest plots, with the table that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from equivoice.annotators.names import is_human
from equivoice.reports.cells import bracketed, written
from equivoice.reports.document import Block, Folded, Table
from equivoice.reports.figures import ForestRow, forest
from equivoice.reports.formatting import capital
from equivoice.reports.rows import Estimate, in_order, pick
from equivoice.reports.terms import reference
from equivoice.reports.wording import metric

__all__ = [
    "HEADLINE",
    "LEGEND",
    "PEOPLE_LEGEND",
    "bars_of",
    "difference_blocks",
    "drawn_metrics",
    "folded",
    "gap_legend",
    "legend",
    "lines_of",
    "metrics_of",
    "told",
]

HEADLINE = ("macro_f1", "unweighted_accuracy", "accuracy")
_CHOSEN_GAPS = (
    *HEADLINE,
    "statistical_parity",
    "equal_opportunity",
    "overall_accuracy_equality",
    "equalised_odds",
    "avg_gap",
)
_MANY_LINES = 12
_LONG_TABLE = 18
LEGEND = "Line: interval. Dot: estimate; a hollow dot has no interval."
PEOPLE_LEGEND = "Square: people, that is listeners, no system."
_GAP_LEGEND = (
    (
        "Line: interval. Filled dot: the interval lies on one side of zero. Hollow dot: it does not, "
        "or there is none."
    ),
    "Grey band: differences this small could not have been seen reliably.",
)


def metrics_of(rows: Sequence[Estimate]) -> tuple[list[str], list[str]]:
    """The headline metrics among the rows, and the further ones."""
    there = in_order(row.metric for row in rows)
    main = [name for name in HEADLINE if name in there] or there[:1]
    return main, [name for name in there if name not in main]


def drawn_metrics(rows: Sequence[Estimate], lines_each: int) -> list[str]:
    """The metrics to draw: the headline ones, or the first alone where lines are many."""
    names, _ = metrics_of(rows)
    return names if lines_each * len(names) <= _MANY_LINES else names[:1]


def difference_blocks(
    rows: Sequence[Estimate], table: Table, title: str, *, name: Callable[[Estimate], str]
) -> Iterator[Block]:
    """Forest plot and table of signed differences."""
    labels = in_order(name(row) for row in rows)
    lines: list[ForestRow] = []
    for drawn in drawn_metrics(rows, len(labels)):
        found = [(name(row), row) for row in pick(rows, metric=drawn)]
        lines += lines_of(found, heading=capital(metric(drawn)), difference=True)
    # Many dots without an interval would only invite to pick the most striking one.
    drawable = any(line.low is not None for line in lines) or len(lines) <= _MANY_LINES
    if drawable and any(line.value is not None for line in lines):
        yield forest(lines, title=title, difference=True, key=gap_legend(lines))
    yield folded(table)


def lines_of(
    found: Sequence[tuple[str, Estimate]],
    *,
    heading: str,
    difference: bool = False,
    held: bool = False,
) -> list[ForestRow]:
    """Lines of a forest plot; the heading stands above the first.

    Args:
        found: labels with their estimates.
        heading: what stands above the first line.
        difference: whether the values are differences.
        held: whether each line says what answers were held against.
    """
    return [
        ForestRow(
            label,
            told(row, difference=difference),
            row.value,
            row.low,
            row.high,
            band=row.detectable if difference else None,
            full=row.excludes_zero if difference else row.has_interval,
            heading=heading if at == 0 else "",
            people=is_human(row.system),
            detail=f"held against {reference(row.reference)}" if held else "",
        )
        for at, (label, row) in enumerate(found)
    ]


def bars_of(found: Sequence[tuple[str, Estimate]], *, heading: str) -> list[ForestRow]:
    """Lines of shares of a whole, drawn as bars from zero."""
    return [replace(line, bar=True) for line in lines_of(found, heading=heading)]


def legend(lines: Sequence[ForestRow]) -> tuple[str, ...]:
    """What the signs of a forest plot of scores mean."""
    return (LEGEND, *([PEOPLE_LEGEND] if any(line.people for line in lines) else []))


def gap_legend(lines: Sequence[ForestRow]) -> tuple[str, ...]:
    """What the signs of a forest plot of differences mean."""
    return (*_GAP_LEGEND, *([PEOPLE_LEGEND] if any(line.people for line in lines) else []))


def told(row: Estimate, *, difference: bool = False) -> str:
    """A value with its interval in words; the reason where one is missing."""
    value = written(row, row.value, difference=difference)
    if value is None:
        return f"not defined: {row.undefined or 'no reason was recorded'}"
    ends = bracketed(row, difference=difference)
    return f"{value}, no interval" if ends is None else f"{value} {ends}"


def folded(table: Table) -> Block:
    """The table, folded away where it is long."""
    length = sum(len(body.rows) for body in table.bodies)
    return Folded(table.caption, (table,), long=True) if length > _LONG_TABLE else table
