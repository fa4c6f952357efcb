"""People as systems: what one listener, the crowd and half of it score, by group of speakers.

A system's score and gap are read beside people's own, which are computed here from the
votes, channel by channel:

==========================  ====================  ===========================================
system                      reference             answers
==========================  ====================  ===========================================
one listener                given                 as the votes on an utterance do
the crowd's plurality       given                 the label with most votes
one listener, left out      other listeners       as the votes do, each vote without itself
half the crowd              the other half        the plurality of a random half
==========================  ====================  ===========================================

Scores are of *expected tables*, in closed form; the mean score of sampled listeners is
the metric ``expected_macro_f1`` (:mod:`equivoice.annotators.expected`). A left-out
listener and half the crowd are also held against sets of labels and distributions of the
others' votes, as systems are.

Intervals are over speakers: what other speakers would give with the same crowd. They do
not contain the sampling of raters.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from equivoice.annotators import OtherVotes
from equivoice.annotators.ceiling import HardRule
from equivoice.annotators.counts import Repeated, Unknown
from equivoice.annotators.rules import check_rule
from equivoice.errors import ConfigError
from equivoice.evaluation.additive import Certainty
from equivoice.evaluation.answers import as_estimates
from equivoice.evaluation.crowds import Crowd, listeners_kind, read_crowds
from equivoice.evaluation.people import HALVES, Made, People, Questions
from equivoice.evaluation.rows import Row
from equivoice.evaluation.scores import Scores
from equivoice.fairness import convention as convention_named
from equivoice.metrics import Unparsed
from equivoice.records import LabelSpace

__all__ = ["listener_estimates"]


_SAMPLING = (
    "People: intervals are over speakers. They say what other speakers would give with the same "
    "listeners, and do not contain the sampling of listeners."
)
_ANEW = (
    "People: a listener is drawn anew for each utterance, since counts do not say who voted. Real "
    "listeners differ in skill, so their scores scatter more widely."
)
_EXPECTED = (
    "People: macro_f1 is the score of the expected table; expected_macro_f1 is the mean score of "
    "sampled listeners, by simulation, with its Monte-Carlo error."
)
_TIES = "and those of the crowd's plurality, are shared equally among the tied labels."

_NO_DISTRIBUTION = (
    "People: where votes for none of the labels count, shares are no distribution over the labels, "
    "and no distance of distributions is given."
)
_NO_MODELS = "People: votes of models are left out, since persons voted as well."
_ONLY_MODELS = (
    "All votes are by models: those who are called listeners, people or a crowd here are models."
)


def listener_estimates(
    votes: pl.DataFrame,
    utterances: pl.DataFrame,
    labels: LabelSpace,
    *,
    rule: str | None = None,
    group_by: Sequence[str] = (),
    other: OtherVotes = "leave_out",
    smoothing: float = 0.0,
    convention: str = "equivoice",
    unparsed: Unparsed | None = None,
    channel: str | None = None,
    unknown: Unknown = "error",
    repeated: Repeated = "error",
    full: str | None = None,
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
    against_given: bool = True,
) -> Scores:
    """Score people as systems, over everybody, by group, and as gaps of groups.

    Every channel has a random listener and the crowd's plurality against the labels as
    given, and a listener left out against the others. The full channel has more: half the
    crowd against the other half; annotator-aware scores (reading ``credited``) and
    any-vote scores (``multilabel``) of the left-out listener [recon]; label sets at the
    three thresholds, and distances from the distribution of the votes.

    Args:
        votes: a VOTES table.
        utterances: an UTTERANCES table, with ``emotion`` where there are given labels.
        labels: the labels that votes are for.
        rule: how votes become labels; a left-out listener is held against the plurality
            of the others where this rule does not elect by counts alone.
        group_by: groupings, as for :func:`~equivoice.evaluation.score`.
        other: votes for none of the labels are left out, or are one more answer, which is
            an answer without a label.
        smoothing: ε of the distribution of the votes.
        convention: as for :func:`~equivoice.evaluation.score`.
        unparsed: what an answer that is none of the labels counts as, where that is to
            differ from the convention.
        unknown: what an answer that is no label does, as in
            :func:`~equivoice.annotators.read_votes`.
        repeated: and what a further vote of one rater on one utterance does.
        channel: only this channel; ``None`` for all of them.
        full: the channel of which everything is said; ``channel``, or the first, where
            not given.
        replicates: bootstrap replicates; 0 for values without intervals and tests.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling and simulation.
        against_given: whether people are held against the given labels. Leave it out
            where these were made of the same votes: people would agree with themselves.

    Raises:
        VotesError: votes that cannot be counted, or no votes in the channel.
        LabelError: a given label is not one of the labels.
        ConfigError: an unknown rule, convention or policy.

    Example:
        >>> from equivoice.records import Label
        >>> votes = pl.DataFrame({"item": ["a", "a", "b"], "question": ["emotion"] * 3,
        ...                       "value": ["sad", "angry", "angry"], "count": [3, 1, 3]})
        >>> spoken = pl.DataFrame({"utterance_id": ["a", "b"], "emotion": ["sad", "angry"]})
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> found = listener_estimates(votes, spoken, space, replicates=0).estimates
        >>> accuracy = found.filter(pl.col("quantity") == "score", pl.col("metric") == "accuracy")
        >>> accuracy.select("system", "reference", "value").rows()[:2]
        [('one listener', 'given', 0.875), ("the crowd's plurality", 'given', 1.0)]
    """
    how = Questions(
        _hard(rule),
        tuple(group_by),
        other,
        smoothing,
        convention_named(convention, unparsed=unparsed),
        Certainty(replicates, permutations, level, seed),
        against_given,
    )
    crowds = read_crowds(
        votes, utterances, labels, channel=channel, unknown=unknown, repeated=repeated
    )
    there = [crowd.channel for crowd in crowds]
    full = there[0] if full is None and there else full
    if there and full not in there:
        raise ConfigError("no votes in this channel", value=full, choices=there)
    people = [People(crowd, how, whole=crowd.channel == full) for crowd in crowds]
    families = [family for each in people for family in each.families()]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        rows = [row for found in pool.map(_call, families) for row in found]
    return Scores(
        as_estimates(rows), _votes_left_out(crowds), _notes(rule, how, votes) if rows else ()
    )


def _call(family: Made) -> list[Row]:
    return family()


def _hard(rule: str | None) -> HardRule:
    """The rule by which counts alone elect a label."""
    if rule is not None:
        check_rule(rule)
    return "majority" if rule == "majority" else "plurality"


def _votes_left_out(crowds: Sequence[Crowd]) -> dict[str, int]:
    found: dict[str, int] = {}
    for crowd in crowds:  # the same votes are left out of each corpus of a channel
        place = "votes" if crowd.channel is None else f"votes ({crowd.channel})"
        found |= {f"{place}: {why}": n for why, n in crowd.left_out.items()}
    return found


def _notes(rule: str | None, how: Questions, votes: pl.DataFrame) -> tuple[str, ...]:
    elected = f"the {how.rule} of their votes"
    if rule not in (None, how.rule):
        elected += f" ({rule} does not elect by counts alone)"
    halves = f"People: half the crowd is a mean over {HALVES} random halves; its ties, {_TIES}"
    label = f"People: the label of the other listeners, or of the other half, is {elected}."
    notes = [_SAMPLING, _ANEW, label, _EXPECTED, halves]
    if how.other == "count":
        notes.append(_NO_DISTRIBUTION)
    if listeners_kind(votes) is not None:
        notes.append(_NO_MODELS)
    elif "kind" in votes.columns and votes.get_column("kind").eq_missing("model").all():
        notes.insert(0, _ONLY_MODELS)
    return tuple(notes)
