"""Rows of estimates about methods: their score, their worst gap, and the differences of both.

Intervals over two or three seeds are by t with one or two degrees of freedom, so long that
they may reach beyond what the metric can take. They end there: the true value cannot lie
beyond, so nothing of their coverage is lost, and one from end to end says that nothing is
known.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from equivoice.evaluation.cell_values import CellSample, Seeds, seeds_noise
from equivoice.evaluation.rows import CONSTANT, MINUS, UNSTABLE
from equivoice.fairness import CROSSING
from equivoice.fairness.aggregators import ClassAggregator
from equivoice.metrics import FloatArray, Metric
from equivoice.uncertainty import (
    FEWEST_UNITS,
    invert_gap,
    noise_floor,
    percentile_interval,
    smallest_detectable,
    standard_error,
)

__all__ = ["Setting", "comparison_rows", "method_rows", "seed_rows"]

_OVER_CELLS: tuple[ClassAggregator, ...] = ("max", "mean", "rms")
_ROUNDING = 1e-12
_PERCENTILE = "cluster bootstrap, expanded percentile"
_INVERSION = "cluster bootstrap, test inversion"
_SEEDS = "; normal deviates over seeds, stretched by t"
_ONE_SEED = "interval: not given for a single seed"
_NO_PAIR = "no cell has two groups"

Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What all rows have in common.

    Args:
        metric: what was measured.
        sample: of any of the runs: they all have the same units.
        cell: what groups are compared within.
        attribute: what is compared.
        level: nominal coverage.
        seed: of the resampling.
        left_out: counts, as JSON.
    """

    metric: Metric
    sample: CellSample
    cell: str
    attribute: str
    level: float
    seed: int
    left_out: str | None = None

    @property
    def within(self) -> str:
        """The grouping of the worst gap."""
        return f"{self.attribute} within {self.cell}"

    @property
    def crossed(self) -> str:
        """The grouping by cell and group."""
        return f"{self.cell}{CROSSING}{self.attribute}"

    @property
    def widest(self) -> float:
        """The largest difference of two values that the metric can take."""
        return self.metric.high - self.metric.low

    def few(self) -> str | None:
        """Why a gap has no interval, where a group of a cell has too few units for one."""
        counts = {
            f"{name}{CROSSING}{group}": int(self.sample.units[g, c])
            for c, name in enumerate(self.sample.cells)
            for g, group in enumerate(self.sample.groups)
            if self.sample.units[g, c]
        }
        return _too_few(counts, self.sample.sums.unit)

    def few_in_cells(self) -> str | None:
        """Why a score has no interval, where a cell has too few units for one."""
        units = self.sample.units[-1]
        counts = {name: int(units[c]) for c, name in enumerate(self.sample.cells)}
        return _too_few(counts, self.sample.sums.unit)


def _too_few(counts: dict[str, int], unit: str) -> str | None:
    if min(counts.values(), default=0) >= FEWEST_UNITS:
        return None
    told = ", ".join(f"{name}: {count}" for name, count in counts.items())
    return f"interval: too few {unit}s: {told or 'none'} (at least {FEWEST_UNITS} each are needed)"


def method_rows(method: Seeds, setting: Setting) -> Iterator[Row]:
    """Score, scores by cell and group, signed gaps, and unsigned gaps over the cells."""
    base = _base(setting, method.name)
    scores = method.scores()
    noise = method.score_noise()
    noise = noise + _of_seeds(scores, len(noise), setting)
    row = base | {"quantity": "score", "group_by": setting.cell, "group_aggregator": "mean"}
    row |= _valued(float(scores.mean()), setting) | {"sd_runs": _spread(scores)}
    yield row | _interval(row, noise, setting.few_in_cells(), _whose(setting, method))
    yield from _cell_rows(method, setting, base)
    for over_cells in _OVER_CELLS:
        yield base | _gap_row(method, setting, over_cells)


def seed_rows(method: Seeds, setting: Setting) -> Iterator[Row]:
    """Score and worst gap of every single seed, where there are several."""
    if len(method.seeds) < 2:
        return
    found = zip(method.seeds, method.scores(), method.gaps("max"), strict=True)
    for seed, score, gap in found:
        own = _base(setting, method.name) | {"run": str(seed)}
        kind = {"quantity": "score", "group_by": setting.cell, "group_aggregator": "mean"}
        yield own | kind | _valued(float(score), setting, why=_ONE_SEED)
        yield own | _of_gaps(setting, "max") | _valued(float(gap), setting, why=_ONE_SEED)


def comparison_rows(first: Seeds, second: Seeds, setting: Setting) -> Iterator[Row]:
    """Score and worst gap of the first method minus those of the second, paired."""
    base = _base(setting, f"{first.name}{MINUS}{second.name}") | {"quantity": "comparison"}
    pairs = (first.scores(), second.scores())
    noise = first.score_noise() - second.score_noise()
    row = base | {"group_by": setting.cell, "group_aggregator": "mean"}
    yield row | _compared(pairs, noise, (first, second), setting, setting.few_in_cells())
    gaps = (first.gaps("max"), second.gaps("max"))
    moved = _gap_replicates(first) - _gap_replicates(second)
    row = base | {
        "group_by": setting.within,
        "group_aggregator": "max",
        "class_aggregator": "max",
    }
    noise = np.asarray(moved - np.median(moved))
    yield row | _compared(gaps, noise, (first, second), setting, setting.few())


