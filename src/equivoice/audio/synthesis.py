"""Speaking one utterance with the voices that are built into Praat.

Praat carries eSpeak: rule-based voices for many languages that need no
network and no model file. :func:`speak` lets one of them say a text, then
gives it a speaker's pitch and vocal tract (:class:`Voice`) and a manner of
speaking (:class:`Delivery`): pitch, range, rate, loudness and voice quality.

The road of a sound: eSpeak, sampled at 16 kHz over the vocal tract's factor and
played at 16 kHz, which moves the formants; overlap-add (PSOLA) with a new pitch
contour and the length put right; tilt, breath and shimmer; loudness.

.. warning::
    eSpeak keeps state from one call to the next inside a process. The same
    *sequence* of calls in a *fresh* process gives the same bytes; a single
    call does not. Whoever needs equal bytes starts a process for each
    sequence, as :mod:`equivoice.corpora.synthetic` does.

praat-parselmouth is GPL-3 and therefore an optional extra, imported late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import AudioError, ConfigError, MissingDependencyError

__all__ = [
    "ESPEAK_RATE",
    "SPOKEN_LANGUAGES",
    "SYNTHESIS_RATE",
    "Delivery",
    "Voice",
    "espeak",
    "speak",
    "spoken_loudness",
]

Samples = NDArray[np.float64]

SYNTHESIS_RATE = 16_000
"""Sampling rate of :func:`speak` in Hz."""

SPOKEN_LANGUAGES = {"en": "English (Great Britain)", "de": "German", "ja": "Japanese"}
"""From a BCP 47 tag to the name by which Praat knows the language."""

ESPEAK_RATE = 22_050
"""eSpeak's own sampling rate in Hz."""

_SHORTEST = 0.1  # seconds; the lowest pitch needs some periods
_PITCH_STEP = 0.02  # seconds between the points of the pitch contour
_WIDEST_STRETCH = 5.0  # a flat contour is not stretched until its errors are heard
_FARTHEST_DEVIATION = 2.5  # standard deviations; beyond it octave errors live
_TILT_FLOOR = 200.0  # Hz below which the tilt does not go on
_TILT_PIVOT = 1_000.0  # Hz where the spectral tilt leaves the level as it is
_TREMOR_RATE = 6.0  # Hz
_BREATH_FLOOR = 1_500.0  # Hz below which breath has little energy
_ENVELOPE = 0.02  # seconds over which the envelope is smoothed
_SILENT = 0.05  # share of the peak envelope below which nothing is spoken
_LEVEL = -27.0  # dB of full scale: speech at a delivery's level of 0
_HIGHEST_PEAK = 0.97


@dataclass(frozen=True)
class Voice:
    """Who speaks.

    Args:
        language: BCP 47 tag, one of :data:`SPOKEN_LANGUAGES`.
        variant: Praat's name of a voice variant, such as ``Female2``.
        pitch: median F0 in Hz when speaking neutrally.
        range: standard deviation of F0 in semitones when speaking neutrally.
        tract: factor on all formants; above 1 is a shorter vocal tract.
        rate: eSpeak's words per minute when speaking neutrally (80 to 450).
        breath: level of breath noise in dB below the speech; 60 is none to be heard.
        tilt: spectral tilt in dB per octave above the variant's own.
        level: how loud the voice is recorded, in dB.
    """

    language: str
    variant: str
    pitch: float
    range: float = 2.0
    tract: float = 1.0
    rate: float = 170.0
    breath: float = 40.0
    tilt: float = 0.0
    level: float = 0.0


@dataclass(frozen=True)
class Delivery:
    """How an utterance is spoken, relative to the voice's neutral manner.

    Args:
        pitch: shift of the median F0 in semitones.
        range: factor on the standard deviation of F0.
        rate: factor on the speaking rate.
        level: loudness in dB.
        tilt: spectral tilt in dB per octave; positive is tense, negative lax.
        breath: change of breath noise in dB; positive is breathier.
        jitter: irregularity of F0 as a fraction (standard deviation).
        shimmer: irregularity of amplitude as a fraction (standard deviation).
        tremor: depth of a 6 Hz tremor of F0 in semitones.
        slope: rise (or fall) of F0 from start to end in semitones.
    """

    pitch: float = 0.0
    range: float = 1.0
    rate: float = 1.0
    level: float = 0.0
    tilt: float = 0.0
    breath: float = 0.0
    jitter: float = 0.0
    shimmer: float = 0.0
    tremor: float = 0.0
    slope: float = 0.0


