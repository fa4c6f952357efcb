"""How members agree, pair by pair, and what a system would score that always knows whom to trust."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
import polars as pl

from equivoice.annotators import cohen_kappa
from equivoice.evaluation.ensemble.ballots import Ballots
from equivoice.evaluation.score import score
from equivoice.metrics import UNPARSED, BoolArray, IntArray
from equivoice.records import Label, LabelSpace, PairOfMembers, WithInterval

__all__ = [
    "HEADLINE",
    "headline_scores",
    "oracle_scores",
    "pairs_of_members",
    "right",
    "scores_of",
]

HEADLINE = ("macro_f1", "unweighted_accuracy", "accuracy", "weighted_f1")
"""The scores that tables of ensembles show."""

_SAME, _OTHER = "the same answer", "another answer"
_AGREEMENT = LabelSpace("agreement", (Label(_SAME), Label(_OTHER)))


def right(ballots: Ballots, truth: IntArray) -> BoolArray:
    """(n, M) whether a member says the label of the utterance."""
    return np.asarray(ballots.choices == truth[:, np.newaxis])


def pairs_of_members(
    ballots: Ballots, truth: IntArray, utterances: pl.DataFrame, *, certainty: Mapping[str, Any]
) -> tuple[PairOfMembers, ...]:
    """Each pair on the utterances that both answered.

    An answer without a label counts as one more answer: two that refuse agree.

    Args:
        ballots: the votes.
        truth: (n,) position of each utterance's label.
        utterances: a row a row of the ballots, with speakers.
        certainty: ``replicates``, ``level`` and ``seed`` of the intervals, which are over
            speakers.
    """
    kappas = {
        (pair.first, pair.second): None if isnan(pair.kappa) else pair.kappa
        for pair in cohen_kappa(ballots.ratings, fewest=1, other="count").pairs
    }
    hits = right(ballots, truth)
    found = []
    for one, two in itertools.combinations(range(len(ballots.members)), 2):
        both = ballots.present[:, one] & ballots.present[:, two]
        same = ballots.choices[both, one] == ballots.choices[both, two]
        first, second = hits[both, one], hits[both, two]
        names = ballots.members[one], ballots.members[two]
        found.append(
            PairOfMembers(
                first=names[0],
                second=names[1],
                n=int(both.sum()),
                agree=_share(same, utterances.filter(pl.Series(both)), certainty),
                kappa=kappas.get(names),
                both_right=int((first & second).sum()),
                only_first=int((first & ~second).sum()),
                only_second=int((~first & second).sum()),
                both_wrong=int((~first & ~second).sum()),
            )
        )
    return tuple(found)


def oracle_scores(
    ballots: Ballots,
    truth: IntArray,
    utterances: pl.DataFrame,
    *,
    fallback: Sequence[str],
    certainty: Mapping[str, Any],
) -> dict[str, WithInterval]:
    """What a system would score that is right wherever any member is.

    Where none is right, it says what the first member of ``fallback`` with a label says.
    No system can be chosen this way: it is a bound on what these members hold.

    Args:
        ballots: the votes.
        truth: (n,) position of each utterance's label.
        utterances: a row a row of the ballots.
        fallback: members, in the order in which they are asked where all are wrong.
        certainty: ``replicates``, ``level`` and ``seed`` of the intervals.
    """
    order = [ballots.members.index(name) for name in fallback]
    label = np.full(len(truth), UNPARSED, dtype=np.int64)
    for member in reversed(order):
        said = ballots.choices[:, member]
        label = np.where(said == UNPARSED, label, said)
    label = np.where(right(ballots, truth).any(axis=1), truth, label)
    said_by_it = pl.DataFrame(
        {
            "utterance_id": list(ballots.utterance_ids),
            "emotion": [None if code == UNPARSED else ballots.labels.names[code] for code in label],
        },
        schema_overrides={"emotion": pl.String},
    )
    return headline_scores(said_by_it, utterances, ballots.labels, certainty=certainty)


def headline_scores(
    predictions: pl.DataFrame,
    utterances: pl.DataFrame,
    labels: LabelSpace,
    *,
    certainty: Mapping[str, Any],
) -> dict[str, WithInterval]:
    """The scores of one system by :data:`HEADLINE`, with intervals over speakers."""
    rows = score(predictions, utterances, label_space=labels, permutations=1, **certainty).estimates
    return scores_of(rows)


def scores_of(rows: pl.DataFrame) -> dict[str, WithInterval]:
    """The pooled scores out of the estimates of one system."""
    own = rows.filter((pl.col("quantity") == "score") & pl.col("class").is_null())
    whole = own.filter(pl.col("fold").fill_null("all") == "all")
    own = own if whole.is_empty() else whole  # of one fold alone there is no further row
    by_metric = {row["metric"]: row for row in own.iter_rows(named=True)}
    return {
        name: WithInterval(
            value=by_metric[name]["value"],
            low=by_metric[name]["low"],
            high=by_metric[name]["high"],
            undefined=by_metric[name]["undefined"],
        )
        for name in HEADLINE
        if name in by_metric
    }


def _share(same: BoolArray, utterances: pl.DataFrame, certainty: Mapping[str, Any]) -> WithInterval:
    """A share of utterances, with an interval over speakers."""
    if not len(same):
        return WithInterval(value=None, undefined="no utterance in common")
    claimed = utterances.drop("emotion").with_columns(emotion=pl.lit(_SAME))
    observed = utterances.select(
        "utterance_id", emotion=pl.Series([_SAME if each else _OTHER for each in same])
    )
    found = score(
        observed,
        claimed,
        label_space=_AGREEMENT,
        permutations=1,
        **certainty,
    )
    return scores_of(found.estimates)["accuracy"]
