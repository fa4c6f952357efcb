"""Cohen's kappa of raters who have names.

For two raters and the utterances that both rated, with p_o the share of these on
which they agree and p_e = Σ_c a_c b_c the share that chance would give (a_c and b_c
the shares of label c among the answers of the one and of the other):

    κ = (p_o − p_e) / (1 − p_e), at most 1, and 0 where agreement is as by chance.

Several raters have a mean over pairs (Light 1971), each pair counting the same. In
crowds most pairs share a handful of utterances, or none: pairs that share fewer than
asked for are left out and counted, so the mean is of those who rated much.

Sources: Cohen (1960), *Educational and Psychological Measurement* 20(1); Light (1971),
*Psychological Bulletin* 76(5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equivoice.annotators.counts import OTHER, Ratings
from equivoice.annotators.others import OtherVotes, check_other
from equivoice.errors import ConfigError
from equivoice.metrics.core import BoolArray, FloatArray, IntArray, Metric, ratio

__all__ = [
    "MOST_PAIRS",
    "CohenKappa",
    "PairKappa",
    "cohen_kappa",
    "cohen_metrics",
    "cohen_statistics",
]

MOST_PAIRS = 45
"""How many pairs :func:`cohen_statistics` takes, those of ten raters: each needs its columns."""

_NO_NAMES = "raters have no names: only counts are known"
_ONE_NAME = "only one rater has a name"
_TWICE = "a rater voted more than once on an utterance"
_CONSTANT = "both raters gave one and the same label throughout"


@dataclass(frozen=True)
class PairKappa:
    """Two raters.

    Args:
        first: a rater.
        second: another.
        shared: how many utterances both rated.
        kappa: Cohen's kappa; NaN where undefined.
        undefined: why.
    """

    first: str
    second: str
    shared: int
    kappa: float
    undefined: str | None = None


@dataclass(frozen=True)
class CohenKappa:
    """All pairs that share enough, and their mean.

    Args:
        pairs: those that share at least as many utterances as asked for.
        mean: mean kappa over those of them where it is defined; NaN where there is none.
        undefined: why there is no mean.
        left_out: pairs that did not enter the mean, by reason; a pair that shares no
            utterance is none.
    """

    pairs: tuple[PairKappa, ...]
    mean: float
    undefined: str | None
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class _Meetings:
    """Each time two named raters met on an utterance: position of the pair, item, answers."""

    pair: IntArray
    item: IntArray
    first: IntArray
    second: IntArray

    def where(self, rows: BoolArray) -> _Meetings:
        return _Meetings(self.pair[rows], self.item[rows], self.first[rows], self.second[rows])


def cohen_kappa(
    ratings: Ratings, *, fewest: int = 10, other: OtherVotes = "leave_out"
) -> CohenKappa:
    """Cohen's kappa of each pair of named raters, and the mean over pairs.

    Args:
        ratings: votes with raters.
        fewest: how many utterances a pair must share.
        other: votes for none of the labels are left out, or one more answer (``count``).

    Returns:
        Pairs in the order of ``ratings.raters``. Undefined, with the reason, where only
        counts are known or a rater voted twice on an utterance.

    Raises:
        ConfigError: ``fewest`` below 1, or an unknown choice for ``other``.

    Example:
        >>> import numpy as np
        >>> rows = np.arange(8)
        >>> labels = np.array([0, 0, 1, 1, 0, 1, 1, 1])  # Ann's four, then Bo's
        >>> ratings = Ratings(tuple("abcd"), ("angry", "sad"), ("Ann", "Bo"),
        ...                   rows % 4, rows // 4, labels, np.ones(8, dtype=np.int64))
        >>> cohen_kappa(ratings, fewest=4).mean
        0.5
        >>> cohen_kappa(ratings).undefined
        'no pair of raters shares 10 utterances'
    """
    check_other(other)
    if fewest < 1:
        raise ConfigError("a pair must share at least one utterance", value=fewest)
    why = _not_possible(ratings)
    if why is not None:
        return CohenKappa((), float("nan"), why, {})
    met = _meetings(ratings, other)
    codes, place, shared = np.unique(met.pair, return_inverse=True, return_counts=True)
    enough = shared >= fewest
    sums = _pair_sums(met, place, enough, _width(ratings))
    kappas = _kappas(sums).tolist()
    pairs = tuple(
        PairKappa(*names, many, kappa, _CONSTANT if np.isnan(kappa) else None)
        for names, many, kappa in zip(
            _names(ratings, codes[enough]), shared[enough].tolist(), kappas, strict=True
        )
    )
    defined = [pair.kappa for pair in pairs if pair.undefined is None]
    left_out = {
        f"pair of raters with fewer than {fewest} shared utterances": int((~enough).sum()),
        _CONSTANT: len(pairs) - len(defined),
    }
    none = _CONSTANT if pairs else f"no pair of raters shares {fewest} utterances"
    return CohenKappa(
        pairs,
        float(np.mean(defined)) if defined else float("nan"),
        None if defined else none,
        {reason: number for reason, number in left_out.items() if number},
    )


def cohen_statistics(
    ratings: Ratings, pairs: Sequence[PairKappa], *, other: OtherVotes = "leave_out"
) -> FloatArray:
    """What each utterance adds to the sums of the mean kappa over given pairs.

    Args:
        ratings: votes with raters.
        pairs: those of :func:`cohen_kappa`, with the same ``other``.
        other: as in :func:`cohen_kappa`.

    Returns:
        (n, P (2 K + 1)) with K = C + 1 answers: a pair's agreements, and the answers of
        its first and of its second rater.

    Raises:
        ConfigError: no pair, or more than :data:`MOST_PAIRS`: then there is no table
            of sums, and no interval.

    Example:
        >>> import numpy as np
        >>> ratings = Ratings(("a",), ("angry", "sad"), ("Ann", "Bo"), np.array([0, 0]),
        ...                   np.array([0, 1]), np.array([1, 1]), np.array([1, 1]))
        >>> pairs = cohen_kappa(ratings, fewest=1).pairs
        >>> cohen_statistics(ratings, pairs).tolist()  # agreed; sad, said Ann; sad, said Bo
        [[1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]]
    """
    check_other(other)
    if not 0 < len(pairs) <= MOST_PAIRS:
        raise ConfigError(
            f"sums are formed for one pair of raters to {MOST_PAIRS}", value=len(pairs)
        )
    code = {name: position for position, name in enumerate(ratings.raters)}
    both = [sorted((code[pair.first], code[pair.second])) for pair in pairs]
    wanted = np.array([first * len(code) + second for first, second in both])
    met = _meetings(ratings, other)
    met = met.where(np.isin(met.pair, wanted))
    order = np.argsort(wanted)
    pair = order[np.searchsorted(wanted, met.pair, sorter=order)]
    width, size = _width(ratings), 2 * _width(ratings) + 1
    table = np.zeros((len(ratings.items), len(pairs), size))
    table[met.item, pair, 0] = met.first == met.second
    table[met.item, pair, 1 + met.first] = 1.0
    table[met.item, pair, 1 + width + met.second] = 1.0
    return table.reshape(len(table), -1)


def cohen_metrics(pairs: Sequence[PairKappa], labels: Sequence[str]) -> dict[str, Metric]:
    """The mean of Cohen's kappa over given pairs, as a finish of sums.

    In a group, a pair that shares nothing there, or gave one label only, is left out of
    the mean; the ``fewest`` utterances were asked for over everybody.

    Args:
        pairs: those that :func:`cohen_statistics` was given.
        labels: the C labels.

    Returns:
        ``cohen_kappa``.

    Example:
        >>> import numpy as np
        >>> rows = np.arange(8)
        >>> labels = np.array([0, 0, 1, 1, 0, 1, 1, 1])
        >>> ratings = Ratings(tuple("abcd"), ("angry", "sad"), ("Ann", "Bo"),
        ...                   rows % 4, rows // 4, labels, np.ones(8, dtype=np.int64))
        >>> pairs = cohen_kappa(ratings, fewest=4).pairs
        >>> sums = cohen_statistics(ratings, pairs).sum(0)
        >>> float(cohen_metrics(pairs, ratings.labels)["cohen_kappa"].finish(sums))
        0.5
    """
    size = 2 * (len(labels) + 1) + 1

    def finish(sums: FloatArray) -> FloatArray:
        kappas = _kappas(sums.reshape(*sums.shape[:-1], len(pairs), size))
        defined = ~np.isnan(kappas)
        total = np.where(defined, kappas, 0.0).sum(-1)
        return ratio(total, defined.sum(-1).astype(np.float64))

    why = "no pair of raters shares utterances, or each pair gave one label only"
    metric = Metric("cohen_kappa", finish, -1.0, 1.0, None, why)
    return {metric.name: metric}


def _not_possible(ratings: Ratings) -> str | None:
    named = ratings.rater >= 0
    if not named.any():
        return _NO_NAMES
    if len(np.unique(ratings.rater[named])) < 2:
        return _ONE_NAME
    votes = np.stack([ratings.item[named], ratings.rater[named]], axis=-1)
    if len(np.unique(votes, axis=0)) < len(votes) or (ratings.count[named] > 1).any():
        return _TWICE
    return None


def _width(ratings: Ratings) -> int:
    return len(ratings.labels) + 1


def _meetings(ratings: Ratings, other: OtherVotes) -> _Meetings:
    """Pairs of votes on one utterance: neighbours at each distance, sorted by item and rater."""
    used = (ratings.rater >= 0) & (ratings.count > 0)
    if other == "leave_out":
        used &= ratings.label != OTHER
    order = np.lexsort((ratings.rater[used], ratings.item[used]))
    item, rater = ratings.item[used][order], ratings.rater[used][order]
    label = ratings.label[used][order]
    label = np.where(label == OTHER, len(ratings.labels), label)
    found: list[tuple[IntArray, ...]] = []
    for distance in range(1, int(np.bincount(item, minlength=1).max())):
        left = np.flatnonzero(item[:-distance] == item[distance:])
        right = left + distance
        pair = rater[left] * len(ratings.raters) + rater[right]
        found.append((pair, item[left], label[left], label[right]))
    if not found:
        none = np.zeros(0, dtype=np.int64)
        return _Meetings(none, none, none, none)
    pair, item, first, second = (np.concatenate(part) for part in zip(*found, strict=True))
    return _Meetings(pair, item, first, second)


def _pair_sums(met: _Meetings, place: IntArray, enough: BoolArray, width: int) -> FloatArray:
    """(pairs, 2 K + 1): agreements, answers of the first, answers of the second."""
    position = np.cumsum(enough) - 1
    kept = met.where(enough[place])
    row = position[place[enough[place]]]
    size, many = 2 * width + 1, int(enough.sum())
    sums = np.zeros((many, size))
    sums[:, 0] = np.bincount(row, weights=kept.first == kept.second, minlength=many)
    for start, answer in ((1, kept.first), (1 + width, kept.second)):
        counted = np.bincount(row * width + answer, minlength=many * width)
        sums[:, start : start + width] = counted.reshape(many, width)
    return sums


def _kappas(sums: FloatArray) -> FloatArray:
    """Sums (..., 2 K + 1) to kappa (...); whole numbers decide whether chance explains all."""
    width = (sums.shape[-1] - 1) // 2
    first, second = sums[..., 1 : 1 + width], sums[..., 1 + width :]
    n = first.sum(-1)
    chance = (first * second).sum(-1)
    return ratio(n * sums[..., 0] - chance, n**2 - chance)


def _names(ratings: Ratings, codes: IntArray) -> list[tuple[str, str]]:
    many = len(ratings.raters)
    return [(ratings.raters[code // many], ratings.raters[code % many]) for code in codes.tolist()]
