"""What a printed share with its interval can and cannot be, where no ratings are published.

From a total (221 of 320 by ten raters on 32 items) alone follow the interval that holds if
all judgments were independent, and the widest one over items: that of raters who always
agree, so that there are as many observations as items. A printed t interval tells the
spread that it was made with; whether whole-number counts of raters, or of items, can have
that spread says which unit the interval *can* be over.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scipy import special

from equivoice.rating.analysis.crossed import wilson

__all__ = [
    "PrintedShare",
    "Reading",
    "binomial_size",
    "independent",
    "readings",
    "widest_over_items",
]


@dataclass(frozen=True)
class PrintedShare:
    """A share as it was printed.

    Args:
        name: what it is of.
        count: how many judgments.
        raters: how many raters.
        items: how many items each of them judged.
        low: the lower end as printed, a fraction of 1.
        high: the upper end as printed.
        digits: behind the point of the printed percentages.
    """

    name: str
    count: int
    raters: int
    items: int
    low: float
    high: float
    digits: int = 1

    @property
    def of(self) -> int:
        """How many judgments there are."""
        return self.raters * self.items

    @property
    def share(self) -> float:
        """The share."""
        return self.count / self.of

    def half_widths(self) -> tuple[float, float]:
        """The smallest and the largest half width that round to both printed ends."""
        slack = 0.5 * 10.0 ** -(self.digits + 2)
        below, above = self.share - self.low, self.high - self.share
        return max(below, above) - slack, min(below, above) + slack


@dataclass(frozen=True)
class Reading:
    """A printed t interval, read as one over a unit.

    Args:
        unit: ``rater`` or ``item``.
        units: how many.
        spread: the standard deviation of the units' shares that it implies.
        by_chance: the standard deviation that they would have by chance alone, if all units
            had the same true share.
        counts: whole numbers, one a unit, that add up to the count and give the printed
            interval; ``None`` where there are none.
    """

    unit: str
    units: int
    spread: float
    by_chance: float
    counts: tuple[int, ...] | None


def independent(printed: PrintedShare, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval as if no two judgments shared a rater or an item.

    Example:
        >>> test_one = PrintedShare("acceptance", 221, 10, 32, 0.589, 0.792)
        >>> [round(end, 3) for end in independent(test_one)]
        [0.638, 0.739]
    """
    return wilson(printed.share, printed.of, float(special.ndtri((1 + level) / 2)))


def widest_over_items(printed: PrintedShare, *, level: float = 0.95) -> tuple[float, float]:
    """The interval over items if raters always agree: Wilson's at the number of items.

    Example:
        >>> test_one = PrintedShare("acceptance", 221, 10, 32, 0.589, 0.792)
        >>> [round(end, 3) for end in widest_over_items(test_one)]
        [0.51, 0.827]
    """
    quantile = float(special.stdtrit(printed.items - 1, (1 + level) / 2))
    return wilson(printed.share, printed.items, quantile)


def readings(printed: PrintedShare, *, level: float = 0.95) -> tuple[Reading, Reading]:
    """The printed interval read as a t interval over raters, and as one over items.

    Example:
        >>> test_one = PrintedShare("acceptance", 221, 10, 32, 0.589, 0.792)
        >>> over_raters, over_items = readings(test_one)
        >>> round(over_raters.spread, 3), round(over_raters.by_chance, 3), over_raters.counts
        (0.142, 0.082, (13, 21, 21, 22, 22, 22, 22, 22, 24, 32))
    """
    return (
        _reading(printed, "rater", printed.raters, printed.items, level),
        _reading(printed, "item", printed.items, printed.raters, level),
    )


def binomial_size(share: float, low: float, high: float, *, digits: int = 1) -> tuple[int, int]:
    """How many independent judgments a printed normal interval of a share can be of.

    Formula: n = z² p (1 − p) / h² for half widths h that round to the printed ends.

    Example:
        >>> binomial_size(0.90, 0.875, 0.924)
        (553, 600)
    """
    slack = 0.5 * 10.0 ** -(digits + 2)
    half = (high - low) / 2
    square = float(special.ndtri(0.975)) ** 2 * share * (1 - share)
    return round(square / (half + slack) ** 2), round(square / (half - slack) ** 2)


def _reading(printed: PrintedShare, unit: str, units: int, each: int, level: float) -> Reading:
    quantile = float(special.stdtrit(units - 1, (1 + level) / 2))
    narrow, wide = printed.half_widths()
    spreads = [half * sqrt(units) / quantile for half in (narrow, wide)]
    squares = [(units - 1) * (spread * each) ** 2 + printed.count**2 / units for spread in spreads]
    return Reading(
        unit,
        units,
        sum(spreads) / 2,
        sqrt(printed.share * (1 - printed.share) / each),
        _whole_numbers(printed.count, units, each, squares[0], squares[1]),
    )


def _whole_numbers(
    total: int, units: int, each: int, low: float, high: float
) -> tuple[int, ...] | None:
    """Numbers from 0 to ``each`` with this total, the sum of whose squares lies in a range.

    From numbers as equal as can be, ones are moved from a smaller to a larger number, each
    time where the squares grow most without passing the range.
    """
    counts = sorted(total // units + (at < total % units) for at in range(units))
    while sum(count**2 for count in counts) < low:
        room = high - sum(count**2 for count in counts)
        moves = [
            (2 * (counts[to] - counts[source] + 1), source, to)
            for source in range(units)
            for to in range(units)
            if source != to and counts[to] >= counts[source] > 0 and counts[to] < each
        ]
        possible = [move for move in moves if move[0] <= room]
        if not possible:
            return None
        _, source, to = max(possible)
        counts[source] -= 1
        counts[to] += 1
        counts.sort()
    within = sum(count**2 for count in counts) <= high
    return tuple(counts) if within else None
