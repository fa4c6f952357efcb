"""Metric values of groups and languages side by side, and the gaps that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equivoice.fairness import CLASS_AGGREGATORS, NAMED_MEASURES, gap_function
from equivoice.fairness.aggregators import ClassAggregator
from equivoice.metrics import FloatArray, IntArray, Metric, classification_metrics
from equivoice.studies.gender_gap.sums import Blocks
from equivoice.studies.published.gap_tables import ALL, GAPS

__all__ = ["AGGREGATORS", "MEASURES", "SCORES", "Columns", "Quantity", "quantities"]

SCORES = ("weighted_f1", "accuracy")
MEASURES = (*GAPS, "avg_gap")
AGGREGATORS: tuple[ClassAggregator, ...] = ("mean", "rms", "max")
"""How the gaps of several languages become one; scores are always their mean."""

_METRICS = NAMED_MEASURES["avg_gap"].metrics


@dataclass(frozen=True)
class Columns:
    """Where the values of each metric in each cell stand.

    Args:
        metrics: the metrics, by name.
        spans: by metric and cell, the columns of its classes (one for a scalar).
        cell_of: (C,) the cell of each column.
    """

    metrics: Mapping[str, Metric]
    spans: Mapping[tuple[str, int], IntArray]
    cell_of: IntArray

    @classmethod
    def of(cls, cells: int, classes: int) -> Columns:
        """The columns of so many cells, each over so many classes."""
        every = classification_metrics()
        metrics = {name: every[name] for name in _METRICS}
        spans: dict[tuple[str, int], IntArray] = {}
        cell_of: list[int] = []
        for name, metric in metrics.items():
            for cell in range(cells):
                width = classes if metric.per_class else 1
                spans[name, cell] = len(cell_of) + np.arange(width)
                cell_of += [cell] * width
        return cls(metrics, spans, np.array(cell_of))

    def values(self, blocks: Blocks, sums: FloatArray) -> FloatArray:
        """Sums (..., G · L · S) to values (..., G + 1, C), the last row of all groups together."""
        by_group = blocks.shaped(sums)
        whole = np.concatenate([by_group, by_group.sum(-3, keepdims=True)], axis=-3)
        parts = []
        for metric in self.metrics.values():
            found = metric.finish(whole)
            wide = found if metric.per_class else found[..., np.newaxis]
            parts.append(wide.reshape(*wide.shape[:-2], -1))
        return np.concatenate(parts, axis=-1)


@dataclass(frozen=True)
class Quantity:
    """One number of a table, as a function of values.

    Args:
        metric: its name: a score or a gap.
        cell: the language, or ``all``.
        aggregator: how the languages were combined; ``None`` within one language.
        columns: the columns it needs.
        widths: how many of them each metric in each cell has.
        of: from values (G + 1, columns, ...) to the number (...).
    """

    metric: str
    cell: str
    aggregator: str | None
    columns: IntArray
    widths: tuple[int, ...]
    of: Callable[[FloatArray], FloatArray]

    @property
    def is_gap(self) -> bool:
        """Whether it is a gap between groups, and not a score of everybody."""
        return self.metric in MEASURES

    def __call__(self, values: FloatArray) -> FloatArray:
        """The number from values (G + 1, C, ...) of all columns."""
        return self.of(values[:, self.columns])


def quantities(columns: Columns, cells: Sequence[str]) -> list[Quantity]:
    """Everything that the tables show, in their order: all languages first.

    With one cell there is nothing to combine, and only that cell is shown.
    """
    found = []
    if len(cells) > 1:
        everything = range(len(cells))
        found += [_score(columns, name, ALL, everything) for name in SCORES]
        found += [
            _gap(columns, name, ALL, everything, aggregator)
            for aggregator in AGGREGATORS
            for name in MEASURES
        ]
    for number, cell in enumerate(cells):
        found += [_score(columns, name, cell, [number]) for name in SCORES]
        found += [_gap(columns, name, cell, [number], None) for name in MEASURES]
    return found


def _score(columns: Columns, metric: str, cell: str, cells: Sequence[int]) -> Quantity:
    """The mean over cells of a score of all groups together."""
    places = np.concatenate([columns.spans[metric, cell] for cell in cells])

    def of(values: FloatArray) -> FloatArray:
        return np.asarray(values[-1].mean(0))

    aggregator = "mean" if len(cells) > 1 else None
    return Quantity(metric, cell, aggregator, places, (1,) * len(cells), of)


def _gap(
    columns: Columns,
    measure: str,
    name: str,
    cells: Sequence[int],
    aggregator: ClassAggregator | None,
) -> Quantity:
    """The mean over the measure's metrics of their gaps, combined over cells.

    Within a cell a gap is the mean over classes of the gaps between groups.
    """
    metrics = NAMED_MEASURES[measure].metrics
    spans = [columns.spans[metric, cell] for metric in metrics for cell in cells]
    widths = tuple(len(span) for span in spans)
    gaps = [gap_function((width,), "mean", "mean") for width in widths]
    ends = np.cumsum(widths)[:-1]
    over_cells = CLASS_AGGREGATORS[aggregator or "mean"]

    def of(values: FloatArray) -> FloatArray:
        parts = np.split(values, ends, axis=1)
        single = np.stack([gap(part) for gap, part in zip(gaps, parts, strict=True)])
        by_metric = single.reshape(len(metrics), len(cells), *single.shape[1:])
        combined = [over_cells(one) for one in by_metric]
        return np.asarray(np.mean(combined, axis=0))

    return Quantity(measure, name, aggregator, np.concatenate(spans), widths, of)
