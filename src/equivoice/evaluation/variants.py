"""The same utterances answered, or read, in several ways: what changes, with intervals.

A *variant* is a prompt, an order of the labels, a temperature, or a way to read the
answers. Every variant has a label (or none) for the same items, and speakers are
resampled with all their items under all variants, so what is hard for every variant
cancels.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from equivoice.errors import ConfigError
from equivoice.evaluation.gap_tests import all_metrics
from equivoice.evaluation.resampling import GroupValues, group_values
from equivoice.fairness import Convention
from equivoice.metrics import (
    UNPARSED,
    CodedStatistics,
    FloatArray,
    IntArray,
    Metric,
    classification_statistics,
)
from equivoice.uncertainty import (
    FEWEST_UNITS,
    ClusteredSums,
    Unit,
    clustered_sums,
    invert_gap,
    noise_floor,
    percentile_interval,
    stretch,
)

__all__ = [
    "VARIANT_COLUMNS",
    "Resampling",
    "Variants",
    "agreement_rows",
    "as_table",
    "change_rows",
    "difference_rows",
    "score_rows",
    "spread_rows",
    "variant_values",
]

Row = dict[str, Any]

VARIANT_COLUMNS: Mapping[str, Any] = {
    "quantity": pl.String,
    "system": pl.String,
    "factor": pl.String,
    "metric": pl.String,
    "variant": pl.String,
    "other": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "method": pl.String,
    "noise_floor": pl.Float64,
    "unit": pl.String,
    "n": pl.Int64,
    "clusters": pl.Int64,
    "left_out": pl.String,
    "undefined": pl.String,
}
"""The columns of the tables, with their types."""

_BOOTSTRAP = "cluster bootstrap, expanded percentile"
_INVERSION = "cluster bootstrap, test inversion"
_CONSTANT = "interval: all resamples gave the same value, so their spread says nothing"
_UNSTABLE = "interval: undefined in more than 5 % of the resamples"
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Variants:
    """The same items under V variants.

    Args:
        names: of the variants.
        reference: (I,) class codes.
        predicted: (V, I) class codes, or UNPARSED.
        units: (I,) codes of the speakers, or of the utterances where none is known.
        unit: what the units are.
        n_classes: K.
        left_out: how many predictions took no part, by reason.
        shared: what every row states: ``system`` and ``factor``.
    """

    names: tuple[str, ...]
    reference: IntArray
    predicted: IntArray
    units: IntArray
    unit: Unit
    n_classes: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    shared: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def clusters(self) -> int:
        """How many units there are."""
        return len(np.unique(self.units))

    def row(self, quantity: str, value: float, level: float, **more: Any) -> Row:
        """A row without an interval yet."""
        left_out = json.dumps(dict(self.left_out), ensure_ascii=False) if self.left_out else None
        return {
            **self.shared,
            "quantity": quantity,
            "value": None if math.isnan(value) else float(value),
            "level": level,
            "unit": self.unit,
            "n": len(self.reference),
            "clusters": self.clusters,
            "left_out": left_out,
            "undefined": None,
            **more,
        }

    def why_no_interval(self) -> str | None:
        """The reason, where there are too few speakers for one."""
        if self.clusters >= FEWEST_UNITS:
            return None
        return (
            f"interval: too few {self.unit}s: {self.clusters} (at least {FEWEST_UNITS} are needed)"
        )


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Args:
        replicates: bootstrap replicates.
        level: nominal coverage.
        seed: of the bootstrap.
    """

    replicates: int
    level: float
    seed: int


def as_table(rows: Sequence[Row]) -> pl.DataFrame:
    """Rows as a table with the columns of :data:`VARIANT_COLUMNS`."""
    return pl.DataFrame(list(rows), schema=VARIANT_COLUMNS)


