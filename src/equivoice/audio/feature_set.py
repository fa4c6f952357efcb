"""The acoustic features of an utterance: one fixed list of numbers, and its version.

Each name begins with its group: ``spectrum``, ``cepstrum``, ``modulation``,
``contour``, ``level``, ``pitch``, ``timing``, ``quality``, ``formant`` and
``perturbation``. Statistics are taken over the speech (from its first to its
last sound), so that silence around it plays no part. What cannot be measured
is NaN, and :func:`missing_reasons` says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from equivoice.audio.contours import level_contour, pitch_contour, syllable_nuclei, timing
from equivoice.audio.features import (
    MEL_BANDS,
    RATE,
    STEP_SECONDS,
    Flags,
    Floats,
    decibels,
    deltas,
    log_mel,
    mfcc,
    power_spectra,
    speech_extent,
    speech_frames,
    statistics,
)
from equivoice.audio.praat import VoiceTracks, voice_tracks
from equivoice.audio.spectrum import (
    cepstral_peak_prominence,
    level,
    level_near,
    spectral_shape,
)
from equivoice.errors import AudioError

__all__ = [
    "FEATURE_SET",
    "acoustic_measures",
    "feature_names",
    "feature_vector",
    "missing_reasons",
]

FEATURE_SET = "acoustic-1"
"""Name and version of the list; it changes whenever a number would."""

_CEPSTRA = 20
_MODULATION_EDGES_HZ = (0.5, 2, 4, 6, 8, 12, 20, 32)
_MODULATION_BANDS = 5
_CONTOUR_CEPSTRA = 13
_FEWEST_FRAMES = 3
_REASONS = {
    "spectrum": "no speech found",
    "cepstrum": "too few speech or voiced frames",
    "modulation": "no speech found",
    "contour": "speech or voice is missing in a third of the utterance",
    "level": "no speech found",
    "pitch": "too little voiced speech for some measures of pitch",
    "timing": "too few syllables or voiced stretches",
    "quality": "too few voiced or unvoiced frames",
    "formant": "too few voiced frames",
    "perturbation": "too few periods for jitter or shimmer",
}


@dataclass(frozen=True)
class _Tracks:
    """All tracks of one utterance, cut to its speech; frames are the last axis or rows."""

    level: Floats
    mel: Floats
    shape: dict[str, Floats]
    voice: VoiceTracks
    speech: Flags
    voiced: Flags


def feature_vector(samples: NDArray[np.floating], rate: int = RATE) -> NDArray[np.float64]:
    """The features of one utterance, in the order of :func:`feature_names`.

    Args:
        samples: mono sound of shape (n,), full scale ±1.
        rate: samples per second; must be 16,000.

    Returns:
        Float64 of shape (features,); NaN where a feature cannot be measured,
        all NaN for silence.

    Raises:
        AudioError: the rate is another, or there are no samples.
        MissingDependencyError: praat-parselmouth is not installed.

    Example:
        >>> noise = np.random.default_rng(0).normal(size=8000) / 10
        >>> len(feature_vector(noise)) == len(feature_names())
        True
    """
    return np.array(list(_features(_measured(samples, rate)).values()), dtype=np.float64)


@cache
def feature_names() -> tuple[str, ...]:
    """The names of the features, in order; each begins with its group."""
    return tuple(_features(_measured(np.zeros(RATE), RATE)))


def missing_reasons(vector: NDArray[np.float64]) -> tuple[str, ...]:
    """Why features of a vector are missing, one sentence for each group concerned.

    Example:
        >>> missing_reasons(feature_vector(np.zeros(16000)))[0]
        'spectrum: no speech found'
    """
    groups = {
        name.partition(".")[0]
        for name, number in zip(feature_names(), vector, strict=True)
        if not np.isfinite(number)
    }
    return tuple(f"{group}: {reason}" for group, reason in _REASONS.items() if group in groups)


def acoustic_measures(samples: NDArray[np.floating], rate: int = RATE) -> dict[str, float]:
    """A few measures that people read: pitch, level, rate, quality, formants.

    Args:
        samples: mono sound of shape (n,), full scale ±1.
        rate: samples per second; must be 16,000.

    Returns:
        ``pitch_hz`` (median), ``pitch_range_semitones`` (5th to 95th
        percentile), ``intensity_db`` (median over speech, dB re full scale),
        ``intensity_range_db``, ``syllables_per_second``, ``pause_share``,
        ``jitter``, ``shimmer`` (fractions of 1), ``harmonicity_db``,
        ``breathiness_cpp_db`` and ``f1_hz`` to ``f4_hz``; NaN where a measure
        does not exist.

    Example:
        >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
        >>> round(acoustic_measures(tone)["pitch_hz"])
        200
    """
    tracks = _measured(samples, rate)
    features = _features(tracks)
    semitones = features["pitch.semitones.p50"]
    formants = {f"f{number}_hz": features[f"formant.f{number}.p50"] for number in range(1, 5)}
    return {
        "pitch_hz": float(100 * 2 ** (semitones / 12)),
        "pitch_range_semitones": features["pitch.range90"],
        "intensity_db": features["level.absolute.p50"],
        "intensity_range_db": features["level.range90"],
        "syllables_per_second": features["timing.syllable_rate"],
        "pause_share": 1 - features["timing.speech_share"],
        "jitter": tracks.voice.perturbation["jitter_local"],
        "shimmer": tracks.voice.perturbation["shimmer_local"],
        "harmonicity_db": features["quality.voiced.harmonicity.p50"],
        "breathiness_cpp_db": features["quality.voiced.prominence.p50"],
        **formants,
    }


def _measured(samples: NDArray[np.floating], rate: int) -> _Tracks:
    if rate != RATE:
        raise AudioError(f"acoustic features are taken at {RATE} Hz", value=rate)
    if not len(samples):
        raise AudioError("acoustic features need at least one sample")
    sound = np.asarray(samples, dtype=np.float64)
    power = power_spectra(sound, rate)
    loudness = level(power)
    speech = speech_frames(loudness)
    voice = voice_tracks(sound, rate)
    shape = spectral_shape(power, rate)
    shape["prominence"] = cepstral_peak_prominence(sound, rate)
    shape |= _harmonic_levels(decibels(power), voice, rate)
    crossings = np.abs(np.diff(np.signbit(sound).astype(np.float64), prepend=0.0))
    shape["crossings"] = _per_frame(crossings, len(loudness))
    tracks = _Tracks(loudness, log_mel(power, rate), shape, voice, speech, voice.voiced & speech)
    return _cut(tracks, speech_extent(speech))


def _per_frame(values: Floats, count: int) -> Floats:
    """Sums over the 10 ms that begin at each frame's centre."""
    step = round(STEP_SECONDS * RATE)
    padded = np.zeros(count * step)
    padded[: len(values)] = values
    return np.asarray(padded.reshape(count, step).sum(axis=1), dtype=np.float64)


