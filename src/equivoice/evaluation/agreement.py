"""How far listeners agree, by group of speakers, and what each rule keeps of their votes.

Intervals are over speakers: what other speakers would give with the same crowd. They do
not contain the sampling of raters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from equivoice.annotators import (
    REASONS,
    RULES,
    Aggregation,
    OtherVotes,
    Ratings,
    VoteCounts,
    aggregate,
    agreement_metrics,
    agreement_statistics,
    agreement_system,
    cohen_kappa,
    cohen_metrics,
    cohen_statistics,
    winners,
)
from equivoice.annotators.cohen import MOST_PAIRS
from equivoice.annotators.others import answers
from equivoice.evaluation.additive import Additive, Certainty, rows_of
from equivoice.evaluation.answers import as_estimates
from equivoice.evaluation.crowds import Crowd, given_codes, read_crowds, rows_of_grouping
from equivoice.evaluation.gap_tests import scalar_measures
from equivoice.evaluation.rows import MINUS, Row
from equivoice.fairness import Grouping
from equivoice.metrics import BoolArray, FloatArray, IntArray, Metric, ratio
from equivoice.records import LabelSpace

__all__ = ["KEPT", "agreement_estimates"]

KEPT = "kept"
"""The share of utterances to which a rule gives a label, or a target."""

_VOTES = "votes"
_UNRATED = "utterance without vote"
_ALONE = "utterance with one vote (it says nothing of agreement)"
_BY_CLASS = "/class"
_NO_NAMES = "raters have no names: only counts are known"


def agreement_estimates(
    votes: pl.DataFrame,
    utterances: pl.DataFrame,
    labels: LabelSpace,
    *,
    group_by: Sequence[str] = (),
    other: OtherVotes = "leave_out",
    channel: str | None = None,
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
    rows: list[Row] = []
    for crowd in read_crowds(votes, utterances, labels, channel=channel):
        groupings = crowd.groupings(group_by)
        shared = {"corpus": crowd.corpus, "system": agreement_system(crowd.channel)}
        shared["reference"] = _VOTES
        rows += [row | shared for row in _agreement(crowd, groupings, other, how)]
        rows += [row | shared for row in _cohen(crowd, groupings, other, how)]
        rows += _kept(crowd, groupings, other, how)
    return as_estimates(rows)


def _agreement(
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
    yield from rows_of(
        _additive(
            crowd,
            groupings,
            rows,
            statistics,
            metrics,
            compared=metrics.keys() - undefined,
            left_out=_counted(crowd.left_out, left_out),
        ),
        how,
    )


def _cohen(
    crowd: Crowd, groupings: Sequence[Grouping], other: OtherVotes, how: Certainty
) -> Iterator[Row]:
    """Cohen's kappa over pairs of raters who have names, or the reason why there is none."""
    found = cohen_kappa(crowd.ratings, other=other)
    pairs = [pair for pair in found.pairs if pair.undefined is None]
    left_out = _counted(crowd.left_out, found.left_out)
    rows = _met(crowd.ratings)
    if 0 < len(pairs) <= MOST_PAIRS:
        yield from rows_of(
            _additive(
                crowd,
                groupings,
                rows,
                cohen_statistics(crowd.ratings, pairs, other=other)[rows],
                cohen_metrics(pairs, crowd.ratings.labels),
                compared={"cohen_kappa"},
                left_out=left_out,
            ),
            how,
        )
        return
    why = found.undefined or f"interval: there are more than {MOST_PAIRS} pairs of raters"
    value = None if found.undefined else found.mean
    yield _plain_row("cohen_kappa", value, len(rows), why, left_out, how)


def _met(ratings: Ratings) -> IntArray:
    """The utterances that two named raters rated."""
    named = np.bincount(ratings.item[ratings.rater >= 0], minlength=len(ratings.items))
    return np.flatnonzero(named > 1)


def _additive(
    crowd: Crowd,
    groupings: Sequence[Grouping],
    rows: IntArray,
    statistics: FloatArray,
    metrics: Mapping[str, Metric],
    *,
    compared: set[str],
    left_out: Mapping[str, int],
) -> Additive:
    units, unit = crowd.units()
    tested = {name: metric for name, metric in metrics.items() if name in compared}
    return Additive(
        statistics,
        metrics,
        None if units is None else units[rows],
        unit,
        tuple(rows_of_grouping(grouping, rows) for grouping in groupings),
        crowd.ratings.labels,
        left_out=left_out,
        compared=compared,
        measures=scalar_measures(tested),
    )


# --- what the rules keep ------------------------------------------------------------------


def _kept(
    crowd: Crowd, groupings: Sequence[Grouping], other: OtherVotes, how: Certainty
) -> Iterator[Row]:
    """The share of utterances that each rule keeps."""
    found = _Kept.of(crowd, groupings, other)
    system = agreement_system(crowd.channel) if crowd.several else None
    shared = {"corpus": crowd.corpus, "system": system}
    items = np.arange(len(crowd.utterances))
    metrics = _kept_metrics(tuple(found.rules), len(crowd.ratings.labels))
    additive = _additive(
        crowd,
        groupings,
        items,
        found.statistics(),
        metrics,
        compared=found.compared(),
        left_out={},
    )
    for row in rows_of(additive, how):
        yield row | found.of_row(row) | shared
    for rule in RULES:
        if rule not in found.rules:
            row = _plain_row(KEPT, None, len(items), _NO_NAMES, {}, how)
            yield row | {"reference": rule} | shared