def variant_values(
    variants: Variants, metrics: Sequence[str], rules: Convention, how: Resampling
) -> tuple[GroupValues, Mapping[str, Metric]]:
    """Each metric under each variant, with joint resamples.

    Raises:
        ConfigError: a metric does not exist, or has one value a class.
    """
    known = all_metrics(rules.unparsed_in_scores, rules)
    scalar = [name for name, metric in known.items() if not metric.per_class]
    for name in metrics:
        if name not in scalar:
            raise ConfigError("no metric with one value", value=name, choices=scalar)
    chosen = {name: known[name] for name in metrics}
    count = len(variants.names)
    statistics = classification_statistics(
        np.tile(variants.reference, count),
        variants.predicted.reshape(-1),
        variants.n_classes,
        unparsed=rules.unparsed_in_scores,
    )
    of_variant = np.repeat(np.arange(count), len(variants.reference))
    sample = clustered_sums(statistics, of_variant, count, np.tile(variants.units, count))
    return group_values(sample, chosen, replicates=how.replicates, seed=how.seed), chosen


# ----------------------------------------------------------------------------- rows


def score_rows(
    variants: Variants, values: GroupValues, metrics: Mapping[str, Metric], how: Resampling
) -> Iterator[Row]:
    """Each metric under each variant."""
    for name, metric in metrics.items():
        for place, variant in enumerate(variants.names):
            point = float(values.point[name][place, 0])
            row = variants.row("score", point, how.level, metric=name, variant=variant)
            yield _with_interval(row, point, _noise(values, name)[place], variants, how, metric)


def difference_rows(
    variants: Variants, values: GroupValues, metrics: Mapping[str, Metric], how: Resampling
) -> Iterator[Row]:
    """Signed differences of each pair of variants, ``variant`` minus ``other``."""
    for name, metric in metrics.items():
        for i, j in itertools.combinations(range(len(variants.names)), 2):
            point = float(values.point[name][i, 0] - values.point[name][j, 0])
            noise = _noise(values, name)[i] - _noise(values, name)[j]
            names = {"variant": variants.names[i], "other": variants.names[j]}
            row = variants.row("difference", point, how.level, metric=name, **names)
            if math.isnan(point):
                row["undefined"] = metric.undefined
            yield _with_interval(row, point, noise, variants, how)


def spread_rows(
    variants: Variants, values: GroupValues, metrics: Mapping[str, Metric], how: Resampling
) -> Iterator[Row]:
    """Range (largest minus smallest) and standard deviation (ddof 1) over the variants.

    Both are positive by chance alone, so their intervals are by test inversion, and
    the value to expect if the variants did not differ stands beside as noise floor.
    """
    for name, metric in metrics.items():
        point = values.point[name][: len(variants.names)]
        for quantity, aggregate in (("range", _range), ("sd", _deviation)):
            value = float(aggregate(point))
            row = variants.row(quantity, value, how.level, metric=name)
            row["undefined"] = metric.undefined if math.isnan(value) else variants.why_no_interval()
            if row["undefined"] is None:
                wide = float(stretch(max(variants.clusters - 1.0, 1.0), how.level))
                noise = _noise(values, name)[:, np.newaxis] * wide
                row |= _inverted(point, noise, aggregate, how.level)
            yield row


def _range(values: FloatArray) -> FloatArray:
    return np.asarray(values.max(0)[0] - values.min(0)[0])


def _deviation(values: FloatArray) -> FloatArray:
    return np.asarray(values.std(0, ddof=1)[0])


def _inverted(point: FloatArray, noise: FloatArray, aggregate: Any, level: float) -> Row:
    if np.isnan(noise).any():
        return {"undefined": _UNSTABLE}
    low, high = invert_gap(point, noise, aggregate, level=level)
    if high - low < _ROUNDING:
        return {"undefined": _CONSTANT}
    floor = noise_floor(noise, aggregate)
    return {"low": low, "high": high, "noise_floor": floor, "method": _INVERSION}


