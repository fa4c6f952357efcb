"""Generalised cross-entropy: between cross-entropy and mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from equivoice.errors import ConfigError
from equivoice.objectives.targets import class_shares, item_weights, log_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["GeneralisedCrossEntropy"]


@dataclass(frozen=True)
class GeneralisedCrossEntropy:
    """ℓ_i = Σ_c t_ic (1 − p_ic^q) / q.

    q near 0 gives the cross-entropy, q = 1 gives 1 − p. Items that the model finds easy
    have the larger part of the gradient, so a model learns what is easy first: used
    against wrong labels, and by debiasing to find what a model learns for a wrong reason.

    Args:
        q: above 0 and up to 1.

    Raises:
        ConfigError: q lies outside.

    Reference:
        Zhang and Sabuncu 2018; q = 0.7 in LfF.

    Example:
        >>> import torch
        >>> scores = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]).log()
        >>> losses = GeneralisedCrossEntropy()(scores, torch.tensor([0, 0, 0]))
        >>> [round(value, 5) for value in losses.tolist()]
        [0.10157, 0.54918, 1.14353]
    """

    q: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.q <= 1:
            raise ConfigError(
                "q of the generalised cross-entropy must lie above 0 and up to 1",
                value=self.q,
                hint="for q = 0 take the loss cross_entropy",
            )

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        import torch

        log_p = log_probabilities(logits)
        # 1 − p^q without cancellation where p is near 1, or q near 0
        each = -torch.expm1(self.q * log_p) / self.q
        return (class_shares(targets, log_p) * each).sum(dim=1)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """1 for each item."""
        return item_weights(targets, None)
