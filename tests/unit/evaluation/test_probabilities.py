"""Scores of probabilities by group: values by hand, what is left out, what has no interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.evaluation.probabilities import probability_scores
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
NAMES = np.array(SPACE.names)
QUICK: dict[str, Any] = {"label_space": SPACE, "replicates": 200, "permutations": 100}


def world(count: int = 120) -> tuple[pl.DataFrame, pl.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, count)
    shares = rng.dirichlet(np.ones(4), count)[:, :3]
    reference = pl.DataFrame(
        {
            "utterance_id": [f"demo/{i}" for i in range(count)],
            "emotion": NAMES[truth].tolist(),
            "speaker": [f"s{i % 24}" for i in range(count)],
            "gender": ["female" if i % 2 else "male" for i in range(count)],
        }
    )
    predictions = reference.select("utterance_id", system=pl.lit("llm/options")).with_columns(
        probabilities=pl.Series(shares.tolist()), status=pl.lit("parsed"), emotion=pl.lit("sad")
    )
    return predictions, reference, shares, truth


def value(found: pl.DataFrame, metric: str, **where: Any) -> float:
    rows = found.filter(metric=metric, **({"quantity": "score"} | where))
    return float(rows.get_column("value").item())


def test_scores_and_groups_are_means_over_their_items() -> None:
    predictions, reference, shares, truth = world()
    found = probability_scores(predictions, reference, group_by=("gender",), **QUICK)
    inside = shares / shares.sum(-1, keepdims=True)
    brier = ((inside - np.eye(3)[truth]) ** 2).sum(-1)
    women = np.arange(120) % 2 == 1
    assert value(found, "brier") == pytest.approx(brier.mean())
    assert value(found, "outside") == pytest.approx(1 - shares.sum(-1).mean())
    assert value(found, "log_loss") == pytest.approx(-np.log(inside[np.arange(120), truth]).mean())
    own = {"quantity": "group_score", "groups": "female"}
    assert value(found, "brier", **own) == pytest.approx(brier[women].mean())
    gap = found.filter(metric="brier", quantity="pair_gap").row(0, named=True)
    assert gap["value"] == pytest.approx(brier[women].mean() - brier[~women].mean())
    assert gap["low"] < gap["value"] < gap["high"]
    assert 0 < gap["p_value"] <= 1
    assert gap["unit"] == "speaker"
    assert gap["clusters"] == 24
    assert set(found["reference"]) == {"given"}


def test_the_interval_is_that_of_a_mean_over_speakers() -> None:
    predictions, reference, shares, truth = world()
    found = probability_scores(predictions, reference, **(QUICK | {"replicates": 4000}))
    row = found.filter(metric="brier").row(0, named=True)
    inside = shares / shares.sum(-1, keepdims=True)
    brier = ((inside - np.eye(3)[truth]) ** 2).sum(-1)
    by_speaker = np.array([brier[np.arange(120) % 24 == s].mean() for s in range(24)])
    error = by_speaker.std(ddof=1) / np.sqrt(24)
    half = (row["high"] - row["low"]) / 2
    assert half == pytest.approx(2.07 * error, rel=0.1)  # t with 23 degrees of freedom


def test_errors_over_bins_have_no_interval_and_no_groups() -> None:
    predictions, reference, _, _ = world()
    found = probability_scores(predictions, reference, group_by=("gender",), **QUICK)
    for metric in ("ece", "ece_equal_mass", "rms_calibration"):
        (row,) = found.filter(metric=metric).to_dicts()
        assert row["low"] is None
        assert "chance" in row["undefined"]


def test_what_lies_outside_altogether_is_counted_and_still_outside() -> None:
    predictions, reference, shares, _ = world()
    shares[:20] = 0.0
    found = probability_scores(
        predictions.with_columns(probabilities=pl.Series(shares.tolist())), reference, **QUICK
    )
    row = found.filter(metric="brier").row(0, named=True)
    assert row["n"] == 100
    assert '"all probability outside the options": 20' in row["left_out"]
    assert value(found, "outside") == pytest.approx(1 - shares.sum(-1).mean())
    assert found.filter(metric="outside")["n"][0] == 120


def test_without_any_probability_there_is_nothing_to_score() -> None:
    predictions, reference, _, _ = world()
    empty = pl.lit(None, dtype=pl.List(pl.Float64))
    with pytest.raises(InputError, match="no prediction has probabilities"):
        probability_scores(predictions.with_columns(probabilities=empty), reference, **QUICK)


def test_where_all_lies_outside_only_that_is_scored() -> None:
    predictions, reference, shares, _ = world()
    nothing = pl.Series((shares * 0).tolist())
    found = probability_scores(predictions.with_columns(probabilities=nothing), reference, **QUICK)
    assert set(found.get_column("metric")) == {"outside"}
    assert value(found, "outside") == 1.0