def change_rows(variants: Variants, how: Resampling) -> Iterator[Row]:
    """The share of items whose label, or lack of one, is not the same under every variant."""
    changes = (variants.predicted != variants.predicted[0]).any(0).astype(np.int64)
    share = Metric("changed", _mean, 0.0, 1.0, None, "no items")
    statistics = CodedStatistics(changes, np.array([[1.0, 0.0], [1.0, 1.0]]))
    yield _one_value(variants, "changed", statistics, share, how)


def _mean(sums: FloatArray) -> FloatArray:
    return _ratio(sums[..., 1], sums[..., 0])


def agreement_rows(variants: Variants, how: Resampling) -> Iterator[Row]:
    """How far each pair of variants agrees: share of items, and Cohen's kappa.

    Having no label counts as one more label.
    """
    size = variants.n_classes + 1
    coded = np.where(variants.predicted == UNPARSED, variants.n_classes, variants.predicted)
    agreement = Metric("agreement", _agreement, 0.0, 1.0, True, "no items")
    kappa = Metric(
        "kappa", _kappa, -1.0, 1.0, True, "both variants give all items one and the same label"
    )
    for i, j in itertools.combinations(range(len(variants.names)), 2):
        cells = CodedStatistics(coded[i] * size + coded[j], np.eye(size * size))
        names = {"variant": variants.names[i], "other": variants.names[j]}
        for metric in (agreement, kappa):
            yield _one_value(variants, metric.name, cells, metric, how, **names)


def _agreement(sums: FloatArray) -> FloatArray:
    return _ratio(_diagonal(sums), sums.sum(-1))


def _kappa(sums: FloatArray) -> FloatArray:
    table = _square(sums)
    count = sums.sum(-1)
    observed = _ratio(_diagonal(sums), count)
    expected = _ratio((table.sum(-1) * table.sum(-2)).sum(-1), count**2)
    return _ratio(observed - expected, 1.0 - expected)


def _diagonal(sums: FloatArray) -> FloatArray:
    return np.asarray(np.trace(_square(sums), axis1=-2, axis2=-1))


def _square(sums: FloatArray) -> FloatArray:
    size = math.isqrt(sums.shape[-1])
    return sums.reshape(*sums.shape[:-1], size, size)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """A quotient; NaN where the denominator is 0, up to rounding."""
    result = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=result, where=np.abs(below) > _ROUNDING)
    return result


# ------------------------------------------------------------------------ intervals


def _one_value(
    variants: Variants,
    quantity: str,
    statistics: CodedStatistics,
    metric: Metric,
    how: Resampling,
    **more: Any,
) -> Row:
    """A row of a statistic of single items."""
    nobody = np.zeros(len(variants.reference), dtype=np.int64)
    sample: ClusteredSums = clustered_sums(statistics, nobody, 1, variants.units)
    values = group_values(sample, {quantity: metric}, replicates=how.replicates, seed=how.seed)
    point = float(values.point[quantity][0, 0])
    row = variants.row(quantity, point, how.level, **more)
    return _with_interval(row, point, _noise(values, quantity)[0], variants, how, metric)


def _noise(values: GroupValues, name: str) -> FloatArray:
    """(V, R) deviations of a metric with one value."""
    if values.noise is None:
        raise ConfigError("intervals need replicates", value=0)
    return values.noise[name][:-1, 0]


def _with_interval(
    row: Row,
    point: float,
    noise: FloatArray,
    variants: Variants,
    how: Resampling,
    metric: Metric | None = None,
) -> Row:
    if math.isnan(point):
        return row | {"undefined": row["undefined"] or (metric.undefined if metric else None)}
    few = variants.why_no_interval()
    if few is not None or np.isnan(noise).any():
        return row | {"undefined": few or _UNSTABLE}
    wide = stretch(max(variants.clusters - 1.0, 1.0), how.level)
    low, high = map(float, percentile_interval(np.asarray(point), noise * wide, level=how.level))
    if high - low < _ROUNDING:
        return row | {"undefined": _CONSTANT}
    if metric is not None:
        low, high = max(low, metric.low), min(high, metric.high)
    return row | {"low": low, "high": high, "method": _BOOTSTRAP}
