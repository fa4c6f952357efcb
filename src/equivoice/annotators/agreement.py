"""How far raters agree, from counts alone.

All measures are functions of sums over utterances, so groups, gaps and
intervals come as for any metric. With n_uc the votes for label c on utterance
u, m_u = Σ_c n_uc, and P_u = Σ_c n_uc (n_uc − 1) / (m_u (m_u − 1)) the share of
pairs of votes on u that agree:

==================  ==========================================================
krippendorff_alpha  1 − observed / expected disagreement, nominal; any numbers
                    of votes. Over utterances with at least two, o_cc =
                    Σ_u n_uc (n_uc − 1) / (m_u − 1), n_c = Σ_u n_uc, n = Σ_c n_c:
                    1 − (n − 1) (n − Σ o_cc) / (n² − Σ n_c²)
fleiss_kappa        (mean P_u − Σ q_c²) / (1 − Σ q_c²), q_c = n_c / n; only where
                    every utterance has the same number of votes, at least two
vote_entropy        mean over utterances of −Σ_c p_uc ln p_uc, p_uc = n_uc / m_u,
                    in nats; utterances with at least two votes
top_share           mean over utterances of max_c p_uc; at least two votes
class_alpha         Krippendorff's alpha of one label against the rest, a label
vote_share          mean over utterances of p_uc, a label; at least one vote
==================  ==========================================================

An utterance with one vote says nothing of agreement (its entropy is 0 and its
top share 1, whatever people think), so it enters the share of votes only.

Entropy and top share depend on the number of votes: the fewer, the smaller the
one and the larger the other. Compare them only where numbers of votes are
alike. Alpha and kappa correct for chance by the votes of the same group, so
they also depend on how often each label is named there.

Intervals over speakers say what other speakers would give with the same crowd.
They do not contain the sampling of raters.

Sources: Krippendorff (2011), *Computing Krippendorff's alpha-reliability*;
Fleiss (1971), *Psychological Bulletin* 76(5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from equivoice.annotators.counts import VoteCounts
from equivoice.annotators.others import OtherVotes, answers
from equivoice.metrics.core import FloatArray, IntArray, Metric, ratio

__all__ = ["agreement_metrics", "agreement_statistics", "vote_entropies"]

_PAIRED, _VOTED, _VOTES, _SQUARES, _AGREE, _ENTROPY, _TOP = range(7)
_PLAIN = 7
_SAME_NUMBER = 1e-12
_NO_PAIR = "no utterance with two votes"
_ONE_LABEL = f"{_NO_PAIR}, or all votes on one label"
_UNEQUAL = "numbers of votes differ between utterances, or are below two, or all are on one label"
_NO_VOTE = "no vote"
_CLASS = f"{_NO_PAIR}, or this label has none or all of the votes"


def agreement_statistics(counts: VoteCounts, *, other: OtherVotes = "leave_out") -> FloatArray:
    """What each utterance adds to the sums.

    Args:
        counts: votes on n utterances for C labels.
        other: votes for none of the labels are left out, or are one more answer
            (``count``): two such votes then agree, though they may mean different things.

    Returns:
        (n, S) with S = 3 C + 9, for :func:`agreement_metrics`. An utterance without
        votes adds 0 everywhere.

    Raises:
        ConfigError: an unknown choice for ``other``.

    Example:
        >>> votes = VoteCounts(("a", "b"), ("angry", "sad"), np.array([[3, 0], [2, 1]]),
        ...                    np.zeros(2, dtype=np.int64))
        >>> agreement_statistics(votes).shape
        (2, 15)
    """
    votes = answers(counts, other)
    if other == "leave_out":  # the same columns either way
        votes = np.append(votes, np.zeros((len(votes), 1), np.int64), axis=-1)
    number = votes.sum(-1)
    voted, paired = number > 0, number > 1
    shares = votes / np.maximum(number, 1)[:, np.newaxis]
    same = votes * (votes - 1) / np.maximum(number - 1, 1)[:, np.newaxis]
    plain = np.zeros((len(votes), _PLAIN))
    plain[:, _PAIRED], plain[:, _VOTED] = paired, voted
    plain[:, _VOTES], plain[:, _SQUARES] = number, number**2
    plain[:, _AGREE] = same.sum(-1) / np.maximum(number, 1)
    plain[:, _ENTROPY] = _entropy(shares)
    plain[:, _TOP] = np.where(paired, shares.max(-1), 0.0)
    pairable = np.where(paired[:, np.newaxis], votes, 0)
    return np.concatenate([plain, same, pairable, shares[:, :-1]], axis=-1)


def agreement_metrics(labels: Sequence[str]) -> dict[str, Metric]:
    """The measures of agreement by name.

    Args:
        labels: the C labels of the votes, in their order.

    Returns:
        Metrics over sums of :func:`agreement_statistics`. None of them has a better
        direction: people may rightly hear different things.

    Example:
        >>> import numpy as np
        >>> votes = VoteCounts(("a", "b", "c"), ("angry", "sad"),
        ...                    np.array([[3, 0], [2, 1], [0, 3]]), np.zeros(3, dtype=np.int64))
        >>> sums = agreement_statistics(votes).sum(0)
        >>> metrics = agreement_metrics(votes.labels)
        >>> [round(float(metrics[name].finish(sums)), 3) for name in (
        ...     "krippendorff_alpha", "fleiss_kappa", "vote_entropy", "top_share")]
        [0.6, 0.55, 0.212, 0.889]
    """
    size = 3 * len(labels) + 9

    def sized(finish: Callable[[FloatArray], FloatArray]) -> Callable[[FloatArray], FloatArray]:
        def checked(sums: FloatArray) -> FloatArray:
            if sums.shape[-1] != size:
                raise ValueError(f"sums of {size} statistics are needed, not {sums.shape[-1]}")
            return finish(sums)

        return checked

    top = float(np.log(len(labels) + 1))
    plain = (
        ("krippendorff_alpha", _alpha, -1.0, 1.0, _ONE_LABEL),
        ("fleiss_kappa", _fleiss, -1.0, 1.0, _UNEQUAL),
        ("vote_entropy", _mean(_ENTROPY), 0.0, top, _NO_PAIR),
        ("top_share", _mean(_TOP), 0.0, 1.0, _NO_PAIR),
    )
    per_class = (
        ("class_alpha", _class_alpha, -1.0, 1.0, _CLASS),
        ("vote_share", _vote_share, 0.0, 1.0, _NO_VOTE),
    )
    found = [Metric(name, sized(f), low, high, None, why) for name, f, low, high, why in plain]
    found += [
        Metric(name, sized(f), low, high, None, why, per_class=True)
        for name, f, low, high, why in per_class
    ]
    return {metric.name: metric for metric in found}


def vote_entropies(counts: VoteCounts, *, other: OtherVotes = "leave_out") -> FloatArray:
    """The entropy of the votes on each utterance.

    Args:
        counts: votes on n utterances.
        other: what votes for none of the labels are, as in :func:`agreement_statistics`.

    Returns:
        (n,) −Σ p ln p in nats; NaN where there are fewer than two votes.

    Example:
        >>> import numpy as np
        >>> votes = VoteCounts(("a", "b"), ("angry", "sad"),
        ...                    np.array([[2, 2], [1, 0]]), np.zeros(2, dtype=np.int64))
        >>> vote_entropies(votes).round(3).tolist()
        [0.693, nan]
    """
    votes = answers(counts, other)
    number: IntArray = votes.sum(-1)
    entropy = _entropy(votes / np.maximum(number, 1)[:, np.newaxis])
    return np.where(number > 1, entropy, np.nan)


def _entropy(shares: FloatArray) -> FloatArray:
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(np.abs((shares * logs).sum(-1)))  # abs: no negative zero


def _coincidences(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pairs of votes that agree, and pairable votes: each (..., C + 1), the last for none."""
    size = (sums.shape[-1] - _PLAIN + 1) // 3
    return sums[..., _PLAIN : _PLAIN + size], sums[..., _PLAIN + size : _PLAIN + 2 * size]


