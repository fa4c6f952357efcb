"""``kill -9`` in the middle of judging: run again, it ends with the same votes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from equivoice.store.judging_folder import JudgingFolder

Start = Callable[..., "subprocess.Popen[str]"]
NAMES = [f"demo/{at:02d}" for at in range(24)]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    emotions = [("angry", "sad")[at % 2] for at in range(24)]
    truth = {"utterance_id": NAMES, "transcript": NAMES, "emotion": emotions}
    pl.DataFrame(truth).write_csv(tmp_path / "u.csv")
    reasons = [f"because of {name}" for name in NAMES]
    rows = {"utterance_id": NAMES, "emotion": emotions, "reason": reasons}
    pl.DataFrame(rows).write_csv(tmp_path / "ours.csv")
    return tmp_path


def words(tables: Path, out: Path) -> list[str]:
    return [
        "judge",
        f"--system=ours={tables / 'ours.csv'}",
        f"--reference={tables / 'u.csv'}",
        "--judge=scripted-server",
        "--rubric=acceptance",
        "--modality=transcript",
        "--per-emotion=all",
        "--batch-size=4",
        "--temperature=0.8",
        "--replicates=20",
        f"--out={out}",
        "options.words=[accept, reject]",
        "options.kill_at=demo/13",
        f"options.trap={tables / 'trap'}",
        f"options.log={tables / 'log'}",
    ]


def done(start: Start, asked: list[str]) -> None:
    process = start(*asked)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


@pytest.mark.slow
def test_a_killed_judging_goes_on_batch_by_batch(tables: Path, start: Start) -> None:
    whole, cut, log = tables / "whole", tables / "cut", tables / "log"
    done(start, words(tables, whole))
    batches = log.read_text(encoding="utf-8").splitlines()
    assert len(batches) == 6
    log.unlink()
    (tables / "trap").touch()
    killed = start(*words(tables, cut))
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    kept = JudgingFolder.read(cut)
    stored = kept.judgments().height
    assert 0 < stored < 24
    assert stored % 4 == 0
    assert kept.record.finished is None
    assert not (cut / "votes.parquet").exists()
    log.unlink()
    done(start, words(tables, cut))
    assert log.read_text(encoding="utf-8").splitlines() == batches[stored // 4 :]
    for name in ("votes.parquet", "items.parquet", "estimates.parquet"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    values = JudgingFolder.read(cut).table("votes").get_column("value")
    assert set(values) == {"accept", "reject"}
    assert len(values) == 24
