"""Answers as sums by speaker, from which all scores and gaps of a system follow.

The statistics of an answer stand in the block of its group and language, so that one
vector a speaker holds all groups and languages, and one resampling of speakers serves
them all: who speaks in three languages is drawn with all three, and who was heard with
and without the transcript with both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from equivoice.evaluation.matching import unit_codes
from equivoice.metrics import UNPARSED, CodedStatistics, FloatArray, IntArray
from equivoice.metrics import classification_statistics as statistics_of
from equivoice.studies.gender_gap.reading import Answers
from equivoice.uncertainty import ClusteredSums, Stratum, Unit, clustered_sums

__all__ = ["Blocks", "blocks_of"]


@dataclass(frozen=True)
class Blocks:
    """The answers of one system, coded.

    Args:
        statistics: of each answer, in the block of its group and cell.
        modality: (n,) which modality each answer is of.
        place: (n,) the block of each answer: group times the number of cells, plus cell.
        units: (n,) codes of speakers.
        unit: what the units are.
        groups: the names of the groups, G.
        cells: the names of the cells, L.
        modalities: the names of the modalities, M.
        size: S, the statistics of one block.
    """

    statistics: CodedStatistics
    modality: IntArray
    place: IntArray
    units: IntArray
    unit: Unit
    groups: tuple[str, ...]
    cells: tuple[str, ...]
    modalities: tuple[str, ...]
    size: int

    def shaped(self, sums: FloatArray) -> FloatArray:
        """Sums (..., G · L · S) as (..., G, L, S)."""
        return sums.reshape(*sums.shape[:-1], len(self.groups), len(self.cells), self.size)

    @cached_property
    def speakers(self) -> IntArray:
        """How many units stand in each block: (G, L)."""
        pairs = np.unique(np.stack([self.place, self.units]), axis=1)[0]
        counts = np.bincount(pairs, minlength=len(self.groups) * len(self.cells))
        return counts.reshape(len(self.groups), len(self.cells))

    def answers(self, modality: int) -> IntArray:
        """How many answers each cell has in a modality: (L,)."""
        cell = self.place[self.modality == modality] % len(self.cells)
        return np.bincount(cell, minlength=len(self.cells))

    @cached_property
    def by_modality(self) -> ClusteredSums:
        """All units in one stratum; the groups are the modalities."""
        return self._sums(np.ones(len(self.units), dtype=bool))

    def resampled(self, *, within_groups: bool) -> ClusteredSums:
        """The same with units drawn within their language, and for gaps within their group.

        Languages that share a speaker are drawn from together.
        """
        drawn = self.place if within_groups else self.place % len(self.cells)
        strata: list[Stratum] = []
        for linked in _linked(drawn, self.units):
            strata += self._sums(np.isin(drawn, linked)).strata
        return replace(self.by_modality, strata=tuple(strata))

    def by_group(self, modality: int, cell: int | None = None) -> ClusteredSums:
        """The units of one modality; the groups are the groups, the blocks the cells alone.

        Args:
            modality: which.
            cell: the units of this cell only; ``None`` for all.
        """
        cells = len(self.cells)
        own = self.modality == modality
        if cell is not None:
            own &= self.place % cells == cell
        codes, table = self.statistics.codes[own], self.statistics.table
        # an answer of the second group moves to the block that its cell has in the first
        group = self.place[own] // cells
        width = len(table) // len(self.groups)
        first = CodedStatistics(codes - group * width, table[:width, : cells * self.size])
        return clustered_sums(first, group, len(self.groups), self.units[own], unit=self.unit)

    def _sums(self, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> ClusteredSums:
        kept = CodedStatistics(self.statistics.codes[rows], self.statistics.table)
        n = len(self.modalities)
        return clustered_sums(kept, self.modality[rows], n, self.units[rows], unit=self.unit)


def blocks_of(answers: Answers) -> Blocks:
    """The answers of a system as codes and statistics.

    An answer without a label, or with one that is not among the labels, counts as wrong.
    """
    frame, labels = answers.frame, {name: n for n, name in enumerate(answers.labels.names)}

    def coded(column: str, codes: dict[str, int], default: int | None = None) -> IntArray:
        series = frame.get_column(column).replace_strict(codes, default=default)
        found: IntArray = series.fill_null(UNPARSED).cast(int).to_numpy()
        return found

    cells, groups = answers.cells, answers.groups
    cell = coded("cell", {name: n for n, name in enumerate(cells)})
    group = coded("group", {name: n for n, name in enumerate(groups)})
    one = statistics_of(coded("reference", labels), coded("predicted", labels), len(labels))
    place = group * len(cells) + cell
    units, unit = unit_codes(frame)
    return Blocks(
        _in_blocks(one, place, len(groups) * len(cells)),
        coded("modality", {name: n for n, name in enumerate(answers.modalities)}),
        place,
        np.arange(len(place)) if units is None else units,
        unit,
        groups,
        cells,
        answers.modalities,
        one.table.shape[1],
    )


def _in_blocks(one: CodedStatistics, place: IntArray, blocks: int) -> CodedStatistics:
    """The same statistics, each answer's in a block of its own place; 0 in all others."""
    cells, size = one.table.shape
    table = np.zeros((blocks, cells, blocks, size))
    for block in range(blocks):
        table[block, :, block] = one.table
    return CodedStatistics(place * cells + one.codes, table.reshape(blocks * cells, blocks * size))


def _linked(place: IntArray, units: IntArray) -> list[IntArray]:
    """Places that share units, directly or through others, together."""
    pairs = np.unique(np.stack([units, place]), axis=1)
    parent = {int(block): int(block) for block in pairs[1]}

    def root(block: int) -> int:
        while parent[block] != block:
            block = parent[block]
        return block

    for one, other in zip(pairs.T[:-1], pairs.T[1:], strict=True):
        if one[0] == other[0]:  # the same unit
            parent[root(int(other[1]))] = root(int(one[1]))
    roots: dict[int, list[int]] = {}
    for block in parent:
        roots.setdefault(root(block), []).append(block)
    return [np.array(sorted(blocks)) for blocks in roots.values()]
