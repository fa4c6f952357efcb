"""Votes as codes and counts: who said what about which item, and how often.

A votes table (``records.VOTES``) holds a row a vote, or a row an item, channel
and label with the number of votes. :func:`read_votes` turns either into
:class:`Ratings` (codes, raters kept) and :class:`VoteCounts` (votes an item and
label). Nothing is lost on the way without being counted: votes counted, votes
left out and votes on something else add up to the votes given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import polars as pl

from equivoice.annotators.table import OTHER, answer_code, counted_votes, earlier_votes
from equivoice.errors import ConfigError, VotesError
from equivoice.metrics.core import BoolArray, FloatArray, IntArray, ratio
from equivoice.records import CHANNELS, QUESTIONS, LabelSpace

__all__ = [
    "ELSEWHERE",
    "LEFT_OUT_REASONS",
    "OTHER",
    "Ratings",
    "ReadVotes",
    "VoteCounts",
    "channels",
    "read_votes",
]

NOT_HERE = "vote for an unknown utterance"
NO_ANSWER = "vote without an answer"
FURTHER = "further vote of one rater on one item"
LEFT_OUT_REASONS = (NOT_HERE, NO_ANSWER, FURTHER)
"""Why votes on the question, channel and kind asked for are not counted."""

ELSEWHERE = ("another question", "another kind of rater", "another channel")
"""Where the votes are that were not asked for."""

Unknown = Literal["error", "other"]
Repeated = Literal["error", "keep", "first"]


@dataclass(frozen=True, eq=False)
class VoteCounts:
    """How often each item was given each label.

    Args:
        items: the n items.
        labels: the C labels.
        counts: (n, C) votes, 0 and up.
        other: (n,) votes for none of the labels.

    Raises:
        ValueError: shapes that do not fit, or a negative number of votes.

    Example:
        >>> import numpy as np
        >>> counts = VoteCounts(("a", "b"), ("angry", "sad"), np.array([[3, 1], [0, 0]]),
        ...                     np.array([1, 0]))
        >>> counts.shares().tolist()
        [[0.75, 0.25], [nan, nan]]
        >>> counts.shares(other=True)[0].tolist()
        [0.6, 0.2, 0.2]
    """

    items: tuple[str, ...]
    labels: tuple[str, ...]
    counts: IntArray
    other: IntArray

    def __post_init__(self) -> None:
        n, c = len(self.items), len(self.labels)
        if self.counts.shape != (n, c) or self.other.shape != (n,):
            raise ValueError(
                f"counts of shape {self.counts.shape} and other of shape {self.other.shape} "
                f"do not fit {n} items and {c} labels"
            )
        if (self.counts < 0).any() or (self.other < 0).any():
            raise ValueError("a negative number of votes")

    def totals(self, *, other: bool = False) -> IntArray:
        """(n,) votes an item; with ``other`` those for none of the labels as well."""
        votes: IntArray = self.counts.sum(-1)
        return votes + self.other if other else votes

    def shares(self, *, other: bool = False) -> FloatArray:
        """The share of the votes that each label got.

        Formula: p_c = (votes for c) / (votes) [code: EMO-SUPERB].

        Args:
            other: count votes for none of the labels, too: they are the last column.

        Returns:
            (n, C), or (n, C + 1) with ``other``; a row sums to 1, and is NaN where
            there is no vote to divide by.
        """
        votes = self.counts
        if other:
            votes = np.concatenate([votes, self.other[:, np.newaxis]], axis=1)
        return ratio(votes.astype(np.float64), votes.sum(-1, keepdims=True).astype(np.float64))

    def subset(self, rows: IntArray | BoolArray) -> VoteCounts:
        """The same of some of the items.

        Args:
            rows: positions in their order, or (n,) truth values.

        Example:
            >>> import numpy as np
            >>> counts = VoteCounts(("a", "b"), ("sad",), np.array([[3], [1]]), np.zeros(2, int))
            >>> counts.subset(np.array([1])).items
            ('b',)
        """
        chosen = np.arange(len(self.items))[rows]
        names = tuple(self.items[row] for row in chosen)
        return VoteCounts(names, self.labels, self.counts[chosen], self.other[chosen])


@dataclass(frozen=True, eq=False)
class Ratings:
    """What raters said, as codes; one entry a row of the votes table (m of them).

    Args:
        items: the n items, also those without votes.
        labels: the C labels.
        raters: the raters with a name.
        item: (m,) position in ``items``.
        rater: (m,) position in ``raters``; −1 where the rater has no name.
        label: (m,) position in ``labels``; :data:`OTHER` for none of them.
        count: (m,) how many votes the entry stands for, 1 and up.
    """

    items: tuple[str, ...]
    labels: tuple[str, ...]
    raters: tuple[str, ...]
    item: IntArray
    rater: IntArray
    label: IntArray
    count: IntArray

    def counts(self) -> VoteCounts:
        """The votes of all raters added up.

        Example:
            >>> import numpy as np
            >>> one = np.array([0, 0]), np.array([0, 1]), np.array([1, OTHER]), np.array([1, 1])
            >>> counts = Ratings(("a",), ("angry", "sad"), ("r1", "r2"), *one).counts()
            >>> counts.counts.tolist(), counts.other.tolist()
            ([[0, 1]], [1])
        """
        n, width = len(self.items), len(self.labels) + 1
        column = np.where(self.label == OTHER, width - 1, self.label)
        cells = np.zeros(n * width, dtype=np.int64)
        np.add.at(cells, self.item * width + column, self.count)
        table = cells.reshape(n, width)
        return VoteCounts(self.items, self.labels, table[:, :-1], table[:, -1])


@dataclass(frozen=True, eq=False)
class ReadVotes:
    """Votes as they were read, and what became of the rest.

    All numbers are votes, not rows: those in ``ratings``, ``left_out`` and
    ``elsewhere`` together are the votes of the table.

    Args:
        ratings: the votes that are counted.
        left_out: votes on what was asked for that could not be counted, by reason.
        elsewhere: votes that were not asked for: other questions, raters, channels.
        others: the answers that count as none of the labels, with their votes.
    """

    ratings: Ratings
    left_out: Mapping[str, int]
    elsewhere: Mapping[str, int]
    others: Mapping[str, int]


def channels(votes: pl.DataFrame, question: str = "emotion") -> tuple[str | None, ...]:
    """The channels that have votes on a question, in the order of ``records.CHANNELS``.

    Args:
        votes: a table of ``records.VOTES``.
        question: the question.

    Returns:
        The channels; ``None`` last where a row states none.

    Example:
        >>> import polars as pl
        >>> rows = {"item": ["a", "a"], "question": ["emotion"] * 2, "channel": ["face", "voice"]}
        >>> channels(pl.DataFrame(rows))
        ('voice', 'face')
    """
    table = counted_votes(votes)
    asked = table.filter(pl.col("question") == question)
    there = set(asked.get_column("channel").unique())
    return tuple(channel for channel in (*CHANNELS, None) if channel in there)


def read_votes(
    votes: pl.DataFrame,
    labels: LabelSpace,
    *,
    items: Sequence[str] | None = None,
    question: str = "emotion",
    channel: str | None = None,
    kind: str | None = None,
    unknown: Unknown = "error",
    repeated: Repeated = "error",
    file: str | Path | None = None,
) -> ReadVotes:
    """The votes on one question in one channel, as codes.

    An answer is a label of the space or a word for one; ``other`` and typed
    ``Other-…`` answers are votes for none of the labels, unless the space has
    a label for them. A row without ``count`` is one vote.

    Args:
        votes: a table with the columns of ``records.VOTES``.
        labels: the label space; answers resolve through it.
        items: the items to have, in this order: those without votes have zero
            counts, votes on others are counted as left out. Without it, the
            items that have rows, in order of first appearance.
        question: which question.
        channel: which channel. ``None`` takes the rows that state none, or else
            the only channel there is.
        kind: ``person`` or ``model``; ``None`` takes all raters. Rows that state
            no kind are taken as people's.
        unknown: what an answer that is no label does: ``error``, or ``other``
            (a vote for none of the labels).
        repeated: what a second vote of one rater on one item does: ``error``,
            ``keep`` (all count) or ``first`` (the first row counts). Where a
            question takes several answers, each may stand once.
        file: where the table comes from; stands in errors.

    Raises:
        VotesError: names row, item, value, choices and next step of a negative or
            fractional count, an unknown label, question, channel or kind, several
            channels of which none was chosen, a repeated vote, or a question that
            is answered on a scale.
        SchemaError: the table breaks ``records.VOTES``.
        ConfigError: an unknown policy, or an item that is listed twice.

    Example:
        >>> import polars as pl
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry", ("anger",)), Label("sad")))
        >>> table = pl.DataFrame({"item": ["a", "a", "b", "z"], "question": ["emotion"] * 4,
        ...                       "value": ["Anger", "sad", "Other-tired", "sad"],
        ...                       "count": [3, 1, 2, 5]})
        >>> read = read_votes(table, space, items=["a", "b", "c"])
        >>> read.ratings.counts().counts.tolist(), read.ratings.counts().other.tolist()
        ([[3, 1], [0, 0], [0, 0]], [0, 2, 0])
        >>> read.left_out, read.others
        ({'vote for an unknown utterance': 5}, {'Other-tired': 2})
    """
    _check_policy("unknown", unknown, get_args(Unknown))
    _check_policy("repeated", repeated, get_args(Repeated))
    if QUESTIONS.get(question) == "scale":
        raise VotesError(
            "a question with a scale has no labels to count",
            value=question,
            choices=[name for name, kind in QUESTIONS.items() if kind != "scale"],
        )
    table = counted_votes(votes, file)
    asked, elsewhere = _asked(table, question, channel, kind, file)
    names = _item_names(asked, items)
    asked, left_out = _on_items(asked, names)
    asked = _with_labels(asked, labels, unknown, file)
    several = QUESTIONS.get(question) == "multiple"
    asked, further = _once(asked, repeated, several=several, file=file)
    if further:
        left_out = {**left_out, FURTHER: further}
    nobody = asked.filter(pl.col("label") == OTHER)
    others = nobody.group_by("value", maintain_order=True).agg(pl.col("count").sum())
    return ReadVotes(
        _ratings(asked, names, labels.names), left_out, elsewhere, dict(others.iter_rows())
    )


def _check_policy(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"unknown policy for {option}", value=value, choices=choices)


def _asked(
    table: pl.DataFrame,
    question: str,
    channel: str | None,
    kind: str | None,
    file: str | Path | None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows that were asked for, and how many votes stand in the others."""
    parts = [table]
    for column, wanted in (("question", question), ("kind", kind), ("channel", channel)):
        parts.append(_chosen(parts[-1], column, wanted, file))
    votes = [int(part.get_column("count").sum()) for part in parts]
    lost = {
        name: before - after
        for name, before, after in zip(ELSEWHERE, votes[:-1], votes[1:], strict=True)
        if before > after
    }
    return parts[-1], lost


