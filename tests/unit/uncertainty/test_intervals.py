"""Quantiles, deviations, degrees of freedom and detectable differences, by other people's hands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from equivoice.uncertainty import (
    deviations,
    percentile_interval,
    quantiles,
    smallest_detectable,
    standard_error,
    stretch,
    welch_degrees_of_freedom,
)
from oracles.codes import EXAMPLES

NUMBERS = st.floats(-1, 1, width=32)


class TestQuantiles:
    @EXAMPLES
    @given(
        hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3), elements=NUMBERS),
        st.lists(st.floats(0, 1), min_size=1, max_size=4),
    )
    def test_numpys_over_the_last_axis(self, values: np.ndarray, shares: list[float]) -> None:
        expected = np.quantile(values, shares, axis=-1)
        np.testing.assert_allclose(quantiles(values, tuple(shares)), expected, atol=1e-12)

    def test_the_values_are_left_as_they_were(self) -> None:
        values = np.array([3.0, 1.0, 2.0])
        quantiles(values, (0.5,))
        assert values.tolist() == [3.0, 1.0, 2.0]

    def test_ends(self) -> None:
        values = np.array([[3.0, 1.0, 2.0]])
        assert quantiles(values, (0.0, 1.0)).tolist() == [[1.0], [3.0]]

    def test_one_replicate(self) -> None:
        assert quantiles(np.array([4.0]), (0.025, 0.975)).tolist() == [4.0, 4.0]

    def test_undefined_values_give_an_undefined_quantile(self) -> None:
        assert np.isnan(quantiles(np.full((2, 10), np.nan), (0.5,))).all()


class TestDeviations:
    def test_centred_and_with_the_variance_of_n_minus_1(self) -> None:
        replicates = np.random.default_rng(0).normal(3, 2, (4, 1000))
        found = deviations(replicates, 5)
        np.testing.assert_allclose(np.median(found, axis=-1), 0, atol=1e-12)
        np.testing.assert_allclose(found.var(-1), replicates.var(-1) * 5 / 4, rtol=1e-12)

    def test_resamples_that_lose_a_class_do_not_move_the_rest(self) -> None:
        """URDU: unweighted accuracy was 25.0 with the interval [25.6, 25.6]."""
        replicates = np.r_[np.full(98, 0.25), np.full(2, 1 / 3)]
        assert (deviations(replicates, 30)[:98] == 0).all()

    def test_units_by_group(self) -> None:
        replicates = np.random.default_rng(0).normal(size=(2, 3, 100))
        found = deviations(replicates, np.array([[2], [10]]))
        ratio = found.std(-1) / replicates.std(-1)
        np.testing.assert_allclose(ratio[0], math.sqrt(2))
        np.testing.assert_allclose(ratio[1], math.sqrt(10 / 9))

    def test_a_few_undefined_replicates_do_not_move(self) -> None:
        replicates = np.r_[np.full(5, np.nan), np.linspace(0, 1, 95)]
        found = deviations(replicates, 1_000_000)
        assert (found[:5] == 0).all()
        np.testing.assert_allclose(found[5:], replicates[5:] - 0.5, atol=1e-6)

    @pytest.mark.parametrize(("lost", "kept"), [(5, True), (6, False), (100, False)])
    def test_more_than_five_per_cent_undefined_give_nothing(self, lost: int, kept: bool) -> None:
        replicates = np.arange(100.0)
        replicates[:lost] = np.nan
        assert np.isfinite(deviations(replicates, 10)).all() == kept
        assert np.isnan(deviations(replicates, 10)).all() != kept

    def test_the_rule_is_applied_row_by_row(self) -> None:
        replicates = np.vstack([np.arange(100.0), np.full(100, np.nan)])
        found = deviations(replicates, 10)
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[1]).all()

    def test_one_unit_without_spread_has_no_noise(self) -> None:
        np.testing.assert_allclose(deviations(np.full((1, 50), 0.7), 1), 0, atol=1e-9)


class TestDegreesOfFreedom:
    @EXAMPLES
    @given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 999))
    def test_two_groups_as_welchs_t_test(self, n: int, m: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        one, other = rng.normal(0, 1, n), rng.normal(0, rng.uniform(0.1, 5), m)
        expected = stats.ttest_ind(one, other, equal_var=False).df
        errors = np.array([stats.sem(one), stats.sem(other)])
        assert welch_degrees_of_freedom(errors, np.array([n, m])) == pytest.approx(expected)

    def test_never_fewer_than_the_smallest_group_gives(self) -> None:
        errors = np.array([1.0, 1e-9])
        assert welch_degrees_of_freedom(errors, np.array([5, 100])) == pytest.approx(4.0)

    def test_equal_groups_of_equal_spread_add_up(self) -> None:
        found = welch_degrees_of_freedom(np.ones((3, 4)), np.full(4, 6))
        assert found.tolist() == pytest.approx([20.0] * 3)

    def test_without_any_spread_the_smallest_group_counts(self) -> None:
        assert welch_degrees_of_freedom(np.zeros(2), np.array([7, 4])) == 3.0

    def test_a_group_of_one_has_a_degree_of_freedom_at_least(self) -> None:
        assert welch_degrees_of_freedom(np.zeros(2), np.array([1, 1])) == 1.0

    def test_no_groups(self) -> None:
        welch_degrees_of_freedom(np.zeros((1, 0)), np.zeros(0, dtype=np.int64))


class TestStretch:
    @pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
    @pytest.mark.parametrize("df", [1, 4.7, 22, 1e6])
    def test_the_t_quantile_over_the_normal_one(self, df: float, level: float) -> None:
        upper = 1 - (1 - level) / 2
        expected = stats.t.ppf(upper, df) / stats.norm.ppf(upper)
        assert float(stretch(df, level)) == pytest.approx(expected, rel=1e-9)

    def test_many_speakers_need_none(self) -> None:
        assert float(stretch(1e9, 0.95)) == pytest.approx(1.0, abs=1e-6)

    def test_arrays(self) -> None:
        found = stretch(np.array([[3.0], [30.0]]), 0.95)
        assert found.shape == (2, 1)
        assert found[0] > found[1] > 1


class TestInterval:
    def test_of_normal_noise_is_the_t_interval(self) -> None:
        """Speaker means in, Student's interval out: the expanded percentile interval."""
        rng = np.random.default_rng(5)
        means = rng.normal(0.6, 0.1, 12)
        drawn = means[rng.integers(0, 12, (200_000, 12))].mean(1)
        noise = deviations(drawn, 12) * stretch(11.0, 0.95)
        low, high = percentile_interval(np.array(means.mean()), noise, level=0.95)
        expected = stats.t.interval(0.95, 11, means.mean(), stats.sem(means))
        assert (float(low), float(high)) == pytest.approx(expected, abs=0.004)

    def test_levels_nest(self) -> None:
        noise = np.random.default_rng(0).normal(size=(1, 5000))
        ends = [percentile_interval(np.zeros(1), noise, level=level) for level in (0.5, 0.9, 0.99)]
        lows, highs = zip(*ends, strict=True)
        assert lows[0] > lows[1] > lows[2]
        assert highs[0] < highs[1] < highs[2]

    def test_moves_and_scales_with_the_estimate(self) -> None:
        noise = np.random.default_rng(0).normal(size=500)
        low, high = percentile_interval(np.array(0.0), noise, level=0.9)
        moved = percentile_interval(np.array(2.0), 3 * noise, level=0.9)
        assert moved == pytest.approx((2 + 3 * low, 2 + 3 * high))


class TestStandardErrorAndDetectable:
    def test_standard_error_is_the_spread_of_the_noise(self) -> None:
        noise = deviations(np.random.default_rng(0).normal(size=(3, 2000)), 10**9)
        np.testing.assert_allclose(standard_error(noise), noise.std(-1), rtol=1e-9)

    def test_blooms_formula(self) -> None:
        assert float(smallest_detectable(np.array(1.0), level=0.95)) == pytest.approx(
            1.959964 + 0.841621, abs=1e-6
        )
        found = smallest_detectable(np.array([0.1, 0.2]), level=0.9, power=0.5)
        np.testing.assert_allclose(found, [0.1644854, 0.3289707], atol=1e-6)

    def test_the_difference_is_found_so_often(self) -> None:
        """A z test of a difference of this size rejects 80 times in 100."""
        size = float(smallest_detectable(np.array(0.3), level=0.95))
        drawn = np.random.default_rng(0).normal(size, 0.3, 40_000)
        assert (np.abs(drawn) / 0.3 > 1.959964).mean() == pytest.approx(0.8, abs=0.008)
