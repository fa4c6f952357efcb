"""What each rule keeps of the utterances that people rated, by class and by group of speakers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equivoice.annotators import (
    REASONS,
    RULES,
    Aggregation,
    OtherVotes,
    VoteCounts,
    aggregate,
    agreement_system,
    winners,
)
from equivoice.evaluation.additive import Certainty, rows_of
from equivoice.evaluation.crowds import Crowd, counts_text, crowd_items, given_codes, plain_row
from equivoice.evaluation.rows import MINUS, Row
from equivoice.fairness import Grouping
from equivoice.metrics import BoolArray, FloatArray, IntArray, Metric, ratio

__all__ = ["KEPT", "kept_rows"]

KEPT = "kept"
"""The share of utterances to which a rule gives a label, or a target."""

_BY_CLASS = "/class"
_NO_NAMES = "raters have no names: only counts are known"


def kept_rows(
    crowd: Crowd, groupings: Sequence[Grouping], other: OtherVotes, how: Certainty
) -> Iterator[Row]:
    """The share of utterances that each rule keeps.

    Args:
        crowd: the votes.
        groupings: of all its utterances.
        other: what votes for none of the labels do.
        how: how intervals and tests are made.
    """
    found = _Kept.of(crowd, groupings, other)
    system = agreement_system(crowd.channel) if crowd.several else None
    shared = {"corpus": crowd.corpus, "system": system}
    items = np.arange(len(crowd.utterances))
    metrics = _kept_metrics(tuple(found.rules), len(crowd.ratings.labels))
    additive = crowd_items(
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
            row = plain_row(KEPT, None, n=len(items), why=_NO_NAMES, left_out={}, how=how)
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
            "left_out": counts_text(dropped),
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
