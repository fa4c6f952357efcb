"""Class-balanced soft cross-entropy: weights by the effective number of items of each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from equivoice.objectives.class_counts import counts_above_chance, effective_number_weights
from equivoice.objectives.targets import class_shares, item_weights, log_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["ClassBalancedSoftCrossEntropy"]


@dataclass(frozen=True)
class ClassBalancedSoftCrossEntropy:
    """ℓ_i = −(Σ_c w_c t_ic) · Σ_j t_ij log p_ij.

    n_c is the number of training items in which the share of c lies above 1/C (0 counts
    as 1), β = (N − 1)/N, w_c = (1 − β)/(1 − β^n_c), scaled so that the weights have the
    sum C. An item is weighted whole, by the mean weight of its classes.

    Args:
        counts: n_c of the training data.
        items: N, the number of training items; not the sum of n_c.

    Raises:
        InputError: no class, a negative count, or no items.

    Reference:
        EMO-SUPERB and EMO-Debias [code]; the weights after Cui et al. 2019.

    Example:
        >>> import torch
        >>> loss = ClassBalancedSoftCrossEntropy((4, 2, 1, 1), items=8)
        >>> targets = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.5]])
        >>> [round(value, 4) for value in loss(torch.zeros(2, 4), targets).tolist()]
        [0.5907, 1.4994]
    """

    counts: tuple[int, ...]
    items: int
    weights: tuple[float, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", effective_number_weights(self.counts, self.items))

    @classmethod
    def of(cls, shares: torch.Tensor) -> ClassBalancedSoftCrossEntropy:
        """The loss for training data.

        Args:
            shares: (N, C) the share of each class in each training item.

        Raises:
            InputError: they are no table, or empty.
        """
        return cls(tuple(counts_above_chance(shares)), len(shares))

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        log_p = log_probabilities(logits)
        shares = class_shares(targets, log_p)
        return -self.item_weights(shares) * (shares * log_p).sum(dim=1)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """The mean weight of each item's classes."""
        return item_weights(targets, self.weights)
