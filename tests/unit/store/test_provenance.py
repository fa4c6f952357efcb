"""Where results come from: hashes that see every change, and records that are compared."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import polars as pl
import pytest

from equivoice.errors import StorageError
from equivoice.records import RunRecord
from equivoice.store.provenance import (
    begun_record,
    differences,
    git_revision,
    hash_audio,
    hash_file,
    hash_frame,
    machine,
    now,
    package_versions,
)


def table(folder: Path, *, content: bytes = b"sound") -> pl.DataFrame:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("1", "2"):
        (folder / f"{name}.wav").write_bytes(content + name.encode())
    return pl.DataFrame(
        {
            "utterance_id": ["a/1", "a/2", "a/3"],
            "audio": [str(folder / "1.wav"), str(folder / "2.wav"), None],
        }
    )


def test_a_file_hash_is_that_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert hash_file(tmp_path / "x") == hashlib.sha256(b"abc").hexdigest()


def test_a_file_that_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        hash_file(tmp_path / "none")


def test_the_audio_hash_follows_content_and_not_place_or_row_order(tmp_path: Path) -> None:
    here = table(tmp_path / "here")
    digest = hash_audio(here)
    assert digest == hash_audio(table(tmp_path / "there"))
    assert digest == hash_audio(here.reverse())
    assert digest != hash_audio(table(tmp_path / "other", content=b"SOUND"))


def test_the_audio_hash_sees_exchanged_recordings_of_equal_size(tmp_path: Path) -> None:
    frame = table(tmp_path)
    swapped = frame.with_columns(audio=pl.col("audio").reverse().fill_null(strategy="forward"))
    assert hash_audio(frame) != hash_audio(swapped)


def test_the_audio_hash_sees_a_recording_that_is_gone(tmp_path: Path) -> None:
    frame = table(tmp_path)
    before = hash_audio(frame)
    (tmp_path / "2.wav").unlink()
    assert hash_audio(frame) != before


def test_without_audio_there_is_no_hash() -> None:
    frame = pl.DataFrame({"utterance_id": ["a"], "audio": pl.Series([None], dtype=pl.String)})
    assert hash_audio(frame) is None


def test_a_frame_hash_sees_values_and_order() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0]})
    assert hash_frame(frame) == hash_frame(frame.clone())
    assert hash_frame(frame) != hash_frame(frame.reverse())


def test_versions_machine_and_time_are_stated() -> None:
    assert {"python", "equivoice", "numpy", "polars"} <= set(package_versions())
    assert all(machine().values())
    assert now().endswith("+00:00")


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def test_the_revision_says_whether_there_are_changes(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "one")
    clean = git_revision(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "a").write_text("2")
    assert git_revision(tmp_path) == f"{clean}+"


def test_asking_for_the_revision_changes_nothing_in_the_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "one")
    # The same content at another time: plain "git status" would rewrite its index.
    os.utime(tmp_path / "a", (1, 1))
    before = (tmp_path / ".git" / "index").read_bytes()
    assert git_revision(tmp_path) is not None
    assert (tmp_path / ".git" / "index").read_bytes() == before


def test_without_git_there_is_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision(tmp_path) is None


def record(**changes: object) -> RunRecord:
    base = {
        "verb": "benchmark",
        "config": {"seed": 1, "limit": None},
        "seeds": {"root": 1},
        "inputs": {"a/audio": "1"},
        "versions": {"numpy": "2"},
        "host": {"name": "x"},
    }
    return RunRecord.model_validate(base | changes)


def test_equal_work_does_not_differ_wherever_and_whenever_it_is_done() -> None:
    assert differences(record(), record(host={"name": "y"}, started="later"), versions=True) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"config": {"seed": 2, "limit": None}}, "seed: 1 in the run, 2 now"),
        ({"config": {"seed": 1, "limit": 5}}, "limit: nothing in the run, 5 now"),
        ({"config": {"seed": 1}}, None),
        ({"seeds": {"root": 4}}, "seeds.root: 1 in the run, 4 now"),
        ({"inputs": {"a/audio": "2"}}, "inputs.a/audio: 1 in the run, 2 now"),
        ({"inputs": {}}, "inputs.a/audio: 1 in the run, nothing now"),
        ({"verb": "score"}, "verb: benchmark in the run, score now"),
        ({"versions": {"numpy": "3"}}, "versions.numpy: 2 in the run, 3 now"),
    ],
)
def test_each_difference_is_named(changes: dict[str, object], line: str | None) -> None:
    assert differences(record(), record(**changes), versions=True) == ([line] if line else [])


def test_versions_count_only_where_they_matter() -> None:
    assert differences(record(), record(versions={"numpy": "3"}), versions=False) == []


def test_all_differences_are_named_together_and_long_values_are_cut() -> None:
    lines = differences(
        record(), record(config={"seed": 2, "limit": "x" * 500}, verb="score"), versions=True
    )
    assert len(lines) == 3
    assert max(map(len, lines)) < 150


def test_a_record_that_begins_here_says_where_and_with_what() -> None:
    record = begun_record("score", {"out": "a"}, seeds={"root": 3}, command="equivoice score")
    assert (record.verb, record.config, record.command) == (
        "score",
        {"out": "a"},
        "equivoice score",
    )
    assert (record.versions, record.host) == (package_versions(), machine())
    assert record.finished is None
    assert record.started is not None
    other = begun_record("train", {}, versions={"torch": "1"}, host={"device": "cpu"})
    assert (other.versions, other.host) == ({"torch": "1"}, {"device": "cpu"})
