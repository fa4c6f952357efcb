"""Decoding: what comes out right, and every kind of file that must be refused."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from equivoice.audio import AudioInfo, content_hash, decode, probe
from equivoice.errors import AudioError

soundfile = pytest.importorskip("soundfile")

Folder = Path


def tone(seconds: float = 0.5, rate: int = 16_000, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype("f4")


def written(path: Path, samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def test_probe_reads_the_header(tmp_path: Folder) -> None:
    path = written(tmp_path / "a.flac", np.stack([tone(), tone()], 1), 16_000)
    assert probe(path) == AudioInfo(8000, 16_000, 2, 0.5, "FLAC/PCM_16")


def test_samples_come_back_unchanged_at_the_same_rate(tmp_path: Folder) -> None:
    samples = tone()
    back = decode(written(tmp_path / "a.wav", samples, subtype="FLOAT"))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, samples)


def test_mixdown_is_the_mean_of_the_channels(tmp_path: Folder) -> None:
    channels = np.stack([tone(), -tone(), 2 * tone() / 4, np.zeros(8000, "f4")], 1)
    back = decode(written(tmp_path / "a.wav", channels, subtype="FLOAT"))
    np.testing.assert_allclose(back, channels.mean(axis=1), atol=1e-7)


def test_the_first_channel_alone_where_that_is_asked_for(tmp_path: Folder) -> None:
    channels = np.stack([tone(), -tone(hz=300.0)], 1)
    path = written(tmp_path / "a.wav", channels, subtype="FLOAT")
    np.testing.assert_array_equal(decode(path, channels="first"), channels[:, 0])
    alone = written(tmp_path / "first.wav", channels[:, 0], 44_100, subtype="FLOAT")
    both = written(tmp_path / "both.wav", channels, 44_100, subtype="FLOAT")
    np.testing.assert_array_equal(decode(both, channels="first"), decode(alone))


def test_eight_channels_at_192_khz(tmp_path: Folder) -> None:
    channels = np.repeat(tone(1.0, 192_000)[:, None], 8, axis=1)
    back = decode(written(tmp_path / "a.wav", channels, 192_000))
    assert back.shape == (16_000,)
    middle = slice(2000, 14_000)
    np.testing.assert_allclose(back[middle], tone(1.0)[middle], atol=2e-3)


def test_a_piece_equals_the_same_samples_of_the_whole(tmp_path: Folder) -> None:
    path = written(tmp_path / "a.flac", tone(2.0))
    whole = decode(path)
    np.testing.assert_array_equal(decode(path, start=0.5, end=1.25), whole[8000:20_000])
    np.testing.assert_array_equal(decode(path, start=1.5), whole[24_000:])
    np.testing.assert_array_equal(decode(path, end=2.05), whole)


def test_files_longer_than_a_block_are_whole(tmp_path: Folder) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 150_001).astype("f4")
    back = decode(written(tmp_path / "a.wav", samples, subtype="FLOAT"))
    np.testing.assert_array_equal(back, samples)


@pytest.mark.parametrize(
    ("start", "end"),
    [(-1.0, None), (0.4, 0.2), (0.5, 0.5), (3.0, None), (0.0, 3.0), (float("nan"), 1.0)],
)
def test_a_piece_outside_the_file_is_refused(
    tmp_path: Folder, start: float, end: float | None
) -> None:
    path = written(tmp_path / "a.wav", tone())
    with pytest.raises(AudioError, match=r"a\.wav"):
        decode(path, start=start, end=end)


def test_the_content_hash_does_not_see_the_container(tmp_path: Folder) -> None:
    samples = (32_767 * tone()).astype(np.int16)
    wav = written(tmp_path / "a.wav", samples)
    flac = written(tmp_path / "b.flac", samples)
    assert content_hash(wav) == content_hash(flac)


def test_the_content_hash_sees_samples_rate_and_channels(tmp_path: Folder) -> None:
    changed = tone()
    changed[4000] += 0.01
    paths = [
        written(tmp_path / "a.wav", tone()),
        written(tmp_path / "b.wav", changed),
        written(tmp_path / "c.wav", tone(), 8000),
        written(tmp_path / "d.wav", tone().reshape(-1, 2)),
    ]
    assert len({content_hash(path) for path in paths}) == 4


def missing(folder: Path) -> Path:
    return folder / "missing.wav"


def folder_itself(folder: Path) -> Path:
    (folder / "folder.wav").mkdir()
    return folder / "folder.wav"


def zero_bytes(folder: Path) -> Path:
    (folder / "zero.wav").touch()
    return folder / "zero.wav"


def text(folder: Path) -> Path:
    (folder / "text.wav").write_text("utterance_id,emotion\n" * 100)
    return folder / "text.wav"


def no_samples(folder: Path) -> Path:
    return written(folder / "none.wav", np.zeros(0))


def cut_wav(folder: Path) -> Path:
    path = written(folder / "cut.wav", tone(5.0))
    path.write_bytes(path.read_bytes()[:40_000])
    return path


def header_only(folder: Path) -> Path:
    path = written(folder / "header.wav", tone(5.0))
    path.write_bytes(path.read_bytes()[:20])
    return path


@pytest.mark.parametrize(
    "broken", [missing, folder_itself, zero_bytes, text, no_samples, cut_wav, header_only]
)
@pytest.mark.parametrize("function", [probe, decode, content_hash])
def test_broken_files_are_named(tmp_path: Folder, broken, function) -> None:  # type: ignore[no-untyped-def]
    path = broken(tmp_path)
    with pytest.raises(AudioError) as caught:
        function(path)
    assert caught.value.file == str(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("function", [decode, content_hash])
def test_a_cut_flac_is_not_silently_short(tmp_path: Folder, share: float, function) -> None:  # type: ignore[no-untyped-def]
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 80_000)
    path = written(tmp_path / "cut.flac", noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(AudioError, match="cut off"):
        function(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(tmp_path: Folder, bad: float) -> None:
    samples = tone()
    samples[100] = bad
    path = written(tmp_path / "a.wav", samples, subtype="FLOAT")
    with pytest.raises(AudioError, match="finite"):
        decode(path)


def test_a_ten_hour_file_is_refused_from_its_header(tmp_path: Folder) -> None:
    path = tmp_path / "long.wav"
    size = 36_000 * 16_000 * 2
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1,
                       16_000, 32_000, 2, 16, b"data", size)  # fmt: skip
    path.write_bytes(head)
    os.truncate(path, len(head) + size)  # a sparse file: nothing is on the disk
    assert probe(path).duration == 36_000
    with pytest.raises(AudioError, match="too long"):
        decode(path)
    assert decode(path, start=20_000, end=20_001).shape == (16_000,)


def test_a_streamed_wav_without_a_length_is_read(tmp_path: Folder) -> None:
    path = written(tmp_path / "a.wav", tone())
    content = bytearray(path.read_bytes())
    content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(content))
    assert decode(path).shape == (8000,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Folder) -> None:
    path = written(tmp_path / "a.wav", tone())
    path.chmod(0)
    with pytest.raises(AudioError, match="cannot be opened"):
        decode(path)


def test_other_failures_to_open_are_named(tmp_path: Folder, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    path = written(tmp_path / "a.wav", tone())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError, match="Permission denied"):
        probe(path)
