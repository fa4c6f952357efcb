"""``--engine ray``: two local workers, one of them killed, give the tables of one process."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.errors import ConfigError, RunError
from equivoice.evaluation import plan_benchmark
from equivoice.evaluation.sweep import run_task
from equivoice.inference import Cell, Silence
from equivoice.inference.engines import RayEngine

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

LABELS = ("angry", "happy", "sad")
SETTINGS: Mapping[str, Any] = {
    "label_orders": ("given", "shuffled-2"),
    "temperatures": (0.0, 1.0),
    "runs": 3,
    "batch_size": 3,
    "replicates": 20,
    "permutations": 10,
    "group_by": ("gender",),
}
TABLES = ("predictions.parquet", "estimates.parquet", "utterances.parquet")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "audio": f"/sound/{speaker}-{number}.wav",
            "duration": 1.0 + number,
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(4)
        for number in range(6)
    ]
    table = pl.DataFrame(rows)
    corpus = Corpus("demo", label_space(LABELS), table, make_folds(table, n_folds=2, seed=0))
    return save_corpus(corpus, tmp_path_factory.mktemp("corpora") / "demo")


class Counted(Silence):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.made = 0
        self.workers = 0
        self.processes: list[str] = []

    def working(self, processes: int) -> None:
        self.workers = processes

    def advanced(self, cell: Cell | None, predictions: int) -> None:
        if cell is None:
            self.made += predictions
            self.processes = ray_processes()


def ray_processes() -> list[str]:
    """The processes of a Ray session that this process began."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode("utf-8", "replace").replace("\0", " ")
        except OSError:  # it has just ended
            continue
        if re.search(rf"session_[0-9_-]+_{os.getpid()}\b", words):
            found.append(words[:80])
    return found


def test_a_killed_worker_goes_on_from_its_journal(prepared: Path, tmp_path: Path) -> None:
    script = {"answers": str(prepared / "utterances.parquet"), "accuracy": 0.6}
    before = signal.getsignal(signal.SIGTERM)

    def task(**options: Any) -> Any:
        told = {"scripted-llm": script | options}
        return plan_benchmark(["scripted-llm", "prior"], prepared, options=told, **SETTINGS)

    # the same options for both, so that the records are the same
    trap, log = tmp_path / "trap", tmp_path / "log"
    armed = {"kill_at": "demo/1-2", "trap": str(trap), "log": str(log)}
    whole = run_task(task(**armed), out=tmp_path / "whole")
    once = len(log.read_text(encoding="utf-8").splitlines())
    log.unlink()
    trap.touch()  # now somebody dies there, once
    counted = Counted()
    run = run_task(
        task(**armed), out=tmp_path / "ray", progress=counted, engine=RayEngine(workers=2)
    )
    assert not trap.exists()
    for table in TABLES:
        assert (run.path / table).read_bytes() == (whole.path / table).read_bytes(), table
    assert counted.workers == 2
    assert counted.made > 0
    # the batch at which the worker died was prepared twice, and no other was
    assert len(log.read_text(encoding="utf-8").splitlines()) == once + 1
    assert {path.name for path in (run.path / "shards").iterdir()} == {"1-of-2", "2-of-2"}
    assert counted.processes
    assert not ray_processes()
    assert signal.getsignal(signal.SIGTERM) == before  # Ray takes it for itself


def test_what_a_worker_raises_is_raised_here(prepared: Path, tmp_path: Path) -> None:
    script = {"fail_on": [f"demo/{s}-{n}" for s in range(4) for n in range(6)]}
    task = plan_benchmark("scripted-llm", prepared, options={"scripted-llm": script}, **SETTINGS)
    with pytest.raises(RunError, match="failed on each of the first 3 utterances"):
        run_task(task, out=tmp_path / "run", engine=RayEngine(workers=2))


def test_a_cluster_that_is_not_there_is_named(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ray looks for a cluster among the processes and in a file: here it finds none,
    # though others may run, or be about to end, on this machine
    from ray._private import services

    monkeypatch.setattr(services.psutil, "process_iter", lambda *_: iter(()))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    task = plan_benchmark("scripted-llm", prepared, **SETTINGS)
    with pytest.raises(RunError, match="no Ray cluster at auto"):
        run_task(task, out=tmp_path / "run", engine=RayEngine(workers=2, address="auto"))


def test_an_engine_without_workers_is_refused() -> None:
    with pytest.raises(ConfigError, match="workers: 0 is below 1"):
        RayEngine(workers=0)
