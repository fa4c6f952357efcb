"""From the frames of an utterance to one vector: the mean, or attentive statistics.

Only the frames under the mask take part, whatever stands in the others: the same
utterance gives the same vector in every batch.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import nn

from equivoice.errors import ConfigError

__all__ = [
    "POOLINGS",
    "AttentiveStatistics",
    "MaskedMean",
    "Pooling",
    "make_pooling",
    "masked_mean",
]

Pooling: TypeAlias = Literal["mean", "attentive"]
POOLINGS: tuple[Pooling, ...] = ("mean", "attentive")
"""How frames become one vector."""


def masked_mean(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean over the valid frames.

    Args:
        hidden: (n, T, D).
        mask: (n, T) bool, true where a frame is valid; one at least in each row.

    Returns:
        (n, D).

    Example:
        >>> frames = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]])
        >>> masked_mean(frames, torch.tensor([[True, True, False]])).tolist()
        [[2.0, 3.0]]
    """
    valid = _only_valid(hidden, mask)
    return valid.sum(dim=1) / mask.sum(dim=1, keepdim=True)


class MaskedMean(nn.Module):
    """:func:`masked_mean` as a module: (n, T, D) and (n, T) to (n, D).

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_width = width

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The mean of each row's valid frames."""
        return masked_mean(hidden, mask)


class AttentiveStatistics(nn.Module):
    """Mean and standard deviation under learned attention (Okabe et al., 2018).

    With e_t = vᵀ tanh(W h_t + b) + k and α = softmax(e) over the valid frames,
    μ = Σ α_t h_t and σ = sqrt(max(Σ α_t (h_t − μ)², eps)), which is
    sqrt(max(Σ α_t h_t² − μ², eps)) without its cancellation. Where the variance is below
    eps, σ has gradient 0 and not infinity.

    Args:
        width: D.
        attention: the width of W h_t + b.
        eps: the smallest variance.

    Example:
        >>> pooling = AttentiveStatistics(2, attention=4)
        >>> _ = torch.nn.init.zeros_(pooling.score.weight)  # the same attention everywhere
        >>> frames = torch.tensor([[[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]]])
        >>> found = pooling(frames, torch.ones(1, 3, dtype=torch.bool))
        >>> [round(value, 3) for value in found[0].tolist()]
        [3.0, 2.0, 1.633, 0.001]
    """

    def __init__(self, width: int, *, attention: int = 128, eps: float = 1e-6) -> None:
        super().__init__()
        self.out_width = 2 * width
        self.eps = eps
        self.inner = nn.Linear(width, attention)
        self.score = nn.Linear(attention, 1)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[μ; σ] of each row: (n, T, D) and (n, T) bool to (n, 2D)."""
        valid = _only_valid(hidden, mask)
        weights = self.attention(valid, mask)[..., None]
        mean = (weights * valid).sum(dim=1)
        variance = (weights * (valid - mean[:, None]).square()).sum(dim=1)
        return torch.cat([mean, variance.clamp(min=self.eps).sqrt()], dim=1)

    def attention(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """α: (n, T), 0 where there is no frame; each row sums to 1."""
        scores: torch.Tensor = self.score(torch.tanh(self.inner(hidden)))[..., 0].float()
        return scores.masked_fill(~mask, -torch.inf).softmax(dim=1)


def make_pooling(
    kind: str, width: int, *, attention: int = 128
) -> MaskedMean | AttentiveStatistics:
    """A pooling by name.

    Args:
        kind: of :data:`POOLINGS`.
        width: of a frame.
        attention: the inner width of attentive statistics.

    Raises:
        ConfigError: no such pooling, or a width below 1.
    """
    if kind not in POOLINGS:
        raise ConfigError("pooling: unknown choice", value=kind, choices=POOLINGS)
    if attention < 1:
        raise ConfigError("attention_width is below 1", value=attention)
    if kind == "mean":
        return MaskedMean(width)
    return AttentiveStatistics(width, attention=attention)


def _only_valid(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """In float32, with zeros where there is no frame, whatever stood there."""
    return hidden.float().masked_fill(~mask[..., None], 0.0)
