"""Spread over folds, runs and label orders: columns of their own, never one ±."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from equivoice.fairness import Convention
from equivoice.metrics import IntArray

__all__ = ["by_condition", "only_value", "with_parts", "with_spread"]

Row = dict[str, Any]

_IDENTITY = (
    "quantity",
    "metric",
    "convention",
    "reference",
    "group_aggregator",
    "class_aggregator",
    "group_by",
    "groups",
    "class",
    "predicted_class",
)
_COLUMNS = {"fold": "sd_folds", "run": "sd_runs", "label_order": "sd_orders"}
_NOWHERE = "undefined in every fold and run, which this convention averages"
_AVERAGED = "interval: this convention averages folds and runs; their spread is in sd_folds"


def with_parts(
    cell: pl.DataFrame,
    pooled: Sequence[Row],
    rows_of: Callable[[IntArray], Iterable[Row]],
    rules: Convention,
    *,
    folds: bool,
) -> list[Row]:
    """Rows over all items of a cell with their spread over folds, runs and label orders.

    Args:
        cell: the items, with ``fold``, ``run`` and ``label_order``.
        pooled: their rows.
        rows_of: makes the rows of the items at given positions.
        rules: the convention.
        folds: whether the rows of each fold follow.
    """
    conditions = cell.select("fold", "run", "label_order")
    parts = {name: by_condition(conditions, (name,), rows_of) for name in conditions.columns}
    averaged = rules.pooling == "folds"
    repetitions = by_condition(conditions, conditions.columns, rows_of) if averaged else {}
    shared = {"label_order": only_value(cell, "label_order")}
    whole = shared | {"fold": only_value(cell, "fold"), "run": only_value(cell, "run")}
    rows = [row | whole for row in with_spread(pooled, parts, repetitions, rules)]
    if folds:
        for (fold,), fold_rows in parts["fold"].items():
            rows += [row | shared | {"fold": fold, "run": whole["run"]} for row in fold_rows]
    return rows


def only_value(cell: pl.DataFrame, condition: str) -> str | None:
    """The value of a condition where it has one only, and "all" where it is pooled.

    Example:
        >>> only_value(pl.DataFrame({"run": [0, 1]}), "run")
        'all'
    """
    values = cell.get_column(condition).unique().to_list()
    if len(values) > 1:
        return "all"
    return None if values[0] is None else str(values[0])


def by_condition(
    conditions: pl.DataFrame,
    names: Sequence[str],
    rows_of: Callable[[IntArray], Iterable[Row]],
) -> dict[tuple[Any, ...], list[Row]]:
    """Rows for each value of a condition; none where there is only one value.

    Args:
        conditions: the conditions of n items.
        names: the columns that tell the parts apart.
        rows_of: makes the rows of the items at given positions.
    """
    parts = conditions.select(names).with_row_index("position").group_by(names, maintain_order=True)
    found = [(key, part.get_column("position").to_numpy().astype(np.int64)) for key, part in parts]
    if len(found) < 2:
        return {}
    return {key: list(rows_of(positions)) for key, positions in found}


def with_spread(
    pooled: Sequence[Row],
    parts: Mapping[str, Mapping[tuple[Any, ...], Sequence[Row]]],
    repetitions: Mapping[tuple[Any, ...], Sequence[Row]],
    rules: Convention,
) -> list[Row]:
    """Pooled rows with their spread, and under some conventions with the average instead.

    Args:
        pooled: rows over everything.
        parts: by condition (fold, run, label_order), the rows of each of its values.
        repetitions: the rows of each fold × run × label order, for conventions
            that average them.
        rules: the convention.
    """
    values = {name: _values(rows.values()) for name, rows in parts.items()}
    result = []
    for row in pooled:
        spread = {
            _COLUMNS[name]: _deviation(known.get(_identity(row), []))
            for name, known in values.items()
        }
        result.append(row | spread)
    if rules.pooling == "folds" and not repetitions:
        return _single_group_rule(result, rules)
    if rules.pooling == "folds":
        known = _values(_single_group_rule(rows, rules) for rows in repetitions.values())
        return [_averaged(row, known.get(_identity(row), [])) for row in result]
    return result


def _identity(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in _IDENTITY)


def _values(parts: Iterable[Sequence[Row]]) -> dict[tuple[Any, ...], list[float]]:
    """The defined values of each row over the parts; undefined parts are skipped."""
    values: dict[tuple[Any, ...], list[float]] = {}
    for rows in parts:
        for row in rows:
            if row["value"] is not None:
                values.setdefault(_identity(row), []).append(row["value"])
    return values


def _deviation(values: Sequence[float]) -> float | None:
    """Between values; none for one. ``statistics.stdev`` takes thirty times as long."""
    if len(values) < 2:
        return None
    if min(values) == max(values):
        return 0.0  # exactly, which rounding of the mean would not give
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _single_group_rule(rows: Sequence[Row], rules: Convention) -> list[Row]:
    """FairALM's code counts statistical parity as 0 in a fold with one group only."""
    if rules.single_group == "undefined":
        return list(rows)
    return [
        row | {"value": 0.0}
        if row["metric"] == "statistical_parity"
        and str(row["undefined"]).startswith("only one group")
        else row
        for row in rows
    ]


def _averaged(row: Row, values: Sequence[float]) -> Row:
    bare = {"low": None, "high": None, "method": None, "p_value": None, "p_floor": None}
    bare |= {"detectable": None, "noise_floor": None}
    if not values:
        return row | bare | {"value": None, "undefined": _NOWHERE}
    average = statistics.fmean(values)
    spread = {"sd_folds": _deviation(values), "sd_runs": None, "sd_orders": None}
    return row | bare | spread | {"value": average, "undefined": _AVERAGED}
