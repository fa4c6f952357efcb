"""Cross-entropy in which rare classes count more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from equivoice.objectives.class_counts import inverse_weights
from equivoice.objectives.targets import class_shares, item_weights, log_probabilities, row_like

if TYPE_CHECKING:
    import torch

__all__ = ["WeightedCrossEntropy"]


@dataclass(frozen=True)
class WeightedCrossEntropy:
    """ℓ_i = −Σ_c t_ic w_c log p_ic with w_c = N / (N_c C).

    The paper divides the sum over items by their number (the reduction ``items``);
    frameworks' weighted cross-entropy divides by the sum of the weights (``weights``).

    Args:
        counts: N_c, the items of each class in the training data.

    Raises:
        InputError: a class has no items.

    Reference:
        ABHINAYA, equation 1 [paper].

    Example:
        >>> import torch
        >>> loss = WeightedCrossEntropy((1, 3))
        >>> [round(value, 4) for value in loss(torch.zeros(2, 2), torch.tensor([0, 1])).tolist()]
        [1.3863, 0.4621]
    """

    counts: tuple[float, ...]
    weights: tuple[float, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", inverse_weights(self.counts))

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        log_p = log_probabilities(logits)
        weights = row_like(self.weights, log_p)
        return -(class_shares(targets, log_p) * weights * log_p).sum(dim=1)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """The weight of each item's class."""
        return item_weights(targets, self.weights)
