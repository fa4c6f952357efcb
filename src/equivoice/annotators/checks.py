"""What is remarkable about a votes table: all of it together, and nothing is repaired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

from equivoice.annotators.table import (
    OTHER,
    answer_code,
    count_faults,
    counted_votes,
    earlier_votes,
    without_faults,
)
from equivoice.records import QUESTIONS, LabelSpace

__all__ = ["VoteFinding", "check_votes"]

_MOST_LISTED = 5
_SEVERITIES = ("error", "warning", "note")
_UNKNOWN = -2  # the code of an answer that is no label and not "other"
_ONCE = ("item", "channel", "question")


@dataclass(frozen=True)
class VoteFinding:
    """One thing that a check of votes found.

    Args:
        severity: ``error`` (votes cannot be read as they are), ``warning`` (votes are
            left out, or mixed with others), ``note`` (good to know).
        code: a short stable name, such as ``unknown-label``.
        message: one or two sentences for people, with the numbers.
        count: how many votes, rows, raters or utterances it is about, as the message says.
    """

    severity: Literal["error", "warning", "note"]
    code: str
    message: str
    count: int


def check_votes(
    votes: pl.DataFrame, labels: LabelSpace, utterances: pl.DataFrame
) -> tuple[VoteFinding, ...]:
    """All that is remarkable about votes, the worst first; the votes stay as they are.

    ======================  ==================================================
    error                   ``negative-count``, ``fractional-count``,
                            ``unreadable-count``, ``unknown-label``,
                            ``repeated-vote``
    warning                 ``unknown-utterance``, ``no-answer``,
                            ``unstated-channel``, ``unknown-question``
    note                    ``rated-once``, ``no-raters``, ``some-raters``,
                            ``no-vote``, ``one-vote``, ``other-answers``
    ======================  ==================================================

    Args:
        votes: a table with the columns of ``records.VOTES``, as it stands.
        labels: the label space of questions that are answered with labels.
        utterances: the utterances, or any table with their ``utterance_id``.

    Raises:
        SchemaError: a column is missing or holds what it cannot hold, apart from counts.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> table = pl.DataFrame({"item": ["a", "a", "z"], "rater": ["r", "r", "s"],
        ...                       "question": ["emotion"] * 3, "value": ["sad", "bad", "sad"]})
        >>> found = check_votes(table, space, pl.DataFrame({"utterance_id": ["a", "b"]}))
        >>> [one.code for one in found]  # doctest: +NORMALIZE_WHITESPACE
        ['unknown-label', 'repeated-vote', 'unknown-utterance', 'no-vote', 'one-vote',
         'rated-once']
    """
    found = list(_counts(votes))
    table = counted_votes(without_faults(votes, count_faults(votes)))
    table = _coded(table.filter(pl.col("count") > 0), labels)
    ids = utterances.get_column("utterance_id").cast(pl.String)
    found += [
        *_answers(table, labels),
        *_repeats(table),
        *_items(table, ids),
        *_channels_and_questions(table),
        *_raters(table),
    ]
    return tuple(sorted(found, key=lambda one: _SEVERITIES.index(one.severity)))


def _coded(table: pl.DataFrame, labels: LabelSpace) -> pl.DataFrame:
    """Add the code of each answer; null where the question takes no label or has no answer."""
    values = table.get_column("value").drop_nulls().unique(maintain_order=True)
    codes = [answer_code(value, labels) for value in values]
    known = pl.DataFrame(
        {"value": values, "label": [_UNKNOWN if code is None else code for code in codes]},
        schema={"value": pl.String, "label": pl.Int64},
    )
    coded = table.join(known, on="value", how="left", maintain_order="left")
    return coded.with_columns(pl.when(_asks("single", "multiple")).then("label").alias("label"))


def _asks(*kinds: str) -> pl.Expr:
    """Whether a row's question is one of these kinds."""
    return pl.col("question").is_in([name for name, kind in QUESTIONS.items() if kind in kinds])


def _counts(votes: pl.DataFrame) -> Iterator[VoteFinding]:
    kinds = (
        "a negative number of votes",
        "a fraction of a vote",
        "no number of votes",
        "more votes than there can be",
    )
    for (name, rows), what in zip(count_faults(votes)._asdict().items(), kinds, strict=True):
        wrong = rows.arg_true()
        if not len(wrong):
            continue
        first = int(wrong[0])
        value = votes.get_column("count")[first]
        yield VoteFinding(
            "error",
            f"{name}-count",
            f"{_many(len(wrong), 'row')} with {what}; first row {first + 1}: {value!r}",
            len(wrong),
        )


def _answers(table: pl.DataFrame, labels: LabelSpace) -> Iterator[VoteFinding]:
    strange = table.filter(pl.col("label") == _UNKNOWN)
    if strange.height:
        many = _votes(strange)
        yield VoteFinding(
            "error",
            "unknown-label",
            f"{_many(many, 'vote')} for answers that are no labels of {labels.id!r}: "
            f"{_by_votes(strange, 'value')}; first row {strange['row'][0]}; "
            f"labels: {', '.join(labels.names)}, other",
            many,
        )
    other = table.filter(pl.col("label") == OTHER)
    if other.height:
        many = _votes(other)
        yield VoteFinding(
            "note",
            "other-answers",
            f"{_many(many, 'vote')} for none of the labels: {_by_votes(other, 'value')}",
            many,
        )
    empty = {"scale": pl.col("number").is_null(), "label": pl.col("value").is_null()}
    neither = empty["scale"] & empty["label"]
    silent = table.filter(
        pl.when(_asks("scale"))
        .then(empty["scale"])
        .when(_asks("single", "multiple"))
        .then(empty["label"])
        .otherwise(neither)
    )
    if silent.height:
        many = _votes(silent)
        yield VoteFinding(
            "warning",
            "no-answer",
            f"{_many(many, 'vote')} without an answer; first row {silent['row'][0]}",
            many,
        )


