"""Spectra are made once, and are the same wherever they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Clip
from equivoice.models.encoders.heard_clips import HeardClips, at_speed
from equivoice.models.encoders.listening import reader
from equivoice.models.encoders.log_mel import LogMelSettings, log_mel
from equivoice.models.hearing.sound_cache import SoundCache
from tiny.sounds import buzz, write

SETTINGS = LogMelSettings(bands=20)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return Clip(str(write(tmp_path / "a.wav", buzz(200, 0.6))))


def heard(memory: int = 8) -> HeardClips:
    return HeardClips(reader(10.0), SETTINGS, memory=memory)


def test_it_is_the_spectrum_in_half_precision(clip: Clip) -> None:
    made = heard()
    expected = log_mel(made.clips.read(clip), SETTINGS).astype(np.float16)
    np.testing.assert_array_equal(made(clip), expected.astype(np.float32))


def test_a_clip_is_decoded_once(clip: Clip) -> None:
    made = heard()
    first = made(clip)
    np.testing.assert_array_equal(made(clip), first)
    assert made.decoded == 1
    made(clip, 1.1)
    made(clip, 1.1)
    assert made.decoded == 2


def test_without_memory_it_is_made_again_and_equal(clip: Clip) -> None:
    made = heard(0)
    np.testing.assert_array_equal(made(clip), made(clip))
    assert made.decoded == 2


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    clips = [Clip(str(write(tmp_path / f"{n}.wav", buzz(150 + n, 9.0)))) for n in range(3)]
    made = heard(1)
    made._most = 2 * made(clips[0]).size * 2  # two spectra of two bytes a number
    for number in (1, 0, 2, 0):
        made(clips[number])
    assert made.decoded == 3
    made(clips[1])
    assert made.decoded == 4


def test_on_disk_it_outlives_the_process(clip: Clip, tmp_path: Path) -> None:
    first, second = heard(), heard()
    first.cache = second.cache = SoundCache(tmp_path / "kept")
    np.testing.assert_array_equal(first(clip, 0.9), second(clip, 0.9))
    assert (first.decoded, second.decoded) == (1, 0)
    other = HeardClips(reader(0.3), SETTINGS)
    other.cache = second.cache
    assert len(other(clip, 0.9)) < len(first(clip, 0.9))


def test_long_clips_are_cut_and_counted(clip: Clip) -> None:
    made = HeardClips(reader(0.25), SETTINGS)
    assert len(made(clip)) == SETTINGS.frames(4000)
    assert made.describe()["clips"] == {
        "max_seconds": 0.25,
        "longer": "cut",
        "channels": "mean",
        "clips_cut": 1,
    }
    assert made.clips.cut[clip.path, None, None] == pytest.approx(0.6)


def test_a_missing_file_is_an_error_each_time(tmp_path: Path) -> None:
    made = heard()
    for _ in range(2):
        with pytest.raises(AudioError, match="no such sound file"):
            made(Clip(str(tmp_path / "none.wav")))


@pytest.mark.parametrize("speed", [0.8, 0.95, 1.25])
def test_speed_moves_pitch_and_length(speed: float) -> None:
    wave = np.sin(2 * np.pi * 400 * np.arange(16_000) / 16_000).astype(np.float32)
    found = at_speed(wave, speed)
    assert len(found) == pytest.approx(16_000 / speed, abs=2)
    power = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    assert power.argmax() * 16_000 / len(found) == pytest.approx(400 * speed, abs=2)


def test_speed_1_is_the_wave_itself() -> None:
    wave = np.ones(5, dtype=np.float32)
    assert at_speed(wave, 1.0) is wave


def test_memory_below_nought_is_refused() -> None:
    with pytest.raises(ConfigError, match="memory is below 0"):
        heard(-1)
