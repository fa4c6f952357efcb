"""How an utterance is spoken, in a dozen numbers that words of a listener refer to.

Pitch, its range and course; loudness, its range and course; syllables per
second; pauses; tremor; breath; roughness. Praat gives the pitch, the
harmonicity and the perturbation; levels and timing are those of
:mod:`equivoice.audio.features` and :mod:`equivoice.audio.contours`. Everything
is taken between the first and the last speech, so silence around it plays no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equivoice.audio.contours import syllable_nuclei
from equivoice.audio.features import (
    RATE,
    STEP_SECONDS,
    Flags,
    Floats,
    power_spectra,
    speech_extent,
    speech_frames,
)
from equivoice.audio.praat import VoiceTracks, voice_tracks
from equivoice.audio.spectrum import cepstral_peak_prominence, level
from equivoice.errors import AudioError

__all__ = [
    "PROSODY",
    "PROSODY_UNITS",
    "pitch_contour_semitones",
    "prosody",
    "prosody_names",
    "prosody_vector",
]

PROSODY = "prosody-1"
"""Name and version of the measures; it changes whenever a number would."""

PROSODY_UNITS = {
    "pitch": "semitones re 100 Hz, median",
    "pitch_range": "semitones, 10th to 90th percentile",
    "pitch_course": "semitones, rise of the straight line from start to end",
    "loudness": "dB re full scale, mean power of the speech",
    "loudness_range": "dB, 10th to 90th percentile of the speech",
    "loudness_course": "dB, rise of the straight line from start to end",
    "rate": "syllable nuclei per second of sound, pauses left out",
    "sounding": "seconds of sound, pauses left out",
    "pauses": "share of the time in pauses of 200 ms and more",
    "tremor": "semitones, depth of the strongest swing of the pitch between 4 and 9 Hz",
    "breathiness": "dB, cepstral peak prominence with its sign turned",
    "harshness": "jitter in units of 1.04 % plus shimmer in units of 3.81 %",
    "jitter": "share, local",
    "shimmer": "share, local",
    "harmonicity": "dB, median harmonics-to-noise ratio",
}
"""What the measures are and in which unit."""

_SHORTEST_PAUSE = 0.200
_FEWEST_VOICED = 20
_TREMOR_HZ = (4.0, 9.0)
_MELODY_FRAMES = 31  # what is slower than about 3 Hz is melody and no tremor
_WIDEST_SWING = 3.0  # semitones off the melody; beyond lie octave errors
_SPECTRUM_SIZE = 2048
# What Praat's manual calls the threshold of pathology; here only units to add the two in.
_JITTER_UNIT, _SHIMMER_UNIT = 0.0104, 0.0381
_OCTAVE = 12.0


@dataclass(frozen=True)
class _Heard:
    """Tracks of 10 ms within the extent of the speech."""

    level: Floats
    speech: Flags
    voice: VoiceTracks
    semitones: Floats
    prominence: Floats


def prosody_names() -> tuple[str, ...]:
    """The names of the measures, in order."""
    return tuple(PROSODY_UNITS)


def prosody(samples: NDArray[np.floating], rate: int = RATE) -> dict[str, float]:
    """The measures of one utterance, by name; units in :data:`PROSODY_UNITS`.

    Args:
        samples: mono sound of shape (n,), full scale ±1.
        rate: samples per second; must be 16,000.

    Returns:
        a number for each name; NaN where it cannot be measured, all NaN for silence.

    Raises:
        AudioError: the rate is another, or there are no samples.
        MissingDependencyError: praat-parselmouth is not installed.

    Example:
        >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
        >>> round(prosody(tone)["pitch"], 1), round(prosody(tone)["loudness"])
        (12.0, -3)
    """
    if rate != RATE:
        raise AudioError(f"prosody is measured at {RATE} Hz", value=rate)
    if not len(samples):
        raise AudioError("prosody needs at least one sample")
    heard = _heard(np.asarray(samples, dtype=np.float64))
    numbers = _of_pitch(heard) | _of_level(heard) | _of_time(heard) | _of_voice(heard)
    return {name: numbers[name] for name in PROSODY_UNITS}


def prosody_vector(samples: NDArray[np.floating], rate: int = RATE) -> Floats:
    """As :func:`prosody`, in the order of :func:`prosody_names`: shape (measures,)."""
    return np.array(list(prosody(samples, rate).values()), dtype=np.float64)


def pitch_contour_semitones(samples: NDArray[np.floating], rate: int = RATE) -> Floats:
    """The pitch in semitones re 100 Hz every 10 ms, NaN where unvoiced: shape (frames,)."""
    return _semitones(voice_tracks(samples, rate, formants=False).pitch)


def _semitones(pitch: Floats) -> Floats:
    return np.asarray(_OCTAVE * np.log2(pitch / 100.0))


def _heard(samples: Floats) -> _Heard:
    loudness = level(power_spectra(samples))
    speech = speech_frames(loudness)
    extent = speech_extent(speech)
    voice = voice_tracks(samples, formants=False)
    semitones = np.where(speech, _semitones(voice.pitch), np.nan)
    prominence = cepstral_peak_prominence(samples, RATE)
    return _Heard(loudness[extent], speech[extent], voice, semitones[extent], prominence[extent])


def _of_pitch(heard: _Heard) -> dict[str, float]:
    known = heard.semitones[np.isfinite(heard.semitones)]
    if len(known) < _FEWEST_VOICED:
        return dict.fromkeys(("pitch", "pitch_range", "pitch_course", "tremor"), np.nan)
    low, median, high = np.percentile(known, [10, 50, 90])
    return {
        "pitch": float(median),
        "pitch_range": float(high - low),
        "pitch_course": _course(heard.semitones),
        "tremor": _tremor(heard.semitones),
    }


def _of_level(heard: _Heard) -> dict[str, float]:
    spoken = heard.level[heard.speech]
    if len(spoken) < _FEWEST_VOICED:
        return dict.fromkeys(("loudness", "loudness_range", "loudness_course"), np.nan)
    low, high = np.percentile(spoken, [10, 90])
    return {
        "loudness": float(10 * np.log10(np.mean(10 ** (spoken / 10)))),
        "loudness_range": float(high - low),
        "loudness_course": _course(np.where(heard.speech, heard.level, np.nan)),
    }


def _of_time(heard: _Heard) -> dict[str, float]:
    seconds = len(heard.speech) * STEP_SECONDS
    sounding = float(heard.speech.sum()) * STEP_SECONDS
    if not sounding:
        return dict.fromkeys(("rate", "sounding", "pauses"), np.nan)
    nuclei = syllable_nuclei(heard.level, np.isfinite(heard.semitones))
    paused = sum(gap for gap in _lengths(~heard.speech) if gap >= _SHORTEST_PAUSE)
    return {"rate": len(nuclei) / sounding, "sounding": sounding, "pauses": paused / seconds}


def _of_voice(heard: _Heard) -> dict[str, float]:
    voiced = np.isfinite(heard.semitones)
    known = bool(voiced.sum() >= _FEWEST_VOICED)
    harmonicity = heard.voice.harmonicity[np.isfinite(heard.voice.harmonicity)]
    jitter = heard.voice.perturbation["jitter_local"]
    shimmer = heard.voice.perturbation["shimmer_local"]
    return {
        "breathiness": -float(np.median(heard.prominence[voiced])) if known else np.nan,
        "harshness": jitter / _JITTER_UNIT + shimmer / _SHIMMER_UNIT,
        "jitter": jitter,
        "shimmer": shimmer,
        "harmonicity": float(np.median(harmonicity)) if known else np.nan,
    }


def _lengths(flags: Flags) -> Floats:
    """Seconds of each run of true flags."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    counts = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    return np.asarray(counts * STEP_SECONDS, dtype=np.float64)