def _repeats(table: pl.DataFrame) -> Iterator[VoteFinding]:
    earlier = [
        earlier_votes(several=each, within=("channel", "question")).alias(name)
        for name, each in (("one", False), ("each", True))
    ]
    named = table.filter(pl.col("rater").is_not_null()).with_columns(earlier)
    before = pl.when(_asks("multiple")).then("each").otherwise("one")
    again = named.filter(before + pl.col("count") > 1)
    if again.is_empty():
        return
    first = again.row(0, named=True)
    yield VoteFinding(
        "error",
        "repeated-vote",
        f"{_many(again.height, 'row')} with a further vote of one rater on one item; first row "
        f"{first['row']}: rater {first['rater']!r} on {first['item']!r}",
        again.height,
    )


def _items(table: pl.DataFrame, ids: pl.Series) -> Iterator[VoteFinding]:
    strange = table.filter(~pl.col("item").is_in(ids.to_list()))
    if strange.height:
        many = _votes(strange)
        yield VoteFinding(
            "warning",
            "unknown-utterance",
            f"{_many(many, 'vote')} on {_many(strange['item'].n_unique(), 'item')} that the "
            f"utterances do not hold: {_listed(strange['item'].unique(maintain_order=True))}",
            many,
        )
    silent = ids.filter(~ids.is_in(table.get_column("item").to_list()))
    if len(silent):
        yield VoteFinding(
            "note",
            "no-vote",
            f"{_many(len(silent), 'utterance')} without a vote: {_listed(silent)}",
            len(silent),
        )
    judged = table.filter(_asks("single")).group_by(_ONCE, maintain_order=True)
    alone = judged.agg(pl.col("count").sum()).filter(pl.col("count") == 1)
    if alone.height:
        yield VoteFinding(
            "note",
            "one-vote",
            f"{_many(alone.height, 'item')} (per channel) with one vote only, which says nothing "
            f"of agreement: {_listed(alone['item'].unique(maintain_order=True))}",
            alone.height,
        )


def _channels_and_questions(table: pl.DataFrame) -> Iterator[VoteFinding]:
    unstated = table.filter(pl.col("channel").is_null())
    if 0 < unstated.height < table.height:
        many = _votes(unstated)
        yield VoteFinding(
            "warning",
            "unstated-channel",
            f"{_many(many, 'vote')} without a channel beside votes that state one; first row "
            f"{unstated['row'][0]}",
            many,
        )
    strange = table.filter(~pl.col("question").is_in(list(QUESTIONS)))
    if strange.height:
        many = _votes(strange)
        yield VoteFinding(
            "warning",
            "unknown-question",
            f"{_many(many, 'vote')} on questions that nothing here reads: "
            f"{_by_votes(strange, 'question')}; known are {', '.join(QUESTIONS)}",
            many,
        )


def _raters(table: pl.DataFrame) -> Iterator[VoteFinding]:
    nameless = _votes(table.filter(pl.col("rater").is_null()))
    named = table.filter(pl.col("rater").is_not_null())
    if nameless and named.is_empty():
        yield VoteFinding(
            "note",
            "no-raters",
            "no vote names its rater: raters cannot be weighted or compared with each other",
            nameless,
        )
    elif nameless:
        yield VoteFinding(
            "note", "some-raters", f"{_many(nameless, 'vote')} without a rater's name", nameless
        )
    times = named.group_by("rater", maintain_order=True).agg(
        pl.struct("item", "channel").n_unique().alias("times")
    )
    once = times.filter(pl.col("times") == 1)
    if once.height:
        yield VoteFinding(
            "note",
            "rated-once",
            f"{_many(once.height, 'rater')} of {times.height:,} rated once, which says little of "
            f"how they rate: {_listed(once['rater'])}",
            once.height,
        )


def _votes(table: pl.DataFrame) -> int:
    return int(table.get_column("count").sum())


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _listed(names: pl.Series) -> str:
    shown = ", ".join(repr(name) for name in names.head(_MOST_LISTED))
    rest = len(names) - _MOST_LISTED
    return shown if rest <= 0 else f"{shown} and {rest:,} more"


def _by_votes(table: pl.DataFrame, column: str) -> str:
    """The values with their votes, most first."""
    sums = table.group_by(column, maintain_order=True).agg(pl.col("count").sum())
    sums = sums.sort("count", descending=True, maintain_order=True)
    shown = ", ".join(f"{value!r} ({n:,})" for value, n in sums.head(_MOST_LISTED).iter_rows())
    rest = sums.height - _MOST_LISTED
    return shown if rest <= 0 else f"{shown} and {rest:,} more"
