"""Frames, log-mel, cepstra and deltas against sums written out by hand and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.audio.features import (
    FLOOR_DB,
    MEL_BANDS,
    decibels,
    deltas,
    frames,
    log_mel,
    mel_filterbank,
    mfcc,
    power_spectra,
    speech_frames,
    statistics,
)
from equivoice.audio.spectrum import level
from unit.audio.voices import RATE, noise, tone, vowel, with_silence


@settings(max_examples=50, deadline=None)
@given(count=st.integers(1, 500), length=st.integers(2, 60), step=st.integers(1, 40))
def test_each_frame_is_centred_on_its_sample(count: int, length: int, step: int) -> None:
    samples = np.arange(1.0, count + 1)
    found = frames(samples, length, step)
    assert found.shape == (1 + count // step, length)
    for number in range(len(found)):
        for place in range(length):
            sample = number * step - length // 2 + place
            expected = samples[sample] if 0 <= sample < count else 0.0
            assert found[number, place] == expected


def test_power_spectra_equal_the_sum_of_the_definition() -> None:
    samples = noise(0.05)
    found = power_spectra(samples)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)
    for number in (0, 2, 5):
        frame = np.array(
            [
                samples[t] if 0 <= t < len(samples) else 0.0
                for t in range(number * 160 - 200, number * 160 + 200)
            ]
        )
        for bin_ in (0, 1, 17, 300, 512):
            angles = -2j * np.pi * bin_ * np.arange(400) / 1024
            direct = np.sum(window * frame * np.exp(angles))
            expected = abs(direct) ** 2 / np.sum(window**2)
            assert found[number, bin_] == pytest.approx(expected, rel=1e-9)


def test_power_spectra_agree_with_scipy() -> None:
    samples = noise(0.3)
    # Our frame 2 begins at sample 2 * 160 - 200 = 120; scipy's first at 0.
    _, _, other = scipy.signal.stft(
        samples[120:], RATE, np.hanning(400), 400, 240, 1024, boundary=None, padded=False,
        scaling="psd",
    )  # fmt: skip
    expected = np.abs(other.T) ** 2 * RATE
    found = power_spectra(samples)[2 : 2 + len(expected)]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-14)


def test_the_filters_are_triangles_that_add_up_to_one() -> None:
    bank = mel_filterbank()
    assert bank.shape == (MEL_BANDS, 513)
    bins = np.arange(513) * RATE / 1024
    peaks = bins[bank.argmax(axis=1)]
    assert (np.diff(peaks) > 0).all()
    inside = (bins > peaks[0]) & (bins < peaks[-1])
    np.testing.assert_allclose(bank.sum(axis=0)[inside], 1, atol=1e-9)
    assert not bank[:, (bins < 50) | (bins > 7800)].any()
    # Equal distances in mel: 1000 Hz is about 1000 mel by definition.
    mel = 1127 * np.log1p(peaks / 700)
    np.testing.assert_allclose(np.diff(mel), np.diff(mel).mean(), atol=25)
    assert 1127 * np.log1p(1000 / 700) == pytest.approx(1000, abs=0.5)


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0, 6000.0])
def test_a_tone_is_loudest_in_the_band_around_it(hz: float) -> None:
    bands = log_mel(power_spectra(tone(hz)))[50]
    bins = np.arange(513) * RATE / 1024
    expected = mel_filterbank()[:, np.abs(bins - hz).argmin()].argmax()
    assert abs(int(bands.argmax()) - int(expected)) <= 1


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.01, 10))
def test_gain_moves_all_bands_alike(gain: float) -> None:
    sound = noise(0.2)
    moved = log_mel(power_spectra(gain * sound)) - log_mel(power_spectra(sound))
    np.testing.assert_allclose(moved, 20 * np.log10(gain), atol=1e-6)


def test_cepstra_equal_the_sum_of_the_definition() -> None:
    bands = np.random.default_rng(0).normal(size=(3, MEL_BANDS))
    found = mfcc(bands, 5)
    for row in range(3):
        for number in range(5):
            cosines = np.cos(np.pi * number * (2 * np.arange(MEL_BANDS) + 1) / (2 * MEL_BANDS))
            scale = np.sqrt((1 if number == 0 else 2) / MEL_BANDS)
            expected = scale * np.sum(bands[row] * cosines)
            assert found[row, number] == pytest.approx(expected, abs=1e-9)


def test_only_the_first_coefficient_sees_the_gain() -> None:
    sound = noise(0.3)
    quiet, loud = (mfcc(log_mel(power_spectra(gain * sound))) for gain in (0.1, 1.0))
    np.testing.assert_allclose(loud[:, 1:], quiet[:, 1:], atol=1e-6)
    np.testing.assert_allclose(loud[:, 0] - quiet[:, 0], 20 * np.sqrt(MEL_BANDS), atol=1e-6)


def test_deltas_are_least_squares_slopes() -> None:
    track = np.random.default_rng(0).normal(size=(30, 2))
    found = deltas(track, reach=4)
    for frame in range(4, 26):
        line = np.polyfit(np.arange(9), track[frame - 4 : frame + 5], 1)
        np.testing.assert_allclose(found[frame], line[0], atol=1e-12)
    assert found.shape == track.shape


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=50), gaps=st.integers(0, 5))
def test_statistics_leave_out_what_is_unknown(values: list[float], gaps: int) -> None:
    track = np.array(values + [np.nan] * gaps)
    found = statistics("t", np.random.default_rng(0).permutation(track))
    known = np.array(values)
    assert found["t.mean"] == pytest.approx(known.mean(), abs=1e-9)
    assert found["t.sd"] == pytest.approx(known.std(), abs=1e-9)
    for share in (5, 25, 50, 75, 95):
        assert found[f"t.p{share}"] == pytest.approx(np.quantile(known, share / 100), abs=1e-9)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, np.nan]])
def test_statistics_of_too_little_are_unknown_and_not_zero(values: list[float]) -> None:
    found = statistics("t", np.array(values))
    assert len(found) == 7
    assert all(np.isnan(number) for number in found.values())


def test_speech_is_found_between_silences_at_any_gain() -> None:
    sound = with_silence(vowel(seconds=1.0), 0.5, 0.7)
    found = [speech_frames(level(power_spectra(gain * sound))) for gain in (0.02, 1.0)]
    np.testing.assert_array_equal(found[0], found[1])
    where = np.flatnonzero(found[1])
    assert where[0] == pytest.approx(50, abs=3)
    assert where[-1] == pytest.approx(150, abs=5)


def test_digital_silence_and_faint_hiss_hold_no_speech() -> None:
    for sound in (np.zeros(RATE), noise(1.0, 1e-6)):
        assert not speech_frames(level(power_spectra(sound))).any()


def test_decibels_have_a_floor() -> None:
    np.testing.assert_allclose(decibels(np.array([1.0, 100.0, 0.0])), [0, 20, FLOOR_DB])