def _compared(
    values: tuple[FloatArray, FloatArray],
    noise: FloatArray,
    methods: tuple[Seeds, Seeds],
    setting: Setting,
    few: str | None,
) -> Row:
    """A difference of two methods: over the seeds that both have, else of means over other seeds."""
    value = float(values[0].mean() - values[1].mean())
    paired = methods[0].seeds == methods[1].seeds
    parts = [values[0] - values[1]] if paired else list(values)
    for at, part in enumerate(parts):
        noise = noise + _of_seeds(part, len(noise), setting, at=at)
    row = _valued(value, setting) | {"sd_runs": _spread(parts[0]) if paired else None}
    row |= _interval(row, noise, few, _whose(setting, *methods), difference=True)
    return row | _detectable(row, noise, setting)


def _detectable(row: Row, noise: FloatArray, setting: Setting) -> Row:
    """The smallest detectable difference, where there is an interval; few units and seeds tell."""
    if row.get("low") is None:
        return {}
    smallest = float(smallest_detectable(standard_error(noise), level=setting.level))
    return {"detectable": min(smallest, setting.widest)}


def _gap_replicates(method: Seeds) -> FloatArray:
    """(R,) the worst gap, mean over seeds, in every replicate."""
    point, noise = method.side_by_side()
    return method.gap_of_all("max")(point[..., np.newaxis] + noise)


def _cell_rows(method: Seeds, setting: Setting, base: Row) -> Iterator[Row]:
    """Scores of cells and of groups within them, and the signed gaps of each cell."""
    point, noise = method.mean()
    for c, cell in enumerate(setting.sample.cells):
        places = [(-1, setting.cell, cell)]
        places += [
            (g, setting.crossed, f"{cell}{CROSSING}{group}")
            for g, group in enumerate(setting.sample.groups)
            if setting.sample.units[g, c]
        ]
        for g, group_by, name in places:
            values = np.array([each.point[g, c] for each in method.values])
            row = base | _placed(setting, "group_score", group_by, name, ((g, c),))
            row |= _valued(float(point[g, c]), setting) | {"sd_runs": _spread(values)}
            few = _too_few({name: row["clusters"]}, setting.sample.sums.unit)
            own = noise[g, c] + _of_seeds(values, noise.shape[-1], setting)
            yield row | _interval(row, own, few, _whose(setting, method))
        yield from _pair_rows(method, setting, base, c)


def _pair_rows(method: Seeds, setting: Setting, base: Row, c: int) -> Iterator[Row]:
    point, noise = method.mean()
    cell, groups = setting.sample.cells[c], setting.sample.groups
    for i, j in itertools.combinations(range(len(groups)), 2):
        names = [f"{cell}{CROSSING}{groups[g]}" for g in (i, j)]
        row = base | _placed(
            setting, "pair_gap", setting.crossed, MINUS.join(names), ((i, c), (j, c))
        )
        value = float(point[i, c] - point[j, c])
        row |= _valued(value, setting)
        if math.isnan(value):
            absent = [
                name
                for name, g in zip(names, (i, j), strict=True)
                if not setting.sample.units[g, c]
            ]
            yield row | {"undefined": f"nothing of {', '.join(absent) or 'one of them'}"}
            continue
        values = np.array([each.point[i, c] - each.point[j, c] for each in method.values])
        counts = {
            name: int(setting.sample.units[g, c]) for name, g in zip(names, (i, j), strict=True)
        }
        own = noise[i, c] - noise[j, c] + _of_seeds(values, noise.shape[-1], setting)
        row |= {"sd_runs": _spread(values)}
        few = _too_few(counts, setting.sample.sums.unit)
        row |= _interval(row, own, few, _whose(setting, method), difference=True)
        yield row | _detectable(row, own, setting)


def _gap_row(method: Seeds, setting: Setting, over_cells: ClassAggregator) -> Row:
    """An unsigned gap: the largest pair of groups, joined over cells, mean over seeds."""
    values = method.gaps(over_cells)
    row = _of_gaps(setting, over_cells) | _valued(float(values.mean()), setting)
    row |= {"sd_runs": _spread(values)}
    if row["value"] is None:
        return row | {"undefined": _NO_PAIR}
    if over_cells == "max" and row["value"] > 0:
        row["groups"] = _worst_pair(method, setting)
    empty = int(np.isnan(method.mean()[0][:-1]).sum())
    if empty:
        row["left_out"] = json.dumps(
            {**json.loads(setting.left_out or "{}"), "undefined cells": empty}
        )
    few = setting.few()
    if few is not None:
        return row | {"undefined": few}
    point, noise = method.side_by_side()
    gap = method.gap_of_all(over_cells)
    extra = _of_seeds(values, noise.shape[-1], setting)
    widths = (method.cells,) * len(method.seeds)
    low, high = invert_gap(point, noise, _blurred(gap, extra), level=setting.level, widths=widths)
    floor = noise_floor(noise, gap)
    if not all(map(math.isfinite, (low, high, floor))):
        return row | {"undefined": UNSTABLE}
    if high - low < _ROUNDING:
        return row | {"undefined": CONSTANT}
    return row | {
        "low": min(low, setting.widest),
        "high": min(high, setting.widest),
        "noise_floor": min(floor, setting.widest),
        "method": _named(_INVERSION, len(method.seeds)),
    }


