"""What each subset of the members scores when it votes: ABHINAYA's Table 4 for any members."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.evaluation.ensemble.agreement import scores_of
from equivoice.evaluation.ensemble.ballots import Ballots
from equivoice.evaluation.ensemble.ruling import Rules, labels_of, rule
from equivoice.evaluation.score import score
from equivoice.records import SubsetOfMembers

__all__ = ["MOST_MEMBERS", "subset_scores"]

MOST_MEMBERS = 10
"""With more members there are more than a thousand subsets."""


def subset_scores(
    ballots: Ballots,
    utterances: pl.DataFrame,
    *,
    method: str,
    rules: Rules,
    certainty: Mapping[str, Any],
) -> tuple[SubsetOfMembers, ...]:
    """Every subset of the members as an ensemble by one method, the largest first.

    A member alone is a subset too. The tie-breaker of a subset is whoever of it comes first
    in the order of preference, as ABHINAYA's combination without S2 takes ST1.

    Args:
        ballots: the votes.
        utterances: a row a row of the ballots.
        method: ``majority``, ``weighted`` or ``soft``.
        rules: tie rule, preference and weights.
        certainty: ``replicates``, ``level`` and ``seed`` of the intervals.
    """
    chosen = _subsets(ballots.members)
    tables, ties = [], []
    for number, members in enumerate(chosen):
        own = rules.of(members)
        ruling = rule(ballots.of(members), method, own)
        ties.append(int(ruling.tied.sum()))
        tables.append(
            pl.DataFrame(
                {"utterance_id": list(ballots.utterance_ids), "system": str(number)}
            ).with_columns(emotion=pl.Series(labels_of(ruling, ballots.labels), dtype=pl.String))
        )
    rows = score(
        pl.concat(tables), utterances, label_space=ballots.labels, permutations=1, **certainty
    ).estimates
    by_system = rows.partition_by("system", as_dict=True)
    return tuple(
        SubsetOfMembers(
            members=members,
            breaker=rules.of(members).preference[0],
            scores=scores_of(by_system[(str(number),)]),
            n=len(ballots.utterance_ids),
            ties=ties[number],
        )
        for number, members in enumerate(chosen)
    )


def _subsets(members: Sequence[str]) -> list[tuple[str, ...]]:
    sizes = range(len(members), 0, -1)
    return [chosen for size in sizes for chosen in itertools.combinations(members, size)]
