"""Estimates laid out as tables.

A number that is missing shows a letter, and the note below the table gives the
reason that the letter stands for; it is never a 0 or a blank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from equivoice.reports.document import Body, Cell, Table
from equivoice.reports.formatting import (
    count,
    level,
    p_value,
    percent,
    signed,
)
from equivoice.reports.rows import Condition, Estimate, fold_names, in_order, pick
from equivoice.reports.wording import METRICS, aggregation, attribute, metric, term, unit

__all__ = [
    "aggregated_table",
    "class_gaps_table",
    "class_table",
    "comparison_table",
    "confusion_table",
    "folds_table",
    "groups_table",
    "left_out_table",
    "pairs_table",
    "scores_table",
    "written",
]

_CLASS_METRICS = ("recall", "precision", "f1", "selection_rate", "false_positive_rate")
_NO_PAIR = "the two groups do not both occur in the fold"
_NO_REASON = "no reason was recorded"


class Reasons:
    """The reasons for what is missing in one table, each with a letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, reason: str | None) -> str:
        """The letter of a reason; a new one where it is not known yet."""
        told = (reason or _NO_REASON).removeprefix("interval: ")
        return self._letters.setdefault(told, _letters(len(self._letters)))

    @property
    def note(self) -> str:
        """All letters with their reasons, as the note below the table."""
        return "; ".join(f"({sign}) {reason}" for reason, sign in self._letters.items())

    def cell(self, text: str | None, estimate: Estimate, *, what: str = "not defined") -> Cell:
        """The text as a number, or what is missing with its letter."""
        if text is not None:
            return Cell(text, number=True)
        if estimate.undefined is None and what != "not defined":
            return Cell("not given", quiet=True)
        return Cell(f"{what} ({self.letter(estimate.undefined)})", quiet=True)


def _letters(position: int) -> str:
    return chr(ord("a") + position % 26) * (position // 26 + 1)


def written(estimate: Estimate, value: float | None, *, difference: bool = False) -> str | None:
    """A value as its metric is written: times 100, or as plain ratio; ``None`` stays.

    Example:
        >>> written(Estimate("score", "macro_f1"), 0.5)
        '50.0'
        >>> written(Estimate("pair_gap", "treatment_equality"), -0.5, difference=True)
        '−0.50'
    """
    if value is None:
        return None
    if term(estimate.metric).percent:
        return signed(value) if difference else percent(value)
    text = f"{value:+.2f}" if difference else f"{value:.2f}"
    return text.replace("-", "−")


def scores_table(parts: dict[Condition, list[Estimate]], *, caption: str) -> Table:
    """The main scores of each condition, with interval, spread, coverage and counts.

    Args:
        parts: from each condition to its pooled rows.
        caption: what the table shows.
    """
    reasons = Reasons()
    scores = {each: _main_scores(rows) for each, rows in parts.items()}
    every = [row for rows in scores.values() for row in rows]
    bodies = tuple(
        Body(
            tuple(_score_row(row, _coverage(row, rows), reasons) for row in rows),
            condition.short if len(parts) > 1 else "",
        )
        for condition, rows in scores.items()
    )
    columns = (
        "Metric",
        "%",
        f"{_level(every)}interval",
        "Spread over folds",
        "Coverage, %",
        "Utterances",
        _capital(unit(every)),
        "Left out or set aside",
    )
    return Table(caption, columns, bodies, reasons.note)


def _main_scores(rows: Sequence[Estimate]) -> list[Estimate]:
    """Scores over all classes, those of the headline first, plain sums and ratios last."""
    own = pick(rows, quantity="score", label=None, group_by=None)
    return sorted(own, key=lambda row: _rank(row.metric))


def _rank(name: str) -> tuple[bool, int]:
    known = list(METRICS)
    return not term(name).percent, known.index(name) if name in known else len(known)


def _score_row(row: Estimate, coverage: Cell, reasons: Reasons) -> tuple[Cell, ...]:
    spread = written(row, row.sd_folds)
    left_out = "; ".join(f"{count(number)} {why}" for why, number in row.left_out.items())
    return (
        Cell(metric(row.metric)),
        reasons.cell(written(row, row.value), row),
        _interval(row, reasons),
        Cell("not given", quiet=True) if spread is None else Cell(spread, number=True),
        coverage,
        _count(row.n),
        _count(row.clusters),
        Cell(f"see ({reasons.letter(left_out)})" if left_out else "nothing", quiet=True),
    )


def _coverage(row: Estimate, rows: Sequence[Estimate]) -> Cell:
    """The coverage that belongs to a score: same group, same fold."""
    own = pick(rows, metric="coverage", groups=row.groups, fold=row.fold, label=None)
    if not own or own[0].value is None:
        return Cell("not given", quiet=True)
    return Cell(percent(own[0].value), number=True)


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
                    _interval(row, reasons),
                    _coverage(row, own),
                    _count(row.n),
                    _count(row.clusters),
                )
                for row in pick(shown, metric=name)
            ),
            _capital(metric(name)),
        )
        for name in in_order(row.metric for row in shown)
    )
    columns = (
        "Group",
        "%",
        f"{_level(shown)}interval",
        "Coverage, %",
        "Utterances",
        _capital(unit(shown)),
    )
    return Table(f"Scores by {attribute(group_by)}", columns, bodies, reasons.note)


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
    return _differences(own, caption, "Groups", lambda row: attribute(row.groups or ""))


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
    return _differences(own, caption, "Emotion", name)


