"""What an ensemble learns, and from what: never from the utterances that it is scored on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from equivoice.corpora.folds import make_folds, most_folds
from equivoice.errors import ConfigError, CorpusError, InputError
from equivoice.evaluation.ensemble.agreement import headline_scores
from equivoice.evaluation.ensemble.ballots import Ballots
from equivoice.evaluation.ensemble.gathering import Gathered, truth_of
from equivoice.evaluation.ensemble.stacking import fit_stack
from equivoice.metrics import BoolArray, FloatArray
from equivoice.records import LabelSpace

__all__ = [
    "SELECT_BY",
    "Learnt",
    "member_scores",
    "refuse_tested",
    "stacked_across",
    "stacked_from",
]

SELECT_BY = "macro_f1"
"""By this score members are put in order, and weighed."""

_FEWEST_FOLDS = 2


@dataclass(frozen=True, eq=False)
class Learnt:
    """Probabilities of a learnt combination.

    Args:
        shares: (n, C) for the utterances that are scored.
        source: what it was learnt from, as a sentence.
    """

    shares: FloatArray
    source: str


def member_scores(gathered: Gathered, labels: LabelSpace) -> dict[str, float]:
    """Each member's macro-F1 on gathered utterances; 0 where it is undefined."""
    found = {}
    for member in gathered.members:
        own = member.predictions.with_columns(
            system=pl.lit(member.name), prompt=None, options=None, temperature=None, run=None
        )
        scores = headline_scores(
            own, gathered.utterances, labels, certainty={"replicates": 0, "seed": 0}
        )
        found[member.name] = float(scores[SELECT_BY].value or 0.0)
    return found


def refuse_tested(validation: Gathered, tested: Gathered) -> list[str]:
    """See that nothing is learnt from what is scored.

    Returns:
        a note where speakers stand on both sides.

    Raises:
        InputError: an utterance stands on both sides; or the members differ.
    """
    names = [member.name for member in tested.members]
    missing = [name for name in names if name not in validation.ballots.members]
    if missing:
        raise InputError(
            "a member has no validation predictions",
            value=missing[0],
            choices=validation.ballots.members,
            hint=f"name them with --validation {missing[0]}=RUN#SYSTEM",
        )
    both = set(validation.ballots.utterance_ids) & set(tested.ballots.utterance_ids)
    if both:
        raise InputError(
            f"{len(both)} utterances stand in the validation predictions and in those that are "
            "scored, and an ensemble must not learn from what it is scored on",
            column="utterance_id",
            value=sorted(both)[0],
            hint="name predictions of the validation part with --validation, or --learn-from folds",
        )
    shared = _speakers(validation) & _speakers(tested)
    if not shared:
        return []
    told = f"{len(shared)} speakers of the validation part speak in the tested part too"
    return [f"{told}: what was learnt knows them."]


def stacked_from(validation: Gathered, tested: Ballots) -> Learnt:
    """A stack fitted to validation utterances, applied to those that are scored."""
    learnt = validation.ballots.of(tested.members)
    stack = fit_stack(learnt, truth_of(validation.utterances, tested.labels))
    where = f"{len(learnt.utterance_ids)} validation utterances"
    return Learnt(stack.probabilities(tested), f"Stacking was fitted to {where}.")


def stacked_across(tested: Gathered, *, seed: int) -> Learnt:
    """Stacks fitted to all folds but one, applied to that one.

    The folds are those in which the members were tested, where all agree on them; else
    speaker-disjoint ones made here. The members themselves know the speakers of other
    folds from their own training, so a stack may trust them a little too much.

    Raises:
        ConfigError: no two folds, and none can be made.
    """
    parts, told = _folds_of(tested, seed)
    names = sorted(set(parts.tolist()))
    truth = truth_of(tested.utterances, tested.ballots.labels)
    shares = np.full((len(truth), len(tested.ballots.labels.names)), np.nan)
    for name in names:
        own: BoolArray = parts == name
        stack = fit_stack(tested.ballots.rows(~own), truth[~own])
        shares[own] = stack.probabilities(tested.ballots.rows(own))
    return Learnt(shares, f"Stacking was fitted to all {told} but one, {len(names)} times.")


def _folds_of(tested: Gathered, seed: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.str_]], str]:
    folds = common_folds(tested)
    if len(set(folds.values())) >= _FEWEST_FOLDS and None not in folds.values():
        names = [str(folds[each]) for each in tested.ballots.utterance_ids]
        return np.array(names), "folds that the members were tested in"
    try:
        number = most_folds(tested.utterances)
        made = make_folds(tested.utterances, n_folds=number, seed=seed)
    except CorpusError as error:
        raise ConfigError(
            f"stacking: the utterances cannot be parted by speaker: {error.problem}",
            hint="give validation predictions with --validation",
        ) from error
    test = dict(made.filter(split="test").select("utterance_id", "fold").iter_rows())
    names = [test[each] for each in tested.ballots.utterance_ids]
    return np.array(names), "folds of speakers, made here,"


def common_folds(tested: Gathered) -> Mapping[str, str | None]:
    """From each utterance to the fold that all members were tested in; ``None`` where they differ."""
    rows = pl.concat(
        [member.predictions.select("utterance_id", "fold") for member in tested.members]
    )
    agreed = rows.group_by("utterance_id").agg(
        pl.col("fold").first().alias("fold"), pl.col("fold").n_unique().alias("many")
    )
    known = {name: fold if many == 1 else None for name, fold, many in agreed.iter_rows()}
    return {name: known.get(name) for name in tested.ballots.utterance_ids}


def _speakers(gathered: Gathered) -> set[tuple[str | None, str]]:
    rows = gathered.utterances.select("corpus", "speaker").drop_nulls("speaker").unique()
    return set(rows.iter_rows())
