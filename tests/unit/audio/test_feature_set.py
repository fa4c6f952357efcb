"""The whole feature vector: what moves it, what must not, and what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equivoice.audio import decode
from equivoice.audio.feature_set import (
    acoustic_measures,
    feature_names,
    feature_vector,
    missing_reasons,
)
from equivoice.errors import AudioError
from unit.audio.voices import RATE, noise, syllables, tone, vowel, with_silence

pytest.importorskip("parselmouth")


def features(sound: np.ndarray) -> dict[str, float]:
    return dict(zip(feature_names(), feature_vector(sound).tolist(), strict=True))


def test_names_are_unique_and_begin_with_their_group() -> None:
    names = feature_names()
    assert len(set(names)) == len(names)
    groups = {name.partition(".")[0] for name in names}
    assert groups == {
        "spectrum", "cepstrum", "modulation", "contour", "level",
        "pitch", "timing", "quality", "formant", "perturbation",
    }  # fmt: skip


@pytest.mark.parametrize(
    "sound",
    [np.zeros(RATE), np.zeros(1), np.ones(1), np.array([0.5, -0.5]), noise(0.02), noise(2.0),
     vowel(seconds=0.12), vowel(), syllables(4.0), with_silence(vowel(seconds=0.2))],
)  # fmt: skip
def test_every_sound_gives_the_same_list(sound: np.ndarray) -> None:
    found = feature_vector(sound)
    assert found.shape == (len(feature_names()),)
    assert found.dtype == np.float64
    assert not np.isinf(found).any()


def test_silence_is_unknown_throughout_and_says_why() -> None:
    found = feature_vector(np.zeros(RATE))
    assert np.isnan(found).all()
    reasons = missing_reasons(found)
    assert len(reasons) == 10
    assert "spectrum: no speech found" in reasons


def test_a_clear_utterance_lacks_nothing_but_what_it_does_not_have() -> None:
    found = feature_vector(syllables(4.0) + noise(2.0, 0.003))
    assert not missing_reasons(np.zeros_like(found))
    assert np.isnan(found).mean() < 0.06


def test_gain_moves_the_level_and_nothing_else() -> None:
    sound = syllables(4.0) + noise(2.0, 0.002)
    quiet, loud = features(0.25 * sound), features(sound)
    shift = 20 * np.log10(4)
    for name, number in loud.items():
        level = name.startswith("level.absolute.") and not name.endswith(".sd")
        first = ".sd." not in name and name.startswith("cepstrum.") and name.endswith(".0")
        if level:
            assert quiet[name] == pytest.approx(number - shift, abs=1e-6), name
        elif not first:
            assert quiet[name] == pytest.approx(number, rel=1e-3, abs=1e-3, nan_ok=True), name


def test_silence_around_an_utterance_changes_little() -> None:
    sound = syllables(4.0)
    plain, padded = features(sound), features(with_silence(sound, 0.8, 0.6))
    assert padded["timing.duration"] == pytest.approx(plain["timing.duration"], abs=0.06)
    for name in ("pitch.semitones.p50", "level.absolute.p50", "quality.voiced.harmonicity.p50"):
        assert padded[name] == pytest.approx(plain[name], rel=0.05, abs=0.3), name


def test_equal_samples_give_equal_vectors() -> None:
    sound = syllables(3.0) + noise(2.0, 0.01)
    np.testing.assert_array_equal(feature_vector(sound), feature_vector(sound.copy()))
    np.testing.assert_allclose(
        feature_vector(sound.astype(np.float32)), feature_vector(sound), rtol=1e-2, atol=1e-2
    )


@pytest.mark.parametrize("hz", [100.0, 250.0])
def test_measures_for_people_are_in_their_units(hz: float) -> None:
    found = acoustic_measures(vowel(hz, 1.5))
    assert found["pitch_hz"] == pytest.approx(hz, rel=0.01)
    assert found["pitch_range_semitones"] == pytest.approx(0, abs=0.2)
    assert found["f3_hz"] == pytest.approx(2500, rel=0.1)
    assert found["pause_share"] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("rate", [2.0, 4.0])
def test_the_syllable_rate_is_that_of_the_swells(rate: float) -> None:
    found = acoustic_measures(syllables(rate, 3.0))
    assert found["syllables_per_second"] == pytest.approx(rate, rel=0.15)


def test_a_pause_is_a_share_of_the_utterance() -> None:
    sound = np.concatenate([vowel(seconds=1.0), np.zeros(RATE), vowel(seconds=1.0)])
    assert acoustic_measures(sound)["pause_share"] == pytest.approx(1 / 3, abs=0.03)


def test_twice_the_amplitude_is_six_decibels() -> None:
    quiet, loud = (acoustic_measures(tone(200, amplitude=a)) for a in (0.2, 0.4))
    assert loud["intensity_db"] - quiet["intensity_db"] == pytest.approx(6.02, abs=0.01)
    assert loud["intensity_db"] == pytest.approx(20 * np.log10(0.4) - 3.01, abs=0.05)


def test_measures_of_silence_are_unknown() -> None:
    assert all(np.isnan(number) for number in acoustic_measures(np.zeros(RATE)).values())


def test_another_rate_and_nothing_at_all_are_refused() -> None:
    with pytest.raises(AudioError, match="16000 Hz"):
        feature_vector(tone(200), rate=44_100)
    with pytest.raises(AudioError, match="at least one sample"):
        feature_vector(np.empty(0))


def test_anger_is_louder_and_higher_than_calm_in_real_speech(real_data: Path) -> None:
    folder = real_data / "audio" / "ravdess" / "audio" / "Audio_Speech_Actors_01-24"
    pitch: dict[str, list[float]] = {"02": [], "05": []}
    level: dict[str, list[float]] = {"02": [], "05": []}
    for actor in ("01", "02", "03", "04"):
        for emotion, heights in pitch.items():
            path = folder / f"Actor_{actor}" / f"03-01-{emotion}-02-01-01-{actor}.flac"
            found = acoustic_measures(decode(path))
            heights.append(found["pitch_hz"])
            level[emotion].append(found["intensity_db"])
    assert np.mean(np.log2(pitch["05"])) > np.mean(np.log2(pitch["02"])) + 0.25
    assert np.mean(level["05"]) > np.mean(level["02"]) + 6
