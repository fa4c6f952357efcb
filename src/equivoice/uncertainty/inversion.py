"""Intervals for unsigned gaps, by test inversion.

|gap| has no ordinary bootstrap interval near 0: each replicate is positive,
so 0 is never covered, and aggregates of many gaps (mean, rms, max over pairs
or classes) are biased upwards by noise alone. The interval here holds every
size θ of the gap that a test does not reject.

The test of size θ moves the groups apart in the direction that was observed,
until the aggregate is θ, adds the noise of the bootstrap, and asks how often
the aggregate comes out as large (or as small) as observed. What differs from
class to class in that direction is first shrunk by what noise alone puts there:
else the noise would count twice, and gaps that all classes share would come out
too small. At θ = 0 a gap can
only be rejected for being too *large*, so the whole error rate α is spent
there; far from 0 it is split. In between, the lower tail gets
α/2 · max(0, 2·power − 1), where power is the chance to tell θ from 0. Every
size is thus rejected with probability α, and 0 is in the interval exactly
when the test of no gap does not reject (the idea of Feldman & Cousins 1998
for quantities with a border).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from equivoice.metrics import FloatArray, IntArray
from equivoice.uncertainty.intervals import quantiles

__all__ = ["invert_gap", "noise_floor", "without_noise"]

_MOST_REPLICATES = 2000
_HALVINGS = 7
_MOST_DOUBLINGS = 8
_LEAST_KEPT = 0.01

Aggregate = Callable[[FloatArray], FloatArray]


def noise_floor(noise: FloatArray, aggregate: Aggregate) -> float:
    """The value to expect from noise alone if the groups did not differ."""
    return float(aggregate(noise[..., :_MOST_REPLICATES]).mean())


def invert_gap(
    point: FloatArray,
    noise: FloatArray,
    aggregate: Aggregate,
    *,
    level: float,
    widths: Sequence[int] | None = None,
) -> tuple[float, float]:
    """Interval of an unsigned, aggregated gap.

    Args:
        point: (G, K) metric values by group and class; the classes of several
            metrics may lie side by side.
        noise: (G, K, R) their deviations in the bootstrap, stretched.
        aggregate: from (G, K, ...) to (...); it must not change when all groups
            move together and must scale with the differences.
        level: nominal coverage.
        widths: how many columns each metric has; all are of one metric by default.

    Returns:
        lower and upper end.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.01, (2, 1, 2000))
        >>> gap = lambda values: np.abs(values[0, 0] - values[1, 0])
        >>> low, high = invert_gap(np.array([[0.7], [0.702]]), noise, gap, level=0.95)
        >>> low == 0.0 and 0.01 < high < 0.05
        True
    """
    noise = np.ascontiguousarray(noise[..., :_MOST_REPLICATES])
    alpha = 1.0 - level
    observed = float(aggregate(point))
    under_none = aggregate(noise)
    critical = float(quantiles(under_none, (level,))[0])
    typical = int(np.argsort(under_none)[len(under_none) // 2])
    ends = np.cumsum(widths or (point.shape[1],))[:-1]
    direction = without_noise(point, noise, ends) if observed > 0 else noise[..., typical]
    size = float(aggregate(direction))
    if size <= 0.0:  # neither the sample nor its resamples differ at all
        return 0.0, 0.0
    unit = (direction / size)[..., np.newaxis]

    def tails(theta: float) -> tuple[float, float]:
        """By how much the upper and the lower tail miss rejecting θ."""
        moved = aggregate(unit * theta + noise)
        power = float((moved > critical).mean())
        lower = alpha / 2 * max(0.0, 2.0 * power - 1.0)
        upper = alpha - lower
        return float((moved >= observed).mean()) - upper, float((moved <= observed).mean()) - lower

    low = 0.0
    if tails(0.0)[0] < 0.0:
        low = _root(lambda theta: tails(theta)[0], 0.0, observed)
    inside, outside = 0.0, observed + critical
    for _ in range(_MOST_DOUBLINGS):
        if tails(outside)[1] < 0.0:
            break
        inside, outside = outside, 2.0 * outside
    return low, _root(lambda theta: -tails(theta)[1], inside, outside)


def without_noise(point: FloatArray, noise: FloatArray, ends: IntArray) -> FloatArray:
    """The point, metric by metric, freed of the interaction that noise alone would give."""
    # What differs between two metrics is no interaction of group and class.
    parts = zip(np.split(point, ends, axis=1), np.split(noise, ends, axis=1), strict=True)
    return np.concatenate([_one_without_noise(*part) for part in parts], axis=1)


def _one_without_noise(point: FloatArray, noise: FloatArray) -> FloatArray:
    """The point with its interaction of group and class scaled to the variance it has beyond noise.

    Scaling by the root of the share of variance that is not noise gives the
    classes the spread that they are estimated to have (Louis 1984).
    """
    shared, own = _split(point)
    _, chance = _split(noise)
    observed = float(np.nanmean(own**2)) if own.size else 0.0
    if not observed > 0.0:
        return point
    kept = max(0.0, 1.0 - float(np.nanmean(chance**2)) / observed)
    # Shares of predictions add up to 1, so all of their gap is interaction: something must stay.
    return np.asarray(shared + max(np.sqrt(kept), _LEAST_KEPT) * own)


def _split(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(G, K, ...) values as class means plus group effects, and the interaction that is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class that no group has: stays NaN
        by_class = np.nanmean(values, axis=0, keepdims=True)
        by_group = np.nanmean(values - by_class, axis=1, keepdims=True)
    shared = by_class + by_group
    return shared, values - shared


def _root(margin: Callable[[float], float], left: float, right: float) -> float:
    """Where a margin that rises from left to right crosses 0: bisection, then a straight line."""
    at_left, at_right = margin(left), margin(right)
    if at_left > 0.0:
        return left
    for _ in range(_HALVINGS):
        middle = (left + right) / 2
        at_middle = margin(middle)
        if at_middle <= 0.0:
            left, at_left = middle, at_middle
        else:
            right, at_right = middle, at_middle
    return left + (right - left) * at_left / (at_left - at_right) if at_right > at_left else right
