"""What training by pieces is held against: autograd on the whole effective batch at once.

The objective is written out here with torch's own means and maxima, independently of
``equivoice``; the model is small, and its dropout can be keyed by row, so that a row
loses the same units whatever it is batched with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from equivoice.training.effective_batches import EffectiveBatch, Item, MicroBatch

__all__ = ["TinyClassifier", "by_autograd", "items_of", "objective", "pieces"]

FEATURES, HIDDEN, CLASSES = 6, 5, 4


class TinyClassifier(torch.nn.Module):
    """Two layers with dropout between them, over a table of features.

    ``only_of`` is a parameter that only the rows of one cell use, ``unused`` one that
    none does: a gradient of the first exists in some micro-batches only.
    """

    def __init__(
        self,
        cells: Sequence[str],
        *,
        seed: int = 0,
        dropout: float = 0.3,
        keyed: bool = True,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)

        def numbers(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

        self.features = numbers(len(cells), FEATURES)
        self.targets = torch.randint(CLASSES, (len(cells),), generator=random)
        self.first = torch.nn.Parameter(numbers(FEATURES, HIDDEN))
        self.second = torch.nn.Parameter(numbers(HIDDEN, CLASSES))
        self.only_of = torch.nn.Parameter(numbers(CLASSES))
        self.unused = torch.nn.Parameter(numbers(3))
        self.cells = list(cells)
        self.dropout, self.keyed = dropout, keyed

    def losses(self, rows: Sequence[int]) -> torch.Tensor:
        """(n,) cross-entropy of some rows."""
        index = list(rows)
        hidden = (self.features[index] @ self.first).tanh() * self._kept(index)
        logits = hidden @ self.second
        special = torch.tensor([self.cells[row] == min(self.cells) for row in index])
        if special.any():
            logits = logits + special[:, None] * self.only_of
        return torch.nn.functional.cross_entropy(logits, self.targets[index], reduction="none")

    def of_micro(self, micro: MicroBatch) -> torch.Tensor:
        """As ``accumulate`` asks for them."""
        return self.losses(micro.rows)

    def _kept(self, rows: Sequence[int]) -> torch.Tensor:
        if not self.keyed:
            kept = torch.rand(len(rows), HIDDEN) >= self.dropout
        else:
            kept = torch.stack([_units(row) for row in rows]) >= self.dropout
        return kept / (1 - self.dropout)

    def gradients(self) -> dict[str, torch.Tensor | None]:
        """A copy of ``.grad`` by name."""
        return {
            name: None if each.grad is None else each.grad.clone()
            for name, each in self.named_parameters()
        }


def _units(row: int) -> torch.Tensor:
    return torch.rand(HIDDEN, generator=torch.Generator().manual_seed(row))


def items_of(strata: Sequence[tuple[str, str | None]], lengths: Sequence[float] = ()) -> list[Item]:
    """One item for each stratum given, named by its place."""
    return [
        Item(f"a/{place:04d}", cell, group, "happy", lengths[place] if lengths else 1.0 + place % 3)
        for place, (cell, group) in enumerate(strata)
    ]


def pieces(
    strata: Sequence[tuple[str, str | None]], micro: int, order: Sequence[int] = ()
) -> EffectiveBatch:
    """All rows in micro-batches of one stratum, cut in the order given, strata interleaved."""
    open_parts: dict[Any, list[int]] = {}
    parts: list[tuple[Any, list[int]]] = []
    for row in order or range(len(strata)):
        part = open_parts.get(strata[row])
        if part is None or len(part) == micro:
            part = open_parts[strata[row]] = []
            parts.append((strata[row], part))
        part.append(row)
    return EffectiveBatch(tuple(MicroBatch(tuple(part), *stratum) for stratum, part in parts))


def objective(
    losses: torch.Tensor,
    strata: Sequence[tuple[str, str | None]],
    *,
    weight: float,
    power: int,
) -> torch.Tensor:
    """``mean + λ max_c (largest − smallest mean of a group)^p``, by torch's own operations."""
    gaps = []
    for cell in sorted({cell for cell, _ in strata}):
        means = [
            losses[[row for row, each in enumerate(strata) if each == (cell, group)]].mean()
            for group in sorted({g for c, g in strata if c == cell and g is not None})
        ]
        if len(means) > 1:
            gaps.append(torch.stack(means).max() - torch.stack(means).min())
    if not gaps:
        return losses.mean()
    return losses.mean() + weight * torch.stack(gaps).max() ** power


def by_autograd(
    model: TinyClassifier,
    strata: Sequence[tuple[str, str | None]],
    *,
    weight: float,
    power: int,
) -> tuple[float, dict[str, torch.Tensor | None]]:
    """J and its gradient, all rows in one forward pass."""
    model.zero_grad(set_to_none=True)
    value = objective(model.losses(range(len(strata))), strata, weight=weight, power=power)
    value.backward()
    return float(value.detach()), model.gradients()