def _alpha(sums: FloatArray) -> FloatArray:
    same, votes = _coincidences(sums)
    n = votes.sum(-1)
    observed = n - same.sum(-1)
    expected = (votes * (n[..., np.newaxis] - votes)).sum(-1)
    return 1.0 - ratio((n - 1) * observed, expected)


def _class_alpha(sums: FloatArray) -> FloatArray:
    same, votes = (each[..., :-1] for each in _coincidences(sums))
    n = _coincidences(sums)[1].sum(-1)[..., np.newaxis]
    return 1.0 - ratio((n - 1) * (votes - same), votes * (n - votes))


def _fleiss(sums: FloatArray) -> FloatArray:
    votes = _coincidences(sums)[1]
    n, items = votes.sum(-1), sums[..., _VOTED]
    agree = ratio(sums[..., _AGREE], items)
    chance = (ratio(votes, n[..., np.newaxis]) ** 2).sum(-1)
    scatter = items * sums[..., _SQUARES] - sums[..., _VOTES] ** 2
    equal = np.abs(scatter) <= _SAME_NUMBER * sums[..., _VOTES] ** 2
    several = sums[..., _PAIRED] == items
    varied = (votes * (n[..., np.newaxis] - votes)).sum(-1) > 0
    return np.where(equal & several & varied, ratio(agree - chance, 1.0 - chance), np.nan)


def _mean(column: int) -> Callable[[FloatArray], FloatArray]:
    return lambda sums: ratio(sums[..., column], sums[..., _PAIRED])


def _vote_share(sums: FloatArray) -> FloatArray:
    size = (sums.shape[-1] - _PLAIN + 1) // 3
    return ratio(sums[..., _PLAIN + 2 * size :], sums[..., _VOTED, np.newaxis])
