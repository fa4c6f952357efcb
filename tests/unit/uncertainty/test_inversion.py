"""Intervals of unsigned gaps: what they must do whatever the noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.fairness import GROUP_AGGREGATORS, gap_function
from equivoice.uncertainty import invert_gap, noise_floor
from oracles.codes import EXAMPLES

LEVEL = 0.95
PAIR = gap_function((1,), "mean", "mean")
GROUPS = st.sampled_from(sorted(GROUP_AGGREGATORS))


def noise(
    groups: int, classes: int = 1, *, sd: float = 0.03, seed: int = 0, r: int = 1500
) -> np.ndarray:
    """(G + 1, K, R) deviations; those of all groups together are the mean of the groups'."""
    own = np.random.default_rng(seed).normal(0, sd, (groups, classes, r))
    own -= own.mean(-1, keepdims=True)
    return np.concatenate([own, own.mean(0, keepdims=True)])


def values(*groups: float, classes: int = 1) -> np.ndarray:
    """(G + 1, K) values that are the same for every class."""
    each = np.array([*groups, np.mean(groups)])
    return np.repeat(each[:, np.newaxis], classes, axis=1)


def interval(
    point: np.ndarray, wobble: np.ndarray, aggregator: str = "mean"
) -> tuple[float, float]:
    gap = gap_function((point.shape[1],), aggregator, "mean")
    return invert_gap(point, wobble, gap, level=LEVEL)


class TestTwoGroups:
    @pytest.mark.parametrize("gap", [0.0, 0.02, 0.05, 0.07, 0.09, 0.11, 0.15, 0.4])
    def test_zero_is_inside_exactly_when_the_test_of_no_gap_does_not_reject(
        self, gap: float
    ) -> None:
        wobble = noise(2)
        difference = np.abs(wobble[0, 0] - wobble[1, 0])
        p_value = (difference >= gap).mean()
        low, _ = interval(values(0.6 + gap, 0.6), wobble)
        assert (low == 0.0) == (p_value >= 1 - LEVEL)

    @pytest.mark.parametrize("gap", [0.0, 0.01, 0.03, 0.05, 0.08, 0.12, 0.3])
    def test_with_the_signed_interval_it_excludes_zero(self, gap: float) -> None:
        """Symmetric noise: the folded interval starts above 0 where the signed one does."""
        wobble = noise(2, r=2000)
        wobble = np.concatenate([wobble[..., :1000], -wobble[..., :1000]], axis=-1)
        signed = gap + np.quantile(wobble[0, 0] - wobble[1, 0], 0.025)
        low, _ = interval(values(0.6 + gap, 0.6), wobble)
        assert (low > 0) == (signed > 0)

    @pytest.mark.parametrize("gap", [0.25, 0.4])
    def test_far_from_zero_it_is_the_signed_interval(self, gap: float) -> None:
        wobble = noise(2, r=2000)
        signed = gap - np.quantile(wobble[0, 0] - wobble[1, 0], [0.975, 0.025])
        assert interval(values(0.5 + gap, 0.5), wobble) == pytest.approx(signed, abs=0.002)

    def test_at_zero_the_upper_end_spends_the_whole_error_on_one_side(self) -> None:
        """Observed 0: sizes θ are kept while P(|θ + noise| <= 0) is possible at all."""
        low, high = interval(values(0.6, 0.6), noise(2))
        assert low == 0.0
        assert 0 < high < 4 * 0.03 * np.sqrt(2)

    def test_which_group_is_ahead_does_not_matter(self) -> None:
        wobble = noise(2)
        one = interval(values(0.7, 0.6), wobble)
        other = interval(values(0.6, 0.7), wobble[[1, 0, 2]])
        assert one == pytest.approx(other, abs=1e-12)

    def test_the_interval_of_a_middle_gap_is_feldman_and_cousins_like(self) -> None:
        """One normal deviate folded: the ends against the exact acceptance regions."""
        from scipy import stats

        sd = 0.03 * np.sqrt(2)
        wobble = noise(2, r=2000, seed=3)
        observed = 0.1
        low, high = interval(values(0.7, 0.6), wobble)

        def tails(theta: float) -> tuple[float, float]:
            at_least = stats.norm.sf(observed, theta, sd) + stats.norm.cdf(-observed, theta, sd)
            return at_least, 1 - at_least

        critical = stats.norm.ppf(0.975) * sd
        power = stats.norm.sf(critical, low, sd) + stats.norm.cdf(-critical, low, sd)
        lower = 0.025 * max(0.0, 2 * power - 1)
        assert tails(low)[0] == pytest.approx(0.05 - lower, abs=0.01)
        assert tails(high)[1] == pytest.approx(0.025, abs=0.008)


