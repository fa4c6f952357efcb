"""Sums of statistics by speaker and group: what is resampled and permuted.

A *unit* is what was sampled from the world: a speaker, or an utterance where
speakers are not known. Where every unit stands in one group, the units of a
group form a *stratum* and are resampled within it. As soon as a unit stands in
several groups, all units form one stratum, and each is drawn with everything
that it has in any group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from equivoice.metrics import CodedStatistics, FloatArray, IntArray

__all__ = ["ClusteredSums", "Stratum", "Unit", "clustered_sums"]

Unit = Literal["speaker", "utterance"]


@dataclass(frozen=True)
class Stratum:
    """Units that are resampled together.

    Args:
        groups: the groups that its units stand in, ascending.
        sums: (U, len(groups), S) the sums of each unit in each of the groups;
            all 0 where the unit does not stand in the group.
        multiplicity: (U,) how many equal units each row stands for.
    """

    groups: tuple[int, ...]
    sums: FloatArray
    multiplicity: IntArray

    @property
    def units(self) -> int:
        """How many units the stratum holds."""
        return int(self.multiplicity.sum())

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which unit stands in which group: (U, len(groups))."""
        return np.asarray(self.sums.any(-1))


@dataclass(frozen=True)
class ClusteredSums:
    """All strata of a sample.

    Args:
        strata: every unit stands in exactly one of them.
        n_groups: G, also counting groups without units.
        size: S, the length of a vector of statistics.
        unit: what the units are.
    """

    strata: tuple[Stratum, ...]
    n_groups: int
    size: int
    unit: Unit

    def totals(self) -> FloatArray:
        """The sums over all units: (G, S)."""
        totals = np.zeros((self.n_groups, self.size))
        for stratum in self.strata:
            weighted = np.tensordot(stratum.multiplicity, stratum.sums, axes=1)
            totals[list(stratum.groups)] += weighted
        return totals

    def units(self) -> IntArray:
        """How many units stand in each group: (G,)."""
        units = np.zeros(self.n_groups, dtype=np.int64)
        for stratum in self.strata:
            units[list(stratum.groups)] += stratum.multiplicity @ stratum.present
        return units

    def units_in(self, groups: tuple[int, ...]) -> int:
        """How many units stand in any of these groups, each counted once."""
        total = 0
        for stratum in self.strata:
            wanted = [column for column, group in enumerate(stratum.groups) if group in groups]
            total += int(stratum.multiplicity @ stratum.present[:, wanted].any(-1))
        return total

    def select(self, groups: tuple[int, ...]) -> ClusteredSums:
        """These groups only, renumbered in the order given."""
        strata: list[Stratum] = []
        for stratum in self.strata:
            kept = [group for group in groups if group in stratum.groups]
            if kept:
                sums = stratum.sums[:, [stratum.groups.index(group) for group in kept]]
                renumbered = tuple(groups.index(group) for group in kept)
                strata += _stratified(sums, renumbered, stratum.multiplicity)
        return ClusteredSums(tuple(strata), len(groups), self.size, self.unit)


def _stratified(sums: FloatArray, groups: tuple[int, ...], multiplicity: IntArray) -> list[Stratum]:
    """One stratum a group where each unit stands in one, else one stratum of all units."""
    present = np.asarray(sums.any(-1))
    somewhere = present.any(-1)
    sums, multiplicity, present = sums[somewhere], multiplicity[somewhere], present[somewhere]
    if (present.sum(-1) > 1).any():
        return [Stratum(groups, sums, multiplicity)]
    return [
        Stratum((group,), sums[own][:, [column]], multiplicity[own])
        for column, (group, own) in enumerate(zip(groups, present.T, strict=True))
        if own.any()
    ]


def clustered_sums(
    statistics: CodedStatistics,
    groups: IntArray,
    n_groups: int,
    units: IntArray | None,
    *,
    unit: Unit = "speaker",
) -> ClusteredSums:
    """Sum statistics by unit and group.

    Args:
        statistics: of n items.
        groups: (n,) the group of each item; −1 leaves the item out.
        n_groups: G.
        units: (n,) the unit of each item, or ``None``: then each item is one.
        unit: what the given units are.

    Example:
        >>> import numpy as np
        >>> from equivoice.metrics import classification_statistics
        >>> zero_one = np.array([0, 1, 0, 1])
        >>> stats = classification_statistics(zero_one, zero_one, 2)
        >>> sums = clustered_sums(stats, np.array([0, 0, 1, 1]), 2, np.array([7, 7, 8, 9]))
        >>> sums.units().tolist(), [stratum.groups for stratum in sums.strata]
        ([1, 2], [(0,), (1,)])
    """
    known = groups >= 0
    kept = CodedStatistics(statistics.codes[known], statistics.table)
    groups = groups[known]
    size = statistics.table.shape[1]
    if units is None:
        return ClusteredSums(_cells_as_units(kept, groups, n_groups), n_groups, size, "utterance")
    return ClusteredSums(_units(kept, groups, n_groups, units[known]), n_groups, size, unit)


def _cells_as_units(
    statistics: CodedStatistics, groups: IntArray, n_groups: int
) -> tuple[Stratum, ...]:
    """Equal items are one row with a multiplicity, so a million items cost K (K + 1) rows."""
    counts = statistics.counts(groups, n_groups).astype(np.int64)
    strata = []
    for group in range(n_groups):
        present = np.flatnonzero(counts[group])
        if len(present):
            sums = statistics.table[present][:, np.newaxis, :]
            strata.append(Stratum((group,), sums, counts[group, present]))
    return tuple(strata)


def _units(
    statistics: CodedStatistics, groups: IntArray, n_groups: int, units: IntArray
) -> tuple[Stratum, ...]:
    units = np.unique(units, return_inverse=True)[1] if units.max(initial=0) > len(units) else units
    flat = units * n_groups + groups
    stands = np.bincount(flat, minlength=1) > 0  # by counting, which is faster than sorting
    pairs = np.flatnonzero(stands)
    index = (np.cumsum(stands) - 1)[flat]
    sums = statistics.sums(index.astype(np.int64), len(pairs))
    unit_of, group_of = np.divmod(pairs, n_groups)
    rows, row_of = np.unique(unit_of, return_inverse=True)
    if len(rows) == len(pairs):  # one group each: no need for a table of units by groups
        return tuple(
            Stratum((group,), sums[own][:, np.newaxis], np.ones(int(own.sum()), dtype=np.int64))
            for group, own in ((group, group_of == group) for group in range(n_groups))
            if own.any()
        )
    table = np.zeros((len(rows), n_groups, sums.shape[1]))
    table[row_of, group_of] = sums
    return tuple(_stratified(table, tuple(range(n_groups)), np.ones(len(rows), dtype=np.int64)))
