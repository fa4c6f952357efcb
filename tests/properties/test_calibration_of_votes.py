"""Calibration against the distribution of votes.

Three oracles: each vote as an item of its own with a single label, loops over
items in plain Python, and scikit-learn with votes as weights.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from equivoice.metrics import FloatArray, IntArray, distribution_metrics, distribution_statistics
from equivoice.metrics.calibration import (
    binned_calibration_metrics,
    calibration_metrics,
    calibration_statistics,
    equal_mass_bins,
    reliability_metrics,
)
from oracles.codes import EXAMPLES, TIGHT
from oracles.shares import Judged, finished, judged, resampled

METRICS = calibration_metrics() | binned_calibration_metrics() | reliability_metrics()


def values(predicted: FloatArray, reference: FloatArray | IntArray) -> dict[str, FloatArray]:
    outside = np.zeros(len(predicted))
    return finished(METRICS, calibration_statistics(predicted, reference, outside))


def answers(given_: Judged) -> list[tuple[float, float]]:
    """Confidence of each item and the share of votes for its most probable label."""
    found = []
    for votes, probabilities in zip(given_.human.tolist(), given_.predicted.tolist(), strict=True):
        chosen = probabilities.index(max(probabilities))
        found.append((probabilities[chosen], votes[chosen]))
    return found


def binned(pairs: Sequence[tuple[float, float]], places: Sequence[int]) -> list[list[list[float]]]:
    bins: dict[int, list[list[float]]] = defaultdict(list)
    for pair, place in zip(pairs, places, strict=True):
        bins[place].append(list(pair))
    return list(bins.values())


# --------------------------------------------------------------------- by hand


def test_two_utterances_by_hand() -> None:
    # first: half of the people hear what the system says with .8; second: all do, said with .6
    predicted = np.array([[0.8, 0.2], [0.4, 0.6]])
    human = np.array([[0.5, 0.5], [0.0, 1.0]])
    found = values(predicted, human)
    assert found["mean_confidence"] == pytest.approx(0.7)
    assert found["overconfidence"] == pytest.approx(0.7 - (0.5 + 1.0) / 2)
    assert found["brier"] == pytest.approx((2 * 0.3**2 + 2 * 0.4**2) / 2)
    expected = (-0.5 * math.log(0.8) - 0.5 * math.log(0.2) - math.log(0.6)) / 2
    assert found["log_loss"] == pytest.approx(expected)
    assert found["ece"] == pytest.approx((abs(0.8 - 0.5) + abs(0.6 - 1.0)) / 2)
    assert found["reliability"][[6, 8]].tolist() == [1.0, 0.5]


def test_a_crowd_that_is_split_is_matched_by_a_system_that_is() -> None:
    """Against one label such a system looks unsure of itself; against the votes it is exact."""
    human = np.tile([0.6, 0.4, 0.0], (20, 1))
    found = values(human, human)
    for name in ("brier", "overconfidence", "ece", "ece_equal_mass", "rms_calibration"):
        assert found[name] == pytest.approx(0.0, abs=1e-12), name
    assert found["log_loss"] == pytest.approx(-0.6 * math.log(0.6) - 0.4 * math.log(0.4))
    label = values(human, np.zeros(20, dtype=np.int64))
    assert label["overconfidence"] == pytest.approx(-0.4)


def test_a_label_that_somebody_chose_and_had_no_probability() -> None:
    found = values(np.array([[1.0, 0.0]]), np.array([[0.9, 0.1]]))
    assert np.isnan(found["log_loss"])
    assert found["brier"] == pytest.approx(0.02)


@pytest.mark.parametrize("votes", [[[0.5, 0.6]], [[math.nan, math.nan]], [[-0.1, 1.1]]])
def test_votes_that_are_no_distribution_are_refused(votes: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="votes: row 0 is no distribution"):
        calibration_statistics(np.array([[0.5, 0.5]]), np.array(votes), np.zeros(1))


def test_votes_over_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        calibration_statistics(np.array([[0.5, 0.5]]), np.full((1, 3), 1 / 3), np.zeros(1))


# -------------------------------------------------------------------- oracles


@EXAMPLES
@given(judged(fewest_classes=2), st.integers(0, 1_000))
def test_votes_that_all_agree_are_a_label(given_: Judged, seed: int) -> None:
    n, classes = given_.predicted.shape
    labels = np.random.default_rng(seed).integers(0, classes, n)
    soft = values(given_.predicted, np.eye(classes)[labels])
    for name, value in values(given_.predicted, labels).items():
        np.testing.assert_allclose(soft[name], value, **TIGHT)


@EXAMPLES
@given(judged(fewest_classes=2), st.integers(1, 6))
def test_each_vote_as_an_item_of_its_own(given_: Judged, voters: int) -> None:
    """With as many votes an item, means are those of single votes.

    The Brier score of single votes is larger by what no probabilities can mend:
    1 − Σ q² an item.
    """
    n, classes = given_.predicted.shape
    rng = np.random.default_rng(voters)
    labels = rng.integers(0, classes, (n, voters))
    human = np.stack([np.bincount(row, minlength=classes) / voters for row in labels])
    single = values(np.repeat(given_.predicted, voters, axis=0), labels.ravel())
    ours = values(given_.predicted, human)
    for name in ("log_loss", "mean_confidence", "overconfidence", "ece", "reliability"):
        np.testing.assert_allclose(ours[name], single[name], **TIGHT)
    apart = 1 - (human**2).sum(-1).mean()
    np.testing.assert_allclose(ours["brier"] + apart, single["brier"], **TIGHT)


@EXAMPLES
@given(judged(zeros=False, fewest_classes=2))
def test_log_loss_is_scikit_learns_with_votes_as_weights(given_: Judged) -> None:
    n, classes = given_.human.shape
    item, label = np.divmod(np.arange(n * classes), classes)
    theirs = log_loss(
        label,
        given_.predicted[item],
        sample_weight=given_.human.ravel() / n,
        labels=list(range(classes)),
    )
    ours = values(given_.predicted, given_.human)["log_loss"]
    np.testing.assert_allclose(ours, theirs, **TIGHT)


@EXAMPLES
@given(judged())
def test_both_modules_say_the_same_of_the_same(given_: Judged) -> None:
    """The Brier score and the cross entropy are among the distances of distributions too."""
    ours = values(given_.predicted, given_.human)
    other = finished(
        distribution_metrics(), distribution_statistics(given_.human, given_.predicted)
    )
    np.testing.assert_allclose(ours["brier"], other["soft_brier"], **TIGHT)
    np.testing.assert_allclose(ours["log_loss"], other["cross_entropy"], **TIGHT)


@EXAMPLES
@given(judged())
def test_errors_over_bins_written_out(given_: Judged) -> None:
    pairs, ours = answers(given_), values(given_.predicted, given_.human)
    n = len(pairs)
    widths = [min(int(sure * 10), 9) for sure, _ in pairs]
    masses = equal_mass_bins(np.array([sure for sure, _ in pairs])).tolist()
    for name, places in (("ece", widths), ("ece_equal_mass", masses)):
        expected = sum(abs(sum(r - c for c, r in each)) for each in binned(pairs, places)) / n
        assert ours[name] == pytest.approx(expected, abs=1e-12), name


@EXAMPLES
@given(judged())
def test_the_error_that_is_freed_of_chance_takes_the_sample_variance(given_: Judged) -> None:
    pairs = answers(given_)
    total, used = 0.0, 0
    for each in binned(pairs, equal_mass_bins(np.array([sure for sure, _ in pairs])).tolist()):
        n = len(each)
        if n < 2:
            continue
        right = sum(r for _, r in each) / n
        sure = sum(c for c, _ in each) / n
        variance = sum((r - right) ** 2 for _, r in each) / (n - 1)
        total += n * ((right - sure) ** 2 - variance / n)
        used += n
    ours = values(given_.predicted, given_.human)["rms_calibration"]
    if used == 0:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(math.sqrt(max(total / used, 0.0)), abs=1e-7)


def test_shares_of_votes_vary_less_than_single_votes_and_less_is_taken_off() -> None:
    """A shift of .1 is found at its size, over many draws, with ten items a bin."""
    rng = np.random.default_rng(8)
    squares = []
    for _ in range(300):
        sure = rng.uniform(0.6, 0.95, 100)
        right = rng.binomial(10, sure - 0.1) / 10
        found = values(np.stack([sure, 1 - sure], -1), np.stack([right, 1 - right], -1))
        squares.append(float(found["rms_calibration"]) ** 2)
    assert math.sqrt(np.mean(squares)) == pytest.approx(0.1, abs=0.005)


# ---------------------------------------------------------------- invariances


@EXAMPLES
@given(judged(), st.integers(0, 1_000))
def test_the_order_of_utterances_does_not_count(given_: Judged, seed: int) -> None:
    mixed = np.random.default_rng(seed).permutation(len(given_.human))
    found = values(given_.predicted[mixed], given_.human[mixed])
    for name, value in values(given_.predicted, given_.human).items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-7, equal_nan=True)


@EXAMPLES
@given(judged())
def test_everything_twice_changes_no_mean(given_: Judged) -> None:
    found = values(np.tile(given_.predicted, (2, 1)), np.tile(given_.human, (2, 1)))
    ours = values(given_.predicted, given_.human)
    for name in (*calibration_metrics(), *reliability_metrics(), "ece"):
        np.testing.assert_allclose(found[name], ours[name], **TIGHT)


@EXAMPLES
@given(judged(), st.integers(0, 1_000))
def test_a_resample_is_scored_by_its_weights(given_: Judged, seed: int) -> None:
    n = len(given_.human)
    drawn = np.random.default_rng(seed).integers(0, n, n)
    statistics = calibration_statistics(given_.predicted, given_.human, np.zeros(n))
    sums = resampled(statistics, drawn)
    expected = values(given_.predicted[drawn], given_.human[drawn])
    for name in (*calibration_metrics(), *reliability_metrics(), "ece"):
        np.testing.assert_allclose(METRICS[name].finish(sums), expected[name], **TIGHT)


@EXAMPLES
@given(judged())
def test_values_lie_in_their_range(given_: Judged) -> None:
    for name, value in values(given_.predicted, given_.human).items():
        metric, known = METRICS[name], np.atleast_1d(value)
        known = known[~np.isnan(known)]
        assert ((metric.low - 1e-12 <= known) & (known <= metric.high + 1e-12)).all(), name
