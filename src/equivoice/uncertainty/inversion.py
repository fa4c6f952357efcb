"""Intervals for unsigned gaps, by test inversion.

|gap| has no ordinary bootstrap interval near 0: each replicate is positive,
so 0 is never covered, and aggregates of many gaps (mean, rms, max over pairs
or classes) are biased upwards by noise alone. The interval here holds every
size θ of the gap that a test does not reject.

The test of size θ moves the groups apart in the direction that was observed,
until the aggregate is θ, adds the noise of the bootstrap, and asks how often
the aggregate comes out as large (or as small) as observed. At θ = 0 a gap can
only be rejected for being too *large*, so the whole error rate α is spent
there; far from 0 it is split. In between, the lower tail gets
α/2 · max(0, 2·power − 1), where power is the chance to tell θ from 0. Every
size is thus rejected with probability α, and 0 is in the interval exactly
when the test of no gap does not reject (the idea of Feldman & Cousins 1998
for quantities with a border).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from equivoice.metrics import FloatArray
from equivoice.uncertainty.intervals import quantiles

__all__ = ["invert_gap", "noise_floor"]

_MOST_REPLICATES = 2000
_GRID = 24
_MOST_DOUBLINGS = 6

Aggregate = Callable[[FloatArray], FloatArray]


def noise_floor(noise: FloatArray, aggregate: Aggregate) -> float:
    """The value to expect from noise alone if the groups did not differ."""
    return float(aggregate(noise[:_MOST_REPLICATES]).mean())


def invert_gap(
    point: FloatArray, noise: FloatArray, aggregate: Aggregate, *, level: float
) -> tuple[float, float]:
    """Interval of an unsigned, aggregated gap.

    Args:
        point: (G, K) metric values by group and class.
        noise: (R, G, K) their deviations in the bootstrap, stretched.
        aggregate: from (..., G, K) to (...); it must not change when all groups
            move together and must scale with the differences.
        level: nominal coverage.

    Returns:
        lower and upper end.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.01, (2000, 2, 1))
        >>> gap = lambda values: np.abs(values[..., 0, 0] - values[..., 1, 0])
        >>> low, high = invert_gap(np.array([[0.7], [0.702]]), noise, gap, level=0.95)
        >>> low == 0.0 and 0.01 < high < 0.05
        True
    """
    noise = noise[:_MOST_REPLICATES]
    alpha = 1.0 - level
    observed = float(aggregate(point))
    under_none = aggregate(noise)
    critical = float(quantiles(under_none, (level,))[0])
    direction = point if observed > 0 else noise[np.argsort(under_none)[len(noise) // 2]]
    size = float(aggregate(direction))
    if size <= 0.0:  # neither the sample nor its resamples differ at all
        return 0.0, 0.0

    def tails(theta: float) -> tuple[float, float]:
        """How far the upper and the lower tail are from rejecting θ."""
        moved = aggregate(direction * (theta / size) + noise)
        power = float((moved > critical).mean())
        lower = alpha / 2 * max(0.0, 2.0 * power - 1.0)
        upper = alpha - lower
        return float((moved >= observed).mean()) - upper, float((moved <= observed).mean()) - lower

    sizes = [0.0]
    margins = [tails(0.0)]
    top = observed + 2.0 * critical
    for _ in range(_MOST_DOUBLINGS):
        step = (top - sizes[-1]) / _GRID
        added = [sizes[-1] + step * (i + 1) for i in range(_GRID)]
        sizes += added
        margins += [tails(theta) for theta in added]
        if margins[-1][1] < 0.0:
            break
        top *= 2.0
    above = np.array([margin[0] for margin in margins])
    below = np.array([margin[1] for margin in margins])
    return _first_accepted(np.array(sizes), above), _last_accepted(np.array(sizes), below)


def _first_accepted(sizes: FloatArray, margin: FloatArray) -> float:
    accepted = np.flatnonzero(margin >= 0.0)
    if len(accepted) == 0:
        return float(sizes[-1])
    first = int(accepted[0])
    return 0.0 if first == 0 else _crossing(sizes, margin, first - 1, first)


def _last_accepted(sizes: FloatArray, margin: FloatArray) -> float:
    accepted = np.flatnonzero(margin >= 0.0)
    if len(accepted) == 0:
        return 0.0
    last = int(accepted[-1])
    return float(sizes[-1]) if last == len(sizes) - 1 else _crossing(sizes, margin, last, last + 1)


def _crossing(sizes: FloatArray, margin: FloatArray, left: int, right: int) -> float:
    """Where the margin between two grid points is 0, by linear interpolation."""
    share = margin[left] / (margin[left] - margin[right])
    return float(sizes[left] + share * (sizes[right] - sizes[left]))
