"""Intervals for the change of an unsigned gap: known answers, symmetries and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from equivoice.fairness import gap_function
from equivoice.metrics import FloatArray
from equivoice.uncertainty import invert_change

R = 2_000


def gap(values: FloatArray) -> FloatArray:
    return np.asarray(np.abs(values[0, 0] - values[1, 0]))


def noise(seed: int, sd: float = 0.01, *, groups: int = 2, classes: int = 1) -> FloatArray:
    return np.random.default_rng(seed).normal(0, sd, (groups, classes, R))


def point(size: float) -> FloatArray:
    return np.array([[0.7], [0.7 - size]])


def interval(
    sizes: tuple[float, float], noises: tuple[FloatArray, FloatArray], level: float = 0.95
) -> tuple[float, float]:
    first, second = (point(size) for size in sizes)
    return invert_change((first, second), noises, gap, level=level)


def test_far_from_zero_it_is_the_interval_of_a_plain_difference() -> None:
    """Both gaps are many standard errors large, so the folding at 0 plays no part."""
    low, high = interval((0.30, 0.20), (noise(0), noise(1)))
    half = stats.norm.ppf(0.975) * 0.01 * np.sqrt(4)  # two groups, two conditions
    assert (low, high) == pytest.approx((-0.10 - half, -0.10 + half), abs=0.003)


def test_noise_that_both_conditions_share_cancels() -> None:
    shared = noise(0)
    low, high = interval((0.30, 0.20), (shared, shared))
    apart = interval((0.30, 0.20), (shared, noise(1)))
    assert high - low < 0.002
    assert apart[1] - apart[0] > 0.05


def test_the_conditions_changed_about_change_the_sign() -> None:
    one, other = noise(0), noise(1)
    low, high = interval((0.05, 0.0), (one, other))
    turned = interval((0.0, 0.05), (other, one))
    assert turned == pytest.approx((-high, -low), abs=0.002)


def test_two_small_gaps_may_be_equal() -> None:
    low, high = interval((0.011, 0.002), (noise(0), noise(1)))
    assert low < 0 < high


def test_a_fall_to_nothing_reaches_beyond_the_biased_difference() -> None:
    """A gap of 0 comes out as noise; the fall that lies behind is larger than it looks."""
    chance = float(np.median(gap(noise(1))))
    low, high = interval((0.20, chance), (noise(0), noise(1)))
    assert low < -0.20 < high


@pytest.mark.parametrize("level", [0.8, 0.99])
def test_a_higher_level_is_wider(level: float) -> None:
    noises = noise(0), noise(1)
    low, high = interval((0.1, 0.05), noises, level)
    middle = interval((0.1, 0.05), noises)
    assert (high - low > middle[1] - middle[0]) == (level > 0.95)


def test_more_noise_is_wider() -> None:
    narrow = interval((0.1, 0.05), (noise(0), noise(1)))
    wide = interval((0.1, 0.05), (3 * noise(0), 3 * noise(1)))
    assert wide[1] - wide[0] == pytest.approx(3 * (narrow[1] - narrow[0]), rel=0.15)


def test_no_noise_and_no_difference_is_no_change() -> None:
    none = np.zeros((2, 1, R))
    assert interval((0.0, 0.0), (none, none)) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_no_noise_is_the_change_itself() -> None:
    none = np.zeros((2, 1, R))
    assert interval((0.30, 0.20), (none, none)) == pytest.approx((-0.1, -0.1), abs=1e-3)


def test_several_classes_are_combined_as_the_gap_says() -> None:
    of = gap_function((3,), "mean", "mean")
    first = np.array([[0.9, 0.8, 0.7], [0.7, 0.6, 0.5], [0.8, 0.7, 0.6]])
    second = np.array([[0.9, 0.8, 0.7], [0.8, 0.7, 0.6], [0.85, 0.75, 0.65]])
    noises = noise(0, groups=3, classes=3), noise(1, groups=3, classes=3)
    low, high = invert_change((first, second), noises, of, level=0.95, widths=(3,))
    assert low < -0.1 < high
    assert high - low < 0.08


@pytest.mark.parametrize(
    ("sizes", "least"),
    [((0.0, 0.0), 0.93), ((0.02, 0.02), 0.93), ((0.06, 0.0), 0.92), ((0.0, 0.06), 0.92)],
)
def test_it_covers_the_true_change(sizes: tuple[float, float], least: float) -> None:
    """400 worlds of gaps with a standard error of .014 each, known to the interval."""
    rng = np.random.default_rng(7)
    noises = noise(1), noise(2)
    covered = 0
    for _ in range(400):
        drawn = rng.normal(0, 0.01, (2, 2, 1))
        points = tuple(point(size) + own for size, own in zip(sizes, drawn, strict=True))
        low, high = invert_change((points[0], points[1]), noises, gap, level=0.95)
        covered += low <= sizes[1] - sizes[0] <= high
    assert covered / 400 > least
