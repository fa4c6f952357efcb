"""Intervals over items, raters and both, against sums by hand, scipy and closed forms."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from equivoice.rating.analysis.crossed import (
    UNITS,
    Crossed,
    bootstrap_weights,
    item_interval,
    ranges,
    rater_interval,
    two_way_interval,
    wilson,
)


def table(values: np.ndarray, *, low: float = 0.0, high: float = 1.0) -> Crossed:
    """Ratings of a full table, raters down and items across."""
    raters, items = values.shape
    rater, item = np.divmod(np.arange(values.size), items)
    return Crossed(values.ravel().astype(float), item, rater, items, raters, low, high)


def world(seed: int, raters: int = 10, items: int = 32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    taste = rng.normal(0, 0.4, (raters, 1)) + rng.normal(0, 0.6, (1, items)) + 0.6
    return (taste + rng.normal(0, 1, (raters, items)) > 0).astype(float)


def test_the_interval_over_raters_is_the_t_interval_of_their_means() -> None:
    values = world(1)
    found = rater_interval(table(values))
    means = values.mean(1)
    low, high = stats.t.interval(0.95, 9, means.mean(), stats.sem(means))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.unit, found.clusters, found.undefined) == ("rater", 10, None)


def test_the_interval_over_raters_gives_the_papers_figures() -> None:
    """Test I: ten raters, 221 of 320, [58.9, 79.2] with a spread of 14.2 points."""
    shares = np.array([30, 17, 27, 18, 27, 18, 26, 18, 23, 17])
    values = np.array([[1.0] * k + [0.0] * (32 - k) for k in shares])
    found = rater_interval(table(values))
    assert values.sum() == 221
    assert found.low is not None
    assert found.high is not None
    by_hand = 2.262157 * (shares / 32).std(ddof=1) / np.sqrt(10)
    assert (found.low + found.high) / 2 == pytest.approx(221 / 320)
    assert (found.high - found.low) / 2 == pytest.approx(by_hand)


def test_raters_of_unequal_numbers_count_the_same() -> None:
    frame = pl.DataFrame(
        {
            "item": ["a", "b", "c", "d", "a"],
            "rater": ["r", "r", "r", "r", "s"],
            "value": [1.0, 1.0, 0.0, 0.0, 1.0],
        }
    )
    found = rater_interval(Crossed.of(frame), level=0.5)
    assert found.low is not None
    assert found.high is not None
    # means .5 and 1; t(1) at 75 % is 1; s/√2 = .25
    assert (found.low, found.high) == pytest.approx((0.5, 1.0))


def test_the_interval_over_items_is_wilsons_at_the_effective_size() -> None:
    values = world(2)
    means = values.mean(0)
    share, error = values.mean(), means.std(ddof=1) / np.sqrt(32)
    found = item_interval(table(values))
    size = share * (1 - share) / error**2
    quantile = stats.t.ppf(0.975, 31)
    # the ends solve (p − x)² = q² x (1 − x) / n
    assert found.low is not None
    assert found.high is not None
    for end in (found.low, found.high):
        assert (share - end) ** 2 == pytest.approx(quantile**2 * end * (1 - end) / size)
    assert size < 320


def test_one_rater_and_items_alike_give_scipys_wilson_but_for_the_t_quantile() -> None:
    values = np.array([[1.0] * 90 + [0.0] * 30])
    found = item_interval(table(values))
    low, high = wilson(0.75, 119.0, float(stats.t.ppf(0.975, 119)))  # se² has n − 1 below
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize(("wins", "of"), [(221, 320), (127, 320), (0, 10), (10, 10)])
def test_wilson_is_scipys(wins: int, of: int) -> None:
    ends = stats.binomtest(wins, of).proportion_ci(0.95, "wilson")
    assert wilson(wins / of, of, stats.norm.ppf(0.975)) == pytest.approx((ends.low, ends.high))


def test_ties_do_not_shorten_an_interval_below_the_number_of_ratings() -> None:
    found = item_interval(table(np.full((1, 50), 0.5) + np.eye(1, 50) * 0.5))
    low, high = wilson(0.51, 50.0, float(stats.t.ppf(0.975, 49)))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_where_all_agree_there_is_an_interval_all_the_same() -> None:
    ratings = table(np.ones((3, 12)))
    item, both = item_interval(ratings), two_way_interval(ratings)
    assert item.low == pytest.approx(wilson(1.0, 12.0, float(stats.t.ppf(0.975, 11)))[0])
    assert item.high == pytest.approx(1.0)
    assert both.low == pytest.approx(wilson(1.0, 3.0, float(stats.t.ppf(0.975, 2)))[0])
    assert both.method == "Wilson at 3 raters"
    raters = rater_interval(ratings)
    assert raters.low is None
    assert "same share" in str(raters.undefined)


def test_the_two_way_bootstrap_is_what_its_definition_says() -> None:
    """Each replicate by plain loops: draw raters and items, take the mean of what meets."""
    rng = np.random.default_rng(0)
    values = world(3, raters=4, items=6)
    full = table(values)
    kept = rng.random(24) > 0.2
    ratings = Crossed(full.value[kept], full.item[kept], full.rater[kept], 6, 4)
    means = []
    for raters, items in zip(
        *(np.concatenate(part) for part in zip(*bootstrap_weights(ratings, 700, 5), strict=True)),
        strict=True,
    ):
        said = [
            value
            for value, rater, item in zip(ratings.value, ratings.rater, ratings.item, strict=True)
            for _ in range(int(raters[rater] * items[item]))
        ]
        means.append(np.mean(said) if said else np.nan)
    found = two_way_interval(ratings, replicates=700, seed=5)
    assert (found.low, found.high) == pytest.approx(tuple(np.nanquantile(means, [0.025, 0.975])))


def test_the_weights_draw_each_unit_as_often_as_units_are() -> None:
    (raters, items), *_ = bootstrap_weights(table(world(0)), 10, seed=1)
    assert raters.shape == (10, 10)
    assert items.shape == (10, 32)
    assert set(raters.sum(1)) == {10.0}
    assert set(items.sum(1)) == {32.0}


def test_two_way_is_wider_than_either_where_both_vary() -> None:
    found = ranges(table(world(4)), replicates=2000)
    widths = {unit: each.high - each.low for unit, each in found.items()}  # type: ignore[operator]
    assert widths["rater x item"] > max(widths["item"], widths["rater"])
    assert tuple(found) == UNITS


def test_a_scale_has_t_intervals_within_its_ends() -> None:
    values = np.array([[1.0, 5, 4, 4, 2, 5], [2, 5, 5, 4, 1, 5]])
    found = item_interval(table(values, low=1, high=5))
    means = values.mean(0)
    low, high = stats.t.interval(0.95, 5, means.mean(), stats.sem(means))
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(min(high, 5.0))
    assert found.method == "t interval over items"
    equal = two_way_interval(table(np.full((2, 3), 4.0), low=1, high=5))
    assert equal.undefined == "all ratings are equal"


def test_single_units_have_no_interval_and_say_so() -> None:
    one_rater = ranges(table(world(5, raters=1)), replicates=50)
    assert one_rater["rater"].undefined == one_rater["rater x item"].undefined == "only one rater"
    assert one_rater["item"].undefined is None
    one_item = ranges(table(world(5, items=1)), replicates=50)
    assert one_item["item"].undefined == one_item["rater x item"].undefined == "only one item"


def test_equal_seeds_give_equal_intervals() -> None:
    ratings = table(world(6))
    assert two_way_interval(ratings, replicates=300, seed=1) == two_way_interval(
        ratings, replicates=300, seed=1
    )
    assert two_way_interval(ratings, replicates=300, seed=2) != two_way_interval(
        ratings, replicates=300, seed=1
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 9))
def test_intervals_hold_their_mean_and_turn_with_the_values(
    seed: int, raters: int, items: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 3, (raters, items)) / 2
    for found, mirrored in zip(
        ranges(table(values), replicates=40).values(),
        ranges(table(1 - values), replicates=40).values(),
        strict=True,
    ):
        if found.low is None or found.high is None:
            assert mirrored.undefined == found.undefined
            continue
        assert 0 <= found.low <= found.high <= 1
        assert mirrored.low is not None
        assert mirrored.high is not None
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high))
        if found.unit != "rater x item":  # percentiles of 40 replicates may miss it
            assert found.low - 1e-12 <= values.mean() <= found.high + 1e-12
