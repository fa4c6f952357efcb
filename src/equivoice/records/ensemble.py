"""What is known of an ensemble besides its scores: ties, agreement, oracle, subsets."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["EnsembleFindings", "PairOfMembers", "SubsetOfMembers", "WithInterval"]

_CLOSED = ConfigDict(extra="forbid", frozen=True)


class WithInterval(BaseModel):
    """A number with its interval, as fractions of 1.

    Args:
        value: the estimate; ``None`` where it is undefined.
        low: lower end of the interval; ``None`` where there is none.
        high: upper end.
        undefined: why value or interval is missing.
    """

    model_config = _CLOSED

    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: str | None = None


class PairOfMembers(BaseModel):
    """Two members on the utterances that both have an answer to.

    Args:
        first: a member.
        second: another.
        n: how many utterances both answered; an answer without a label counts as one more
            answer.
        agree: the share of them on which both say the same.
        kappa: Cohen's kappa; ``None`` where it is undefined.
        both_right: how many utterances both have right.
        only_first: how many the first alone has right.
        only_second: how many the second alone has right.
        both_wrong: how many neither has right.
    """

    model_config = _CLOSED

    first: str
    second: str
    n: int
    agree: WithInterval
    kappa: float | None
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int


class SubsetOfMembers(BaseModel):
    """Some of the members, voting.

    Args:
        members: who takes part.
        breaker: who is asked first at a tie.
        scores: from a metric to its value.
        n: how many utterances were scored.
        ties: how many of them were ties.
    """

    model_config = _CLOSED

    members: tuple[str, ...]
    breaker: str
    scores: dict[str, WithInterval]
    n: int
    ties: int


class EnsembleFindings(BaseModel):
    """What ``ensemble`` found, apart from scores.

    Args:
        ensembles: the names of the ensembles among the systems.
        members: the names of the members.
        tie: the rule for ties.
        preference: the members in the order in which they are asked at a tie.
        weights: from an ensemble to the weight of each member, where votes are weighted.
        learnt_from: what weights and stacking were learnt from, as a sentence; empty where
            nothing was learnt.
        best_member: the member that the gain is taken over.
        best_by: how it was found to be the best, as a sentence.
        ties: from an ensemble to how many ties were settled by whom.
        pairs: every pair of members.
        subsets: every subset of the members, largest first; empty where they are too many.
        oracle: from a metric to the score of a system that is right wherever a member is.
        all_right: share of utterances that every member present has right.
        none_right: share that no member has right.
    """

    model_config = _CLOSED

    ensembles: tuple[str, ...]
    members: tuple[str, ...]
    tie: str
    preference: tuple[str, ...]
    weights: dict[str, dict[str, float]]
    learnt_from: str
    best_member: str
    best_by: str
    ties: dict[str, dict[str, int]]
    pairs: tuple[PairOfMembers, ...]
    subsets: tuple[SubsetOfMembers, ...]
    oracle: dict[str, WithInterval]
    all_right: float
    none_right: float
