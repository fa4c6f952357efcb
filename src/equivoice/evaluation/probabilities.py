"""Scores of probabilities as probabilities, by group: Brier, log loss, calibration, mass outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from equivoice.evaluation.additive import Additive, Certainty, overall_rows, rows_of
from equivoice.evaluation.answers import as_estimates
from equivoice.evaluation.matching import CONDITIONS, Items, match, to_items
from equivoice.evaluation.rows import Row
from equivoice.metrics import FloatArray, Metric
from equivoice.metrics.calibration import (
    binned_calibration_metrics,
    calibration_metrics,
    calibration_statistics,
)
from equivoice.records import LabelSpace

__all__ = ["AmongOptions", "among_options", "probability_scores"]

_ALL_OUTSIDE = "all probability outside the options"
_NO_INTERVAL = "interval: chance alone makes an error over bins larger than zero"


def probability_scores(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    label_space: LabelSpace,
    group_by: Sequence[str] = (),
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Score probabilities, over everybody, by group, and as signed differences of groups.

    Probabilities are taken among the options: they are divided by their sum, and
    what lay outside is the metric ``outside``, which is over all predictions.
    Errors over bins are given over everybody only: chance makes them larger, the
    more so the smaller a group.

    Args:
        predictions: a PREDICTIONS table; rows without probabilities are left out.
        reference: an UTTERANCES table.
        label_space: what the probabilities are over.
        group_by: groupings, as for :func:`~equivoice.evaluation.score`.
        replicates: bootstrap replicates; 0 for values without intervals and tests.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.

    Returns:
        An ESTIMATES table with the quantities score, group_score and pair_gap.

    Raises:
        InputError: no probabilities, or such as are over other labels.

    Example:
        >>> given = pl.DataFrame({"utterance_id": ["a", "b"], "emotion": ["sad", "sad"],
        ...                       "probabilities": [[0.1, 0.4], [0.2, 0.8]]})
        >>> truth = pl.DataFrame({"utterance_id": ["a", "b"], "emotion": ["sad", "happy"]})
        >>> from equivoice.evaluation.matching import label_space_of
        >>> found = probability_scores(
        ...     given, truth, label_space=label_space_of(truth), replicates=0)
        >>> dict(found.select("metric", pl.col("value").round(2)).iter_rows())["overconfidence"]
        0.3
    """
    how = Certainty(replicates, permutations, level, seed)
    matched = match(predictions, reference, label_space, expected=True)
    rows: list[Row] = []
    for key, cell in matched.frame.group_by(CONDITIONS, maintain_order=True):
        conditions = dict(zip(CONDITIONS, key, strict=True))
        shared = conditions | {"fold": _only(cell.get_column("fold")), "convention": "equivoice"}
        shared["reference"] = "given"
        items = to_items(cell, label_space, tuple(group_by), expected=True)
        made = _Scored(items, matched.left_out_of(cell), how).rows()
        rows += [shared | row for row in made]
    return as_estimates(rows)


@dataclass(frozen=True)
class AmongOptions:
    """Probabilities divided by their sum over the options.

    Args:
        items: those with any probability on the options.
        shares: (n, K) of these, summing to 1.
        outside: (N,) of all items, the probability outside the options.
        statistics: (n, S) of the calibration metrics.
        left_out: how many have all probability outside.
    """

    items: Items
    shares: FloatArray
    outside: FloatArray
    statistics: FloatArray
    left_out: Mapping[str, int]


def among_options(items: Items) -> AmongOptions:
    """Take the probabilities of items among the options.

    Raises:
        ValueError: the items are labels without probabilities.
    """
    if items.shares is None:
        raise ValueError("these items have no probabilities")
    mass = items.shares[:, :-1].sum(-1)
    usable = np.flatnonzero(mass > 0)
    outside = 1.0 - mass
    shares = items.shares[usable, :-1] / mass[usable, np.newaxis]
    statistics = calibration_statistics(shares, items.reference[usable], outside[usable])
    lost = len(mass) - len(usable)
    return AmongOptions(
        items.subset(usable), shares, outside, statistics, {_ALL_OUTSIDE: lost} if lost else {}
    )


class _Scored:
    """The rows of one system under one condition."""

    def __init__(self, items: Items, left_out: Mapping[str, int], how: Certainty) -> None:
        inside = among_options(items)
        self.items, self.kept = items, inside.items
        self.outside, self.table = inside.outside, inside.statistics
        self.left_out = {**left_out, **inside.left_out}
        self.how = how

    def rows(self) -> Iterator[Row]:
        """Of probabilities among the options, and of the mass outside them."""
        known = calibration_metrics()
        outside = {"outside": known.pop("outside")}
        everything = np.zeros((len(self.outside), self.table.shape[1]))
        everything[:, 0], everything[:, 6] = 1.0, self.outside
        if len(self.table):
            yield from self._of(self.kept, self.table, known)
            yield from self._binned()
        yield from self._of(self.items, everything, outside)

    def _of(self, items: Items, table: FloatArray, metrics: Mapping[str, Metric]) -> Iterator[Row]:
        yield from rows_of(self._additive(items, table, metrics), self.how)

    def _binned(self) -> Iterator[Row]:
        binned = self._additive(self.kept, self.table, binned_calibration_metrics())
        for row in overall_rows(binned, replace(self.how, replicates=0)):
            why = row["undefined"] if row["value"] is None else _NO_INTERVAL
            yield row | {"undefined": why}

    def _additive(self, items: Items, table: FloatArray, metrics: Mapping[str, Metric]) -> Additive:
        return Additive(
            table, metrics, items.units, items.unit, items.groupings, left_out=self.left_out
        )


def _only(folds: pl.Series) -> str | None:
    values = folds.unique().to_list()
    return "all" if len(values) > 1 else values[0]
