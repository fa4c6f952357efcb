"""Who judges what, in which order, and which side stands first.

Items are handed out rater by rater: those that fewest raters have so far come first, so
that within a stratum no item is judged more than once more often than another. Each rater
gets the strata in the proportions of the pool, whole numbers being rounded so that the
differences cancel out over raters. The order is random for each rater. Where two sides are
compared, each item shows either system first equally often (within one), and so does each
rater as far as that leaves a choice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from equivoice.errors import ConfigError
from equivoice.inference.seeds import seed_for

__all__ = ["Candidate", "HandedOut", "Place", "assign"]

_Stratum = tuple[bool, str]


@dataclass(frozen=True)
class Candidate:
    """An item that may be handed out.

    Args:
        item: its name.
        stratum: items of a stratum are interchangeable for the balance.
        gold: whether a right answer is known.
    """

    item: str
    stratum: str = ""
    gold: bool = False


@dataclass(frozen=True)
class Place:
    """What a rater sees at one place of the list.

    Args:
        item: its name, or that of a check of attention.
        swapped: whether the second system stands first.
    """

    item: str
    swapped: bool = False


@dataclass
class HandedOut:
    """What raters were given so far; raters who are invited later are balanced with them.

    Args:
        uses: how many raters have each item.
        swaps: how many of them see it swapped, minus those who do not.
    """

    uses: Counter[str] = field(default_factory=Counter)
    swaps: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, places: Iterable[Place]) -> HandedOut:
        """The counts of given places."""
        counts = cls()
        for place in places:
            counts.add(place)
        return counts

    def add(self, place: Place) -> None:
        """Count one more place."""
        self.uses[place.item] += 1
        self.swaps[place.item] += 1 if place.swapped else -1


def assign(
    candidates: Sequence[Candidate],
    raters: Sequence[str],
    *,
    per_rater: int | None = None,
    gold_per_rater: int | None = None,
    checks: Sequence[str] = (),
    sides: bool = False,
    seed: int = 0,
    before: HandedOut | None = None,
) -> dict[str, tuple[Place, ...]]:
    """The list of each rater.

    Args:
        candidates: all items.
        raters: names of the raters to be given a list.
        per_rater: items a rater, without checks of attention; all where not given.
        gold_per_rater: how many of them are gold; by their share where not given.
        checks: names of the checks of attention that every rater gets, spread evenly,
            none of them at the first place.
        sides: whether there are two sides, the order of which is balanced.
        seed: of all draws; the lists of others do not change when a rater is added.
        before: what other raters have.

    Raises:
        ConfigError: more is asked for than there is.

    Example:
        >>> lists = assign([Candidate("x"), Candidate("y")], ["r1", "r2"], per_rater=1)
        >>> sorted(place.item for places in lists.values() for place in places)
        ['x', 'y']
    """
    strata, shares = _strata(candidates, per_rater, gold_per_rater)
    counts = HandedOut() if before is None else HandedOut(before.uses.copy(), before.swaps.copy())
    given = Counter({key: sum(counts.uses[item] for item in strata[key]) for key in strata})
    lists = {}
    for rater in raters:
        random = np.random.default_rng(seed_for(seed, "assign", rater))
        quotas = _quotas(shares, given, {key: len(strata[key]) for key in strata}, random)
        given.update(quotas)
        items = [
            item
            for key, quota in quotas.items()
            for item in _least_used(strata[key], counts.uses, quota, random)
        ]
        places = _sided(_shuffled(items, random), counts, random, sides=sides)
        lists[rater] = _with_checks(places, checks, random)
    return lists


def _strata(
    candidates: Sequence[Candidate], per_rater: int | None, gold_per_rater: int | None
) -> tuple[dict[_Stratum, list[str]], dict[_Stratum, float]]:
    """The items of each stratum, and how many of them a rater gets on average."""
    total = len(candidates) if per_rater is None else per_rater
    told_apart = gold_per_rater is not None
    strata: dict[_Stratum, list[str]] = defaultdict(list)
    for each in candidates:
        strata[each.gold and told_apart, each.stratum].append(each.item)
    pool = {
        gold: sum(len(v) for (g, _), v in strata.items() if g == gold) for gold in (True, False)
    }
    wanted = {True: gold_per_rater or 0, False: total - (gold_per_rater or 0)}
    if wanted[False] < 0:
        raise ConfigError("gold_per_rater is more than per_rater", value=gold_per_rater)
    for gold, name in ((True, "gold items"), (False, "items")):
        if wanted[gold] > pool[gold]:
            raise ConfigError(
                f"each rater would get {wanted[gold]} {name}, and there are {pool[gold]}",
                hint="lower per_rater or gold_per_rater, or give more items",
            )
    shares = {
        key: wanted[key[0]] * len(items) / pool[key[0]] for key, items in sorted(strata.items())
    }
    return dict(sorted(strata.items())), shares


def _quotas(
    shares: Mapping[_Stratum, float],
    given: Mapping[_Stratum, int],
    sizes: Mapping[_Stratum, int],
    random: np.random.Generator,
) -> dict[_Stratum, int]:
    """Whole numbers near the shares, with their sum; what was short so far comes first."""
    quotas = {key: int(share + 1e-9) for key, share in shares.items()}
    for gold in (True, False):
        keys = [key for key in shares if key[0] == gold]
        rest = round(sum(shares[key] for key in keys)) - sum(quotas[key] for key in keys)
        open_ones = [key for key in keys if quotas[key] < sizes[key]]
        draw = random.random(len(open_ones))
        handed = sum(given[key] for key in keys)
        total = sum(shares[key] for key in keys)
        fair = {key: handed * shares[key] / total if total else 0.0 for key in keys}
        lack = {
            key: (fair[key] + shares[key] - given[key] - quotas[key], tie)
            for key, tie in zip(open_ones, draw, strict=True)
        }
        for key in sorted(open_ones, key=lambda each: lack[each], reverse=True)[:rest]:
            quotas[key] += 1
    return quotas


def _least_used(
    items: Sequence[str], uses: Mapping[str, int], number: int, random: np.random.Generator
) -> list[str]:
    ties = random.random(len(items))
    order = sorted(range(len(items)), key=lambda at: (uses.get(items[at], 0), ties[at]))
    return [items[at] for at in order[:number]]


def _shuffled(items: Sequence[str], random: np.random.Generator) -> list[str]:
    return [items[at] for at in random.permutation(len(items))]


def _sided(
    items: Sequence[str], counts: HandedOut, random: np.random.Generator, *, sides: bool
) -> list[Place]:
    """Places with their sides; the counts are brought up to date."""
    tally = 0  # of this rater: swapped minus not swapped
    places = []
    for item in items:
        toss = bool(random.random() < 0.5)
        lean = counts.swaps[item] or tally
        swapped = sides and (toss if lean == 0 else lean < 0)
        tally += 1 if swapped else -1
        places.append(Place(item, swapped))
        counts.uses[item] += 1
        counts.swaps[item] += 1 if swapped else -1
    return places


def _with_checks(
    places: Sequence[Place], checks: Sequence[str], random: np.random.Generator
) -> tuple[Place, ...]:
    """The checks spread over the list: one in each of as many stretches of equal length."""
    mixed = list(places)
    edges = np.linspace(0, len(places), len(checks) + 1).round().astype(int)
    order = random.permutation(len(checks))
    for at in range(len(checks) - 1, -1, -1):
        low, high = max(1, int(edges[at])), max(1, int(edges[at + 1]))
        position = min(int(random.integers(low, high + 1)), len(mixed))
        mixed.insert(position, Place(checks[order[at]]))
    return tuple(mixed)
