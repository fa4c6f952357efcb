"""What opens the page: the verdict at the chosen temperatures, the curves, how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from rich.table import Table
from rich.text import Text as Line

from equivoice.records import RunRecord
from equivoice.reports import ReportInputs
from equivoice.reports.document import Block, Code, Section, Text
from equivoice.reports.formatting import interval, percent
from equivoice.reports.rows import read_estimates
from equivoice.reports.sections import verdict_section
from equivoice.reports.sweep_sections import readings_block, temperature_section
from equivoice.reports.tables import left_out_table
from equivoice.reports.wording import attribute, metric
from equivoice.studies.zero_shot.scoring import CONVENTIONS, OURS, Scored
from equivoice.studies.zero_shot.tables import AuditTables, Chosen, at_chosen, with_labels

__all__ = ["closing_sections", "opening_sections", "run_inputs", "summary_tables"]


def run_inputs(scored: Scored, tables: AuditTables) -> list[ReportInputs]:
    """All runs as one to be reported on: our estimates at the chosen temperatures."""
    ours = scored.estimates.filter(pl.col("convention") == OURS)
    at = at_chosen(with_labels(ours), tables.chosen)
    selection = [each.as_selection() for each in tables.chosen if each.candidates]
    selection += [choice for run in scored.runs for choice in run.record.selection]
    record = RunRecord(verb="study", config={}, selection=selection)
    findings = [found for each in scored.descriptions.values() for found in each.findings]
    return [ReportInputs("Zero-shot audit", record, at, findings=findings)]


def opening_sections(inputs: Sequence[ReportInputs], tables: AuditTables) -> Iterator[Section]:
    """The verdict, and at which temperatures it stands."""
    yield verdict_section([(each, read_estimates(each.estimates)) for each in inputs])
    yield Section("Where the tables stand", "chosen", tuple(_chosen(tables.chosen)))


def closing_sections(scored: Scored, *, command: str) -> Iterator[Section]:
    """The curves over all temperatures, and the runs that it all comes from."""
    ours = read_estimates(scored.estimates.filter(pl.col("convention") == OURS))
    curves = temperature_section(ours)
    blocks = (*readings_block(ours), *curves.blocks)
    yield Section("Figure 2: temperature", "figure-2", blocks, curves.sections)
    runs = [Text(f"{run.path}: {run.record.command or 'from Python'}") for run in scored.runs]
    made: list[Block] = [Code("Command", command)] if command else []
    if scored.left_out:
        caption = "Left out of the scores by our rules"
        made.append(left_out_table(dict(scored.left_out), caption=caption))
    else:
        made.append(Text("Nothing was left out of the scores by our rules."))
    yield Section("The runs", "runs", (*runs, *made))


def _chosen(chosen: Sequence[Chosen]) -> Iterator[Text]:
    for each in chosen:
        if each.temperature is None:
            continue
        how = (
            "the best on the test data, as was asked for" if each.candidates else "not by its score"
        )
        prompt = f", {each.prompt}" if each.prompt else ""
        yield Text(
            f"{each.system} on {each.corpus}{prompt}: temperature {each.temperature:g}, {how}."
        )


def summary_tables(tables: AuditTables) -> Iterator[Table | Line]:
    """Tables II and IV for the terminal, each number with its interval and what was printed."""
    yield _terminal(tables.table_2, "Macro-F1, %", _who)
    if not tables.table_4.is_empty():
        yield _terminal(
            tables.table_4,
            "Gaps, points",
            lambda row: f"{_who(row)}: {metric(row['measure'])}, {attribute(row['groups'])}",
        )
    if not tables.table_2.is_empty() and not tables.table_2["same_model"].any():
        yield Line("(…) printed for another model than the one that was run here.", style="dim")


def _who(row: Mapping[str, Any]) -> str:
    prompt = f", {row['prompt']}" if row["prompt"] else ""
    return f"{row['system']} on {row['corpus']}{prompt}"


def _terminal(frame: pl.DataFrame, title: str, name: Callable[[Mapping[str, Any]], str]) -> Table:
    """One line a number: by our rules with its interval, by the others, and as printed."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("what", "ours", "interval", "n", "paper", "code", "printed"):
        table.add_column(column, justify="left" if column == "what" else "right")
    lines: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        lines.setdefault(name(row), {})[row["convention"]] = row
    for what, by in lines.items():
        ours = by.get(OURS)
        if ours is not None:
            others = [_value(by.get(convention)) for convention in CONVENTIONS[1:]]
            ends = "none" if ours["low"] is None else interval(ours["low"], ours["high"])
            table.add_row(what, _value(ours), ends, str(ours["n"]), *others, _printed(ours))
    return table


def _value(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return "not defined" if row["value"] is None else percent(row["value"])


def _printed(row: Mapping[str, Any]) -> str:
    if row["printed"] is None:
        return ""
    return f"{row['printed']:.2f}" if row["same_model"] else f"({row['printed']:.2f})"
