"""Score against worst gap of several trained models, on the same utterances.

Groups are compared within cells, such as gender within each language. The
*score* of a model is the mean over cells of a metric, the *worst gap* the
largest difference between two groups in any cell. A method trained with
several seeds stands for itself as the mean over its seeds: of the scores, and
of the worst gaps (not the worst gap of the mean, which no trained model has).

Intervals are over speakers and, where there are several, over seeds. Methods
are subtracted replicate by replicate and seed by seed, so what is hard for
both cancels out.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.cell_values import (
    CellSample,
    CellValues,
    Seeds,
    cell_sample,
    cell_values,
)
from equivoice.evaluation.matching import match, to_items
from equivoice.evaluation.trade_off_rows import Setting, comparison_rows, method_rows, seed_rows
from equivoice.fairness import CROSSING, Grouping, group_items
from equivoice.metrics import classification_metrics, classification_statistics
from equivoice.records import ESTIMATES, LabelSpace

__all__ = ["TrainedRun", "trade_off"]

_MOST_IN_ALL_PAIRS = 3
_UNKNOWN_CELL = "utterance of unknown cell"


@dataclass(frozen=True)
class TrainedRun:
    """What one trained model answered.

    Args:
        name: of the method, such as ``ERM``; runs of one name differ in their seed.
        predictions: a PREDICTIONS table, one row an utterance.
        seed: of the training.
    """

    name: str
    predictions: pl.DataFrame
    seed: int = 0


def trade_off(
    runs: Sequence[TrainedRun],
    reference: pl.DataFrame,
    *,
    label_space: LabelSpace,
    cell: str = "language",
    attribute: str = "gender",
    metric: str = "macro_f1",
    replicates: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Score and worst gap of each method, and the paired differences between methods.

    Args:
        runs: the trained models. All are scored on the utterances that every one of
            them answered.
        reference: an UTTERANCES table with the cell and the attribute as columns.
        label_space: the declared labels.
        cell: what groups are compared within, such as ``language`` or ``corpus``.
        attribute: what is compared, such as ``gender``.
        metric: a classification metric with one value.
        replicates: bootstrap replicates.
        level: nominal coverage of the intervals.
        seed: of all resampling.

    Returns:
        ESTIMATES rows, by ``system`` (the method):

        - ``score`` with ``group_by`` the cell: the mean over cells;
        - ``group_score`` and ``pair_gap`` with ``group_by`` ``cell x attribute``;
        - ``gap`` with ``group_by`` ``attribute within cell``: the largest pair of groups,
          and over cells (``class_aggregator``) the largest, the mean and the root mean
          square; ``groups`` names the pair that is worst in this sample;
        - ``comparison`` of score and worst gap, first minus second: of each pair of up to
          three methods, of the first with each other where there are more;
        - single seeds, ``run`` naming the seed, without intervals.

    Raises:
        InputError: no utterance in common, several answers to an utterance, two runs of
            one name and seed, unknown columns.
        ConfigError: an unknown metric, or one with a value a class.

    Example:
        >>> import polars as pl
        >>> from equivoice.records import Label, LabelSpace
        >>> ids = [f"demo/{i}" for i in range(40)]
        >>> reference = pl.DataFrame({"utterance_id": ids, "emotion": ["happy", "sad"] * 20,
        ...     "language": "en", "gender": ["female"] * 20 + ["male"] * 20, "corpus": "demo",
        ...     "speaker": [str(i // 2) for i in range(40)]})
        >>> right = reference.select("utterance_id", "emotion")
        >>> runs = [TrainedRun("ERM", right.with_columns(emotion=pl.lit("sad"))),
        ...         TrainedRun("MinMaxGAP", right)]
        >>> table = trade_off(runs, reference, replicates=100,
        ...     label_space=LabelSpace("two", (Label("happy"), Label("sad"))))
        >>> table.filter(quantity="comparison").select("system", "metric", "value").rows()[0]
        ('ERM − MinMaxGAP', 'macro_f1', -0.6666666666666667)
    """
    chosen = classification_metrics().get(metric)
    if chosen is None or chosen.per_class:
        known = [name for name, each in classification_metrics().items() if not each.per_class]
        raise ConfigError("no metric with one value", value=metric, choices=known)
    _refuse_twins(runs)
    frames, lost = _shared(runs, reference, label_space, _identity(cell))
    samples = [_sample(frame, label_space, cell, attribute) for frame in frames]
    lost |= _without_cell(frames[0], cell)
    values = [
        cell_values(sample, chosen, replicates=replicates, level=level, seed=seed)
        for sample in samples
    ]
    methods = _methods(runs, values)
    setting = Setting(
        chosen, samples[0], cell, attribute, level, seed, json.dumps(lost) if lost else None
    )
    rows = itertools.chain(
        *(method_rows(method, setting) for method in methods),
        *(seed_rows(method, setting) for method in methods),
        *(comparison_rows(*pair, setting) for pair in _pairs(methods)),
    )
    return _table(rows, frames[0])


