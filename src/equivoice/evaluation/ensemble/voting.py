"""Votes of several systems, added up and decided; what happens at a tie has a name.

The label with the highest share of the weights wins. The field calls that a majority
vote; the winner need not have more than half. Where several labels share the top, the
members are asked in an order of preference, the tie-breaker first:

================  ==================================================================
among_tied        the tie-breaker chooses among the tied labels only: its own label if
                  it is tied, else the tied label that it gives most probability; where
                  it gave no probabilities, its own label stands. A tie-breaker without
                  a vote on the utterance is passed over
own_label         the tie-breaker's own label stands, tied or not
abhinaya_paper    the same as ``own_label``: "majority voting is applied across the five
                  classifiers, with S2 serving as the tiebreaker" (ABHINAYA §4.2). A tie
                  of 2-2-1 in which S2 stands alone is not settled by these words; this
                  reading lets S2's label stand, ``among_tied`` does not
first_member      the first member in the order of preference whose label is tied
probability       the tied label with the highest mean probability; then label order
label_order       the tied label that comes first in the label space, as the vote of
                  scikit-learn's ``VotingClassifier`` does
random            one of the tied labels, drawn by a hash of seed and utterance
none              no label: the ensemble gives no answer
================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from equivoice.errors import ConfigError
from equivoice.evaluation.ensemble.ballots import Ballots, complete
from equivoice.inference import seed_for
from equivoice.metrics import UNPARSED, BoolArray, FloatArray, IntArray

__all__ = ["TIES", "Ruling", "Tie", "check_tie", "decide", "mean_probabilities", "vote_shares"]

Tie = Literal[
    "among_tied",
    "own_label",
    "abhinaya_paper",
    "first_member",
    "probability",
    "label_order",
    "random",
    "none",
]
TIES: tuple[str, ...] = get_args(Tie)

_EQUAL = 1e-9
"""Shares closer than this are equal: weights are added up in floating point."""


@dataclass(frozen=True, eq=False)
class Ruling:
    """What was decided.

    Args:
        label: (n,) position of the winning label; ``UNPARSED`` where there is none.
        shares: (n, C) the share of each label; NaN where nobody voted.
        tied: (n,) whether several labels shared the top.
        decided_by: (n,) who or what settled a tie; empty where there was none.
    """

    label: IntArray
    shares: FloatArray
    tied: BoolArray
    decided_by: tuple[str, ...]


def check_tie(tie: str) -> None:
    """See that a rule for ties exists.

    Raises:
        ConfigError: there is no such rule.
    """
    if tie not in TIES:
        raise ConfigError("tie: no such rule", value=tie, choices=TIES)


def vote_shares(ballots: Ballots, weights: FloatArray) -> FloatArray:
    """Each label's share of the weight of all votes: (n, C); NaN where nobody voted.

    Args:
        ballots: members without a label for an utterance do not vote on it.
        weights: (M,) positive; all 1 for a plain vote.

    Example:
        >>> import polars as pl
        >>> from equivoice.evaluation.ensemble.ballots import ballots_of
        >>> from equivoice.records import Label, LabelSpace
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> tables = [(name, pl.DataFrame({"utterance_id": ["a/1"], "predicted": [label],
        ...                                "probabilities": [None]}))
        ...           for name, label in (("x", "sad"), ("y", "sad"), ("z", "angry"))]
        >>> ballots = ballots_of(tables, ["a/1"], space)
        >>> vote_shares(ballots, np.array([1.0, 1.0, 2.0])).tolist()
        [[0.5, 0.5]]
    """
    width = len(ballots.labels.names)
    voted = np.isin(ballots.choices, [UNPARSED], invert=True)
    one_hot = np.zeros((*ballots.choices.shape, width))
    rows, members = np.nonzero(voted)
    one_hot[rows, members, ballots.choices[rows, members]] = 1.0
    return _weighted_mean(one_hot, voted, weights)


def mean_probabilities(ballots: Ballots, weights: FloatArray) -> FloatArray:
    """The weighted mean of the members' probabilities: (n, C); NaN where nobody gave any."""
    given = complete(ballots.probabilities)
    return _weighted_mean(np.nan_to_num(ballots.probabilities), given, weights)