def comparison_table(rows: Sequence[Estimate]) -> Table:
    """The signed differences between systems on the same utterances."""
    caption = "Differences between systems on the same utterances, first minus second, in points"
    return _differences(rows, caption, "Systems", lambda row: _where(row, rows))


def _where(row: Estimate, rows: Sequence[Estimate]) -> str:
    corpora = in_order(each.corpus for each in rows)
    group = "" if row.groups is None else f", {attribute(row.groups)}"
    place = f" on {row.corpus}" if len(corpora) > 1 else ""
    return f"{row.system or 'first − second'}{place}{group}"


def _differences(
    rows: Sequence[Estimate], caption: str, head: str, name: Callable[[Estimate], str]
) -> Table:
    reasons = Reasons()
    labels = in_order(name(row) for row in rows)
    if len(labels) == 1:
        body = [_difference_row(row, _capital(metric(row.metric)), reasons) for row in rows]
        bodies: tuple[Body, ...] = (Body(tuple(body)),)
        caption, head = f"{caption}: {labels[0]}", "Metric"
    else:
        bodies = tuple(
            Body(
                tuple(_difference_row(row, name(row), reasons) for row in pick(rows, metric=each)),
                _capital(metric(each)),
            )
            for each in in_order(row.metric for row in rows)
        )
    columns = (
        head,
        "Difference",
        f"{_level(rows)}interval",
        "p",
        "Floor of p",
        "Smallest detectable",
        "Utterances",
        _capital(unit(rows)),
    )
    return Table(caption, columns, bodies, reasons.note)


def _difference_row(row: Estimate, name: str, reasons: Reasons) -> tuple[Cell, ...]:
    return (
        Cell(name),
        reasons.cell(written(row, row.value, difference=True), row),
        _interval(row, reasons, difference=True),
        *_test(row),
        reasons.cell(written(row, row.detectable), row, what="none"),
        _count(row.n),
        _count(row.clusters),
    )


def _test(row: Estimate) -> tuple[Cell, Cell]:
    if row.p_value is None:
        return Cell("not tested", quiet=True), Cell("not tested", quiet=True)
    floor = Cell("not given", quiet=True)
    if row.p_floor is not None:
        floor = Cell(p_value(row.p_floor), number=True)
    return Cell(p_value(row.p_value), number=True), floor


def aggregated_table(own: Sequence[Estimate], group_by: str) -> Table:
    """The unsigned gaps over all groups, each with its aggregator and its noise floor.

    Args:
        own: the rows of the gaps to show.
        group_by: the grouping.
    """
    reasons = Reasons()
    body = Body(
        tuple(
            (
                Cell(_capital(metric(row.metric))),
                Cell(aggregation(row), small=_convention(row, own)),
                reasons.cell(written(row, row.value), row),
                _interval(row, reasons),
                reasons.cell(written(row, row.noise_floor), row, what="none"),
                *_test(row),
                _count(row.n),
            )
            for row in own
        )
    )
    columns = (
        "Gap",
        "Aggregator",
        "Points",
        f"{_level(own)}interval",
        "Noise floor",
        "p",
        "Floor of p",
        "Utterances",
    )
    caption = f"Aggregated gaps by {attribute(group_by)}"
    return Table(caption, columns, (body,), reasons.note)


def _convention(row: Estimate, rows: Sequence[Estimate]) -> str:
    return "" if len({each.convention for each in rows}) < 2 else row.convention or ""


def class_table(rows: Sequence[Estimate]) -> Table:
    """Recall, precision and kin of each class, each with its interval below it."""
    reasons = Reasons()
    own = [row for row in pick(rows, quantity="score", group_by=None) if row.label is not None]
    there = in_order(row.metric for row in own)
    names = [name for name in _CLASS_METRICS if name in there] or there
    body = []
    for label in in_order(row.label for row in own):
        cells = [Cell(label)]
        for name in names:
            cells.append(_with_interval(pick(own, metric=name, label=label), reasons))
        body.append(tuple(cells))
    columns = ("Emotion", *(_in_percent(name) for name in names))
    return Table("Scores of each emotion", columns, (Body(tuple(body)),), reasons.note)


def _with_interval(found: Sequence[Estimate], reasons: Reasons) -> Cell:
    if not found:
        return Cell("not given", quiet=True)
    row = found[0]
    value = written(row, row.value)
    if value is None:
        return reasons.cell(None, row)
    if row.low is None or row.high is None:
        return Cell(value, number=True, small=f"no interval ({reasons.letter(row.undefined)})")
    ends = f"[{written(row, row.low)}, {written(row, row.high)}]"
    return Cell(value, number=True, small=ends)


