"""Rows of the estimates table, one quantity a function.

Each function takes the values of all groups (:class:`GroupValues`) and gives
rows; what is common to many rows (conditions, counts) is added by the caller.
Without noise a row has its value and no interval.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from equivoice.evaluation.resampling import GroupValues
from equivoice.fairness import (
    CLASS_AGGREGATORS,
    GROUP_AGGREGATORS,
    ClassAggregator,
    GroupAggregator,
    Grouping,
    Measure,
    gap_function,
)
from equivoice.metrics import FloatArray, IntArray, Metric
from equivoice.uncertainty import (
    FEWEST_UNITS,
    invert_gap,
    noise_floor,
    percentile_interval,
    smallest_detectable,
    standard_error,
    stretch,
    welch_degrees_of_freedom,
)

__all__ = [
    "CONSTANT",
    "MINUS",
    "UNSTABLE",
    "Context",
    "Row",
    "confusion_rows",
    "gap_rows",
    "group_rows",
    "pair_rows",
    "score_rows",
    "worst_group_rows",
]

Row = dict[str, Any]

MINUS = " − "
_NO_RESAMPLES = "interval: not asked for (it is given for pooled estimates)"
CONSTANT = "interval: all resamples gave the same value, so their spread says nothing"
UNSTABLE = "interval: undefined in more than 5 % of the resamples"
_ROUNDING = 1e-12
_BOOTSTRAP = "cluster bootstrap, expanded percentile"
_INVERSION = "cluster bootstrap, test inversion"
_MACRO = (
    "macro_f1",
    "unweighted_accuracy",
    "annotator_aware_macro_f1",
    "any_vote_macro_f1",
    "multilabel_macro_f1",
)
_BONFERRONI = "cluster bootstrap, expanded percentile, Bonferroni over groups"


@dataclass(frozen=True)
class Context:
    """What all rows of one set of values share.

    Args:
        metrics: by name.
        classes: the names of the classes.
        level: nominal coverage of the intervals.
        n: (G + 1,) predictions by group, the last for all groups together.
        missing: (G + 1, K) whether a group has no reference of a class.
        grouping: the grouping; ``None`` for a score over everybody.
        left_out: counts that every row states.
    """

    metrics: Mapping[str, Metric]
    classes: Sequence[str]
    level: float
    n: IntArray
    missing: np.ndarray[Any, np.dtype[np.bool_]]
    grouping: Grouping | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


def score_rows(values: GroupValues, context: Context) -> Iterator[Row]:
    """Scores over everybody: one row a metric and class."""
    yield from _value_rows(values, context, -1, quantity="score")


def group_rows(values: GroupValues, context: Context) -> Iterator[Row]:
    """Scores of each group."""
    for group, name in enumerate(_groups(context)):
        yield from _value_rows(values, context, group, quantity="group_score", groups=name)


def _value_rows(
    values: GroupValues, context: Context, group: int, *, quantity: str, groups: str | None = None
) -> Iterator[Row]:
    units = values.units[group]
    for name, metric in context.metrics.items():
        point = values.point[name][group]
        low = high = np.full(point.shape, np.nan)
        if values.noise is not None:
            wide = stretch(max(float(units) - 1.0, 1.0), context.level)
            noise = values.noise[name][group] * wide
            low, high = percentile_interval(point, noise, level=context.level)
        for k, label in _classes_of(metric, context):
            row = _row(context, metric.name, point[k], n=context.n[group], label=label)
            row |= {"quantity": quantity, "groups": groups, "clusters": int(units)}
            row["left_out"] = _left_out(context, group, metric)
            if math.isnan(point[k]):
                row["undefined"] = metric.undefined
            else:
                few = _few_units(values, (group,), context)
                _set_interval(row, values, few, (low[k], high[k]), _BOOTSTRAP, metric)
            yield row


def pair_rows(
    values: GroupValues, context: Context, p_values: Mapping[tuple[int, int], Mapping[str, float]]
) -> Iterator[Row]:
    """Signed differences of each pair of groups, first minus second.

    Args:
        values: of the groups.
        context: of the rows.
        p_values: by pair, from metric to p, with the test's floor as ``floor``.
    """
    for i, j in itertools.combinations(range(len(_groups(context))), 2):
        tests = p_values.get((i, j), {})
        for name, metric in context.metrics.items():
            yield from _pair_metric_rows(values, context, (i, j), metric, tests.get(name), tests)


def _pair_metric_rows(
    values: GroupValues,
    context: Context,
    pair: tuple[int, int],
    metric: Metric,
    p_value: float | None,
    tests: Mapping[str, float],
) -> Iterator[Row]:
    i, j = pair
    point = values.point[metric.name][i] - values.point[metric.name][j]
    low = high = error = np.full(point.shape, np.nan)
    if values.noise is not None:
        both = values.noise[metric.name][[i, j]]
        freedom = _degrees_of_freedom(values, both, pair)
        difference = both[0] - both[1]
        error = standard_error(difference)
        noise = difference * stretch(freedom, context.level)[:, np.newaxis]
        low, high = percentile_interval(point, noise, level=context.level)
    detectable = smallest_detectable(error, level=context.level)
    names = _groups(context)
    few = _few_units(values, pair, context)
    for k, label in _classes_of(metric, context):
        row = _row(context, metric.name, point[k], n=context.n[i] + context.n[j], label=label)
        row |= {
            "quantity": "pair_gap",
            "groups": f"{names[i]}{MINUS}{names[j]}",
            "clusters": values.sample.units_in(pair),
        }
        if math.isnan(point[k]):
            row["undefined"] = _missing_cell(context, values, metric, pair, k)
        else:
            _set_interval(row, values, few, (low[k], high[k]), _BOOTSTRAP)
            row["detectable"] = None if row["undefined"] else _number(detectable[k])
            if p_value is not None and not math.isnan(p_value):
                row |= {"p_value": p_value, "p_floor": tests["floor"]}
        yield row


def gap_rows(
    values: GroupValues,
    context: Context,
    measures: Sequence[Measure],
    p_values: Mapping[str, float],
) -> Iterator[Row]:
    """Unsigned gaps of each measure, under every aggregator of groups and classes.

    Args:
        values: of the groups.
        context: of the rows.
        measures: what is compared.
        p_values: from measure to p, with the test's floor as ``floor``.
    """
    for measure in measures:
        widths = tuple(
            len(context.classes) if context.metrics[name].per_class else 1
            for name in measure.metrics
        )
        point = np.concatenate([values.point[name] for name in measure.metrics], axis=-1)
        noise = _gap_noise(values, measure, context.level)
        known: dict[tuple[str, str], Row] = {}
        for over_groups, over_classes in _aggregators(widths):
            gap = gap_function(widths, over_groups, over_classes or "mean", measure.combine)
            row = _gap_row(values, context, measure, float(gap(point)), point)
            row |= {"group_aggregator": over_groups, "class_aggregator": over_classes}
            if row["undefined"] is None and noise is not None:
                key = (_distinct(over_groups, len(_groups(context))), str(over_classes))
                known[key] = known.get(key) or _inverted(point, noise, gap, context.level, widths)
                row |= known[key]
            p_value = p_values.get(measure.name, math.nan)
            if not math.isnan(p_value) and not math.isnan(float(gap(point))):
                row |= {"p_value": p_value, "p_floor": p_values["floor"]}
            yield row


def _inverted(
    point: FloatArray,
    noise: FloatArray,
    gap: Callable[[FloatArray], FloatArray],
    level: float,
    widths: Sequence[int],
) -> Row:
    """The interval of a gap and its noise floor, or why there is none."""
    low, high = invert_gap(point, noise, gap, level=level, widths=widths)
    floor = noise_floor(noise, gap)
    if not all(map(math.isfinite, (low, high, floor))):
        return {"undefined": UNSTABLE}
    if high - low < _ROUNDING:
        return {"undefined": CONSTANT}
    return {"low": low, "high": high, "noise_floor": floor, "method": _INVERSION}


def _distinct(over_groups: GroupAggregator, groups: int) -> str:
    """With two groups the mean, the rms and the maximum over pairs are one number."""
    one_pair = groups == 2 and over_groups in ("mean", "rms", "max")
    return "pair" if one_pair else over_groups


def _aggregators(
    widths: tuple[int, ...],
) -> Iterator[tuple[GroupAggregator, ClassAggregator | None]]:
    scalar = max(widths) == 1
    for over_groups in GROUP_AGGREGATORS:
        for over_classes in (None,) if scalar else CLASS_AGGREGATORS:
            yield cast("GroupAggregator", over_groups), cast("ClassAggregator | None", over_classes)


def _gap_noise(values: GroupValues, measure: Measure, level: float) -> FloatArray | None:
    """Stretched deviations of all metrics of a measure side by side: (G + 1, width, R)."""
    if values.noise is None:
        return None
    parts = []
    for name in measure.metrics:
        noise = values.noise[name]
        everyone = tuple(range(len(noise) - 1))
        freedom = _degrees_of_freedom(values, noise[:-1], everyone)
        parts.append(noise * stretch(freedom, level)[:, np.newaxis])
    return np.concatenate(parts, axis=1)


def _degrees_of_freedom(
    values: GroupValues, noise: FloatArray, groups: tuple[int, ...]
) -> FloatArray:
    """Degrees of freedom of a difference of groups, class by class.

    Groups of other speakers add theirs up (Welch–Satterthwaite); where speakers
    stand in several groups, n of them have n − 1.

    Args:
        values: of all groups.
        noise: (groups, K, R) their deviations.
        groups: which groups they are.
    """
    errors = np.nan_to_num(standard_error(noise)).T
    units = values.units[list(groups)]
    if values.sample.units_in(groups) == units.sum():
        return welch_degrees_of_freedom(errors, units)
    return np.full(errors.shape[:-1], max(float(units.min()) - 1.0, 1.0))


def _gap_row(
    values: GroupValues, context: Context, measure: Measure, value: float, point: FloatArray
) -> Row:
    row = _row(context, measure.name, value, n=context.n[-1])
    row |= {"quantity": "gap", "clusters": int(values.units[-1])}
    undefined_cells = int(np.isnan(point[:-1]).sum())
    if undefined_cells:
        row["left_out"] = _json({**context.left_out, "undefined cells": undefined_cells})
    everyone = tuple(range(len(_groups(context))))
    if math.isnan(value):
        present = [_groups(context)[group] for group in everyone if values.units[group]]
        row["undefined"] = (
            f"only one group: {', '.join(present) or 'none'}"
            if len(present) < 2
            else "no class is defined in two groups"
        )
    elif values.noise is None:
        row["undefined"] = _NO_RESAMPLES
    else:
        row["undefined"] = _few_units(values, everyone, context)
    return row


def worst_group_rows(values: GroupValues, context: Context) -> Iterator[Row]:
    """The group with the lowest score, metric by metric.

    The interval holds the smallest of the groups' *true* scores: from the
    smallest lower to the smallest upper end of the groups' intervals, each at
    level 1 − α/G.
    """
    names = _groups(context)
    everyone = tuple(range(len(names)))
    for metric in context.metrics.values():
        if metric.per_class or not names:
            continue
        point = values.point[metric.name][:-1, 0]
        if np.isnan(point).all():
            continue
        worst = int(np.nanargmin(point))
        row = _row(context, metric.name, point[worst], n=context.n[worst])
        row |= {"quantity": "worst_group", "groups": names[worst]}
        row["clusters"] = int(values.units[worst])
        ends = (math.nan, math.nan)
        if values.noise is not None:
            level = 1.0 - (1.0 - context.level) / len(names)
            freedom = np.maximum(values.units[:-1] - 1.0, 1.0)
            wide = stretch(freedom, level)[:, np.newaxis]
            noise = values.noise[metric.name][:-1, 0] * wide
            low, high = percentile_interval(point, noise, level=level)
            scored = ~np.isnan(point)
            ends = (float(low[scored].min()), float(high[scored].min()))
        few = _few_units(values, everyone, context)
        _set_interval(row, values, few, ends, _BONFERRONI, metric)
        yield row


def confusion_rows(table: FloatArray, context: Context, group: str | None) -> Iterator[Row]:
    """Shares of each reference class that were given each label; n is the count.

    Args:
        table: (K, K + 1) counts, or expected counts.
        context: of the rows.
        group: the group that the table is of; ``None`` for everybody.
    """
    columns = [*context.classes, "(unparsed)"]
    support = table.sum(-1)
    for r, p in itertools.product(range(len(table)), range(len(columns))):
        share = table[r, p] / support[r] if support[r] else math.nan
        row = _row(
            context, "confusion", share, n=round(float(table[r, p])), label=context.classes[r]
        )
        row |= {"quantity": "confusion", "predicted_class": columns[p], "groups": group}
        row["undefined"] = None if support[r] else "no reference of this class"
        yield row


def _row(context: Context, metric: str, value: float, *, n: int, label: str | None = None) -> Row:
    return {
        "metric": metric,
        "class": label,
        "group_by": None if context.grouping is None else context.grouping.name,
        "value": _number(value),
        "level": context.level,
        "n": int(n),
        "left_out": _json(context.left_out),
        "undefined": None,
    }


def _set_interval(
    row: Row,
    values: GroupValues,
    few: str | None,
    ends: tuple[float, float],
    method: str,
    metric: Metric | None = None,
) -> None:
    if values.noise is None:
        row["undefined"] = _NO_RESAMPLES
    elif few is not None:
        row["undefined"] = few
    elif math.isnan(ends[0]):
        row["undefined"] = UNSTABLE
    elif ends[1] - ends[0] < _ROUNDING:
        row["undefined"] = CONSTANT
    else:
        low, high = ends
        if metric is not None:
            low, high = max(low, metric.low), min(high, metric.high)
        row |= {"low": low, "high": high, "method": method}


def _groups(context: Context) -> tuple[str, ...]:
    return () if context.grouping is None else context.grouping.groups


def _classes_of(metric: Metric, context: Context) -> Iterator[tuple[int, str | None]]:
    if metric.per_class:
        yield from enumerate(context.classes)
    else:
        yield 0, None


def _few_units(values: GroupValues, groups: tuple[int, ...], context: Context) -> str | None:
    """Why there is no interval, where a group has too few speakers for one."""
    if min((int(values.units[group]) for group in groups), default=0) >= FEWEST_UNITS:
        return None
    names = (*_groups(context), "all")
    counts = ", ".join(f"{names[group]}: {values.units[group]}" for group in groups)
    unit = f"{values.sample.unit}s"
    return f"interval: too few {unit}: {counts} (at least {FEWEST_UNITS} each are needed)"


def _missing_cell(
    context: Context, values: GroupValues, metric: Metric, pair: tuple[int, int], k: int
) -> str:
    names = _groups(context)
    without = [names[g] for g in pair if np.isnan(values.point[metric.name][g, k])]
    return f"{metric.undefined} ({', '.join(without)})"


def _left_out(context: Context, group: int, metric: Metric) -> str | None:
    missing = int(context.missing[group].sum())
    if metric.per_class or not missing or metric.name not in _MACRO:
        return _json(context.left_out)
    return _json({**context.left_out, "classes without reference": missing})


def _json(counts: Mapping[str, int]) -> str | None:
    return json.dumps(dict(counts), ensure_ascii=False) if counts else None


def _number(value: float) -> float | None:
    return None if not math.isfinite(value) else float(value)
