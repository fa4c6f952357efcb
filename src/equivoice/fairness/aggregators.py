"""How differences between groups, and values of classes, become one number.

The aggregator decides verdicts (ERM-MinMaxGAP's Table 2 turns round with it),
so it is always named. Values are NaN where a cell does not exist; such cells
are left out of every aggregate, never counted as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from equivoice.metrics import FloatArray

__all__ = ["CLASS_AGGREGATORS", "GROUP_AGGREGATORS", "ClassAggregator", "GroupAggregator"]

GroupAggregator = Literal["mean", "rms", "max", "max_to_overall"]
ClassAggregator = Literal["mean", "rms", "max"]


def _groups(values: FloatArray) -> FloatArray:
    """All but the last entry of the group axis, which is the value of all groups together."""
    return values[..., :-1, :]


def _pair_count(defined: FloatArray) -> FloatArray:
    groups = defined.sum(-2)
    return np.asarray(groups * (groups - 1) / 2)


def _mean_pair(values: FloatArray) -> FloatArray:
    """Mean of |m_i − m_j| over pairs (FairALM Eq. 4), by sorting: O(G log G), not O(G²)."""
    ordered = np.sort(_groups(values), axis=-2)  # NaN sorts last
    defined = ~np.isnan(ordered)
    count = defined.sum(-2, keepdims=True)
    rank = np.arange(ordered.shape[-2]).reshape(-1, 1)
    weights = 2 * rank - count + 1
    total = np.where(defined, weights * ordered, 0.0).sum(-2)
    return _divide(total, _pair_count(defined.astype(np.float64)))


def _rms_pair(values: FloatArray) -> FloatArray:
    """Root mean square of m_i − m_j over pairs, from the variance over groups."""
    groups = _groups(values)
    defined = ~np.isnan(groups)
    count = defined.sum(-2, keepdims=True)
    filled = np.where(defined, groups, 0.0)
    centre = filled.sum(-2, keepdims=True) / np.maximum(count, 1)
    squares = np.where(defined, (filled - centre) ** 2, 0.0).sum(-2)
    pairs = _pair_count(defined.astype(np.float64))
    return np.asarray(np.sqrt(_divide(squares * count[..., 0, :], pairs)))


def _max_pair(values: FloatArray) -> FloatArray:
    """Largest |m_i − m_j|."""
    groups = _groups(values)
    defined = ~np.isnan(groups)
    top = np.where(defined, groups, -np.inf).max(-2)
    bottom = np.where(defined, groups, np.inf).min(-2)
    return np.where(defined.sum(-2) > 1, top - bottom, np.nan)


def _max_to_overall(values: FloatArray) -> FloatArray:
    """Largest |m_i − m| to the value of all groups together."""
    distance = np.abs(_groups(values) - values[..., -1:, :])
    defined = ~np.isnan(distance)
    top = np.where(defined, distance, -np.inf).max(-2)
    return np.where(defined.sum(-2) > 1, top, np.nan)


def _divide(above: FloatArray, below: FloatArray) -> FloatArray:
    result = np.full(above.shape, np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _mean(values: FloatArray) -> FloatArray:
    defined = ~np.isnan(values)
    return _divide(np.where(defined, values, 0.0).sum(-1), defined.sum(-1).astype(np.float64))


def _rms(values: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(_mean(values**2)))


def _max(values: FloatArray) -> FloatArray:
    top = np.where(np.isnan(values), -np.inf, values).max(-1)
    return np.where(np.isinf(top), np.nan, top)


GROUP_AGGREGATORS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "mean": _mean_pair,
    "rms": _rms_pair,
    "max": _max_pair,
    "max_to_overall": _max_to_overall,
}
"""From values (..., G + 1, K), the last group being all together, to gaps (..., K)."""

CLASS_AGGREGATORS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "mean": _mean,
    "rms": _rms,
    "max": _max,
}
"""From gaps a class (..., K) to one gap (...)."""
