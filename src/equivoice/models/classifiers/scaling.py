"""A scale and a shift for each channel that begin where speech has mean 0 and variance 1.

They do for a network what batch norm does for it at the start, and stay parameters of
their own: no utterance depends on another one, and there are no running statistics.
(Krähenbühl et al., 2016: data-dependent initialisation.)
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["ChannelScale"]


class ChannelScale(nn.Module):
    """x · weight + bias for each channel; nought where the mask is.

    Args:
        channels: how many.

    Example:
        >>> scale = ChannelScale(1)
        >>> x, mask = torch.tensor([[[1.0, 3.0, 9.0]]]), torch.tensor([[1.0, 1.0, 0.0]])
        >>> scale.calibrate(x, mask)
        >>> [round(value, 1) + 0 for value in scale(x, mask)[0, 0].tolist()]
        [-1.0, 1.0, 0.0]
    """

    # of the mean variance: a channel that hardly varies is not blown up
    _FLOOR = 0.05

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scale x.

        Args:
            x: (n, channels, …, T).
            mask: (n, T) of ones and noughts.
        """
        places = mask.view(len(mask), *[1] * (x.dim() - 2), -1)
        shape = (1, -1, *[1] * (x.dim() - 2))
        # one pass over x: where the mask is nought, scale and shift are
        return torch.addcmul(self.bias.view(shape) * places, x, self.weight.view(shape) * places)

    @torch.no_grad()
    def calibrate(self, x: torch.Tensor, mask: torch.Tensor) -> None:
        """Give each channel mean 0 and variance 1, nearly, over x where the mask is one.

        Args:
            x: (n, channels, …, T).
            mask: (n, T) of ones and noughts.
        """
        places = mask.view(len(mask), *[1] * (x.dim() - 2), -1).expand_as(x)
        over = [axis for axis in range(x.dim()) if axis != 1]
        count = places.sum(dim=over)
        mean = (x * places).sum(dim=over) / count
        centred = x - mean.view(1, -1, *[1] * (x.dim() - 2))
        variance = (centred.square() * places).sum(dim=over) / count
        spread = variance + self._FLOOR * variance.mean().clamp(min=1e-5)
        self.weight.copy_(spread.rsqrt())
        self.bias.copy_(-mean * self.weight)