def _pairs(methods: Sequence[Seeds]) -> list[tuple[Seeds, Seeds]]:
    """Each method with each other; of many, the first one with each other."""
    if len(methods) <= _MOST_IN_ALL_PAIRS:
        return list(itertools.combinations(methods, 2))
    return [(methods[0], other) for other in methods[1:]]


def _table(rows: Iterator[dict[str, Any]], frame: pl.DataFrame) -> pl.DataFrame:
    corpora = frame.get_column("corpus").unique().to_list()
    corpus = corpora[0] if len(corpora) == 1 else "all"
    common = {"corpus": corpus, "fold": "all", "reference": "given", "convention": "equivoice"}
    return ESTIMATES.validate(
        pl.DataFrame([common | row for row in rows], infer_schema_length=None)
    )


def _methods(runs: Sequence[TrainedRun], values: Sequence[CellValues]) -> list[Seeds]:
    """The runs by name in order of appearance, each with its seeds ascending."""
    found: dict[str, dict[int, CellValues]] = {}
    for run, own in zip(runs, values, strict=True):
        found.setdefault(run.name, {})[run.seed] = own
    return [
        Seeds(name, tuple(sorted(own)), tuple(own[seed] for seed in sorted(own)))
        for name, own in found.items()
    ]


def _refuse_twins(runs: Sequence[TrainedRun]) -> None:
    if not runs:
        raise InputError("there is no run to compare")
    named = [(run.name, run.seed) for run in runs]
    twins = [pair for pair in named if named.count(pair) > 1]
    if twins:
        raise InputError(
            f"two runs have the same name and seed: {twins[0][0]}, seed {twins[0][1]}",
            hint="give the seed of each training, or each method a name of its own",
        )


def _shared(
    runs: Sequence[TrainedRun],
    reference: pl.DataFrame,
    labels: LabelSpace,
    identity: Sequence[str],
) -> tuple[list[pl.DataFrame], dict[str, int]]:
    """The matched answers of each run about the utterances of all, in one order; and what is lost."""
    frames = [match(run.predictions, reference, labels).frame for run in runs]
    for run, frame in zip(runs, frames, strict=True):
        twice = frame.filter(pl.struct(identity).is_duplicated())
        if not twice.is_empty():
            raise InputError(
                f"{run.name}, seed {run.seed}, answered an utterance more than once",
                column="utterance_id",
                value=twice.get_column("utterance_id")[0],
                hint="choose one condition (prompt, temperature, run) of the predictions",
            )
    ids = reduce(
        lambda one, other: one.join(other, on=identity, how="semi", nulls_equal=True),
        (frame.select(identity) for frame in frames),
    )
    if ids.is_empty():
        raise InputError("the runs have no utterance in common", column="utterance_id")
    most = max(frame.height for frame in frames)
    lost = {"utterance that not all runs answered": most - ids.height} if most > ids.height else {}
    shared = [frame.join(ids, on=identity, how="semi", nulls_equal=True) for frame in frames]
    return [frame.sort(identity) for frame in shared], lost


def _identity(cell: str) -> list[str]:
    """What an answer is told by: where cells are modalities, each has its own answer."""
    parts = [part.strip() for part in cell.split(CROSSING)]
    return ["utterance_id", *(["modality"] if "modality" in parts else [])]


def _without_cell(frame: pl.DataFrame, cell: str) -> dict[str, int]:
    unknown = int((group_items(frame, cell).codes < 0).sum())
    return {_UNKNOWN_CELL: unknown} if unknown else {}


def _sample(frame: pl.DataFrame, labels: LabelSpace, cell: str, attribute: str) -> CellSample:
    items = to_items(frame, labels, ())
    cells: Grouping = group_items(frame, cell)
    groups: Grouping = group_items(frame, attribute)
    statistics = classification_statistics(items.reference, items.predicted, items.n_classes)
    # Without speakers each utterance is a unit, numbered so that all runs draw the same ones.
    units = np.arange(frame.height) if items.units is None else items.units
    names = (groups.groups, cells.groups)
    return cell_sample(statistics, (groups.codes, cells.codes), names, units, items.unit)
