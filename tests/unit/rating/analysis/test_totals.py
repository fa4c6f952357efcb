"""Printed shares: what their totals and intervals allow, against sums by hand and scipy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from equivoice.rating.analysis.crossed import Crossed, item_interval, rater_interval
from equivoice.rating.analysis.totals import (
    PrintedShare,
    binomial_size,
    independent,
    readings,
    widest_over_items,
)

TESTS = (
    PrintedShare("Test I", 221, 10, 32, 0.589, 0.792),
    PrintedShare("Test II", 127, 10, 32, 0.302, 0.492),
)


@pytest.mark.parametrize("printed", TESTS, ids=lambda each: each.name)
def test_independent_judgments_have_scipys_interval(printed: PrintedShare) -> None:
    ends = stats.binomtest(printed.count, 320).proportion_ci(0.95, "wilson")
    assert independent(printed) == pytest.approx((ends.low, ends.high))
    # so the printed interval, nearly twice as long, is not of independent judgments
    assert printed.high - printed.low > 1.7 * (ends.high - ends.low)


@pytest.mark.parametrize("printed", TESTS, ids=lambda each: each.name)
def test_the_printed_interval_can_be_over_raters_and_can_be_over_items(
    printed: PrintedShare,
) -> None:
    """Each reading names counts; the plain t interval of these counts rounds to what is printed."""
    for reading, units, each in zip(readings(printed), (10, 32), (32, 10), strict=True):
        assert reading.counts is not None
        shares = np.array(reading.counts) / each
        assert len(shares) == reading.units == units
        assert sum(reading.counts) == printed.count
        assert 0 <= min(reading.counts) <= max(reading.counts) <= each
        low, high = stats.t.interval(0.95, units - 1, shares.mean(), stats.sem(shares))
        assert (round(low, 3), round(high, 3)) == (printed.low, printed.high)
        assert shares.std(ddof=1) == pytest.approx(reading.spread, abs=0.001)
        assert reading.spread > reading.by_chance


def test_the_counts_of_raters_give_the_interval_through_our_own_analysis_too() -> None:
    over_raters, _ = readings(TESTS[0])
    assert over_raters.counts is not None
    values = np.array([[1.0] * k + [0.0] * (32 - k) for k in over_raters.counts])
    rater, item = np.divmod(np.arange(320), 32)
    ratings = Crossed(values.ravel(), item, rater, 32, 10)
    found = rater_interval(ratings)
    assert found.low == pytest.approx(0.589, abs=0.0005)
    assert found.high == pytest.approx(0.792, abs=0.0005)
    assert item_interval(ratings).low is not None


def test_raters_who_always_agree_are_one_rater() -> None:
    values = np.tile([1.0] * 22 + [0.0] * 10, (10, 1))
    rater, item = np.divmod(np.arange(320), 32)
    found = item_interval(Crossed(values.ravel(), item, rater, 32, 10))
    printed = PrintedShare("alike", 220, 10, 32, 0.5, 0.85)
    low, high = widest_over_items(printed)
    # the standard error over items has 31 below, not 32
    assert found.low == pytest.approx(low, abs=0.005)
    assert found.high == pytest.approx(high, abs=0.005)


def test_a_spread_that_counts_cannot_have_is_impossible() -> None:
    narrow = replace(TESTS[0], low=0.69, high=0.691)  # smaller than whole numbers allow
    over_raters, _ = readings(narrow)
    assert over_raters.counts is None
    wide = replace(TESTS[0], low=0.1, high=1.2812)  # larger than raters can differ
    over_raters, _ = readings(wide)
    assert over_raters.counts is None


def test_independent_judgments_of_a_normal_interval() -> None:
    few, many = binomial_size(0.9, 0.875, 0.924)
    for size, inside in ((few - 2, False), (few + 1, True), (many - 1, True), (many + 2, False)):
        half = 1.959964 * np.sqrt(0.09 / size)
        assert (0.0240 <= half <= 0.0250) == inside
