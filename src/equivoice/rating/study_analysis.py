"""From a study's votes to estimates, question by question, raters and items as crossed units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from equivoice.errors import VotesError
from equivoice.rating.analysis import (
    Uncertainty,
    choice_agreement,
    choice_shares,
    comparison_votes,
    gold_accuracy,
    read_comparisons,
    scale_agreement,
    scale_means,
    win_rates,
)
from equivoice.rating.analysis.comparisons import Ties
from equivoice.rating.rubrics import TIE
from equivoice.rating.study_files import Question
from equivoice.records import ESTIMATES

__all__ = ["StudyVotes", "study_estimates"]

_ACCEPT = "accept"
_NOT = "not chosen"


@dataclass(frozen=True, eq=False)
class StudyVotes:
    """What a study has found, as it is exported.

    Args:
        questions: what was asked.
        votes: a table of ``records.VOTES``.
        items: a table of ``records.ITEMS``.
        gold: the known answers: ``item``, ``question``, ``value``.
        groups: what items are counted by: ``item`` and further columns.
    """

    questions: Sequence[Question]
    votes: pl.DataFrame
    items: pl.DataFrame
    gold: pl.DataFrame | None = None
    groups: pl.DataFrame | None = None

    def gold_items(self, question: str) -> list[str]:
        """The items whose answer to this question is known; they count for raters alone."""
        if self.gold is None:
            return []
        return self.gold.filter(pl.col("question") == question)["item"].to_list()


def study_estimates(
    study: StudyVotes, *, ties: Ties = "half", uncertainty: Uncertainty | None = None
) -> dict[str, pl.DataFrame]:
    """What was said to each question, and how raters did on known answers.

    Items with a known answer to a question do not count for that question.

    Args:
        study: the votes with what was asked and shown.
        ties: how ties of comparisons count.
        uncertainty: how intervals are made.

    Returns:
        for each question that has votes, rows of ``records.ESTIMATES``: win rates of
        comparisons, shares of choices, means of scales, and the agreement of raters; and
        under ``gold`` how raters met known answers, where there are some.

    Raises:
        VotesError: there is not a single vote.
    """
    how = uncertainty or Uncertainty()
    if study.votes.is_empty():
        raise VotesError(
            "there are no votes yet", hint="'equivoice study status' says how far it is"
        )
    found = {}
    for question in study.questions:
        gold = study.gold_items(question.name)
        own = study.votes.filter(
            (pl.col("question") == question.name) & ~pl.col("item").is_in(gold)
        )
        if not own.is_empty():
            found[question.name] = _question(question, own, study, ties, how)
    if study.gold is not None and not study.gold.is_empty():
        judged = study.votes.join(study.gold, on=["item", "question"], how="semi")
        if not judged.is_empty():
            found["gold"] = gold_accuracy(judged, study.gold, level=how.level)
    return found


def _question(
    question: Question, votes: pl.DataFrame, study: StudyVotes, ties: Ties, how: Uncertainty
) -> pl.DataFrame:
    groups = study.groups if study.groups is not None and study.groups.width > 1 else None
    if question.kind == "comparison":
        return _comparison(question, votes, study, groups, ties, how)
    systems = dict(study.items.select("item", "system_a").drop_nulls().iter_rows())
    told: dict[str, Any] = {"groups": groups, "systems": systems, "uncertainty": how}
    if question.kind == "scale":
        means = scale_means(
            votes, question=question.name, low=question.low, high=question.high, **told
        )
        return _together(means, scale_agreement(votes, question=question.name, uncertainty=how))
    if question.kind == "multiple":
        parts = [
            choice_shares(
                _one_choice(votes, value), question=question.name, choices=[value], **told
            )
            for value in question.values
        ]
        return _together(*parts)
    accepts = question.values[0] == _ACCEPT and len(question.values) == 2
    choices = [_ACCEPT] if accepts else list(question.values)
    shares = choice_shares(votes, question=question.name, choices=choices, **told)
    return _together(
        shares,
        choice_agreement(
            votes, question=question.name, choices=list(question.values), uncertainty=how
        ),
    )


def _comparison(
    question: Question,
    votes: pl.DataFrame,
    study: StudyVotes,
    groups: pl.DataFrame | None,
    ties: Ties,
    how: Uncertainty,
) -> pl.DataFrame:
    first = study.items.get_column("system_a").drop_nulls().unique(maintain_order=True)
    read = read_comparisons(
        votes, study.items, question=question.name, systems=first.head(1).to_list()
    )
    if read.frame.is_empty():
        raise VotesError(
            f"{question.name!r} compares, and the items name no two systems",
            column="system_a",
            hint="name them in the columns system_a and system_b of the study's items",
        )
    said = comparison_votes(read)
    names = sorted({name for pair in read.systems for name in pair})
    agreement = choice_agreement(
        said, question="preference", choices=[*names, TIE], uncertainty=how
    )
    return _together(win_rates(read, groups=groups, ties=ties, uncertainty=how), agreement)


def _one_choice(votes: pl.DataFrame, value: str) -> pl.DataFrame:
    """Of each rater and item, whether this is among the choices."""
    keys = ["item", "rater", "question"]
    chosen = pl.when((pl.col("value") == value).any()).then(pl.lit(value)).otherwise(pl.lit(_NOT))
    return votes.group_by(keys, maintain_order=True).agg(chosen.alias("value"))


def _together(*frames: pl.DataFrame) -> pl.DataFrame:
    return ESTIMATES.validate(pl.concat([f for f in frames if f.height], how="diagonal_relaxed"))