def _chosen(
    table: pl.DataFrame, column: str, wanted: str | None, file: str | Path | None
) -> pl.DataFrame:
    """The rows with this question, of this kind or in this channel."""
    values = table.get_column(column)
    if column == "kind":
        if wanted is None:
            return table
        values = values.fill_null("person")
    there = values.unique(maintain_order=True).to_list()
    if wanted is None and (None in there or len(there) == 1):
        return table.filter(values.is_null()) if None in there else table
    if wanted is None:
        raise VotesError(
            "votes in several channels, and none was chosen",
            file=file,
            column=column,
            choices=there,
            hint="choose one: what people hear and what they see are different questions",
        )
    if wanted not in there:
        raise VotesError(
            f"no votes with this {column}",
            file=file,
            column=column,
            value=wanted,
            choices=["(none stated)" if value is None else value for value in there],
            hint=f"choose a {column} that the votes table holds",
        )
    return table.filter(values == wanted)


def _item_names(asked: pl.DataFrame, items: Sequence[str] | None) -> tuple[str, ...]:
    if items is None:
        return tuple(asked.get_column("item").unique(maintain_order=True))
    names = tuple(items)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError("an item is listed twice", value=twice, hint="list each item once")
    return names


def _on_items(asked: pl.DataFrame, names: tuple[str, ...]) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows that hold an answer about one of the items, with its position."""
    known = pl.DataFrame(
        {"item": names, "item_code": range(len(names))},
        schema={"item": pl.String, "item_code": pl.Int64},
    )
    asked = asked.join(known, on="item", how="left", maintain_order="left")
    here = asked.get_column("item_code").is_not_null()
    answered = asked.get_column("value").is_not_null()
    count = asked.get_column("count")
    lost = {
        NOT_HERE: int(count.filter(~here).sum()),
        NO_ANSWER: int(count.filter(here & ~answered).sum()),
    }
    kept = asked.filter(here & answered & (count > 0))
    return kept, {reason: votes for reason, votes in lost.items() if votes}


def _with_labels(
    asked: pl.DataFrame, labels: LabelSpace, unknown: Unknown, file: str | Path | None
) -> pl.DataFrame:
    """Add the code of each answer."""
    answers = asked.get_column("value").unique(maintain_order=True)
    codes = {answer: answer_code(answer, labels) for answer in answers}
    strange = [answer for answer, code in codes.items() if code is None]
    if strange and unknown == "error":
        raise _unknown_label(asked, strange, labels, file)
    table = pl.DataFrame(
        {
            "value": list(codes),
            "label": [OTHER if code is None else code for code in codes.values()],
        },
        schema={"value": pl.String, "label": pl.Int64},
    )
    return asked.join(table, on="value", how="left", maintain_order="left")


def _unknown_label(
    asked: pl.DataFrame, strange: list[str], labels: LabelSpace, file: str | Path | None
) -> VotesError:
    rows = asked.filter(pl.col("value").is_in(strange))
    first = rows.row(0, named=True)
    votes = int(rows.get_column("count").sum())
    kinds = f"for {len(strange):,} such answers" if len(strange) > 1 else "like this"
    many = f" (one of {votes:,} votes {kinds})" if votes > 1 else ""
    return VotesError(
        f"a vote on {first['item']!r} for a label that {labels.id!r} does not have{many}",
        file=file,
        row=first["row"],
        column="value",
        value=first["value"],
        choices=(*labels.names, "other"),
        hint="rename the answer, or count such answers as none of the labels: unknown='other', --unknown other",
    )


def _once(
    asked: pl.DataFrame, repeated: Repeated, *, several: bool, file: str | Path | None
) -> tuple[pl.DataFrame, int]:
    """Hold each rater to one vote an item; the rows, and how many votes that takes away."""
    if repeated == "keep":
        return asked, 0
    asked = asked.with_columns(earlier=earlier_votes(several=several))
    first = pl.when(pl.col("earlier") == 0).then(1).otherwise(0)
    allowed = pl.when(pl.col("rater").is_null()).then(pl.col("count")).otherwise(first)
    asked = asked.with_columns(allowed=allowed)
    over = asked.filter(pl.col("allowed") < pl.col("count"))
    if over.is_empty():
        return asked, 0
    if repeated == "error":
        raise _second_vote(over.row(0, named=True), over.height, file)
    lost = int((over.get_column("count") - over.get_column("allowed")).sum())
    held = asked.with_columns(count="allowed").filter(pl.col("count") > 0)
    return held, lost


def _second_vote(row: dict[str, object], many: int, file: str | Path | None) -> VotesError:
    again = f" (one of {many:,} such rows)" if many > 1 else ""
    return VotesError(
        f"a further vote of rater {row['rater']!r} on {row['item']!r}{again}",
        file=file,
        row=int(str(row["row"])),
        column="value",
        value=row["value"],
        choices=("one vote of each rater on each item",),
        hint="remove it, or say what it means: repeated='first' or 'keep', --repeated first or keep",
    )


def _ratings(asked: pl.DataFrame, names: tuple[str, ...], labels: tuple[str, ...]) -> Ratings:
    """The rows as codes; raters are sorted, so that the order of a table changes no digit."""
    raters = asked.get_column("rater").drop_nulls().unique().sort()
    known = pl.DataFrame(
        {"rater": raters, "code": range(len(raters))}, schema_overrides={"code": pl.Int64}
    )
    coded = asked.join(known, on="rater", how="left", maintain_order="left")
    return Ratings(
        names,
        labels,
        tuple(raters),
        _codes(coded, "item_code"),
        _codes(coded, "code"),
        _codes(coded, "label"),
        _codes(coded, "count"),
    )


def _codes(table: pl.DataFrame, column: str) -> IntArray:
    return table.get_column(column).fill_null(-1).cast(pl.Int64).to_numpy()
