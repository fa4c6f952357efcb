"""Metric values by group and cell of one run, with their noise, and of several seeds together.

A cell is a part of the data within which groups are compared, such as a
language. Runs on the same utterances draw the same speakers in every
bootstrap replicate, so their values can be subtracted replicate by replicate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from equivoice.fairness import gap_function
from equivoice.fairness.aggregators import ClassAggregator
from equivoice.metrics import CodedStatistics, FloatArray, IntArray, Metric
from equivoice.uncertainty import (
    ClusteredSums,
    Unit,
    bootstrap_sums,
    clustered_sums,
    deviations,
    standard_error,
    stretch,
    welch_degrees_of_freedom,
)

__all__ = ["CellSample", "CellValues", "Seeds", "cell_sample", "cell_values", "seeds_noise"]


@dataclass(frozen=True)
class CellSample:
    """The units of one run by group and cell; the last group holds items of unknown group.

    Args:
        sums: units with the groups numbered ``group * cells + cell``; for gaps, units are
            drawn within their group.
        whole: the units of each cell, whatever their group; for scores over everybody they
            are drawn so, as in every other score.
        groups: the names of the groups, without the unknown one.
        cells: the names of the cells.
        n: (groups + 1, cells) how many items stand where.
    """

    sums: ClusteredSums
    whole: ClusteredSums
    groups: tuple[str, ...]
    cells: tuple[str, ...]
    n: IntArray

    @property
    def units(self) -> IntArray:
        """How many units stand in each group and cell: (groups + 1, cells); the last row is all."""
        by_place = self.sums.units().reshape(len(self.groups) + 1, len(self.cells))
        return np.vstack([by_place[:-1], self.whole.units()])

    def apart(self, cell: int) -> bool:
        """Whether every unit of a cell stands in one of its groups only."""
        places = tuple(g * len(self.cells) + cell for g in range(len(self.groups)))
        return bool(self.sums.units_in(places) == self.units[:-1, cell].sum())


@dataclass(frozen=True)
class CellValues:
    """A metric by group and cell; the last group is everybody in the cell.

    Args:
        point: (G + 1, C) values.
        noise: (G + 1, C, R) deviations in the bootstrap, stretched for few units.
    """

    point: FloatArray
    noise: FloatArray


def cell_sample(
    statistics: CodedStatistics,
    places: tuple[IntArray, IntArray],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    units: IntArray,
    unit: Unit,
) -> CellSample:
    """Items as units by group and cell.

    Args:
        statistics: of n items.
        places: (n,) the group, −1 where unknown, and (n,) the cell, −1 to leave the item out.
        names: the names of groups and of cells.
        units: (n,) what is resampled.
        unit: what the units are.
    """
    (group, cell), (groups, cells) = places, names
    known = np.where(group < 0, len(groups), group)
    index = np.where(cell < 0, -1, known * len(cells) + cell)
    size = (len(groups) + 1) * len(cells)
    n = np.bincount(index[index >= 0], minlength=size).reshape(len(groups) + 1, len(cells))
    sums = clustered_sums(statistics, index, size, units, unit=unit)
    whole = clustered_sums(statistics, cell, len(cells), units, unit=unit)
    return CellSample(sums, whole, groups, cells, n)


def cell_values(
    sample: CellSample, metric: Metric, *, replicates: int, level: float, seed: int
) -> CellValues:
    """The metric of each group in each cell, and how it varies when units are drawn anew.

    Args:
        sample: the units.
        metric: a metric with one value, not one a class.
        replicates: R.
        level: nominal coverage, which the stretch for few units depends on.
        seed: of the bootstrap; runs with the same units draw the same.
    """
    cells = len(sample.cells)
    shape = (len(sample.groups) + 1, cells, sample.sums.size)
    by_group = metric.finish(sample.sums.totals().reshape(shape)[:-1])
    point = np.concatenate([by_group, metric.finish(sample.whole.totals())[np.newaxis]])
    drawn = bootstrap_sums(sample.sums, replicates, seed=seed).reshape(replicates, *shape)
    everybody = bootstrap_sums(sample.whole, replicates, seed=seed)
    values = np.concatenate(
        [metric.finish(drawn[:, :-1]), metric.finish(everybody)[:, np.newaxis]], axis=1
    )
    noise = deviations(np.ascontiguousarray(np.moveaxis(values, 0, -1)), sample.units)
    freedom = np.stack([_freedom(sample, noise, cell) for cell in range(cells)])
    wide = np.tile(stretch(freedom, level), (shape[0], 1))
    wide[-1] = stretch(np.maximum(sample.units[-1] - 1.0, 1.0), level)
    return CellValues(point, noise * wide[..., np.newaxis])


def _freedom(sample: CellSample, noise: FloatArray, cell: int) -> float:
    """Degrees of freedom of a difference of groups within a cell."""
    units = sample.units[:-1, cell]
    there = units > 0
    if not there.any():
        return max(float(sample.units[-1, cell]) - 1.0, 1.0)
    if not sample.apart(cell):
        return max(float(units[there].min()) - 1.0, 1.0)
    errors = np.nan_to_num(standard_error(noise[:-1, cell]))[there]
    return float(welch_degrees_of_freedom(errors, units[there]))


@dataclass(frozen=True)
class Seeds:
    """The runs of one method, which differ in their seed only.

    Args:
        name: of the method.
        seeds: as given, ascending; each once.
        values: of each seed.
    """

    name: str
    seeds: tuple[int, ...]
    values: tuple[CellValues, ...]

    def scores(self) -> FloatArray:
        """(S,) the mean over cells of everybody's value, seed by seed."""
        return np.array([_mean_of_cells(each.point) for each in self.values])

    def score_noise(self) -> FloatArray:
        """(R,) how the mean over seeds and cells varies with who was recorded."""
        return np.asarray(np.mean([_mean_of_cells(each.noise) for each in self.values], axis=0))

    def gaps(self, over_cells: ClassAggregator) -> FloatArray:
        """(S,) the largest pair of groups, aggregated over cells, seed by seed."""
        gap = gap_function((self.cells,), "max", over_cells)
        return np.array([float(gap(each.point)) for each in self.values])

    def gap_of_all(self, over_cells: ClassAggregator) -> Callable[[FloatArray], FloatArray]:
        """The mean over seeds of the gap, as a function of :meth:`side_by_side` values."""
        return gap_function((self.cells,) * len(self.seeds), "max", over_cells)

    def side_by_side(self) -> tuple[FloatArray, FloatArray]:
        """Points (G + 1, S · C) and noise (G + 1, S · C, R): seed after seed."""
        points, noises = zip(*((each.point, each.noise) for each in self.values), strict=True)
        return np.concatenate(points, axis=1), np.concatenate(noises, axis=1)

    def mean(self) -> tuple[FloatArray, FloatArray]:
        """Points (G + 1, C) and noise (G + 1, C, R): means over the seeds."""
        points, noises = zip(*((each.point, each.noise) for each in self.values), strict=True)
        return np.asarray(np.mean(points, axis=0)), np.asarray(np.mean(noises, axis=0))

    @property
    def cells(self) -> int:
        """C, how many cells there are."""
        return int(self.values[0].point.shape[1])


def _mean_of_cells(values: FloatArray) -> FloatArray:
    """Everybody's value, with each cell counting the same; NaN if a cell has none."""
    return np.asarray(values[-1].mean(0))


def seeds_noise(values: FloatArray, replicates: int, *, level: float, seed: int) -> FloatArray:
    """(R,) what the mean over seeds would vary by with other seeds; 0 of one seed.

    Few seeds cannot be resampled: normal deviates with the standard error of their mean
    stand for them, stretched by t.

    Args:
        values: (S,) one value a seed.
        replicates: R.
        level: nominal coverage.
        seed: of the deviates.
    """
    count = len(values)
    if count < 2:
        return np.zeros(replicates)
    error = values.std(ddof=1) / np.sqrt(count)
    deviates = np.random.default_rng(seed).standard_normal(replicates)
    wide = float(stretch(float(count - 1), level))
    return np.asarray((deviates - np.median(deviates)) * error * wide)
