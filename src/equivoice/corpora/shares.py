"""From published shares of votes back to numbers of votes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import ConfigError

__all__ = ["MOST_VOTES", "SMOOTHING", "fewest_votes", "is_smoothed", "unsmoothed"]

SMOOTHING = 0.05
"""ε of the label files of EMO-SUPERB [code]."""

MOST_VOTES = 60
_ROUNDING = 2e-5
"""The files have six digits."""


def is_smoothed(shares: NDArray[np.float64], epsilon: float = SMOOTHING) -> bool:
    """Whether shares were smoothed: the smallest is what smoothing makes of 0.

    Args:
        shares: (n, C), rows that sum to 1.
        epsilon: ε of p(1 − ε) + (1 − p) ε/(C − 1).

    Example:
        >>> is_smoothed(np.array([[0.95, 0.00625] + [0.00625] * 7]))
        True
    """
    classes = shares.shape[1]
    return classes > 1 and bool(abs(shares.min() - epsilon / (classes - 1)) <= _ROUNDING)


def unsmoothed(shares: NDArray[np.float64], epsilon: float = SMOOTHING) -> NDArray[np.float64]:
    """The shares before smoothing: (p̃ − ε/(C − 1)) / (1 − ε − ε/(C − 1)).

    Args:
        shares: (n, C), smoothed by p(1 − ε) + (1 − p) ε/(C − 1) [code: EMO-SUPERB].
        epsilon: ε, from 0 to below (C − 1)/C, where smoothing takes all apart.

    Raises:
        ConfigError: ε is out of its range.

    Example:
        >>> unsmoothed(np.array([[0.386, 0.574, 0.01, 0.01, 0.01, 0.01]])).round(6).tolist()
        [[0.4, 0.6, 0.0, 0.0, 0.0, 0.0]]
    """
    classes = shares.shape[1]
    if not 0 <= epsilon < (classes - 1) / classes:
        raise ConfigError("smoothing takes all differences away", value=epsilon)
    spread = epsilon / (classes - 1) if classes > 1 else 0.0
    return (shares - spread) / (1 - epsilon - spread)


def fewest_votes(shares: NDArray[np.float64], most: int = MOST_VOTES) -> NDArray[np.int64]:
    """The smallest whole numbers that have these shares.

    The number of raters cannot be told from shares: two of four look like one of two.

    Args:
        shares: (n, C), rows that sum to 1, exact to 5 digits.
        most: the largest number of votes that is tried.

    Returns:
        (n, C) counts; zeros where no number of votes up to ``most`` has these shares.

    Example:
        >>> fewest_votes(np.array([[0.4, 0.6], [0.5, 0.5], [0.33, 0.67]]), most=12).tolist()
        [[2, 3], [1, 1], [0, 0]]
    """
    counts = np.zeros(shares.shape, dtype=np.int64)
    open_rows = np.arange(len(shares))
    for total in range(1, most + 1):
        tried = np.rint(shares[open_rows] * total)
        fits = np.abs(tried / total - shares[open_rows]).max(axis=1, initial=0.0) <= _ROUNDING
        fits &= tried.sum(axis=1) == total
        counts[open_rows[fits]] = tried[fits].astype(np.int64)
        open_rows = open_rows[~fits]
    return counts
