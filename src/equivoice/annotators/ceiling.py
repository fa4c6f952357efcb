"""What people themselves score: one random listener, one left out, the crowd's plurality.

A model's score is read against people's own. Three listeners are computed here
from counts alone, in closed form and per utterance, so that sums by speaker and
group give scores, gaps and intervals:

one listener
    answers as the votes do: label c with probability n_c / m. Held against
    a label that does not come from the votes (what the actor was asked to play).
one listener, left out
    the same listener held against the rule's label of the *other* votes, so that no
    vote is compared with itself. An utterance with m votes has at most C different
    answers to leave out, hence no loop over votes.
the crowd's plurality
    the label with most votes, as one answer.

An expected table has a row a reference and a column an answer, the last column for
answers that are none of the labels. What classification metrics sum is linear in it,
so the *score of the expected table* is exact. Of accuracy and recall it is also the
expected score, if every utterance has a reference; of macro-F1 it is not:
:mod:`equivoice.annotators.expected` gives that one.

The random listener is drawn anew for each utterance, since counts do not say who
voted. It is not a person who hears the whole corpus: real listeners differ in skill,
so their scores scatter more widely. And the reference of a left-out listener comes
from one vote fewer than the crowd's, so ties are more or less frequent: the weight
without a reference is returned, never dropped in silence.

Intervals over speakers say what other speakers would give with the same crowd. They
do not contain the sampling of raters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from equivoice.annotators.counts import VoteCounts
from equivoice.annotators.others import OtherVotes, answers
from equivoice.annotators.rules import winners
from equivoice.errors import ConfigError
from equivoice.metrics import FloatArray, IntArray, Unparsed, classification_statistics

__all__ = [
    "HardRule",
    "LeftOut",
    "Ties",
    "given_tables",
    "left_out",
    "left_out_credit",
    "left_out_statistics",
    "left_out_tables",
    "listener_shares",
    "plurality_shares",
    "table_statistics",
]

HardRule = Literal["majority", "plurality"]
"""The rules by which votes alone elect one label or none."""

Ties = Literal["random", "no_answer"]
"""What a crowd answers at a tie: one of the tied labels, each as likely, or nothing."""


@dataclass(frozen=True)
class LeftOut:
    """All listeners who gave one answer, and what the others said.

    Args:
        answer: the code of the answer; C for none of the labels.
        rows: (k,) utterances on which somebody gave it.
        weight: (k,) the share of listeners who gave it there.
        counts: (k, C) the votes of the others.
        other: (k,) the others' votes for none of the labels; 0 where these are left out.
    """

    answer: int
    rows: IntArray
    weight: FloatArray
    counts: IntArray
    other: IntArray


def listener_shares(counts: VoteCounts, *, other: OtherVotes = "leave_out") -> FloatArray:
    """How likely one random listener gives each answer.

    Args:
        counts: votes on n utterances for C labels.
        other: with ``count``, a listener may also answer none of the labels.

    Returns:
        (n, C), or (n, C + 1) with ``count``; NaN where there is no vote.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[3, 1]]), np.array([4]))
        >>> listener_shares(votes).tolist(), listener_shares(votes, other="count").tolist()
        ([[0.75, 0.25]], [[0.375, 0.125, 0.5]])
    """
    votes = answers(counts, other)
    return _divided(votes.astype(np.float64), votes.sum(-1))


def plurality_shares(
    counts: VoteCounts, *, ties: Ties = "random", other: OtherVotes = "leave_out"
) -> FloatArray:
    """How likely the crowd's plurality gives each answer.

    Args:
        counts: votes on n utterances for C labels.
        ties: ``random``: each of the tied answers is as likely, which is the closed form
            of a draw among them; ``no_answer``: a tie is an answer without a label.
        other: with ``count``, none of the labels may win, which is no label either.

    Returns:
        (n, C + 1), the last column for no label; NaN where there is no vote.

    Raises:
        ConfigError: an unknown choice.

    Example:
        >>> votes = VoteCounts(("a", "b"), ("angry", "sad"), np.array([[3, 1], [2, 2]]),
        ...                    np.zeros(2, dtype=np.int64))
        >>> plurality_shares(votes).tolist()
        [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
    """
    check_ties(ties)
    votes = answers(counts, other)
    size = counts.counts.shape[1]
    tied = (votes == votes.max(-1, keepdims=True)) & (votes > 0)
    number = tied.sum(-1)
    shares = np.zeros((len(votes), size + 1))
    shares[:, : votes.shape[1]] = tied / np.maximum(number, 1)[:, np.newaxis]
    if ties == "no_answer":
        shares[number > 1] = np.eye(size + 1)[size]
    shares[number == 0] = np.nan
    return shares


def given_tables(shares: FloatArray, reference: IntArray) -> tuple[FloatArray, FloatArray]:
    """Expected tables of answers against labels that do not come from the votes.

    Args:
        shares: (n, C + 1) how likely each answer is, the last for none of the labels;
            a row of NaN: nobody answered.
        reference: (n,) codes from 0 to C − 1, or −1 where there is none.

    Returns:
        (n, C, C + 1) tables, 0 where nobody answered or nothing is to be compared with;
        (n,) 1 where there are answers and no reference, else 0.

    Example:
        >>> tables, lost = given_tables(np.array([[0.75, 0.25, 0.0]]), np.array([1]))
        >>> tables.tolist(), lost.tolist()
        ([[[0.0, 0.0, 0.0], [0.75, 0.25, 0.0]]], [0.0])
    """
    n, width = shares.shape
    answered = ~np.isnan(shares).any(-1)
    tables = np.zeros((n, width - 1, width))
    rows = np.flatnonzero(answered & (reference >= 0))
    tables[rows, reference[rows]] = shares[rows]
    return tables, (answered & (reference < 0)).astype(np.float64)


def left_out(counts: VoteCounts, *, other: OtherVotes = "leave_out") -> Iterator[LeftOut]:
    """Leave out each listener once; those with the same answer are taken together.

    Args:
        counts: votes on n utterances for C labels.
        other: with ``count``, none of the labels is an answer like another.

    Yields:
        One :class:`LeftOut` for each answer that somebody gave; at most C, or C + 1.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[3, 1]]), np.zeros(1, np.int64))
        >>> [(one.answer, one.weight.tolist(), one.counts.tolist()) for one in left_out(votes)]
        [(0, [0.75], [[2, 1]]), (1, [0.25], [[3, 0]])]
    """
    votes = answers(counts, other)
    size = counts.counts.shape[1]
    number = votes.sum(-1)
    for answer in range(votes.shape[1]):
        rows = np.flatnonzero(votes[:, answer] > 0)
        if not len(rows):
            continue
        rest = votes[rows]
        weight = rest[:, answer] / number[rows]
        rest[:, answer] -= 1
        beside = rest[:, size] if other == "count" else np.zeros(len(rows), dtype=np.int64)
        yield LeftOut(answer, rows, weight, rest[:, :size], beside)


def left_out_tables(
    counts: VoteCounts, rule: HardRule, *, other: OtherVotes = "leave_out"
) -> tuple[FloatArray, FloatArray]:
    """Expected tables of one random listener against the rule's label of the other votes.

    Summed over answers, ``tables.sum(-1)`` says how likely each reference is. To hold a
    model against the very same references, use its answers with these weights.

    Args:
        counts: votes on n utterances for C labels.
        rule: how the other votes become a label.
        other: with ``count``, votes for none of the labels are answers (the last column)
            and count among the other votes.

    Returns:
        (n, C, C + 1) tables [reference, answer];
        (n,) the share of listeners whose others give no label. Where there is a vote,
        table and share sum to 1; else both are 0.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[2, 1]]), np.zeros(1, np.int64))
        >>> tables, lost = left_out_tables(votes, "majority")  # angry: the others tie
        >>> tables.round(3).tolist(), lost.round(3).tolist()
        ([[[0.0, 0.333, 0.0], [0.0, 0.0, 0.0]]], [0.667])
    """
    return _left_out_tables(counts, rule, other, credited=False)


def left_out_credit(
    counts: VoteCounts, rule: HardRule, *, other: OtherVotes = "leave_out"
) -> tuple[FloatArray, FloatArray]:
    """The same in the annotator-aware reading ``credited``.

    An answer that any *other* listener gave is right: the reference then is the answer.
    Else it is the rule's label of the other votes; where they give none, the listener is
    left out and counted. [recon: how the paper forms F1 a class is not published]

    Args:
        counts: votes on n utterances for C labels.
        rule: the label of the other votes where nobody shares the answer.
        other: as in :func:`left_out_tables`.

    Returns:
        As :func:`left_out_tables`.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[2, 1]]), np.zeros(1, np.int64))
        >>> tables, lost = left_out_credit(votes, "majority")
        >>> tables.round(3).tolist(), lost.tolist()
        ([[[0.667, 0.333, 0.0], [0.0, 0.0, 0.0]]], [0.0])
    """
    return _left_out_tables(counts, rule, other, credited=True)


def left_out_statistics(
    counts: VoteCounts,
    statistics: Callable[[FloatArray, FloatArray], FloatArray],
    *,
    other: OtherVotes = "leave_out",
) -> tuple[FloatArray, FloatArray]:
    """Any additive statistics of a left-out listener against the shares of the others' votes.

    For what is defined between a distribution and a single answer: the multi-label
    decisions, Jensen–Shannon divergence, the soft Brier score, total variation. KLD and
    cross-entropy are infinite as soon as one other listener answered differently; smooth
    the answer first.

    Args:
        counts: votes on n utterances for C labels.
        statistics: from the others' shares (k, C) and the answers (k, C), one-hot, to
            (k, S). With ``count`` shares may sum to less than 1, and an answer that is
            none of the labels is a row of zeros.
        other: as in :func:`left_out_tables`.

    Returns:
        (n, S) means over listeners who have others; they count with their share, so an
        utterance with at least two votes counts 1;
        (n,) 1 where the only listener has no others, else 0.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[2, 1]]), np.zeros(1, np.int64))
        >>> def distance(others, answer):
        ...     return np.abs(others - answer).sum(-1, keepdims=True) / 2
        >>> left_out_statistics(votes, distance)[0].round(3).tolist()
        [[0.667]]
    """
    n, size = counts.counts.shape
    total: FloatArray | None = None
    lost = np.zeros(n)
    codes = np.eye(size + 1)[:, :size]
    for one in left_out(counts, other=other):
        number = one.counts.sum(-1) + one.other
        alone = number == 0
        lost[one.rows[alone]] += one.weight[alone]
        rows, weight = one.rows[~alone], one.weight[~alone]
        shares = _divided(one.counts[~alone].astype(np.float64), number[~alone])
        found = statistics(shares, np.tile(codes[one.answer], (len(rows), 1)))
        total = np.zeros((n, found.shape[1])) if total is None else total
        total[rows] += weight[:, np.newaxis] * found
    if total is None:
        total = np.zeros((n, statistics(np.zeros((0, size)), np.zeros((0, size))).shape[1]))
    return total, lost


def table_statistics(tables: FloatArray, *, unparsed: Unparsed = "wrong") -> FloatArray:
    """Expected tables as what classification metrics sum.

    Args:
        tables: (n, C, C + 1) weights [reference, answer].
        unparsed: what an answer that is none of the labels counts as.

    Returns:
        (n, 3 C + 1), finished by
        :func:`~equivoice.metrics.classification_metrics` with the same ``unparsed``.

    Example:
        >>> from equivoice.metrics import classification_metrics
        >>> tables = np.array([[[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]]])
        >>> sums = table_statistics(tables).sum(0)
        >>> float(classification_metrics()["accuracy"].finish(sums))
        0.75
    """
    n, size, width = tables.shape
    none = np.zeros(0, dtype=np.int64)
    each = classification_statistics(none, none, size, unparsed=unparsed).table
    return tables.reshape(n, size * width) @ each


def check_ties(ties: str) -> None:
    """Refuse an unknown choice for ties."""
    if ties not in get_args(Ties):
        raise ConfigError("unknown choice for ties", value=ties, choices=get_args(Ties))


def _left_out_tables(
    counts: VoteCounts, rule: HardRule, other: OtherVotes, *, credited: bool
) -> tuple[FloatArray, FloatArray]:
    n, size = counts.counts.shape
    tables = np.zeros((n, size, size + 1))
    lost = np.zeros(n)
    for one in left_out(counts, other=other):
        reference = winners(one.counts, one.other, rule, count_other=True)
        if credited and one.answer < size:
            reference = np.where(one.counts[:, one.answer] > 0, one.answer, reference)
        known = reference >= 0
        tables[one.rows[known], reference[known], one.answer] += one.weight[known]
        lost[one.rows[~known]] += one.weight[~known]
    return tables, lost


def _divided(votes: FloatArray, number: IntArray) -> FloatArray:
    shares = np.full(votes.shape, np.nan)
    np.divide(votes, number[:, np.newaxis], out=shares, where=number[:, np.newaxis] > 0)
    return shares
