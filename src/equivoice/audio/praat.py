"""Acoustic measures of the voice by Praat: pitch, harmonicity, formants, perturbation.

Praat is called through praat-parselmouth (extra ``praat``; GPL-3), imported
late. Tracks stand on the grid of :mod:`equivoice.audio.features`: one value per
10 ms, NaN where a measure does not exist (unvoiced frames, silence, clips too
short). Nothing here depends on the gain except the intensity in
:func:`acoustic_measures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equivoice.audio.features import RATE, STEP_SECONDS, Flags, Floats
from equivoice.errors import MissingDependencyError

if TYPE_CHECKING:
    import parselmouth

__all__ = ["PITCH_RANGE_HZ", "VoiceTracks", "voice_tracks"]

PITCH_RANGE_HZ = (60.0, 650.0)
"""Emotional speech is searched for pitch in this range."""

_FORMANTS = 4
_FORMANT_CEILING_HZ = 5500.0
# Praat's pitch analysis needs three periods of the floor; the point process more.
_SHORTEST_SECONDS = 0.1
_PERIODS = (0, 0, 0.0001, 0.02, 1.3)
_PERTURBATIONS = {
    "jitter_local": ("Get jitter (local)", False),
    "jitter_rap": ("Get jitter (rap)", False),
    "jitter_ppq5": ("Get jitter (ppq5)", False),
    "shimmer_local": ("Get shimmer (local)", True),
    "shimmer_apq3": ("Get shimmer (apq3)", True),
    "shimmer_apq11": ("Get shimmer (apq11)", True),
}


@dataclass(frozen=True)
class VoiceTracks:
    """What Praat hears in a sound, one value per 10 ms.

    Args:
        pitch: fundamental frequency in Hz, shape (frames,); NaN where unvoiced.
        harmonicity: harmonics-to-noise ratio in dB, 10 log10(r / (1 − r)) of
            the autocorrelation r at the pitch's period; NaN where unvoiced.
        formants: F1 to F4 in Hz, shape (4, frames); NaN where unvoiced.
        bandwidths: B1 to B4 in Hz, shape (4, frames); NaN where unvoiced.
        perturbation: jitter (local, rap, ppq5) and shimmer (local, apq3,
            apq11) as fractions of 1; NaN where too few periods were found.
    """

    pitch: Floats
    harmonicity: Floats
    formants: Floats
    bandwidths: Floats
    perturbation: dict[str, float]

    @property
    def voiced(self) -> Flags:
        """Which frames have a pitch."""
        return np.isfinite(self.pitch)


def voice_tracks(
    samples: NDArray[np.floating], rate: int = RATE, *, formants: bool = True
) -> VoiceTracks:
    """Pitch, harmonicity, formants and perturbation of a sound.

    Pitch by Praat's autocorrelation method between 60 and 650 Hz with its
    standard costs; formants by Burg's method, five below 5500 Hz, in voiced
    frames only; jitter and shimmer from the periods between 0.1 and 20 ms.

    Args:
        samples: shape (n,), full scale ±1.
        rate: samples per second.
        formants: whether these are looked for, which takes most of the time;
            else they are NaN.

    Returns:
        Tracks of ``1 + n // (rate / 100)`` frames; all NaN for a sound shorter
        than 0.1 s or a silent one.

    Raises:
        MissingDependencyError: praat-parselmouth is not installed.

    Example:
        >>> tone = np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)
        >>> round(float(np.nanmedian(voice_tracks(tone).pitch)))
        220
    """
    try:
        import parselmouth
    except ImportError:
        raise MissingDependencyError(
            "praat-parselmouth", extra="praat", purpose="acoustic measures of the voice"
        ) from None
    count = 1 + len(samples) // round(STEP_SECONDS * rate)
    times = np.arange(count, dtype=np.float64) * STEP_SECONDS
    if len(samples) < _SHORTEST_SECONDS * rate or not np.any(samples):
        return _unknown(len(times))
    sound = parselmouth.Sound(np.asarray(samples, dtype=np.float64), rate)
    found = sound.to_pitch_ac(
        time_step=STEP_SECONDS, pitch_floor=PITCH_RANGE_HZ[0], pitch_ceiling=PITCH_RANGE_HZ[1]
    )
    candidates = found.selected_array
    frequency = _on_grid(times, found.xs(), candidates["frequency"])
    pitch = np.where(frequency > 0, frequency, np.nan)
    strength = np.clip(_on_grid(times, found.xs(), candidates["strength"]), 1e-4, 1 - 1e-4)
    harmonicity = np.where(np.isfinite(pitch), 10 * np.log10(strength / (1 - strength)), np.nan)
    frequencies, bandwidths = (
        _formants(sound, times, np.isfinite(pitch)) if formants else _no_formants(count)
    )
    return VoiceTracks(pitch, harmonicity, frequencies, bandwidths, _perturbation(sound, found))


def _unknown(count: int) -> VoiceTracks:
    nothing = np.full(count, np.nan)
    return VoiceTracks(
        nothing, nothing.copy(), *_no_formants(count), dict.fromkeys(_PERTURBATIONS, np.nan)
    )


def _no_formants(count: int) -> tuple[Floats, Floats]:
    nothings = np.full((_FORMANTS, count), np.nan)
    return nothings, nothings.copy()


def _on_grid(times: Floats, found_times: Floats, values: Floats) -> Floats:
    """The value at the nearest of Praat's frames; NaN more than one step away."""
    nearest = np.rint((times - found_times[0]) / STEP_SECONDS).astype(np.int64)
    nearest = np.clip(nearest, 0, len(found_times) - 1)
    away = np.abs(times - found_times[nearest]) > STEP_SECONDS
    return np.where(away, np.nan, np.asarray(values, dtype=np.float64)[nearest])


def _formants(sound: parselmouth.Sound, times: Floats, voiced: Flags) -> tuple[Floats, Floats]:
    found = sound.to_formant_burg(time_step=STEP_SECONDS, maximum_formant=_FORMANT_CEILING_HZ)
    formants = np.full((_FORMANTS, len(times)), np.nan)
    bandwidths = formants.copy()
    for frame in np.flatnonzero(voiced):
        for number in range(_FORMANTS):
            formants[number, frame] = found.get_value_at_time(number + 1, times[frame])
            bandwidths[number, frame] = found.get_bandwidth_at_time(number + 1, times[frame])
    return formants, bandwidths


def _perturbation(sound: parselmouth.Sound, pitch: Any) -> dict[str, float]:
    from parselmouth.praat import call

    periods = call([sound, pitch], "To PointProcess (cc)")
    return {
        name: float(
            call([sound, periods], query, *_PERIODS, 1.6)
            if needs_sound
            else call(periods, query, *_PERIODS)
        )
        for name, (query, needs_sound) in _PERTURBATIONS.items()
    }
