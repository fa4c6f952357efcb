"""Scores where votes are known: against a rule's labels, against all votes, and of people."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from equivoice.annotators import OtherVotes, channels, human_system, read_votes
from equivoice.annotators.counts import Repeated, Unknown
from equivoice.annotators.names import LEFT_OUT, is_agreement, is_human
from equivoice.annotators.rules import check_rule
from equivoice.annotators.table import answer_code, counted_votes
from equivoice.errors import ConfigError, InputError, VotesError
from equivoice.evaluation.against_votes import CREDITED, VoteScoring, against_votes_rows
from equivoice.evaluation.agreement import agreement_estimates
from equivoice.evaluation.answers import as_estimates
from equivoice.evaluation.by_label import Settings, label_rows
from equivoice.evaluation.by_reference import given_part, with_labels
from equivoice.evaluation.crowds import listeners_kind
from equivoice.evaluation.given import Table
from equivoice.evaluation.listeners import listener_estimates
from equivoice.evaluation.matching import match
from equivoice.evaluation.reference_votes import (
    NoConsensus,
    ReferenceVotes,
    check_no_consensus,
    gather_votes,
    heard_channel,
    labelled_by,
)
from equivoice.evaluation.scales import has_scales, mean_ratings, scale_rows
from equivoice.evaluation.scores import Part, Scores
from equivoice.fairness import group_items
from equivoice.metrics import ATTRIBUTES, Unparsed, smoothed
from equivoice.records import ESTIMATES, UTTERANCES, VOTES, Label, LabelSpace, read_frame

__all__ = [
    "VoteOptions",
    "VotesGiven",
    "fixed_groupings",
    "score_with_votes",
    "voted_labels",
    "votes_table",
]

_QUESTION = "emotion"
_RATERS = (
    "Votes: intervals are over speakers. They say what other speakers would give with the same "
    "listeners, and do not contain the sampling of raters."
)
_CREDITED = (
    "Annotator-aware scores: an answer that any listener gave is right. The reference then "
    "depends on the answer, so supports differ between systems, and scores of two systems are "
    "not over the same references. How F1 a class is formed is not published: both readings "
    "(credited, multilabel) are our reconstruction."
)
_ALL_INCLUSIVE = (
    "All-inclusive makes a distribution of the votes, not a label. Scores of single labels are "
    "against the most frequent label; utterances where it is not the only one are left out of "
    "these and counted."
)
_COUNTED = (
    "Votes for none of the labels count in rules, sets and agreement; distributions and "
    "calibration are of the votes for labels."
)
_FROM_VOTES = (
    "The labels of the reference were made of votes, so listeners are not held against them."
)
_NO_MAJORITY = {
    "random": "the plurality, and at a tie one of the tied labels by chance",
    "plurality": "the plurality; at a tie wrong answers are left out and counted",
    "leave_out": "none: wrong answers are left out and counted, which makes scores higher",
}


@dataclass(frozen=True)
class VoteOptions:
    """What is done with votes; arguments of :func:`~equivoice.evaluation.score`."""

    rule: str | None = None
    channel: str | None = None
    other: OtherVotes = "leave_out"
    smoothing: float = 0.0
    no_consensus: NoConsensus = "random"
    listeners: bool = True
    labels_from_votes: bool = False
    unknown: Unknown = "error"
    repeated: Repeated = "error"

    def check(self, *, votes: bool, predictions: bool) -> None:
        """Refuse what cannot be done.

        Raises:
            ConfigError: an unknown rule or policy, or options that nothing heeds.
        """
        if not votes:
            changed = [name for name, value in vars(self).items() if value != _DEFAULTS[name]]
            if changed:
                raise ConfigError(f"{changed[0]}: is about votes, and there are none")
            if not predictions:
                raise ConfigError(
                    "neither predictions nor votes: there is nothing to score",
                    hint="give predictions, or votes to score listeners alone",
                )
            return
        if self.rule is not None:
            check_rule(self.rule)
        check_no_consensus(self.no_consensus)
        if not predictions and not self.listeners:
            raise ConfigError("without predictions and without listeners there is nothing to score")


_DEFAULTS = vars(VoteOptions())


@dataclass(frozen=True)
class VotesGiven:
    """Votes, what is done with them, and where they come from.

    Args:
        table: as it stands, not yet checked.
        options: what is done.
        file: for errors.
        convention: how people's answers become numbers.
        unparsed: what an answer that is none of the labels counts as.
    """

    table: pl.DataFrame
    options: VoteOptions
    file: str | Path | None = None
    convention: str = "equivoice"
    unparsed: Unparsed | None = None


def votes_table(votes: Table) -> pl.DataFrame:
    """Votes from a table or its file; what they hold is checked where they are counted."""
    if isinstance(votes, pl.DataFrame):
        return votes
    return read_frame(votes, text=VOTES.text_columns)


def voted_labels(votes: pl.DataFrame) -> LabelSpace:
    """The labels that were voted for, in alphabetical order; answers such as "other" are none.

    Raises:
        InputError: nobody named a label.

    Example:
        >>> given = pl.DataFrame({"item": ["a"] * 3, "question": ["emotion"] * 3,
        ...                       "value": ["sad", "other", "calm"]})
        >>> voted_labels(given).names
        ('calm', 'sad')
    """
    table = counted_votes(votes)
    asked = table.filter(pl.col("question") == _QUESTION).get_column("value").drop_nulls()
    nothing = LabelSpace("none", (Label("(none)"),))  # so that only "other" has a code
    names = [name for name in asked.unique().sort() if answer_code(name, nothing) is None]
    if not names:
        raise InputError("neither the reference nor the votes name a label", column="emotion")
    return LabelSpace("votes", tuple(Label(name) for name in names))


def fixed_groupings(reference: pl.DataFrame, group_by: Sequence[str]) -> tuple[str, ...]:
    """Groupings with their cut points filled in, so that systems and people have equal groups.

    Example:
        >>> speech = pl.DataFrame({"utterance_id": ["a", "b"], "age": [20.0, 40.0]})
        >>> fixed_groupings(speech, ["age[samples:2]"])
        ('age[30]',)
    """
    table = UTTERANCES.validate(reference)
    return tuple(group_items(table, name).name for name in group_by)


def score_with_votes(
    predictions: pl.DataFrame | None,
    reference: pl.DataFrame,
    votes: VotesGiven,
    settings: Settings,
) -> Scores:
    """Systems against the reference and the votes, and people beside them.

    Args:
        predictions: a PREDICTIONS table; ``None`` for people alone.
        reference: an UTTERANCES table.
        votes: the votes, and what is done with them.
        settings: how to score.

    Raises:
        VotesError: votes that cannot be counted.
        InputError: a system has the name of listeners.
        ConfigError: ε of the smoothing is out of its range.
    """
    try:
        return _scored(predictions, reference, votes, settings)
    except VotesError as error:
        if error.file is not None or votes.file is None:
            raise
        raise VotesError(
            error.problem,
            file=votes.file,
            row=error.row,
            column=error.column,
            value=error.value,
            choices=error.choices,
            hint=error.hint,
        ) from error


def _scored(
    predictions: pl.DataFrame | None,
    reference: pl.DataFrame,
    votes: VotesGiven,
    settings: Settings,
) -> Scores:
    asked = votes.options
    smoothed(np.eye(len(settings.labels.names))[:1], asked.smoothing)  # refused before any work
    reference = UTTERANCES.validate(reference)
    if predictions is not None:
        _refuse_names_of_people(predictions)
    named = _names_emotions(votes.table)
    heard = heard_channel(votes.table, asked.channel, file=votes.file)
    own = None
    if named:
        utterances = reference.get_column("utterance_id").to_list()
        _refuse_faults(votes, settings.labels, utterances)
        own = gather_votes(
            votes.table,
            settings.labels,
            utterances,
            channel=heard,
            other=asked.other,
            unknown=asked.unknown,
            repeated=asked.repeated,
            file=votes.file,
        )
    parts = []
    if predictions is not None:
        parts += list(_system_parts(predictions, reference, votes, own, settings))
    tables = [as_estimates([row for part in parts for row in part.rows])]
    left_out = {why: n for part in parts for why, n in part.left_out.items()}
    notes = [note for part in parts for note in part.notes]
    if own is not None:
        left_out |= _votes_left_out(own)
    if asked.listeners and own is not None:
        agreement, people = _people(votes, reference, settings, heard)
        tables += [people.estimates, agreement]
        left_out |= people.left_out
        notes += people.notes
    estimates = ESTIMATES.validate(pl.concat(tables))
    notes += _notes(votes, heard, estimates, systems=predictions is not None)
    return Scores(estimates, left_out, tuple(dict.fromkeys(notes)))


def _names_emotions(votes: pl.DataFrame) -> bool:
    """Whether anybody was asked for an emotion; else there are only ratings on scales."""
    if "question" not in votes.columns:
        return True  # what is missing is said where votes are read
    asked = set(votes.get_column("question").unique())
    return _QUESTION in asked or not asked & set(ATTRIBUTES)


def _refuse_names_of_people(predictions: pl.DataFrame) -> None:
    """A system under the name of the listeners would stand in the same rows as they do."""
    if "system" not in predictions.columns:
        return
    for name in predictions.get_column("system").unique(maintain_order=True):
        if is_human(name) or is_agreement(name):
            raise InputError(
                "a system has the name under which the scores of listeners stand",
                column="system",
                value=name,
                hint="rename the system",
            )


def _refuse_faults(votes: VotesGiven, labels: LabelSpace, utterances: Sequence[str]) -> None:
    """Name what is wrong with the votes of any channel, before any work."""
    kind = listeners_kind(votes.table)
    asked = votes.options.channel
    for channel in channels(votes.table) if asked is None else (asked,):
        read_votes(
            votes.table,
            labels,
            items=utterances,
            channel=channel,
            kind=kind,
            unknown=votes.options.unknown,
            repeated=votes.options.repeated,
            file=votes.file,
        )


def _system_parts(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    votes: VotesGiven,
    own: ReferenceVotes | None,
    settings: Settings,
) -> Iterator[Part]:
    strata = None if own is None else own.strata()
    labelled = with_labels(predictions)
    named = reference.get_column("emotion").null_count() < reference.height
    if (named and not labelled.is_empty()) or has_scales(predictions, reference):
        yield given_part(predictions, reference, settings, strata=strata)
    if own is not None:
        asked = votes.options
        if asked.rule is not None and not labelled.is_empty():
            yield _by_rule(labelled, reference, own, asked.rule, settings)
        how = VoteScoring(own, asked.smoothing, asked.no_consensus)
        spoken = _naming(predictions)
        if not spoken.is_empty():
            yield against_votes_rows(spoken, reference, settings, how)
    rated = _with_ratings(reference, votes, own)
    if has_scales(predictions, rated):
        yield Part(scale_rows(predictions, rated, settings, "votes"))


def _by_rule(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    own: ReferenceVotes,
    rule: str,
    settings: Settings,
) -> Part:
    made = labelled_by(reference, own, rule)
    known = made.get_column("emotion").is_not_null()
    matched = match(
        predictions,
        made,
        settings.labels,
        expected=settings.expected,
        scored=known,
        lacking=f"no label by {rule}",
    )
    notes = (_ALL_INCLUSIVE,) if rule == "all_inclusive" else ()
    rows = label_rows(matched, settings, rule, strata=own.strata())
    return Part(rows, matched.left_out, notes)


def _naming(predictions: pl.DataFrame) -> pl.DataFrame:
    """Without systems that only give numbers on scales."""
    if "emotions" not in predictions.columns:
        return with_labels(predictions)
    sets = pl.col("emotions").is_not_null().any()
    if "system" in predictions.columns:
        sets = sets.over("system")
    other = predictions.filter(~sets)
    return pl.concat([predictions.filter(sets), with_labels(other)])


def _with_ratings(
    reference: pl.DataFrame, votes: VotesGiven, own: ReferenceVotes | None
) -> pl.DataFrame:
    """The reference with the means of people's ratings in the place of its own values."""
    bare = reference.drop(ATTRIBUTES)
    if not set(votes.table.get_column("question").unique()) & set(ATTRIBUTES):
        return bare
    channel = votes.options.channel if own is None else own.channel
    means = mean_ratings(votes.table, channel=channel)
    return bare.join(means, on="utterance_id", how="left", maintain_order="left")


