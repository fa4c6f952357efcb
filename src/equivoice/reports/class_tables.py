"""Estimates of classes and of folds laid out as tables."""

from __future__ import annotations

from collections.abc import Sequence

from equivoice.reports.cells import Reasons, counted, heading, value_cell, written
from equivoice.reports.document import Body, Cell, Table
from equivoice.reports.formatting import capital, count, percent
from equivoice.reports.references import against
from equivoice.reports.rows import Estimate, fold_names, in_order, pick
from equivoice.reports.wording import metric, unit

__all__ = ["class_table", "confusion_table", "folds_table"]

_CLASS_METRICS = ("recall", "precision", "f1", "selection_rate", "false_positive_rate")
_NO_PAIR = "the two groups do not both occur in the fold"


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
            cells.append(value_cell(pick(own, metric=name, label=label), reasons))
        body.append(tuple(cells))
    columns = ("Emotion", *(heading(name) for name in names))
    caption = f"Scores of each emotion{against(own)}"
    return Table(caption, columns, (Body(tuple(body)),), reasons.note)


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
        f"{caption}{against(rows)}",
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
        cells += [counted(own[0].n if own else None), counted(own[0].clusters if own else None)]
        body.append(tuple(cells))
    heads = [heading(name) for name in metrics]
    heads += [f"{capital(metric(metrics[0]))}: {groups}, points" for _, groups in pairs]
    columns = ("Fold", *heads, "Utterances", capital(unit(scores)))
    caption = f"Scores and differences by fold{against(scores)}"
    return Table(caption, columns, (Body(tuple(body)),), reasons.note)


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
