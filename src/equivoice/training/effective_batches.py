"""What is learnt from together: the effective batches of an epoch, and their micro-batches.

A plan is a value that follows from the items, the seed and the epoch, and not from the
order in which the items come or from how much of it is done. Each item stands in it
exactly once.

The items of each stratum (a cell and a group) are dealt evenly over the effective
batches, so that each holds all groups of all cells and the batches are of like size.
Where a stratum has fewer items than there are batches, they go to batches in which the
other groups of their cell are present too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import ConfigError, InputError
from equivoice.inference.seeds import seed_for
from equivoice.objectives.minmax_gap import Stratum

__all__ = ["EffectiveBatch", "Item", "MicroBatch", "plan_epoch", "steps_per_epoch"]

IntArray = NDArray[np.int64]
_Order = tuple[str, bool, str]


@dataclass(frozen=True)
class Item:
    """One thing to learn from.

    Args:
        utterance_id: what is heard; it may stand in several cells.
        cell: in which gaps are taken, such as the language.
        group: such as the gender; ``None`` where it is not known.
        label: the answer to be learnt; ``None`` where only a distribution is, and no label
            has most of it.
        length: such as its seconds; ``inf`` where it is not known.
    """

    utterance_id: str
    cell: str
    group: str | None
    label: str | None
    length: float

    @property
    def stratum(self) -> Stratum:
        """Its cell and group."""
        return (self.cell, self.group)


@dataclass(frozen=True)
class MicroBatch:
    """Items that go through the model together.

    Args:
        rows: their positions among the items of the plan.
        cell: their cell; ``None`` where the micro-batch is of several strata.
        group: their group; ``None`` also where it is not known.
        mixed: the stratum of each row, where they are of several.
        cost: rows times the largest length, for dealing the work over processes.
    """

    rows: tuple[int, ...]
    cell: str | None
    group: str | None
    mixed: tuple[Stratum, ...] = ()
    cost: float = 1.0

    @property
    def strata(self) -> tuple[Stratum, ...]:
        """The cell and group of each row."""
        if self.cell is None:
            return self.mixed
        return ((self.cell, self.group),) * len(self.rows)

    @property
    def stratum(self) -> Stratum | None:
        """The stratum that all rows share; ``None`` where they are of several."""
        return None if self.cell is None else (self.cell, self.group)


@dataclass(frozen=True)
class EffectiveBatch:
    """What one step of the optimizer learns from.

    Args:
        micro_batches: in the order of the work; the rows of one stratum follow each other.
    """

    micro_batches: tuple[MicroBatch, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """All rows, micro-batch by micro-batch."""
        return tuple(row for micro in self.micro_batches for row in micro.rows)

    def counts(self) -> dict[Stratum, int]:
        """How many items each stratum has, in the order of their names."""
        return _counts([stratum for micro in self.micro_batches for stratum in micro.strata])


def steps_per_epoch(items: int, *, batch: int) -> int:
    """How many effective batches an epoch has, the same in each.

    Args:
        items: how many there are.
        batch: the most that an effective batch holds.

    Example:
        >>> steps_per_epoch(100, batch=64)
        2
    """
    return -(-items // batch)


def plan_epoch(
    items: Sequence[Item],
    *,
    batch: int,
    micro: int,
    seed: int,
    epoch: int,
    keep_groups: bool = True,
    mixed: bool = False,
) -> list[EffectiveBatch]:
    """The effective batches of one epoch.

    Batches are of like size: 100 items at ``batch=64`` make two of 50. Within a
    batch, items of like length stand in a micro-batch together, the longest first and
    those of unknown length last.

    Args:
        items: in any order.
        batch: the most items that an effective batch holds.
        micro: the most that go through the model at once.
        seed: the root seed.
        epoch: the number of the epoch; each has an order of its own.
        keep_groups: every group of every cell in each effective batch, as far as the
            counts allow; otherwise items are dealt whatever their groups.
        mixed: micro-batches across strata (for the scope ``microbatch``, in which
            groups are then kept in each as well); otherwise each is of one stratum.

    Raises:
        ConfigError: a size below 1, or a batch that cannot hold all groups of all cells.
        InputError: there are no items, or one has a length that is no number.

    Example:
        >>> items = [Item(f"a/{k}", "de", "fm"[k % 2], "happy", 1.0) for k in range(6)]
        >>> [plan] = plan_epoch(items, batch=6, micro=2, seed=0, epoch=0)
        >>> [(micro.group, len(micro.rows)) for micro in plan.micro_batches]
        [('f', 1), ('f', 2), ('m', 1), ('m', 2)]
        >>> sorted(plan.rows)
        [0, 1, 2, 3, 4, 5]
    """
    _check(items, batch, micro, keep_groups)
    random = np.random.default_rng(seed_for(seed, "epoch", epoch))
    parts = steps_per_epoch(len(items), batch=batch)
    strata = [item.stratum if keep_groups else ("", None) for item in items]
    shares = _shares(_counts(strata), parts, batch)
    places = random.permutation(parts)
    rows: list[list[int]] = [[] for _ in range(parts)]
    for stratum, members in _by_stratum(items, range(len(items)), strata).items():
        shuffled = random.permutation(np.array(members)).tolist()
        ends = np.cumsum(shares[stratum])
        for part in range(parts):
            start = int(ends[part] - shares[stratum][part])
            rows[places[part]] += shuffled[start : int(ends[part])]
    cut = _cut_mixed if mixed else _cut
    return [EffectiveBatch(tuple(cut(items, each, micro))) for each in rows]


def _check(items: Sequence[Item], batch: int, micro: int, keep_groups: bool) -> None:
    for name, size in (("batch", batch), ("micro", micro)):
        if size < 1:
            raise ConfigError(f"{name}: at least 1 item must go together", value=size)
    if not items:
        raise InputError("there is nothing to learn from: no items")
    for row, item in enumerate(items, 1):
        if math.isnan(item.length) or item.length < 0:
            raise InputError(
                f"the length of {item.utterance_id} is no number from 0", row=row, value=item.length
            )
    if not keep_groups:
        return
    counts = _counts([item.stratum for item in items if item.group is not None])
    if batch < len(counts):
        held = ", ".join(f"{cell} {group} ({n})" for (cell, group), n in counts.items())
        raise ConfigError(
            f"an effective batch of {batch} cannot hold the {len(counts)} groups of all cells",
            value=held,
            hint=f"a batch of at least {len(counts)}, or fewer cells or groups",
        )


# ------------------------------------------------------------------ strata over parts


def _shares(counts: Mapping[Stratum, int], parts: int, most: int) -> dict[Stratum, IntArray]:
    """How many items of each stratum each part gets; no part more than ``most`` in all.

    It does not depend on chance, so that each epoch has the same sizes in another order.
    """
    shares = {stratum: np.full(parts, n // parts) for stratum, n in counts.items()}
    load = np.full(parts, sum(n // parts for n in counts.values()))
    owed = {stratum: n % parts for stratum, n in counts.items()}
    for strata in _scarce_cells(counts, parts):
        # the same order for all groups of the cell: where the scarcest is, all are
        order = np.argsort(load, kind="stable")
        for stratum in strata:
            taken = order[: owed[stratum]]
            for part in taken[load[taken] == most].tolist():
                _make_room(part, shares, load, owed)
            taken = taken[load[taken] < most]
            shares[stratum][taken] += 1
            load[taken] += 1
            owed[stratum] -= len(taken)
    for stratum in sorted(owed, key=lambda each: (-owed[each], _order(each))):
        while owed[stratum]:
            order = np.argsort(load, kind="stable")
            taken = order[load[order] < most][: owed[stratum]]
            shares[stratum][taken] += 1
            load[taken] += 1
            owed[stratum] -= len(taken)
    return shares


def _make_room(
    part: int, shares: Mapping[Stratum, IntArray], load: IntArray, owed: dict[Stratum, int]
) -> None:
    """Send one item away from a full part, of what it has most of; nothing where all are single.

    One of an unknown group can always go.
    """
    spare = {
        stratum: int(share[part]) - (stratum[1] is not None) for stratum, share in shares.items()
    }
    stratum = max(spare, key=spare.__getitem__)
    if spare[stratum] > 0:
        shares[stratum][part] -= 1
        load[part] -= 1
        owed[stratum] += 1


def _scarce_cells(counts: Mapping[Stratum, int], parts: int) -> list[list[Stratum]]:
    """Cells of several groups of which one is not enough for all parts: their such strata.

    The scarcest group comes first; a cell whose groups are met more rarely, too.
    """
    cells: dict[str, list[Stratum]] = {}
    for stratum in counts:
        if stratum[1] is not None:
            cells.setdefault(stratum[0], []).append(stratum)
    found = []
    for strata in cells.values():
        scarce = [each for each in strata if counts[each] < parts]
        if scarce and len(strata) > 1:
            found.append(sorted(scarce, key=lambda each: (counts[each], _order(each))))
    return sorted(found, key=lambda strata: (counts[strata[0]], _order(strata[0])))


def _counts(strata: Sequence[Stratum]) -> dict[Stratum, int]:
    found: dict[Stratum, int] = {}
    for stratum in strata:
        found[stratum] = found.get(stratum, 0) + 1
    return {stratum: found[stratum] for stratum in sorted(found, key=_order)}


def _by_stratum(
    items: Sequence[Item], rows: Sequence[int], strata: Sequence[Stratum]
) -> dict[Stratum, list[int]]:
    """Rows by stratum, in an order that is the items' own, not that of the list."""
    found: dict[Stratum, list[int]] = {}
    for row, stratum in zip(rows, strata, strict=True):
        found.setdefault(stratum, []).append(row)
    return {
        stratum: sorted(found[stratum], key=lambda row: _identity(items[row]))
        for stratum in sorted(found, key=_order)
    }


