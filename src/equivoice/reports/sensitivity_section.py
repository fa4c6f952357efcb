"""How much scores hang on the prompt and on the order of the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from equivoice.reports.cells import Reasons, counted, interval_cell, written
from equivoice.reports.document import Block, Body, Cell, Section, Table, Text
from equivoice.reports.formatting import capital
from equivoice.reports.rows import Estimate
from equivoice.reports.wording import metric

__all__ = ["sensitivity_section"]

_FACTORS = {"prompt": "the prompt", "label_order": "the order of the labels"}
_KEPT = ("value", "low", "high", "level", "method", "unit", "n", "clusters", "noise_floor")

Row = Mapping[str, Any]


def sensitivity_section(rows: pl.DataFrame | None) -> Section:
    """Ranges of scores over prompts and label orders, and how many labels change.

    Args:
        rows: of :func:`equivoice.evaluation.sensitivity.sensitivity`, with the further
            columns ``corpus`` and ``temperature``; ``None`` where nothing was varied.
    """
    blocks: list[Block] = []
    if rows is not None and not rows.is_empty():
        blocks.append(
            Text(
                "The same utterances, asked in several ways. What should not matter should change "
                "nothing; the noise floor is the range to be expected if it did not matter."
            )
        )
        for (factor, corpus, temperature), own in rows.group_by(
            "factor", "corpus", "temperature", maintain_order=True
        ):
            at = "" if temperature is None else f", temperature {temperature:g}"
            name = _FACTORS.get(str(factor), str(factor))
            blocks.append(_table(own, f"Sensitivity to {name} on {corpus}{at}"))
    return Section("Prompt and label order", "sensitivity", tuple(blocks))


def _table(rows: pl.DataFrame, caption: str) -> Table:
    reasons = Reasons()
    bodies = tuple(
        Body(tuple(_lines(own, reasons)), str(system or "the predictions"))
        for (system,), own in rows.group_by("system", maintain_order=True)
    )
    columns = ("What", "Value", "Interval", "Noise floor", "Items", "Speakers")
    return Table(caption, columns, bodies, reasons.note)


def _lines(rows: pl.DataFrame, reasons: Reasons) -> Iterator[tuple[Cell, ...]]:
    for row in rows.iter_rows(named=True):
        what = _what(row)
        if what is None:
            continue
        given = {name: row[name] for name in _KEPT}
        estimate = Estimate(
            "score", row["metric"] or "changed", undefined=row["undefined"], **given
        )
        floor = written(estimate, estimate.noise_floor)
        yield (
            Cell(what),
            reasons.cell(written(estimate, estimate.value), estimate),
            interval_cell(estimate, reasons),
            Cell("does not apply", quiet=True) if floor is None else Cell(floor, number=True),
            counted(estimate.n),
            counted(estimate.clusters),
        )


def _what(row: Row) -> str | None:
    """What a row is about, in words; single variants stand in the tables of scores."""
    if row["quantity"] == "range":
        return f"Range of {metric(row['metric'])}, points"
    if row["quantity"] == "sd":
        return f"Standard deviation of {metric(row['metric'])}, points"
    if row["quantity"] == "score" and row["factor"] != "label_order":
        return f"{capital(metric(row['metric']))}, {row['variant']}, %"
    if row["quantity"] == "changed":
        return "Labels that change, %"
    return None
