"""Praat's voices: what a voice and a delivery ask for is what can be measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from equivoice.audio.synthesis import (
    ESPEAK_RATE,
    SPOKEN_LANGUAGES,
    SYNTHESIS_RATE,
    Delivery,
    Voice,
    espeak,
    speak,
    spoken_loudness,
)
from equivoice.errors import AudioError, ConfigError, MissingDependencyError

parselmouth = pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed")

WOMAN = Voice("en", "Female2", pitch=205.0, breath=40.0)
MAN = Voice("en", "Male3", pitch=112.0, breath=40.0)
TEXT = "The coat is hanging behind the door."
NEUTRAL = Delivery()


def say(
    voice: Voice = WOMAN, delivery: Delivery = NEUTRAL, text: str = TEXT
) -> NDArray[np.float64]:
    return speak(text, voice, delivery, np.random.default_rng(0))


def semitones(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """F0 of the voiced frames in semitones above 100 Hz, measured by Praat."""
    pitch = parselmouth.Sound(sound, SYNTHESIS_RATE).to_pitch(0.01, 60, 600)
    found = pitch.selected_array["frequency"]
    return 12 * np.log2(found[found > 0] / 100)


def hertz(sound: NDArray[np.float64]) -> float:
    return 100 * 2 ** (float(np.median(semitones(sound))) / 12)


def formant_ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> float:
    """By which factor the long-term spectrum of one sound lies above another's."""
    octaves = np.arange(np.log2(500), np.log2(6_000), 0.005)

    def spectrum(sound: NDArray[np.float64]) -> NDArray[np.float64]:
        frames = sound[: len(sound) // 512 * 512].reshape(-1, 512) * np.hanning(512)
        power = np.log((np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0) + 1e-12)
        return np.interp(2**octaves, np.fft.rfftfreq(512, 1 / SYNTHESIS_RATE), power)

    high, low = spectrum(above), spectrum(below)
    shifts = range(120)
    likeness = [np.corrcoef(high[shift:], low[: len(low) - shift])[0, 1] for shift in shifts]
    return float(2 ** (0.005 * int(np.argmax(likeness))))


def harmonicity(sound: NDArray[np.float64]) -> float:
    found = parselmouth.Sound(sound, SYNTHESIS_RATE).to_harmonicity_cc()
    return float(parselmouth.praat.call(found, "Get mean", 0, 0))


def high_share(sound: NDArray[np.float64]) -> float:
    """Level above 2 kHz relative to below, in dB."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1 / SYNTHESIS_RATE)
    return float(10 * np.log10(power[frequency > 2_000].sum() / power[frequency <= 2_000].sum()))


@pytest.mark.parametrize("voice", [WOMAN, MAN], ids=["woman", "man"])
def test_the_median_pitch_is_the_voices(voice: Voice) -> None:
    assert hertz(say(voice)) == pytest.approx(voice.pitch, rel=0.03)


@pytest.mark.parametrize("shift", [-3.0, 4.0])
def test_pitch_shifts_by_semitones(shift: float) -> None:
    moved = np.median(semitones(say(delivery=Delivery(pitch=shift))))
    assert moved - np.median(semitones(say())) == pytest.approx(shift, abs=0.5)


@pytest.mark.parametrize("language", SPOKEN_LANGUAGES)
def test_the_range_is_the_voices_times_the_deliverys(language: str) -> None:
    text = {"en": TEXT, "de": "Der Mantel hängt hinter der Tür.", "ja": "かぎわ うえに あります。"}
    voice = Voice(language, "Female2", pitch=205.0, range=2.0)
    narrow = np.std(semitones(say(voice, Delivery(range=0.6), text[language])))
    wide = np.std(semitones(say(voice, Delivery(range=1.6), text[language])))
    assert narrow == pytest.approx(1.2, abs=0.6)
    assert wide > narrow + 0.8


def test_a_slope_lifts_the_end_above_the_start() -> None:
    def rise(slope: float) -> float:
        found = semitones(say(delivery=Delivery(range=0.3, slope=slope)))
        third = len(found) // 3
        return float(np.mean(found[-third:]) - np.mean(found[:third]))

    # Outer thirds of a straight line lie two thirds of its rise apart.
    assert rise(6.0) - rise(-6.0) == pytest.approx(12.0 * 2 / 3, abs=2.0)


def test_a_faster_rate_is_shorter() -> None:
    slow, plain, fast = (len(say(delivery=Delivery(rate=rate))) for rate in (0.8, 1.0, 1.25))
    assert slow > 1.1 * plain > 1.1 * fast


def test_a_shorter_vocal_tract_raises_formants_and_keeps_pitch_and_length() -> None:
    short, long = (Voice("en", "Male3", pitch=112.0, tract=tract) for tract in (1.12, 0.9))
    above, below = say(short), say(long)
    assert formant_ratio(above, below) == pytest.approx(1.12 / 0.9, rel=0.06)
    assert hertz(above) == pytest.approx(hertz(below), rel=0.04)
    assert len(above) == pytest.approx(len(below), rel=0.04)


@pytest.mark.parametrize("level", [-6.0, 4.0])
def test_level_is_in_decibels(level: float) -> None:
    ratio = spoken_loudness(say(delivery=Delivery(level=level))) / spoken_loudness(say())
    assert 20 * np.log10(ratio) == pytest.approx(level, abs=0.3)


def test_the_voices_own_level_adds() -> None:
    loud = say(Voice("en", "Female2", pitch=205.0, level=3.0))
    assert 20 * np.log10(spoken_loudness(loud) / spoken_loudness(say())) == pytest.approx(
        3, abs=0.3
    )


def test_tilt_moves_the_balance_of_high_and_low() -> None:
    lax, tense = (say(delivery=Delivery(tilt=tilt)) for tilt in (-3.0, 3.0))
    assert high_share(tense) > high_share(say()) + 2 > high_share(lax) + 4


def test_breath_and_jitter_lower_the_harmonicity() -> None:
    clear = harmonicity(say())
    assert harmonicity(say(delivery=Delivery(breath=30.0))) < clear - 1
    assert harmonicity(say(delivery=Delivery(jitter=0.05))) < clear - 1


def test_shimmer_makes_the_level_waver() -> None:
    def waver(sound: NDArray[np.float64]) -> float:
        frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
        level = np.sqrt(np.mean(frames**2, axis=1))
        return float(np.median(np.abs(np.diff(level)) / (level[:-1] + level[1:] + 1e-9)))

    assert waver(say(delivery=Delivery(shimmer=0.4))) > 1.2 * waver(say())


def test_peaks_stay_within_bounds_however_loud() -> None:
    assert 0.9 < np.abs(say(delivery=Delivery(level=60.0))).max() <= 0.97 + 1e-12


def test_pauses_around_the_sentence_are_cut() -> None:
    sound = np.abs(say())
    edge = SYNTHESIS_RATE // 20
    assert sound[:edge].max() > 0.01 * sound.max()
    assert sound[-edge:].max() > 0.005 * sound.max()


def test_spoken_loudness_ignores_pauses() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(SYNTHESIS_RATE) / SYNTHESIS_RATE)
    paused = np.concatenate([tone, np.zeros(3 * SYNTHESIS_RATE)])
    assert spoken_loudness(paused) == pytest.approx(np.sqrt(0.5), rel=0.02)


def test_the_raw_voice_comes_at_its_own_rate_or_another() -> None:
    own = len(espeak(TEXT, "en", "Male1", 170.0)) / ESPEAK_RATE
    other = len(espeak(TEXT, "en", "Male1", 170.0, sampling_rate=16_000)) / 16_000
    assert own == pytest.approx(other, rel=0.02)


def test_rates_beyond_what_espeak_can_are_held_at_its_limits() -> None:
    # eSpeak's own length differs by 1.5 % between calls; at 300 words it is 57 % longer.
    fastest = len(espeak(TEXT, "en", "Male1", 450.0))
    assert len(espeak(TEXT, "en", "Male1", 5_000.0)) == pytest.approx(fastest, rel=0.05)


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        (lambda: espeak(TEXT, "tlh", "Male1", 170.0), "tlh"),
        (lambda: espeak(TEXT, "en", "Nobody", 170.0), "Nobody"),
    ],
)
def test_unknown_voices_are_named(wrong: Callable[[], object], value: str) -> None:
    with pytest.raises(ConfigError, match=value):
        wrong()


def test_a_text_without_a_voiced_sound_is_refused() -> None:
    with pytest.raises(AudioError, match="nothing was voiced"):
        say(text="...")


def test_without_praat_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    with pytest.raises(MissingDependencyError, match=r"equivoice\[praat\]"):
        say()


def test_importing_the_module_does_not_import_praat() -> None:
    code = "import sys, equivoice.audio.synthesis; sys.exit('parselmouth' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_same_sequence_in_fresh_processes_is_the_same_to_the_byte() -> None:
    """Voiceless stretches that are lengthened come from Praat's random numbers, too."""
    code = """
import hashlib, sys, numpy as np
from equivoice.audio.synthesis import Delivery, Voice, speak
voice = Voice("de", "Female2", pitch=205.0, tract=1.04)
for _ in range(2):
    sound = speak("Die Schlüssel liegen auf dem Tisch.", voice, Delivery(rate=0.8),
                  np.random.default_rng(7))
    sys.stdout.write(hashlib.sha256(sound.tobytes()).hexdigest() + "\\n")
"""
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8"
        ).stdout.split()
        for _ in range(2)
    )
    assert first == second
    assert len(first) == 2
