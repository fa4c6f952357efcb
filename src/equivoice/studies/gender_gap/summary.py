"""The study for the terminal, and the runs that it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from rich.table import Table

from equivoice.reports.document import Block, Code, Section, Text
from equivoice.reports.formatting import interval, percent, signed
from equivoice.reports.tables import left_out_table
from equivoice.store import RunFolder
from equivoice.studies.gender_gap.measuring import CHANGE
from equivoice.studies.gender_gap.reading import MODALITIES
from equivoice.studies.gender_gap.words import arrow, language

__all__ = ["runs_section", "summary_tables"]

Row = Mapping[str, Any]


def summary_tables(table_2: pl.DataFrame) -> Iterator[Table]:
    """For each system its AVG gap in every cell, in both modalities, and the change."""
    average = table_2.filter(pl.col("metric") == "avg_gap")
    for key, own in average.group_by("system", "prompt", maintain_order=True):
        name = ", ".join(str(each) for each in key if each)
        table = Table(title=f"{name}: AVG gap, points", title_justify="left", box=None)
        for column in ("in", "speech", "with transcript", "change", "n"):
            table.add_column(column, justify="left" if column == "in" else "right", no_wrap=True)
        for (cell, how), rows in own.group_by("cell", "aggregator", maintain_order=True):
            by = {row["modality"]: row for row in rows.iter_rows(named=True)}
            place = f"all, {how}" if how else language(str(cell))
            shown = [_value(by.get(modality)) for modality in MODALITIES]
            count = str(next(iter(by.values()))["n"])
            table.add_row(place, *shown, _change(by.get(CHANGE)), count)
        yield table


def _value(row: Row | None) -> str:
    if row is None:
        return "not asked"
    if row["value"] is None:
        return "not defined"
    ends = "" if row["low"] is None else f" {interval(row['low'], row['high'])}"
    return f"{percent(row['value'])}{ends}"


def _change(row: Row | None) -> str:
    if row is None or row["value"] is None:
        return ""
    ends = "" if row["low"] is None else f" [{signed(row['low'])}, {signed(row['high'])}]"
    return f"{arrow(row['value'])}{ends}"


def runs_section(
    runs: Sequence[RunFolder], left_out: Mapping[str, int], *, command: str = ""
) -> Section:
    """Where it all comes from, and what was left out."""
    blocks: list[Block] = [
        Text(f"{run.path}: {run.record.command or 'from Python'}") for run in runs
    ]
    if command:
        blocks.append(Code("Command", command))
    if left_out:
        blocks.append(left_out_table(dict(left_out), caption="Left out of the tables"))
    else:
        blocks.append(Text("Nothing was left out of the tables."))
    return Section("The runs", "runs", tuple(blocks))