def _harmonic_levels(spectrum: Floats, voice: VoiceTracks, rate: int) -> dict[str, Floats]:
    """Level of the first harmonic over the second and over the formants, dB."""
    first = level_near(spectrum, voice.pitch, rate)
    tracks = {"h1h2": first - level_near(spectrum, 2 * voice.pitch, rate)}
    for number in range(3):
        at_formant = level_near(spectrum, voice.formants[number], rate)
        tracks[f"h1a{number + 1}"] = first - at_formant
    return tracks


def _cut(tracks: _Tracks, extent: slice) -> _Tracks:
    voice = replace(
        tracks.voice,
        pitch=tracks.voice.pitch[extent],
        harmonicity=tracks.voice.harmonicity[extent],
        formants=tracks.voice.formants[:, extent],
        bandwidths=tracks.voice.bandwidths[:, extent],
    )
    return _Tracks(
        tracks.level[extent],
        tracks.mel[extent],
        {name: track[extent] for name, track in tracks.shape.items()},
        voice,
        tracks.speech[extent],
        tracks.voiced[extent],
    )


def _features(tracks: _Tracks) -> dict[str, float]:
    cepstra = mfcc(tracks.mel, _CEPSTRA)
    semitones = 12 * np.log2(np.where(tracks.voiced, tracks.voice.pitch, np.nan) / 100)
    nuclei = syllable_nuclei(tracks.level, tracks.voiced)
    return {
        **_spectrum(tracks),
        **_cepstrum(cepstra, tracks.speech, tracks.voiced),
        **_modulation(tracks),
        **_thirds(cepstra, semitones, tracks.speech),
        **level_contour(tracks.level, tracks.speech),
        **pitch_contour(semitones, tracks.level),
        **timing(tracks.speech, tracks.voiced, nuclei),
        **_quality(tracks),
        **_formant(tracks.voice, tracks.voiced),
        **_perturbation(tracks.voice),
    }


def _spectrum(tracks: _Tracks) -> dict[str, float]:
    """The long-term spectrum relative to its sum, and how much each band moves."""
    if not tracks.speech.any():
        long_term = spread = np.full(MEL_BANDS, np.nan)
    else:
        bands = tracks.mel[tracks.speech]
        power = (10 ** (bands / 10)).mean(axis=0)
        long_term, spread = decibels(power) - decibels(power.sum()), bands.std(axis=0)
    return _numbered("spectrum.mean", long_term) | _numbered("spectrum.sd", spread)


