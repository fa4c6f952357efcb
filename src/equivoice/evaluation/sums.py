"""Scored items as sums: confusion tables, and statistics by speaker and group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equivoice.evaluation.matching import Items
from equivoice.metrics import (
    CodedStatistics,
    FloatArray,
    IntArray,
    Unparsed,
    classification_statistics,
    confusion_table,
)
from equivoice.uncertainty import ClusteredSums, Unit, clustered_sums

__all__ = ["items_statistics", "items_table", "rows_as_sums"]


def items_table(items: Items, rows: NDArray[np.bool_] | None = None) -> FloatArray:
    """How often each class was given each label, or how often that is expected: (K, K + 1).

    Args:
        items: what is scored.
        rows: (n,) which items count; ``None`` for all.
    """
    kept = slice(None) if rows is None else rows
    reference = items.reference[kept]
    if items.shares is None:
        counts = confusion_table(reference, items.predicted[kept], items.n_classes)
        return counts.astype(np.float64)
    return _summed(items.shares[kept], reference, items.n_classes)


def items_statistics(items: Items, unparsed: Unparsed) -> CodedStatistics | FloatArray:
    """The statistics of the classification metrics: codes, or (n, S) where answers are shares.

    Args:
        items: what is scored.
        unparsed: what an answer without a label counts as.
    """
    k = items.n_classes
    if items.shares is None:
        return classification_statistics(items.reference, items.predicted, k, unparsed=unparsed)
    # an item is a mixture of answers, so its statistics are the mixture of theirs
    of_answers = classification_statistics(
        np.zeros(0, np.int64), np.zeros(0, np.int64), k, unparsed=unparsed
    ).table.reshape(k, k + 1, -1)
    mixed: FloatArray = np.einsum("np,nps->ns", items.shares, of_answers[items.reference])
    return mixed


def rows_as_sums(
    rows: FloatArray, groups: IntArray, n_groups: int, units: IntArray | None, unit: Unit
) -> ClusteredSums:
    """Statistics that differ from item to item, summed by unit and group.

    Args:
        rows: (n, S) statistics.
        groups: (n,) the group of each item; −1 leaves the item out.
        n_groups: G.
        units: (n,) the unit of each item, or ``None``: then each item is one.
        unit: what the units are.
    """
    if units is None:
        every = CodedStatistics(np.arange(len(rows)), rows)
        return clustered_sums(every, groups, n_groups, None, unit=unit)
    # summed beforehand, so that a million items do not become a table of a million cells
    known = groups >= 0
    places, pair = np.unique(units[known] * n_groups + groups[known], return_inverse=True)
    table = _summed(rows[known], pair, len(places))
    unit_of, group = np.divmod(places, n_groups)
    summed = CodedStatistics(np.arange(len(places)), table)
    return clustered_sums(summed, group, n_groups, unit_of, unit=unit)


def _summed(rows: FloatArray, index: IntArray, size: int) -> FloatArray:
    """Rows summed under their index: (size, columns)."""
    columns = [np.bincount(index, weights=column, minlength=size) for column in rows.T]
    return np.stack(columns, axis=-1)
