"""Cross-entropy: minus the logarithm of the probability of an item's class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from equivoice.objectives.targets import class_shares, item_weights, log_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["CrossEntropy"]


@dataclass(frozen=True)
class CrossEntropy:
    """ℓ_i = −Σ_c t_ic log p_ic; for an item of one class, −log p of that class.

    Example:
        >>> import torch
        >>> CrossEntropy()(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).tolist()
        [0.6931471824645996]
    """

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        log_p = log_probabilities(logits)
        return -(class_shares(targets, log_p) * log_p).sum(dim=1)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """1 for each item."""
        return item_weights(targets, None)
