"""Estimates laid out freely: one line an estimate, or lines across columns.

Every table names its unit, what answers were held against, how many utterances and
speakers went in, and what was left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from equivoice.annotators.names import is_human
from equivoice.reports.cells import (
    Reasons,
    counted,
    counted_noun,
    interval_cell,
    left_out_cell,
    level_heading,
    value_cell,
    written,
)
from equivoice.reports.document import Body, Cell, Table
from equivoice.reports.formatting import capital, count
from equivoice.reports.references import HELD_AGAINST, against, differ
from equivoice.reports.rows import Estimate, in_order
from equivoice.reports.terms import measure, reference
from equivoice.reports.wording import unit

__all__ = ["Named", "cross_table", "values_table"]

Named = Callable[[Estimate], str]
"""What an estimate is called in a table."""
_NOTHING = "Nothing was left out."
_EACH = Cell("see each", quiet=True)


def values_table(
    rows: Sequence[Estimate],
    *,
    caption: str,
    head: str,
    line: Named,
    body: Named | None = None,
    held: bool = True,
) -> Table:
    """One line an estimate, with its unit, interval and counts.

    Args:
        rows: the estimates, in order.
        caption: what the table shows.
        head: the heading of the first column.
        line: what a line is called.
        body: the heading above a run of lines; none by default.
        held: whether to say what answers were held against: above the run of lines, or
            in a column where there are no headings.
    """
    reasons = Reasons()
    runs = list(_runs(rows, body, held))
    shown = held and any(differ(own) for _, own in runs)
    bodies = tuple(
        Body(
            tuple(_value_line(row, rows, line(row), shown, reasons) for row in own),
            title,
            _people(own),
        )
        for title, own in runs
    )
    columns = (
        head,
        *([HELD_AGAINST] if shown else []),
        "Value",
        "Unit",
        f"{level_heading(rows)}interval",
        counted_noun(rows),
        capital(unit(rows)),
        *_left_out_heading(rows),
    )
    return Table(f"{caption}{against(rows) if held else ''}", columns, bodies, _note(rows, reasons))


def _runs(
    rows: Sequence[Estimate], body: Named | None, held: bool
) -> Iterator[tuple[str, Sequence[Estimate]]]:
    """Runs of rows under one heading; where references differ each has a run of its own."""
    if body is None:
        yield "", rows
        return
    told = held and differ(rows)
    runs: dict[tuple[str, str], list[Estimate]] = {}
    for row in rows:
        against_what = reference(row.reference) if told else ""
        runs.setdefault((body(row), against_what), []).append(row)
    for (title, against_what), own in runs.items():
        yield f"{title}, held against {against_what}" if told else title, own


def _left_out_heading(rows: Sequence[Estimate]) -> tuple[str, ...]:
    """The column of what was left out, where anything was."""
    return ("Left out",) if any(row.left_out for row in rows) else ()


def _note(rows: Sequence[Estimate], reasons: Reasons) -> str:
    """The reasons below a table, and that nothing was left out where no column says so."""
    if _left_out_heading(rows):
        return reasons.note
    return f"{reasons.note}. {_NOTHING}" if reasons.note else _NOTHING


def _people(rows: Sequence[Estimate]) -> bool:
    return all(is_human(row.system) for row in rows)


def _value_line(
    row: Estimate, rows: Sequence[Estimate], name: str, shown: bool, reasons: Reasons
) -> tuple[Cell, ...]:
    return (
        Cell(name),
        *([Cell(reference(row.reference))] if shown else []),
        reasons.cell(written(row, row.value), row),
        Cell(measure(row.metric)),
        interval_cell(row, reasons),
        counted(row.n),
        counted(row.clusters),
        *(left_out_cell(row, reasons) for _ in _left_out_heading(rows)),
    )


def cross_table(
    rows: Sequence[Estimate],
    *,
    caption: str,
    head: str,
    line: Named,
    column: Named,
    body: Named | None = None,
    held: bool = True,
) -> Table:
    """Lines across columns, each cell a value with its interval below.

    Counts stand once a line; where the cells of a line rest on different numbers of
    utterances, each cell says its own. Nothing is hidden: where two estimates fall
    into one cell, the line is there twice.

    Args:
        rows: the estimates, in order.
        caption: what the table shows.
        head: the heading of the first column.
        line: what a line is called.
        column: the heading of an estimate's column, with its unit.
        body: the heading above a run of lines; none by default.
        held: whether a line is of one reference only, named in a column of its own
            where references differ; else the columns must tell references apart.
    """
    reasons = Reasons()
    columns = in_order(column(row) for row in rows)
    told = bool(_left_out_heading(rows))
    runs = list(_runs(rows, body, held))
    shown = held and any(differ(own) for _, own in runs)
    bodies = tuple(
        Body(
            tuple(
                _cross_line(line(own[0]), _cells(own, column), columns, shown, reasons, told)
                for own in _lines(made, line, column, held)
            ),
            title,
            _people(made),
        )
        for title, made in runs
    )
    headings = (
        head,
        *([HELD_AGAINST] if shown else []),
        *columns,
        counted_noun(rows),
        capital(unit(rows)),
        *_left_out_heading(rows),
    )
    return Table(
        f"{caption}{against(rows) if held else ''}", headings, bodies, _note(rows, reasons)
    )


def _lines(
    rows: Sequence[Estimate], line: Named, column: Named, held: bool
) -> Iterator[list[Estimate]]:
    """The rows of each line; a second line of the same name where a cell is taken."""
    taken: dict[tuple[str, str | None, int], list[Estimate]] = {}
    for row in rows:
        again = 0
        name, whose = line(row), row.reference if held else None
        while any(column(row) == column(each) for each in taken.get((name, whose, again), [])):
            again += 1
        taken.setdefault((name, whose, again), []).append(row)
    yield from taken.values()


def _cells(rows: Sequence[Estimate], column: Named) -> dict[str, Estimate]:
    return {column(row): row for row in rows}


def _cross_line(
    name: str,
    cells: dict[str, Estimate],
    columns: Sequence[str],
    shown: bool,
    reasons: Reasons,
    told: bool,
) -> tuple[Cell, ...]:
    first = next(iter(cells.values()))
    same = len({(row.n, row.clusters) for row in cells.values()}) == 1
    lost = {why: number for row in cells.values() for why, number in row.left_out.items()}
    made = []
    for title in columns:
        found = [cells[title]] if title in cells else []
        cell = value_cell(found, reasons)
        if found and not same:
            small = "; ".join(filter(None, (cell.small, f"n {count(found[0].n)}")))
            cell = replace(cell, small=small)
        made.append(cell)
    counts = (counted(first.n), counted(first.clusters)) if same else (_EACH, _EACH)
    return (
        Cell(name),
        *([Cell(reference(first.reference))] if shown else []),
        *made,
        *counts,
        *([left_out_cell(replace(first, left_out=lost), reasons)] if told else []),
    )