def _course(track: Floats) -> float:
    """How far the least-squares line through the known frames rises over the whole track."""
    known = np.flatnonzero(np.isfinite(track))
    if len(known) < _FEWEST_VOICED:
        return float("nan")
    centred = known - known.mean()
    return float(centred @ track[known] / (centred @ centred) * len(track))


def _tremor(semitones: Floats) -> float:
    """Depth of the strongest swing of the pitch between 4 and 9 Hz over the whole utterance.

    A tremor goes on through the utterance in step, a melody does not; so the
    spectrum is that of the whole track, bridged where unvoiced, without its
    slow movement, and weighted by where there is a voice.
    """
    voiced = np.flatnonzero(np.isfinite(semitones))
    track = semitones[voiced[0] : voiced[-1] + 1]
    if len(track) <= _MELODY_FRAMES:
        return float("nan")
    known = np.isfinite(track)
    bridged = np.interp(np.arange(len(track)), np.flatnonzero(known), track[known])
    kernel = np.hanning(_MELODY_FRAMES + 2)[1:-1]
    padded = np.pad(bridged, _MELODY_FRAMES // 2, mode="reflect")
    melody = np.convolve(padded, kernel / kernel.sum(), "valid")
    swing = np.clip(bridged - melody, -_WIDEST_SWING, _WIDEST_SWING)
    window = np.hanning(len(track) + 2)[1:-1] * known
    depth = np.abs(np.fft.rfft(swing * window, _SPECTRUM_SIZE)) * 2 / window.sum()
    hz = np.fft.rfftfreq(_SPECTRUM_SIZE, STEP_SECONDS)
    return float(depth[(hz >= _TREMOR_HZ[0]) & (hz <= _TREMOR_HZ[1])].max())