def speak(text: str, voice: Voice, delivery: Delivery, rng: np.random.Generator) -> Samples:
    """Let a voice speak a text in a manner.

    Args:
        text: what to say; Japanese in kana, for eSpeak reads no kanji.
        voice: who speaks.
        delivery: how.
        rng: makes the breath, jitter and shimmer.

    Returns:
        samples (n,) within ±0.97 at 16 kHz. Equal calls give equal bytes only
        at the same place of the same sequence of calls in a fresh process.

    Raises:
        ConfigError: Praat does not know the language or the voice variant.
        AudioError: nothing was voiced, such as for an empty text.
        MissingDependencyError: praat-parselmouth is not installed.

    Example:
        >>> voice = Voice("en", "Female2", pitch=200)
        >>> sound = speak("The door is open.", voice, Delivery(), np.random.default_rng(0))
        >>> 0.5 < len(sound) / SYNTHESIS_RATE < 3
        True
    """
    # Sampled at another rate than it will be played at, the formants move by the factor.
    rate = SYNTHESIS_RATE / voice.tract
    raw = espeak(
        text, voice.language, voice.variant, voice.rate * delivery.rate, sampling_rate=rate
    )
    shaped = _reshape(raw, text, voice, delivery, rng)
    shaped = _tilted(_trimmed(shaped), voice.tilt + delivery.tilt)
    shaped = _breathy(shaped, voice.breath - delivery.breath, rng)
    shaped = _shimmering(shaped, delivery.shimmer, rng)
    return _levelled(shaped, _LEVEL + voice.level + delivery.level)


def spoken_loudness(samples: Samples) -> float:
    """Root mean square of the samples (n,) where something is spoken; pauses do not count.

    Example:
        >>> tone = np.sin(np.arange(16_000))
        >>> paused = np.concatenate([tone, np.zeros(16_000)])
        >>> round(spoken_loudness(tone), 2), round(spoken_loudness(paused), 2)
        (0.71, 0.7)
    """
    envelope = _envelope(samples)
    spoken = envelope > _SILENT * envelope.max()
    return float(np.sqrt(np.mean(samples[spoken] ** 2)))


def espeak(
    text: str,
    language: str,
    variant: str,
    rate: float,
    *,
    sampling_rate: float = ESPEAK_RATE,
) -> Samples:
    """What eSpeak makes of a text, as it comes.

    Args:
        text: what to say.
        language: BCP 47 tag, one of :data:`SPOKEN_LANGUAGES`.
        variant: Praat's name of a voice variant.
        rate: words per minute; outside 80 to 450 the nearest is taken.
        sampling_rate: in Hz; eSpeak's own is 22,050.

    Returns:
        samples (n,) at ``sampling_rate``.

    Raises:
        ConfigError: Praat does not know the language or the voice variant.
        MissingDependencyError: praat-parselmouth is not installed.
    """
    parselmouth = _parselmouth()
    if language not in SPOKEN_LANGUAGES:
        raise ConfigError("no such language", value=language, choices=SPOKEN_LANGUAGES)
    call = parselmouth.praat.call
    try:
        synthesizer = call("Create SpeechSynthesizer", SPOKEN_LANGUAGES[language], variant)
    except parselmouth.PraatError as error:
        raise ConfigError("Praat has no such voice variant", value=variant) from error
    words_per_minute = min(max(rate, 80.0), 450.0)
    settings = (sampling_rate, 0.01, 1.0, 1.0, words_per_minute, "IPA")
    call(synthesizer, "Speech output settings", *settings)
    call(synthesizer, "Estimate speech rate from speech", "no")
    sound = call(synthesizer, "To Sound", text, "no")[0]
    return np.asarray(sound.values[0], dtype=np.float64)


def _parselmouth() -> Any:
    try:
        import parselmouth
        import parselmouth.praat
    except ImportError as error:
        raise MissingDependencyError(
            "praat-parselmouth", extra="praat", purpose="speaking with Praat's voices"
        ) from error
    return parselmouth


def _reshape(
    raw: Samples, text: str, voice: Voice, delivery: Delivery, rng: np.random.Generator
) -> Samples:
    """Played at 16 kHz, with the pitch wanted and the length put right, by overlap-add."""
    parselmouth = _parselmouth()
    call = parselmouth.praat.call
    if len(raw) < _SHORTEST * SYNTHESIS_RATE or not raw.any():
        raise AudioError("nothing was voiced in this text", value=text)
    sound = parselmouth.Sound(raw, sampling_frequency=SYNTHESIS_RATE)
    manipulation = call(sound, "To Manipulation", _PITCH_STEP, 60, 600)
    tier = call(manipulation, "Extract pitch tier")
    points = int(call(tier, "Get number of points"))
    if points == 0:
        raise AudioError("nothing was voiced in this text", value=text)
    times = np.array([call(tier, "Get time from index", i) for i in range(1, points + 1)])
    found = np.array([call(tier, "Get value at index", i) for i in range(1, points + 1)])
    contour = _contour(times * voice.tract, found, voice, delivery, rng)
    pitch = call("Create PitchTier", "contour", 0, sound.duration)
    for time, value in zip(times, contour, strict=True):
        call(pitch, "Add point", time, value)
    length = call("Create DurationTier", "length", 0, sound.duration)
    call(length, "Add point", 0, voice.tract)
    call([manipulation, pitch], "Replace pitch tier")
    call([manipulation, length], "Replace duration tier")
    # Overlap-add draws the pieces of lengthened voiceless stretches from Praat's own numbers.
    run = parselmouth.praat.run
    run(f"drawn = random_initializeWithSeedUnsafelyButPredictably ({int(rng.integers(2**31))})")
    spoken = call(manipulation, "Get resynthesis (overlap-add)")
    run("drawn = random_initializeSafelyAndUnpredictably ()")
    return np.asarray(spoken.values[0], dtype=np.float64)


