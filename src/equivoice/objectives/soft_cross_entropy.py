"""Cross-entropy against what all raters said, not against one label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from equivoice.errors import InputError
from equivoice.objectives.targets import class_shares, item_weights, log_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["SoftCrossEntropy"]


@dataclass(frozen=True)
class SoftCrossEntropy:
    """ℓ_i = −Σ_c t_ic log p_ic of distributions; it takes nothing else.

    It differs from the divergence KL(t ‖ p) by the entropy of t, which no weight of the
    model changes: both have the same gradient. Its minimum is that entropy, not 0.

    Example:
        >>> import torch
        >>> shares = torch.tensor([[0.25, 0.75]])
        >>> round(SoftCrossEntropy()(shares.log(), shares).item(), 6)
        0.562335
    """

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it.

        Raises:
            InputError: as there, or the targets are classes.
        """
        if targets.ndim != 2:
            raise InputError(
                "soft-label cross-entropy needs the shares of all classes, not one class an item",
                hint="train on votes, or take the loss cross_entropy",
            )
        log_p = log_probabilities(logits)
        return -(class_shares(targets, log_p) * log_p).sum(dim=1)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """1 for each item."""
        return item_weights(targets, None)
