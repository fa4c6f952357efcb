"""How a training run went, as points of curves: means over stretches of steps, and gaps.

A training folder keeps the losses of every step and of every evaluation. A
single step is noisy and there may be thousands, so the steps between two
evaluations are put together: sums over sums, never means of means. What comes
out is a long table that a report draws and does not compute.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from equivoice.records import TRAINING_EVALUATIONS, TRAINING_LOSSES, TRAINING_STEPS

__all__ = ["PROGRESS_COLUMNS", "chosen_step", "training_data", "training_progress"]

PROGRESS_COLUMNS = {
    "step": pl.Int64(),
    "epoch": pl.Int64(),
    "split": pl.String(),
    "measure": pl.String(),
    "kind": pl.String(),
    "cell": pl.String(),
    "groups": pl.String(),
    "value": pl.Float64(),
    "n": pl.Int64(),
    "undefined": pl.String(),
}
"""The table of :func:`training_progress`. ``kind`` is ``level``, ``gap`` (of one cell),
``largest_gap`` (over the cells), ``batch_gap`` (mean over steps of the gap within the batch) or
``weight`` (λ)."""

_MOST_STRETCHES = 60
_MINUS = " − "
_DERIVED = ("loss", "worst_gap", "worst_group")
"""What evaluations hold beside the metrics: it comes out of the losses, and out of the groups."""
_NOT_GIVEN = "no value was recorded"
_ONE_GROUP = "no cell has two groups"
_NO_GAP = "no batch had a gap"

_Row = dict[str, Any]


def training_progress(
    steps: pl.DataFrame,
    losses: pl.DataFrame,
    evaluations: pl.DataFrame,
    *,
    most: int = _MOST_STRETCHES,
) -> pl.DataFrame:
    """The points of all curves of a training run.

    Training losses are means over the steps since the evaluation before; without any
    evaluation, over the steps of an epoch. With two groups the gap of a cell is signed,
    first minus second in the order of the alphabet; with more it is that of the two groups
    farthest apart.

    Args:
        steps: a TRAINING_STEPS table.
        losses: a TRAINING_LOSSES table.
        evaluations: a TRAINING_EVALUATIONS table.
        most: how many points the training curves have at most.

    Returns:
        a table with :data:`PROGRESS_COLUMNS`.

    Raises:
        SchemaError: a table breaks its schema.

    Example:
        >>> import polars as pl
        >>> steps = pl.DataFrame({"step": [1, 2], "epoch": [1, 1], "loss": [2.0, 1.0],
        ...                       "items": [1, 3], "weight": [0.0, 0.5]})
        >>> nothing = TRAINING_LOSSES.empty(), TRAINING_EVALUATIONS.empty()
        >>> training_progress(steps, *nothing).select("step", "kind", "value").rows()
        [(2, 'level', 1.25), (2, 'weight', 0.5), (2, 'batch_gap', None)]
    """
    steps = TRAINING_STEPS.validate(steps).sort("step")
    losses = TRAINING_LOSSES.validate(losses)
    evaluations = TRAINING_EVALUATIONS.validate(evaluations)
    held_out = losses.filter(split="validation")
    borders = _borders(steps, [*held_out.get_column("step"), *evaluations.get_column("step")], most)
    trained = _at_borders(losses.filter(split="train"), borders)
    rows = [
        *_of_steps(_at_borders(steps, borders)),
        *_of_cells(trained, "train", "loss"),
        *_overall(held_out, "validation"),
        *_of_cells(held_out.with_columns(at="step"), "validation", "loss"),
        *_of_metrics(evaluations),
    ]
    made = pl.DataFrame(rows, schema={k: v for k, v in PROGRESS_COLUMNS.items() if k != "epoch"})
    return _with_epochs(made, steps, evaluations).select(*PROGRESS_COLUMNS)


def chosen_step(evaluations: pl.DataFrame) -> int | None:
    """The step of the last evaluation that was the best so far; ``None`` where none was.

    Example:
        >>> import polars as pl
        >>> chosen_step(pl.DataFrame({"step": [5, 10, 15], "metric": ["macro_f1"] * 3,
        ...                           "best": [True, True, False]}))
        10
    """
    best = TRAINING_EVALUATIONS.validate(evaluations).filter(pl.col("best"))
    return None if best.is_empty() else max(best.get_column("step").to_list())


def training_data(items: pl.DataFrame) -> pl.DataFrame:
    """How many utterances and speakers each split, cell and group holds.

    Args:
        items: a row an utterance: ``split``, ``cell``, ``group``, ``speaker``, ``corpus``.

    Returns:
        ``split``, ``cell``, ``group``, ``utterances``, ``speakers`` (null where any is unknown).

    Example:
        >>> import polars as pl
        >>> items = pl.DataFrame({"split": ["train"] * 3, "cell": ["en"] * 3, "corpus": ["c"] * 3,
        ...                       "group": ["female", "female", "male"],
        ...                       "speaker": ["a", "b", "c"]})
        >>> training_data(items).rows()
        [('train', 'en', 'female', 2, 2), ('train', 'en', 'male', 1, 1)]
    """
    known = pl.col("speaker").is_not_null().all()
    speakers = pl.struct("corpus", "speaker").n_unique()
    counted = items.group_by("split", "cell", "group").agg(
        utterances=pl.len().cast(pl.Int64),
        speakers=pl.when(known).then(speakers).cast(pl.Int64),
    )
    return counted.sort("split", "cell", "group", nulls_last=True)


def _borders(steps: pl.DataFrame, evaluated: Sequence[int], most: int) -> list[int]:
    """The steps at which stretches end: evaluations, else ends of epochs; the last one always."""
    if steps.is_empty():
        return []
    last = int(steps.get_column("step")[-1])
    if not any(evaluated):
        ends = steps.group_by("epoch").agg(pl.col("step").max()).get_column("step").to_list()
    else:
        ends = [step for step in evaluated if 0 < step <= last]
    every = sorted({*ends, last})
    stride = math.ceil(len(every) / most)
    return sorted({*every[::-1][::stride]})


def _at_borders(frame: pl.DataFrame, borders: Sequence[int]) -> pl.DataFrame:
    """The rows with the end of their stretch in ``at``; rows beyond the last are dropped."""
    ends = pl.DataFrame({"at": borders}, schema={"at": pl.Int64}).set_sorted("at")
    ordered = frame.sort("step").with_columns(pl.col("step").set_sorted())
    joined = ordered.join_asof(ends, left_on="step", right_on="at", strategy="forward")
    return joined.filter(pl.col("at").is_not_null())


def _of_steps(steps: pl.DataFrame) -> Iterator[_Row]:
    """Loss, λ at the end, and the mean gap within batches of each stretch."""
    for (at,), own in steps.group_by("at", maintain_order=True):
        counted = own.filter(pl.col("loss").is_not_null(), pl.col("items").is_not_null())
        yield _point(at, "train", "loss", "level", *_mean(counted, "loss", "items"))
        yield _point(at, "train", "weight", "weight", own.get_column("weight")[-1], own.height)
        gaps = own.get_column("gap").drop_nulls()
        mean = sum(gaps) / len(gaps) if len(gaps) else None
        row = _point(at, "train", "loss", "batch_gap", mean, len(gaps))
        yield row if len(gaps) else row | {"undefined": _NO_GAP}


def _overall(losses: pl.DataFrame, split: str) -> Iterator[_Row]:
    for (at,), own in losses.sort("step").group_by("step", maintain_order=True):
        yield _point(at, split, "loss", "level", *_mean(_known(own), "loss", "n"))


def _of_cells(losses: pl.DataFrame, split: str, measure: str) -> Iterator[_Row]:
    """Levels of each cell and group, the gap of each cell, and the largest over the cells."""
    grouped = losses.filter(pl.col("group").is_not_null())
    names = sorted(grouped.get_column("group").unique())
    for (at,), own in grouped.sort("at").group_by("at", maintain_order=True):
        gaps: dict[str, _Row] = {}
        for (cell,), part in own.sort("cell").group_by("cell", maintain_order=True):
            levels = {
                group: _mean(_known(rows), "loss", "n")
                for (group,), rows in part.sort("group").group_by("group", maintain_order=True)
            }
            for group, (value, n) in levels.items():
                yield _point(at, split, measure, "level", value, n, cell=cell, groups=group)
            point = _point(at, split, measure, "gap", None, 0, cell=cell)
            gaps[cell] = _gap(levels, names, point)
            yield gaps[cell]
        yield _largest(gaps, _point(at, split, measure, "largest_gap", None, 0))


def _of_metrics(evaluations: pl.DataFrame) -> Iterator[_Row]:
    """What was measured at each evaluation, and its gaps."""
    measured = evaluations.filter(~pl.col("metric").is_in(_DERIVED))
    for (metric,), own in measured.group_by("metric", maintain_order=True):
        whole = own.filter(pl.col("group").is_null()).sort("step", "cell", nulls_last=False)
        for row in whole.iter_rows(named=True):
            value, n = row["value"], row["n"]
            yield _point(row["step"], "validation", metric, "level", value, n, cell=row["cell"])
        by_group = own.filter(pl.col("cell").is_not_null(), pl.col("group").is_not_null())
        if not by_group.is_empty():
            as_losses = by_group.rename({"value": "loss", "step": "at"})
            yield from _of_cells(as_losses, "validation", metric)


def _gap(levels: dict[str, tuple[float | None, int]], names: Sequence[str], row: _Row) -> _Row:
    """Signed for two groups, else between the two farthest apart; undefined with its reason."""
    defined = {group: value for group, (value, _) in levels.items() if value is not None}
    row |= {"n": sum(n for _, n in levels.values())}
    if len(names) == 2:
        row |= {"groups": _MINUS.join(names)}
        absent = [group for group in names if group not in defined]
        if absent:
            return row | {"undefined": f"nothing of {' and '.join(absent)}"}
        return row | {"value": defined[names[0]] - defined[names[1]], "undefined": None}
    if len(defined) < 2:
        return row | {"undefined": f"only one group: {', '.join(defined) or 'none'}"}
    return row | {"value": max(defined.values()) - min(defined.values()), "undefined": None}


def _largest(gaps: dict[str, _Row], row: _Row) -> _Row:
    """The largest gap over the cells; the first of equal ones, as training takes it."""
    sizes = {cell: abs(gap["value"]) for cell, gap in gaps.items() if gap["value"] is not None}
    if not sizes:
        reasons = list(dict.fromkeys(gap["undefined"] for gap in gaps.values()))
        return row | {"undefined": reasons[0] if len(reasons) == 1 else _ONE_GROUP}
    worst = max(sizes, key=lambda cell: sizes[cell])
    place = {"value": sizes[worst], "cell": worst, "groups": gaps[worst]["groups"]}
    return row | place | {"n": gaps[worst]["n"], "undefined": None}


def _known(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("loss").is_not_null())


def _mean(frame: pl.DataFrame, value: str, weight: str) -> tuple[float | None, int]:
    """Mean over items and how many there are; a count that was not kept weighs 1."""
    if frame.is_empty():
        return None, 0
    weights = frame.get_column(weight).fill_null(1)
    total = int(weights.sum())
    if total == 0:
        return None, 0
    return float((frame.get_column(value) * weights).sum()) / total, total


def _point(
    at: Any,
    split: str,
    measure: str,
    kind: str,
    value: float | None,
    n: int | None,
    *,
    cell: Any = None,
    groups: Any = None,
) -> _Row:
    return {
        "step": at,
        "split": split,
        "measure": measure,
        "kind": kind,
        "cell": cell,
        "groups": groups,
        "value": value,
        "n": n,
        "undefined": _NOT_GIVEN if value is None else None,
    }


def _with_epochs(
    made: pl.DataFrame, steps: pl.DataFrame, evaluations: pl.DataFrame
) -> pl.DataFrame:
    """The epoch that each step belongs to; 0 before the first step."""
    epochs = dict(evaluations.select("step", "epoch").drop_nulls().iter_rows())
    epochs |= dict(steps.select("step", "epoch").drop_nulls().iter_rows())
    epochs.setdefault(0, 0)
    found = pl.col("step").replace_strict(epochs, default=None, return_dtype=pl.Int64)
    return made.with_columns(epoch=found)
