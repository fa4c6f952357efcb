"""The sections over all systems: verdict, scores, systems compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from equivoice.reports.chapter import Chapter
from equivoice.reports.document import Block, Figure, Folded, Section, Statements, Text
from equivoice.reports.drawing import (
    HEADLINE,
    LEGEND,
    difference_blocks,
    lines_of,
    metrics_of,
)
from equivoice.reports.figures import ForestRow, ParetoPoint, forest, pareto
from equivoice.reports.formatting import capital
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.rows import (
    Condition,
    Estimate,
    conditions,
    in_order,
    pick,
    primary_metric,
)
from equivoice.reports.sweep_sections import readings_block
from equivoice.reports.sweeps import at_main_temperature
from equivoice.reports.tables import compared_where, comparison_table, scores_table
from equivoice.reports.verdict import statements
from equivoice.reports.wording import CAUSES, attribute, metric

__all__ = ["Run", "chapters", "comparisons_section", "scores_section", "verdict_section"]

Run = tuple[ReportInputs, tuple[Estimate, ...]]
"""What a report is made from, and the rows of its estimates."""


def chapters(runs: Sequence[Run]) -> list[Chapter]:
    """The conditions of all runs; with several runs each names its run."""
    found = []
    for each, rows in runs:
        for condition, own in conditions(at_main_temperature(rows)).items():
            named = condition if len(runs) == 1 else _in_run(condition, each)
            found.append(Chapter(named, tuple(own), each))
    return found


def _in_run(condition: Condition, inputs: ReportInputs) -> Condition:
    return replace(condition, settings=(*condition.settings, ("run", inputs.title)))


def verdict_section(runs: Sequence[Run]) -> Section:
    """What can and what cannot be concluded, one subject after the other."""
    blocks: list[Block] = []
    for each, rows in runs:
        made = statements(rows, each.findings, each.record.selection)
        for subject in in_order(statement.subject for statement in made):
            own = [statement for statement in made if statement.subject == subject]
            blocks.append(
                Statements(
                    f"{subject}, run {each.title}" if len(runs) > 1 else subject,
                    tuple(statement.text for statement in own if statement.supported),
                    tuple(statement.text for statement in own if not statement.supported),
                )
            )
    if not blocks:
        blocks.append(Text("There are no estimates, so nothing can be concluded."))
    if any(row.group_by for _, rows in runs for row in rows):
        blocks = _with_causes(blocks)
    return Section("What can be concluded", "verdict", tuple(blocks))


def _with_causes(blocks: list[Block]) -> list[Block]:
    """That no causes can be concluded: in the only card there is, or below all of them."""
    only = blocks[0] if len(blocks) == 1 else None
    if isinstance(only, Statements):
        return [replace(only, cannot=(*only.cannot, CAUSES))]
    return [*blocks, Text(CAUSES)]


def scores_section(parts: Sequence[Chapter]) -> Section:
    """Main scores of all systems, corpus by corpus, and the systems side by side."""
    blocks: list[Block] = list(readings_block([row for part in parts for row in part.rows]))
    for corpus in in_order(part.condition.corpus for part in parts):
        own = {part.condition: part.pooled for part in parts if part.condition.corpus == corpus}
        if len(own) > 1:
            blocks.append(_systems_forest(own, corpus))
        place = f" on {corpus}" if corpus and corpus != "all" else ""
        blocks.append(scores_table(own, caption=f"Scores{place}"))
        blocks += _paretos(own, place)
    return Section("Scores", "scores", tuple(blocks))


def comparisons_section(comparisons: Sequence[Estimate]) -> Section:
    """Systems against each other on the same utterances: overall, by group, by emotion."""
    overall = [row for row in comparisons if row.label is None]
    blocks: list[Block] = []
    for group_by in dict.fromkeys(row.group_by for row in overall):
        own = pick(overall, group_by=group_by)
        main, further = metrics_of(own)
        within = f" within groups by {attribute(group_by)}" if group_by else ""
        blocks += difference_blocks(
            own,
            comparison_table([row for name in main for row in pick(own, metric=name)]),
            f"Differences between systems{within}, first minus second, in points",
            name=partial(compared_where, rows=own),
        )
        if further:
            table = comparison_table([row for name in further for row in pick(own, metric=name)])
            blocks.append(Folded(f"{table.caption}{within}: further metrics", (table,), long=True))
    by_class = [row for row in comparisons if row.label is not None and row.group_by is None]
    if by_class:
        table = comparison_table(by_class)
        blocks.append(Folded(f"{table.caption}: each emotion", (table,), long=True))
    return Section("Systems compared", "comparisons", tuple(blocks))


def _systems_forest(parts: dict[Condition, list[Estimate]], corpus: str) -> Figure:
    rows: list[ForestRow] = []
    names = in_order(row.metric for own in parts.values() for row in own)
    for name in [name for name in HEADLINE if name in names]:
        found = [
            (condition.short, row)
            for condition, own in parts.items()
            for row in pick(own, quantity="score", metric=name, label=None)
        ]
        rows += lines_of(found, heading=capital(metric(name)))
    title = f"Scores of the systems on {corpus or 'the corpus'}, in per cent"
    return forest(rows, title=title, difference=False, key=(LEGEND,))


def _paretos(parts: dict[Condition, list[Estimate]], place: str) -> Iterator[Figure]:
    """One Pareto plot a grouping, where two systems or more have score and gap."""
    every = [row for rows in parts.values() for row in rows]
    name = primary_metric(every)
    for group_by in in_order(row.group_by for row in every):
        points = [
            point
            for condition, rows in parts.items()
            if (point := _pareto_point(condition, rows, name, group_by)) is not None
        ]
        if name is not None and len(points) > 1:
            yield pareto(
                points,
                score=metric(name),
                gap=f"largest {attribute(group_by)} gap",
                title=f"{capital(metric(name))} against its largest gap by "
                f"{attribute(group_by)}{place}",
            )


def _pareto_point(
    condition: Condition, rows: Sequence[Estimate], name: str | None, group_by: str
) -> ParetoPoint | None:
    scores = pick(rows, quantity="score", metric=name, label=None)
    gaps = pick(rows, quantity="gap", metric=name, group_by=group_by, group_aggregator="max")
    if not scores or not gaps or scores[0].value is None or gaps[0].value is None:
        return None
    return ParetoPoint(
        condition.short,
        gaps[0].value,
        scores[0].value,
        _ends(gaps[0]),
        _ends(scores[0]),
    )


def _ends(row: Estimate) -> tuple[float, float] | None:
    return None if row.low is None or row.high is None else (row.low, row.high)
