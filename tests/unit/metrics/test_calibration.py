"""Calibration: against scikit-learn, hand sums, and worlds whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss

from equivoice.metrics.calibration import (
    binned_calibration_metrics,
    calibration_metrics,
    calibration_statistics,
    equal_mass_bins,
    equal_width_bins,
)

Floats = NDArray[np.float64]


def value(name: str, shares: Floats, reference: NDArray[np.int64]) -> float:
    sums = calibration_statistics(shares, reference, np.zeros(len(shares))).sum(0)
    known = calibration_metrics() | binned_calibration_metrics()
    return float(known[name].finish(sums))


def world(n: int, classes: int = 4, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Probabilities, and references drawn from just these: calibrated by construction."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(classes), n)
    reference = (rng.random((n, 1)) > shares.cumsum(-1)).sum(-1).clip(0, classes - 1)
    return shares, reference


def one_hot(reference: NDArray[np.int64], classes: int) -> Floats:
    return np.eye(classes)[reference]


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_brier_and_log_loss_are_scikit_learns(seed: int, classes: int) -> None:
    shares, reference = world(50, classes, seed)
    labels = list(range(classes))
    theirs = log_loss(reference, shares, labels=labels)
    assert value("log_loss", shares, reference) == pytest.approx(theirs)
    squared = ((shares - one_hot(reference, classes)) ** 2).sum(-1).mean()
    assert value("brier", shares, reference) == pytest.approx(squared)
    if classes == 2:  # ours counts both labels, the binary score one
        binary = brier_score_loss(reference, shares[:, 1])
        assert value("brier", shares, reference) == pytest.approx(2 * binary)


def test_bins_by_hand() -> None:
    sure = np.array([0.61, 0.65, 0.93, 0.97])
    right = np.array([1, 0, 1, 1])
    shares = np.stack([sure, 1 - sure], axis=-1)
    reference = (1 - right).astype(np.int64)
    # bins 0.6–0.7: confidence .63, accuracy .5; 0.9–1: confidence .95, accuracy 1
    expected = 0.5 * abs(0.63 - 0.5) + 0.5 * abs(0.95 - 1.0)
    assert value("ece", shares, reference) == pytest.approx(expected)
    assert value("overconfidence", shares, reference) == pytest.approx(0.79 - 0.75)
    assert value("mean_confidence", shares, reference) == pytest.approx(0.79)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_bins_hold_each_item_once_and_equal_ones_together(given_values: list[float]) -> None:
    sure = np.array(given_values)
    for bins in (equal_width_bins(sure), equal_mass_bins(sure)):
        assert bins.min() >= 0
        assert bins.max() <= 9
        order = np.argsort(sure, kind="stable")
        assert (np.diff(bins[order]) >= 0).all()
        for each in np.unique(sure):
            assert len(np.unique(bins[sure == each])) == 1


def test_bins_of_equal_mass_are_of_equal_mass() -> None:
    sure = np.random.default_rng(0).beta(5, 1, 1000)
    assert np.bincount(equal_mass_bins(sure), minlength=10).tolist() == [100] * 10


def test_chance_makes_the_plain_error_larger_and_not_the_freed_one() -> None:
    """Calibrated worlds of 100 items: the plain error is far from 0 on average."""
    plain, freed = [], []
    for seed in range(200):
        shares, reference = world(100, seed=seed)
        plain.append(value("ece_equal_mass", shares, reference))
        sums = calibration_statistics(shares, reference, np.zeros(100)).sum(0)
        freed.append(float(binned_calibration_metrics()["rms_calibration"].finish(sums)))
    assert np.mean(plain) > 0.1
    assert np.median(freed) < 0.5 * np.median(plain)


def test_a_shift_is_found_at_its_size() -> None:
    rng = np.random.default_rng(1)
    n = 200_000
    sure = rng.uniform(0.6, 0.95, n)
    shares = np.stack([sure, 1 - sure], axis=-1)
    right = rng.random(n) < sure - 0.1  # too sure by 0.1 everywhere
    reference = (~right).astype(np.int64)
    for name in ("ece", "ece_equal_mass", "rms_calibration", "overconfidence"):
        assert value(name, shares, reference) == pytest.approx(0.1, abs=0.005), name


def test_a_reference_of_probability_zero_leaves_the_log_loss_undefined() -> None:
    shares = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert np.isnan(value("log_loss", shares, np.array([1, 0])))
    assert value("log_loss", shares, np.array([0, 0])) == pytest.approx(np.log(2) / 2)


def test_no_items_leave_everything_undefined() -> None:
    size = calibration_statistics(np.ones((1, 1)), np.zeros(1, np.int64), np.zeros(1)).shape[1]
    for metric in (calibration_metrics() | binned_calibration_metrics()).values():
        assert np.isnan(metric.finish(np.zeros(size))).all(), metric.name


@given(st.integers(0, 1000), st.integers(1, 49))
def test_sums_add_up(seed: int, cut: int) -> None:
    shares, reference = world(50, seed=seed)
    rows = calibration_statistics(shares, reference, np.full(50, 0.25))
    known = calibration_metrics()
    whole = rows.sum(0)
    parts = rows[:cut].sum(0) + rows[cut:].sum(0)
    for metric in known.values():
        assert metric.finish(whole) == pytest.approx(metric.finish(parts))
    assert known["outside"].finish(whole) == pytest.approx(0.25)
