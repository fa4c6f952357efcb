"""Calibration: how far probabilities can be taken at their word.

Every measure is a function of sums over items, so groups, intervals and tests
come as for any metric. Probabilities are over K labels and sum to 1.

=================  =============================================================
brier              mean over items of Σ over labels (p − 1[reference])², 0 to 2
log_loss           mean of −ln p(reference); undefined where a reference had p = 0
mean_confidence    mean probability of the most probable label
overconfidence     mean confidence − accuracy of the most probable label, signed
outside            mean probability outside the options, before dividing by the rest
ece                Σ over bins of share × |accuracy − confidence|, bins of equal width
ece_equal_mass     the same over bins with equally many items
rms_calibration    root of the mean squared error over bins of equal mass, freed of
                   the part that chance adds (Kumar et al. 2019)
reliability        share of right answers in each bin of equal width
bin_confidence     mean confidence in each of them
bin_share          share of the items in each of them
=================  =============================================================

The reference is a label, or the distribution q of people's votes. "Right" is
then the share of the votes that the most probable label got, the Brier score
mean Σ (p − q)², the log loss the cross entropy mean −Σ q ln p; neither can reach
0 where people do not agree. A label is the distribution with all mass on it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from equivoice.metrics.core import FloatArray, IntArray, Metric, ratio
from equivoice.metrics.distribution import check_distributions, cross_entropies

__all__ = [
    "BIN_NAMES",
    "CALIBRATION_BINS",
    "binned_calibration_metrics",
    "calibration_metrics",
    "calibration_statistics",
    "equal_mass_bins",
    "equal_width_bins",
    "reliability_metrics",
]

CALIBRATION_BINS = 10
BIN_NAMES = tuple(
    f"{low / CALIBRATION_BINS:g} to {(low + 1) / CALIBRATION_BINS:g}"
    for low in range(CALIBRATION_BINS)
)
_COUNT, _BRIER, _LOG, _ZEROS, _SURE, _RIGHT, _OUTSIDE = range(7)
_PLAIN = 7
_PARTS = 7
"""Items, confidence and right answers in bins of equal width, the same in bins of equal mass,
and there the squares of right answers."""
_NO_ITEMS = "no predictions"
_ZERO = "a reference label had probability 0, so the log loss has no bound"


def equal_width_bins(confidence: FloatArray) -> IntArray:
    """The bin of each confidence among ten of equal width from 0 to 1.

    Example:
        >>> import numpy as np
        >>> equal_width_bins(np.array([0.0, 0.55, 1.0])).tolist()
        [0, 5, 9]
    """
    return np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def equal_mass_bins(confidence: FloatArray) -> IntArray:
    """The bin of each confidence among ten of equally many items; equal ones stay together.

    Example:
        >>> import numpy as np
        >>> equal_mass_bins(np.array([0.2, 0.9, 0.9, 0.4])).tolist()
        [0, 6, 6, 2]
    """
    ordered = np.sort(confidence)
    below = np.searchsorted(ordered, confidence, side="left")
    upto = np.searchsorted(ordered, confidence, side="right")
    middle = (below + upto - 1) / 2 / max(len(confidence), 1)
    return np.minimum((middle * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def calibration_statistics(
    shares: FloatArray, reference: IntArray | FloatArray, outside: FloatArray
) -> FloatArray:
    """What each item adds to the sums.

    Args:
        shares: (n, K) probabilities that sum to 1.
        reference: (n,) codes from 0 to K − 1, or (n, K) distributions of votes.
        outside: (n,) mass outside the options, from 0 to 1.

    Returns:
        (n, S), for :func:`calibration_metrics` and :func:`binned_calibration_metrics`.

    Raises:
        ValueError: votes that are no distributions over K labels.

    Example:
        >>> import numpy as np
        >>> votes, shares = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
        >>> sums = calibration_statistics(shares, votes, np.zeros(1)).sum(0)
        >>> round(float(calibration_metrics()["overconfidence"].finish(sums)), 3)
        0.4
    """
    n = len(shares)
    rows = np.arange(n)
    human = _as_distributions(reference, shares.shape)
    chosen = shares.argmax(-1)
    sure = shares[rows, chosen]
    right = human[rows, chosen]
    log, unbounded = cross_entropies(human, shares)
    brier = ((shares - human) ** 2).sum(-1)
    table = np.zeros((n, _PLAIN + _PARTS * CALIBRATION_BINS))
    table[:, :_PLAIN] = np.stack([np.ones(n), brier, log, unbounded, sure, right, outside], axis=-1)
    widths, masses = equal_width_bins(sure), equal_mass_bins(sure)
    placed = [(place, each) for place in (widths, masses) for each in (1.0, sure, right)]
    for part, (place, values) in enumerate([*placed, (masses, right**2)]):
        table[rows, _PLAIN + part * CALIBRATION_BINS + place] = values
    return table


def calibration_metrics() -> dict[str, Metric]:
    """The measures that are means over items: they have groups, gaps and intervals.

    Example:
        >>> import numpy as np
        >>> shares = np.array([[0.8, 0.2], [0.6, 0.4]])
        >>> sums = calibration_statistics(shares, np.array([0, 1]), np.zeros(2)).sum(0)
        >>> metrics = calibration_metrics()
        >>> [round(float(metrics[name].finish(sums)), 3) for name in ("brier", "overconfidence")]
        [0.4, 0.2]
    """
    return {
        metric.name: metric
        for metric in (
            Metric("brier", _mean(_BRIER), 0.0, 2.0, False, _NO_ITEMS),
            Metric("log_loss", _log_loss, 0.0, np.inf, False, _ZERO),
            Metric("mean_confidence", _mean(_SURE), 0.0, 1.0, None, _NO_ITEMS),
            Metric("overconfidence", _overconfidence, -1.0, 1.0, None, _NO_ITEMS),
            Metric("outside", _mean(_OUTSIDE), 0.0, 1.0, None, _NO_ITEMS),
        )
    }


def binned_calibration_metrics() -> dict[str, Metric]:
    """The measures over bins. Chance makes the first two larger, the more so the fewer items."""
    return {
        metric.name: metric
        for metric in (
            Metric("ece", _ece(0), 0.0, 1.0, False, _NO_ITEMS),
            Metric("ece_equal_mass", _ece(1), 0.0, 1.0, False, _NO_ITEMS),
            Metric("rms_calibration", _rms, 0.0, 1.0, False, "no bin holds two predictions"),
        )
    }


def reliability_metrics() -> dict[str, Metric]:
    """What stands in each bin of equal width, in the order of :data:`BIN_NAMES`.

    Example:
        >>> import numpy as np
        >>> shares = np.array([[0.85, 0.15], [0.85, 0.15]])
        >>> sums = calibration_statistics(shares, np.array([0, 1]), np.zeros(2)).sum(0)
        >>> float(reliability_metrics()["reliability"].finish(sums)[8])
        0.5
    """

    def metric(name: str, finish: Callable[[FloatArray], FloatArray]) -> Metric:
        return Metric(name, finish, 0.0, 1.0, None, "no answer in this bin", per_class=True)

    def of_items(part: int) -> Callable[[FloatArray], FloatArray]:
        return lambda sums: ratio(_bins(sums, 0)[part], _bins(sums, 0)[0])

    def share(sums: FloatArray) -> FloatArray:
        return ratio(_bins(sums, 0)[0], sums[..., _COUNT, np.newaxis])

    metrics = (
        metric("reliability", of_items(2)),
        metric("bin_confidence", of_items(1)),
        metric("bin_share", share),
    )
    return {each.name: each for each in metrics}


def _as_distributions(reference: IntArray | FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Votes as they are, a label as all mass on it."""
    if reference.ndim == 1:
        return np.asarray(np.eye(shape[-1])[reference.astype(np.int64)])
    if reference.shape != shape:
        raise ValueError(f"votes of shape {reference.shape} for probabilities of shape {shape}")
    check_distributions(reference.astype(np.float64), "votes")
    return reference.astype(np.float64)


