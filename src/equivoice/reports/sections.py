"""The sections over all systems: verdict, scores, systems compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from equivoice.reports.chapter import Chapter
from equivoice.reports.document import Block, Figure, Folded, Section, Statements, Text
from equivoice.reports.drawing import (
    HEADLINE,
    difference_blocks,
    legend,
    lines_of,
    metrics_of,
)
from equivoice.reports.figures import ForestRow, ParetoPoint, forest, pareto
from equivoice.reports.formatting import capital
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.kinds import of_labels
from equivoice.reports.references import against, differ
from equivoice.reports.rows import (
    Condition,
    Estimate,
    conditions,
    in_order,
    pick,
    pooled,
    primary_metric,
)
from equivoice.reports.side_by_side import kept_apart, set_apart
from equivoice.reports.sweep_sections import readings_block
from equivoice.reports.sweeps import at_main_temperature
from equivoice.reports.tables import MAIN_SCORES, compared_where, comparison_table, scores_table
from equivoice.reports.terms import ANNOTATOR_AWARE, reference
from equivoice.reports.verdict import limits, statements
from equivoice.reports.wording import CREDITED, PEOPLE, attribute, metric

__all__ = ["Run", "chapters", "comparisons_section", "scores_section", "verdict_section"]

_MANY_SYSTEMS = 6
Run = tuple[ReportInputs, tuple[Estimate, ...]]
"""What a report is made from, and the rows of its estimates."""


def chapters(runs: Sequence[Run]) -> list[Chapter]:
    """The conditions of all runs, systems before people; with several runs each names its run."""
    apart = kept_apart(runs)
    found = []
    for each, rows in runs:
        parts = conditions(of_labels(at_main_temperature(rows)))
        people = {condition: pooled(own) for condition, own in parts.items() if condition.people}
        for condition, own in parts.items():
            named = condition if len(runs) == 1 else _in_run(condition, each)
            alone = set_apart(apart, condition.corpus, each.title)
            found.append(Chapter(named, tuple(own), each, people, alone))
    return sorted(found, key=lambda part: part.condition.people)


def _in_run(condition: Condition, inputs: ReportInputs) -> Condition:
    return replace(condition, settings=(*condition.settings, ("run", inputs.title)))


def verdict_section(runs: Sequence[Run]) -> Section:
    """What can and what cannot be concluded, one subject after the other."""
    loud = tuple(each.statement.text for each in kept_apart(runs) if each.separate)
    blocks: list[Block] = [Statements("Runs that cannot be compared", (), loud)] if loud else []
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
    every = [row for _, rows in runs for row in rows]
    for sentence in limits(every):
        blocks = _with_sentence(blocks, sentence)
    return Section("What can be concluded", "verdict", tuple(blocks))


def _with_sentence(blocks: list[Block], sentence: str) -> list[Block]:
    """What holds for all of them: in the only card there is, or below all of them."""
    only = blocks[0] if len(blocks) == 1 else None
    if isinstance(only, Statements):
        return [replace(only, cannot=(*only.cannot, sentence))]
    return [*blocks, Text(sentence)]


def scores_section(parts: Sequence[Chapter]) -> Section:
    """Main scores of all systems, corpus by corpus, and the systems side by side.

    Runs that were not scored on the same utterances against the same reference never
    share a table or a figure.
    """
    blocks: list[Block] = list(readings_block([row for part in parts for row in part.rows]))
    if any(part.test_set for part in parts):
        blocks.append(
            Text(
                "Runs on different utterances or against different references stand in tables of "
                "their own. They must not be compared."
            )
        )
    for corpus, alone in dict.fromkeys((part.condition.corpus, part.test_set) for part in parts):
        own = {
            part.condition: part.pooled
            for part in parts
            if (part.condition.corpus, part.test_set) == (corpus, alone)
        }
        place = f" on {corpus}" if corpus and corpus != "all" else ""
        place += f", {alone}" if alone else ""
        if len(own) > 1:
            blocks.append(_systems_forest(own, place))
        blocks += _scores_tables(own, f"Scores{place}")
        if any(condition.people for condition in own):
            blocks.append(Text(PEOPLE, quiet=True))
        blocks += _paretos(own, place)
    return Section("Scores", "scores", tuple(blocks))


def _scores_tables(parts: dict[Condition, list[Estimate]], caption: str) -> Iterator[Block]:
    """All scores in one table; of many conditions the further metrics are folded away."""
    if len(parts) <= _MANY_SYSTEMS:
        yield scores_table(parts, caption=caption)
        return
    yield scores_table(parts, caption=caption, only=MAIN_SCORES)
    further = {row.metric for rows in parts.values() for row in rows} - set(MAIN_SCORES)
    table = scores_table(parts, caption=f"{caption}, further metrics", only=sorted(further))
    if any(body.rows for body in table.bodies):
        yield Folded(table.caption, (table,), long=True)


def comparisons_section(comparisons: Sequence[Estimate]) -> Section:
    """Systems against each other on the same utterances: overall, by group, by emotion."""
    overall = [row for row in comparisons if row.label is None]
    blocks: list[Block] = []
    if any(row.metric in ANNOTATOR_AWARE for row in comparisons):
        blocks.append(Text(CREDITED))
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


def _systems_forest(parts: dict[Condition, list[Estimate]], place: str) -> Figure:
    rows: list[ForestRow] = []
    names = [
        name
        for name in HEADLINE
        if any(row.metric == name for own in parts.values() for row in own)
    ]
    shown = names if len(parts) <= _MANY_SYSTEMS else names[:1]
    drawn = [row for own in parts.values() for row in own if row.metric in shown]
    apart = differ(pick(drawn, quantity="score", label=None))
    for name in shown:
        found = [
            (condition.name, row)
            for condition, own in parts.items()
            for row in pick(own, quantity="score", metric=name, label=None)
        ]
        rows += lines_of(found, heading=capital(metric(name)), held=apart)
    end = "" if apart else against(drawn)
    people = sum(each.people for each in parts)
    who = "the systems and of people" if people else "the systems"
    who = "people" if people == len(parts) else who
    title = f"Scores of {who}{place or ' on the corpus'}, in per cent{end}"
    return forest(rows, title=title, difference=False, key=legend(rows))


def _paretos(parts: dict[Condition, list[Estimate]], place: str) -> Iterator[Figure]:
    """One Pareto plot a grouping, where two systems or more have score and gap.

    Systems that were held against different references have plots of their own; people
    stand in each, as squares and outside of any order.
    """
    every = [row for rows in parts.values() for row in rows]
    name = primary_metric(every)
    held = dict.fromkeys(each.reference for each in parts if not each.people)
    if name is None:
        return
    for group_by in in_order(row.group_by for row in every):
        for reference_name in held:
            own = {
                condition: rows
                for condition, rows in parts.items()
                if condition.people or condition.reference == reference_name
            }
            points = [
                point
                for condition, rows in own.items()
                if (point := _pareto_point(condition, rows, name, group_by)) is not None
            ]
            if sum(not point.people for point in points) > 1:
                yield _pareto(points, name, group_by, place, reference_name)


def _pareto(
    points: Sequence[ParetoPoint], name: str, group_by: str, place: str, held: str
) -> Figure:
    by = attribute(group_by)
    end = f", held against {reference(held)}" if held else ""
    return pareto(
        points,
        score=metric(name),
        gap=f"largest {by} gap",
        title=f"{capital(metric(name))} against its largest gap by {by}{place}{end}",
    )


def _pareto_point(
    condition: Condition, rows: Sequence[Estimate], name: str | None, group_by: str
) -> ParetoPoint | None:
    scores = pick(rows, quantity="score", metric=name, label=None)
    gaps = pick(rows, quantity="gap", metric=name, group_by=group_by, group_aggregator="max")
    if not scores or not gaps or scores[0].value is None or gaps[0].value is None:
        return None
    return ParetoPoint(
        condition.short if condition.people else condition.name,
        gaps[0].value,
        scores[0].value,
        _ends(gaps[0]),
        _ends(scores[0]),
        condition.people,
    )


def _ends(row: Estimate) -> tuple[float, float] | None:
    return None if row.low is None or row.high is None else (row.low, row.high)
