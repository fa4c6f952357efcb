"""Systems against all votes: annotator-aware scores, sets of labels, distributions, calibration.

A single label hides that people differ. Here an answer is held against everything that
listeners said:

credited
    An answer that any listener gave is right: the reference becomes the answer. Else the
    reference is the crowd's label, under a named policy where there is none. Then ordinary
    macro-F1 and accuracy. The published paper does not say how F1 a class is formed, so
    this reading is a reconstruction [recon]. The references depend on the answers, so
    supports differ between systems.
multilabel
    The reference is the set of all labels that any listener gave, the answer a set of one
    [recon].
sets of labels
    Labels above a threshold, in the votes and in the probabilities (or the set that a
    system gave; an answer without probabilities is a set of one) [code: Chou's thesis].
distributions, calibration
    Probabilities against the shares of the votes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from equivoice.evaluation.additive import Additive, Certainty, overall_rows, rows_of
from equivoice.evaluation.by_label import Settings, unparsed_count, without_answer
from equivoice.evaluation.gap_tests import scalar_measures
from equivoice.evaluation.matching import CONDITIONS, Items, Matched, check_shares, match, to_items
from equivoice.evaluation.reference_votes import NoConsensus, ReferenceVotes
from equivoice.evaluation.rows import Row
from equivoice.evaluation.scores import Part
from equivoice.evaluation.spread import with_parts
from equivoice.metrics import (
    THRESHOLDS,
    BoolArray,
    CodedStatistics,
    FloatArray,
    IntArray,
    Metric,
    chosen,
    classification_statistics,
    distribution_metrics,
    distribution_statistics,
    multilabel_metrics,
    multilabel_statistics,
    smoothed,
)
from equivoice.metrics.calibration import (
    binned_calibration_metrics,
    calibration_metrics,
    calibration_statistics,
)

__all__ = ["CREDITED", "MULTILABEL", "VoteScoring", "against_votes_rows", "credited_reference"]

CREDITED = "credited"
MULTILABEL = "multilabel"
"""The two readings of annotator-aware scores, as they stand in the column ``convention``."""

_NOBODY_SAID = "no label of the crowd, and an answer that nobody gave"
_NO_PROBABILITIES = "prediction without probabilities"
_ALL_OUTSIDE = "all probability outside the options"
_NO_LABEL_VOTED = "only votes for none of the labels"
_NO_SET = "prediction without a set of labels"
_BINNED = "interval: chance alone makes an error over bins larger than zero"
_READINGS = {
    CREDITED: {
        "macro_f1": "annotator_aware_macro_f1",
        "accuracy": "annotator_aware_accuracy",
    },
    MULTILABEL: {
        "multilabel_macro_f1": "any_vote_macro_f1",
        "multilabel_micro_f1": "any_vote_micro_f1",
    },
}


@dataclass(frozen=True)
class VoteScoring:
    """How answers are held against votes.

    Args:
        votes: the votes.
        smoothing: ε by which distributions of votes are smoothed before probabilities are
            held against them; sets and labels stay as they are.
        no_consensus: which label stands where there is no majority, in the reading ``credited``.
    """

    votes: ReferenceVotes
    smoothing: float = 0.0
    no_consensus: NoConsensus = "random"


@dataclass(frozen=True)
class _Family:
    """Statistics of some of a cell's items, with the metrics that finish them.

    Args:
        kept: positions of the items.
        statistics: of these items.
        metrics: by name.
        shared: what all rows state: reference, convention.
        left_out: why items are not among them.
        support: (n, K) or (n,) which classes the items' references are.
        binned: whether these are errors over bins, for everybody only and without interval.
        unparsed: what an answer without a label counts as; stated with their number.
    """

    kept: IntArray
    statistics: FloatArray | CodedStatistics
    metrics: Mapping[str, Metric]
    shared: Row
    left_out: Mapping[str, int]
    support: FloatArray | IntArray | None = None
    binned: bool = False
    unparsed: str | None = None


def credited_reference(votes: IntArray, predicted: IntArray, consensus: IntArray) -> IntArray:
    """The reference of each answer in the reading ``credited``.

    Args:
        votes: (n, C) votes on the utterance of each answer.
        predicted: (n,) codes of the answers, negative where one has no label.
        consensus: (n,) the crowd's label, −1 where it has none.

    Returns:
        (n,) the answer where somebody gave it, else the crowd's label; −1 where both fail.

    Example:
        >>> votes = np.array([[3, 1, 0], [3, 1, 0], [2, 2, 0]])
        >>> credited_reference(votes, np.array([1, 2, 2]), np.array([0, 0, -1])).tolist()
        [1, 0, -1]
    """
    said = np.maximum(predicted, 0)
    given = (predicted >= 0) & (votes[np.arange(len(votes)), said] > 0)
    return np.where(given, predicted, consensus)


def against_votes_rows(
    predictions: pl.DataFrame, reference: pl.DataFrame, settings: Settings, how: VoteScoring
) -> Part:
    """Rows of every system under every condition against all votes.

    Args:
        predictions: a PREDICTIONS table.
        reference: an UTTERANCES table; labels are not needed.
        settings: how to score.
        how: the votes, and how they are used.

    Raises:
        InputError: no prediction is of an utterance with votes, or probabilities are not
            over the label space.
    """
    place = how.votes.places(reference.get_column("utterance_id"))
    voted = (place >= 0) & how.votes.voted[place]
    matched = match(
        predictions,
        reference,
        settings.labels,
        scored=pl.Series(voted),
        lacking="utterance without votes",
    )
    check_shares(matched.frame, settings.labels)
    frame = matched.frame.with_columns(pl.col("options").list.join("|").alias("label_order"))
    rows: list[Row] = []
    for key, cell in frame.group_by(CONDITIONS, maintain_order=True):
        shared = dict(zip(CONDITIONS, key, strict=True))
        rows += [shared | row for row in _cell_rows(cell, matched, settings, how)]
    return Part(rows, matched.left_out)


def _cell_rows(
    cell: pl.DataFrame, matched: Matched, settings: Settings, how: VoteScoring
) -> list[Row]:
    items = to_items(cell, settings.labels, settings.group_by)

    def made(positions: IntArray, left_out: Mapping[str, int], certain: Certainty) -> Iterator[Row]:
        part = _Cell(cell[positions], items.subset(positions), settings, how)

        def rows_of_family(family: _Family) -> list[Row]:
            return list(_family_rows(part.items, family, settings, left_out, certain))

        # families share nothing, and numpy works outside the interpreter's lock
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            yield from itertools.chain(*pool.map(rows_of_family, part.families()))

    def rows_at(positions: IntArray) -> Iterator[Row]:
        return made(positions, {}, settings.values_only)

    everything = np.arange(cell.height)
    pooled = list(made(everything, without_answer(matched, cell), settings.certainty))
    return with_parts(cell, pooled, rows_at, settings.rules, folds=False)


def _family_rows(
    items: Items,
    family: _Family,
    settings: Settings,
    left_out: Mapping[str, int],
    certain: Certainty,
) -> Iterator[Row]:
    kept = items.subset(family.kept)
    counts = {**left_out, **{why: n for why, n in family.left_out.items() if n}}

    def unparsed(marked: BoolArray) -> dict[str, int]:
        count = int((kept.predicted[marked] < 0).sum())
        return {family.unparsed: count} if family.unparsed and count else {}

    compared = {
        name: metric
        for name, metric in family.metrics.items()
        if not metric.per_class and not name.startswith("empty_")
    }
    made = Additive(
        family.statistics,
        family.metrics,
        kept.units,
        kept.unit,
        kept.groupings,
        settings.labels.names,
        family.support,
        counts,
        unparsed,
        compared=set(compared),
        measures=scalar_measures(compared),
    )
    if not len(made):
        return
    if not family.binned:
        for row in rows_of(made, certain):
            yield row | family.shared
        return
    for row in overall_rows(made, replace(certain, replicates=0)):
        why = row["undefined"] if row["value"] is None else _BINNED
        yield row | family.shared | {"undefined": why}


class _Cell:
    """The answers of one system under one condition, and the votes on their utterances."""

    def __init__(
        self, cell: pl.DataFrame, items: Items, settings: Settings, how: VoteScoring
    ) -> None:
        self.cell, self.items, self.settings, self.how = cell, items, settings, how
        self.place = how.votes.places(cell.get_column("utterance_id"))
        self.votes = how.votes.counts.counts[self.place]
        self.every = np.arange(cell.height)
        without = cell.select(pl.col("predicted", "emotions").is_null().all())
        self.sets_only = without.row(0) == (True, False)

    def families(self) -> Iterator[_Family]:
        """Whatever is defined for these answers."""
        if not self.settings.expected and not self.sets_only:
            yield self._credited()
            yield self._any_vote()
        yield from self._sets()
        yield from self._distributions()

    def _credited(self) -> _Family:
        policy = self.settings.rules.unparsed_in_scores
        seed = self.settings.certainty.seed
        consensus = self.how.votes.consensus(self.how.no_consensus, seed=seed)[self.place]
        reference = credited_reference(self.votes, self.items.predicted, consensus)
        kept = np.flatnonzero(reference >= 0)
        statistics = classification_statistics(
            reference[kept], self.items.predicted[kept], self.items.n_classes, unparsed=policy
        )
        lost = {_NOBODY_SAID: len(reference) - len(kept)}
        metrics = _renamed(self.settings.metrics[policy], CREDITED)
        shared = _shared(CREDITED, "votes")
        done = next(iter(unparsed_count(1, policy)))
        return _Family(kept, statistics, metrics, shared, lost, reference[kept], unparsed=done)

    def _any_vote(self) -> _Family:
        given = self.votes > 0
        known = self._multilabel()
        statistics = multilabel_statistics(given, self._single_labels())
        shared = _shared(MULTILABEL, "votes")
        metrics = _renamed(known, MULTILABEL)
        support = given.astype(np.float64)
        done = "unparsed (an empty set)"
        return _Family(self.every, statistics, metrics, shared, {}, support, unparsed=done)

    def _multilabel(self) -> Mapping[str, Metric]:
        return multilabel_metrics(zero_support=self.settings.rules.zero_support)

    def _single_labels(self) -> BoolArray:
        """(n, C) each answer as a set of one; an answer without a label is the empty set."""
        return np.asarray(self.items.predicted[:, np.newaxis] == np.arange(self.items.n_classes))

    def _sets(self) -> Iterator[_Family]:
        """Sets above each threshold."""
        shares = self.how.votes.shares[self.place]
        for name in THRESHOLDS:
            kept, predicted, lost = self._predicted_sets(name)
            held = chosen(shares[kept], name)
            yield _Family(
                kept,
                multilabel_statistics(held, predicted),
                self._multilabel(),
                _shared(self.settings.rules.name, f"votes > {name}"),
                lost,
                held.astype(np.float64),
            )

    def _predicted_sets(self, threshold: str) -> tuple[IntArray, BoolArray, Mapping[str, int]]:
        """Which items have a set, their sets, and why others have none."""
        emotions = self.cell.get_column("emotions")
        if emotions.null_count() < len(emotions):
            kept = np.flatnonzero(emotions.is_not_null().to_numpy())
            sets = [emotions[int(row)].to_list() for row in kept]
            return kept, self._coded(sets), {_NO_SET: len(emotions) - len(kept)}
        probable = self._probable()
        if probable is not None:
            kept, shares, _, lost = probable
            return kept, chosen(shares, threshold), lost
        return self.every, self._single_labels(), {}

    def _coded(self, sets: Sequence[Sequence[str]]) -> BoolArray:
        labels = self.settings.labels
        known = np.zeros((len(sets), len(labels.names)), dtype=bool)
        for row, names in enumerate(sets):
            for name in names:
                resolved = labels.resolve(name)
                known[row, labels.index(name if resolved is None else resolved)] = True
        return known

    def _probable(self) -> tuple[IntArray, FloatArray, FloatArray, Mapping[str, int]] | None:
        """Probabilities among the options, of the items that have any; ``None`` where none has.

        Returns:
            positions, (n, C) shares, (n,) mass outside, and why others have none.
        """
        given = self.cell.get_column("probabilities")
        have = np.flatnonzero(given.is_not_null().to_numpy())
        if not len(have):
            return None
        table = np.clip(np.array(given.drop_nulls().to_list(), dtype=np.float64), 0.0, 1.0)
        mass = table.sum(-1)
        inside = mass > 0
        lost = {
            _NO_PROBABILITIES: len(given) - len(have),
            _ALL_OUTSIDE: int((~inside).sum()),
        }
        shares = table[inside] / mass[inside, np.newaxis]
        outside = np.clip(1.0 - mass[inside], 0.0, 1.0)
        return have[inside], shares, outside, {why: n for why, n in lost.items() if n}

    def _distributions(self) -> Iterator[_Family]:
        probable = self._probable()
        if probable is None:
            return
        place, shares, outside, lost = probable
        # of the votes for labels: what is held against it sums to 1 over the labels
        human = self.how.votes.counts.shares()[self.place[place]]
        labelled = ~np.isnan(human).any(-1)
        lost = {**lost, _NO_LABEL_VOTED: int((~labelled).sum())}
        kept, human = place[labelled], human[labelled]
        shares, outside = shares[labelled], outside[labelled]
        rules = self.settings.rules.name
        target = smoothed(human, self.how.smoothing)
        yield _Family(
            kept,
            distribution_statistics(target, shares),
            distribution_metrics(),
            _shared(rules, "votes"),
            lost,
        )
        table = calibration_statistics(shares, human, outside)
        means = calibration_metrics()
        del means["outside"]  # of all predictions, and said where they are held against labels
        for metrics, binned in ((means, False), (binned_calibration_metrics(), True)):
            yield _Family(kept, table, metrics, _shared(rules, "votes"), lost, binned=binned)


def _renamed(metrics: Mapping[str, Metric], reading: str) -> dict[str, Metric]:
    return {name: replace(metrics[own], name=name) for own, name in _READINGS[reading].items()}


def _shared(convention: str, reference: str) -> Row:
    return {"convention": convention, "reference": reference}