def _mean(column: int) -> Callable[[FloatArray], FloatArray]:
    def finish(sums: FloatArray) -> FloatArray:
        return ratio(sums[..., column], sums[..., _COUNT])

    return finish


def _log_loss(sums: FloatArray) -> FloatArray:
    return np.where(sums[..., _ZEROS] > 0, np.nan, ratio(sums[..., _LOG], sums[..., _COUNT]))


def _overconfidence(sums: FloatArray) -> FloatArray:
    return ratio(sums[..., _SURE] - sums[..., _RIGHT], sums[..., _COUNT])


def _bins(sums: FloatArray, part: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Items, confidence and right answers of each bin."""
    size = CALIBRATION_BINS
    start = _PLAIN + 3 * part * size
    own = sums[..., start : start + 3 * size]
    return own[..., :size], own[..., size : 2 * size], own[..., 2 * size :]


def _ece(part: int) -> Callable[[FloatArray], FloatArray]:
    def finish(sums: FloatArray) -> FloatArray:
        _, sure, right = _bins(sums, part)
        return ratio(np.abs(right - sure).sum(-1), sums[..., _COUNT])

    return finish


def _rms(sums: FloatArray) -> FloatArray:
    """Per bin (accuracy − confidence)² less the variance of an accuracy of so many items.

    That variance is the sample's; for answers that are right or wrong it is a (1 − a) / (n − 1).
    """
    items, sure, right = _bins(sums, 1)
    squares = sums[..., _PLAIN + (_PARTS - 1) * CALIBRATION_BINS :]
    several = items > 1
    share = ratio(right, items)
    spread = np.maximum(ratio(squares, items) - share**2, 0.0)
    excess = (share - ratio(sure, items)) ** 2 - ratio(spread, items - 1)
    used = np.where(several, items, 0.0)
    total = np.where(several, items * np.nan_to_num(excess), 0.0).sum(-1)
    return np.asarray(np.sqrt(np.maximum(ratio(total, used.sum(-1)), 0.0)))
