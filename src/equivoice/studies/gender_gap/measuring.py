"""Scores and gaps of a system with intervals over speakers, and their change with the transcript."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from equivoice.fairness import NAMED_MEASURES
from equivoice.metrics import FloatArray, IntArray, Metric
from equivoice.studies.gender_gap.reading import BOTH, SPEECH, Answers, GapSettings
from equivoice.studies.gender_gap.sums import Blocks, blocks_of
from equivoice.studies.gender_gap.values import Columns, Quantity, quantities
from equivoice.uncertainty import (
    FEWEST_UNITS,
    PermutationResult,
    bootstrap_sums,
    deviations,
    invert_change,
    invert_gap,
    noise_floor,
    percentile_interval,
    permutation_test,
    standard_error,
    stretch,
    welch_degrees_of_freedom,
)

__all__ = ["CHANGE", "Row", "measure"]

CHANGE = f"{BOTH} − {SPEECH}"
"""What stands as modality where a row is the change that the transcript makes."""

_BOOTSTRAP = "cluster bootstrap, expanded percentile"
_INVERSION = "cluster bootstrap, test inversion"
_PAIRED = "paired cluster bootstrap, expanded percentile"
_INVERTED = "paired cluster bootstrap, test inversion"
_CONSTANT = "interval: all resamples gave the same value, so their spread says nothing"
_UNSTABLE = "interval: undefined in more than 5 % of the resamples"
_UNDEFINED = "a class or a group is missing in it"
_ROUNDING = 1e-12

Row = dict[str, Any]


@dataclass(frozen=True)
class _Resampled:
    """Values of all columns, and what resampling says of their noise.

    Args:
        blocks: the answers.
        columns: where which value stands.
        point: (M, G + 1, C) values.
        drawn: (M, G + 1, C, R) values of the replicates.
        noise: (M, G + 1, C, R) their deviations, for n units stretched to n − 1.
        units: (G + 1, C) how many units stand behind each value of a modality.
    """

    blocks: Blocks
    columns: Columns
    point: FloatArray
    drawn: FloatArray
    noise: FloatArray
    units: IntArray


def measure(answers: Answers, settings: GapSettings) -> list[Row]:
    """All numbers of a system: each modality, then the change between them.

    Gaps have the intervals and the tests of :mod:`equivoice.uncertainty`: speakers are
    drawn within their group; an unsigned gap's interval inverts a test; the test that
    the groups do not differ permutes speakers. The change is paired: a replicate draws
    speakers with all that they said in both modalities, and its test swaps modalities
    speaker by speaker, as if the transcript made no difference to any of them.
    """
    blocks = blocks_of(answers)
    columns = Columns.of(len(blocks.cells), len(answers.labels.names))
    asked = quantities(columns, blocks.cells)
    drawn = {gaps: _resample(blocks, columns, settings, gaps=gaps) for gaps in (True, False)}
    head = {
        "system": answers.system,
        "prompt": answers.prompt,
        "model": answers.model,
        "temperature": answers.temperature,
        "level": settings.level,
        "unit": blocks.unit,
    }
    rows = []
    for number, modality in enumerate(blocks.modalities):
        between = {
            cell: _between(blocks, columns, asked, (number, cell), settings)
            for cell in dict.fromkeys(quantity.cell for quantity in asked)
        }
        for quantity in asked:
            tests = between[quantity.cell]
            row = _level_row(drawn[quantity.is_gap], quantity, number, settings)
            rows.append(head | {"modality": modality} | row | _tested(tests, quantity, row))
    if len(blocks.modalities) == 2:
        within = _within(blocks, columns, asked, settings)
        for quantity in asked:
            row = _change_row(drawn[quantity.is_gap], quantity, settings)
            rows.append(head | {"modality": CHANGE} | row | _tested(within, quantity, row))
    return rows


def _resample(blocks: Blocks, columns: Columns, settings: GapSettings, *, gaps: bool) -> _Resampled:
    """For gaps units are drawn within their group; for scores of everybody from all."""
    sample = blocks.resampled(within_groups=gaps)
    point = columns.values(blocks, sample.totals())
    sums = bootstrap_sums(sample, settings.replicates, seed=settings.seed)
    drawn = np.ascontiguousarray(np.moveaxis(columns.values(blocks, sums), 0, -1))
    by_cell = np.concatenate([blocks.speakers, blocks.speakers.sum(0, keepdims=True)])
    units = by_cell[:, columns.cell_of]
    return _Resampled(blocks, columns, point, drawn, deviations(drawn, units), units)


def _level_row(found: _Resampled, quantity: Quantity, modality: int, settings: GapSettings) -> Row:
    """A score or a gap in one modality."""
    value = float(quantity(found.point[modality]))
    row = _counted(found.blocks, quantity, value, modality)
    if row["undefined"] is not None:
        return row
    point = found.point[modality][:, quantity.columns]
    noise = _stretched(found, quantity, modality, settings.level)
    if quantity.is_gap:
        low, high = invert_gap(
            point, noise, quantity.of, level=settings.level, widths=quantity.widths
        )
        floor: float | None = noise_floor(noise, quantity.of)
    else:
        ends = percentile_interval(np.asarray(value), noise[-1].mean(0), level=settings.level)
        (low, high), floor = (max(float(ends[0]), 0.0), min(float(ends[1]), 1.0)), None
    method = _INVERSION if quantity.is_gap else _BOOTSTRAP
    return row | _interval(low, high, method) | {"noise_floor": floor}


def _change_row(found: _Resampled, quantity: Quantity, settings: GapSettings) -> Row:
    """With the transcript minus without it."""
    change = float(quantity(found.point[1]) - quantity(found.point[0]))
    row = _counted(found.blocks, quantity, change, 1)
    if row["undefined"] is not None:
        return row
    drawn = quantity(found.drawn[1]) - quantity(found.drawn[0])
    if float(np.ptp(drawn)) < _ROUNDING:
        return row | {"undefined": _CONSTANT}
    if quantity.is_gap:
        speech, both = (found.point[modality][:, quantity.columns] for modality in (0, 1))
        noises = (
            _stretched(found, quantity, 0, settings.level),
            _stretched(found, quantity, 1, settings.level),
        )
        ends = invert_change(
            (speech, both), noises, quantity.of, level=settings.level, widths=quantity.widths
        )
        return row | _interval(*ends, _INVERTED)
    fewest = int(found.units[-1, quantity.columns].min())
    wide = deviations(drawn, fewest) * stretch(float(fewest - 1), settings.level)
    low, high = percentile_interval(np.asarray(row["value"]), wide, level=settings.level)
    return row | _interval(float(low), float(high), _PAIRED)


def _stretched(found: _Resampled, quantity: Quantity, modality: int, level: float) -> FloatArray:
    """The noise of the columns, as long as few speakers make it."""
    noise = found.noise[modality][:, quantity.columns]
    units = found.units[:, quantity.columns]
    if not quantity.is_gap:
        return np.asarray(noise * stretch(units[-1] - 1.0, level)[:, np.newaxis])
    errors = np.nan_to_num(standard_error(noise[:-1])).T
    freedom = np.concatenate(
        [
            welch_degrees_of_freedom(errors[[column]], units[:-1, column])
            for column in range(units.shape[1])
        ]
    )
    return np.asarray(noise * stretch(freedom, level)[:, np.newaxis])


def _interval(low: float, high: float, method: str) -> Row:
    if not (math.isfinite(low) and math.isfinite(high)):
        return {"undefined": _UNSTABLE}
    if high - low < _ROUNDING:
        return {"undefined": _CONSTANT}
    return {"low": low, "high": high, "method": method}


def _counted(blocks: Blocks, quantity: Quantity, value: float, modality: int) -> Row:
    """The value with what it stands on; why it has no interval, where it has none."""
    cells = [n for n, cell in enumerate(blocks.cells) if quantity.cell in (cell, "all")]
    shown = [blocks.cells[n] for n in cells]
    counts = blocks.speakers[:, cells]
    undefined = None
    if math.isnan(value):
        undefined = _UNDEFINED
    elif (counts if quantity.is_gap else counts.sum(0)).min() < FEWEST_UNITS:
        undefined = _too_few(blocks, counts, shown)
    units = {int(unit) for unit in blocks.units[np.isin(blocks.place % len(blocks.cells), cells)]}
    return {
        "cell": quantity.cell,
        "aggregator": quantity.aggregator,
        "metric": quantity.metric,
        "value": None if math.isnan(value) else value,
        "low": None,
        "high": None,
        "method": None,
        "n": int(blocks.answers(modality)[cells].sum()),
        "clusters": len(units),
        "noise_floor": None,
        "p_value": None,
        "p_floor": None,
        "undefined": undefined,
    }


def _too_few(blocks: Blocks, counts: IntArray, cells: list[str]) -> str:
    several = len(cells) > 1
    told = [
        f"{cell + ' ' if several else ''}{group}: {counts[g, c]}"
        for (g, group), (c, cell) in itertools.product(enumerate(blocks.groups), enumerate(cells))
        if counts[g, c] < FEWEST_UNITS
    ]
    return (
        f"interval: too few {blocks.unit}s: {', '.join(told)} "
        f"(at least {FEWEST_UNITS} each are needed)"
    )


# --- tests ---------------------------------------------------------------------------------


def _key(quantity: Quantity) -> str:
    return f"{quantity.metric}@{quantity.cell}@{quantity.aggregator}"


def _tested(tests: PermutationResult, quantity: Quantity, row: Mapping[str, Any]) -> Row:
    p_value = tests.p_values.get(_key(quantity), math.nan)
    if math.isnan(p_value) or row["value"] is None:
        return {}
    return {"p_value": p_value, "p_floor": tests.floor}


def _between(
    blocks: Blocks,
    columns: Columns,
    asked: list[Quantity],
    place: tuple[int, str],
    settings: GapSettings,
) -> PermutationResult:
    """Tests that the groups do not differ in a cell: its speakers change groups.

    The test of all cells together adds up their statistics, so it is one test whatever
    the aggregator. Where languages have other speakers it is approximate, as a speaker of
    one language may change places with one of another.
    """
    modality, name = place
    only = blocks.cells.index(name) if name in blocks.cells else None
    cells = range(len(blocks.cells)) if only is None else [only]
    finishes = {
        f"{metric}@{cell}": _finish_of(columns.metrics[metric], cell, blocks.size)
        for metric in columns.metrics
        for cell in cells
    }
    measures = {
        _key(quantity): tuple(
            f"{metric}@{cell}"
            for metric in NAMED_MEASURES[quantity.metric].metrics
            for cell in cells
        )
        for quantity in asked
        if quantity.is_gap and quantity.cell == name
    }
    return permutation_test(
        blocks.by_group(modality, only),
        finishes,
        measures,
        permutations=settings.permutations,
        seed=settings.seed,
    )


def _finish_of(metric: Metric, cell: int, size: int) -> Callable[[FloatArray], FloatArray]:
    """The metric of one cell, from sums of all cells (..., L · S) to (..., K)."""
    own = slice(cell * size, (cell + 1) * size)

    def values(sums: FloatArray) -> FloatArray:
        found = metric.finish(sums[..., own])
        return found if metric.per_class else found[..., np.newaxis]

    return values


class _Shared:
    """Values of all columns, computed once for all the quantities of one arrangement."""

    def __init__(self, blocks: Blocks, columns: Columns) -> None:
        self._blocks, self._columns = blocks, columns
        self._sums: FloatArray | None = None
        self._values: FloatArray | None = None

    def values(self, sums: FloatArray) -> FloatArray:
        """(G + 1, C, ...) values of the sums (..., G · L · S)."""
        if self._values is None or sums is not self._sums:
            found = self._columns.values(self._blocks, sums)
            self._sums, self._values = sums, np.moveaxis(found, (-2, -1), (0, 1))
        return self._values


def _within(
    blocks: Blocks, columns: Columns, asked: list[Quantity], settings: GapSettings
) -> PermutationResult:
    """Tests that the transcript makes no difference: each speaker's two modalities are swapped."""
    shared = _Shared(blocks, columns)

    def finish(quantity: Quantity) -> Callable[[FloatArray], FloatArray]:
        return lambda sums: quantity(shared.values(sums))[..., np.newaxis]

    return permutation_test(
        blocks.by_modality,
        {_key(quantity): finish(quantity) for quantity in asked},
        {_key(quantity): (_key(quantity),) for quantity in asked},
        permutations=settings.permutations,
        seed=settings.seed,
    )
