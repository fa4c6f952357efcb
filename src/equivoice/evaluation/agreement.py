"""How far listeners agree, by group of speakers, and what each rule keeps of their votes.

Intervals are over speakers: what other speakers would give with the same crowd. They do
not contain the sampling of raters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import polars as pl

from equivoice.annotators import (
    OtherVotes,
    Ratings,
    agreement_metrics,
    agreement_statistics,
    agreement_system,
    cohen_kappa,
    cohen_metrics,
    cohen_statistics,
)
from equivoice.annotators.cohen import MOST_PAIRS
from equivoice.annotators.counts import Repeated, Unknown
from equivoice.annotators.others import answers
from equivoice.evaluation.additive import Certainty, rows_of
from equivoice.evaluation.answers import as_estimates
from equivoice.evaluation.crowds import Crowd, crowd_items, plain_row, read_crowds
from equivoice.evaluation.kept import kept_rows
from equivoice.evaluation.rows import Row
from equivoice.fairness import Grouping
from equivoice.metrics import IntArray
from equivoice.records import LabelSpace

__all__ = ["agreement_estimates"]

_VOTES = "votes"
_UNRATED = "utterance without vote"
_ALONE = "utterance with one vote (it says nothing of agreement)"


def agreement_estimates(
    votes: pl.DataFrame,
    utterances: pl.DataFrame,
    labels: LabelSpace,
    *,
    group_by: Sequence[str] = (),
    other: OtherVotes = "leave_out",
    channel: str | None = None,
    unknown: Unknown = "error",
    repeated: Repeated = "error",
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Agreement of the listeners of each corpus and channel, and what each rule keeps.

    Rows of agreement have the system ``listeners (voice)`` and the reference ``votes``.
    Rows of the metric ``kept`` have the rule as their reference; ``n`` is how many
    utterances the rule was asked about, and ``left_out`` why it drops the others, row by
    row. Their class is the given label of an utterance, or its plurality where it has
    none. Where there are several channels their system is that of the agreement, else
    null: a rule is nobody's answer.

    Args:
        votes: a VOTES table.
        utterances: an UTTERANCES table; the rules are asked about all of a corpus that
            has any vote.
        labels: the labels that votes are for.
        group_by: groupings, as for :func:`~equivoice.evaluation.score`.
        other: votes for none of the labels are left out, or are one more answer.
        unknown: what an answer that is no label does, as in
            :func:`~equivoice.annotators.read_votes`.
        repeated: and what a further vote of one rater on one utterance does.
        channel: only this channel; ``None`` for all of them.
        replicates: bootstrap replicates; 0 for values without intervals and tests.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.

    Returns:
        An ESTIMATES table with the quantities score, group_score, pair_gap and gap;
        empty where no utterance has a vote.

    Raises:
        VotesError: votes that cannot be counted, or no votes in the channel.

    Example:
        >>> from equivoice.records import Label
        >>> votes = pl.DataFrame({"item": ["a", "a", "b"], "question": ["emotion"] * 3,
        ...                       "value": ["sad", "angry", "angry"], "count": [2, 1, 3]})
        >>> found = agreement_estimates(
        ...     votes, pl.DataFrame({"utterance_id": ["a", "b"]}),
        ...     LabelSpace("demo", (Label("angry"), Label("sad"))), replicates=0)
        >>> row = found.row(by_predicate=pl.col("metric") == "krippendorff_alpha", named=True)
        >>> row["system"], round(row["value"], 3), row["n"]
        ('listeners', 0.375, 2)
    """
    how = Certainty(replicates, permutations, level, seed)
    crowds = read_crowds(
        votes, utterances, labels, channel=channel, unknown=unknown, repeated=repeated
    )
    parts = [
        partial(part, crowd, crowd.groupings(group_by), other, how)
        for crowd in crowds
        for part in (_agreement_rows, _cohen_rows, kept_rows)
    ]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        rows = [row for made in pool.map(_listed, parts) for row in made]
    return as_estimates(rows)


def _listed(part: Callable[[], Iterable[Row]]) -> list[Row]:
    return list(part())


def _agreement_rows(
    crowd: Crowd, groupings: Sequence[Grouping], other: OtherVotes, how: Certainty
) -> Iterator[Row]:
    """Alpha, kappa, entropy, top share, and shares of the votes."""
    counts = crowd.counts()
    number = answers(counts, other).sum(-1)
    rows = np.flatnonzero(number)
    if not len(rows):
        return
    statistics = agreement_statistics(counts.subset(rows), other=other)
    metrics = agreement_metrics(counts.labels)
    whole = statistics.sum(0)
    undefined = {name for name, each in metrics.items() if np.isnan(each.finish(whole)).all()}
    left_out = {_UNRATED: len(number) - len(rows), _ALONE: int((number == 1).sum())}
    items = crowd_items(
        crowd,
        groupings,
        rows,
        statistics,
        metrics,
        compared=metrics.keys() - undefined,
        left_out=_counted(crowd.left_out, left_out),
    )
    for row in rows_of(items, how):
        yield row | _stated(crowd)


def _cohen_rows(
    crowd: Crowd, groupings: Sequence[Grouping], other: OtherVotes, how: Certainty
) -> Iterator[Row]:
    """Cohen's kappa over pairs of raters who have names, or the reason why there is none."""
    found = cohen_kappa(crowd.ratings, other=other)
    pairs = [pair for pair in found.pairs if pair.undefined is None]
    left_out = _counted(crowd.left_out, found.left_out)
    rows = _met(crowd.ratings)
    if 0 < len(pairs) <= MOST_PAIRS:
        items = crowd_items(
            crowd,
            groupings,
            rows,
            cohen_statistics(crowd.ratings, pairs, other=other)[rows],
            cohen_metrics(pairs, crowd.ratings.labels),
            compared={"cohen_kappa"},
            left_out=left_out,
        )
        for row in rows_of(items, how):
            yield row | _stated(crowd)
        return
    why = found.undefined or f"interval: there are more than {MOST_PAIRS} pairs of raters"
    value = None if found.undefined else found.mean
    row = plain_row("cohen_kappa", value, n=len(rows), why=why, left_out=left_out, how=how)
    yield row | _stated(crowd)


def _stated(crowd: Crowd) -> Row:
    """What all rows of agreement state."""
    system = agreement_system(crowd.channel)
    return {"corpus": crowd.corpus, "system": system, "reference": _VOTES}


def _met(ratings: Ratings) -> IntArray:
    """The utterances that two named raters rated."""
    named = np.bincount(ratings.item[ratings.rater >= 0], minlength=len(ratings.items))
    return np.flatnonzero(named > 1)


def _counted(*parts: Mapping[str, int]) -> dict[str, int]:
    return {why: n for part in parts for why, n in part.items() if n}
