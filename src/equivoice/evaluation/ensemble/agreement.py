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

_WORDS = ("the same answer", "another answer")
_AGREEMENT = LabelSpace("agreement", tuple(Label(word) for word in _WORDS))


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
    places = list(itertools.combinations(range(len(ballots.members)), 2))
    shares = _agreed(ballots, places, utterances, certainty)
    found = []
    for place, (one, two) in enumerate(places):
        both = ballots.present[:, one] & ballots.present[:, two]
        first, second = hits[both, one], hits[both, two]
        names = ballots.members[one], ballots.members[two]
        found.append(
            PairOfMembers(
                first=names[0],
                second=names[1],
                n=int(both.sum()),
                agree=shares[place],
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


def _agreed(
    ballots: Ballots,
    places: Sequence[tuple[int, int]],
    utterances: pl.DataFrame,
    certainty: Mapping[str, Any],
) -> list[WithInterval]:
    """How often each pair says the same, with an interval over speakers."""
    ids = np.array(ballots.utterance_ids, dtype=object)
    tables = []
    for number, (one, two) in enumerate(places):
        both = ballots.present[:, one] & ballots.present[:, two]
        same = ballots.choices[both, one] == ballots.choices[both, two]
        said = {"utterance_id": ids[both].tolist(), "emotion": np.where(same, *_WORDS).tolist()}
        types = {"utterance_id": pl.String, "emotion": pl.String}
        tables.append(pl.DataFrame(said, schema=types).with_columns(system=pl.lit(str(number))))
    together = pl.concat(tables)
    rows = {}
    if not together.is_empty():
        claimed = utterances.with_columns(emotion=pl.lit(_WORDS[0]))
        made = score(together, claimed, label_space=_AGREEMENT, permutations=1, **certainty)
        rows = made.estimates.partition_by("system", as_dict=True)
    nothing = WithInterval(value=None, undefined="no utterance in common")
    keys = ((str(number),) for number in range(len(places)))
    return [scores_of(rows[key])["accuracy"] if key in rows else nothing for key in keys]
