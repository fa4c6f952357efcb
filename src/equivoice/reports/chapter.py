"""The sections of one condition: groups, emotions, confusions, folds, utterances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from equivoice.reports.beside_people import Parts, people_blocks
from equivoice.reports.class_tables import class_table, confusion_table, folds_table
from equivoice.reports.document import Block, Facts, Figure, Folded, Section, Text
from equivoice.reports.drawing import (
    HEADLINE,
    difference_blocks,
    drawn_metrics,
    folded,
    legend,
    lines_of,
    metrics_of,
    told,
)
from equivoice.reports.figures import ForestRow, forest
from equivoice.reports.formatting import capital, count
from equivoice.reports.hardest import Players, hardest_clips
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.references import against
from equivoice.reports.rows import Condition, Estimate, fold_names, in_order, pick, pooled
from equivoice.reports.tables import aggregated_table, class_gaps_table, groups_table, pairs_table
from equivoice.reports.terms import GIVEN, reference
from equivoice.reports.wording import attribute, metric, term

__all__ = ["Chapter", "chapter_sections"]

_CHOSEN_GAPS = (
    *HEADLINE,
    "statistical_parity",
    "equal_opportunity",
    "overall_accuracy_equality",
    "equalised_odds",
    "avg_gap",
)
_MOST_PAIRS_BY_CLASS = 3
_FLOOR_LEGEND = (
    (
        "Line: interval. Upright dashed stroke: the noise floor, to be expected if the groups did "
        "not differ."
    ),
)


@dataclass(frozen=True)
class Chapter:
    """One condition of one run, with all its rows and the run it comes from.

    Args:
        condition: the condition.
        rows: its rows about single labels, by fold and pooled.
        source: the run.
        people: the conditions of people in the same run, with their pooled rows.
        test_set: which runs it may share a table with; empty where it may with all.
    """

    condition: Condition
    rows: tuple[Estimate, ...]
    source: ReportInputs
    people: Parts = field(default_factory=dict)
    test_set: str = ""

    @property
    def pooled(self) -> list[Estimate]:
        """The rows over all folds."""
        return pooled(self.rows)


def chapter_sections(
    part: Chapter, prefix: str, *, players: Players, clips: int
) -> tuple[Section, ...]:
    """The sections of one condition: groups, classes, confusions, folds, utterances.

    Args:
        part: the condition.
        prefix: what the anchors begin with.
        players: whether utterances can be heard.
        clips: how many of the hardest utterances are listed.
    """
    rows = part.pooled
    made = [
        Section(f"By {attribute(by)}", f"{prefix}group-{at}", tuple(_grouping(part, rows, by)))
        for at, by in enumerate(in_order(row.group_by for row in rows))
    ]
    made.append(Section("Each emotion", f"{prefix}classes", tuple(_class_blocks(rows))))
    made.append(Section("Confusions", f"{prefix}confusions", tuple(_confusion_blocks(rows))))
    made.append(Section("Each fold", f"{prefix}folds", tuple(_fold_blocks(part.rows))))
    heard = tuple(_hardest_blocks(part, players, clips))
    made.append(Section("Hardest utterances", f"{prefix}hardest", heard))
    return tuple(section for section in made if not section.empty)


def _grouping(part: Chapter, rows: Sequence[Estimate], group_by: str) -> Iterator[Block]:
    yield from _group_blocks(rows, group_by)
    if not part.condition.people:
        yield from people_blocks(part.condition, rows, part.people, group_by)


def _group_blocks(rows: Sequence[Estimate], group_by: str) -> Iterator[Block]:
    own = [row for row in rows if row.group_by == group_by]
    scores = pick(own, quantity="group_score", label=None)
    pairs = pick(own, quantity="pair_gap", label=None)
    if scores:
        main, further = metrics_of(scores)
        yield _scores_forest(scores, group_by)
        yield folded(groups_table(rows, group_by, main))
        if further:
            table = groups_table(rows, group_by, further)
            yield Folded(f"{table.caption}: further metrics", (table,), long=True)
        yield from _lowest(own, main)
    if pairs:
        main, further = metrics_of(pairs)
        yield from difference_blocks(
            pairs,
            pairs_table(rows, group_by, main),
            f"Differences by {attribute(group_by)}, first minus second, in points{against(pairs)}",
            name=_groups,
        )
        if further:
            table = pairs_table(rows, group_by, further)
            yield Folded(f"{table.caption}: further metrics", (table,), long=True)
    elif scores:
        groups = in_order(row.groups for row in scores)
        yield Text(f"No differences: {count(len(groups), 'group')} with scores.")
    yield from _aggregated_blocks(pick(own, quantity="gap", label=None), group_by)
    yield from _class_gap_blocks(rows, group_by)


def _lowest(rows: Sequence[Estimate], metrics: Sequence[str]) -> Iterator[Facts]:
    """The group with the lowest score, by metric; where there are more than two groups."""
    if len(in_order(row.groups for row in pick(rows, quantity="group_score"))) < 3:
        return
    found = [row for name in metrics for row in pick(rows, quantity="worst_group", metric=name)]
    facts = [
        (f"lowest {metric(row.metric)}", (f"{attribute(row.groups or '')}: {told(row)}",))
        for row in found
    ]
    if facts:
        yield Facts(tuple(facts))


def _class_gap_blocks(rows: Sequence[Estimate], group_by: str) -> Iterator[Block]:
    """Differences within each emotion; of many pairs the table would bury the page."""
    own = pick(rows, quantity="pair_gap", group_by=group_by)
    pairs = in_order(row.groups for row in own if row.label is not None)
    if len(pairs) > _MOST_PAIRS_BY_CLASS:
        yield Text(
            f"Differences within each emotion, of {count(len(pairs), 'pair')} of groups, stand in "
            "estimates.parquet (quantity pair_gap, column class).",
            quiet=True,
        )
    elif pairs:
        table = class_gaps_table(rows, group_by)
        yield Folded(table.caption, (table,), long=True)


def _scores_forest(scores: Sequence[Estimate], group_by: str) -> Figure:
    groups = in_order(row.groups for row in scores)
    lines: list[ForestRow] = []
    for name in drawn_metrics(scores, len(groups)):
        found = [(attribute(row.groups or ""), row) for row in pick(scores, metric=name)]
        lines += lines_of(found, heading=capital(metric(name)))
    title = f"Scores by {attribute(group_by)}, in per cent{against(scores)}"
    return forest(lines, title=title, difference=False, key=legend(lines))


def _groups(row: Estimate) -> str:
    return attribute(row.groups or "")


def _aggregated_blocks(gaps: Sequence[Estimate], group_by: str) -> Iterator[Block]:
    """Unsigned gaps: a choice as figure and table, then all of them."""
    chosen = [row for name in _CHOSEN_GAPS for row in pick(gaps, metric=name) if _is_chosen(row)]
    lines = [
        ForestRow(
            capital(metric(row.metric)),
            told(row),
            row.value,
            row.low,
            row.high,
            floor=row.noise_floor,
            full=row.has_interval,
        )
        for row in chosen
    ]
    if any(line.value is not None for line in lines):
        title = (
            f"Aggregated gaps by {attribute(group_by)}, in points: the largest pair of groups; "
            "where a gap has a value for each emotion, their mean"
        )
        yield forest(lines, title=title, difference=True, key=_FLOOR_LEGEND)
    if chosen:
        yield aggregated_table(chosen, group_by)
    if len(gaps) > len(chosen):
        table = aggregated_table(gaps, group_by)
        yield Folded(f"{table.caption}: every gap under every aggregator", (table,), long=True)


def _is_chosen(row: Estimate) -> bool:
    """Whether an aggregated gap is shown at once: a choice that fits a page."""
    return (
        term(row.metric).percent
        and row.group_aggregator == "max"
        and row.class_aggregator in (None, "mean")
    )


def _class_blocks(rows: Sequence[Estimate]) -> Iterator[Block]:
    table = class_table(rows)
    if not table.bodies[0].rows:
        return
    recalls = [row for row in pick(rows, quantity="score", metric="recall") if row.label]
    lines = lines_of([(row.label or "", row) for row in recalls], heading="")
    if lines:
        title = "Recall of each emotion, in per cent"
        yield forest(lines, title=title, difference=False, key=legend(lines))
    yield table


def _confusion_blocks(rows: Sequence[Estimate]) -> Iterator[Block]:
    cells = pick(rows, quantity="confusion")
    overall = pick(cells, group_by=None)
    if overall:
        yield confusion_table(overall, caption="All speakers")
    for group_by in in_order(row.group_by for row in cells):
        own = pick(cells, group_by=group_by)
        tables = tuple(
            confusion_table(pick(own, groups=group), caption=attribute(group))
            for group in in_order(row.groups for row in own)
        )
        yield Folded(f"Confusions by {attribute(group_by)}", tables)


def _fold_blocks(rows: Sequence[Estimate]) -> Iterator[Block]:
    if len(fold_names(rows)) < 2:
        return
    there = in_order(row.metric for row in rows if row.quantity == "score" and row.label is None)
    metrics = [name for name in HEADLINE if name in there] or there[:1]
    if metrics:
        yield folds_table(rows, metrics)
        yield Text(
            "A fold in which a comparison is not defined still counts in the pooled numbers above.",
            quiet=True,
        )


def _hardest_blocks(part: Chapter, players: Players, most: int) -> Iterator[Block]:
    source = part.source
    if source.predictions is None or source.utterances is None:
        return
    predictions = source.predictions
    if part.condition.people:
        return
    if part.condition.system and "system" in predictions.columns:
        predictions = predictions.filter(predictions["system"] == part.condition.system)
    temperatures = {row.temperature for row in part.rows}
    if None not in temperatures and "temperature" in predictions.columns:
        predictions = predictions.filter(predictions["temperature"].is_in(list(temperatures)))
    utterances = _with_labels(part)
    if utterances is None:
        yield Text(
            f"Answers were held against {reference(part.condition.reference)}; the labels of single "
            "utterances are not at hand, so none are listed."
        )
        return
    if part.condition.corpus not in ("", "all") and "corpus" in utterances.columns:
        utterances = utterances.filter(utterances["corpus"] == part.condition.corpus)
    clips = hardest_clips(predictions, utterances, source.cards, players=players, most=most)
    if clips.clips:
        yield Text(
            "Answered wrongly most often, then with most certainty. They are examples, not a "
            "sample: nothing follows from them about groups."
        )
        yield clips


def _with_labels(part: Chapter) -> pl.DataFrame | None:
    """The utterances with the labels that answers were held against, where these are at hand."""
    utterances, labels = part.source.utterances, part.source.labels
    if part.condition.reference in ("", GIVEN) or utterances is None:
        return utterances
    if labels is None:
        return None
    own = labels.select("utterance_id", "emotion")
    return utterances.drop("emotion", strict=False).join(own, on="utterance_id")
