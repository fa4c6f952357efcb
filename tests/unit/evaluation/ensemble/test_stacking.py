"""Stacking: the regression is the one of scikit-learn, and learns nothing from what is scored."""

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
    assert features[0].tolist() == pytest.approx([np.log(0.25), np.log(0.25), np.log(0.5), 0, 1, 0])


def test_the_regression_is_that_of_scikit_learn() -> None:
    ballots, truth = drawn(300, 0)
    stack = fit_stack(ballots, truth)
    features = stack_features(ballots, np.array([True, True]))
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    theirs = LogisticRegression(C=1.0, max_iter=5_000, tol=1e-10).fit(standard, truth)
    np.testing.assert_allclose(
        stack.probabilities(ballots), theirs.predict_proba(standard), atol=1e-4
    )
    np.testing.assert_allclose(stack.weights, theirs.coef_, atol=2e-3)


def test_the_useful_member_is_trusted_and_noise_is_not() -> None:
    ballots, truth = drawn(600, 1)
    others, their_truth = drawn(600, 2)
    stack = fit_stack(ballots, truth)
    stacked = stack.probabilities(others).argmax(axis=1)
    mean = np.nanmean(others.probabilities, axis=1).argmax(axis=1)
    useful = others.choices[:, 0]
    assert (stacked == their_truth).mean() > (mean == their_truth).mean() + 0.03
    assert (stacked == their_truth).mean() > (useful == their_truth).mean() - 0.02
    assert np.abs(stack.weights[:, :3]).sum() > 5 * np.abs(stack.weights[:, 3:]).sum()


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