def _cepstrum(cepstra: Floats, speech: Flags, voiced: Flags) -> dict[str, float]:
    velocity = deltas(cepstra) if len(cepstra) else cepstra
    acceleration = deltas(velocity) if len(cepstra) else cepstra
    features: dict[str, float] = {}
    for part, chosen in (("speech", speech), ("voiced", voiced)):
        values = _known(cepstra, chosen)
        features |= _numbered(f"cepstrum.{part}.mean", values.mean(axis=0))
        features |= _numbered(f"cepstrum.{part}.sd", values.std(axis=0))
        for name, track in (("velocity", velocity), ("acceleration", acceleration)):
            spread = _known(track, chosen).std(axis=0)
            features |= _numbered(f"cepstrum.{part}.{name}.sd", spread)
    values = _known(cepstra, speech)
    standard = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    features |= _numbered("cepstrum.speech.skewness", (standard**3).mean(axis=0))
    features |= _numbered("cepstrum.speech.kurtosis", (standard**4).mean(axis=0))
    low, high = np.percentile(values, [5, 95], axis=0)
    features |= _numbered("cepstrum.speech.p5", low) | _numbered("cepstrum.speech.p95", high)
    speed = np.abs(_known(velocity, speech)).mean(axis=0)
    return features | _numbered("cepstrum.speech.velocity.mean", speed)


def _known(tracks: Floats, chosen: Flags) -> Floats:
    """The chosen frames; one frame of NaN where they are too few."""
    if chosen.sum() < _FEWEST_FRAMES:
        return np.full((1, tracks.shape[1]), np.nan)
    return tracks[chosen]


def _modulation(tracks: _Tracks) -> dict[str, float]:
    """Log power of the movement of level and bands, by modulation frequency."""
    grouped = tracks.mel.reshape(
        len(tracks.mel), _MODULATION_BANDS, MEL_BANDS // _MODULATION_BANDS
    ).mean(axis=2)
    signals = {"level": tracks.level} | {
        f"band{band}": grouped[:, band] for band in range(_MODULATION_BANDS)
    }
    features: dict[str, float] = {}
    for name, signal in signals.items():
        powers = _modulation_powers(signal)
        for low, power in zip(_MODULATION_EDGES_HZ, powers, strict=False):
            features[f"modulation.{name}.from{low:g}hz"] = float(power)
    return features


def _modulation_powers(signal: Floats) -> Floats:
    if len(signal) < _FEWEST_FRAMES:
        return np.full(len(_MODULATION_EDGES_HZ) - 1, np.nan)
    window = np.hanning(len(signal) + 2)[1:-1]
    size = max(1024, 1 << (len(signal) - 1).bit_length())
    moving = (signal - signal.mean()) * window
    power = np.abs(np.fft.rfft(moving, size)) ** 2 / (window @ window)
    bins = np.fft.rfftfreq(size, STEP_SECONDS)
    bounds = np.searchsorted(bins, _MODULATION_EDGES_HZ)
    means = [power[low:high].mean() for low, high in pairwise(bounds)]
    return np.log(np.array(means) + 1e-6)


def _thirds(cepstra: Floats, semitones: Floats, speech: Flags) -> dict[str, float]:
    """How beginning, middle and end differ from the whole."""
    mean = _known(cepstra, speech).mean(axis=0)[:_CONTOUR_CEPSTRA]
    median = _median(semitones)
    features: dict[str, float] = {}
    edges = np.arange(4) * len(cepstra) // 3
    for number, (low, high) in enumerate(pairwise(edges), start=1):
        part = _known(cepstra[low:high], speech[low:high]).mean(axis=0)[:_CONTOUR_CEPSTRA]
        features |= _numbered(f"contour.third{number}.cepstrum", part - mean)
        features[f"contour.third{number}.pitch"] = _median(semitones[low:high]) - median
    return features


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) >= _FEWEST_FRAMES else float("nan")


def _quality(tracks: _Tracks) -> dict[str, float]:
    shape = tracks.shape
    voiced_tracks = {"harmonicity": tracks.voice.harmonicity} | {
        name: track for name, track in shape.items() if name not in ("flux", "crossings")
    }
    features: dict[str, float] = {}
    for name, track in voiced_tracks.items():
        features |= statistics(f"quality.voiced.{name}", track[tracks.voiced])
    for name in ("flux", "crossings", "centroid", "flatness", "alpha", "rolloff85"):
        features |= statistics(f"quality.speech.{name}", shape[name][tracks.speech])
        unvoiced = tracks.speech & ~tracks.voiced
        features |= statistics(f"quality.unvoiced.{name}", shape[name][unvoiced])
    return features


def _formant(voice: VoiceTracks, voiced: Flags) -> dict[str, float]:
    features: dict[str, float] = {}
    for number in range(len(voice.formants)):
        features |= statistics(f"formant.f{number + 1}", voice.formants[number, voiced])
        width = statistics("width", np.log(voice.bandwidths[number, voiced]))
        features[f"formant.b{number + 1}.mean"] = width["width.mean"]
        features[f"formant.b{number + 1}.sd"] = width["width.sd"]
    return features


def _perturbation(voice: VoiceTracks) -> dict[str, float]:
    return {
        f"perturbation.{name}": float(np.log(share + 1e-4))
        for name, share in voice.perturbation.items()
    }


def _numbered(name: str, values: Floats) -> dict[str, float]:
    return {f"{name}.{number}": float(value) for number, value in enumerate(values)}
