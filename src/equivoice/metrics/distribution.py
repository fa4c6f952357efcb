"""How far predicted probabilities are from the distribution of people's votes.

Every metric is a mean over items, so groups, gaps and intervals come as for any
metric. h is the distribution of the votes over C labels, p the prediction; both
sum to 1. Logarithms are natural: the unit is the nat.

===============  ==========================================================
kld              Σ h ln(h / p), human ‖ predicted, 0 and up [code: EMO-SUPERB]
jsd              ½ Σ h ln(h / m) + ½ Σ p ln(p / m), m = (h + p) / 2, 0 to ln 2
cross_entropy    − Σ h ln p, 0 and up; its least is the entropy of the votes
soft_brier       Σ (p − h)², 0 to 2
total_variation  ½ Σ |p − h|, 0 to 1: the mass that lies elsewhere
===============  ==========================================================

``kld`` and ``cross_entropy`` have no bound where a label that people chose had
probability 0; they are then undefined, never a large number that depends on a
constant. :func:`smoothed` is the named way to give each label some mass.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from equivoice.errors import ConfigError
from equivoice.metrics.core import FloatArray, Metric, ratio

__all__ = [
    "check_distributions",
    "cross_entropies",
    "distribution_metrics",
    "distribution_statistics",
    "smoothed",
]

_COUNT, _KLD, _JSD, _CROSS, _ZEROS, _BRIER, _VARIATION = range(7)
_TO_ONE = 1e-6
_NO_ITEMS = "no predictions"
_ZERO = "a label that people chose had probability 0, so there is no bound"


def smoothed(shares: FloatArray, epsilon: float = 0.05) -> FloatArray:
    """Give each label some of the others' mass.

    Formula: q̃ = q (1 − ε) + (1 − q) ε / (C − 1) [code: Chou's thesis, EMO-SUPERB]. 1/C stays
    as it is, shares above it stay above and shares below it below, so that no decision at
    the threshold 1/C changes. A single label has no other to give to and stays as it is.

    Args:
        shares: (n, C) that sum to 1; rows of NaN (no votes) stay so.
        epsilon: ε, from 0 to less than (C − 1)/C, where all would be alike.

    Returns:
        (n, C) that sum to 1.

    Raises:
        ConfigError: ε is out of its range.

    Example:
        >>> import numpy as np
        >>> smoothed(np.eye(9))[0, :2].round(6).tolist()
        [0.95, 0.00625]
    """
    classes = shares.shape[-1]
    if not 0.0 <= epsilon < (1.0 if classes == 1 else (classes - 1) / classes):
        raise ConfigError(
            f"smoothing over {classes} labels is from 0 to less than (C − 1)/C", value=epsilon
        )
    if classes == 1:
        return shares.copy()
    return np.asarray(shares * (1.0 - epsilon) + (1.0 - shares) * (epsilon / (classes - 1)))


def check_distributions(shares: FloatArray, what: str) -> None:
    """Refuse rows that are no distributions.

    Args:
        shares: (n, C).
        what: names them in the error.

    Raises:
        ValueError: a negative share or none, or a row that does not sum to 1 within 1e-6.

    Example:
        >>> import numpy as np
        >>> check_distributions(np.array([[0.5, 0.6]]), "votes")
        Traceback (most recent call last):
        ValueError: votes: row 0 is no distribution: [0.5, 0.6]
    """
    if shares.ndim != 2:
        raise ValueError(f"{what}: a table of rows is needed, and this has shape {shares.shape}")
    good = (shares >= 0).all(-1) & (np.abs(shares.sum(-1) - 1.0) <= _TO_ONE)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(f"{what}: row {row} is no distribution: {shares[row].tolist()}")


def cross_entropies(human: FloatArray, predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """− Σ h ln p of each item over the labels with p > 0, and 1 where one with h > 0 had p = 0.

    Args:
        human: (n, C).
        predicted: (n, C).

    Returns:
        Two arrays of (n,): nats, and whether the item has no bound.

    Example:
        >>> import numpy as np
        >>> nats, unbounded = cross_entropies(np.eye(2), np.array([[0.5, 0.5], [1.0, 0.0]]))
        >>> nats.round(3).tolist(), unbounded.tolist()
        ([0.693, 0.0], [0.0, 1.0])
    """
    possible = predicted > 0
    logs = np.log(predicted, out=np.zeros(predicted.shape), where=possible)
    unbounded = np.asarray(((human > 0) & ~possible).any(-1), dtype=np.float64)
    return np.asarray(0.0 - (human * logs).sum(-1)), unbounded


def distribution_statistics(human: FloatArray, predicted: FloatArray) -> FloatArray:
    """What each item adds to the sums.

    Args:
        human: (n, C) distributions of votes.
        predicted: (n, C) probabilities.

    Returns:
        (n, 7), for :func:`distribution_metrics`.

    Raises:
        ValueError: rows that are no distributions, or tables of other shapes.
    """
    if human.shape != predicted.shape:
        raise ValueError(f"tables of other shapes: {human.shape} and {predicted.shape}")
    check_distributions(human, "votes")
    check_distributions(predicted, "probabilities")
    cross, unbounded = cross_entropies(human, predicted)
    middle = (human + predicted) / 2
    away = predicted - human
    columns = (
        np.ones(len(human)),
        _divergence(human, predicted),
        (_divergence(human, middle) + _divergence(predicted, middle)) / 2,
        cross,
        unbounded,
        (away**2).sum(-1),
        np.abs(away).sum(-1) / 2,
    )
    return np.stack(columns, axis=-1)


def distribution_metrics() -> dict[str, Metric]:
    """The metrics of the module's docstring, by name.

    Example:
        >>> import numpy as np
        >>> human, uniform = np.array([[0.2, 0.4, 0.4, 0.0]]), np.full((1, 4), 0.25)
        >>> sums = distribution_statistics(human, uniform).sum(0)
        >>> round(float(distribution_metrics()["kld"].finish(sums)), 6)
        0.331374
    """
    metrics = (
        Metric("kld", _bounded(_KLD), 0.0, np.inf, False, _ZERO),
        Metric("jsd", _mean(_JSD), 0.0, float(np.log(2)), False, _NO_ITEMS),
        Metric("cross_entropy", _bounded(_CROSS), 0.0, np.inf, False, _ZERO),
        Metric("soft_brier", _mean(_BRIER), 0.0, 2.0, False, _NO_ITEMS),
        Metric("total_variation", _mean(_VARIATION), 0.0, 1.0, False, _NO_ITEMS),
    )
    return {metric.name: metric for metric in metrics}


def _divergence(above: FloatArray, below: FloatArray) -> FloatArray:
    """Σ a ln(a / b) of each item over the labels with a and b above 0; rounding gives no < 0."""
    used = (above > 0) & (below > 0)
    logs = np.log(above, out=np.zeros(above.shape), where=used)
    np.subtract(logs, np.log(below, out=np.zeros(below.shape), where=used), out=logs)
    return np.asarray(np.maximum((np.where(used, above, 0.0) * logs).sum(-1), 0.0))


def _mean(column: int) -> Callable[[FloatArray], FloatArray]:
    def finish(sums: FloatArray) -> FloatArray:
        return ratio(sums[..., column], sums[..., _COUNT])

    return finish


def _bounded(column: int) -> Callable[[FloatArray], FloatArray]:
    """The mean, undefined as soon as one item has no bound."""

    def finish(sums: FloatArray) -> FloatArray:
        mean = ratio(sums[..., column], sums[..., _COUNT])
        return np.where(sums[..., _ZEROS] > 0, np.nan, mean)

    return finish
