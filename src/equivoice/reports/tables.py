"""Scores, differences and gaps laid out as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from equivoice.reports.cells import (
    Reasons,
    counted,
    counted_noun,
    coverage_cell,
    interval_cell,
    left_out_cell,
    level_heading,
    p_cells,
    spread_cells,
    spread_headings,
    written,
)
from equivoice.reports.document import Body, Cell, Table
from equivoice.reports.formatting import capital
from equivoice.reports.references import HELD_AGAINST, against, differ
from equivoice.reports.rows import Condition, Estimate, in_order, pick
from equivoice.reports.terms import measure, reference
from equivoice.reports.wording import (
    METRICS,
    OF_PROBABILITIES,
    aggregation,
    attribute,
    metric,
    term,
    unit,
)

__all__ = [
    "MAIN_SCORES",
    "aggregated_table",
    "class_gaps_table",
    "compared_where",
    "comparison_table",
    "differences_table",
    "groups_table",
    "left_out_table",
    "pairs_table",
    "scores_table",
]


MAIN_SCORES = ("macro_f1", "expected_macro_f1", "unweighted_accuracy", "accuracy", "coverage")
"""Those that are shown at once where conditions are many."""


def scores_table(
    parts: Mapping[Condition, Sequence[Estimate]],
    *,
    caption: str,
    only: Sequence[str] | None = None,
) -> Table:
    """The main scores of each condition, with interval, spread, coverage and counts.

    Args:
        parts: from each condition to its pooled rows.
        caption: what the table shows.
        only: the metrics to show; all by default.

    Conditions that were held against different references say so above their rows.
    """
    reasons = Reasons()
    scores = {
        each: [row for row in _main_scores(rows) if only is None or row.metric in only]
        for each, rows in parts.items()
    }
    every = [row for rows in scores.values() for row in rows]
    shown = differ(every)
    bodies = tuple(
        Body(
            tuple(
                _score_row(row, coverage_cell(row, parts[condition]), every, reasons)
                for row in rows
            ),
            _whose(condition, named=len(parts) > 1, held=shown),
            people=condition.people,
        )
        for condition, rows in scores.items()
    )
    columns = (
        "Metric",
        "%",
        f"{level_heading(every)}interval",
        *spread_headings(every),
        "Coverage, %",
        counted_noun(every),
        capital(unit(every)),
        "Left out or set aside",
    )
    return Table(f"{caption}{against(every)}", columns, bodies, reasons.note)


def _whose(condition: Condition, *, named: bool, held: bool) -> str:
    """Whose scores follow, where that needs saying: of several, of people, of another reference."""
    if not named and not condition.people:
        return ""
    return condition.short if held else condition.name


def _main_scores(rows: Sequence[Estimate]) -> list[Estimate]:
    """Scores over all classes, those of the headline first, plain sums and ratios last."""
    found = pick(rows, quantity="score", label=None, group_by=None)
    own = [row for row in found if row.metric not in OF_PROBABILITIES]
    return sorted(own, key=lambda row: _rank(row.metric))


def _rank(name: str) -> tuple[bool, int]:
    known = list(METRICS)
    return not term(name).percent, known.index(name) if name in known else len(known)


def _score_row(
    row: Estimate, coverage: Cell, every: Sequence[Estimate], reasons: Reasons
) -> tuple[Cell, ...]:
    return (
        Cell(metric(row.metric)),
        reasons.cell(written(row, row.value), row),
        interval_cell(row, reasons),
        *spread_cells(row, every),
        coverage,
        counted(row.n),
        counted(row.clusters),
        left_out_cell(row, reasons),
    )


def groups_table(rows: Sequence[Estimate], group_by: str, metrics: Sequence[str]) -> Table:
    """The scores of each group, one run of rows a metric.

    Args:
        rows: the pooled rows of one condition.
        group_by: the grouping.
        metrics: the metrics to show.
    """
    reasons = Reasons()
    own = pick(rows, quantity="group_score", group_by=group_by, label=None)
    shown = [row for name in metrics for row in pick(own, metric=name)]
    bodies = tuple(
        Body(
            tuple(
                (
                    Cell(attribute(row.groups or "")),
                    reasons.cell(written(row, row.value), row),
                    interval_cell(row, reasons),
                    coverage_cell(row, own),
                    counted(row.n),
                    counted(row.clusters),
                )
                for row in pick(shown, metric=name)
            ),
            capital(metric(name)),
        )
        for name in in_order(row.metric for row in shown)
    )
    columns = (
        "Group",
        "%",
        f"{level_heading(shown)}interval",
        "Coverage, %",
        counted_noun(shown),
        capital(unit(shown)),
    )
    caption = f"Scores by {attribute(group_by)}{against(shown)}"
    return Table(caption, columns, bodies, reasons.note)


def pairs_table(rows: Sequence[Estimate], group_by: str, metrics: Sequence[str]) -> Table:
    """The signed differences between groups, one run of rows a metric.

    Args:
        rows: the pooled rows of one condition.
        group_by: the grouping.
        metrics: the metrics to show.
    """
    found = pick(rows, quantity="pair_gap", group_by=group_by, label=None)
    own = [row for name in metrics for row in pick(found, metric=name)]
    caption = f"Differences by {attribute(group_by)}, first group minus second, in points"
    return differences_table(own, caption, "Groups", lambda row: attribute(row.groups or ""))


def class_gaps_table(rows: Sequence[Estimate], group_by: str) -> Table:
    """The signed differences between groups within single classes."""
    own = [
        row for row in pick(rows, quantity="pair_gap", group_by=group_by) if row.label is not None
    ]
    pairs = in_order(row.groups for row in own)
    caption = f"Differences by {attribute(group_by)} within each emotion, in points"

    def name(row: Estimate) -> str:
        return row.label or "" if len(pairs) == 1 else f"{row.label}: {attribute(row.groups or '')}"

    if len(pairs) == 1:
        caption = f"{caption} ({attribute(pairs[0])})"
    return differences_table(own, caption, "Emotion", name)


def comparison_table(rows: Sequence[Estimate]) -> Table:
    """The signed differences between systems on the same utterances."""
    caption = "Differences between systems on the same utterances, first minus second, in points"
    return differences_table(rows, caption, "Systems", lambda row: compared_where(row, rows))


def compared_where(row: Estimate, rows: Sequence[Estimate]) -> str:
    """What a comparison is about, as far as it differs from the others.

    Example:
        >>> rows = [Estimate("comparison", "f1", system="a − b", label=name) for name in "xy"]
        >>> compared_where(rows[0], rows)
        'a − b, x'
    """
    corpora = in_order(each.corpus for each in rows)
    place = f" on {row.corpus}" if len(corpora) > 1 else ""
    parts = [f"{row.system or 'first − second'}{place}", attribute(row.groups or ""), row.label]
    return ", ".join(part for part in parts if part)


def differences_table(
    rows: Sequence[Estimate],
    caption: str,
    head: str,
    name: Callable[[Estimate], str],
    *,
    held: bool = True,
) -> Table:
    """Signed differences with intervals, tests and smallest detectable gaps.

    Args:
        rows: the differences.
        caption: what the table shows.
        head: the heading of the first column.
        name: what a difference is called; one name alone goes into the caption.
        held: whether to say what answers were held against.
    """
    reasons = Reasons()
    shown = held and differ(rows)
    labels = in_order(name(row) for row in rows)
    if len(labels) == 1:
        body = [_difference_row(row, _with_unit(row.metric), shown, reasons) for row in rows]
        bodies: tuple[Body, ...] = (Body(tuple(body)),)
        caption, head = f"{caption}: {labels[0]}", "Metric"
    else:
        bodies = tuple(
            Body(
                tuple(
                    _difference_row(row, name(row), shown, reasons)
                    for row in pick(rows, metric=each)
                ),
                _with_unit(each),
            )
            for each in in_order(row.metric for row in rows)
        )
    columns = (
        head,
        *([HELD_AGAINST] if shown else []),
        "Difference",
        f"{level_heading(rows)}interval",
        "p",
        "Floor of p",
        "Smallest detectable",
        counted_noun(rows),
        capital(unit(rows)),
    )
    return Table(f"{caption}{against(rows) if held else ''}", columns, bodies, reasons.note)


def _with_unit(name: str) -> str:
    """The name of a metric, with the unit of its differences where they are no points."""
    return capital(metric(name)) + ("" if term(name).percent else f", {measure(name)}")


def _difference_row(row: Estimate, name: str, shown: bool, reasons: Reasons) -> tuple[Cell, ...]:
    return (
        Cell(name),
        *([Cell(reference(row.reference))] if shown else []),
        reasons.cell(written(row, row.value, difference=True), row),
        interval_cell(row, reasons, difference=True),
        *p_cells(row),
        reasons.cell(written(row, row.detectable), row, what="none"),
        counted(row.n),
        counted(row.clusters),
    )


def aggregated_table(
    own: Sequence[Estimate],
    group_by: str,
    *,
    whose: Callable[[Estimate], str] | None = None,
    held: bool = True,
) -> Table:
    """The unsigned gaps over all groups, each with its aggregator and its noise floor.

    Args:
        own: the rows of the gaps to show.
        group_by: the grouping.
        whose: whose gap it is, where a column is to name systems, people or rules.
        held: whether to say what answers were held against.
    """
    reasons = Reasons()
    shown = held and differ(own)
    body = Body(tuple(_gap_row(row, own, whose, shown, reasons) for row in own))
    columns = (
        *([] if whose is None else ["Whose"]),
        "Gap",
        *([HELD_AGAINST] if shown else []),
        "Aggregator",
        "Points" if all(term(row.metric).percent for row in own) else "Points, or as stated",
        f"{level_heading(own)}interval",
        "Noise floor",
        "p",
        "Floor of p",
        counted_noun(own),
    )
    caption = f"Aggregated gaps by {attribute(group_by)}{against(own) if held else ''}"
    return Table(caption, columns, (body,), reasons.note)


def _gap_row(
    row: Estimate,
    own: Sequence[Estimate],
    whose: Callable[[Estimate], str] | None,
    shown: bool,
    reasons: Reasons,
) -> tuple[Cell, ...]:
    return (
        *([] if whose is None else [Cell(whose(row))]),
        Cell(_with_unit(row.metric)),
        *([Cell(reference(row.reference))] if shown else []),
        Cell(aggregation(row), small=_convention(row, own)),
        reasons.cell(written(row, row.value), row),
        interval_cell(row, reasons),
        reasons.cell(written(row, row.noise_floor), row, what="none"),
        *p_cells(row),
        counted(row.n),
    )


def _convention(row: Estimate, rows: Sequence[Estimate]) -> str:
    return "" if len({each.convention for each in rows}) < 2 else row.convention or ""


def left_out_table(counts: dict[str, int], *, caption: str) -> Table:
    """What was left out, by reason."""
    body = tuple((Cell(reason), counted(number)) for reason, number in counts.items())
    return Table(caption, ("Reason", "Number"), (Body(body),))
