"""Stacking: the best weights by scikit-learn and by convexity, on known answers and noise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from equivoice.errors import InputError
from equivoice.evaluation.ensemble.ballots import Ballots
from equivoice.evaluation.ensemble.stacking import fit_stack, stack_features
from oracles.ballot_box import votes

LABELS = ("angry", "happy", "sad")


def drawn(n: int, seed: int, *, strength: float = 2.0) -> tuple[Ballots, np.ndarray]:
    """A useful member and one of noise, both with probabilities."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    scores = rng.normal(size=(n, 2, 3))
    scores[:, 0] += strength * np.eye(3)[truth]
    shares = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    rows = [[LABELS[code] for code in row] for row in shares.argmax(axis=-1)]
    given = {(row, at): shares[row, at].tolist() for row in range(n) for at in range(2)}
    return votes(rows, LABELS, probabilities=given), truth


def test_the_features_are_logarithms_of_probabilities_or_labels() -> None:
    ballots = votes([("sad", "happy")], probabilities={(0, 0): (0.25, 0.25, 0.5)})
    features = stack_features(ballots, np.array([True, False]))
    np.testing.assert_allclose(features[0], [np.log([0.25, 0.25, 0.5]), [0, 1, 0]])


def test_of_two_labels_it_is_the_logistic_regression_of_scikit_learn() -> None:
    """Then the odds are Σ w_m (x_m1 − x_m0) + b_1 − b_0, the biases opposite to each other."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    upper = 1 / (1 + np.exp(-rng.normal(0.4 + 2 * truth[:, np.newaxis] - 1, 1.5, size=(200, 3))))
    rows = [[LABELS[int(share > 0.5)] for share in row] for row in upper]
    given = {(i, m): (1 - upper[i, m], upper[i, m]) for i in range(200) for m in range(3)}
    ballots = votes(rows, LABELS[:2], probabilities=given)
    stack = fit_stack(ballots, truth)
    # ½ (b_0² + b_1²) is ½ v² where b_1 − b_0 = √2 v
    design = np.column_stack([np.log(upper / (1 - upper)), np.full(200, np.sqrt(2))])
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=5_000)
    theirs.fit(design, truth)
    np.testing.assert_allclose(stack.weights, theirs.coef_[0, :3], atol=1e-5)
    np.testing.assert_allclose(
        stack.biases, np.array([-1, 1]) * theirs.coef_[0, 3] / np.sqrt(2), atol=1e-5
    )
    np.testing.assert_allclose(
        stack.probabilities(ballots), theirs.predict_proba(design), atol=1e-5
    )


def test_of_more_labels_what_is_penalised_has_no_slope_left() -> None:
    """The penalised likelihood is concave: where its slope is nought it is greatest."""
    ballots, truth = drawn(300, 0)
    stack = fit_stack(ballots, truth)
    missing = np.eye(3)[truth] - stack.probabilities(ballots)
    features = np.log(ballots.probabilities)
    slopes = [(missing * features[:, member]).sum() for member in range(2)]
    np.testing.assert_allclose(stack.weights, slopes, atol=1e-4)
    np.testing.assert_allclose(stack.biases, missing.sum(axis=0), atol=1e-4)


def test_of_few_utterances_it_is_not_worse_than_what_it_combines() -> None:
    """A weight for each pair of labels learns forty by heart, and loses five points by it."""
    gains = []
    for seed in range(20):
        ballots, truth = drawn(40, seed)
        others, their_truth = drawn(1_000, 100 + seed)
        stacked = fit_stack(ballots, truth).probabilities(others).argmax(axis=1)
        best = (others.choices == their_truth[:, np.newaxis]).mean(axis=0).max()
        gains.append((stacked == their_truth).mean() - best)
    assert np.mean(gains) > -0.025


def test_a_label_that_was_never_seen_is_not_ruled_out() -> None:
    ballots, truth = drawn(100, 0)
    seen = truth < 2
    stack = fit_stack(ballots.rows(seen), truth[seen])
    assert np.isfinite(stack.biases).all()
    assert stack.biases[2] < min(stack.biases[:2])


def test_the_useful_member_is_trusted_and_noise_is_not() -> None:
    ballots, truth = drawn(600, 1)
    others, their_truth = drawn(600, 2)
    stack = fit_stack(ballots, truth)
    stacked = stack.probabilities(others).argmax(axis=1)
    mean = np.nanmean(others.probabilities, axis=1).argmax(axis=1)
    useful = others.choices[:, 0]
    assert (stacked == their_truth).mean() > (mean == their_truth).mean() + 0.03
    assert (stacked == their_truth).mean() > (useful == their_truth).mean() - 0.02
    assert stack.weights[0] > 5 * abs(stack.weights[1])


def test_a_member_that_says_labels_alone_takes_part() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 200)
    rows = [[LABELS[code] if rng.random() < 0.8 else None] for code in truth]
    ballots = votes(rows, LABELS)
    stack = fit_stack(ballots, truth)
    assert stack.with_probabilities.tolist() == [False]
    said = ballots.choices[:, 0] >= 0
    assert (stack.probabilities(ballots).argmax(axis=1) == truth)[said].all()


def test_probabilities_are_shares_and_members_are_found_by_name() -> None:
    ballots, truth = drawn(100, 4)
    stack = fit_stack(ballots, truth)
    made = stack.probabilities(ballots)
    np.testing.assert_allclose(made.sum(axis=1), 1.0)
    turned = ballots.of(["m1", "m0"])
    np.testing.assert_array_equal(stack.probabilities(turned), made)


def test_where_nobody_is_there_is_no_answer() -> None:
    ballots, truth = drawn(60, 5)
    stack = fit_stack(ballots, truth)
    ballots.present[3] = False
    assert np.isnan(stack.probabilities(ballots)[3]).all()
    assert np.isfinite(stack.probabilities(ballots)[[0, 1, 2, 4]]).all()


def test_a_certain_member_does_not_break_it() -> None:
    """Probabilities of 0 and 1 have no logarithm; they are bounded."""
    rows = [[LABELS[code]] for code in (0, 1, 2) * 10]
    given = {(row, 0): np.eye(3)[row % 3].tolist() for row in range(30)}
    ballots = votes(rows, LABELS, probabilities=given)
    stack = fit_stack(ballots, np.array([0, 1, 2] * 10))
    assert np.isfinite(stack.weights).all()
    assert (stack.probabilities(ballots).argmax(axis=1) == np.array([0, 1, 2] * 10)).all()


def test_one_label_cannot_be_learnt_from() -> None:
    ballots = votes([("sad", "sad")] * 4)
    with pytest.raises(InputError, match=r"fewer than two labels.*sad"):
        fit_stack(ballots, np.array([2, 2, 2, 2]))