@dataclass(frozen=True)
class _Kept:
    """What each rule does with each utterance.

    Args:
        rules: by name.
        classes: (n,) the given label, or the plurality; −1 where there is neither.
        labels: the classes.
        members: (n,) who is meant, by grouping and by what a row says of groups.
    """

    rules: Mapping[str, Aggregation]
    classes: IntArray
    labels: tuple[str, ...]
    members: Mapping[tuple[str | None, str | None], BoolArray]

    @classmethod
    def of(cls, crowd: Crowd, groupings: Sequence[Grouping], other: OtherVotes) -> _Kept:
        ratings, counts = crowd.ratings, crowd.counts()
        named = bool((ratings.rater >= 0).all())
        rules = {
            rule: aggregate(ratings, rule, other=other)
            for rule in RULES
            if named or rule != "dawid_skene"
        }
        members: dict[tuple[str | None, str | None], BoolArray] = {}
        members[None, None] = np.ones(len(counts.items), dtype=np.bool_)
        for grouping in groupings:
            members |= _members(grouping)
        return cls(rules, _classes(crowd, counts, other), counts.labels, members)

    def statistics(self) -> FloatArray:
        """1 and whether each rule keeps the utterance; the same class by class."""
        kept = np.stack([made.kept for made in self.rules.values()], axis=-1)
        plain = np.append(np.ones((len(kept), 1)), kept, axis=-1)
        own = np.eye(len(self.labels) + 1)[self.classes][:, :-1]
        by_class = plain[:, :, np.newaxis] * own[:, np.newaxis]
        flat = by_class.reshape(len(kept), -1)
        return np.concatenate([plain, flat], axis=-1)

    def compared(self) -> set[str]:
        """Rules that keep some and drop some; of the others there is no difference."""
        several = {
            rule for rule, made in self.rules.items() if 0 < made.kept.sum() < len(made.kept)
        }
        return several | {f"{rule}{_BY_CLASS}" for rule in several}

    def of_row(self, row: Row) -> Row:
        """Rule, class and group of a row, as how many utterances these are and what is dropped."""
        rule = row["metric"].removesuffix(_BY_CLASS)
        asked = self.members[row["group_by"], row.get("groups")]
        if row["class"] is not None:
            asked = asked & (self.classes == self.labels.index(row["class"]))
        made = self.rules[rule]
        many = np.bincount(made.reason[asked & ~made.kept], minlength=len(REASONS)).tolist()
        dropped = {reason: n for reason, n in zip(REASONS, many, strict=True) if n}
        return {
            "metric": KEPT,
            "reference": rule,
            "n": int(asked.sum()),
            "left_out": _json(dropped),
        }


def _members(grouping: Grouping) -> dict[tuple[str | None, str | None], BoolArray]:
    """Who stands in each group, in each pair of groups, and in any."""
    found: dict[tuple[str | None, str | None], BoolArray] = {}
    found[grouping.name, None] = grouping.codes >= 0
    for code, name in enumerate(grouping.groups):
        found[grouping.name, name] = grouping.codes == code
        for second, beside in enumerate(grouping.groups[code + 1 :], start=code + 1):
            both = np.isin(grouping.codes, (code, second))
            found[grouping.name, f"{name}{MINUS}{beside}"] = both
    return found


def _classes(crowd: Crowd, counts: VoteCounts, other: OtherVotes) -> IntArray:
    """(n,) the given label, or the plurality of the votes; −1 where there is neither."""
    elected = winners(counts.counts, counts.other, "plurality", count_other=other == "count")
    known = given_codes(crowd)
    return np.where(known >= 0, known, elected)


def _kept_metrics(rules: Sequence[str], classes: int) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for number, rule in enumerate(rules, start=1):
        found[rule] = Metric(rule, _Share(number), 0.0, 1.0, None, "no utterances")
        name = f"{rule}{_BY_CLASS}"
        share = _Share(number, len(rules) + 1, classes)
        found[name] = Metric(name, share, 0.0, 1.0, None, "no utterance with this label", True)
    return found


class _Share:
    """Kept / asked about, of all or class by class, from sums of ``_Kept.statistics``."""

    def __init__(self, number: int, width: int = 0, classes: int = 0) -> None:
        self.number, self.width, self.classes = number, width, classes

    def __call__(self, sums: FloatArray) -> FloatArray:
        if not self.classes:
            return ratio(sums[..., self.number], sums[..., 0])
        start = self.width + self.number * self.classes
        asked = sums[..., self.width : self.width + self.classes]
        return ratio(sums[..., start : start + self.classes], asked)


def _counted(*parts: Mapping[str, int]) -> dict[str, int]:
    return {why: n for part in parts for why, n in part.items() if n}


def _json(counts: Mapping[str, int]) -> str | None:
    return json.dumps(dict(counts), ensure_ascii=False) if counts else None


def _plain_row(
    metric: str,
    value: float | None,
    n: int,
    why: str,
    left_out: Mapping[str, int],
    how: Certainty,
) -> dict[str, Any]:
    """A score over everybody that the engine does not make."""
    return {
        "quantity": "score",
        "metric": metric,
        "value": value,
        "n": n,
        "level": how.level,
        "left_out": _json(left_out),
        "undefined": why,
    }
