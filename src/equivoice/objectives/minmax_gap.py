"""The penalty on the largest gap between groups (ERM-MinMaxGAP), with the gradient that it has.

Items stand in strata: a cell, such as a language, and a group, such as a gender. With
ℓ̄_{c,g} the mean loss of a stratum, the gap of a cell is the largest difference
between the mean losses of two of its groups, Δ is the largest gap of all cells, and::

    J = mean ℓ + λ Δ^p

    ∇J = Σ_{c,g} k_{c,g} ∇(Σ of the losses in c, g)
    k_{c,g} = 1/B  ± λ p Δ^{p−1} / n_{c,g}      the second part for the two groups of Δ only

Sums and counts are therefore all that is needed to weight gradients. A cell with fewer
than two groups has no gap; where no cell has one, nothing is penalised. Where Δ is 0
the penalty's part of the gradient is 0, one of the subgradients. Ties go to the first
cell, and to the first groups, in the order of their names, so that they do not depend
on the order in which items come.

Reference: Pang et al., ERM-MinMaxGAP, equations of §2.2 and §2.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from equivoice.errors import ConfigError, RunError

__all__ = ["Gap", "GapPenalty", "Stratum", "cell_gaps", "penalty_coefficients", "worst_gap"]

Stratum = tuple[str, str | None]
"""The cell of an item and its group; ``None`` where its group is not known."""


@dataclass(frozen=True)
class GapPenalty:
    """Δ^p.

    Args:
        power: p; 2 punishes large gaps more, 1 all alike.

    Raises:
        ConfigError: another power.

    Example:
        >>> GapPenalty(2).value(0.5), GapPenalty(2).slope(0.5)
        (0.25, 1.0)
        >>> GapPenalty(1).value(0.5), GapPenalty(1).slope(0.5)
        (0.5, 1.0)
    """

    power: int = 2

    def __post_init__(self) -> None:
        if self.power not in {1, 2}:
            raise ConfigError("no such power of the gap", value=self.power, choices=(1, 2))

    def value(self, gap: float | None) -> float:
        """Δ^p; 0 where there is no gap."""
        return 0.0 if gap is None else float(gap**self.power)

    def slope(self, gap: float) -> float:
        """Its derivative by Δ: p Δ^(p−1)."""
        return float(self.power * gap ** (self.power - 1))


@dataclass(frozen=True)
class Gap:
    """How far two groups of a cell lie apart.

    Args:
        cell: the cell.
        pair: the two groups, in the order of their names.
        difference: the mean loss of the first less that of the second.
    """

    cell: str
    pair: tuple[str, str]
    difference: float

    @property
    def size(self) -> float:
        """The gap: the difference without its sign."""
        return abs(self.difference)

    @property
    def sign(self) -> int:
        """1 where the first group has the larger loss, −1 where the second, 0 for none."""
        return (self.difference > 0) - (self.difference < 0)


def cell_gaps(sums: Mapping[Stratum, float], counts: Mapping[Stratum, int]) -> dict[str, Gap]:
    """The gap of each cell in which two groups or more are present.

    Args:
        sums: the sum of the losses of each stratum.
        counts: how many items each stratum has; a stratum without items is absent.

    Returns:
        Gaps by cell, in the order of the cells' names. Items without a group take no part.

    Raises:
        RunError: a loss is no number, so that no gap could be called the largest.

    Example:
        >>> sums = {("de", "f"): 6.0, ("de", "m"): 2.0, ("en", "f"): 1.0}
        >>> cell_gaps(sums, {("de", "f"): 3, ("de", "m"): 4, ("en", "f"): 1})
        {'de': Gap(cell='de', pair=('f', 'm'), difference=1.5)}
    """
    means: dict[str, dict[str, float]] = {}
    present = [(cell, group) for (cell, group), n in counts.items() if group is not None and n > 0]
    for cell, group in sorted(present):
        mean = sums[cell, group] / counts[cell, group]
        if not math.isfinite(mean):
            raise RunError(f"the mean loss of {group} in {cell} is {mean}: training has diverged")
        means.setdefault(cell, {})[group] = mean
    return {cell: _widest(cell, of) for cell, of in means.items() if len(of) > 1}


def worst_gap(sums: Mapping[Stratum, float], counts: Mapping[Stratum, int]) -> Gap | None:
    """The largest of the :func:`cell_gaps`; ``None`` where no cell has one.

    Args:
        sums: the sum of the losses of each stratum.
        counts: how many items each stratum has.

    Example:
        >>> sums = {("de", "f"): 1.0, ("de", "m"): 2.0, ("en", "f"): 4.0, ("en", "m"): 1.0}
        >>> worst_gap(sums, dict.fromkeys(sums, 1))
        Gap(cell='en', pair=('f', 'm'), difference=3.0)
    """
    # max keeps the first of equals
    return max(cell_gaps(sums, counts).values(), key=lambda gap: gap.size, default=None)


def penalty_coefficients(
    sums: Mapping[Stratum, float],
    counts: Mapping[Stratum, int],
    *,
    penalty: GapPenalty | None,
    weight: float,
) -> dict[Stratum, float]:
    """What the gradient of each stratum's *sum* of losses is to be multiplied by.

    Args:
        sums: the sum of the losses of each stratum.
        counts: how many items each stratum has.
        penalty: the penalty; ``None`` for none.
        weight: λ.

    Returns:
        k of the formula above, for each stratum of ``counts`` that has items.

    Example:
        >>> sums = {("de", "f"): 6.0, ("de", "m"): 2.0}
        >>> counts = {("de", "f"): 3, ("de", "m"): 1}
        >>> penalty_coefficients(sums, counts, penalty=GapPenalty(1), weight=0.0)
        {('de', 'f'): 0.25, ('de', 'm'): 0.25}
        >>> sums["de", "m"] = 1.0
        >>> penalty_coefficients(sums, counts, penalty=GapPenalty(1), weight=0.75)
        {('de', 'f'): 0.5, ('de', 'm'): -0.5}
    """
    total = sum(counts.values())
    coefficients = {stratum: 1 / total for stratum, count in counts.items() if count > 0}
    worst = worst_gap(sums, counts)
    if penalty is None or worst is None:
        return coefficients
    slope = weight * penalty.slope(worst.size) * worst.sign
    for group, direction in zip(worst.pair, (1, -1), strict=True):
        coefficients[worst.cell, group] += direction * slope / counts[worst.cell, group]
    return coefficients


def _widest(cell: str, means: Mapping[str, float]) -> Gap:
    """The two groups of a cell that lie furthest apart; the first ones of equals."""
    names = list(means)
    highest, lowest = max(names, key=means.__getitem__), min(names, key=means.__getitem__)
    if highest == lowest:
        lowest = names[1]
    first, second = sorted((highest, lowest))
    return Gap(cell, (first, second), means[first] - means[second])
