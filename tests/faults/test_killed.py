"""``kill -9`` in the middle of benchmark: run again, it ends with the same tables."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import load_corpus
from equivoice.corpora.folds import split
from equivoice.store import RunFolder

Words = Callable[..., list[str]]
Start = Callable[..., "subprocess.Popen[str]"]


def finished(start: Start, words: list[str]) -> str:
    process = start(*words)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert out.rstrip().endswith("report.html")
    return errors


def tables(run: Path, whole: dict[str, bytes]) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in whole}


def utterance_at(prepared: Path, fold: str, place: int) -> str:
    """The utterance at this place of a fold's test part, in the order of the plan."""
    test = split(load_corpus(prepared), fold).test
    return str(test.get_column("utterance_id").sort()[place])


@pytest.mark.parametrize(
    ("place", "stored"),
    [
        (("1", 17), 15),  # in the middle of a batch of the first cell
        # before the first batch is stored
        pytest.param(("1", 0), 0, marks=pytest.mark.slow),
        # at the very last utterance of the last fold
        pytest.param(("3", 35), 4 * 36 + 35, marks=pytest.mark.slow),
    ],
)
def test_a_system_that_kills_its_process(
    prepared: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    start: Start,
    benchmark_words: Words,
    place: tuple[str, int],
    stored: int,
) -> None:
    words = benchmark_words(tmp_path / "run", at=utterance_at(prepared, *place))
    trap = tmp_path / "trap"
    trap.touch()
    process = start(*words)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    cut = RunFolder.read(tmp_path / "run")
    assert cut.record.finished is None
    assert cut.predictions().height == stored

    trap.unlink()
    said = finished(start, words)
    assert ("going on where an earlier run stopped" in said) == (stored >= 36)
    assert RunFolder.read(tmp_path / "run").predictions().height == 2 * 108
    assert tables(tmp_path / "run", whole) == whole
    assert not list((tmp_path / "run").rglob("*.part"))


def test_a_kill_from_outside_while_a_second_process_asks_for_the_same_folder(
    prepared: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    start: Start,
    benchmark_words: Words,
) -> None:
    out, trap = tmp_path / "run", tmp_path / "trap"
    words = benchmark_words(out, at=utterance_at(prepared, "2", 20), act="wait_at")
    os.mkfifo(trap)
    first = start(*words)
    # Opening the pipe for writing waits until the first process has come to the
    # utterance and reads: no sleep, no guess at how long that takes.
    with trap.open("w"):
        second = start(*words)
        said, errors = second.communicate()
        assert second.returncode == 1
        assert f"in use by process {first.pid} on " in errors
        assert "Traceback" not in errors
        assert said == ""
        before = RunFolder.read(out).predictions()
        assert before.filter(system="scripted", fold="2").height == 20
        first.kill()
        first.communicate()
    assert first.returncode == -signal.SIGKILL

    trap.unlink()
    finished(start, words)
    assert tables(out, whole) == whole
    after = RunFolder.read(out).predictions()
    assert before.join(after, on=["utterance_id", "system", "fold"], how="anti").is_empty()


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_a_kill_leaves_behind_can_be_resumed_or_begun_anew(
    prepared: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    start: Start,
    benchmark_words: Words,
    overwrite: bool,
) -> None:
    out = tmp_path / "run"
    words = benchmark_words(out, at=utterance_at(prepared, "2", 20))
    (tmp_path / "trap").touch()
    start(*words).communicate()
    (tmp_path / "trap").unlink()
    journal = max((out / "cells").glob("*.jsonl"), key=lambda file: file.stat().st_mtime_ns)
    torn = journal.read_bytes()
    journal.write_bytes(torn[:-40])  # as if the power had failed in the last line
    finished(start, [*words, "--overwrite"] if overwrite else words)
    assert tables(out, whole) == whole
    fits = RunFolder.read(out).timings().filter(pl.col("stage") == "fit").height
    assert fits == (6 if overwrite else 7)  # the cell that was cut off is fitted twice
