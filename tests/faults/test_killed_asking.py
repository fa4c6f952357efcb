"""``kill -9`` while a language system is asked: run again, it ends with the same tables."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from equivoice.store import RunFolder

Start = Callable[..., "subprocess.Popen[str]"]
TABLES = ("predictions.parquet", "estimates.parquet", "utterances.parquet")


@pytest.fixture
def heard(prepared: Path, tmp_path: Path) -> Path:
    """The corpus with sound files, which nobody reads, and their lengths, as a table."""
    table = pl.read_parquet(prepared / "utterances.parquet").with_columns(
        audio=pl.col("utterance_id").str.replace("demo/", "") + ".wav",
        duration=pl.int_range(pl.len()).cast(pl.Float64) % 7 + 1,
    )
    folder = tmp_path / "heard"
    folder.mkdir()
    for name in table.get_column("audio"):
        (folder / name).touch()
    table.write_parquet(folder / "utterances.parquet")
    (folder / "folds.parquet").write_bytes((prepared / "folds.parquet").read_bytes())
    return folder / "utterances.parquet"


def asked(heard: Path, out: Path, trap: Path, log: Path, *more: str) -> list[str]:
    return [
        "benchmark",
        "--system=scripted-llm",
        f"--corpus={heard}",
        f"--out={out}",
        "--folds=1",
        "--replicates=20",
        "--permutations=10",
        "--batch-size=4",
        "--temperature=0,0.7",
        "--runs=3",
        f"options.scripted-llm.answers={heard}",
        "options.scripted-llm.accuracy=0.7",
        "options.scripted-llm.kill_at=demo/3-07",
        f"options.scripted-llm.trap={trap}",
        f"options.scripted-llm.log={log}",
        *more,
    ]


def done(start: Start, words: list[str]) -> str:
    process = start(*words)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return errors


@pytest.mark.slow
def test_a_killed_grid_goes_on_batch_by_batch(heard: Path, tmp_path: Path, start: Start) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    trap, log = tmp_path / "trap", tmp_path / "log"
    done(start, asked(heard, whole, trap, log))
    batches = log.read_text(encoding="utf-8").splitlines()
    log.unlink()
    trap.touch()
    process = start(*asked(heard, cut, trap, log))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    before = log.read_text(encoding="utf-8").splitlines()
    assert 0 < len(before) < len(batches)
    stored = RunFolder.read(cut).predictions()
    assert stored.filter(system="scripted-llm").height == 4 * 6 * (len(before) - 1)
    done(start, asked(heard, cut, trap, log))
    for table in TABLES:
        assert (cut / table).read_bytes() == (whole / table).read_bytes(), table
    # the batch in which it died is asked for once more, and no other
    assert log.read_text(encoding="utf-8").splitlines() == [*before, *batches[len(before) - 1 :]]


@pytest.mark.slow
def test_a_killed_shard_goes_on_and_is_merged(heard: Path, tmp_path: Path, start: Start) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trap, log = tmp_path / "trap", tmp_path / "log"
    done(start, asked(heard, whole, trap, log))
    trap.touch()
    codes = []
    for number in (1, 2):
        process = start(*asked(heard, parts, trap, log, f"--shard={number}/2"))
        process.communicate()
        codes.append(process.returncode)
    assert sorted(codes) == [-signal.SIGKILL, 0]
    # nobody takes up the shard that died: the plain command does what it left
    done(start, asked(heard, parts, trap, log))
    for table in TABLES:
        assert (parts / table).read_bytes() == (whole / table).read_bytes(), table
