"""How far the model's distribution lies from that of the raters: KL(raters ‖ model)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from equivoice.objectives.targets import class_shares, item_weights, log_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["KLDivergence"]


@dataclass(frozen=True)
class KLDivergence:
    """ℓ_i = Σ_c t_ic (log t_ic − log p_ic), 0 log 0 = 0; in nats, 0 where both agree.

    For items of one class it is the cross-entropy.

    Example:
        >>> import torch
        >>> shares = torch.tensor([[0.2, 0.4, 0.4, 0.0]])
        >>> round(KLDivergence()(torch.zeros(1, 4), shares).item(), 6)
        0.331374
    """

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        import torch

        log_p = log_probabilities(logits)
        shares = class_shares(targets, log_p)
        return (torch.xlogy(shares, shares) - shares * log_p).sum(dim=1)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """1 for each item."""
        return item_weights(targets, None)
