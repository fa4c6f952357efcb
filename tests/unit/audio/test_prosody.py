"""Measures of prosody on voices whose pitch, level, rate and unevenness are known."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.audio.features import RATE
from equivoice.audio.prosody import (
    PROSODY_UNITS,
    pitch_contour_semitones,
    prosody,
    prosody_names,
    prosody_vector,
)
from equivoice.errors import AudioError
from unit.audio.voices import Floats, noise, syllables, vowel, with_silence

pytest.importorskip("parselmouth")


def octave_up(times: Floats) -> Floats:
    return np.asarray(100 * 2**times)


def trembling(depth: float, hz: float = 6.0, seconds: float = 2.0) -> Floats:
    """A vowel at 200 Hz whose pitch swings by so many semitones either way."""
    times = np.arange(round(seconds * RATE)) / RATE
    return vowel(200 * 2 ** (depth * np.sin(2 * np.pi * hz * times) / 12), seconds)


def test_names_units_and_order_agree() -> None:
    found = prosody(vowel(200.0))
    assert tuple(found) == prosody_names() == tuple(PROSODY_UNITS)
    np.testing.assert_array_equal(prosody_vector(vowel(200.0)), list(found.values()))


def test_pitch_is_in_semitones_above_100_hz() -> None:
    assert prosody(vowel(200.0))["pitch"] == pytest.approx(12.0, abs=0.1)
    assert prosody(vowel(200.0))["pitch_range"] < 0.3


def test_a_rising_pitch_has_a_course_and_a_range() -> None:
    times = np.arange(RATE) / RATE
    found = prosody(vowel(octave_up(times)))
    assert found["pitch_course"] == pytest.approx(12.0, abs=0.7)
    assert found["pitch_range"] == pytest.approx(0.8 * 12, abs=0.7)
    assert prosody(vowel(octave_up(1 - times)))["pitch_course"] == pytest.approx(-12.0, abs=0.7)


def test_twice_the_amplitude_is_6_db_and_changes_nothing_else() -> None:
    sound = syllables(4.0)
    quiet, loud = prosody(sound / 2), prosody(sound)
    assert loud["loudness"] - quiet["loudness"] == pytest.approx(6.02, abs=0.01)
    for name in set(prosody_names()) - {"loudness"}:
        assert loud[name] == pytest.approx(quiet[name], abs=0.05), name


def test_a_swelling_sound_grows_louder() -> None:
    swell = np.linspace(0, 20, 2 * RATE)  # dB
    found = prosody(vowel(150.0, 2.0) * 10 ** (swell / 20) / 10)
    assert found["loudness_course"] == pytest.approx(20.0, abs=1.5)
    assert found["loudness_range"] == pytest.approx(16.0, abs=1.5)


def test_syllables_are_counted_without_the_pauses_between_them() -> None:
    found = prosody(syllables(4.0))
    assert found["rate"] == pytest.approx(4.0, abs=0.5)
    both = np.concatenate([syllables(4.0), np.zeros(RATE), syllables(4.0)])
    paused = prosody(both)
    assert paused["rate"] == pytest.approx(found["rate"], rel=0.1)
    assert paused["pauses"] == pytest.approx(1.0 / 5.0, abs=0.03)
    assert paused["sounding"] == pytest.approx(4.0, abs=0.2)


def test_silence_around_speech_and_short_gaps_are_no_pauses() -> None:
    gap = np.zeros(round(0.12 * RATE))
    sound = np.concatenate([vowel(150.0, 0.6), gap, vowel(150.0, 0.6)])
    assert prosody(with_silence(sound, 1.0, 1.0))["pauses"] == 0.0


def test_tremor_is_the_depth_of_the_swing_and_a_melody_is_none() -> None:
    assert prosody(trembling(0.0))["tremor"] < 0.1
    assert prosody(trembling(0.5))["tremor"] == pytest.approx(0.5, abs=0.15)
    assert prosody(trembling(1.0))["tremor"] == pytest.approx(1.0, abs=0.25)
    assert prosody(trembling(1.0, hz=1.0))["tremor"] < 0.3


def test_breath_and_unevenness_are_heard() -> None:
    still = prosody(vowel(150.0, 2.0))
    breathy = prosody(vowel(150.0, 2.0) + noise(2.0, 0.05))
    uneven = prosody(vowel(150.0, 2.0, jitter=0.03))
    assert breathy["breathiness"] > still["breathiness"] + 3
    assert breathy["harmonicity"] < still["harmonicity"] - 3
    assert uneven["harshness"] > still["harshness"] + 1
    assert uneven["jitter"] > 0.01 > still["jitter"]


def test_silence_and_clicks_measure_nothing() -> None:
    found = prosody(np.zeros(RATE))
    assert np.isnan(list(found.values())).all()
    click = np.zeros(RATE)
    click[8000] = 0.5
    assert np.isnan(prosody(click)["pitch"])
    assert np.isnan(prosody(vowel(150.0, 0.05))["pitch"])


def test_other_rates_and_no_samples_are_refused() -> None:
    with pytest.raises(AudioError, match="16000"):
        prosody(vowel(150.0), rate=8000)
    with pytest.raises(AudioError, match="at least one sample"):
        prosody(np.zeros(0))


def test_the_contour_stands_every_10_ms() -> None:
    contour = pitch_contour_semitones(vowel(200.0))
    assert len(contour) == 101
    assert np.nanmedian(contour) == pytest.approx(12.0, abs=0.1)
