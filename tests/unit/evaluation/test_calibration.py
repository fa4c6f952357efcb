"""Calibration against sums written out, and against systems whose calibration is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.evaluation.calibration import calibration


def frames(shares: np.ndarray, truth: np.ndarray, outside: float | None = None):
    names = ["angry", "happy", "sad"]
    ids = [f"c/{at}" for at in range(len(truth))]
    given = pl.DataFrame(
        {
            "utterance_id": ids,
            "system": "llm/options",
            "emotion": [names[at] for at in shares.argmax(-1)],
            "probabilities": shares.tolist(),
            "outside": [outside] * len(truth),
        },
        schema_overrides={"outside": pl.Float64},
    )
    speech = pl.DataFrame(
        {
            "utterance_id": ids,
            "corpus": "c",
            "speaker": [f"s{at % 20}" for at in range(len(truth))],
            "emotion": [names[at] for at in truth],
        }
    )
    return given, speech


def drawn(n: int, *, seed: int, sharpen: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from the very probabilities, which are then sharpened."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(3), size=n)
    truth = np.array([rng.choice(3, p=row) for row in shares])
    stated = shares**sharpen
    return stated / stated.sum(-1, keepdims=True), truth


def value(found: pl.DataFrame, metric: str, label: str | None = None) -> dict:
    rows = found.filter((pl.col("metric") == metric) & pl.col("class").eq_missing(pl.lit(label)))
    return rows.row(0, named=True)


def test_scores_are_the_sums_of_their_definitions() -> None:
    shares, truth = drawn(300, seed=3)
    found = calibration(*frames(shares, truth), replicates=0)
    brier = np.mean(
        [((row - np.eye(3)[k]) ** 2).sum() for row, k in zip(shares, truth, strict=True)]
    )
    assert value(found, "brier")["value"] == pytest.approx(brier)
    sure, right = shares.max(-1), shares.argmax(-1) == truth
    error = 0.0
    for low in np.arange(10) / 10:
        inside = (sure >= low) & ((sure < low + 0.1) if low < 0.9 else (sure <= 1))
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
            row = value(found, "reliability", f"{low:g} to {low + 0.1:g}")
            assert row["value"] == pytest.approx(right[inside].mean())
            share = value(found, "bin_share", f"{low:g} to {low + 0.1:g}")
            assert share["value"] == pytest.approx(inside.mean())
    assert value(found, "ece")["value"] == pytest.approx(error)
    assert set(found["reference"]) == {"given"}


def test_a_calibrated_system_reaches_its_noise_floor_and_no_more() -> None:
    errors, floors = [], []
    for seed in range(12):
        row = value(calibration(*frames(*drawn(400, seed=seed)), replicates=0), "ece")
        errors.append(row["value"])
        floors.append(row["noise_floor"])
    assert np.mean(errors) == pytest.approx(np.mean(floors), rel=0.2)
    sure = value(calibration(*frames(*drawn(400, seed=1, sharpen=4)), replicates=0), "ece")
    assert sure["value"] > 3 * sure["noise_floor"]


def test_mass_outside_the_options_is_divided_out_and_stated() -> None:
    shares, truth = drawn(100, seed=5)
    whole = calibration(*frames(shares, truth), replicates=0)
    part = calibration(*frames(shares * 0.25, truth, outside=0.75), replicates=0)
    assert value(part, "brier")["value"] == pytest.approx(value(whole, "brier")["value"])
    assert value(part, "outside")["value"] == pytest.approx(0.75)
    assert value(whole, "outside")["value"] == pytest.approx(0, abs=1e-12)


def test_an_answer_without_any_mass_is_left_out_and_counted() -> None:
    shares, truth = drawn(50, seed=6)
    shares[:5] = 0.0
    row = value(calibration(*frames(shares, truth, outside=0.5), replicates=0), "brier")
    assert row["n"] == 45
    assert "outside the options" in row["left_out"]


def test_intervals_cover_their_value_and_the_error_has_none() -> None:
    found = calibration(*frames(*drawn(400, seed=7)), replicates=200)
    row = value(found, "brier")
    assert row["low"] < row["value"] < row["high"]
    assert (row["unit"], row["clusters"]) == ("speaker", 20)
    error = value(found, "ece")
    assert error["low"] is None
    assert "noise floor" in error["undefined"]


def test_rows_without_probabilities_or_reference_are_passed_over() -> None:
    given, speech = frames(*drawn(30, seed=8))
    given = given.with_columns(
        probabilities=pl.when(pl.int_range(30) < 10).then(None).otherwise(pl.col("probabilities"))
    )
    speech = speech.with_columns(
        emotion=pl.when(pl.int_range(30) >= 20).then(None).otherwise(pl.col("emotion"))
    )
    assert value(calibration(given, speech, replicates=0), "brier")["n"] == 10
    nothing = given.with_columns(probabilities=pl.lit(None, dtype=pl.List(pl.Float64)))
    assert calibration(nothing, speech, replicates=0).is_empty()


def test_probabilities_over_other_labels_are_refused() -> None:
    given, speech = frames(*drawn(10, seed=9))
    two = speech.with_columns(emotion=pl.lit("happy"))
    with pytest.raises(InputError, match="not shares of 1 over the 1 labels"):
        calibration(given, two, replicates=0)
