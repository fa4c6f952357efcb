"""Metrics of valence, arousal and dominance: numbers on a scale.

x is the reference, y the prediction of an item; sums of products make means,
variances and covariances (over n, not n − 1), so groups, gaps and intervals
come as for any metric.

=======  ====================================================================
ccc      2 cov(x, y) / (var x + var y + (mean y − mean x)²), −1 to 1 (Lin 1989)
pearson  cov(x, y) / √(var x · var y), −1 to 1
rmse     √ mean (y − x)², 0 and up, in units of the scale
mae      mean |y − x|, 0 and up, in units of the scale
bias     mean (y − x), signed, in units of the scale
=======  ====================================================================

Where all references are one value, no system could agree or disagree with how
they vary: ``ccc`` and ``pearson`` are undefined (audmetric gives a ``ccc`` of 0
there). Where only the predictions are one value, ``ccc`` is 0 by its formula
and ``pearson`` is undefined.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from equivoice.errors import ConfigError
from equivoice.metrics.core import BoolArray, FloatArray, Metric, ratio

__all__ = ["ATTRIBUTES", "attribute_metrics", "attribute_statistics"]

ATTRIBUTES = ("valence", "arousal", "dominance")

_COUNT, _X, _Y, _XX, _YY, _XY, _AWAY, _SQUARED, _ABSOLUTE = range(9)
_VARIES = 1e-12
_ROUNDING = 2 * float(np.finfo(np.float64).eps)
"""A variance below so much of the mean square about the centre, and so much an item, is rounding:
a sum of n equal numbers is off by up to n times half of epsilon, and there are three such sums."""

_NO_ITEMS = "no predictions"
_ONE_REFERENCE = "fewer than two different references"
_ONE_VALUE = "fewer than two different references or predictions"


def attribute_statistics(
    reference: FloatArray, predicted: FloatArray, *, centres: tuple[float, float] | None = None
) -> FloatArray:
    """What each item adds to the sums.

    Products are of x − a and y − b with constants a and b near the means, so that
    large offsets cost no digits; the metrics do not depend on them. What one call
    gives adds up over items. Statistics of several calls add up only where the
    calls were given the same centres.

    Args:
        reference: (n,) x.
        predicted: (n,) y.
        centres: a and b; by default the means of these items.

    Returns:
        (n, 9): 1, x − a, y − b, their squares and product, y − x, (y − x)², |y − x|.

    Raises:
        ValueError: arrays of other lengths, or values that are not finite.

    Example:
        >>> import numpy as np
        >>> attribute_statistics(np.array([1.0]), np.array([3.0]), centres=(0, 0)).tolist()
        [[1.0, 1.0, 3.0, 1.0, 9.0, 3.0, 2.0, 4.0, 2.0]]
    """
    if reference.shape != predicted.shape or reference.ndim != 1:
        raise ValueError(f"arrays of other shapes: {reference.shape} and {predicted.shape}")
    if not (np.isfinite(reference).all() and np.isfinite(predicted).all()):
        raise ValueError("a value is not finite; take out items without values before")
    if centres is None:
        centres = (_middle(reference), _middle(predicted))
    x, y = reference - centres[0], predicted - centres[1]
    away = predicted - reference
    columns = (np.ones(len(x)), x, y, x**2, y**2, x * y, away, away**2, np.abs(away))
    return np.stack(columns, axis=-1)


def attribute_metrics(attribute: str) -> dict[str, Metric]:
    """The metrics of one attribute, each under its name: ``valence_ccc`` and so on.

    Args:
        attribute: one of :data:`ATTRIBUTES`.

    Raises:
        ConfigError: another attribute.

    Example:
        >>> import numpy as np
        >>> x = np.array([1.0, 2.0, 3.0, 4.0])
        >>> sums = attribute_statistics(x, x + 1).sum(0)
        >>> metrics = attribute_metrics("valence")
        >>> round(float(metrics["valence_ccc"].finish(sums)), 6)
        0.714286
        >>> float(metrics["valence_bias"].finish(sums))
        1.0
    """
    if attribute not in ATTRIBUTES:
        raise ConfigError("unknown attribute", value=attribute, choices=ATTRIBUTES)
    metrics = (
        Metric(f"{attribute}_ccc", _ccc, -1.0, 1.0, True, _ONE_REFERENCE),
        Metric(f"{attribute}_pearson", _pearson, -1.0, 1.0, True, _ONE_VALUE),
        Metric(f"{attribute}_rmse", _rmse, 0.0, np.inf, False, _NO_ITEMS),
        Metric(f"{attribute}_mae", _mean(_ABSOLUTE), 0.0, np.inf, False, _NO_ITEMS),
        Metric(f"{attribute}_bias", _mean(_AWAY), -np.inf, np.inf, None, _NO_ITEMS),
    )
    return {metric.name: metric for metric in metrics}


def _middle(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _mean(column: int) -> Callable[[FloatArray], FloatArray]:
    def finish(sums: FloatArray) -> FloatArray:
        return ratio(sums[..., column], sums[..., _COUNT])

    return finish


def _rmse(sums: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(_mean(_SQUARED)(sums)))


def _variance(sums: FloatArray, first: int, second: int) -> tuple[FloatArray, BoolArray]:
    """The variance, and whether it is more than rounding."""
    square = _mean(second)(sums)
    variance = square - _mean(first)(sums) ** 2
    least = _VARIES + _ROUNDING * sums[..., _COUNT]
    return np.maximum(variance, 0.0), np.asarray(variance > least * square)


def _covariance(sums: FloatArray) -> FloatArray:
    return _mean(_XY)(sums) - _mean(_X)(sums) * _mean(_Y)(sums)


def _ccc(sums: FloatArray) -> FloatArray:
    of_x, x_varies = _variance(sums, _X, _XX)
    of_y, y_varies = _variance(sums, _Y, _YY)
    apart = _mean(_AWAY)(sums) ** 2
    value = ratio(2 * _covariance(sums), of_x + of_y + apart)
    value = np.where(y_varies, np.clip(value, -1.0, 1.0), 0.0)
    return np.where(x_varies, value, np.nan)


def _pearson(sums: FloatArray) -> FloatArray:
    of_x, x_varies = _variance(sums, _X, _XX)
    of_y, y_varies = _variance(sums, _Y, _YY)
    value = ratio(_covariance(sums), np.sqrt(of_x) * np.sqrt(of_y))
    return np.where(x_varies & y_varies, np.clip(value, -1.0, 1.0), np.nan)
