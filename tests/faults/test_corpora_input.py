"""Bad corpora: each a named error with exit code 2, or a counted finding; never a trace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from equivoice.cli.app import run
from equivoice.corpora import check, load_corpus, prepare

GOOD = (
    "utterance_id,audio,speaker,gender,emotion\nx/1,a.wav,s1,female,sad\nx/2,b.wav,s2,male,happy\n"
)

TABLES: dict[str, tuple[bytes, str]] = {
    "empty file": (b"", "empty"),
    "header alone": (b"utterance_id,emotion\n", "no emotion"),
    "no id": (b"audio,emotion\na.wav,sad\n", "utterance_id"),
    "an id twice": (GOOD.encode() + b"x/1,c.wav,s1,female,sad\n", "repeats a key"),
    "an empty id": (b"utterance_id,emotion\n,sad\n", "empty where a value is needed"),
    "not UTF-8": (GOOD.replace("sad", "s\u00e4d").encode("latin-1"), "UTF-8"),
    "text for a number": (b"utterance_id,emotion,age\nx/1,sad,old\n", "not a number"),
    "a negative start": (b"utterance_id,emotion,start\nx/1,sad,-1\n", "finite number"),
    "NaN for a time": (b"utterance_id,emotion,end\nx/1,sad,NaN\n", "finite number"),
    "an age of 900": (b"utterance_id,emotion,age\nx/1,sad,900\n", "age"),
    "a path that climbs out": (b"utterance_id,audio,emotion\nx/1,../../a.wav,sad\n", "out of the"),
    "no labels": (b"utterance_id,audio\nx/1,a.wav\n", "no emotion"),
    "a web page": (b"<!doctype html><html><body>404</body></html>\n", "utterance_id"),
    "bytes": (bytes(range(256)) * 4, "UTF-8"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_bad_table_is_refused_by_name(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, problem = TABLES[kind]
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert run(["corpora", "check", str(path)]) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert "t.csv" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".txt", ""])
def test_a_table_of_another_kind_than_its_name(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_text(GOOD)
    assert run(["corpora", "check", str(path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_fold_of_an_utterance_that_does_not_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "utterances.csv").write_text(GOOD)
    (tmp_path / "folds.csv").write_text("utterance_id,fold,split\nx/9,1,test\n")
    assert run(["corpora", "check", str(tmp_path)]) == 2
    assert "x/9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "problem"),
    [("x/1,1,tset", "not one of the choices"), ("x/1,1,train\nx/1,1,test", "repeats a key")],
)
def test_folds_that_break_their_schema(
    line: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "utterances.csv").write_text(GOOD)
    (tmp_path / "folds.csv").write_text(f"utterance_id,fold,split\n{line}\n")
    assert run(["corpora", "check", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert "folds.csv" in told


# ------------------------------------------------------------------------ sound


def _text(path: Path) -> None:
    path.write_text("this is no sound")


def _cut_off(path: Path) -> None:
    soundfile.write(path, np.full(16_000, 0.1), 16_000)
    path.write_bytes(path.read_bytes()[:9_000])


def _no_samples(path: Path) -> None:
    soundfile.write(path, np.zeros(0), 16_000)


def _nan(path: Path) -> None:
    soundfile.write(path, np.array([0.1, np.nan] * 100), 16_000, subtype="FLOAT")


def _folder(path: Path) -> None:
    path.mkdir()


BAD_SOUND: dict[str, tuple[Callable[[Path], None], str]] = {
    "zero bytes": (Path.touch, "empty-audio"),
    "no samples": (_no_samples, "empty-audio"),
    "text": (_text, "corrupt-audio"),
    "cut off": (_cut_off, "corrupt-audio"),
    "NaN": (_nan, "non-finite-audio"),
    "a folder": (_folder, "corrupt-audio"),
    "nothing": (lambda _: None, "missing-audio"),
}


@pytest.mark.parametrize("kind", BAD_SOUND)
def test_bad_sound_is_an_error_of_the_check(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, code = BAD_SOUND[kind]
    soundfile.write(tmp_path / "a.wav", 0.2 * np.sin(np.arange(16_000) / 10), 16_000)
    make(tmp_path / "b.wav")
    (tmp_path / "utterances.csv").write_text(GOOD)
    assert run(["corpora", "check", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert code in told.out
    assert "Traceback" not in told.err


@pytest.mark.parametrize(("rate", "channels"), [(192_000, 1), (44_100, 8), (8_000, 2)])
def test_unusual_sound_is_no_error(tmp_path: Path, rate: int, channels: int) -> None:
    for name, pitch in (("a.wav", 10), ("b.wav", 11)):
        wave = 0.2 * np.sin(np.arange(rate) / pitch)
        soundfile.write(tmp_path / name, np.column_stack([wave] * channels), rate)
    (tmp_path / "utterances.csv").write_text(GOOD)
    assert not [one for one in check(load_corpus(tmp_path)) if one.severity == "error"]


# --------------------------------------------------------------------- the disk


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text(GOOD)
    (tmp_path / "locked").mkdir(mode=0o500)
    words = [
        "--metadata",
        str(tmp_path / "t.csv"),
        "--no-audio",
        "--out",
        str(tmp_path / "locked/o"),
    ]
    assert run(["corpora", "prepare", "table", *words]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_a_full_disk_leaves_no_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "t.csv").write_text(GOOD)
    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    words = ["--metadata", str(tmp_path / "t.csv"), "--no-audio", "--out", str(tmp_path / "o")]
    assert run(["corpora", "prepare", "table", *words]) == 1
    assert list((tmp_path / "o").iterdir()) == []
    assert run(["corpora", "check", str(tmp_path / "o")]) == 2


_KILLED = """
import os, signal, sys
from equivoice.corpora import prepare
corpus = sys.modules["equivoice.corpora.corpus"]
real = corpus.write_table
def stop(frame, path, schema):
    if path.name == "folds.parquet":
        os.kill(os.getpid(), signal.SIGKILL)
    return real(frame, path, schema)
corpus.write_table = stop
prepare("table", metadata=sys.argv[1], out=sys.argv[2], with_audio=False)
"""


def test_a_killed_preparation_is_seen_and_can_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "o"
    table.write_text(GOOD)
    done = subprocess.run([sys.executable, "-c", _KILLED, str(table), str(out)], check=False)
    assert done.returncode == -9
    assert run(["corpora", "check", str(out)]) == 2
    assert "did not finish" in capsys.readouterr().err
    assert prepare("table", metadata=table, out=out, with_audio=False).utterances.height == 2
