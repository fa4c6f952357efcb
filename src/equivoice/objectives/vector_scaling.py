"""Vector-scaling loss: scores scaled and shifted by how common their class is, then weighted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from equivoice.errors import ConfigError
from equivoice.objectives.class_counts import inverse_weights
from equivoice.objectives.targets import class_shares, item_weights, log_probabilities, row_like

if TYPE_CHECKING:
    import torch

__all__ = ["VectorScaling"]


@dataclass(frozen=True)
class VectorScaling:
    """ẑ_c = (N_c / N_max)^γ z_c + τ log(N_c / N), then ℓ_i = −Σ_c t_ic w_c log softmax(ẑ_i)_c.

    Only the loss sees ẑ: a prediction is made of the plain scores. γ = 0 gives weighted
    logit adjustment; γ = τ = 0 the weighted cross-entropy.

    Args:
        counts: N_c, the items of each class in the training data.
        gamma: γ of the scale.
        tau: τ of the shift.
        weighted: whether w_c = N / (N_c C) enters; without, w_c = 1 (Kini et al.'s VS-loss).

    Raises:
        ConfigError: γ or τ is negative or not finite.
        InputError: a class has no items.

    Reference:
        ABHINAYA, equations 3 and 4 [paper]; Kini et al. 2021.

    Example:
        >>> import torch
        >>> loss = VectorScaling((100, 10), weighted=False)
        >>> [round(value, 6) for value in loss.multipliers], [round(x, 6) for x in loss.offsets]
        ([1.0, 0.501187], [-0.09531, -2.397895])
        >>> losses = loss(torch.ones(2, 2), torch.tensor([0, 1]))
        >>> [round(value, 5) for value in losses.tolist()]
        [0.05895, 2.86035]
    """

    counts: tuple[float, ...]
    gamma: float = 0.3
    tau: float = 1.0
    weighted: bool = True
    weights: tuple[float, ...] = field(init=False, compare=False)
    multipliers: tuple[float, ...] = field(init=False, compare=False)
    offsets: tuple[float, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("gamma", "tau"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(
                    f"the vector-scaling loss's {name} must be a number from 0", value=value
                )
        total, most = sum(self.counts), max(self.counts, default=0)
        weights = inverse_weights(self.counts)
        made = {
            "weights": weights if self.weighted else (1.0,) * len(weights),
            "multipliers": tuple((count / most) ** self.gamma for count in self.counts),
            "offsets": tuple(self.tau * math.log(count / total) for count in self.counts),
        }
        for name, values in made.items():
            object.__setattr__(self, name, values)

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        log_p = log_probabilities(self.scaled(logits))
        weights = row_like(self.weights, log_p)
        return -(class_shares(targets, log_p) * weights * log_p).sum(dim=1)

    def scaled(self, logits: torch.Tensor) -> torch.Tensor:
        """ẑ of the formula: (n, C).

        Args:
            logits: (n, C) scores.

        Raises:
            InputError: they have another number of classes.
        """
        import torch

        exact = logits if logits.dtype == torch.float64 else logits.float()
        return row_like(self.multipliers, exact) * exact + row_like(self.offsets, exact)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """The weight of each item's class."""
        return item_weights(targets, self.weights)
