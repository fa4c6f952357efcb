"""What is read of a clip, and what becomes of long ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Clip
from equivoice.models.hearing.clips import ClipReader
from tiny.sounds import RATE, buzz, write


@pytest.fixture
def long(tmp_path: Path) -> Path:
    return write(tmp_path / "long.wav", buzz(200, 3.0))


def test_a_long_clip_is_refused_by_name(long: Path) -> None:
    reader = ClipReader(2.0)
    with pytest.raises(AudioError, match=r"3\.0 s; the limit is 2 s") as error:
        reader.read(Clip(str(long)))
    assert error.value.file == str(long)
    assert reader.describe() == {
        "max_seconds": 2.0,
        "longer": "refuse",
        "channels": "mean",
        "clips_cut": 0,
    }


def test_a_piece_of_a_long_file_is_no_long_clip(long: Path) -> None:
    whole = ClipReader(30.0).read(Clip(str(long)))
    piece = ClipReader(2.0).read(Clip(str(long), start=0.5, end=1.75))
    np.testing.assert_array_equal(piece, whole[8000:28000])


def test_what_is_cut_is_counted_once_a_clip(long: Path) -> None:
    reader = ClipReader(30.0, max_seconds=1.0, longer="cut")
    whole = ClipReader(30.0).read(Clip(str(long)))
    for _ in range(2):
        np.testing.assert_array_equal(reader.read(Clip(str(long))), whole[:RATE])
    np.testing.assert_array_equal(
        reader.read(Clip(str(long), start=1.0, end=2.5)), whole[RATE : 2 * RATE]
    )
    reader.read(Clip(str(long), start=2.5))
    assert reader.describe() == {
        "max_seconds": 1.0,
        "longer": "cut",
        "channels": "mean",
        "clips_cut": 2,
    }
    assert sorted(reader.cut.values()) == [1.5, 3.0]


def test_where_a_clip_ends_is_known_without_its_sound(long: Path) -> None:
    """As a cache needs it, from which what a clip gave comes back and its cut does not."""
    reader = ClipReader(30.0, max_seconds=1.0, longer="cut")
    assert reader.cuts() == {}
    assert reader.end(Clip(str(long))) == 1.0
    assert reader.end(Clip(str(long), start=0.5, end=1.25)) == 1.25
    assert reader.end(Clip(str(long), start=2.5)) is None
    assert reader.cuts() == {"end of a clip longer than 1 s": 1}
    assert ClipReader(2.0).end(Clip(str(long))) is None


def test_channels_are_averaged_or_the_first_is_heard(tmp_path: Path) -> None:
    left, right = buzz(110, 0.5), buzz(260, 0.5)
    sounds = {"left": left, "right": right, "both": np.stack([left, right], axis=1)}
    clips = {n: Clip(str(write(tmp_path / f"{n}.wav", each))) for n, each in sounds.items()}
    mixed, first = ClipReader(30.0), ClipReader(30.0, channels="first")
    one, other = (mixed.read(clips[name]) for name in ("left", "right"))
    np.testing.assert_array_equal(first.read(clips["both"]), one)
    np.testing.assert_allclose(mixed.read(clips["both"]), (one + other) / 2, atol=1e-6)
    assert (mixed.describe()["channels"], first.describe()["channels"]) == ("mean", "first")


def test_other_rates_become_16_khz(tmp_path: Path) -> None:
    path = write(tmp_path / "44.wav", buzz(200, 2.0, rate=44_100), rate=44_100)
    wave = ClipReader(2.0).read(Clip(str(path)))
    assert wave.dtype == np.float32
    assert len(wave) == 2 * RATE


def test_mistakes_are_told_together() -> None:
    with pytest.raises(ConfigError) as error:
        ClipReader(30.0, max_seconds=31.0, longer="shorten")
    assert "longer: unknown choice 'shorten' (refuse, cut)" in str(error.value)
    assert "max_seconds: 31 is not within 0 and 30" in str(error.value)
