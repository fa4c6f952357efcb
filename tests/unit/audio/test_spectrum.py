"""Spectral shape of sounds whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from equivoice.audio.features import decibels, power_spectra
from equivoice.audio.spectrum import cepstral_peak_prominence, level, level_near, spectral_shape
from unit.audio.voices import RATE, buzz, noise, tone, vowel

MIDDLE = slice(20, 80)


def shape(sound: np.ndarray) -> dict[str, float]:
    tracks = spectral_shape(power_spectra(sound))
    return {name: float(np.median(track[MIDDLE])) for name, track in tracks.items()}


def test_a_full_scale_sine_has_minus_three_decibels() -> None:
    found = level(power_spectra(tone(1000, amplitude=1.0)))[MIDDLE]
    np.testing.assert_allclose(found, -3.0103, atol=0.01)


def test_the_level_is_the_windowed_mean_square() -> None:
    sound = noise(0.2)
    found = level(power_spectra(sound))
    window = np.hanning(400)
    for frame in (3, 10):
        piece = sound[frame * 160 - 200 : frame * 160 + 200]
        expected = 10 * np.log10(np.sum((window * piece) ** 2) / np.sum(window**2))
        assert found[frame] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 6.0])
def test_a_known_difference_of_intensity_comes_out(gain_db: float) -> None:
    sound = vowel()
    change = level(power_spectra(10 ** (gain_db / 20) * sound)) - level(power_spectra(sound))
    np.testing.assert_allclose(change[MIDDLE], gain_db, atol=1e-9)


def test_the_shape_does_not_see_the_gain() -> None:
    sound = vowel() + noise(1.0, 0.01)
    quiet, loud = shape(0.05 * sound), shape(sound)
    for name, value in loud.items():
        assert quiet[name] == pytest.approx(value, abs=1e-5), name


def test_centroid_and_rolloff_of_a_tone_lie_on_it() -> None:
    found = shape(tone(1000))
    assert found["centroid"] == pytest.approx(1000, abs=2)
    for share in (25, 50, 85):
        assert found[f"rolloff{share}"] == pytest.approx(1000, abs=40)


def test_rolloff_of_white_noise_lies_at_its_share_of_the_band() -> None:
    found = shape(noise())
    for share in (25, 50, 85):
        assert found[f"rolloff{share}"] == pytest.approx(share / 100 * 8000, rel=0.08)


def test_two_tones_give_their_difference_as_balance() -> None:
    found = shape(tone(500, amplitude=0.5) + tone(3000, amplitude=0.05))
    assert found["alpha"] == pytest.approx(-20, abs=0.1)
    assert found["hammarberg"] == pytest.approx(20, abs=0.5)


def test_the_slope_is_that_of_a_filter_with_known_slope() -> None:
    steep = scipy.signal.lfilter([1.0], [1.0, -0.95], noise(2.0))
    flat, tilted = shape(noise(2.0)), shape(steep)
    frequencies = np.linspace(500, 1500, 200)
    _, response = scipy.signal.freqz([1.0], [1.0, -0.95], frequencies, fs=RATE)
    expected = np.polyfit(frequencies / 1000, 20 * np.log10(np.abs(response)), 1)[0]
    assert tilted["slope_middle"] - flat["slope_middle"] == pytest.approx(expected, abs=1.5)
    assert flat["slope_high"] == pytest.approx(0, abs=1)


def test_noise_is_flat_and_a_tone_is_not() -> None:
    # Mean log against log mean of an exponential variable: Euler's constant in dB.
    assert shape(noise())["flatness"] == pytest.approx(-2.51, abs=0.4)
    assert shape(tone(1000) + noise(1.0, 1e-5))["flatness"] < -40


def test_flux_is_zero_for_what_does_not_change() -> None:
    steady = spectral_shape(power_spectra(tone(1000)))["flux"]
    changing = spectral_shape(power_spectra(noise()))["flux"]
    assert steady[0] == 0
    assert steady[MIDDLE].max() < 1e-6
    assert np.median(changing[MIDDLE]) > 1e-3


def test_prominence_is_high_for_a_clear_voice_and_low_for_noise() -> None:
    clear = np.median(cepstral_peak_prominence(buzz(150.0) + noise(1.0, 1e-3))[MIDDLE])
    breathy = np.median(cepstral_peak_prominence(buzz(150.0) + noise(1.0, 0.1))[MIDDLE])
    nothing = np.median(cepstral_peak_prominence(noise())[MIDDLE])
    assert clear > breathy > nothing


def test_the_level_near_a_harmonic_is_that_harmonics() -> None:
    sound = tone(250, amplitude=0.5) + tone(500, amplitude=0.1)
    spectrum = decibels(power_spectra(sound))
    first = level_near(spectrum, np.full(len(spectrum), 250.0))
    second = level_near(spectrum, np.full(len(spectrum), 500.0))
    np.testing.assert_allclose((first - second)[MIDDLE], 20 * np.log10(5), atol=0.2)
    assert np.isnan(level_near(spectrum, np.full(len(spectrum), np.nan))).all()


@pytest.mark.parametrize("sound", [np.zeros(RATE), np.zeros(1), np.ones(1), noise(0.01)])
def test_silence_and_the_shortest_sounds_stay_finite(sound: np.ndarray) -> None:
    power = power_spectra(sound)
    for track in spectral_shape(power).values():
        assert len(track) == len(power)
        assert np.isfinite(track).all()
    assert np.isfinite(cepstral_peak_prominence(sound)).all()
