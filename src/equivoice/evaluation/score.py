"""From predictions and references to estimates with uncertainty, by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast, get_args

import polars as pl

from equivoice.annotators import OtherVotes
from equivoice.annotators.counts import Repeated, Unknown
from equivoice.errors import ConfigError
from equivoice.evaluation.additive import Certainty
from equivoice.evaluation.answers import as_estimates
from equivoice.evaluation.by_label import Settings
from equivoice.evaluation.by_reference import given_part
from equivoice.evaluation.given import Labels, Table, as_tables, reference_table
from equivoice.evaluation.matching import label_space_of
from equivoice.evaluation.reference_votes import NoConsensus
from equivoice.evaluation.scores import Scores
from equivoice.evaluation.with_votes import (
    VoteOptions,
    VotesGiven,
    fixed_groupings,
    score_with_votes,
    voted_labels,
    votes_table,
)
from equivoice.fairness import convention as convention_named
from equivoice.metrics import Unparsed
from equivoice.records import LabelSpace

__all__ = ["Scores", "score"]

Answers = Literal["label", "expected"]
_FEWEST_REPLICATES = 20


def score(
    predictions: Table | Labels | None,
    reference: Table | Labels,
    *,
    speakers: Sequence[Any] | None = None,
    groups: Mapping[str, Sequence[Any]] | None = None,
    label_space: LabelSpace | None = None,
    group_by: str | Sequence[str] = (),
    convention: str = "equivoice",
    unparsed: Unparsed | None = None,
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
    answers: Answers = "label",
    votes: Table | None = None,
    rule: str | None = None,
    channel: str | None = None,
    other: OtherVotes = "leave_out",
    smoothing: float = 0.0,
    no_consensus: NoConsensus = "random",
    listeners: bool = True,
    labels_from_votes: bool = False,
    unknown: Unknown = "error",
    repeated: Repeated = "error",
) -> Scores:
    """Score predictions against references, with intervals over speakers, and by group.

    With votes, systems are held against labels that a rule makes of them, and against all
    votes; how far listeners agree, what rules keep, and what listeners themselves score
    stands beside.

    Args:
        predictions: a PREDICTIONS table or its path: at least ``utterance_id`` and
            ``emotion`` (null where an answer has no label), or ``valence``, ``arousal``,
            ``dominance``; or one label an item; ``None``, with votes: listeners alone.
        reference: an UTTERANCES table or its path: at least ``utterance_id`` and
            ``emotion``; with ``speaker``, intervals are over speakers, else over
            utterances; or one label an item.
        speakers: the speaker of each item, where sequences of labels are given.
        groups: the attributes of each item by name, where sequences are given.
        label_space: the declared labels, which macro averages run over; the labels
            of the reference where none is given.
        group_by: groupings, such as ``gender`` or ``gender x age[25,33,46]``.
        convention: ``equivoice``, ``fairalm_paper`` or ``fairalm_code``.
        unparsed: what an answer without a label counts as (``wrong``, ``drop``,
            ``extra_class``), where that is to differ from the convention.
        replicates: bootstrap replicates; 0 for values without intervals and tests,
            else at least 20.
        permutations: arrangements of a permutation test; as many or fewer in all
            are enumerated.
        level: nominal coverage of the intervals.
        seed: of all resampling.
        answers: ``label``: each prediction is its label. ``expected``: each is spread
            over the labels by its ``probabilities``, and what is left of 1 is unparsed.
            That scores the expected confusion table, which is not the expected score
            of answers that are sampled.
        votes: a VOTES table or its path: what raters said of the utterances.
        rule: how votes become labels that systems are held against as well: ``majority``,
            ``plurality``, ``all_inclusive`` (the most frequent label) or ``dawid_skene``.
        channel: the channel of the votes (voice, face, both, text). Without it systems are
            held against ``voice`` where there are votes on it, and listeners of every
            channel are scored.
        other: votes for none of the labels are left out (``leave_out``), or ``count``.
        smoothing: ε by which distributions of votes are smoothed before probabilities are
            held against them.
        no_consensus: the crowd's label in annotator-aware scores where there is no majority:
            the plurality, and at a tie one of the tied at ``random``, or none (``plurality``);
            or none at all (``leave_out``). What has none is counted.
        listeners: whether the rows of listeners are made: how far they agree, what rules
            keep, what they score themselves.
        labels_from_votes: whether the labels of the reference were made of these votes;
            listeners are then not held against them.
        unknown: what a vote for an answer that is no label does: ``error``, or ``other``
            (it is a vote for none of the labels).
        repeated: what a further vote of one rater on one utterance does: ``error``,
            ``keep`` (all count), or ``first`` (the first row counts).

    Returns:
        Estimates for each corpus, system and condition: scores, scores by group,
        signed and aggregated gaps, confusions; pooled and by fold. The column
        ``reference`` says what answers were held against.

    Raises:
        InputError: tables that break their schema, unknown labels or attributes,
            no utterance in common.
        VotesError: votes that cannot be counted; names row, item and value.
        ConfigError: unknown options, or options about votes without votes.

    Example:
        >>> import polars as pl
        >>> answers = ["happy", "sad", "sad", None]
        >>> result = score(answers, ["happy", "sad"] * 2, replicates=100)
        >>> row = result.estimates.row(
        ...     by_predicate=(pl.col("quantity") == "score") & (pl.col("metric") == "accuracy"),
        ...     named=True)
        >>> row["value"], row["n"], row["left_out"]
        (0.5, 4, '{"unparsed (counted as wrong)": 1}')
    """
    _check_numbers(replicates, permutations, level, seed)
    _check_reading(answers)
    asked = VoteOptions(
        rule,
        channel,
        other,
        smoothing,
        no_consensus,
        listeners,
        labels_from_votes,
        unknown,
        repeated,
    )
    asked.check(votes=votes is not None, predictions=predictions is not None)
    given = None
    if predictions is None:
        truth = reference_table(reference)
    else:
        given, truth = as_tables(predictions, reference, speakers=speakers, groups=groups)
    said = None if votes is None else votes_table(votes)
    groupings = (group_by,) if isinstance(group_by, str) else tuple(dict.fromkeys(group_by))
    settings = Settings(
        label_space or _labels(truth, said),
        groupings if said is None else fixed_groupings(truth, groupings),
        convention_named(convention, unparsed=unparsed),
        Certainty(replicates, permutations, level, seed),
        answers == "expected",
    )
    if said is not None:
        file = None if isinstance(votes, pl.DataFrame) else votes
        with_votes = VotesGiven(said, asked, file, convention, unparsed)
        found = score_with_votes(given, truth, with_votes, settings)
    else:
        part = given_part(cast("pl.DataFrame", given), truth, settings)
        found = Scores(as_estimates(part.rows), part.left_out, part.notes)
    return replace(found, notes=(*found.notes, *_rules_note(settings)))


def _rules_note(settings: Settings) -> tuple[str, ...]:
    rules = settings.rules
    return () if rules.name == "equivoice" else (f"Convention {rules.name}: {rules.source}.",)


def _labels(reference: pl.DataFrame, votes: pl.DataFrame | None) -> LabelSpace:
    """The labels of the reference; where it has none, those that were voted for."""
    if votes is None or reference.get_column("emotion").null_count() < reference.height:
        return label_space_of(reference)
    return voted_labels(votes)


def _check_numbers(replicates: int, permutations: int, level: float, seed: int) -> None:
    wrong = {
        f"replicates: {replicates} is neither 0 (no intervals) nor {_FEWEST_REPLICATES} or more": (
            replicates != 0 and replicates < _FEWEST_REPLICATES
        ),
        f"permutations: {permutations} is not 1 or more": permutations < 1,
        f"level: {level} is not between 0 and 1": not 0.0 < level < 1.0,
        f"seed: {seed} is negative": seed < 0,
    }
    problems = [problem for problem, found in wrong.items() if found]
    if problems:
        raise ConfigError.from_problems(problems)


def _check_reading(answers: str) -> None:
    if answers not in get_args(Answers):
        raise ConfigError("unknown reading of answers", value=answers, choices=get_args(Answers))