def _contour(
    times: Samples, found: Samples, voice: Voice, delivery: Delivery, rng: np.random.Generator
) -> Samples:
    """The pitch in Hz at each point, from eSpeak's own melody in ``found``."""
    melody = 12 * np.log2(found / np.median(found))
    spread = max(float(np.std(melody)), 1e-3)
    melody = np.clip(melody, -_FARTHEST_DEVIATION * spread, _FARTHEST_DEVIATION * spread)
    melody = melody * min(voice.range * delivery.range / spread, _WIDEST_STRETCH)
    way = (times - times[0]) / max(float(times[-1] - times[0]), _PITCH_STEP)
    melody = melody + delivery.slope * (way - 0.5)
    tremor = delivery.tremor * np.sin(2 * np.pi * (_TREMOR_RATE * times + rng.random()))
    jitter = 12 * np.log2(1 + np.clip(delivery.jitter * rng.standard_normal(len(times)), -0.3, 0.3))
    target = voice.pitch * 2 ** ((melody - np.median(melody) + delivery.pitch) / 12)
    contour: Samples = np.clip(target * 2 ** ((tremor + jitter) / 12), 55.0, 650.0)
    return contour


def _trimmed(samples: Samples) -> Samples:
    """Without the silence that eSpeak puts around a sentence."""
    envelope = _envelope(samples)
    spoken = np.flatnonzero(envelope > _SILENT / 5 * envelope.max())
    margin = int(_ENVELOPE * SYNTHESIS_RATE)
    return samples[max(int(spoken[0]) - margin, 0) : int(spoken[-1]) + margin]


def _filtered(samples: Samples, gain: Callable[[Samples], Samples]) -> Samples:
    """Each frequency in Hz times its gain; padded, so that the end does not wrap round."""
    length = 1 << (len(samples) + SYNTHESIS_RATE // 10).bit_length()
    frequency: Samples = np.arange(length // 2 + 1, dtype=np.float64) * (SYNTHESIS_RATE / length)
    spectrum = np.fft.rfft(samples, length) * gain(frequency)
    return np.fft.irfft(spectrum, length)[: len(samples)]


def _tilted(samples: Samples, slope: float) -> Samples:
    """Spectral tilt in dB per octave around 1 kHz, held level below 200 Hz."""

    def gain(frequency: Samples) -> Samples:
        octaves = np.log2(np.maximum(frequency, _TILT_FLOOR) / _TILT_PIVOT)
        return 10 ** (slope * octaves / 20)

    return _filtered(samples, gain)


def _breathy(samples: Samples, below: float, rng: np.random.Generator) -> Samples:
    """High noise that follows the envelope, ``below`` dB under the speech."""
    noise = rng.standard_normal(len(samples))
    breath = _filtered(noise, lambda frequency: np.minimum(frequency / _BREATH_FLOOR, 1.0))
    breath = breath * _envelope(samples)
    loudness = float(np.sqrt(np.mean(breath**2)))
    if loudness == 0.0:
        return samples
    gain = float(np.sqrt(np.mean(samples**2))) * 10 ** (-below / 20) / loudness
    return samples + gain * breath


def _shimmering(samples: Samples, depth: float, rng: np.random.Generator) -> Samples:
    """Amplitude that wavers from one hundredth of a second to the next."""
    knots = rng.standard_normal(len(samples) * 100 // SYNTHESIS_RATE + 2)
    places = np.arange(len(samples)) * 100 / SYNTHESIS_RATE
    wavering = np.interp(places, np.arange(len(knots)), knots)
    return samples * np.clip(1 + depth * wavering, 0.1, 2.0)


def _levelled(samples: Samples, level: float) -> Samples:
    """Speech at ``level`` dB of full scale where something is spoken; peaks stay within ±0.97."""
    scaled = samples * (10 ** (level / 20) / spoken_loudness(samples))
    return scaled * min(1.0, _HIGHEST_PEAK / float(np.abs(scaled).max()))


def _envelope(samples: Samples) -> Samples:
    width = int(_ENVELOPE * SYNTHESIS_RATE)
    total = np.concatenate([[0.0], np.cumsum(np.abs(np.pad(samples, (width // 2, width - 1))))])
    envelope: Samples = (total[width:] - total[:-width])[: len(samples)] / width
    return envelope