class TestManyGroups:
    @EXAMPLES
    @given(GROUPS, st.integers(2, 5), st.integers(1, 4), st.integers(0, 50), st.floats(0, 0.3))
    def test_ends_in_order_and_never_negative(
        self, aggregator: str, groups: int, classes: int, seed: int, gap: float
    ) -> None:
        point = values(*np.linspace(0.5, 0.5 + gap, groups), classes=classes)
        low, high = interval(point, noise(groups, classes, seed=seed, r=200), aggregator)
        assert 0.0 <= low <= high

    @EXAMPLES
    @given(GROUPS, st.integers(2, 4), st.integers(0, 50), st.floats(0.1, 20))
    def test_scales_with_values_and_noise(
        self, aggregator: str, groups: int, seed: int, scale: float
    ) -> None:
        point, wobble = values(*np.linspace(0.5, 0.6, groups)), noise(groups, seed=seed, r=300)
        ends = np.array(interval(point, wobble, aggregator))
        scaled = interval(scale * point, scale * wobble, aggregator)
        np.testing.assert_allclose(scaled, scale * ends, rtol=1e-6, atol=1e-9)

    @EXAMPLES
    @given(GROUPS, st.integers(2, 4), st.integers(0, 50), st.floats(-5, 5))
    def test_a_common_shift_changes_nothing(
        self, aggregator: str, groups: int, seed: int, shift: float
    ) -> None:
        point, wobble = values(*np.linspace(0.5, 0.6, groups)), noise(groups, seed=seed, r=300)
        ends = interval(point, wobble, aggregator)
        assert interval(point + shift, wobble, aggregator) == pytest.approx(ends, abs=1e-6)

    @pytest.mark.parametrize("aggregator", sorted(GROUP_AGGREGATORS))
    def test_a_larger_gap_in_one_direction_moves_both_ends_up(self, aggregator: str) -> None:
        wobble = noise(3, seed=1)
        shape = np.array([0.0, 0.4, 1.0])
        ends = [
            interval(values(*(0.4 + gap * shape)), wobble, aggregator)
            for gap in np.linspace(0.01, 0.4, 14)
        ]
        lows, highs = np.array(ends).T
        assert (np.diff(lows) >= -1e-4).all()
        assert (np.diff(highs) >= -1e-3).all()
        assert lows[0] == 0.0
        assert lows[-1] > 0.2 * highs[-1]

    @pytest.mark.parametrize("aggregator", sorted(GROUP_AGGREGATORS))
    def test_more_noise_makes_it_longer(self, aggregator: str) -> None:
        point = values(0.5, 0.6, 0.7)
        lengths = [
            np.ptp(interval(point, noise(3, sd=sd, seed=2), aggregator))
            for sd in (0.005, 0.02, 0.08)
        ]
        assert lengths[0] < lengths[1] < lengths[2]

    @pytest.mark.parametrize("aggregator", sorted(GROUP_AGGREGATORS))
    def test_higher_levels_hold_lower_ones(self, aggregator: str) -> None:
        gap = gap_function((1,), aggregator, "mean")
        point, wobble = values(0.5, 0.6, 0.7), noise(3, seed=2)
        low, high = invert_gap(point, wobble, gap, level=0.8)
        wider = invert_gap(point, wobble, gap, level=0.99)
        assert wider[0] <= low
        assert high <= wider[1]

    def test_no_true_gap_many_groups_zero_is_held_as_often_as_promised(self) -> None:
        """Points drawn from the noise itself: low is 0 in 95 of 100 cases."""
        wobble = noise(4, seed=9, r=2000)
        gap = gap_function((1,), "rms", "mean")
        drawn = np.random.default_rng(1).normal(0, 0.03, (1000, 4, 1))
        lows = []
        for groups in drawn:
            point = np.concatenate([groups, groups.mean(0, keepdims=True)])
            lows.append(float(gap(point)))
        critical = np.quantile(gap(wobble), LEVEL)
        expected = np.mean(np.array(lows) <= critical)
        held = np.mean(
            [
                invert_gap(
                    np.concatenate([g, g.mean(0, keepdims=True)]),
                    wobble[..., :300],
                    gap,
                    level=LEVEL,
                )[0]
                == 0.0
                for g in drawn[:300]
            ]
        )
        assert expected == pytest.approx(0.95, abs=0.03)
        assert held == pytest.approx(0.95, abs=0.04)


