"""Sums of statistics by speaker and group: what is resampled and permuted.

A *unit* is what was sampled from the world: a speaker, or an utterance where
speakers are not known. Units that stand in the same set of groups form a
*stratum*; units are resampled within their stratum, that is, speakers within
groups, and speakers who stand in several groups keep their groups together.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import numpy as np

from equivoice.metrics import CodedStatistics, FloatArray, IntArray

__all__ = ["ClusteredSums", "Stratum", "Unit", "clustered_sums"]

Unit = Literal["speaker", "utterance"]


@dataclass(frozen=True)
class Stratum:
    """Units that stand in the same groups.

    Args:
        groups: the groups, ascending.
        sums: (U, len(groups), S) the sums of each unit in each of the groups.
        multiplicity: (U,) how many equal units each row stands for.
    """

    groups: tuple[int, ...]
    sums: FloatArray
    multiplicity: IntArray

    @property
    def units(self) -> int:
        """How many units the stratum holds."""
        return int(self.multiplicity.sum())


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
            units[list(stratum.groups)] += stratum.units
        return units

    def units_in(self, groups: tuple[int, ...]) -> int:
        """How many units stand in any of these groups, each counted once."""
        wanted = set(groups)
        return sum(
            stratum.units for stratum in self.strata if not wanted.isdisjoint(stratum.groups)
        )

    def select(self, groups: tuple[int, ...]) -> ClusteredSums:
        """These groups only, renumbered in the order given."""
        strata = []
        for stratum in self.strata:
            kept = [group for group in groups if group in stratum.groups]
            if kept:
                columns = [stratum.groups.index(group) for group in kept]
                renumbered = tuple(groups.index(group) for group in kept)
                strata.append(Stratum(renumbered, stratum.sums[:, columns], stratum.multiplicity))
        return ClusteredSums(tuple(strata), len(groups), self.size, self.unit)


def clustered_sums(
    statistics: CodedStatistics, groups: IntArray, n_groups: int, speakers: IntArray | None
) -> ClusteredSums:
    """Sum statistics by unit and group.

    Args:
        statistics: of n items.
        groups: (n,) the group of each item; −1 leaves the item out.
        n_groups: G.
        speakers: (n,) the speaker of each item, or ``None``: then items are units.

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
    if speakers is None:
        return ClusteredSums(_cells_as_units(kept, groups, n_groups), n_groups, size, "utterance")
    strata = _speakers_as_units(kept, groups, n_groups, speakers[known])
    return ClusteredSums(strata, n_groups, size, "speaker")


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


def _speakers_as_units(
    statistics: CodedStatistics, groups: IntArray, n_groups: int, speakers: IntArray
) -> tuple[Stratum, ...]:
    pairs, index = np.unique(speakers * n_groups + groups, return_inverse=True)
    sums = statistics.sums(index.astype(np.int64), len(pairs))
    speaker_of, group_of = np.divmod(pairs, n_groups)
    rows_by_groups: dict[tuple[int, ...], list[IntArray]] = defaultdict(list)
    first_rows = np.flatnonzero(np.diff(speaker_of, prepend=-1))
    for rows in np.split(np.arange(len(pairs)), first_rows[1:]):
        rows_by_groups[tuple(group_of[rows].tolist())].append(rows)
    return tuple(
        Stratum(key, sums[np.stack(rows)], np.ones(len(rows), dtype=np.int64))
        for key, rows in sorted(rows_by_groups.items())
        if key
    )
