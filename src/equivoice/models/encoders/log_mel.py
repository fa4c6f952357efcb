"""The log-mel spectrum that the compact encoder hears: long windows, so that harmonics part.

Each frame depends on its own samples alone: no padding, no reflection, no level of the
whole clip. So the frames of a clip are the same in every batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import ConfigError

__all__ = ["SILENCE", "LogMelSettings", "Spectrum", "log_mel", "mel_filters"]

Spectrum = NDArray[np.float32]

SILENCE = -1.5
"""The value of a band without energy."""

_FLOOR = 1e-10
# frames at a time, so that a long clip needs no more memory than a short one
_BLOCK = 1024


@dataclass(frozen=True)
class LogMelSettings:
    """What a frame is.

    Args:
        rate: samples a second.
        bands: mel bands.
        window: samples of a frame, under a Hann window.
        hop: samples from one frame to the next.
        low: the lower edge of the lowest band, in Hz.
        high: the upper edge of the highest band, in Hz.

    Raises:
        ConfigError: what cannot be; all of it together.

    Example:
        >>> LogMelSettings().frames(16_000)
        48
    """

    rate: int = 16_000
    bands: int = 80
    window: int = 800
    hop: int = 320
    low: float = 40.0
    high: float = 7_800.0

    def __post_init__(self) -> None:
        wrong = {
            f"bands: {self.bands} is below 1": self.bands < 1,
            f"window: {self.window} is below 2": self.window < 2,
            f"hop: {self.hop} is not within 1 and the window": not 1 <= self.hop <= self.window,
            f"low, high: {self.low:g} to {self.high:g} Hz do not lie in order within 0 and "
            f"{self.rate / 2:g} Hz": not 0 <= self.low < self.high <= self.rate / 2,
        }
        if any(wrong.values()):
            raise ConfigError.from_problems([problem for problem, found in wrong.items() if found])

    @property
    def size(self) -> int:
        """Of the Fourier transform: the next power of two."""
        return 1 << (self.window - 1).bit_length()

    @cached_property
    def hann(self) -> Spectrum:
        """The window, periodic."""
        turn = 2 * np.pi * np.arange(self.window) / self.window
        return (0.5 - 0.5 * np.cos(turn)).astype(np.float32)

    @cached_property
    def filters(self) -> Spectrum:
        """(bins, bands), from :func:`mel_filters`."""
        return mel_filters(self).astype(np.float32)

    @cached_property
    def bands_of_bins(self) -> Any:
        """The filters as a sparse (bands, bins): two of a hundred values are not nought.

        Multiplied so, no threads of a linear algebra library are left spinning in the way
        of the network's own, which costs a third of a prediction.
        """
        import scipy.sparse

        return scipy.sparse.csr_array(self.filters.T)

    def frames(self, samples: int) -> int:
        """How many frames a clip has: those that lie within it, and at least one."""
        return 1 + max(0, samples - self.window) // self.hop


def mel_filters(settings: LogMelSettings) -> NDArray[np.float64]:
    """Triangles of height 1, evenly spaced in mel (2595 log10(1 + f / 700)).

    Returns:
        (bins, bands): what each bin of the Fourier transform gives to each band.
    """
    low, high = (2595.0 * math.log10(1.0 + edge / 700.0) for edge in (settings.low, settings.high))
    corners = 700.0 * (10.0 ** (np.linspace(low, high, settings.bands + 2) / 2595.0) - 1.0)
    bins = np.arange(settings.size // 2 + 1) * settings.rate / settings.size
    lower, centre, upper = corners[:-2], corners[1:-1], corners[2:]
    rising = (bins[:, None] - lower) / (centre - lower)
    falling = (upper - bins[:, None]) / (upper - centre)
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)), dtype=np.float64)


def log_mel(wave: NDArray[np.float32], settings: LogMelSettings) -> Spectrum:
    """The log-mel spectrum of a clip.

    Each value is (log10 of the power + 4) / 4, at least :data:`SILENCE`; speech has a mean
    near −0.2 and a standard deviation near 0.7.

    Args:
        wave: (samples,); filled up with zeros where it is shorter than a frame.
        settings: what a frame is.

    Returns:
        (frames, bands) float32.

    Example:
        >>> log_mel(np.zeros(1600, dtype=np.float32), LogMelSettings(bands=2)).tolist()
        [[-1.5, -1.5], [-1.5, -1.5], [-1.5, -1.5]]
    """
    import scipy.fft

    whole = np.pad(wave, (0, max(0, settings.window - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(whole, settings.window)[:: settings.hop]
    found = np.empty((len(frames), settings.bands), dtype=np.float32)
    for low in range(0, len(frames), _BLOCK):
        windowed = frames[low : low + _BLOCK] * settings.hann
        spectrum = scipy.fft.rfft(windowed, settings.size, axis=1)
        power = settings.bands_of_bins @ (spectrum.real**2 + spectrum.imag**2).T
        found[low : low + _BLOCK] = (np.log10(np.maximum(power.T, _FLOOR)) + 4.0) / 4.0
    # the floor in single precision lies a little below it
    return np.maximum(found, np.float32(SILENCE))
