"""A votes table made ready for counting: whole counts, no blanks that look like names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import polars as pl

from equivoice.errors import VotesError
from equivoice.records import VOTES, LabelSpace

__all__ = [
    "OTHER",
    "CountFaults",
    "answer_code",
    "count_faults",
    "counted_votes",
    "earlier_votes",
    "without_faults",
]

OTHER = -1
"""The code of a vote for none of the labels."""

_OTHER_ANSWERS = re.compile(r"\s*others?\s*($|[-:_(/,.].*)", re.IGNORECASE | re.DOTALL)
"""Answers that say "none of the labels": ``other``, ``Other-tired`` [readme: MSP-Podcast]."""

_MOST = 1_000_000
"""No row stands for more votes; larger counts would leave the range of whole numbers in products."""


class CountFaults(NamedTuple):
    """Which rows have a count that is no number of votes; truth values a row."""

    negative: pl.Series
    fractional: pl.Series
    unreadable: pl.Series
    huge: pl.Series

    def any(self) -> pl.Series:
        """Whether a row has one of the faults."""
        return self.negative | self.fractional | self.unreadable | self.huge


def count_faults(votes: pl.DataFrame) -> CountFaults:
    """The rows whose count is negative, fractional, no number at all, or above a million.

    Args:
        votes: a votes table as it stands; a row without a count is one vote.

    Example:
        >>> import polars as pl
        >>> faults = count_faults(pl.DataFrame({"count": [1.0, -2.0, 0.5, None]}))
        >>> faults.negative.to_list(), faults.fractional.to_list()
        ([False, True, False, False], [False, False, True, False])
    """
    if "count" not in votes.columns:
        none = pl.repeat(value=False, n=votes.height, eager=True, dtype=pl.Boolean)
        return CountFaults(none, none, none, none)
    given = votes.get_column("count")
    number = _number(given)
    finite = number.is_finite().fill_null(value=False)
    known = number.fill_null(0)
    return CountFaults(
        negative=finite & (known < 0),
        fractional=finite & (known >= 0) & (known != known.cast(pl.Float64).floor()),
        unreadable=given.is_not_null() & ~finite,
        huge=finite & (known > _MOST),
    )


def without_faults(votes: pl.DataFrame, faults: CountFaults) -> pl.DataFrame:
    """The table with whole counts; 0 where a count is no number of votes.

    Example:
        >>> import polars as pl
        >>> table = pl.DataFrame({"count": ["2.0", "-1", None]})
        >>> without_faults(table, count_faults(table))["count"].to_list()
        [2, 0, None]
    """
    if "count" not in votes.columns:
        return votes
    number = _number(votes.get_column("count"))
    return votes.with_columns(number.set(faults.any(), 0).cast(pl.Int64))


def _number(given: pl.Series) -> pl.Series:
    return given if given.dtype.is_integer() else given.cast(pl.Float64, strict=False)


def counted_votes(votes: pl.DataFrame, file: str | Path | None = None) -> pl.DataFrame:
    """The table in the columns of ``records.VOTES``, each row with its number and its count.

    Blank answers and blank names of raters become null; a row without a count
    is one vote; ``row`` counts from 1.

    Raises:
        VotesError: a count is negative, fractional or no number.
        SchemaError: the table breaks ``records.VOTES``.

    Example:
        >>> import polars as pl
        >>> table = counted_votes(pl.DataFrame({"item": ["a"], "question": ["emotion"]}))
        >>> table.select("row", "count").rows()
        [(1, 1)]
    """
    faults = count_faults(votes)
    wrong = faults.any().arg_true()
    if len(wrong):
        raise _fault(votes, int(wrong[0]), len(wrong), faults, file)
    votes = without_faults(votes, faults)
    table = VOTES.validate(votes, file=file).with_row_index("row", offset=1)
    blank = pl.col("value", "rater").str.strip_chars() == ""
    return table.with_columns(
        pl.when(~blank).then(pl.col("value", "rater")), pl.col("count").fill_null(1)
    )


def answer_code(answer: str, labels: LabelSpace) -> int | None:
    """The position of the label that an answer stands for.

    Returns:
        The position; :data:`OTHER` where the answer says "none of the labels" and the
        space has no label for that; ``None`` where it is neither.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry", ("anger",)),))
        >>> [answer_code(answer, space) for answer in ("Anger", "Other-tired", "furious")]
        [0, -1, None]
    """
    name = labels.resolve(answer)
    if name is None and _OTHER_ANSWERS.fullmatch(answer):
        name = labels.resolve("other")
        return OTHER if name is None else labels.index(name)
    return None if name is None else labels.index(name)


def earlier_votes(*, several: bool, within: tuple[str, ...] = ()) -> pl.Expr:
    """How many votes a row's rater gave on its item in the rows above it.

    Needs the columns ``item``, ``rater``, ``label`` (a code), ``value`` and ``count``.

    Args:
        several: whether the question takes several answers; then only votes
            with the same answer are counted.
        within: further columns that must be equal.
    """
    typed = pl.when(pl.col("label") < 0).then("value").otherwise(pl.lit(""))
    answer: list[str | pl.Expr] = ["label", typed.alias("typed")] if several else []
    return (pl.col("count").cum_sum() - pl.col("count")).over(["item", "rater", *within, *answer])


def _fault(
    votes: pl.DataFrame, row: int, many: int, faults: CountFaults, file: str | Path | None
) -> VotesError:
    what = "not a number of votes"
    if faults.negative[row]:
        what = "a negative number of votes"
    elif faults.fractional[row]:
        what = "a fraction of a vote"
    elif faults.huge[row]:
        what = f"more than {_MOST:,} votes"
    item = votes.get_column("item")[row] if "item" in votes.columns else None
    on = "" if item is None else f" on {item!r}"
    again = f" (one of {many:,} such rows)" if many > 1 else ""
    return VotesError(
        f"{what}{on}{again}",
        file=file,
        row=row + 1,
        column="count",
        value=votes.get_column("count")[row],
        choices=("whole numbers from 0",),
        hint="write how many raters gave this answer; a share times the number of raters",
    )
