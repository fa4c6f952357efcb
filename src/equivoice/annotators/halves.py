"""Half of the listeners against the other half, by random halves.

For each utterance floor(m / 2) of its m votes are drawn without replacement (a
multivariate hypergeometric draw). They answer by their plurality; the rest gives
the reference by the rule. What a crowd of half the size scores is more than one
listener does, and how much more says how far more votes would help.

There is no closed form worth having, so this is a simulation: seeded, draw by
draw, with a Monte-Carlo error that :func:`~equivoice.annotators.expected.half_scores`
gives. The first draws of a longer run are those of a shorter one.

Intervals over speakers do not contain the sampling of raters: halves are drawn from
the votes that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from equivoice.annotators.ceiling import HardRule, Ties, check_ties
from equivoice.annotators.counts import VoteCounts
from equivoice.annotators.others import OtherVotes, answers
from equivoice.annotators.rules import winners
from equivoice.errors import ConfigError
from equivoice.metrics.core import BoolArray, FloatArray, IntArray

__all__ = ["HalfTables", "Halves", "half_statistics", "half_tables", "halves"]

_NO_LABEL = -1


@dataclass(frozen=True)
class Halves:
    """One draw of halves.

    Args:
        answering: (n, C) votes of the half that answers, or (n, C + 1) where votes for
            none of the labels are counted.
        reference: the same of the other half.
    """

    answering: IntArray
    reference: IntArray


@dataclass(frozen=True)
class HalfTables:
    """Answers and references of random halves.

    Args:
        predicted: (draws, n) codes of the answers; −1 for none of the labels.
        reference: (draws, n) codes of the other half's label; −1 where it gives none or
            there are fewer than two votes. Such an utterance is out of that draw.
        voted: (n,) whether there is any vote.
        n_labels: C.
    """

    predicted: IntArray
    reference: IntArray
    voted: BoolArray
    n_labels: int

    def tables(self) -> tuple[FloatArray, FloatArray]:
        """Mean tables over the draws, of the same form as those of a left-out listener.

        Returns:
            (n, C, C + 1) tables [reference, answer];
            (n,) the share of draws without a reference; 0 where there is no vote.
        """
        draws, n = self.predicted.shape
        size = self.n_labels
        answer = np.where(self.predicted < 0, size, self.predicted)
        cells = (np.arange(n) * size + self.reference) * (size + 1) + answer
        counted = np.bincount(cells[self.reference >= 0], minlength=n * size * (size + 1))
        tables = counted.reshape(n, size, size + 1) / draws
        lost = (self.reference < 0).mean(0)
        return tables, np.where(self.voted, lost, 0.0)


def halves(
    counts: VoteCounts, *, draws: int, seed: int, other: OtherVotes = "leave_out"
) -> Iterator[Halves]:
    """Random halves of the votes on each utterance.

    Args:
        counts: votes on n utterances for C labels.
        draws: how many.
        seed: of the draws.
        other: with ``count``, votes for none of the labels are drawn like others.

    Yields:
        :class:`Halves`; the answering half is the smaller one of an odd number.

    Raises:
        ConfigError: fewer than one draw.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[5, 0]]), np.zeros(1, np.int64))
        >>> half = next(halves(votes, draws=1, seed=0))
        >>> half.answering.tolist(), half.reference.tolist()
        ([[2, 0]], [[3, 0]])
    """
    if draws < 1:
        raise ConfigError("at least one draw is needed", value=draws)
    votes = answers(counts, other)
    for draw in range(draws):
        drawn = _drawn(votes, votes.sum(-1) // 2, np.random.default_rng([seed, draw]))
        yield Halves(drawn, votes - drawn)


def half_tables(
    counts: VoteCounts,
    rule: HardRule,
    *,
    draws: int = 200,
    seed: int = 0,
    other: OtherVotes = "leave_out",
    ties: Ties = "random",
) -> HalfTables:
    """Half the crowd as a system, against the rule's label of the other half.

    Args:
        counts: votes on n utterances for C labels.
        rule: how the reference half becomes a label.
        draws: how many random halves.
        seed: of the draws.
        other: with ``count``, none of the labels may be the plurality of the answering
            half (an answer without a label), and counts in the reference half.
        ties: ``random``: a tie of the answering half is broken by chance, as somebody who
            must answer does; ``no_answer``: it is an answer without a label. A tie of the
            reference half is no reference in either case.

    Returns:
        Codes a draw and utterance.

    Raises:
        ConfigError: an unknown choice, or fewer than one draw.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[1, 1]]), np.zeros(1, np.int64))
        >>> found = half_tables(votes, "plurality", draws=100)
        >>> bool((found.predicted + found.reference == 1).all())  # two listeners who differ
        True
    """
    check_ties(ties)
    n, size = counts.counts.shape
    predicted: list[IntArray] = []
    reference: list[IntArray] = []
    nobody = np.zeros(n, dtype=np.int64)
    for draw, half in enumerate(halves(counts, draws=draws, seed=seed, other=other)):
        beside = half.reference[:, size] if other == "count" else nobody
        several = half.answering.sum(-1) > 0
        label = winners(half.reference[:, :size], beside, rule, count_other=True)
        reference.append(np.where(several, label, _NO_LABEL))
        rng = np.random.default_rng([seed, draw, 1])
        answer = _plurality(half.answering, ties, rng)
        predicted.append(np.where(answer < size, answer, _NO_LABEL))
    voted = answers(counts, other).sum(-1) > 0
    return HalfTables(np.stack(predicted), np.stack(reference), voted, size)


def half_statistics(
    counts: VoteCounts,
    statistics: Callable[[FloatArray, FloatArray], FloatArray],
    *,
    draws: int = 200,
    seed: int = 0,
    other: OtherVotes = "leave_out",
) -> FloatArray:
    """Any additive statistics of the shares of one half against those of the other.

    Args:
        counts: votes on n utterances for C labels.
        statistics: from the reference half's shares (k, C) and the answering half's
            (k, C) to (k, S). With ``count`` shares may sum to less than 1.
        draws: how many random halves.
        seed: of the draws.
        other: as in :func:`halves`.

    Returns:
        (n, S) means over the draws; 0 where there are fewer than two votes.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[4, 0]]), np.zeros(1, np.int64))
        >>> def distance(reference, answering):
        ...     return np.abs(reference - answering).sum(-1, keepdims=True) / 2
        >>> half_statistics(votes, distance, draws=3).tolist()
        [[0.0]]
    """
    n, size = counts.counts.shape
    rows = np.flatnonzero(answers(counts, other).sum(-1) > 1)
    total = 0.0 * statistics(np.zeros((0, size)), np.zeros((0, size))).sum(0)
    result = np.zeros((n, len(total)))
    for half in halves(counts, draws=draws, seed=seed, other=other):
        human, answering = (
            votes[rows, :size] / votes[rows].sum(-1, keepdims=True)
            for votes in (half.reference, half.answering)
        )
        result[rows] += statistics(human, answering) / draws
    return result


def _drawn(votes: IntArray, wanted: IntArray, rng: np.random.Generator) -> IntArray:
    """So many votes of each row, without replacement: one label after the other."""
    drawn = np.zeros_like(votes)
    left, rest = wanted.copy(), votes.sum(-1)
    for label in range(votes.shape[1]):
        own = votes[:, label]
        rest = rest - own
        certain = np.where(rest == 0, left, 0)
        open_rows = np.flatnonzero((own > 0) & (rest > 0) & (left > 0))
        certain[open_rows] = rng.hypergeometric(own[open_rows], rest[open_rows], left[open_rows])
        drawn[:, label] = certain
        left = left - certain
    return drawn


def _plurality(votes: IntArray, ties: Ties, rng: np.random.Generator) -> IntArray:
    """The column with most votes; at a tie one of them by chance, or the width for none."""
    width = votes.shape[1]
    tied = (votes == votes.max(-1, keepdims=True)) & (votes > 0)
    number = tied.sum(-1)
    place = np.floor(rng.random(len(votes)) * number).astype(np.int64)
    chosen = (tied & (tied.cumsum(-1) == place[:, np.newaxis] + 1)).argmax(-1)
    silent = (number == 0) | ((number > 1) & (ties == "no_answer"))
    return np.where(silent, width, chosen)