def _blurred(
    gap: Callable[[FloatArray], FloatArray], extra: FloatArray
) -> Callable[[FloatArray], FloatArray]:
    """The gap with the noise of the seeds added, wherever it is taken of replicates."""

    def blurred(values: FloatArray) -> FloatArray:
        found = gap(values)
        return found if found.ndim == 0 else np.asarray(found + extra[: found.shape[-1]])

    return blurred


def _worst_pair(method: Seeds, setting: Setting) -> str:
    """The pair of groups that is farthest apart in this sample, on the mean over seeds."""
    (point, _), groups = method.mean(), setting.sample.groups
    pairs = {
        (c, i, j): abs(float(point[i, c] - point[j, c]))
        for c in range(method.cells)
        for i, j in itertools.combinations(range(len(groups)), 2)
    }
    c, i, j = max(
        (key for key, size in pairs.items() if not math.isnan(size)), key=lambda key: pairs[key]
    )
    cell = setting.sample.cells[c]
    return f"{cell}{CROSSING}{groups[i]}{MINUS}{cell}{CROSSING}{groups[j]}"


def _base(setting: Setting, system: str) -> Row:
    sample = setting.sample
    everybody = tuple(range(sample.sums.n_groups))
    return {
        "system": system,
        "metric": setting.metric.name,
        "level": setting.level,
        "unit": sample.sums.unit,
        "n": int(sample.n.sum()),
        "clusters": sample.sums.units_in(everybody),
        "left_out": setting.left_out,
        "run": None,
    }


def _of_gaps(setting: Setting, over_cells: ClassAggregator) -> Row:
    return {
        "quantity": "gap",
        "group_by": setting.within,
        "group_aggregator": "max",
        "class_aggregator": over_cells,
    }


def _placed(
    setting: Setting, quantity: str, group_by: str, groups: str, places: tuple[tuple[int, int], ...]
) -> Row:
    """What a row about groups in a cell is about, and how many went in."""
    sample = setting.sample
    return {
        "quantity": quantity,
        "group_by": group_by,
        "groups": groups,
        "n": sum(int(sample.n[:, c].sum() if g < 0 else sample.n[g, c]) for g, c in places),
        "clusters": sum(int(sample.units[g, c]) for g, c in places),
    }


def _valued(value: float, setting: Setting, *, why: str | None = None) -> Row:
    if math.isnan(value):
        return {"value": None, "undefined": setting.metric.undefined}
    return {"value": value, "undefined": why}


def _interval(
    row: Row, noise: FloatArray, few: str | None, whose: _Whose, *, difference: bool = False
) -> Row:
    """The ends around a value of the metric, or a difference of two, or why there are none."""
    if row["value"] is None:
        return row
    if few is not None:
        return row | {"undefined": few}
    ends = percentile_interval(np.asarray(row["value"]), noise, level=whose.level)
    low, high = (float(end) for end in ends)
    if not (math.isfinite(low) and math.isfinite(high)):
        return row | {"undefined": UNSTABLE}
    if high - low < _ROUNDING:
        return row | {"undefined": CONSTANT}
    least, most = whose.metric.low, whose.metric.high
    if difference:
        least, most = least - most, most - least
    low, high = max(low, least), min(high, most)
    return row | {"low": low, "high": high, "method": _named(_PERCENTILE, whose.seeds)}


@dataclass(frozen=True)
class _Whose:
    """Of what an interval is: its metric, its level, and over how many seeds it is."""

    metric: Metric
    level: float
    seeds: int


def _whose(setting: Setting, *methods: Seeds) -> _Whose:
    return _Whose(setting.metric, setting.level, max(len(method.seeds) for method in methods))


def _of_seeds(values: FloatArray, replicates: int, setting: Setting, *, at: int = 0) -> FloatArray:
    return seeds_noise(values, replicates, level=setting.level, seed=setting.seed + 1 + at)


def _spread(values: FloatArray) -> float | None:
    """Standard deviation over seeds; none of one seed, and none where a value is undefined."""
    if len(values) < 2 or np.isnan(values).any():
        return None
    return float(values.std(ddof=1))


def _named(method: str, seeds: int) -> str:
    return method + (_SEEDS if seeds > 1 else "")
