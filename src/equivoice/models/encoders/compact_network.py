"""A small convolutional network over spectra, in which no utterance depends on another.

Convolutions over bands and time, each followed by a scale of its channels and a ReLU. What
is padding is nought before each convolution, as beyond the end of an utterance that stands
alone; so padding changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import nn

from equivoice.errors import ConfigError
from equivoice.models.classifiers.scaling import ChannelScale

__all__ = ["CompactNetwork", "check_sizes"]

# of the spectra of speech, as log_mel scales them; roughly
_MEAN, _DEVIATION = -0.17, 0.66
# what convolutions after the first one do to bands and time: halved, or kept
_STEPS = ((2, 1), (1, 1), (2, 2), (2, 1))


def check_sizes(channels: Sequence[int], width: int, dropout: float) -> None:
    """Refuse sizes that cannot be.

    Args:
        channels: of the convolutions.
        width: of a frame.
        dropout: on frames.

    Raises:
        ConfigError: all that is wrong.
    """
    wrong = {
        f"channels: {list(channels)} are not one or more whole numbers above 0": (
            not channels or any(each < 1 for each in channels)
        ),
        f"width: {width} is below 1": width < 1,
        f"dropout: {dropout:g} is not within 0 and 1": not 0 <= dropout < 1,
    }
    if any(wrong.values()):
        raise ConfigError.from_problems([problem for problem, found in wrong.items() if found])


class CompactNetwork(nn.Module):
    """Spectra to frames: a quarter as many, each of ``width`` numbers.

    Args:
        bands: of the spectra.
        channels: of each convolution.
        width: of a frame that comes out.
        dropout: on those frames, while it is trained.

    Example:
        >>> network = CompactNetwork(16, channels=(8, 8, 8, 8), width=4)
        >>> hidden, mask = network(torch.zeros(2, 9, 16), torch.ones(2, 9, dtype=torch.bool))
        >>> hidden.shape, mask.shape
        (torch.Size([2, 3, 4]), torch.Size([2, 3]))
    """

    def __init__(
        self, bands: int, *, channels: Sequence[int], width: int, dropout: float = 0.2
    ) -> None:
        super().__init__()
        layers = [_Convolution(1, channels[0], kernel=5, step=(2, 2))]
        rest = -(-bands // 2)
        for number, (inner, outer) in enumerate(pairwise(channels)):
            step = _STEPS[number % len(_STEPS)]
            layers.append(_Convolution(inner, outer, kernel=3, step=step))
            rest = -(-rest // step[0])
        self.layers = nn.ModuleList(layers)
        self.out = nn.Linear(channels[-1] * rest, width)
        self.scale = ChannelScale(width)
        self.dropout = nn.Dropout(dropout)
        self.width = width

    def forward(
        self, spectra: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, T, bands) and (n, T) bool to (n, T', width) and (n, T') bool."""
        x, kept = _begun(spectra, mask)
        for layer in self.layers:
            x, kept = layer(x, kept)
        frames = self.out(x.flatten(1, 2).transpose(1, 2)).transpose(1, 2)
        hidden = torch.relu(self.scale(frames, kept)).transpose(1, 2)
        return self.dropout(hidden), kept.bool()

    @torch.no_grad()
    def calibrate(self, spectra: torch.Tensor, mask: torch.Tensor) -> None:
        """Begin where each channel of each layer has mean 0 and variance 1 over this speech.

        Args:
            spectra: (n, T, bands).
            mask: (n, T) bool.
        """
        x, kept = _begun(spectra, mask)
        for layer in self.layers:
            cast("_Convolution", layer).calibrate(x, kept)
            x, kept = layer(x, kept)
        frames = self.out(x.flatten(1, 2).transpose(1, 2)).transpose(1, 2)
        self.scale.calibrate(frames, kept)


class _Convolution(nn.Module):
    """Convolution, scale, ReLU; beside a road around them where the shape stays.

    A time step of 2 halves the mask with it.
    """

    def __init__(self, inner: int, outer: int, *, kernel: int, step: tuple[int, int]) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inner, outer, kernel, step, kernel // 2, bias=False)
        self.scale = ChannelScale(outer)
        self.around = inner == outer and step == (1, 1)
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, inner, bands, T) and (n, T) to (n, outer, bands', T') and (n, T')."""
        mask = self._mask(mask)
        found = self.scale(self.convolution(x), mask)
        return torch.relu(found + x if self.around else found), mask

    def calibrate(self, x: torch.Tensor, mask: torch.Tensor) -> None:
        """Begin with channels of mean 0 and variance 1."""
        self.scale.calibrate(self.convolution(x), self._mask(mask))

    def _mask(self, mask: torch.Tensor) -> torch.Tensor:
        return mask[:, :: self.convolution.stride[1]]


def _begun(spectra: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Spectra of mean 0 and variance 1, roughly: (n, 1, bands, T), nought behind their end."""
    kept = mask.to(spectra.dtype)
    scaled = (spectra - _MEAN) / _DEVIATION
    return scaled.transpose(1, 2)[:, None] * kept[:, None, None], kept
