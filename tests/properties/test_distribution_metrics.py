"""Distances of distributions: scipy and scikit-learn agree, and nothing hangs on an order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cityblock, jensenshannon
from scipy.stats import entropy
from sklearn.metrics import log_loss

from equivoice.metrics import (
    FloatArray,
    distribution_metrics,
    distribution_statistics,
    smoothed,
)
from oracles.codes import EXAMPLES, TIGHT
from oracles.shares import Judged, finished, judged, resampled


def values(human: FloatArray, predicted: FloatArray) -> dict[str, FloatArray]:
    return finished(distribution_metrics(), distribution_statistics(human, predicted))


@EXAMPLES
@given(judged())
def test_divergence_is_scipys_relative_entropy(given_: Judged) -> None:
    """Where scipy says infinite, ours is undefined."""
    theirs = np.mean([entropy(h, p) for h, p in zip(given_.human, given_.predicted, strict=True)])
    ours = values(given_.human, given_.predicted)["kld"]
    np.testing.assert_allclose(ours, theirs if np.isfinite(theirs) else np.nan, **TIGHT)


@EXAMPLES
@given(judged())
def test_jsd_is_the_square_of_scipys_distance(given_: Judged) -> None:
    theirs = [
        float(np.nan_to_num(jensenshannon(h, p))) ** 2  # a root of −1e-18 is NaN there
        for h, p in zip(given_.human, given_.predicted, strict=True)
    ]
    ours = values(given_.human, given_.predicted)["jsd"]
    np.testing.assert_allclose(ours, np.mean(theirs), **TIGHT)


@EXAMPLES
@given(judged())
def test_cross_entropy_is_divergence_and_entropy(given_: Judged) -> None:
    ours = values(given_.human, given_.predicted)
    least = np.mean([entropy(h) for h in given_.human])
    np.testing.assert_allclose(ours["cross_entropy"], ours["kld"] + least, **TIGHT)


@EXAMPLES
@given(judged(zeros=False, fewest_classes=2), st.integers(0, 1_000))
def test_votes_that_all_agree_make_the_log_loss_of_scikit_learn(given_: Judged, seed: int) -> None:
    n, classes = given_.predicted.shape
    labels = np.random.default_rng(seed).integers(0, classes, n)
    ours = values(np.eye(classes)[labels], given_.predicted)
    theirs = log_loss(labels, given_.predicted, labels=list(range(classes)))
    assert ours["cross_entropy"] == pytest.approx(theirs, abs=1e-12)
    assert ours["kld"] == pytest.approx(theirs, abs=1e-12)


@EXAMPLES
@given(judged(zeros=False, fewest_classes=2))
def test_each_vote_is_an_answer_of_its_own_to_scikit_learn(given_: Judged) -> None:
    """Cross entropy against shares is the log loss of single votes weighted by their share."""
    n, classes = given_.human.shape
    item, label = np.divmod(np.arange(n * classes), classes)
    theirs = log_loss(
        label,
        given_.predicted[item],
        sample_weight=given_.human.ravel() / n,
        labels=list(range(classes)),
    )
    ours = values(given_.human, given_.predicted)["cross_entropy"]
    assert ours == pytest.approx(theirs, abs=1e-12)


@EXAMPLES
@given(judged())
def test_brier_and_total_variation(given_: Judged) -> None:
    ours = values(given_.human, given_.predicted)
    pairs = list(zip(given_.human, given_.predicted, strict=True))
    squares = np.mean([float(np.linalg.norm(p - h)) ** 2 for h, p in pairs])
    np.testing.assert_allclose(ours["soft_brier"], squares, **TIGHT)
    halves = np.mean([cityblock(h, p) / 2 for h, p in pairs])
    np.testing.assert_allclose(ours["total_variation"], halves, **TIGHT)
    # the largest difference in probability that any set of labels can have
    best = np.mean([np.maximum(p - h, 0).sum() for h, p in pairs])
    np.testing.assert_allclose(ours["total_variation"], best, rtol=0, atol=1e-9)


@EXAMPLES
@given(judged())
def test_bounds_between_the_distances(given_: Judged) -> None:
    """Pinsker: TV² ≤ KL / 2; and JSD ≤ TV · ln 2."""
    for human, predicted in zip(given_.human, given_.predicted, strict=True):
        ours = values(human[np.newaxis], predicted[np.newaxis])
        if not np.isnan(ours["kld"]):
            assert ours["total_variation"] ** 2 <= ours["kld"] / 2 + 1e-12
        assert ours["jsd"] <= ours["total_variation"] * np.log(2) + 1e-12


@EXAMPLES
@given(judged(), st.integers(0, 1_000))
def test_neither_the_order_of_items_nor_of_labels_counts(given_: Judged, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.permutation(given_.human.shape[0])[:, np.newaxis]
    labels = rng.permutation(given_.human.shape[1])
    found = values(given_.human[rows, labels], given_.predicted[rows, labels])
    for name, value in values(given_.human, given_.predicted).items():
        np.testing.assert_allclose(found[name], value, **TIGHT)


@EXAMPLES
@given(judged())
def test_everything_twice_and_a_label_that_nobody_names_change_nothing(given_: Judged) -> None:
    expected = values(given_.human, given_.predicted)
    twice = values(np.tile(given_.human, (2, 1)), np.tile(given_.predicted, (2, 1)))
    wider = values(*(np.pad(each, ((0, 0), (0, 1))) for each in (given_.human, given_.predicted)))
    for name, value in expected.items():
        np.testing.assert_allclose(twice[name], value, **TIGHT)
        np.testing.assert_allclose(wider[name], value, **TIGHT)


@EXAMPLES
@given(judged(), st.integers(0, 1_000))
def test_a_resample_is_scored_by_its_weights(given_: Judged, seed: int) -> None:
    n = len(given_.human)
    drawn = np.random.default_rng(seed).integers(0, n, n)
    sums = resampled(distribution_statistics(given_.human, given_.predicted), drawn)
    expected = values(given_.human[drawn], given_.predicted[drawn])
    for name, metric in distribution_metrics().items():
        np.testing.assert_allclose(metric.finish(sums), expected[name], **TIGHT)


@EXAMPLES
@given(judged())
def test_values_lie_in_their_range(given_: Judged) -> None:
    for name, value in values(given_.human, given_.predicted).items():
        metric = distribution_metrics()[name]
        assert np.isnan(value) or metric.low <= value <= metric.high + 1e-12, name


@EXAMPLES
@given(judged(fewest_classes=2), st.floats(0, 0.45))
def test_smoothing_keeps_sums_and_order(given_: Judged, epsilon: float) -> None:
    softer = smoothed(given_.human, epsilon)
    np.testing.assert_allclose(softer.sum(-1), 1.0, rtol=0, atol=1e-12)
    # it is a step towards the uniform, of size ε C / (C − 1)
    classes = softer.shape[1]
    step = epsilon * classes / (classes - 1)
    np.testing.assert_allclose(softer, given_.human * (1 - step) + step / classes, atol=1e-12)
    before = np.sign(given_.human[:, :-1] - given_.human[:, 1:])
    after = softer[:, :-1] - softer[:, 1:]
    assert (after * before >= 0).all()
