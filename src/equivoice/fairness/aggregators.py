"""How differences between groups, and values of classes, become one number.

The aggregator decides verdicts (ERM-MinMaxGAP's Table 2 turns round with it),
so it is always named. Values are NaN where a cell does not exist; such cells
are left out of every aggregate, never counted as 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import numpy as np

from equivoice.metrics import FloatArray

__all__ = ["CLASS_AGGREGATORS", "GROUP_AGGREGATORS", "ClassAggregator", "GroupAggregator"]

GroupAggregator = Literal["mean", "rms", "max", "max_to_overall"]
ClassAggregator = Literal["mean", "rms", "max"]


def _pair_differences(values: FloatArray) -> Iterator[FloatArray]:
    """|m_i − m_j| of every pair; the last entry, all groups together, is no group."""
    for i, j in itertools.combinations(range(len(values) - 1), 2):
        yield np.abs(values[i] - values[j])


def _mean_pair(values: FloatArray) -> FloatArray:
    """Mean of |m_i − m_j| over pairs (FairALM Eq. 4)."""
    return _mean_of(_pair_differences(values), values)


def _rms_pair(values: FloatArray) -> FloatArray:
    """Root mean square of m_i − m_j over pairs."""
    squares = (np.square(difference) for difference in _pair_differences(values))
    return np.asarray(np.sqrt(_mean_of(squares, values)))


def _max_pair(values: FloatArray) -> FloatArray:
    """Largest |m_i − m_j|."""
    return _max_of(_pair_differences(values), values)


def _max_to_overall(values: FloatArray) -> FloatArray:
    """Largest |m_i − m| to the value of all groups together."""
    distances = (np.abs(group - values[-1]) for group in values[:-1])
    several = (~np.isnan(values[:-1])).sum(0) > 1
    return np.where(several, _max_of(distances, values), np.nan)


def _mean_of(parts: Iterator[FloatArray], like: FloatArray) -> FloatArray:
    """Mean of the defined parts; undefined where there is none."""
    total = np.zeros(like.shape[1:])
    if not np.isnan(like).any():
        count = 0
        for part in parts:
            total += part
            count += 1
        return total / count if count else np.full(total.shape, np.nan)
    defined = np.zeros(like.shape[1:])
    for part in parts:
        known = ~np.isnan(part)
        total += np.where(known, part, 0.0)
        defined += known
    result = np.full(total.shape, np.nan)
    np.divide(total, defined, out=result, where=defined > 0)
    return result


def _max_of(parts: Iterator[FloatArray], like: FloatArray) -> FloatArray:
    """Largest of the defined parts; undefined where there is none."""
    top = np.full(like.shape[1:], np.nan)
    for part in parts:
        np.fmax(top, part, out=top)
    return top


def _mean(values: FloatArray) -> FloatArray:
    return _mean_of(iter(values), values)


def _rms(values: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(_mean_of(iter(np.square(values)), values)))


def _max(values: FloatArray) -> FloatArray:
    return _max_of(iter(values), values)


GROUP_AGGREGATORS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "mean": _mean_pair,
    "rms": _rms_pair,
    "max": _max_pair,
    "max_to_overall": _max_to_overall,
}
"""From values (G + 1, K, ...), the last group being all together, to gaps (K, ...)."""

CLASS_AGGREGATORS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "mean": _mean,
    "rms": _rms,
    "max": _max,
}
"""From gaps a class (K, ...) to one gap (...)."""
