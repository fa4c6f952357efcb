"""Ratings as crossed units: who said what about what, and intervals for their mean.

A mean over ratings has three kinds of interval, which answer different questions:

- over *raters* (the paper's): each rater's mean is one observation of a t distribution. It
  says what other raters would say of the *same items*.
- over *items*: items are drawn anew, the raters stay. It says what the *same raters* would
  say of other items.
- *two-way*: both are drawn anew, independently (the pigeonhole bootstrap of Owen 2007), so it
  says what other raters would say of other items, which is what a system is judged by.

Simulated (``benchmarks/rating_coverage.py``; ten worlds), 95 % intervals over raters alone
covered 69 to 95 % where items vary too, and those over items alone 58 to 98 %; the two-way
ones covered 94 to 99.8 %, the more the less the units vary.

Sources: Owen (2007), *Annals of Applied Statistics* 1(2); Korn & Graubard (1998), *Survey
Methodology* 24(2), for the effective sample size; Wilson (1927), *JASA* 22.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from equivoice.metrics.core import FloatArray, IntArray, ratio

__all__ = [
    "UNITS",
    "Crossed",
    "Range",
    "bootstrap_weights",
    "item_interval",
    "ranges",
    "rater_interval",
    "two_way_interval",
    "wilson",
]

UNITS = ("item", "rater", "rater x item")
"""What intervals are over."""

_CHUNK = 500


@dataclass(frozen=True, eq=False)
class Crossed:
    """m ratings, each of one rater about one item.

    Args:
        value: (m,) what was said, as a number: 1 for accepted or won, 0.5 for a tie.
        item: (m,) position of the item, 0 to ``items`` − 1; each has a rating.
        rater: (m,) position of the rater, 0 to ``raters`` − 1; each has a rating.
        items: how many items.
        raters: how many raters.
        low: the smallest value there can be.
        high: the largest.
    """

    value: FloatArray
    item: IntArray
    rater: IntArray
    items: int
    raters: int
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, frame: pl.DataFrame, *, low: float = 0.0, high: float = 1.0) -> Crossed:
        """Out of a table with the columns ``item``, ``rater`` and ``value``.

        Example:
            >>> rows = {"item": ["a", "a"], "rater": ["r", "s"], "value": [1.0, 0.0]}
            >>> Crossed.of(pl.DataFrame(rows)).raters
            2
        """
        codes = [
            np.unique(frame.get_column(name).fill_null("").to_numpy(), return_inverse=True)
            for name in ("item", "rater")
        ]
        (items, item), (raters, rater) = codes
        value = frame.get_column("value").to_numpy().astype(np.float64)
        return cls(
            value,
            item.astype(np.int64),
            rater.astype(np.int64),
            len(items),
            len(raters),
            low,
            high,
        )

    @property
    def mean(self) -> float:
        """The mean over ratings; NaN where there is none."""
        return float(self.value.mean()) if len(self.value) else float("nan")

    def sums(self, unit: IntArray, size: int) -> tuple[FloatArray, FloatArray]:
        """By unit, the sum of the values and how many there are."""
        total = np.bincount(unit, weights=self.value, minlength=size).astype(np.float64)
        return total, np.bincount(unit, minlength=size).astype(np.float64)

    def tables(self) -> tuple[FloatArray, FloatArray]:
        """By rater and item, the sum of the values and how many there are: (R, I) each."""
        cell = self.rater * self.items + self.item
        total, count = self.sums(cell, self.raters * self.items)
        shape = (self.raters, self.items)
        return total.reshape(shape), count.reshape(shape)


@dataclass(frozen=True)
class Range:
    """An interval with what it is over.

    Args:
        low: its lower end; ``None`` where there is none.
        high: its upper end.
        unit: one of :data:`UNITS`.
        clusters: how many of the units; of the scarcer where they are two.
        method: how it was made.
        undefined: why there is none.
    """

    low: float | None
    high: float | None
    unit: str
    clusters: int
    method: str
    undefined: str | None = None


def ranges(
    ratings: Crossed, *, level: float = 0.95, replicates: int = 10_000, seed: int = 0
) -> dict[str, Range]:
    """All intervals for the mean, by unit.

    Args:
        ratings: what was said.
        level: nominal coverage.
        replicates: of the bootstrap.
        seed: of its draws.

    Example:
        >>> rater, item = np.divmod(np.arange(40), 10)
        >>> ratings = Crossed(((item + rater) % 3 > 0).astype(float), item, rater, 10, 4)
        >>> [unit for unit, found in ranges(ratings).items() if found.undefined is None]
        ['item', 'rater', 'rater x item']
    """
    return {
        "item": item_interval(ratings, level=level),
        "rater": rater_interval(ratings, level=level),
        "rater x item": two_way_interval(ratings, level=level, replicates=replicates, seed=seed),
    }


def rater_interval(ratings: Crossed, *, level: float = 0.95) -> Range:
    """The t interval over raters' own means: mean ± t(R − 1) s / √R, cut off at the scale.

    With raters of unequal numbers of ratings its centre is the mean of their means, which
    is then not the mean over ratings.
    """
    total, count = ratings.sums(ratings.rater, ratings.raters)
    means = total / count
    method, few = "t interval over raters", _too_few(ratings.raters, "rater")
    if few is not None:
        return Range(None, None, "rater", ratings.raters, method, few)
    half = special.stdtrit(ratings.raters - 1, (1 + level) / 2) * means.std(ddof=1)
    half /= np.sqrt(ratings.raters)
    if half == 0:
        why = "all raters gave the same share, from which no spread between raters can be told"
        return Range(None, None, "rater", ratings.raters, method, why)
    return _cut(ratings, means.mean() - half, means.mean() + half, "rater", method)


def item_interval(ratings: Crossed, *, level: float = 0.95) -> Range:
    """The interval over items, whose ratings stay together.

    For shares it is Wilson's, at the effective number of ratings p (1 − p) / se² with the
    standard error over items (at most the number of ratings; the number of items where all
    ratings are equal) and a t quantile with items − 1 degrees of freedom. For other scales
    it is the t interval with that standard error.
    """
    method, few = "Wilson, effective sample size over items", _too_few(ratings.items, "item")
    if few is not None:
        return Range(None, None, "item", ratings.items, method, few)
    mean, error = ratings.mean, _error_over(ratings, ratings.item, ratings.items)
    quantile = float(special.stdtrit(ratings.items - 1, (1 + level) / 2))
    if (ratings.low, ratings.high) != (0.0, 1.0):
        low, high = mean - quantile * error, mean + quantile * error
        return _cut(ratings, low, high, "item", "t interval over items")
    spread = mean * (1 - mean)
    size = float(ratings.items) if error == 0 or spread <= 0 else spread / error**2
    low, high = wilson(mean, min(size, float(len(ratings.value))), quantile)
    return _cut(ratings, low, high, "item", method)


def two_way_interval(
    ratings: Crossed, *, level: float = 0.95, replicates: int = 10_000, seed: int = 0
) -> Range:
    """The interval over raters and items, both drawn anew and independently.

    Percentiles of the pigeonhole bootstrap: a replicate draws R raters and I items with
    replacement and weighs a rating by the product of how often both were drawn. Where all
    ratings are equal, Wilson's interval at the number of the scarcer unit.
    """
    fewest = min(ratings.raters, ratings.items)
    method = "pigeonhole bootstrap, percentiles"
    scarcer = "rater" if ratings.raters <= ratings.items else "item"
    few = _too_few(fewest, scarcer)
    if few is not None:
        return Range(None, None, "rater x item", fewest, method, few)
    if np.ptp(ratings.value) == 0:
        if (ratings.low, ratings.high) != (0.0, 1.0):
            return Range(None, None, "rater x item", fewest, method, "all ratings are equal")
        quantile = float(special.stdtrit(fewest - 1, (1 + level) / 2))
        low, high = wilson(ratings.mean, float(fewest), quantile)
        return _cut(ratings, low, high, "rater x item", f"Wilson at {fewest} {scarcer}s")
    total, count = ratings.tables()
    means = np.concatenate(
        [
            ratio(((raters @ total) * items).sum(1), ((raters @ count) * items).sum(1))
            for raters, items in bootstrap_weights(ratings, replicates, seed)
        ]
    )
    tail = (1 - level) / 2
    low, high = np.nanquantile(means, [tail, 1 - tail])
    return _cut(ratings, float(low), float(high), "rater x item", method)


def bootstrap_weights(
    ratings: Crossed, replicates: int, seed: int
) -> list[tuple[FloatArray, FloatArray]]:
    """How often raters and items are drawn, in chunks: ((r, R), (r, I)) each.

    The draws depend on the seed and the numbers of units alone.
    """
    rng = np.random.default_rng(seed)
    chunks = []
    for start in range(0, replicates, _CHUNK):
        many = min(_CHUNK, replicates - start)
        drawn = [
            rng.multinomial(size, np.full(size, 1 / size), size=many).astype(np.float64)
            for size in (ratings.raters, ratings.items)
        ]
        chunks.append((drawn[0], drawn[1]))
    return chunks


def wilson(share: float, size: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval for a share of so many (effective) observations.

    Formula: (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        share: p.
        size: n, above 0; need not be whole.
        quantile: z, such as 1.96.

    Example:
        >>> [round(end, 4) for end in wilson(221 / 320, 320, 1.959964)]
        [0.638, 0.7388]
    """
    square = quantile**2 / size
    centre = share + square / 2
    half = np.sqrt(square * share * (1 - share) + square**2 / 4)
    return float((centre - half) / (1 + square)), float((centre + half) / (1 + square))


def _error_over(ratings: Crossed, unit: IntArray, size: int) -> float:
    """The standard error of the mean with these units as clusters (ratio estimator)."""
    total, count = ratings.sums(unit, size)
    rest = total - ratings.mean * count
    return float(np.sqrt(size / (size - 1) * (rest**2).sum()) / len(ratings.value))


def _too_few(units: int, what: str) -> str | None:
    if units >= 2:
        return None
    return f"only one {what}" if units else f"no {what}"


def _cut(ratings: Crossed, low: float, high: float, unit: str, method: str) -> Range:
    clusters = {"item": ratings.items, "rater": ratings.raters}.get(
        unit, min(ratings.raters, ratings.items)
    )
    low, high = max(float(low), ratings.low), min(float(high), ratings.high)
    return Range(low, high, unit, clusters, method)
