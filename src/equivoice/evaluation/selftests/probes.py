"""Speech to test systems on, made here: every clip is known to the sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equivoice.audio.synthesis import Delivery, Voice, speak
from equivoice.errors import MissingDependencyError
from equivoice.models import Clip

__all__ = ["RATE", "Probes", "make_probes"]

RATE = 16_000
_TEXT = "Kids are talking by the door. Dogs are sitting by the door."
_SECONDS = 2.0
_HEARD_BY_ALL = 30.0
_TOO_LONG = 35.0
_SPEECH = "speech synthesised by Praat"
_VOWELS = "vowels, since praat-parselmouth is not installed (extra praat)"

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Probes:
    """Clips of speech that is made here.

    Args:
        folder: where their files are.
        first: a low, slow voice, 2 s.
        second: a high, lively voice, of the same number of samples.
        silent: silence, of the same number of samples.
        short: the first second of ``first``.
        long: 8 s.
        overlong: 35 s.
        overlong_changed: the same but for what is said after 30 s.
        made_by: what they were made by.
    """

    folder: Path
    first: Clip
    second: Clip
    silent: Clip
    short: Clip
    long: Clip
    overlong: Clip
    overlong_changed: Clip
    made_by: str

    @property
    def heard_by_all(self) -> float:
        """Up to here the two overlong clips are the same, in seconds."""
        return _HEARD_BY_ALL


def make_probes(folder: Path) -> Probes:
    """Make the clips.

    Args:
        folder: where their files go; it exists.

    Raises:
        MissingDependencyError: soundfile is not installed.
    """
    low, made_by = _voice(110.0, rate=0.9, seed=1)
    high, _ = _voice(230.0, rate=1.15, seed=2)
    size = round(_SECONDS * RATE)
    overlong = _filled(low, round(_TOO_LONG * RATE))
    changed = overlong.copy()
    kept = round(_HEARD_BY_ALL * RATE)
    changed[kept:] = _filled(high, len(overlong) - kept)
    sounds = {
        "first": _filled(low, size),
        "second": _filled(high, size),
        "silent": np.zeros(size),
        "short": _filled(low, RATE),
        "long": _filled(high, 8 * RATE),
        "overlong": overlong,
        "overlong_changed": changed,
    }
    clips = {name: _written(folder / f"{name}.wav", sound) for name, sound in sounds.items()}
    return Probes(folder, **clips, made_by=made_by)


def _written(path: Path, samples: Samples) -> Clip:
    try:
        import soundfile
    except ImportError as error:
        raise MissingDependencyError("soundfile", extra="audio", purpose="self-tests") from error
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return Clip(str(path))


def _filled(samples: Samples, size: int) -> Samples:
    return np.resize(samples, size)


def _voice(pitch: float, *, rate: float, seed: int) -> tuple[Samples, str]:
    rng = np.random.default_rng(seed)
    voice = Voice("en", "Female2" if pitch > 160 else "Male1", pitch)
    try:
        return np.asarray(speak(_TEXT, voice, Delivery(rate=rate), rng), dtype=np.float64), _SPEECH
    except MissingDependencyError:
        return _vowels(pitch, rng), _VOWELS


def _vowels(pitch: float, rng: np.random.Generator) -> Samples:
    """A row of vowels: harmonics under formants, a fifth of a second each."""
    time = np.arange(round(0.2 * RATE)) / RATE
    sounds = []
    for _ in range(12):
        formants = rng.uniform((300, 900, 2_300), (800, 2_200, 3_000))
        f0 = pitch * rng.uniform(0.85, 1.2)
        harmonics = np.arange(1, int(4_000 / f0)) * f0
        gain = sum(1 / (1 + ((harmonics - each) / 120) ** 2) for each in formants)
        waves = np.sin(2 * np.pi * np.outer(harmonics, time)) * np.asarray(gain)[:, np.newaxis]
        sounds.append(waves.sum(0) * np.hanning(len(time)))
    row = np.concatenate(sounds)
    return np.asarray(row * 0.1 / np.abs(row).max(), dtype=np.float64)
