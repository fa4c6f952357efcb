"""Every fault of a sound file is found, named and counted."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from equivoice.corpora import Finding
from equivoice.corpora.soundness import Limits, check_sound
from equivoice.records import UTTERANCES

Sound = Callable[..., Path]


def table_of(*paths: Path, **columns: list[float]) -> pl.DataFrame:
    names = [path.name for path in paths]
    ids = [f"demo/{n}" + (f"#{i}" if names.count(n) > 1 else "") for i, n in enumerate(names)]
    rows = {"utterance_id": ids, "audio": [*map(str, paths)]}
    return UTTERANCES.validate(pl.DataFrame(rows | columns))


def findings(table: pl.DataFrame, **options: object) -> dict[str, Finding]:
    return {one.code: one for one in check_sound(table, **options)}  # type: ignore[arg-type]


@pytest.fixture
def good(tmp_path: Path, sound: Sound) -> Path:
    return sound(tmp_path / "good.wav")


def test_sound_in_order_is_not_remarkable(good: Path) -> None:
    assert findings(table_of(good)) == {}


def test_nothing_to_read() -> None:
    assert set(findings(UTTERANCES.empty())) == {"no-audio"}


def broken(kind: str, folder: Path, good: Path) -> Path:
    path = folder / f"{kind}.wav"
    if kind == "zero-byte":
        path.touch()
    elif kind == "no-samples":
        soundfile.write(path, np.zeros(0), 16_000)
    elif kind == "text":
        path.write_text("<html>not found</html>")
    elif kind == "cut-off":
        path.write_bytes(good.read_bytes()[:8000])
    elif kind == "not-finite":
        soundfile.write(path, np.array([0.0, np.nan, 0.1]), 16_000, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("missing", "missing-audio"),
        ("zero-byte", "empty-audio"),
        ("no-samples", "empty-audio"),
        ("text", "corrupt-audio"),
        ("cut-off", "corrupt-audio"),
        ("not-finite", "non-finite-audio"),
    ],
)
def test_faults_are_errors_that_name_the_file(
    tmp_path: Path, good: Path, kind: str, code: str
) -> None:
    path = broken(kind, tmp_path, good)
    found = findings(table_of(good, path))
    assert set(found) == {code}
    assert found[code].severity == "error"
    assert found[code].ids == (f"demo/{path.name}",)
    assert str(path) in found[code].message


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(0.1, "short-audio"), (3.5, "long-audio"), (0.5, None)],
)
def test_very_short_and_very_long(
    tmp_path: Path, sound: Sound, seconds: float, code: str | None
) -> None:
    path = sound(tmp_path / "a.wav", seconds=seconds)
    assert set(findings(table_of(path), limits=Limits(long=3))) == ({code} if code else set())


def test_a_clipped_recording(tmp_path: Path, sound: Sound) -> None:
    loud = sound(tmp_path / "loud.wav", gain=3.0)
    assert set(findings(table_of(loud))) == {"clipped-audio"}


def test_touching_full_scale_now_and_then_is_not_clipping(tmp_path: Path) -> None:
    samples = np.tile([0.0, 1.0, -1.0, 0.0], 4000)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    assert findings(table_of(tmp_path / "a.wav")) == {}


def test_silence(tmp_path: Path, sound: Sound) -> None:
    assert set(findings(table_of(sound(tmp_path / "a.wav", gain=0)))) == {"silent-audio"}


def test_the_same_samples_under_two_names_and_in_two_formats(
    tmp_path: Path, sound: Sound, good: Path
) -> None:
    samples, rate = soundfile.read(good, dtype="int16")
    soundfile.write(tmp_path / "twin.flac", samples, rate)
    other = sound(tmp_path / "other.wav", pitch=300)
    found = findings(table_of(good, other, tmp_path / "twin.flac"))
    assert set(found) == {"duplicate-audio"}
    assert found["duplicate-audio"].ids == ("demo/good.wav", "demo/twin.flac")
    assert "demo/good.wav = demo/twin.flac" in found["duplicate-audio"].message


def test_two_pieces_of_one_file_are_no_duplicates(tmp_path: Path) -> None:
    ramp = np.linspace(-0.5, 0.5, 32_000)
    soundfile.write(tmp_path / "a.wav", ramp, 16_000)
    path = tmp_path / "a.wav"
    table = table_of(path, path, start=[0.0, 1.0], end=[1.0, 2.0])
    assert findings(table) == {}


def test_a_piece_outside_the_file(good: Path) -> None:
    assert set(findings(table_of(good, start=[5.0], end=[6.0]))) == {"corrupt-audio"}


def test_a_length_that_differs_from_the_metadata(good: Path) -> None:
    assert findings(table_of(good, duration=[1.05])) == {}
    found = findings(table_of(good, duration=[2.0]))
    assert (set(found), found["length-differs"].severity) == ({"length-differs"}, "note")


def test_progress_is_told_file_by_file(good: Path) -> None:
    seen: list[tuple[int, int]] = []
    check_sound(table_of(*[good] * 3), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_sound_beyond_the_limit_is_told_from_its_header(
    tmp_path: Path, sound: Sound, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sound(tmp_path / "long.wav", seconds=601, rate=1000)
    read = soundfile.SoundFile.read
    frames: list[int] = []

    def watched(self: soundfile.SoundFile, *words: object, **options: object) -> object:
        frames.append(self.frames)
        return read(self, *words, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", watched)
    found = findings(table_of(good, path))
    assert set(found) == {"too-long-audio"}
    assert found["too-long-audio"].ids == ("demo/long.wav",)
    assert "601.0 s; the limit is 600 s" in found["too-long-audio"].message
    assert set(frames) == {16_000}  # of the good file alone


def test_a_short_piece_of_a_very_long_file_is_used(tmp_path: Path, sound: Sound) -> None:
    path = sound(tmp_path / "long.wav", seconds=601, rate=1000)
    assert findings(table_of(path, start=[600.0], end=[601.0])) == {}


def test_a_script_on_stdin_may_check(good: Path) -> None:
    script = """
import sys
import polars as pl
from equivoice.corpora import Corpus, check, label_space

starts = [step / 500 for step in range(250)]
rows = pl.DataFrame({"utterance_id": [f"demo/{s}" for s in starts], "start": starts})
rows = rows.with_columns(audio=pl.lit(sys.argv[1]), end=pl.col("start") + 0.5, emotion=pl.lit("sad"))
found = check(Corpus("demo", label_space(["sad"]), rows), workers=2)
print(len([one for one in found if one.severity == "error"]), "errors")
"""
    done = subprocess.run(
        [sys.executable, "-", str(good)], input=script, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 errors\n", "")


def test_two_workers_find_the_same(tmp_path: Path, sound: Sound) -> None:
    paths = [sound(tmp_path / f"{i}.wav", seconds=0.4, pitch=100 + i) for i in range(60)]
    paths[50].write_text("no sound")
    paths.append(sound(tmp_path / "twin.wav", seconds=0.4, pitch=103))
    one, two = (check_sound(table_of(*paths), workers=number) for number in (1, 2))
    assert one == two
    assert [finding.code for finding in one] == ["corrupt-audio", "duplicate-audio"]


def test_an_unfinished_riff_header_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 36) + b"WAVE")
    assert set(findings(table_of(path))) == {"corrupt-audio"}