def _in_percent(name: str) -> str:
    """The heading of a column of this metric, with its unit."""
    return f"{_capital(metric(name))}{', %' if term(name).percent else ''}"


def confusion_table(rows: Sequence[Estimate], *, caption: str) -> Table:
    """A confusion matrix: shares of each reference class in per cent, with counts.

    Args:
        rows: the rows of one confusion, of one group or of all.
        caption: what the table shows.
    """
    reasons = Reasons()
    references = in_order(row.label for row in rows)
    answers = in_order(row.predicted_class for row in rows)
    columns = [name for name in references if name in answers]
    columns += [name for name in answers if name not in references]
    cells = {(row.label, row.predicted_class): row for row in rows}
    body = tuple(
        (Cell(name), *(_share(cells.get((name, given)), reasons) for given in columns))
        for name in references
    )
    return Table(
        caption,
        ("Reference", *columns),
        (Body(body),),
        reasons.note,
        over="Answer, % of the row, with the number of utterances",
        shape="matrix",
    )


def _share(row: Estimate | None, reasons: Reasons) -> Cell:
    if row is None:
        return Cell("not given", quiet=True)
    if row.value is None:
        return reasons.cell(None, row)
    return Cell(percent(row.value, 0), number=True, shade=row.value, small=count(row.n))


def folds_table(rows: Sequence[Estimate], metrics: Sequence[str]) -> Table:
    """The scores of each fold, and within each fold the signed gaps of the first metric.

    Args:
        rows: the rows of one condition, those of single folds among them.
        metrics: the metrics to show; gaps are shown of the first.
    """
    reasons = Reasons()
    folds = fold_names(rows)
    scores = pick(rows, quantity="score", label=None, group_by=None)
    gaps = pick(rows, quantity="pair_gap", metric=metrics[0], label=None)
    pairs = list(dict.fromkeys((row.group_by, row.groups) for row in gaps))
    single = {by for by in in_order(row.group_by for row in rows) if _pairs_of(by, pairs) == 1}
    pairs = [pair for pair in pairs if pair[0] in single]
    body = []
    for fold in folds:
        own = pick(scores, fold=fold)
        cells = [Cell(fold)]
        cells += [_first(pick(own, metric=name), reasons) for name in metrics]
        for by, groups in pairs:
            found = pick(gaps, fold=fold, group_by=by, groups=groups)
            cells.append(_fold_gap(found, _why_no_pair(rows, fold, by), reasons))
        cells += [_count(own[0].n if own else None), _count(own[0].clusters if own else None)]
        body.append(tuple(cells))
    heads = [_in_percent(name) for name in metrics]
    heads += [f"{_capital(metric(metrics[0]))}: {groups}, points" for _, groups in pairs]
    columns = ("Fold", *heads, "Utterances", _capital(unit(scores)))
    return Table("Scores and differences by fold", columns, (Body(tuple(body)),), reasons.note)


def _pairs_of(group_by: str, pairs: Sequence[tuple[str | None, str | None]]) -> int:
    return sum(by == group_by for by, _ in pairs)


def _first(found: Sequence[Estimate], reasons: Reasons) -> Cell:
    if not found:
        return Cell("not given", quiet=True)
    return reasons.cell(written(found[0], found[0].value), found[0])


def _fold_gap(found: Sequence[Estimate], why: str | None, reasons: Reasons) -> Cell:
    if found and (why is None or found[0].value is not None):
        value = written(found[0], found[0].value, difference=True)
        return reasons.cell(value, found[0])
    return Cell(f"not defined ({reasons.letter(why or _NO_PAIR)})", quiet=True)


def _why_no_pair(rows: Sequence[Estimate], fold: str, group_by: str | None) -> str | None:
    """That the fold holds one group only, where that is so."""
    there = in_order(
        row.groups
        for row in pick(rows, quantity="group_score", fold=fold, group_by=group_by)
        if row.n
    )
    if len(there) == 1:
        return f"the fold holds one group only: {there[0]}"
    return None


def left_out_table(counts: dict[str, int], *, caption: str) -> Table:
    """What was left out, by reason."""
    body = tuple((Cell(reason), _count(number)) for reason, number in counts.items())
    return Table(caption, ("Reason", "Number"), (Body(body),))


def _interval(row: Estimate, reasons: Reasons, *, difference: bool = False) -> Cell:
    low = written(row, row.low, difference=difference)
    high = written(row, row.high, difference=difference)
    if low is None or high is None:
        return reasons.cell(None, row, what="none")
    return Cell(f"[{low}, {high}]", number=True)


def _count(number: int | None) -> Cell:
    return Cell("not given", quiet=True) if number is None else Cell(count(number), number=True)


def _level(rows: Sequence[Estimate]) -> str:
    """The level of the intervals as part of a heading; empty where they differ."""
    levels = {level(row) for row in rows if row.level is not None}
    return f"{levels.pop()} " if len(levels) == 1 else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
