"""Scores of single labels: one system against one reference label an utterance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import polars as pl

from equivoice.annotators import STRATA
from equivoice.evaluation.additive import Additive, Certainty, grouping_rows, overall_rows
from equivoice.evaluation.gap_tests import all_measures, all_metrics
from equivoice.evaluation.matching import CONDITIONS, Items, Matched, to_items
from equivoice.evaluation.rows import Row
from equivoice.evaluation.spread import with_parts
from equivoice.evaluation.sums import items_statistics, items_table
from equivoice.fairness import Convention, Grouping
from equivoice.metrics import BoolArray, IntArray, Metric, Unparsed
from equivoice.records import LabelSpace

__all__ = [
    "STRATA_GROUPING",
    "Settings",
    "label_rows",
    "strata_grouping",
    "unparsed_count",
    "without_answer",
]

STRATA_GROUPING = "agreement"
"""The grouping of utterances by how far listeners agree."""


@dataclass(frozen=True)
class Settings:
    """How to score; the arguments of :func:`~equivoice.evaluation.score`, resolved.

    Args:
        labels: the declared labels.
        group_by: groupings.
        rules: how answers become numbers.
        certainty: how intervals and tests are made.
        expected: whether answers are spread over labels by their probabilities.
    """

    labels: LabelSpace
    group_by: tuple[str, ...]
    rules: Convention
    certainty: Certainty
    expected: bool = False

    @property
    def values_only(self) -> Certainty:
        """For parts of the items: no intervals, no tests."""
        return replace(self.certainty, replicates=0)

    @cached_property
    def metrics(self) -> Mapping[Unparsed, Mapping[str, Metric]]:
        """The classification metrics under each policy for answers without a label."""
        policies = (self.rules.unparsed_in_scores, self.rules.unparsed_in_gaps)
        return {policy: all_metrics(policy, self.rules) for policy in policies}


def label_rows(
    matched: Matched,
    settings: Settings,
    reference: str,
    *,
    strata: Mapping[str, str | None] | None = None,
) -> list[Row]:
    """All rows of every system under every condition: pooled, then fold by fold.

    Args:
        matched: predictions with their references.
        settings: how to score.
        reference: what the reference labels are, one of ``records.REFERENCES``.
        strata: from utterances to how far listeners agree on them; adds scores by that.
    """
    frame = matched.frame.with_columns(pl.col("options").list.join("|").alias("label_order"))
    rows: list[Row] = []
    for key, cell in frame.group_by(CONDITIONS, maintain_order=True):
        shared = dict(zip(CONDITIONS, key, strict=True))
        shared |= {"convention": settings.rules.name, "reference": reference}
        rows += [shared | row for row in _cell_rows(cell, matched, settings, strata)]
    return rows


def without_answer(matched: Matched, cell: pl.DataFrame) -> dict[str, int]:
    """What is left out of a cell: what the match left out, and utterances without prediction."""
    asked = matched.utterances[cell.get_column("corpus")[0]]
    unanswered = asked - cell.get_column("utterance_id").n_unique()
    lost = {"utterance without prediction": unanswered} if unanswered else {}
    return {**matched.left_out_of(cell), **lost}


def strata_grouping(frame: pl.DataFrame, strata: Mapping[str, str | None]) -> Grouping:
    """Rows by how far listeners agree on their utterance.

    Args:
        frame: rows with ``utterance_id``.
        strata: from utterances to one of :data:`~equivoice.annotators.STRATA`.

    Example:
        >>> rows = pl.DataFrame({"utterance_id": ["a", "b", "c"]})
        >>> strata_grouping(rows, {"a": "a tie", "b": "all agree", "c": None}).codes.tolist()
        [1, 0, -1]
    """
    given = [strata.get(name) for name in frame.get_column("utterance_id")]
    names = tuple(name for name in STRATA if name in set(given))
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([-1 if name is None else place[name] for name in given], dtype=np.int64)
    return Grouping(STRATA_GROUPING, names, codes, int((codes < 0).sum()))


def _cell_rows(
    cell: pl.DataFrame,
    matched: Matched,
    settings: Settings,
    strata: Mapping[str, str | None] | None,
) -> list[Row]:
    items = to_items(cell, settings.labels, settings.group_by, expected=settings.expected)
    left_out = without_answer(matched, cell)

    def rows_of(positions: IntArray) -> Iterator[Row]:
        return _item_rows(items.subset(positions), {}, settings, settings.values_only)

    pooled = list(_item_rows(items, left_out, settings, settings.certainty))
    if strata is not None:
        pooled += _strata_rows(items, cell, left_out, settings, strata)
    return with_parts(cell, pooled, rows_of, settings.rules, folds=True)


def _item_rows(
    items: Items, left_out: Mapping[str, int], settings: Settings, how: Certainty
) -> Iterator[Row]:
    """The rows of one set of items: scores over everybody, then grouping by grouping."""
    rules = settings.rules
    scored = _additive(items, left_out, settings, rules.unparsed_in_scores)
    grouped = scored
    if rules.unparsed_in_gaps != rules.unparsed_in_scores:
        grouped = _additive(items, left_out, settings, rules.unparsed_in_gaps)
    yield from overall_rows(scored, how)
    for grouping in items.groupings:
        yield from grouping_rows(grouped, grouping, how.of(grouping))


def _strata_rows(
    items: Items,
    cell: pl.DataFrame,
    left_out: Mapping[str, int],
    settings: Settings,
    strata: Mapping[str, str | None],
) -> Iterator[Row]:
    """Scores where listeners agree more and less; no differences, since it is no group of people."""
    scored = _additive(items, left_out, settings, settings.rules.unparsed_in_scores)
    plain = {name: metric for name, metric in scored.metrics.items() if not metric.per_class}
    scored = replace(scored, metrics=plain, compared=(), measures=(), worst=False, table=None)
    grouping = strata_grouping(cell, strata)
    return grouping_rows(scored, grouping, settings.certainty.of(grouping))


def _additive(
    items: Items, left_out: Mapping[str, int], settings: Settings, policy: Unparsed
) -> Additive:
    metrics = settings.metrics[policy]

    def unparsed(marked: BoolArray) -> dict[str, int]:
        return unparsed_count(int(np.rint(items_table(items, marked)[:, -1].sum())), policy)

    return Additive(
        items_statistics(items, policy),
        metrics,
        items.units,
        items.unit,
        items.groupings,
        settings.labels.names,
        items.reference,
        left_out,
        unparsed,
        measures=all_measures(metrics, settings.rules),
        worst=True,
        table=partial(items_table, items),
    )


def unparsed_count(count: int, policy: Unparsed) -> dict[str, int]:
    """What is said of answers without a label.

    Example:
        >>> unparsed_count(2, "drop")
        {'unparsed (dropped)': 2}
    """
    done = {"wrong": "counted as wrong", "drop": "dropped", "extra_class": "a class of their own"}
    return {f"unparsed ({done[policy]})": count} if count else {}
