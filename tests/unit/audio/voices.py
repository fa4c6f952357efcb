"""Sounds whose acoustic measures are known because we made them."""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import NDArray

RATE = 16_000
Floats = NDArray[np.float64]


def tone(hz: float, seconds: float = 1.0, amplitude: float = 0.5) -> Floats:
    """A sine."""
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def noise(seconds: float = 1.0, amplitude: float = 0.1, seed: int = 0) -> Floats:
    """White Gaussian noise."""
    return amplitude * np.random.default_rng(seed).normal(size=round(seconds * RATE))


def buzz(hz: Floats | float, seconds: float = 1.0, *, jitter: float = 0.0, seed: int = 0) -> Floats:
    """Impulses at a pitch that may change by the sample; periods may be uneven."""
    count = round(seconds * RATE)
    pitch = np.broadcast_to(np.asarray(hz, dtype=np.float64), (count,))
    rng = np.random.default_rng(seed)
    sound, position = np.zeros(count + 2), 0.0
    while position < count - 1:
        whole = int(position)
        share = position - whole
        sound[whole] += 1 - share
        sound[whole + 1] += share
        position += RATE / pitch[whole] * (1 + jitter * rng.normal())
    return sound[:count]


def vowel(
    hz: Floats | float = 120.0,
    seconds: float = 1.0,
    *,
    formants: tuple[float, ...] = (700.0, 1200.0, 2500.0, 3500.0, 4500.0),
    width: float = 80.0,
    jitter: float = 0.0,
) -> Floats:
    """A buzz through resonators: a vowel with known pitch and formants, peak 0.5."""
    sound = scipy.signal.lfilter([1.0], [1.0, -0.95], buzz(hz, seconds, jitter=jitter))
    for formant in formants:
        radius = np.exp(-np.pi * width / RATE)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2]
        sound = scipy.signal.lfilter([sum(poles)], poles, sound)
    return 0.5 * sound / np.abs(sound).max()


def syllables(per_second: float, seconds: float = 2.0, hz: float = 140.0) -> Floats:
    """A vowel whose loudness rises and falls so many times a second, with faint noise."""
    times = np.arange(round(seconds * RATE)) / RATE
    swell = 0.05 + 0.95 * np.sin(np.pi * per_second * times) ** 2
    return vowel(hz, seconds) * swell + noise(seconds, 1e-4)


def with_silence(sound: Floats, before: float = 0.5, after: float = 0.5) -> Floats:
    """The same sound with digital silence around it."""
    return np.concatenate([np.zeros(round(before * RATE)), sound, np.zeros(round(after * RATE))])
