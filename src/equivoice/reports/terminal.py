"""The verdict and the main table for the terminal, as rich renderables; nothing is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from equivoice.reports.cells import bracketed, written
from equivoice.reports.formatting import count, level
from equivoice.reports.rows import (
    Condition,
    Estimate,
    conditions,
    in_order,
    pick,
    pooled,
    read_estimates,
)
from equivoice.reports.verdict import Statement, statements
from equivoice.reports.wording import CAUSES, attribute, metric, unit

__all__ = ["main_table", "verdict_lines"]

_HEADLINE = ("macro_f1", "unweighted_accuracy", "accuracy")


def verdict_lines(estimates: pl.DataFrame, *, findings: Sequence[Any] = ()) -> Group:
    """What can and what cannot be concluded, one line a sentence, each with its sign.

    Args:
        estimates: a table of ``records.ESTIMATES``.
        findings: what the checks of the corpora found, as for
            :func:`~equivoice.reports.verdict.verdict`.

    Raises:
        SchemaError: the table breaks the schema of estimates.
    """
    rows = read_estimates(estimates)
    made = statements(rows, findings)
    subjects = in_order(each.subject for each in made)
    lines: list[Text | Padding] = []
    for subject in subjects:
        if len(subjects) > 1:
            lines.append(Text(subject, style="bold"))
        lines += [_line(each) for each in made if each.subject == subject]
    if any(row.quantity in ("pair_gap", "gap") for row in rows):
        lines.append(Text(CAUSES, style="dim"))
    return Group(*lines)


def main_table(estimates: pl.DataFrame) -> Table:
    """The main scores, and the signed gaps of the first metric, with their intervals.

    Args:
        estimates: a table of ``records.ESTIMATES``; pooled rows are shown.

    Returns:
        a table of at most some 80 columns of text.

    Raises:
        SchemaError: the table breaks the schema of estimates.

    Example:
        >>> row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 8}
        >>> main_table(pl.DataFrame([row])).row_count
        1
    """
    rows = pooled(read_estimates(estimates))
    parts = conditions(rows)
    levels = {level(row) for row in rows if row.level is not None}
    head = f"{levels.pop()} interval" if len(levels) == 1 else "interval"
    table = Table(caption="per cent; differences in percentage points", caption_justify="left")
    for name in ("what", "value", head, "utterances", unit(rows)):
        table.add_column(name, justify="left" if name == "what" else "right")
    for condition, own in parts.items():
        if len(parts) > 1:
            table.add_section()
            table.add_row(Text(condition.title, style="bold"))
        for row in _shown(own):
            table.add_row(*_cells(row))
    for row in pick(rows, quantity="comparison", label=None):
        if row.metric in _HEADLINE:
            table.add_row(*_cells(row))
    return table


def _shown(rows: Sequence[Estimate]) -> Iterator[Estimate]:
    scores = pick(rows, quantity="score", label=None, group_by=None)
    there = in_order(row.metric for row in scores)
    names = [name for name in _HEADLINE if name in there] or there[:1]
    for name in [*names, *(["coverage"] if "coverage" in there else [])]:
        yield from pick(scores, metric=name)
    for group_by in in_order(row.group_by for row in rows):
        for quantity in ("group_score", "pair_gap"):
            found = pick(rows, quantity=quantity, group_by=group_by, label=None)
            if len(found) and len(in_order(row.groups for row in found)) <= 6:
                yield from [row for row in found if row.metric in names[:1]]


def _cells(row: Estimate) -> tuple[Text, ...]:
    difference = row.quantity in ("pair_gap", "comparison")
    value = written(row, row.value, difference=difference)
    parts = [metric(row.metric), attribute(row.groups or "")]
    if row.quantity == "comparison":
        parts.insert(1, Condition(row.corpus or "", row.system or "").title)
    name = ", ".join(part for part in parts if part)
    if value is None:
        reason = Text(f"not defined: {row.undefined or 'no reason was recorded'}", style="dim")
        return Text(name), reason
    ends = bracketed(row, difference=difference)
    interval = Text("no interval", style="dim") if ends is None else Text(ends)
    return Text(name), Text(value), interval, Text(count(row.n)), Text(count(row.clusters))


def _line(statement: Statement) -> Padding:
    sign, style = ("✓ ", "green") if statement.supported else ("? ", "yellow")
    return Padding(Text.assemble((sign, style), statement.text), (0, 0, 0, 1))
