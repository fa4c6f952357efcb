"""Metric values of every group, with what resampling says of their noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from equivoice.metrics import FloatArray, IntArray, Metric
from equivoice.uncertainty import ClusteredSums, bootstrap_sums, deviations

__all__ = ["GroupValues", "finish_columns", "group_values"]


@dataclass(frozen=True)
class GroupValues:
    """Values by group; the last group, *all*, is the groups together.

    Args:
        sample: the units that the values come from.
        point: by metric, (G + 1, K); K is 1 for a scalar metric.
        noise: by metric, (G + 1, K, R) deviations in the bootstrap; ``None``
            where no uncertainty was asked for.
        units: (G + 1,) how many units stand in each group.
    """

    sample: ClusteredSums
    point: Mapping[str, FloatArray]
    noise: Mapping[str, FloatArray] | None
    units: IntArray


def group_values(
    sample: ClusteredSums, metrics: Mapping[str, Metric], *, replicates: int, seed: int
) -> GroupValues:
    """Finish every metric on the sums of each group and, if asked for, on replicates.

    Args:
        sample: units in G groups.
        metrics: by name.
        replicates: R; 0 for values without uncertainty.
        seed: of the bootstrap.
    """
    units = np.append(sample.units(), sum(stratum.units for stratum in sample.strata))
    totals = _with_all(sample.totals())
    point = {name: finish_columns(metric, totals) for name, metric in metrics.items()}
    if not replicates:
        return GroupValues(sample, point, None, units)
    drawn = _with_all(bootstrap_sums(sample, replicates, seed=seed))
    noise = {
        name: deviations(_replicates_last(finish_columns(metric, drawn)), units[:, np.newaxis])
        for name, metric in metrics.items()
    }
    return GroupValues(sample, point, noise, units)


def finish_columns(metric: Metric, sums: FloatArray) -> FloatArray:
    """The metric with a class axis, also where it is a scalar: (..., K)."""
    values = metric.finish(sums)
    return values if metric.per_class else values[..., np.newaxis]


def _with_all(sums: FloatArray) -> FloatArray:
    return np.concatenate([sums, sums.sum(-2, keepdims=True)], axis=-2)


def _replicates_last(values: FloatArray) -> FloatArray:
    """(R, G, K) to (G, K, R), in memory too: what follows works along the replicates."""
    return np.ascontiguousarray(np.moveaxis(values, 0, -1))
