"""From votes to labels: the rules of the field, and what each of them drops.

==============  ==========================================================
majority        the label with more than half of the votes
plurality       the label with more votes than any other
all_inclusive   no label is chosen: the shares of the votes are the target
dawid_skene     the label that is most probable once raters are weighted by
                their reliability (:mod:`equivoice.annotators.dawid_skene`)
==============  ==========================================================

Majority keeps an utterance only if its top share is above .5, plurality only if
the maximum is unique, all-inclusive keeps everything that has a vote [code: EMO-SUPERB;
data: recomputed on released labels]. Comparisons of votes are made in whole
numbers, so that no rounding decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from equivoice.annotators.counts import Ratings, VoteCounts
from equivoice.annotators.dawid_skene import dawid_skene
from equivoice.annotators.others import OtherVotes, answers, check_other
from equivoice.errors import ConfigError, VotesError
from equivoice.metrics.core import BoolArray, FloatArray, IntArray
from equivoice.metrics.distribution import smoothed

__all__ = [
    "REASONS",
    "RULES",
    "STRATA",
    "Aggregation",
    "Rule",
    "aggregate",
    "check_rule",
    "strata",
    "winners",
]

Rule = Literal["majority", "plurality", "all_inclusive", "dawid_skene"]
RULES: tuple[str, ...] = get_args(Rule)

NO_VOTE, ONLY_OTHER, NONE_WON, NOT_HALF, TIE = range(5)
REASONS = (
    "no vote",
    "only votes for none of the labels",
    "none of the labels won",
    "no label above half",
    "tie",
)
"""Why a rule drops an item; ``Aggregation.reason`` holds positions in it."""

STRATA = ("all agree", "two thirds or more", "more than half", "a plurality", "a tie")
"""How far raters agree, by the share of the most frequent answer."""

_EQUAL = 1e-9  # posteriors closer than this are a tie


@dataclass(frozen=True, eq=False)
class Aggregation:
    """What a rule made of the votes.

    Args:
        rule: its name.
        items: the n items.
        labels: the C labels.
        label: (n,) position of the label; −1 where the rule gives none
            (all-inclusive: the unique maximum, else −1).
        shares: (n, C) target distribution; NaN where the item is not kept.
        kept: (n,) whether the rule keeps the item.
        reason: (n,) position in :data:`REASONS`; −1 where the item is kept.
    """

    rule: str
    items: tuple[str, ...]
    labels: tuple[str, ...]
    label: IntArray
    shares: FloatArray
    kept: BoolArray
    reason: IntArray

    @property
    def why(self) -> tuple[str | None, ...]:
        """(n,) why an item is not kept; ``None`` where it is."""
        return tuple(None if code < 0 else REASONS[code] for code in self.reason.tolist())

    def dropped(self) -> dict[str, int]:
        """How many items the rule drops, by reason; reasons without items are left out."""
        many = np.bincount(self.reason[~self.kept], minlength=len(REASONS)).tolist()
        return {reason: n for reason, n in zip(REASONS, many, strict=True) if n}


def aggregate(
    ratings: Ratings | VoteCounts,
    rule: str,
    *,
    other: OtherVotes = "leave_out",
    smoothing: float = 0.0,
) -> Aggregation:
    """Labels and target distributions by a rule.

    Targets: one-hot for majority and plurality, the shares of the votes for
    all-inclusive, the posterior for Dawid–Skene [code: EMO-SUPERB]. Smoothing
    moves them by p(1 − ε) + (1 − p) ε/(C − 1); labels stay as they are.

    Args:
        ratings: votes; Dawid–Skene needs :class:`Ratings` with named raters.
        rule: one of :data:`RULES`.
        other: what votes for none of the labels do. ``leave_out``: nothing.
            ``count``: they are votes; shares are then of all votes (an all-inclusive
            target sums to less than 1), a majority is more than half of all votes,
            and where none of the labels wins, the item is dropped. Dawid–Skene takes
            them as one more answer that raters can give.
        smoothing: ε.

    Raises:
        ConfigError: an unknown rule or policy, or ε out of its range.
        VotesError: Dawid–Skene without named raters.

    Example:
        >>> import numpy as np
        >>> votes = np.array([[2, 2, 1], [3, 1, 1], [0, 0, 0]])
        >>> counts = VoteCounts(("a", "b", "c"), ("angry", "sad", "calm"), votes, np.zeros(3, int))
        >>> made = aggregate(counts, "plurality")
        >>> made.label.tolist(), made.why
        ([-1, 0, -1], ('tie', None, 'no vote'))
        >>> aggregate(counts, "all_inclusive").shares[0].tolist()
        [0.4, 0.4, 0.2]
    """
    check_rule(rule)
    check_other(other)
    counts = ratings.counts() if isinstance(ratings, Ratings) else ratings
    with_other = other == "count"
    if rule == "dawid_skene":
        label, shares = _by_reliability(ratings, other)
    else:
        label = winners(counts.counts, counts.other, rule, count_other=with_other)
        shares = _one_hot(label, len(counts.labels))
    if rule == "all_inclusive":
        shares = counts.shares(other=with_other)[:, : len(counts.labels)]
    reason = _reasons(counts, label, rule, with_other=with_other)
    kept = reason < 0
    shares = smoothed(np.where(kept[:, np.newaxis], shares, np.nan), smoothing)
    label = np.where(kept, label, -1)
    return Aggregation(rule, counts.items, counts.labels, label, shares, kept, reason)


def check_rule(rule: str) -> None:
    """Refuse what is no rule.

    Raises:
        ConfigError: an unknown rule.
    """
    if rule not in RULES:
        raise ConfigError("unknown rule", value=rule, choices=RULES)


def winners(counts: IntArray, other: IntArray, rule: str, *, count_other: bool = False) -> IntArray:
    """The label that each row of votes elects, by comparison of whole numbers.

    Args:
        counts: (n, C) votes.
        other: (n,) votes for none of the labels.
        rule: ``majority``, or ``plurality`` (``all_inclusive`` elects by it, too).
        count_other: whether votes for none of the labels count; none of the
            labels then wins where they do, or tie with the most frequent label.

    Returns:
        (n,) positions of labels; −1 where the rule gives none.

    Raises:
        ConfigError: a rule that does not elect by counts alone.

    Example:
        >>> import numpy as np
        >>> votes = np.array([[2, 2], [2, 1]])
        >>> winners(votes, np.array([0, 2]), "plurality").tolist()
        [-1, 0]
        >>> winners(votes, np.array([0, 2]), "plurality", count_other=True).tolist()
        [-1, -1]
    """
    if rule not in ("majority", "plurality", "all_inclusive"):
        raise ConfigError(
            "not a rule that counts alone decide", value=rule, choices=("majority", "plurality")
        )
    top = counts.max(-1)
    if rule == "majority":
        total = counts.sum(-1) + (other if count_other else 0)
        elected = 2 * top > total
    else:
        elected = ((counts == top[:, np.newaxis]).sum(-1) == 1) & (top > 0)
        if count_other:
            elected &= top > other
    return np.where(elected, counts.argmax(-1), -1)


def strata(counts: VoteCounts, *, other: OtherVotes = "leave_out") -> tuple[str | None, ...]:
    """How far the raters of each item agree.

    The top share is that of the most frequent label; an only vote agrees with itself.

    Args:
        counts: votes.
        other: with ``count``, votes for none of the labels are an answer like others.

    Returns:
        (n,) one of :data:`STRATA`, the first that fits; ``None`` without votes.

    Example:
        >>> import numpy as np
        >>> votes = np.array([[4, 0], [2, 1], [3, 2], [2, 2], [0, 0]])
        >>> strata(VoteCounts(tuple("abcde"), ("angry", "sad"), votes, np.zeros(5, int)))
        ('all agree', 'two thirds or more', 'more than half', 'a tie', None)
    """
    votes = answers(counts, other)
    top, total = votes.max(-1), votes.sum(-1)
    alone = (votes == top[:, np.newaxis]).sum(-1) == 1
    place = np.select([top == total, 3 * top >= 2 * total, 2 * top > total, alone], range(4), 4)
    names = np.where(total > 0, place, -1).tolist()
    return tuple(None if code < 0 else STRATA[code] for code in names)


def _one_hot(label: IntArray, classes: int) -> FloatArray:
    return np.asarray(np.eye(classes)[np.maximum(label, 0)])


def _by_reliability(
    ratings: Ratings | VoteCounts, other: OtherVotes
) -> tuple[IntArray, FloatArray]:
    """The most probable label (−1: no single one) and the posterior."""
    if not isinstance(ratings, Ratings):
        raise VotesError(
            "the rule dawid_skene weights raters, and these are counts without raters",
            value="dawid_skene",
            choices=[rule for rule in RULES if rule != "dawid_skene"],
            hint="choose another rule, or give a votes table with a rater in each row",
        )
    posterior = dawid_skene(ratings, other=other).posterior
    top = posterior.max(-1, keepdims=True)
    alone = (posterior >= top - _EQUAL).sum(-1) == 1
    return np.where(alone, posterior.argmax(-1), -1), posterior


def _reasons(counts: VoteCounts, label: IntArray, rule: str, *, with_other: bool) -> IntArray:
    """(n,) why an item is not kept, −1 where it is."""
    top = counts.counts.max(-1)
    votes = counts.totals()
    lost = np.full(len(counts.items), NOT_HALF if rule == "majority" else TIE)
    if with_other and rule != "dawid_skene":
        beaten = 2 * counts.other > counts.totals(other=True)
        lost[beaten if rule == "majority" else counts.other > top] = NONE_WON
    if rule == "all_inclusive":
        label = np.zeros_like(label)
    reason = np.where(label >= 0, -1, lost)
    return np.select(
        [(votes == 0) & (counts.other == 0), votes == 0], [NO_VOTE, ONLY_OTHER], reason
    )
