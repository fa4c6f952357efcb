"""Movement of level, pitch and rhythm in tracks that were drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.audio.contours import level_contour, pitch_contour, syllable_nuclei, timing

FRAMES = 200
ALL = np.ones(FRAMES, dtype=bool)
FLAT = np.full(FRAMES, -20.0)


def flags(*stretches: tuple[int, int], count: int = FRAMES) -> np.ndarray:
    drawn = np.zeros(count, dtype=bool)
    for start, end in stretches:
        drawn[start:end] = True
    return drawn


def test_a_steady_rise_of_level_has_its_slope() -> None:
    found = level_contour(np.linspace(-30, -10, FRAMES), ALL)
    assert found["level.slope"] == pytest.approx(20 / (FRAMES - 1) * 100)
    assert found["level.rise"] == pytest.approx(20 / (FRAMES - 1))
    assert np.isnan(found["level.fall"])
    assert found["level.range90"] == pytest.approx(18)
    assert found["level.range60"] == pytest.approx(12)
    assert found["level.peak_time"] == pytest.approx(1, abs=0.01)


def test_only_the_absolute_level_sees_the_gain() -> None:
    track = np.random.default_rng(0).normal(-25, 6, FRAMES)
    quiet, loud = level_contour(track - 12, ALL), level_contour(track, ALL)
    for name, number in loud.items():
        shift = 12 if name.startswith("level.absolute.") and not name.endswith(".sd") else 0
        assert quiet[name] == pytest.approx(number - shift), name


def test_a_straight_pitch_line_has_its_slope_and_ends() -> None:
    found = pitch_contour(np.linspace(0, 10, FRAMES), FLAT)
    per_frame = 10 / (FRAMES - 1)
    assert found["pitch.slope"] == pytest.approx(100 * per_frame)
    assert found["pitch.movement"] == pytest.approx(per_frame)
    assert found["pitch.up"] == pytest.approx(per_frame)
    assert found["pitch.down"] == 0
    assert found["pitch.up_share"] == 1
    assert found["pitch.start"] == pytest.approx(-4, abs=0.05)
    assert found["pitch.end"] == pytest.approx(4, abs=0.05)
    assert found["pitch.range90"] == pytest.approx(9)
    assert found["pitch.level_correlation"] == 0


def test_stretches_have_slope_and_curvature_of_their_own() -> None:
    pitch = np.full(FRAMES, np.nan)
    for start in (10, 70, 130):
        pitch[start : start + 40] = np.linspace(-2, 2, 40)  # 4 semitones in 0.39 s
    found = pitch_contour(pitch, FLAT)
    assert found["pitch.stretch_slope.p50"] == pytest.approx(2 / 0.4)
    assert found["pitch.stretch_curve.p50"] == pytest.approx(0, abs=1e-9)
    arch = pitch.copy()
    for start in (10, 70, 130):
        arch[start : start + 40] = -3 * np.linspace(-1, 1, 40) ** 2
    assert pitch_contour(arch, FLAT)["pitch.stretch_curve.p50"] == pytest.approx(-3)


def test_octave_jumps_do_not_count_as_movement() -> None:
    pitch = np.zeros(FRAMES)
    pitch[100:] = 12.0
    assert pitch_contour(pitch, FLAT)["pitch.movement"] == 0


def test_pitch_that_goes_with_the_level_correlates() -> None:
    wave = np.sin(np.arange(FRAMES) / 10)
    assert pitch_contour(wave, 5 * wave)["pitch.level_correlation"] == pytest.approx(1)
    assert pitch_contour(wave, -5 * wave)["pitch.level_correlation"] == pytest.approx(-1)


def test_a_trembling_pitch_is_rough() -> None:
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 5, FRAMES)
    assert pitch_contour(smooth, FLAT)["pitch.roughness"] == pytest.approx(0, abs=1e-9)
    rough = pitch_contour(smooth + rng.normal(0, 0.5, FRAMES), FLAT)["pitch.roughness"]
    expected = 0.5 * np.sqrt(6 / 7) * np.sqrt(2 / np.pi)
    assert rough == pytest.approx(expected, rel=0.15)


def test_transposition_moves_only_the_pitch_itself() -> None:
    pitch = np.sin(np.arange(FRAMES) / 15) * 3
    pitch[60:80] = np.nan
    low, high = pitch_contour(pitch, FLAT), pitch_contour(pitch + 7, FLAT)
    for name, number in low.items():
        moved = name.startswith("pitch.semitones.") and not name.endswith(".sd")
        expected = number + (7 if moved else 0)
        assert high[name] == pytest.approx(expected, abs=1e-9, nan_ok=True), name


def test_timing_of_drawn_stretches() -> None:
    speech = flags((0, 80), (120, 200))
    voiced = flags((0, 40), (60, 80), (120, 180))
    found = timing(speech, voiced, np.array([20.0, 70.0, 150.0]))
    assert found["timing.duration"] == pytest.approx(2.0)
    assert found["timing.speech_share"] == pytest.approx(0.8)
    assert found["timing.voiced_share"] == pytest.approx(0.6)
    assert found["timing.stretch_rate"] == pytest.approx(1.5)
    assert found["timing.stretch_mean"] == pytest.approx(0.4)
    assert found["timing.gap_longest"] == pytest.approx(0.4)
    assert found["timing.gap_mean"] == pytest.approx(0.8 / 3)
    assert found["timing.syllable_rate"] == pytest.approx(1.5)
    assert found["timing.articulation_rate"] == pytest.approx(3 / 1.6)
    assert found["timing.syllable_spread"] == pytest.approx(0.15)


def test_an_utterance_without_gaps_has_gaps_of_zero() -> None:
    found = timing(ALL, ALL, np.empty(0))
    assert found["timing.gap_mean"] == found["timing.gap_longest"] == 0
    assert found["timing.syllable_rate"] == 0
    assert np.isnan(found["timing.syllable_spread"])


@pytest.mark.parametrize("rate", [2, 4, 6])
def test_swells_are_syllables(rate: int) -> None:
    times = np.arange(FRAMES) / 100
    track = -30 + 10 * np.sin(2 * np.pi * rate * times - np.pi / 2)
    assert len(syllable_nuclei(track, ALL)) == 2 * rate


def test_a_shallow_dip_does_not_part_syllables() -> None:
    track = np.full(FRAMES, -40.0)
    track[40:80], track[60:62] = -20.0, -21.0
    track[120:160] = -18.0
    assert len(syllable_nuclei(track + np.sin(np.arange(FRAMES) / 7) / 10, ALL)) == 2


def test_unvoiced_peaks_are_no_syllables() -> None:
    times = np.arange(FRAMES) / 100
    track = -30 + 10 * np.sin(2 * np.pi * 4 * times - np.pi / 2)
    assert len(syllable_nuclei(track, flags((0, 100)))) == 4
    assert len(syllable_nuclei(track, flags())) == 0


def test_nothing_gives_the_same_names_as_everything() -> None:
    nothing, none = np.empty(0), np.empty(0, dtype=bool)
    pitch = np.sin(np.arange(FRAMES) / 10)
    pairs = [
        (level_contour(nothing, none), level_contour(FLAT, ALL)),
        (pitch_contour(nothing, nothing), pitch_contour(pitch, FLAT)),
        (timing(none, none, nothing), timing(ALL, ALL, np.array([1.0]))),
    ]
    for empty, full in pairs:
        assert list(empty) == list(full)
        assert all(np.isnan(number) for number in empty.values())
    assert len(syllable_nuclei(nothing, none)) == 0