def _order(stratum: Stratum) -> _Order:
    """Strata by name, those without a group last in their cell."""
    cell, group = stratum
    return (cell, group is None, group or "")


def _identity(item: Item) -> tuple[str, _Order, str, float]:
    return (item.utterance_id, _order(item.stratum), item.label or "", item.length)


# ------------------------------------------------------------------------ micro-batches


def _cut(items: Sequence[Item], rows: Sequence[int], micro: int) -> list[MicroBatch]:
    """Micro-batches of one stratum each, stratum after stratum."""
    strata = _by_stratum(items, rows, [items[row].stratum for row in rows])
    return [
        MicroBatch(tuple(part), *stratum, cost=_cost(items, part))
        for stratum, members in strata.items()
        for part in _even_parts(_longest_first(items, members), _parts(len(members), micro))
    ]


def _cut_mixed(items: Sequence[Item], rows: Sequence[int], micro: int) -> list[MicroBatch]:
    """Micro-batches with groups of each cell in each, as far as the counts allow.

    The longest of each stratum come together, then the next.
    """
    strata = _by_stratum(items, rows, [items[row].stratum for row in rows])
    shares = _shares(
        {each: len(of) for each, of in strata.items()}, _parts(len(rows), micro), micro
    )
    parts: list[list[int]] = [[] for _ in range(_parts(len(rows), micro))]
    for stratum, members in strata.items():
        left = _longest_first(items, members)
        for number, share in enumerate(shares[stratum].tolist()):
            parts[number] += left[:share]
            left = left[share:]
    return [
        MicroBatch(
            tuple(part),
            None,
            None,
            mixed=tuple(items[row].stratum for row in part),
            cost=_cost(items, part),
        )
        for part in parts
    ]


def _longest_first(items: Sequence[Item], rows: Sequence[int]) -> list[int]:
    """Those of unknown length last."""

    def place(row: int) -> tuple[bool, float, tuple[str, _Order, str, float]]:
        length = items[row].length
        return (math.isinf(length), -length, _identity(items[row]))

    return sorted(rows, key=place)


def _parts(count: int, most: int) -> int:
    return -(-count // most)


def _even_parts(rows: Sequence[int], parts: int) -> list[list[int]]:
    """Neighbours in parts of like size, the larger ones last."""
    bounds = [len(rows) * part // parts for part in range(parts + 1)]
    return [list(rows[low:high]) for low, high in pairwise(bounds)]


def _cost(items: Sequence[Item], rows: Sequence[int]) -> float:
    """Rows times the largest length; where no length is known, the rows."""
    lengths = [items[row].length for row in rows]
    return len(rows) * max((each for each in lengths if not math.isinf(each)), default=1.0)
