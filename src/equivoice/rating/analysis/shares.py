"""Votes that choose, and votes on a scale: shares and means, overall and by group of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.errors import VotesError
from equivoice.rating.analysis.rows import Uncertainty, estimate_table, mean_rows
from equivoice.records import VOTES

__all__ = ["ACCEPTANCE", "choice_shares", "scale_means"]

ACCEPTANCE = "acceptance"
"""The metric of the share of ``accept``."""

_ACCEPT = "accept"
_NO_ANSWER = "vote without an answer"
_EXCLUDED = "vote on an item that does not count"


def choice_shares(
    votes: pl.DataFrame,
    *,
    question: str = "acceptance",
    choices: Sequence[str] = (_ACCEPT,),
    groups: pl.DataFrame | None = None,
    systems: Mapping[str, str] | None = None,
    exclude: Sequence[str] = (),
    uncertainty: Uncertainty | None = None,
) -> pl.DataFrame:
    """How often choices are taken: acceptance of reasons, or each choice of a question.

    Args:
        votes: a table of ``records.VOTES``.
        question: which question.
        choices: the choices whose shares are wanted.
        groups: a table with ``item`` and columns to count by, such as ``match`` and
            ``emotion``: each of their values is counted alone as well.
        systems: from an item to the system that it shows; each is counted alone.
        exclude: items that do not count, such as gold items.
        uncertainty: how intervals are made.

    Returns:
        rows of ``records.ESTIMATES``: metric ``acceptance`` for ``accept`` and ``chosen``
        for other choices, which stand in ``class``; ``group_by`` and ``groups`` where items
        are counted by group. Each once for items, raters and both as the units.

    Raises:
        VotesError: no votes on this question, a row that stands for several votes, or a rater
            who voted twice on an item.

    Example:
        >>> votes = {"item": ["x", "y"] * 2, "rater": ["r", "r", "s", "s"],
        ...          "question": ["acceptance"] * 4, "value": ["accept", "accept", "reject", "accept"]}
        >>> choice_shares(pl.DataFrame(votes))["value"].to_list()
        [0.75, 0.75, 0.75]
    """
    how = uncertainty or Uncertainty()
    said, left_out = _said(votes, question, "value", exclude)
    rows: list[dict[str, Any]] = []
    for choice in choices:
        own = said.with_columns(value=(pl.col("value") == choice).cast(pl.Float64))
        told: dict[str, Any] = {"metric": ACCEPTANCE}
        if choice != _ACCEPT:
            told = {"metric": "chosen", "class": choice}
        rows += _counted(own, groups, systems, how, left_out, told)
    return estimate_table(rows)


def scale_means(
    votes: pl.DataFrame,
    *,
    question: str,
    low: float,
    high: float,
    groups: pl.DataFrame | None = None,
    systems: Mapping[str, str] | None = None,
    exclude: Sequence[str] = (),
    uncertainty: Uncertainty | None = None,
) -> pl.DataFrame:
    """The mean of a question on a scale, in points of the scale.

    Args:
        votes: a table of ``records.VOTES``.
        question: which question.
        low: the lowest point of the scale.
        high: the highest.
        groups: as for :func:`choice_shares`.
        systems: as for :func:`choice_shares`.
        exclude: as for :func:`choice_shares`.
        uncertainty: how intervals are made.

    Returns:
        rows of ``records.ESTIMATES`` with the metric ``mean QUESTION``.

    Raises:
        VotesError: as for :func:`choice_shares`, or a number outside the scale.

    Example:
        >>> votes = {"item": ["x", "y"], "rater": ["r", "r"], "question": ["fits"] * 2,
        ...          "number": [2.0, 4.0]}
        >>> scale_means(pl.DataFrame(votes), question="fits", low=1, high=5)["value"][0]
        3.0
    """
    how = uncertainty or Uncertainty()
    said, left_out = _said(votes, question, "number", exclude)
    outside = said.filter(~pl.col("value").is_between(low, high))
    if not outside.is_empty():
        raise VotesError(
            f"a vote on {question!r} lies outside its scale",
            column="number",
            value=outside.get_column("value")[0],
            choices=(f"{low:g} to {high:g}",),
        )
    told = {"metric": f"mean {question}"}
    return estimate_table(_counted(said, groups, systems, how, left_out, told, low=low, high=high))


def _said(
    votes: pl.DataFrame, question: str, column: str, exclude: Sequence[str]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The votes on a question as ``item``, ``rater`` and ``value``, and what is left out."""
    table = VOTES.validate(votes)
    asked = table.filter(pl.col("question") == question)
    if asked.is_empty():
        raise VotesError(
            "no votes on this question",
            value=question,
            choices=table.get_column("question").unique().sort().to_list(),
        )
    counted = asked.filter(~pl.col("item").is_in(list(exclude)))
    said = counted.filter(pl.col(column).is_not_null() & (pl.col("count").fill_null(1) > 0))
    named = said.get_column("rater").is_not_null()
    twice = said.select("item", "rater").is_duplicated() & named
    several = (said.get_column("count").fill_null(1) > 1) | ~named
    for wrong, what in ((several, "votes without names of raters"), (twice, "a second vote")):
        if wrong.any():
            raise VotesError(
                f"{what} on one item",
                column="item",
                value=said.get_column("item").filter(wrong)[0],
                hint="give each rater a name and one vote an item: raters are units here",
            )
    lost = {
        _EXCLUDED: asked.height - counted.height,
        _NO_ANSWER: counted.height - said.height,
    }
    left_out = {why: count for why, count in lost.items() if count}
    return said.select("item", "rater", value=column), left_out


def _counted(
    said: pl.DataFrame,
    groups: pl.DataFrame | None,
    systems: Mapping[str, str] | None,
    how: Uncertainty,
    left_out: Mapping[str, int],
    told: Mapping[str, Any],
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> list[dict[str, Any]]:
    """Rows over all items, and over those of each system and group."""
    rows: list[dict[str, Any]] = []
    for system, own in _parts(said, systems):
        named = {**told, "system": system}
        rows += mean_rows(own, how, low=low, high=high, left_out=left_out, **named)
        if groups is None:
            continue
        for column in (name for name in groups.columns if name != "item"):
            known = own.join(groups.select("item", group=column), on="item", how="inner")
            parts = known.drop_nulls("group").partition_by("group", as_dict=True)
            for (group,), part in sorted(parts.items(), key=lambda pair: str(pair[0])):
                where = {"group_by": column, "groups": str(group)}
                rows += mean_rows(
                    part, how, low=low, high=high, **{**named, **where, "quantity": "group_score"}
                )
    return rows


def _parts(
    said: pl.DataFrame, systems: Mapping[str, str] | None
) -> list[tuple[str | None, pl.DataFrame]]:
    if not systems:
        return [(None, said)]
    whose = said.get_column("item").replace_strict(systems, default=None, return_dtype=pl.String)
    known = said.with_columns(system=whose).drop_nulls("system")
    parts = known.partition_by("system", as_dict=True)
    return [
        (str(key[0]), part.drop("system"))
        for key, part in sorted(parts.items(), key=lambda pair: str(pair[0]))
    ]
