"""Labels from raters of unequal reliability: the model of Dawid and Skene (1979).

Each rater r has a confusion matrix π_r[c, l], the probability that r answers l
where c is true; the true label of an item is drawn from a prior p. Given the
true label, raters answer independently. EM finds π and p and, with them, the
probability of each label of each item:

* M: π_r[c, l] = (α + Σ_i T[i, c] n[i, r, l]) / Σ_l (…), p[c] = (α + Σ_i T[i, c]) / Σ_c (…)
* E: T[i, c] ∝ p[c] Π_{r, l} π_r[c, l]^{n[i, r, l]}

T begins as the shares of the votes. n[i, r, l] are the votes of r for l on i, and
α (``smoothing``) is a pseudo-vote in each cell, that is a symmetric Dirichlet prior:
without it, a label that a rater never used would be impossible for this rater.
Nothing is drawn, so equal votes give equal results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from equivoice.annotators.counts import OTHER, Ratings
from equivoice.errors import ConfigError, VotesError
from equivoice.metrics.core import BoolArray, FloatArray, ratio

__all__ = ["DawidSkene", "dawid_skene"]


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """What the model found.

    Args:
        posterior: (n, C) probability of each label; rows sum to 1, NaN without votes.
        confusion: (raters, C, C), or (raters, C, C + 1) where votes for none of the labels
            count: what each rater answers where a label is true. NaN for a rater
            none of whose votes counted.
        prior: (C,) how frequent each label is.
        reliability: (raters,) the probability of a right answer, Σ_c p[c] π_r[c, c].
        log_likelihood: of the votes that counted, in nats.
        iterations: how many were made.
        converged: whether no probability moved by more than the tolerance in the last.
        left_out: votes for none of the labels that did not count.
    """

    posterior: FloatArray
    confusion: FloatArray
    prior: FloatArray
    reliability: FloatArray
    log_likelihood: float
    iterations: int
    converged: bool
    left_out: int


def dawid_skene(
    ratings: Ratings,
    *,
    iterations: int = 100,
    tolerance: float = 1e-6,
    smoothing: float = 0.01,
    other: Literal["leave_out", "count"] = "leave_out",
) -> DawidSkene:
    """Fit the model of the module's docstring by EM.

    Args:
        ratings: votes whose raters all have names.
        iterations: at most so many.
        tolerance: EM ends when no probability of a label moves by more.
        smoothing: α, pseudo-votes a cell, 0 and up.
        other: ``count`` takes votes for none of the labels as one more answer, which
            is never the truth; ``leave_out`` takes them out and counts them.

    Raises:
        VotesError: votes of raters without a name, or no vote at all.
        ConfigError: an option out of its range.

    Example:
        >>> import numpy as np
        >>> said = np.array([[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0]])
        >>> item, rater = (axis.ravel() for axis in np.indices(said.shape))
        >>> votes = Ratings(tuple("abcdef"), ("angry", "sad"), ("r1", "r2", "r3"), item, rater,
        ...                 said.ravel(), np.ones(18, dtype=np.int64))
        >>> found = dawid_skene(votes)
        >>> found.posterior.argmax(1).tolist()
        [0, 1, 0, 1, 0, 1]
        >>> found.reliability.round(2).tolist()
        [1.0, 1.0, 0.33]
    """
    _check_options(iterations, tolerance, smoothing, other)
    votes, width = _votes(ratings, with_other=other == "count")
    c, r = len(ratings.labels), len(ratings.raters)
    voted = np.asarray(votes.sum(1)).ravel() > 0
    truth = _vote_shares(votes, r, width, c)
    truth[~voted] = 0.0
    done, converged = 0, False
    while done < iterations and not converged:
        confusion, prior = _maximised(votes, truth, (r, c, width), smoothing)
        before, (truth, log_likelihood) = truth, _expected(votes, confusion, prior, voted)
        done += 1
        converged = bool(np.abs(truth - before).max(initial=0.0) <= tolerance)
    heard = np.asarray(votes.sum(0)).reshape(r, width).sum(-1) > 0
    confusion[~heard] = np.nan
    right = np.diagonal(confusion[:, :, :c], axis1=1, axis2=2) @ prior
    truth[~voted] = np.nan
    left_out = 0 if other == "count" else int(ratings.count[ratings.label == OTHER].sum())
    return DawidSkene(truth, confusion, prior, right, log_likelihood, done, converged, left_out)


def _check_options(iterations: int, tolerance: float, smoothing: float, other: str) -> None:
    if other not in ("leave_out", "count"):
        raise ConfigError("unknown policy for other", value=other, choices=("leave_out", "count"))
    if iterations < 1:
        raise ConfigError("EM needs an iteration", value=iterations, hint="give 1 or more")
    for name, value in (("tolerance", tolerance), ("smoothing", smoothing)):
        if not 0 <= value < np.inf:
            raise ConfigError(f"{name} is a number from 0", value=value)


def _votes(ratings: Ratings, *, with_other: bool) -> tuple[sparse.csr_array, int]:
    """(n, raters · width) votes, and how many answers a rater can give: C, or C + 1."""
    nameless = int(ratings.count[ratings.rater < 0].sum())
    if nameless:
        raise VotesError(
            f"Dawid–Skene weights raters, and {nameless:,} votes have no rater",
            column="rater",
            hint="name the rater in each row, or choose another rule",
        )
    c = len(ratings.labels)
    width = c + 1 if with_other else c
    used = np.ones(len(ratings.item), dtype=np.bool_) if with_other else ratings.label != OTHER
    if not used.any():
        raise VotesError("no vote for any of the labels", choices=ratings.labels)
    label = np.where(ratings.label == OTHER, c, ratings.label)[used]
    column = ratings.rater[used] * width + label
    cells = ratings.count[used].astype(np.float64), (ratings.item[used], column)
    shape = len(ratings.items), len(ratings.raters) * width
    return sparse.csr_array(sparse.coo_array(cells, shape=shape)), width


def _vote_shares(votes: sparse.csr_array, raters: int, width: int, classes: int) -> FloatArray:
    """(n, C) shares of the votes for labels; equal where all votes are for none of them."""
    of_label = np.tile(np.eye(width)[:, :classes], (raters, 1))
    counts = np.asarray(votes @ of_label)
    shares = ratio(counts, counts.sum(-1, keepdims=True))
    return np.where(np.isnan(shares), 1.0 / classes, shares)


def _maximised(
    votes: sparse.csr_array, truth: FloatArray, shape: tuple[int, int, int], smoothing: float
) -> tuple[FloatArray, FloatArray]:
    """The confusion matrices and the prior that fit the probabilities of the labels best."""
    raters, classes, width = shape
    expected = np.asarray(votes.T @ truth).reshape(raters, width, classes).swapaxes(1, 2)
    expected = expected + smoothing
    confusion = ratio(expected, expected.sum(-1, keepdims=True))
    confusion = np.where(np.isnan(confusion), 1.0 / width, confusion)
    prior = truth.sum(0) + smoothing
    return confusion, prior / prior.sum()


def _expected(
    votes: sparse.csr_array, confusion: FloatArray, prior: FloatArray, voted: BoolArray
) -> tuple[FloatArray, float]:
    """The probabilities of the labels, and the log-likelihood of the votes."""
    answers = _log(confusion).swapaxes(1, 2).reshape(votes.shape[1], -1)
    joint = np.asarray(votes @ answers) + _log(prior)
    evidence = logsumexp(joint, axis=-1, keepdims=True)
    truth = np.where(voted[:, np.newaxis], np.exp(joint - evidence), 0.0)
    return truth, float(evidence[voted].sum())


def _log(probabilities: FloatArray) -> FloatArray:
    """The logarithm; −∞ where a probability is 0, which rules a label out."""
    nothing = np.full(probabilities.shape, -np.inf)
    return np.log(probabilities, out=nothing, where=probabilities > 0)
