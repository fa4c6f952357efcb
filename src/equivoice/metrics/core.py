"""A metric is a sum and a finish.

Each item (a prediction and its reference) gives a vector of statistics that
*add up* over items; a finish turns the sums into the metric. Grouping,
resampling and permuting items then act on the sums alone, so every metric
gets groups, gaps and intervals without knowing of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoolArray", "CodedStatistics", "FloatArray", "IntArray", "Metric", "ratio"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Above / below, and NaN (undefined) where below is 0.

    Example:
        >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
        [0.5, nan]
    """
    result = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


@dataclass(frozen=True)
class CodedStatistics:
    """Statistics of items that fall into few distinct cells.

    Item ``i`` has the statistics ``table[codes[i]]``. Holding a code an item
    instead of a vector keeps a million items in eight megabytes.

    Args:
        codes: (n,) the cell of each item.
        table: (cells, S) the statistics of one item of each cell.
    """

    codes: IntArray
    table: FloatArray

    def counts(self, index: IntArray, size: int) -> FloatArray:
        """How many items of each cell stand under each index value.

        Args:
            index: (n,) where each item belongs, 0 to ``size`` − 1.
            size: how many index values there are.

        Returns:
            (size, cells) counts.
        """
        cells = len(self.table)
        flat = np.bincount(index * cells + self.codes, minlength=size * cells)
        return flat.reshape(size, cells).astype(np.float64)

    def sums(self, index: IntArray, size: int) -> FloatArray:
        """The sums of the statistics under each index value: (size, S)."""
        return self.counts(index, size) @ self.table


@dataclass(frozen=True)
class Metric:
    """A named function of summed statistics.

    Args:
        name: the standard name of the field.
        finish: from sums (..., S) to the metric (...), or (..., K) when per class;
            vectorised over the leading axes; NaN where the metric is undefined.
        low: smallest possible value.
        high: largest possible value.
        higher_is_better: the direction; ``None`` where there is none.
        undefined: why the metric can be undefined.
        per_class: whether finish gives a value a class.
    """

    name: str
    finish: Callable[[FloatArray], FloatArray]
    low: float
    high: float
    higher_is_better: bool | None
    undefined: str
    per_class: bool = False
