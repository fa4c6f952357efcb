"""Stacking: a multinomial logistic regression over what the members say.

The features of a member are the logarithms of its probabilities, or, where it gives
none, which label it says (all 0 where it says none). The regression minimises

    Σ_i −log softmax(W x_i + b)_{y_i} + ‖W‖²/(2 S)

with S the strength ``_STRENGTH``; the biases b are not penalised (the same as
scikit-learn's ``LogisticRegression(C=S)``). Source: Wolpert (1992), "Stacked
generalization", Neural Networks 5(2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from equivoice.errors import InputError
from equivoice.evaluation.ensemble.ballots import Ballots, complete
from equivoice.metrics import UNPARSED, BoolArray, FloatArray, IntArray

__all__ = ["Stack", "fit_stack", "stack_features"]

_STRENGTH = 1.0
_LEAST = 1e-6
"""Smaller probabilities are as this one: a logarithm of 0 would outweigh all others."""
_ITERATIONS = 1_000


@dataclass(frozen=True, eq=False)
class Stack:
    """A fitted combination.

    Args:
        members: the members in the order of the features.
        with_probabilities: (M,) whose features are logarithms of probabilities.
        centre: (F,) means of the features it was fitted on.
        scale: (F,) their standard deviations; 1 where a feature is constant.
        weights: (C, F).
        biases: (C,).
    """

    members: tuple[str, ...]
    with_probabilities: BoolArray
    centre: FloatArray
    scale: FloatArray
    weights: FloatArray
    biases: FloatArray

    def probabilities(self, ballots: Ballots) -> FloatArray:
        """(n, C) for the same members' votes on other utterances; NaN where nobody is there."""
        features = stack_features(ballots.of(self.members), self.with_probabilities)
        scores = (features - self.centre) / self.scale @ self.weights.T + self.biases
        made: FloatArray = softmax(scores, axis=-1)
        made[~ballots.present.any(axis=-1)] = np.nan
        return made


def fit_stack(ballots: Ballots, truth: IntArray) -> Stack:
    """Fit to utterances whose labels are known, none of which is scored afterwards.

    Args:
        ballots: the members' votes on them.
        truth: (n,) position of each utterance's label.

    Raises:
        InputError: fewer than two labels to learn from.
    """
    if len(np.unique(truth)) < 2:
        raise InputError(
            "stacking has fewer than two labels to learn from",
            value=[ballots.labels.names[code] for code in np.unique(truth)],
            hint="give validation predictions on utterances of several emotions",
        )
    shown = complete(ballots.probabilities) | (ballots.choices == UNPARSED)
    with_probabilities = shown.all(axis=0) & np.isfinite(ballots.probabilities).any(axis=(0, 2))
    raw = stack_features(ballots, with_probabilities)
    centre, scale = raw.mean(axis=0), raw.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    features = (raw - centre) / scale
    size = len(ballots.labels.names)
    one_hot = np.eye(size)[truth]

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        weights, biases = flat[:-size].reshape(size, -1), flat[-size:]
        scores = features @ weights.T + biases
        wrong = softmax(scores, axis=-1) - one_hot
        loss = -(log_softmax(scores, axis=-1) * one_hot).sum()
        loss += (weights**2).sum() / (2 * _STRENGTH)
        slope = wrong.T @ features + weights / _STRENGTH
        return float(loss), np.concatenate([slope.ravel(), wrong.sum(axis=0)])

    start = np.zeros(size * features.shape[1] + size)
    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
    ).x
    return Stack(
        ballots.members,
        with_probabilities,
        centre,
        scale,
        found[:-size].reshape(size, -1),
        found[-size:],
    )


def stack_features(ballots: Ballots, with_probabilities: BoolArray) -> FloatArray:
    """(n, M C): logarithms of probabilities, or which label is said.

    A member that is to give probabilities and gives none on an utterance counts as
    undecided there (1/C each).

    Args:
        ballots: the votes.
        with_probabilities: (M,) of which members the probabilities count.
    """
    size = len(ballots.labels.names)
    shares = np.where(np.isfinite(ballots.probabilities), ballots.probabilities, 1.0 / size)
    logs = np.log(np.maximum(shares, _LEAST))
    said = ballots.choices[..., np.newaxis] == np.arange(size)
    features = np.where(with_probabilities[np.newaxis, :, np.newaxis], logs, said)
    return features.reshape(len(ballots.utterance_ids), -1)
