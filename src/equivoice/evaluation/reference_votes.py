"""The votes of one channel on the utterances of a reference, and labels made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import polars as pl

from equivoice.annotators import (
    Aggregation,
    Ratings,
    VoteCounts,
    aggregate,
    channels,
    read_votes,
    strata,
    winners,
)
from equivoice.annotators.counts import Repeated, Unknown
from equivoice.annotators.others import OtherVotes
from equivoice.annotators.table import counted_votes
from equivoice.errors import ConfigError, VotesError
from equivoice.evaluation.crowds import listeners_kind
from equivoice.metrics import BoolArray, FloatArray, IntArray
from equivoice.records import LabelSpace

__all__ = [
    "NoConsensus",
    "ReferenceVotes",
    "check_no_consensus",
    "gather_votes",
    "heard_channel",
    "labelled_by",
    "labels_of",
]

NoConsensus = Literal["random", "plurality", "leave_out"]
"""Which label stands where more than half of the votes agree on none: the plurality, and
at a tie one of the tied labels by chance (``random``) or none (``plurality``); or none."""

_SPOKEN = "voice"


@dataclass(frozen=True, eq=False)
class ReferenceVotes:
    """The votes of one channel.

    Args:
        ratings: the votes; items are utterances, in alphabetical order.
        channel: what was perceived; ``None`` where the votes do not say.
        other: what votes for none of the labels do.
        left_out: votes that could not be counted, by reason.
    """

    ratings: Ratings
    channel: str | None = None
    other: OtherVotes = "leave_out"
    left_out: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def counts(self) -> VoteCounts:
        """Votes by utterance and label."""
        return self.ratings.counts()

    @cached_property
    def voted(self) -> BoolArray:
        """(N,) which utterances have a vote for a label (or, where others count, any vote)."""
        return np.asarray(self.counts.totals(other=self.other == "count") > 0)

    @cached_property
    def shares(self) -> FloatArray:
        """(N, C) shares of the votes; NaN without votes, less than 1 in all where others count."""
        return self.counts.shares(other=self.other == "count")[:, : len(self.counts.labels)]

    def places(self, utterances: pl.Series) -> IntArray:
        """(n,) where each utterance stands among the items; −1 where it does not."""
        known = pl.Series(self.counts.items, dtype=pl.String)
        row = pl.int_range(len(known), eager=True)
        found = utterances.replace_strict(known, row, default=-1, return_dtype=pl.Int64)
        return np.asarray(found.to_numpy(), dtype=np.int64)

    def strata(self) -> dict[str, str | None]:
        """From utterances to how far their listeners agree."""
        return dict(zip(self.counts.items, strata(self.counts, other=self.other), strict=True))

    def by(self, rule: str) -> Aggregation:
        """The labels that a rule makes of the votes."""
        return aggregate(self.ratings, rule, other=self.other)

    def consensus(self, policy: NoConsensus, *, seed: int) -> IntArray:
        """(N,) the label of the majority, and where there is none what the policy says; −1: none.

        Raises:
            ConfigError: an unknown policy.
        """
        check_no_consensus(policy)
        votes, other = self.counts.counts, self.counts.other
        counted = self.other == "count"
        rule = "majority" if policy == "leave_out" else "plurality"
        label = winners(votes, other, rule, count_other=counted)
        if policy != "random":
            return label
        tied = (votes == votes.max(-1, keepdims=True)) & (votes > 0)
        number = tied.sum(-1)
        place = np.floor(np.random.default_rng(seed).random(len(votes)) * number).astype(np.int64)
        drawn = (tied & (tied.cumsum(-1) == place[:, np.newaxis] + 1)).argmax(-1)
        return np.where((label < 0) & (number > 0), drawn, label)


def check_no_consensus(policy: str) -> None:
    """Refuse an unknown policy.

    Raises:
        ConfigError: names the choices.
    """
    if policy not in get_args(NoConsensus):
        raise ConfigError(
            "unknown policy for no_consensus", value=policy, choices=get_args(NoConsensus)
        )


def heard_channel(
    votes: pl.DataFrame, channel: str | None, *, file: str | Path | None = None
) -> str | None:
    """The channel that systems are scored against: the one asked for, else voice, else the first.

    Args:
        votes: a table with the columns of ``records.VOTES``.
        channel: the one asked for.
        file: where the votes come from, for errors.

    Raises:
        VotesError: counts that are no numbers of votes.
        SchemaError: the table breaks its schema.

    Example:
        >>> table = pl.DataFrame({"item": ["a", "a"], "question": ["emotion"] * 2,
        ...                       "channel": ["face", "voice"]})
        >>> heard_channel(table, None), heard_channel(table, "face")
        ('voice', 'face')
    """
    counted_votes(votes, file)
    if channel is not None:
        return channel
    found = channels(votes)
    if None in found or not found:
        return None
    return _SPOKEN if _SPOKEN in found else found[0]


def gather_votes(
    votes: pl.DataFrame,
    labels: LabelSpace,
    utterances: Sequence[str],
    *,
    channel: str | None = None,
    other: OtherVotes = "leave_out",
    unknown: Unknown = "error",
    repeated: Repeated = "error",
    file: str | Path | None = None,
) -> ReferenceVotes:
    """The votes of one channel on these utterances.

    Where people and models voted, only people's votes are taken.

    Args:
        votes: a table with the columns of ``records.VOTES``.
        labels: the declared labels.
        utterances: ids; votes on others are left out and counted.
        channel: which channel, as :func:`~equivoice.annotators.read_votes` takes it.
        other: what votes for none of the labels do.
        unknown: what an answer that is no label does, as in
            :func:`~equivoice.annotators.read_votes`.
        repeated: and what a further vote of one rater on one utterance does.
        file: where the votes come from, for errors.

    Raises:
        VotesError: votes that cannot be counted, or none of them on these utterances.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> table = pl.DataFrame({"item": ["b", "b", "x"], "question": ["emotion"] * 3,
        ...                       "value": ["sad", "angry", "sad"]})
        >>> made = gather_votes(table, space, ["b", "a"])
        >>> made.counts.items, made.counts.counts.tolist(), made.left_out
        (('a', 'b'), [[0, 0], [1, 1]], {'vote for an unknown utterance': 1})
    """
    read = read_votes(
        votes,
        labels,
        items=sorted(utterances),
        channel=channel,
        kind=listeners_kind(votes),
        unknown=unknown,
        repeated=repeated,
        file=file,
    )
    if not len(read.ratings.item) and not read.left_out:
        raise VotesError(
            "the table holds no votes: each count is 0",
            file=file,
            column="count",
            hint="a row without a count is one vote; 0 is none",
        )
    if not len(read.ratings.item):
        raise VotesError(
            f"no vote is on an utterance of the reference: the votes are on "
            f"{votes.get_column('item')[0] if votes.height else '(no rows)'!r}, "
            f"the reference holds {utterances[0] if utterances else '(no rows)'!r}",
            file=file,
            column="item",
            hint="check that both tables use the same ids, such as corpus/key",
        )
    return ReferenceVotes(read.ratings, channel, other, read.left_out)


def labelled_by(reference: pl.DataFrame, votes: ReferenceVotes, rule: str) -> pl.DataFrame:
    """The reference with the labels that a rule makes of votes in the place of its own.

    Args:
        reference: an UTTERANCES table.
        votes: the votes.
        rule: one of :data:`~equivoice.annotators.RULES`. All-inclusive takes the label with
            most votes, where it is the only one.

    Returns:
        the table, ``emotion`` null where the rule gives no label.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> table = pl.DataFrame({"item": ["a", "b", "b"], "question": ["emotion"] * 3,
        ...                       "value": ["sad", "angry", "sad"]})
        >>> spoken = pl.DataFrame({"utterance_id": ["b", "a"], "emotion": ["angry", "angry"]})
        >>> labelled_by(spoken, gather_votes(table, space, ["a", "b"]), "majority").rows()
        [('b', None), ('a', 'sad')]
    """
    return reference.drop("emotion", strict=False).join(
        labels_of(votes, rule), on="utterance_id", how="left", maintain_order="left"
    )


def labels_of(votes: ReferenceVotes, rule: str) -> pl.DataFrame:
    """``utterance_id`` and ``emotion`` of the utterances that a rule gives a label."""
    found = votes.by(rule)
    known = found.label >= 0
    return pl.DataFrame(
        {
            "utterance_id": [name for name, kept in zip(found.items, known, strict=True) if kept],
            "emotion": [found.labels[code] for code in found.label[known].tolist()],
        },
        schema={"utterance_id": pl.String, "emotion": pl.String},
    )
