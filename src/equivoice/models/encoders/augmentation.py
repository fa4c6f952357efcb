"""Changed copies of speech for training: other speeds and levels, hidden bands and moments.

All is drawn from a generator that the caller seeds for each utterance, so that a change
does not depend on the other utterances of a batch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from equivoice.errors import ConfigError
from equivoice.models.encoders.log_mel import SILENCE, Spectrum

__all__ = ["Augmentation", "augmented", "generator_for"]

# of log10 of the power over 4, as log_mel scales it
_DECIBEL = 1 / 40
_MOST_HIDDEN = 0.25


@dataclass(frozen=True)
class Augmentation:
    """How speech is changed while it is learnt from.

    Args:
        speeds: one of these is drawn: 1.1 is a tenth faster and higher, pitch and formants
            alike, as a tape would be.
        gain: a level from −gain to gain is added, in dB.
        band_masks: how often a range of bands is hidden (SpecAugment; Park et al., 2019).
        band_width: the widest such range, in bands.
        time_masks: how often a moment is hidden.
        time_width: the longest such moment, in frames, and never more than a quarter.

    Raises:
        ConfigError: what cannot be; all of it together.

    Example:
        >>> Augmentation.none().speeds
        (1.0,)
    """

    speeds: tuple[float, ...] = (0.9, 0.95, 1.0, 1.05, 1.1)
    gain: float = 4.0
    band_masks: int = 2
    band_width: int = 8
    time_masks: int = 2
    time_width: int = 12

    def __post_init__(self) -> None:
        counts = ("band_masks", "band_width", "time_masks", "time_width")
        problems = [f"{name}: {getattr(self, name)} is below 0" for name in counts]
        problems = [
            one for one, name in zip(problems, counts, strict=True) if getattr(self, name) < 0
        ]
        if not self.speeds or not all(0.5 <= speed <= 2.0 for speed in self.speeds):
            problems.append(f"speeds: {list(self.speeds)} are not one or more within 0.5 and 2")
        if not 0 <= self.gain < 60:
            problems.append(f"gain: {self.gain:g} dB is not within 0 and 60")
        if problems:
            raise ConfigError.from_problems(problems)

    @classmethod
    def none(cls) -> Augmentation:
        """No change at all."""
        return cls((1.0,), 0.0, 0, 0, 0, 0)

    def speed(self, generator: np.random.Generator) -> float:
        """The speed that is drawn."""
        return self.speeds[int(generator.integers(len(self.speeds)))]


def generator_for(seed: int, name: str) -> np.random.Generator:
    """The random numbers of one utterance.

    Args:
        seed: of the batch.
        name: of the utterance.
    """
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def augmented(spectrum: Spectrum, how: Augmentation, generator: np.random.Generator) -> Spectrum:
    """A changed copy of a spectrum: its level, then what is hidden.

    What is hidden has the mean of the spectrum.

    Args:
        spectrum: (frames, bands), as :func:`~.log_mel.log_mel` makes it.
        how: what may change.
        generator: of this utterance.

    Returns:
        (frames, bands) float32.
    """
    changed = spectrum.astype(np.float32)
    if how.gain:
        level = np.float32(generator.uniform(-how.gain, how.gain) * _DECIBEL)
        np.maximum(changed + level, np.float32(SILENCE), out=changed)
    filler = changed.mean()
    frames, bands = changed.shape
    for _ in range(how.band_masks):
        low, high = _drawn(generator, how.band_width, bands, bands)
        changed[:, low:high] = filler
    for _ in range(how.time_masks):
        low, high = _drawn(generator, how.time_width, int(_MOST_HIDDEN * frames), frames)
        changed[low:high] = filler
    return changed


def _drawn(generator: np.random.Generator, widest: int, most: int, of: int) -> tuple[int, int]:
    width = int(generator.integers(min(widest, most) + 1))
    low = int(generator.integers(of - width + 1))
    return low, low + width
