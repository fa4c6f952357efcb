"""A learned weighted sum of the layers of an encoder."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["LayerMix"]


class LayerMix(nn.Module):
    """Σ_l softmax(w)_l h_l over the layers, w = 0 at the start: their mean.

    Args:
        layers: L, the output before the first layer among them.

    Example:
        >>> LayerMix(2)(torch.tensor([[[[1.0]]], [[[3.0]]]])).item()
        2.0
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(L, n, T, D) to (n, T, D)."""
        shares = self.weights.softmax(dim=0).to(hidden.dtype)
        return torch.einsum("l,l...->...", shares, hidden)
