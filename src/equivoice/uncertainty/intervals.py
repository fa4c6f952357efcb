"""Intervals from bootstrap replicates, corrected for small numbers of speakers.

The plain percentile interval is too short when speakers are few: resampling
n speakers understates their variance by (n − 1)/n, and normal quantiles are
too small. Both are mended by stretching the deviations from the centre by
sqrt(n/(n − 1)) · t(df)/z (Hesterberg 2015, *What teachers should know about
the bootstrap*, section 3.2: the expanded percentile interval).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from equivoice.metrics import FloatArray, IntArray

__all__ = [
    "FEWEST_UNITS",
    "deviations",
    "percentile_interval",
    "quantiles",
    "smallest_detectable",
    "standard_error",
    "stretch",
    "welch_degrees_of_freedom",
]

FEWEST_UNITS = 5
"""Fewer units in a group than this, and no interval is given (see the coverage study)."""

MOST_UNDEFINED = 0.05
"""The largest share of undefined replicates that an interval may be built on."""


def deviations(replicates: FloatArray, units: IntArray | int) -> FloatArray:
    """Deviations of replicates from their own median, with the variance of n − 1.

    Centring on the replicates and not on the estimate takes out the bootstrap's
    bias, which for macro-F1 has the sign of the bias that the estimate already
    has; the median and not the mean, because a few resamples that lose a class
    altogether would drag the mean, and the interval with it, off the estimate.

    Args:
        replicates: (..., R) values; NaN where a replicate is undefined.
        units: n, a number or an array that broadcasts against (...).

    Returns:
        (..., R) deviations; all NaN where more than 5 % of the replicates are
        undefined, and otherwise 0 for an undefined replicate.
    """
    undefined = np.isnan(replicates)
    if undefined.any():
        replicates = np.where(undefined, _median_of_defined(replicates, undefined), replicates)
    n = np.asarray(units, dtype=np.float64)[..., np.newaxis]
    centre = np.median(replicates, axis=-1, keepdims=True)
    result = np.asarray((replicates - centre) * np.sqrt(n / np.maximum(n - 1.0, 1e-9)))
    result[undefined.mean(-1) > MOST_UNDEFINED] = np.nan
    return result


def _median_of_defined(replicates: FloatArray, undefined: NDArray[np.bool_]) -> FloatArray:
    """(..., 1) medians; 0 where no replicate is defined. NaN sorts last."""
    count = (~undefined).sum(-1, keepdims=True)
    ordered = np.sort(replicates, axis=-1)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(ordered, count // 2 * (count > 0), axis=-1)
    return np.where(count > 0, (low + np.where(np.isnan(high), low, high)) / 2, 0.0)


def standard_error(noise: FloatArray) -> FloatArray:
    """Standard deviation over the replicates of deviations (..., R)."""
    return np.asarray(noise.std(-1))


def welch_degrees_of_freedom(errors: FloatArray, units: IntArray) -> FloatArray:
    """Welch–Satterthwaite degrees of freedom of a sum of independent parts.

    Args:
        errors: (..., G) standard errors.
        units: (G,) the number of units behind each.

    Returns:
        (...) degrees of freedom; the smallest n − 1 where all errors are 0.
    """
    variances = errors**2
    below = (variances**2 / np.maximum(units - 1, 1)).sum(-1)
    fewest = np.full(below.shape, float(max(units.min(initial=units.max(initial=2)) - 1, 1)))
    result = fewest.copy()
    np.divide(variances.sum(-1) ** 2, below, out=result, where=below > 0)
    return np.maximum(result, fewest)


def stretch(degrees_of_freedom: FloatArray | float, level: float) -> FloatArray:
    """T quantile over normal quantile: how much longer few units make an interval."""
    upper = (1.0 + level) / 2.0
    return np.asarray(special.stdtrit(degrees_of_freedom, upper) / special.ndtri(upper))


def quantiles(values: FloatArray, probabilities: tuple[float, ...]) -> FloatArray:
    """Quantiles over the last axis, with linear interpolation: (len(probabilities), ...).

    The same as ``numpy.quantile``, which sorts where a partition is enough.
    """
    position = np.asarray(probabilities) * (values.shape[-1] - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, values.shape[-1] - 1)
    ordered = np.partition(values, np.unique([below, above]), axis=-1)
    part = position - below
    result = ordered[..., below] * (1.0 - part) + ordered[..., above] * part
    return np.asarray(np.moveaxis(result, -1, 0))


def percentile_interval(
    point: FloatArray, noise: FloatArray, *, level: float
) -> tuple[FloatArray, FloatArray]:
    """Ends of the interval around each estimate.

    Args:
        point: (...) estimates.
        noise: (..., R) deviations, already stretched.
        level: nominal coverage, such as 0.95.

    Returns:
        lower and upper ends, (...) each.
    """
    tail = (1.0 - level) / 2.0
    low, high = quantiles(noise, (tail, 1.0 - tail))
    return point + low, point + high


def smallest_detectable(error: FloatArray, *, level: float, power: float = 0.8) -> FloatArray:
    """The smallest true difference that a test of this precision would usually find.

    (z₍₁₊level₎/₂ + z_power) · standard error (Bloom 1995, minimum detectable effect).

    Args:
        error: (...) clustered standard errors of a signed difference.
        level: 1 minus the level of the two-sided test.
        power: chance to find it.
    """
    return np.asarray((special.ndtri((1 + level) / 2) + special.ndtri(power)) * error)
