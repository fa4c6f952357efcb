"""Calibration three ways: our sums, loops over single answers, and the second module of ours.

The loops here are written from the definitions and share no line with the source.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from equivoice.evaluation.calibration import calibration
from equivoice.evaluation.probabilities import probability_scores
from equivoice.metrics.calibration import (
    CALIBRATION_BINS,
    binned_calibration_metrics,
    calibration_metrics,
    calibration_statistics,
    equal_mass_bins,
)
from equivoice.records import Label, LabelSpace

Floats = NDArray[np.float64]
NAMES = ("angry", "happy", "sad")
SPACE = LabelSpace("demo", tuple(map(Label, NAMES)))

worlds = st.integers(1, 60).flatmap(
    lambda n: st.lists(
        st.tuples(st.tuples(*(st.integers(0, 20) for _ in NAMES)).filter(any), st.integers(0, 2)),
        min_size=n,
        max_size=n,
    )
)
"""Answers: weights of three labels, often tied or 0, and the reference."""


def as_arrays(
    world: Sequence[tuple[tuple[int, ...], int]],
) -> tuple[Floats, NDArray[np.int64]]:
    weights = np.array([each for each, _ in world], dtype=np.float64)
    return weights / weights.sum(-1, keepdims=True), np.array([truth for _, truth in world])


def ours(name: str, shares: Floats, reference: NDArray[np.int64]) -> float:
    known = calibration_metrics() | binned_calibration_metrics()
    sums = calibration_statistics(shares, reference, np.zeros(len(shares))).sum(0)
    return float(known[name].finish(sums))


def answers(shares: Floats, reference: NDArray[np.int64]) -> list[tuple[float, int]]:
    """Confidence and whether it was right; of equally probable labels the first counts."""
    found = []
    for row, truth in zip(shares.tolist(), reference.tolist(), strict=True):
        chosen = row.index(max(row))
        found.append((row[chosen], int(chosen == truth)))
    return found


def binned(
    pairs: Sequence[tuple[float, int]], places: Sequence[int]
) -> list[list[tuple[float, int]]]:
    bins = defaultdict(list)
    for pair, place in zip(pairs, places, strict=True):
        bins[place].append(pair)
    return list(bins.values())


def error(bins: Sequence[Sequence[tuple[float, int]]]) -> float:
    total = sum(len(each) for each in bins)
    return sum(abs(sum(r for _, r in each) - sum(c for c, _ in each)) for each in bins) / total


@given(worlds)
def test_the_error_of_equal_widths(world: list[tuple[tuple[int, ...], int]]) -> None:
    shares, reference = as_arrays(world)
    pairs = answers(shares, reference)
    places = [min(int(sure * 10), 9) for sure, _ in pairs]
    assert ours("ece", shares, reference) == pytest.approx(error(binned(pairs, places)))


@given(worlds)
def test_the_error_of_equal_masses(world: list[tuple[tuple[int, ...], int]]) -> None:
    """A bin is where the middle rank among equal confidences falls."""
    shares, reference = as_arrays(world)
    pairs = answers(shares, reference)
    sure = [each for each, _ in pairs]
    places = []
    for each in sure:
        ranks = [rank for rank, other in enumerate(sorted(sure)) if other == each]
        places.append(int((ranks[0] + ranks[-1]) / 2 / len(sure) * 10))
    assert equal_mass_bins(np.array(sure)).tolist() == places
    assert ours("ece_equal_mass", shares, reference) == pytest.approx(error(binned(pairs, places)))


@given(worlds)
def test_the_error_that_is_freed_of_chance(world: list[tuple[tuple[int, ...], int]]) -> None:
    shares, reference = as_arrays(world)
    pairs = answers(shares, reference)
    places = equal_mass_bins(np.array([each for each, _ in pairs])).tolist()
    total, used = 0.0, 0
    for each in binned(pairs, places):
        n = len(each)
        if n < 2:
            continue
        accuracy = sum(right for _, right in each) / n
        confidence = sum(sure for sure, _ in each) / n
        total += n * ((accuracy - confidence) ** 2 - accuracy * (1 - accuracy) / (n - 1))
        used += n
    found = ours("rms_calibration", shares, reference)
    if used == 0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(math.sqrt(max(total / used, 0.0)), abs=1e-7)


@given(worlds)
def test_means_over_answers(world: list[tuple[tuple[int, ...], int]]) -> None:
    shares, reference = as_arrays(world)
    pairs = answers(shares, reference)
    n = len(pairs)
    sure, right = (sum(each) / n for each in zip(*pairs, strict=True))
    assert ours("mean_confidence", shares, reference) == pytest.approx(sure)
    assert ours("overconfidence", shares, reference) == pytest.approx(sure - right, abs=1e-12)
    brier = sum(
        (p - (label == truth)) ** 2
        for row, truth in zip(shares.tolist(), reference.tolist(), strict=True)
        for label, p in enumerate(row)
    )
    assert ours("brier", shares, reference) == pytest.approx(brier / n)


@given(worlds)
def test_bounds_and_order(world: list[tuple[tuple[int, ...], int]]) -> None:
    """By Jensen neither error over bins is less than the error of one bin."""
    shares, reference = as_arrays(world)
    known = calibration_metrics() | binned_calibration_metrics()
    for name, metric in known.items():
        found = ours(name, shares, reference)
        assert math.isnan(found) or metric.low - 1e-12 <= found <= metric.high + 1e-12, name
    least = abs(ours("overconfidence", shares, reference)) - 1e-12
    assert ours("ece", shares, reference) >= least
    assert ours("ece_equal_mass", shares, reference) >= least


@given(worlds, st.integers(0, 1_000))
def test_the_order_of_answers_does_not_count(
    world: list[tuple[tuple[int, ...], int]], seed: int
) -> None:
    shares, reference = as_arrays(world)
    mixed = np.random.default_rng(seed).permutation(len(shares))
    for name in calibration_metrics() | binned_calibration_metrics():
        assert ours(name, shares[mixed], reference[mixed]) == pytest.approx(
            ours(name, shares, reference), abs=1e-7, nan_ok=True
        ), name


@given(worlds)
def test_every_answer_twice_changes_nothing_but_what_allows_for_chance(
    world: list[tuple[tuple[int, ...], int]],
) -> None:
    shares, reference = as_arrays(world)
    twice = np.concatenate([shares, shares]), np.concatenate([reference, reference])
    for name in (*calibration_metrics(), "ece"):
        assert ours(name, *twice) == pytest.approx(
            ours(name, shares, reference), abs=1e-9, nan_ok=True
        ), name


@given(st.integers(1, 10), st.integers(1, 30))
def test_perfect_knowledge_has_no_error(classes: int, n: int) -> None:
    reference = np.arange(n) % classes
    shares = np.eye(classes)[reference]
    for name in ("brier", "log_loss", "ece", "ece_equal_mass", "overconfidence"):
        assert ours(name, shares, reference) == 0.0, name


def test_certain_and_wrong_is_the_worst_there_is() -> None:
    shares, reference = np.eye(2)[[0, 0, 0]], np.array([1, 1, 1])
    assert ours("brier", shares, reference) == 2.0
    assert ours("ece", shares, reference) == 1.0
    assert ours("overconfidence", shares, reference) == 1.0
    assert math.isnan(ours("log_loss", shares, reference))


def test_groups_are_scored_by_sums_of_their_own() -> None:
    """Sums of several groups at once, as the bootstrap gives them."""
    rng = np.random.default_rng(3)
    shares, reference = rng.dirichlet(np.ones(3), 90), rng.integers(0, 3, 90)
    rows = calibration_statistics(shares, reference, np.zeros(90))
    stacked = rows.reshape(3, 30, -1).sum(1)
    for name, metric in calibration_metrics().items():
        alone = [ours(name, shares[i : i + 30], reference[i : i + 30]) for i in (0, 30, 60)]
        assert metric.finish(stacked) == pytest.approx(alone), name


def test_a_table_has_a_column_for_each_sum() -> None:
    shares = np.full((4, 3), 1 / 3)
    table = calibration_statistics(shares, np.array([0, 1, 2, 0]), np.array([0.0, 0.1, 0.2, 0.3]))
    assert table.shape == (4, 7 + 7 * CALIBRATION_BINS)
    # in either binning an answer is in one bin
    counts = table[:, 7 : 7 + CALIBRATION_BINS].sum(-1)
    assert counts.tolist() == [1.0] * 4


# ------------------------------------------------------------------ as tables of a run


def tables(seed: int, n: int, outside: float) -> tuple[pl.DataFrame, pl.DataFrame, Floats]:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(3, 0.7), n) * (1 - outside)
    truth = rng.integers(0, 3, n)
    ids = [f"demo/{place}" for place in range(n)]
    predictions = pl.DataFrame(
        {
            "utterance_id": ids,
            "system": ["llm/options"] * n,
            "emotion": [NAMES[code] for code in shares.argmax(-1)],
            "probabilities": shares.tolist(),
            "outside": [outside] * n,
        }
    )
    reference = pl.DataFrame(
        {
            "utterance_id": ids,
            "emotion": [NAMES[code] for code in truth],
            "speaker": [f"s{place % 7}" for place in range(n)],
        }
    )
    return predictions, reference, shares


def scores(estimates: pl.DataFrame) -> dict[str, float | None]:
    rows = estimates.filter(pl.col("quantity") == "score", pl.col("class").is_null())
    return dict(rows.select("metric", "value").iter_rows())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.sampled_from([0.0, 0.25, 0.9]))
def test_both_modules_that_score_probabilities_agree(seed: int, n: int, outside: float) -> None:
    predictions, reference, _ = tables(seed, n, outside)
    one = scores(calibration(predictions, reference, label_space=SPACE, replicates=0))
    two = scores(probability_scores(predictions, reference, label_space=SPACE, replicates=0))
    shared = one.keys() & two.keys()
    assert shared == {"brier", "ece", "mean_confidence", "outside"}
    for name in shared:
        assert one[name] == pytest.approx(two[name], abs=1e-9), name


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.5]))
def test_what_lies_outside_changes_nothing_else(seed: int, outside: float) -> None:
    """Dividing by the mass inside makes the same shares of 1."""
    whole = scores(probability_scores(*tables(seed, 40, 0.0)[:2], label_space=SPACE, replicates=0))
    part = scores(
        probability_scores(*tables(seed, 40, outside)[:2], label_space=SPACE, replicates=0)
    )
    assert whole.pop("outside") == pytest.approx(0.0, abs=1e-9)
    assert part.pop("outside") == pytest.approx(outside)
    assert part.keys() == whole.keys()
    for name, value in whole.items():
        assert part[name] == pytest.approx(value, abs=1e-7), name


def test_the_bins_of_the_diagram_add_up_to_the_error_and_the_mean() -> None:
    predictions, reference, shares = tables(4, 300, 0.0)
    found = calibration(predictions, reference, label_space=SPACE, replicates=0)
    by_bin = {
        metric: dict(found.filter(metric=metric).select("class", "value").iter_rows())
        for metric in ("reliability", "bin_confidence", "bin_share")
    }
    used = [name for name, share in by_bin["bin_share"].items() if share]
    assert sum(by_bin["bin_share"][name] for name in used) == pytest.approx(1.0)
    total = sum(
        by_bin["bin_share"][name]
        * abs(by_bin["reliability"][name] - by_bin["bin_confidence"][name])
        for name in used
    )
    assert scores(found)["ece"] == pytest.approx(total)
    assert scores(found)["mean_confidence"] == pytest.approx(shares.max(-1).mean())
    # three labels: the most probable has a third at least, so four bins are empty or nearly so
    empty = [name for name, value in by_bin["reliability"].items() if value is None]
    assert {"0 to 0.1", "0.1 to 0.2", "0.2 to 0.3"} <= set(empty)
    reasons = found.filter(pl.col("class").is_in(empty), metric="reliability")["undefined"]
    assert reasons.to_list() == ["no answer in this bin"] * len(empty)
