"""Kaldi's log-mel filter bank, as BEATs was trained on it.

Frames of 25 ms every 10 ms, only those that lie wholly in the sound ("snip edges"); of
each frame the mean is taken off, then pre-emphasis .97, Povey's window, zeros up to 512
samples, the power spectrum, triangles on the mel scale 1127 ln(1 + f / 700) from 20 Hz
to half the rate, and the natural logarithm. No dither. After Kaldi's ``compute-fbank-feats``
(src/feat/feature-fbank.cc, mel-computations.cc).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["BANDS", "filter_bank", "frame_count", "mel_triangles"]

BANDS = 128
"""Mel bands."""

_RATE = 16_000
_WINDOW = 400
_HOP = 160
_PADDED = 512
_LOWEST_HZ = 20.0
_EMPHASIS = 0.97
# Kaldi's samples are 16-bit integers
_FULL_SCALE = 2.0**15
_SMALLEST = 1.1920928955078125e-07


def frame_count(samples: int) -> int:
    """How many whole frames a sound has.

    Example:
        >>> frame_count(32_000), frame_count(400), frame_count(399)
        (198, 1, 0)
    """
    return 0 if samples < _WINDOW else 1 + (samples - _WINDOW) // _HOP


def filter_bank(wave: torch.Tensor) -> torch.Tensor:
    """The filter bank of a sound.

    Args:
        wave: (samples,) float32 at 16 kHz, full scale ±1, or (n, samples).

    Returns:
        (frames, 128) float32, or (n, frames, 128); no frame where the sound is shorter
        than 25 ms.

    Example:
        >>> import torch
        >>> filter_bank(torch.zeros(16_000)).shape
        torch.Size([98, 128])
    """
    import torch

    frames = frame_count(int(wave.shape[-1]))
    if not frames:
        return wave.new_zeros((*wave.shape[:-1], 0, BANDS), dtype=torch.float32)
    # half precision, in which a model may run, is too coarse for energies
    with torch.autocast(wave.device.type, enabled=False):
        cut = (wave.float() * _FULL_SCALE).unfold(-1, _WINDOW, _HOP)
        cut = cut - cut.mean(dim=-1, keepdim=True)
        before = torch.cat([cut[..., :1], cut[..., :-1]], dim=-1)
        shaped = (cut - _EMPHASIS * before) * _povey(wave.device)
        power = torch.fft.rfft(shaped, n=_PADDED).abs().square()
        energy = power[..., : _PADDED // 2] @ _filters(wave.device)
        bank: torch.Tensor = energy.clamp(min=_SMALLEST).log()
    return bank


@lru_cache(maxsize=1)
def mel_triangles() -> list[list[float]]:
    """(256, 128): the weight of each bin of the spectrum, below half the rate, in each band.

    Example:
        >>> len(mel_triangles()), len(mel_triangles()[0]), mel_triangles()[0][0]
        (256, 128, 0.0)
    """
    low, high = _mel(_LOWEST_HZ), _mel(_RATE / 2)
    step = (high - low) / (BANDS + 1)
    bins = [_mel(number * _RATE / _PADDED) for number in range(_PADDED // 2)]
    return [
        [
            max(0.0, min((mel - low) / step - band, band + 2 - (mel - low) / step))
            for band in range(BANDS)
        ]
        for mel in bins
    ]


def _mel(hertz: float) -> float:
    return 1127.0 * math.log(1.0 + hertz / 700.0)


@lru_cache(maxsize=4)
def _filters(device: torch.device) -> torch.Tensor:
    import torch

    return torch.tensor(mel_triangles(), dtype=torch.float32, device=device)


@lru_cache(maxsize=4)
def _povey(device: torch.device) -> torch.Tensor:
    """A Hann window to the power .85."""
    import torch

    window = torch.hann_window(_WINDOW, periodic=False, dtype=torch.float64)
    return window.pow(0.85).float().to(device)
