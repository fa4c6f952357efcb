"""McNemar's exact test: do two systems err equally often on the same items?"""

from __future__ import annotations

from scipy.stats import binom

__all__ = ["mcnemar"]


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p value of "both are right equally often", by the binomial distribution.

    Only items on which exactly one of the two is right tell anything. Items count as
    independent; where several come from one speaker they are not, and p is too small:
    a test over speakers goes before this one.

    Args:
        only_first: items on which only the first system is right.
        only_second: items on which only the second is.

    Returns:
        p from 0 to 1; 1 where the two are right on the same items.

    Raises:
        ValueError: a negative number.

    Source:
        McNemar 1947, Psychometrika 12(2); the exact form is a sign test.

    Example:
        >>> round(mcnemar(8, 2), 6)   # 2 (1 + 10 + 45) / 2**10
        0.109375
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"a number of items is negative: {only_first}, {only_second}")
    fewer, both = min(only_first, only_second), only_first + only_second
    return min(1.0, 2.0 * float(binom.cdf(fewer, both, 0.5)))
