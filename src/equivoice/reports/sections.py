"""The sections of a report, from the rows of the estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from equivoice.reports.document import (
    Block,
    Facts,
    Figure,
    Folded,
    Section,
    Statements,
    Table,
    Text,
)
from equivoice.reports.figures import ForestRow, ParetoPoint, forest, pareto
from equivoice.reports.formatting import count, interval
from equivoice.reports.hardest import Players, hardest_clips
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.rows import (
    Condition,
    Estimate,
    conditions,
    fold_names,
    in_order,
    pick,
    pooled,
    primary_metric,
)
from equivoice.reports.tables import (
    aggregated_table,
    class_gaps_table,
    class_table,
    comparison_table,
    confusion_table,
    folds_table,
    groups_table,
    pairs_table,
    scores_table,
    written,
)
from equivoice.reports.verdict import statements
from equivoice.reports.wording import (
    CAUSES,
    attribute,
    metric,
    term,
)

__all__ = ["Chapter", "Run", "chapter_sections", "chapters", "scores_section", "verdict_section"]

_HEADLINE = ("macro_f1", "unweighted_accuracy", "accuracy")
_CHOSEN_GAPS = (
    *_HEADLINE,
    "statistical_parity",
    "equal_opportunity",
    "overall_accuracy_equality",
    "equalised_odds",
    "avg_gap",
)
_MANY_LINES = 12
_MOST_PAIRS_BY_CLASS = 3
_LONG_TABLE = 18
_LEGEND = "Line: interval. Dot: estimate; a hollow dot has no interval."
_GAP_LEGEND = (
    (
        "Line: interval. Filled dot: the interval lies on one side of zero. Hollow dot: it does not, "
        "or there is none."
    ),
    "Grey band: differences this small could not have been seen reliably.",
)
_FLOOR_LEGEND = (
    (
        "Line: interval. Upright dashed stroke: the noise floor, to be expected if the groups did "
        "not differ."
    ),
)


Run = tuple[ReportInputs, tuple[Estimate, ...]]
"""What a report is made from, and the rows of its estimates."""


@dataclass(frozen=True)
class Chapter:
    """One condition of one run, with all its rows and the run it comes from."""

    condition: Condition
    rows: tuple[Estimate, ...]
    source: ReportInputs

    @property
    def pooled(self) -> list[Estimate]:
        """The rows over all folds."""
        return pooled(self.rows)


def chapters(runs: Sequence[Run]) -> list[Chapter]:
    """The conditions of all runs; with several runs each names its run."""
    found = []
    for each, rows in runs:
        for condition, own in conditions(rows).items():
            named = condition if len(runs) == 1 else _in_run(condition, each)
            found.append(Chapter(named, tuple(own), each))
    return found


def _in_run(condition: Condition, inputs: ReportInputs) -> Condition:
    return replace(condition, settings=(*condition.settings, ("run", inputs.title)))


def verdict_section(runs: Sequence[Run]) -> Section:
    """What can and what cannot be concluded, one subject after the other."""
    blocks: list[Block] = []
    for each, rows in runs:
        made = statements(rows, each.findings)
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


def scores_section(parts: Sequence[Chapter], comparisons: Sequence[Estimate]) -> Section:
    """Main scores of all systems, corpus by corpus, and the systems side by side."""
    blocks: list[Block] = []
    for corpus in in_order(part.condition.corpus for part in parts):
        own = {part.condition: part.pooled for part in parts if part.condition.corpus == corpus}
        if len(own) > 1:
            blocks.append(_systems_forest(own, corpus))
        place = f" on {corpus}" if corpus and corpus != "all" else ""
        blocks.append(scores_table(own, caption=f"Scores{place}"))
        blocks += _paretos(own, place)
    if comparisons:
        blocks += _difference_blocks(
            comparisons,
            comparison_table(comparisons),
            "Differences between systems, in points",
            name=_systems,
        )
    return Section("Scores", "scores", tuple(blocks))


def _systems_forest(parts: dict[Condition, list[Estimate]], corpus: str) -> Figure:
    rows: list[ForestRow] = []
    names = in_order(row.metric for own in parts.values() for row in own)
    for name in [name for name in _HEADLINE if name in names]:
        found = [
            (condition.short, row)
            for condition, own in parts.items()
            for row in pick(own, quantity="score", metric=name, label=None)
        ]
        rows += _lines(found, heading=_capital(metric(name)))
    title = f"Scores of the systems on {corpus or 'the corpus'}, in per cent"
    return forest(rows, title=title, difference=False, key=(_LEGEND,))


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
                title=f"{_capital(metric(name))} against its largest gap by "
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
        Section(f"By {attribute(by)}", f"{prefix}group-{at}", tuple(_group_blocks(rows, by)))
        for at, by in enumerate(in_order(row.group_by for row in rows))
    ]
    made.append(Section("Each emotion", f"{prefix}classes", tuple(_class_blocks(rows))))
    made.append(Section("Confusions", f"{prefix}confusions", tuple(_confusion_blocks(rows))))
    made.append(Section("Each fold", f"{prefix}folds", tuple(_fold_blocks(part.rows))))
    heard = tuple(_hardest_blocks(part, players, clips))
    made.append(Section("Hardest utterances", f"{prefix}hardest", heard))
    return tuple(section for section in made if not section.empty)


def _group_blocks(rows: Sequence[Estimate], group_by: str) -> Iterator[Block]:
    own = [row for row in rows if row.group_by == group_by]
    scores = pick(own, quantity="group_score", label=None)
    pairs = pick(own, quantity="pair_gap", label=None)
    if scores:
        main, further = _metrics_of(scores)
        yield _scores_forest(scores, group_by)
        yield _folded(groups_table(rows, group_by, main))
        if further:
            table = groups_table(rows, group_by, further)
            yield Folded(f"{table.caption}: further metrics", (table,), long=True)
        yield from _lowest(own, main)
    if pairs:
        main, further = _metrics_of(pairs)
        yield from _difference_blocks(
            pairs,
            pairs_table(rows, group_by, main),
            f"Differences by {attribute(group_by)}, first minus second, in points",
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
    found = [row for row in pick(rows, quantity="worst_group") if row.metric in metrics]
    facts = [
        (f"lowest {metric(row.metric)}", (f"{attribute(row.groups or '')}: {_told(row)}",))
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
    for name in _headline(scores, len(groups)):
        found = [(attribute(row.groups or ""), row) for row in pick(scores, metric=name)]
        lines += _lines(found, heading=_capital(metric(name)))
    title = f"Scores by {attribute(group_by)}, in per cent"
    return forest(lines, title=title, difference=False, key=(_LEGEND,))


def _metrics_of(rows: Sequence[Estimate]) -> tuple[list[str], list[str]]:
    """The headline metrics among the rows, and the further ones."""
    there = in_order(row.metric for row in rows)
    main = [name for name in _HEADLINE if name in there] or there[:1]
    return main, [name for name in there if name not in main]


def _headline(rows: Sequence[Estimate], lines_each: int) -> list[str]:
    """The metrics to draw: the headline ones, or the first alone where lines are many."""
    names, _ = _metrics_of(rows)
    return names if lines_each * len(names) <= _MANY_LINES else names[:1]


def _difference_blocks(
    rows: Sequence[Estimate], table: Table, title: str, *, name: Callable[[Estimate], str]
) -> Iterator[Block]:
    """Forest plot and table of signed differences."""
    labels = in_order(name(row) for row in rows)
    lines: list[ForestRow] = []
    for drawn in _headline(rows, len(labels)):
        found = [(name(row), row) for row in pick(rows, metric=drawn)]
        lines += _lines(found, heading=_capital(metric(drawn)), difference=True)
    if any(line.value is not None for line in lines):
        yield forest(lines, title=title, difference=True, key=_GAP_LEGEND)
    yield _folded(table)


def _groups(row: Estimate) -> str:
    return attribute(row.groups or "")


def _systems(row: Estimate) -> str:
    return row.system or "first − second"


def _aggregated_blocks(gaps: Sequence[Estimate], group_by: str) -> Iterator[Block]:
    """Unsigned gaps: a choice as figure and table, then all of them."""
    chosen = [row for row in gaps if _is_chosen(row)]
    lines = [
        ForestRow(
            _capital(metric(row.metric)),
            _told(row),
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
        and row.metric in _CHOSEN_GAPS
        and row.group_aggregator == "max"
        and row.class_aggregator in (None, "mean")
    )


def _lines(
    found: Sequence[tuple[str, Estimate]], *, heading: str, difference: bool = False
) -> list[ForestRow]:
    """Lines of a forest plot; the heading stands above the first."""
    return [
        ForestRow(
            label,
            _told(row, difference=difference),
            row.value,
            row.low,
            row.high,
            band=row.detectable if difference else None,
            full=row.excludes_zero if difference else row.has_interval,
            heading=heading if at == 0 else "",
        )
        for at, (label, row) in enumerate(found)
    ]


def _told(row: Estimate, *, difference: bool = False) -> str:
    """A value with its interval in words; the reason where one is missing."""
    value = written(row, row.value, difference=difference)
    if value is None:
        return f"not defined: {row.undefined or 'no reason was recorded'}"
    if row.low is None or row.high is None:
        return f"{value}, no interval"
    return f"{value} {interval(row.low, row.high, sign=difference)}"


def _class_blocks(rows: Sequence[Estimate]) -> Iterator[Block]:
    table = class_table(rows)
    if not table.bodies[0].rows:
        return
    recalls = [row for row in pick(rows, quantity="score", metric="recall") if row.label]
    lines = _lines([(row.label or "", row) for row in recalls], heading="")
    if lines:
        title = "Recall of each emotion, in per cent"
        yield forest(lines, title=title, difference=False, key=(_LEGEND,))
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
    metrics = [name for name in _HEADLINE if name in there] or there[:1]
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
    if part.condition.system and "system" in predictions.columns:
        predictions = predictions.filter(predictions["system"] == part.condition.system)
    utterances = source.utterances
    if part.condition.corpus not in ("", "all") and "corpus" in utterances.columns:
        utterances = utterances.filter(utterances["corpus"] == part.condition.corpus)
    clips = hardest_clips(predictions, utterances, source.cards, players=players, most=most)
    if clips.clips:
        yield Text(
            "Answered wrongly most often, then with most certainty. They are examples, not a "
            "sample: nothing follows from them about groups."
        )
        yield clips


def _folded(table: Table) -> Block:
    """The table, folded away where it is long."""
    length = sum(len(body.rows) for body in table.bodies)
    return Folded(table.caption, (table,), long=True) if length > _LONG_TABLE else table


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
