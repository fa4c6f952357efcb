"""Praat's measures of voices whose pitch, formants and periods are known."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

from equivoice.audio.praat import voice_tracks
from equivoice.errors import MissingDependencyError
from unit.audio.voices import RATE, noise, tone, vowel, with_silence

pytest.importorskip("parselmouth")


@pytest.mark.parametrize("hz", [80.0, 120.0, 220.0, 400.0, 600.0])
def test_the_pitch_of_a_vowel_comes_out(hz: float) -> None:
    found = voice_tracks(vowel(hz))
    assert found.voiced.mean() > 0.9
    assert np.nanmedian(found.pitch) == pytest.approx(hz, rel=0.005)


def test_a_rising_pitch_is_followed() -> None:
    rise = np.linspace(100, 200, RATE)
    found = voice_tracks(vowel(rise)).pitch
    for frame in (20, 50, 80):
        assert found[frame] == pytest.approx(100 + frame, rel=0.02)


def test_tracks_stand_on_the_grid_of_the_frames() -> None:
    found = voice_tracks(with_silence(vowel(150.0), 0.5, 0.5))
    voiced = np.flatnonzero(found.voiced)
    assert len(found.pitch) == 1 + 2 * RATE // 160
    assert voiced[0] == pytest.approx(50, abs=3)
    assert voiced[-1] == pytest.approx(150, abs=3)


def test_the_formants_of_a_vowel_come_out() -> None:
    wanted = (600.0, 1400.0, 2400.0, 3400.0, 4500.0)  # Praat looks for five below 5500 Hz
    found = voice_tracks(vowel(110.0, formants=wanted))
    medians = np.nanmedian(found.formants, axis=1)
    np.testing.assert_allclose(medians, wanted[:4], rtol=0.06)
    assert (np.nanmedian(found.bandwidths, axis=1) > 0).all()


def test_formants_exist_where_the_voice_does() -> None:
    found = voice_tracks(with_silence(vowel(150.0)))
    assert np.isnan(found.formants[:, ~found.voiced]).all()
    assert np.isfinite(found.formants[0, found.voiced]).mean() > 0.95


@pytest.mark.parametrize("ratio_db", [5.0, 10.0, 20.0])
def test_the_harmonicity_is_the_signal_to_noise_ratio(ratio_db: float) -> None:
    amplitude = 0.3
    power = amplitude**2 / 2
    hiss = noise(2.0, np.sqrt(power / 10 ** (ratio_db / 10)))
    found = voice_tracks(tone(200, 2.0, amplitude) + hiss).harmonicity
    assert np.nanmedian(found) == pytest.approx(ratio_db, abs=1.5)


def test_uneven_periods_are_jitter() -> None:
    even = voice_tracks(vowel(120.0, 2.0)).perturbation["jitter_local"]
    uneven = voice_tracks(vowel(120.0, 2.0, jitter=0.02)).perturbation["jitter_local"]
    assert even < 0.004
    # Mean distance of neighbouring independent periods: 2 / sqrt(pi) of their spread.
    assert uneven == pytest.approx(0.02 * 2 / np.sqrt(np.pi), rel=0.35)


def test_gain_changes_nothing() -> None:
    sound = vowel(130.0) + noise(1.0, 0.003)
    quiet, loud = voice_tracks(0.05 * sound), voice_tracks(sound)
    np.testing.assert_allclose(quiet.pitch, loud.pitch, rtol=1e-6)
    np.testing.assert_allclose(quiet.harmonicity, loud.harmonicity, atol=1e-3)
    for name, share in loud.perturbation.items():
        assert quiet.perturbation[name] == pytest.approx(share, rel=1e-3), name


@pytest.mark.parametrize(
    "sound", [np.zeros(RATE), np.zeros(1), np.ones(1), noise(0.03), vowel(seconds=0.09)]
)
def test_silence_and_the_shortest_clips_are_unknown_and_not_zero(sound: np.ndarray) -> None:
    found = voice_tracks(sound)
    assert len(found.pitch) == 1 + len(sound) // 160
    assert not found.voiced.any()
    assert np.isnan(found.harmonicity).all()
    assert np.isnan(found.formants).all()
    assert all(np.isnan(share) for share in found.perturbation.values())


@pytest.mark.parametrize("seconds", [0.1, 0.101, 0.11, 0.13, 0.2])
def test_short_clips_do_not_fail(seconds: float) -> None:
    for sound in (vowel(seconds=seconds), noise(seconds), np.full(round(seconds * RATE), 0.5)):
        assert len(voice_tracks(sound).pitch) == 1 + len(sound) // 160


def test_noise_has_hardly_a_pitch() -> None:
    assert voice_tracks(noise(2.0)).voiced.mean() < 0.1


def test_without_parselmouth_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "parselmouth", raising=False)
    original = builtins.__import__

    def refuse(name: str, *rest: object, **more: object) -> object:
        if name.startswith("parselmouth"):
            raise ImportError(name)
        return original(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match=r"equivoice\[praat\]"):
        voice_tracks(noise())
