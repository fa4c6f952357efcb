"""Focal loss with weights by class: rare classes and hard items count more."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from equivoice.errors import ConfigError
from equivoice.objectives.class_counts import inverse_weights
from equivoice.objectives.targets import class_shares, item_weights, log_probabilities, row_like

if TYPE_CHECKING:
    import torch

__all__ = ["FOCAL_CONVENTIONS", "WeightedFocal"]

FOCAL_CONVENTIONS = ("paper", "abhinaya_code")
"""How the weight of a class enters."""


@dataclass(frozen=True)
class WeightedFocal:
    """ℓ_i = −Σ_c t_ic w_c (1 − p_ic)^γ log p_ic with w_c = N / (N_c C).

    The convention ``abhinaya_code`` is a defect, kept to repeat published runs: there
    the weights, (n, 1), and the losses, (n,), are stretched to (n, n), and the mean is
    taken of all of it. That equals the *mean* weight of the batch times each item's
    loss: no item is weighted by its own class, and an item's loss depends on the batch
    that it stands in, which in the released runs is the micro-batch.

    Args:
        counts: N_c, the items of each class in the training data.
        gamma: γ; 0 gives the weighted cross-entropy.
        convention: one of :data:`FOCAL_CONVENTIONS`.

    Raises:
        ConfigError: γ is negative or not finite, or the convention is unknown.
        InputError: a class has no items.

    Reference:
        ABHINAYA, equation 2 [paper]; the convention [code].

    Example:
        >>> import torch
        >>> loss = WeightedFocal((2, 2), gamma=2)
        >>> round(loss(torch.zeros(1, 2), torch.tensor([0])).item(), 6)  # log 2 / 4
        0.173287
    """

    counts: tuple[float, ...]
    gamma: float = 2.0
    convention: str = "paper"
    weights: tuple[float, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.gamma) and self.gamma >= 0):
            raise ConfigError("the focal loss's gamma must be a number from 0", value=self.gamma)
        if self.convention not in FOCAL_CONVENTIONS:
            raise ConfigError(
                "unknown convention of the focal loss",
                value=self.convention,
                choices=FOCAL_CONVENTIONS,
            )
        object.__setattr__(self, "weights", inverse_weights(self.counts))

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        import torch

        log_p = log_probabilities(logits)
        shares = class_shares(targets, log_p)
        # 1 − p without cancellation; the floor keeps the slope finite at p = 1 for γ below 1
        doubt = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
        each = -(doubt**self.gamma) * log_p
        if self.convention == "abhinaya_code":
            return (shares * each).sum(dim=1) * self.item_weights(shares).mean()
        return (shares * row_like(self.weights, log_p) * each).sum(dim=1)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """The weight of each item's class."""
        return item_weights(targets, self.weights)