class TestDegenerate:
    def test_no_difference_and_no_noise(self) -> None:
        assert interval(values(0.6, 0.6), np.zeros((3, 1, 100))) == (0.0, 0.0)

    def test_a_difference_without_noise_is_known(self) -> None:
        low, high = interval(values(0.8, 0.6), np.zeros((3, 1, 100)))
        assert low == pytest.approx(0.2, abs=0.002)
        assert high == pytest.approx(0.2, abs=0.002)

    def test_exactly_equal_groups_with_noise(self) -> None:
        low, high = interval(values(0.6, 0.6, 0.6), noise(3), "max")
        assert low == 0.0
        assert high > 0.0

    def test_one_noisy_group_only(self) -> None:
        wobble = noise(3)
        wobble[1:3] = 0.0
        low, high = interval(values(0.6, 0.6, 0.6), wobble, "max")
        assert low == 0.0
        assert high > 0.0

    def test_at_most_2000_replicates_are_used(self) -> None:
        point, wobble = values(0.7, 0.6), noise(2, r=2500)
        wobble[..., 2000:] = 1e6
        assert interval(point, wobble) == interval(point, wobble[..., :2000])

    def test_undefined_cells_are_left_out(self) -> None:
        point, wobble = values(0.7, 0.6, 0.65), noise(3)
        point[2] = wobble[2] = np.nan
        gap = gap_function((1,), "mean", "mean")
        assert invert_gap(point, wobble, gap, level=LEVEL) == pytest.approx(
            interval(values(0.7, 0.6), wobble[[0, 1, 3]]), abs=1e-9
        )


class TestClasses:
    """Gaps joined over classes: the noise of each class must not count twice."""

    @pytest.mark.parametrize("seed", range(8))
    def test_shares_that_differ_by_noise_alone_keep_an_interval(self, seed: int) -> None:
        """Shares add up to 1: groups never differ in all classes together."""
        wobble = noise(2, 5, seed=seed)
        wobble -= wobble.mean(1, keepdims=True)
        point = 0.2 + wobble[..., seed]
        low, high = interval(point, wobble)
        assert low == 0.0
        assert high > float(gap_function((5,), "mean", "mean")(wobble).mean()) / 2

    @pytest.mark.parametrize("seed", range(4))
    def test_a_gap_that_all_classes_share_is_found_in_spite_of_their_noise(self, seed: int) -> None:
        """True gap .1 in each of 12 classes, each seen with a standard error of .07."""
        wobble = noise(2, 12, sd=0.05, seed=seed, r=1000)
        seen = np.random.default_rng(100 + seed).normal(0, 0.05, (2, 12))
        seen[0] += 0.1
        point = np.concatenate([seen, seen.mean(0, keepdims=True)])
        low, high = interval(point, wobble)
        assert 0.0 < low < 0.1 < high


class TestNoiseFloor:
    def test_two_groups_the_mean_of_a_folded_normal(self) -> None:
        wobble = noise(2, sd=0.05, r=2000)
        expected = 0.05 * np.sqrt(2) * np.sqrt(2 / np.pi)
        assert noise_floor(wobble, PAIR) == pytest.approx(expected, rel=0.05)

    def test_grows_with_the_number_of_groups_for_the_maximum(self) -> None:
        top = gap_function((1,), "max", "mean")
        floors = [noise_floor(noise(groups), top) for groups in (2, 4, 8)]
        assert floors[0] < floors[1] < floors[2]

    def test_no_noise_no_floor(self) -> None:
        assert noise_floor(np.zeros((3, 1, 10)), PAIR) == 0.0