def _people(
    votes: VotesGiven, reference: pl.DataFrame, settings: Settings, heard: str | None
) -> tuple[pl.DataFrame, Scores]:
    """How far people agree, and what they score; both at once, since they share nothing."""
    asked, certain = votes.options, settings.certainty
    shared: dict[str, Any] = {
        "group_by": settings.group_by,
        "other": asked.other,
        "channel": asked.channel,
        "unknown": asked.unknown,
        "repeated": asked.repeated,
        "replicates": certain.replicates,
        "permutations": certain.permutations,
        "level": certain.level,
        "seed": certain.seed,
    }
    tables = (votes.table, reference, settings.labels)
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        agreement = pool.submit(agreement_estimates, *tables, **shared)
        people = pool.submit(
            listener_estimates,
            *tables,
            rule=asked.rule,
            smoothing=asked.smoothing,
            convention=votes.convention,
            unparsed=votes.unparsed,
            full=heard,
            against_given=not asked.labels_from_votes,
            **shared,
        )
        return agreement.result(), people.result()


def _votes_left_out(own: ReferenceVotes) -> dict[str, int]:
    place = "votes" if own.channel is None else f"votes ({own.channel})"
    return {f"{place}: {why}": n for why, n in own.left_out.items()}


def _notes(
    votes: VotesGiven, heard: str | None, estimates: pl.DataFrame, *, systems: bool
) -> Iterator[str]:
    asked = votes.options
    if not asked.listeners:  # else it is said of people
        yield _RATERS
    if systems and asked.channel is None and heard is not None:
        yield f"Systems are held against the votes on the channel {heard}."
    aware = estimates.filter(pl.col("metric") == "annotator_aware_macro_f1")
    if systems and aware.height:
        yield _CREDITED
        chosen = _NO_MAJORITY[asked.no_consensus]
        yield f"Where no label has more than half of the votes, the crowd's label is {chosen}."
        yield from _floor(aware, heard)
    if asked.smoothing:
        epsilon = f"{asked.smoothing:g}"
        yield f"Distributions of votes are smoothed with ε = {epsilon}; labels and sets are not."
    if asked.other == "count":
        yield _COUNTED
    if asked.labels_from_votes:
        yield _FROM_VOTES


def _floor(aware: pl.DataFrame, heard: str | None) -> Iterator[str]:
    """What one random listener scores beside a system, as a floor."""
    own = aware.filter(
        (pl.col("system") == human_system(LEFT_OUT, heard))
        & (pl.col("quantity") == "score")
        & pl.col("value").is_not_null()
        & (pl.col("convention") == CREDITED)
    )
    for row in own.iter_rows(named=True):
        place = "" if row["corpus"] is None else f" on {row['corpus']}"
        yield (
            f"One random listener, credited by the other listeners, scores an annotator-aware "
            f"macro-F1 of {100 * row['value']:.1f}%{place}: read those of systems beside it."
        )
