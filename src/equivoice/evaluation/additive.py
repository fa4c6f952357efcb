"""The one engine from statistics that add up to rows of estimates.

Everything that is scored goes this way: each item has a vector of statistics, metrics
are finishes of their sums (:mod:`equivoice.metrics.core`), speakers are resampled, and
groups are sums over some of the items. What differs from score to score is only what
the statistics are, and it is said by an :class:`Additive`.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from equivoice.evaluation.gap_tests import gap_tests, pair_tests, scalar_measures
from equivoice.evaluation.resampling import group_values
from equivoice.evaluation.rows import (
    Context,
    Row,
    confusion_rows,
    gap_rows,
    group_rows,
    pair_rows,
    score_rows,
    worst_group_rows,
)
from equivoice.evaluation.sums import rows_as_sums
from equivoice.fairness import Grouping, Measure
from equivoice.metrics import BoolArray, CodedStatistics, FloatArray, IntArray, Metric
from equivoice.uncertainty import ClusteredSums, Unit, clustered_sums

__all__ = ["Additive", "Certainty", "grouping_rows", "overall_rows", "rows_of"]


@dataclass(frozen=True)
class Certainty:
    """How intervals and tests are made.

    Args:
        replicates: of the bootstrap; 0 for values without intervals and tests.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.
    """

    replicates: int = 10_000
    permutations: int = 2_000
    level: float = 0.95
    seed: int = 0

    def of(self, grouping: Grouping) -> Certainty:
        """The same with a grouping's own seed.

        It is of its name, so that its numbers do not depend on what else is asked for.
        """
        return replace(self, seed=self.seed + zlib.crc32(grouping.name.encode()))


@dataclass(frozen=True)
class Additive:
    """Items whose statistics add up, and the metrics that finish their sums.

    Args:
        statistics: (n, S), or codes of few distinct vectors.
        metrics: by name.
        units: (n,) codes of what is resampled; ``None``: each item is a unit.
        unit: what the units are.
        groupings: the groups of the items, an entry a grouping.
        classes: the names of the classes, for metrics that have a value a class.
        reference: (n,) codes of the class of each item, or (n, K) how likely each is;
            ``None`` where the items have none. It says which classes a group lacks.
        left_out: counts that every row states.
        also_left_out: further counts, of the items that are marked.
        compared: the metrics with signed differences of groups; ``None`` for all.
        measures: the unsigned gaps.
        tests: which permutation tests are made: ``all``; ``gaps``: one of all groups of a
            grouping, none of each pair of several; ``none``.
        worst: whether the group with the lowest score is stated.
        table: of the items that are marked, how often each class was given each label,
            (K, K + 1); ``None`` where there is no such table.
    """

    statistics: FloatArray | CodedStatistics
    metrics: Mapping[str, Metric]
    units: IntArray | None
    unit: Unit
    groupings: tuple[Grouping, ...] = ()
    classes: Sequence[str] = ()
    reference: IntArray | FloatArray | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    also_left_out: Callable[[BoolArray], Mapping[str, int]] | None = None
    compared: Collection[str] | None = None
    measures: Sequence[Measure] = ()
    tests: Literal["all", "gaps", "none"] = "all"
    worst: bool = False
    table: Callable[[BoolArray], FloatArray] | None = None

    def __len__(self) -> int:
        if isinstance(self.statistics, CodedStatistics):
            return len(self.statistics.codes)
        return len(self.statistics)

    def subset(self, rows: IntArray) -> Additive:
        """These items only; groups keep their codes, and there is no table of them."""
        coded = self.statistics
        return replace(
            self,
            statistics=CodedStatistics(coded.codes[rows], coded.table)
            if isinstance(coded, CodedStatistics)
            else coded[rows],
            units=None if self.units is None else self.units[rows],
            groupings=tuple(grouping.subset(rows) for grouping in self.groupings),
            reference=None if self.reference is None else self.reference[rows],
            also_left_out=None,
            table=None,
        )

    def sums(self, groups: IntArray, n_groups: int) -> ClusteredSums:
        """The statistics summed by unit and group; group −1 leaves an item out."""
        if isinstance(self.statistics, CodedStatistics):
            return clustered_sums(self.statistics, groups, n_groups, self.units, unit=self.unit)
        return rows_as_sums(self.statistics, groups, n_groups, self.units, self.unit)


def rows_of(items: Additive, how: Certainty) -> Iterator[Row]:
    """Scores over everybody, then the rows of each grouping.

    Example:
        >>> mean = Metric("mean", lambda sums: sums[..., 1] / sums[..., 0], 0, 1, True, "no items")
        >>> halves = np.array([[1.0, 0.0], [1.0, 1.0]])
        >>> rows = rows_of(Additive(halves, {"mean": mean}, None, "utterance"), Certainty(0))
        >>> [(row["quantity"], row["metric"], row["value"], row["n"]) for row in rows]
        [('score', 'mean', 0.5, 2)]
    """
    yield from overall_rows(items, how)
    for grouping in items.groupings:
        yield from grouping_rows(items, grouping, how.of(grouping))


def overall_rows(items: Additive, how: Certainty) -> Iterator[Row]:
    """Scores over everybody, and the table where there is one."""
    everybody = np.zeros(len(items), dtype=np.int64)
    sample = items.sums(everybody, 1)
    values = group_values(sample, items.metrics, replicates=how.replicates, seed=how.seed)
    context = _context(items, everybody, 1, None, how.level)
    rows = [score_rows(values, context)]
    if items.table is not None:
        rows.append(confusion_rows(items.table(everybody == 0), context, None))
    for row in itertools.chain(*rows):
        yield row | {"unit": sample.unit}


def grouping_rows(items: Additive, grouping: Grouping, how: Certainty) -> Iterator[Row]:
    """Scores of each group, and what is asked for of their differences.

    Args:
        items: what is scored.
        grouping: one of its groupings, or another one of the same items.
        how: with the seed that is to be used.
    """
    size = len(grouping.groups)
    sample = items.sums(grouping.codes, size)
    values = group_values(sample, items.metrics, replicates=how.replicates, seed=how.seed)
    context = _context(items, grouping.codes, size, grouping, how.level)
    compared = {
        name: metric
        for name, metric in items.metrics.items()
        if items.compared is None or name in items.compared
    }
    by_pair, omnibus = _tests(sample, items, compared, how)
    rows = [
        group_rows(values, context),
        pair_rows(values, replace(context, metrics=compared), by_pair),
        gap_rows(values, context, items.measures, omnibus),
    ]
    if items.worst:
        rows.append(worst_group_rows(values, context))
    if items.table is not None:
        rows += [
            confusion_rows(items.table(grouping.codes == code), context, name)
            for code, name in enumerate(grouping.groups)
        ]
    for row in itertools.chain(*rows):
        yield row | {"unit": sample.unit}


def _tests(
    sample: ClusteredSums, items: Additive, compared: Mapping[str, Metric], how: Certainty
) -> tuple[dict[tuple[int, int], dict[str, float]], dict[str, float]]:
    """P values of the signed differences, by pair, and of the unsigned gaps."""
    if not how.replicates or items.tests == "none":
        return {}, {}
    draws = {"permutations": how.permutations, "seed": how.seed}
    if sample.n_groups != 2:
        by_pair = pair_tests(sample, compared, **draws) if items.tests == "all" else {}
        return by_pair, gap_tests(sample, items.metrics, items.measures, **draws)
    # the only pair is all groups, so one test serves both
    known = {measure.name for measure in items.measures}
    further = [each for each in scalar_measures(compared) if each.name not in known]
    found = gap_tests(sample, items.metrics, [*items.measures, *further], **draws)
    return {(0, 1): found}, found


def _context(
    items: Additive, groups: IntArray, size: int, grouping: Grouping | None, level: float
) -> Context:
    counts = np.bincount(groups[groups >= 0], minlength=size)
    missing = np.zeros((size + 1, 0), dtype=bool)
    if items.reference is not None:
        support = _support(items.reference, groups, size, len(items.classes))
        missing = np.concatenate([support, support.sum(0, keepdims=True)]) == 0
    left_out = dict(items.left_out)
    if grouping is not None and grouping.unknown:
        left_out["group unknown"] = grouping.unknown
    if items.also_left_out is not None:
        left_out |= items.also_left_out(groups >= 0)
    n = np.append(counts, counts.sum())
    return Context(items.metrics, items.classes, level, n, missing, grouping, left_out)


def _support(
    reference: IntArray | FloatArray, groups: IntArray, size: int, classes: int
) -> FloatArray:
    """How many references of each class stand in each group: (G, K)."""
    known = groups >= 0
    if reference.ndim == 1:
        cells = groups[known] * classes + reference[known].astype(np.int64)
        return np.bincount(cells, minlength=size * classes).reshape(size, classes).astype(float)
    columns = [
        np.bincount(groups[known], weights=column, minlength=size) for column in reference[known].T
    ]
    return np.stack(columns, axis=-1)
