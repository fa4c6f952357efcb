"""Stacking: how much each member is trusted, and each label, learnt from known utterances.

With x_imc the logarithm of the probability that member m gives label c on utterance i, or,
where a member gives none, whether it says that label (all 0 where it says none), labels have
the probabilities

    p_ic = softmax_c(Σ_m w_m x_imc + b_c)

and the weights w and biases b minimise Σ_i −log p_{i,y_i} + (‖w‖² + ‖b‖²) / (2 S), with S
the strength ``_STRENGTH``. A member that only guesses has a weight that does not matter; one
that is too sure of itself is toned down.

One weight for each member and not for each pair of its label and ours: that would be M C²
numbers, which are more than the some hundred utterances of some speakers can tell. On RAVDESS
(benchmarks/results/ensemble.md) the full matrix was worse than the members themselves.

Sources: Wolpert (1992), "Stacked generalization", Neural Networks 5(2); the form is the
logarithmic opinion pool: Genest and Zidek (1986), "Combining probability distributions",
Statistical Science 1(1).
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
        members: the members in the order of the weights.
        with_probabilities: (M,) whose features are logarithms of probabilities.
        weights: (M,).
        biases: (C,).
    """

    members: tuple[str, ...]
    with_probabilities: BoolArray
    weights: FloatArray
    biases: FloatArray

    def probabilities(self, ballots: Ballots) -> FloatArray:
        """(n, C) for the same members' votes on other utterances; NaN where nobody is there."""
        features = stack_features(ballots.of(self.members), self.with_probabilities)
        made: FloatArray = softmax(self.weights @ features + self.biases, axis=-1)
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
    features = stack_features(ballots, with_probabilities)
    one_hot = np.eye(len(ballots.labels.names))[truth]
    members = len(ballots.members)

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        scores = flat[:members] @ features + flat[members:]
        wrong = softmax(scores, axis=-1) - one_hot
        loss = -(log_softmax(scores, axis=-1) * one_hot).sum() + flat @ flat / (2 * _STRENGTH)
        slope = np.concatenate([np.einsum("nc,nmc->m", wrong, features), wrong.sum(axis=0)])
        return float(loss), slope + flat / _STRENGTH

    found = minimize(
        objective,
        np.zeros(members + one_hot.shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS, "ftol": 1e-14, "gtol": 1e-8},
    ).x
    return Stack(ballots.members, with_probabilities, found[:members], found[members:])


def stack_features(ballots: Ballots, with_probabilities: BoolArray) -> FloatArray:
    """(n, M, C): logarithms of probabilities, or which label is said.

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
    return np.where(with_probabilities[:, np.newaxis], logs, said)