def decide(
    ballots: Ballots, shares: FloatArray, *, tie: str, preference: Sequence[str], seed: int = 0
) -> Ruling:
    """The label with the highest share; ties by a named rule.

    Args:
        ballots: what the members said; tie-breakers are looked up in it.
        shares: (n, C) as of :func:`vote_shares` or :func:`mean_probabilities`.
        tie: one of :data:`TIES`.
        preference: members, the tie-breaker first; those that are not named follow in
            their own order.
        seed: of the rule ``random``.

    Raises:
        ConfigError: an unknown rule, or a tie-breaker that is no member.
    """
    check_tie(tie)
    order = _order(ballots, preference)
    some = complete(shares)
    filled = np.where(some[:, np.newaxis], shares, -1.0)
    highest: FloatArray = filled.max(axis=-1, keepdims=True)
    top = np.asarray(filled >= highest - _EQUAL)
    tied = some & (top.sum(axis=-1) > 1)
    label = np.where(some, filled.argmax(axis=-1), UNPARSED)
    decided = [""] * len(label)
    settle = _RULES[tie]
    for row in np.flatnonzero(tied).tolist():
        label[row], decided[row] = settle(
            _Case(ballots, row, np.flatnonzero(top[row]), order, seed)
        )
    return Ruling(label, shares, tied, tuple(decided))


@dataclass(frozen=True)
class _Case:
    """One tie: the utterance's row, the tied labels, and whom to ask in which order."""

    ballots: Ballots
    row: int
    tied: IntArray
    order: Sequence[int]
    seed: int

    def said(self, member: int) -> int:
        return int(self.ballots.choices[self.row, member])

    def name(self, member: int) -> str:
        return self.ballots.members[member]

    @property
    def voters(self) -> list[int]:
        return [member for member in self.order if self.said(member) != UNPARSED]


def _weighted_mean(values: FloatArray, counted: BoolArray, weights: FloatArray) -> FloatArray:
    """(n, M, C) to (n, C), over the members that count; NaN where none does."""
    weight = counted * weights
    total = weight.sum(axis=-1, keepdims=True)
    summed = np.einsum("nm,nmc->nc", weight, values)
    mean: FloatArray = np.full_like(summed, np.nan)
    np.divide(summed, total, out=mean, where=total > 0)
    return mean


def _order(ballots: Ballots, preference: Sequence[str]) -> list[int]:
    unknown = [name for name in preference if name not in ballots.members]
    if unknown:
        raise ConfigError(
            "the tie-breaker is no member of the ensemble",
            value=unknown[0],
            choices=ballots.members,
        )
    named = list(dict.fromkeys((*preference, *ballots.members)))
    return [ballots.members.index(name) for name in named]


# ------------------------------------------------------------------------------ rules


def _among_tied(case: _Case) -> tuple[int, str]:
    for member in case.voters[:1]:
        said = case.said(member)
        shares = case.ballots.probabilities[case.row, member]
        if said in case.tied or not complete(shares):
            return said, case.name(member)
        return int(case.tied[shares[case.tied].argmax()]), case.name(member)
    return _by_probability(case)


def _own_label(case: _Case) -> tuple[int, str]:
    for member in case.voters[:1]:
        return case.said(member), case.name(member)
    return _by_probability(case)


def _first_member(case: _Case) -> tuple[int, str]:
    for member in case.voters:
        if case.said(member) in case.tied:
            return case.said(member), case.name(member)
    return _by_probability(case)


def _by_probability(case: _Case) -> tuple[int, str]:
    shares = case.ballots.probabilities[case.row]
    given = complete(shares)
    if not given.any():
        return _by_label_order(case)
    mean = shares[given].mean(axis=0)[case.tied]
    best = case.tied[mean >= mean.max() - _EQUAL]
    return int(best[0]), "mean probability" if len(best) == 1 else "label order"


def _by_label_order(case: _Case) -> tuple[int, str]:
    return int(case.tied[0]), "label order"


def _by_chance(case: _Case) -> tuple[int, str]:
    drawn = seed_for(case.seed, "tie", case.ballots.utterance_ids[case.row])
    return int(case.tied[drawn % len(case.tied)]), "chance"


def _no_label(_: _Case) -> tuple[int, str]:
    return UNPARSED, "nobody"


_RULES: dict[str, Callable[[_Case], tuple[int, str]]] = {
    "among_tied": _among_tied,
    "own_label": _own_label,
    "abhinaya_paper": _own_label,
    "first_member": _first_member,
    "probability": _by_probability,
    "label_order": _by_label_order,
    "random": _by_chance,
    "none": _no_label,
}
