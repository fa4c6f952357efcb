"""A prepared corpus, a command line in a process of its own, and a trap to spring."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.evaluation import benchmark

LABELS = ("angry", "happy", "sad")
Start = Callable[..., "subprocess.Popen[str]"]


TABLES = ("predictions.parquet", "estimates.parquet", "utterances.parquet")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six speakers, 18 utterances each, three folds: cells of 36, in batches of 5."""
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number:02}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(6)
        for number in range(18)
    ]
    table = pl.DataFrame(rows)
    folds = make_folds(table, n_folds=3, seed=0)
    corpus = Corpus("demo", label_space(LABELS), table, folds)
    return save_corpus(corpus, tmp_path_factory.mktemp("corpora") / "demo")


@pytest.fixture(scope="session")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of a run that nothing disturbed."""
    run = benchmark(
        ["scripted", "prior"],
        prepared,
        out=tmp_path_factory.mktemp("runs") / "whole",
        options={"scripted": {"answers": str(prepared / "utterances.parquet"), "accuracy": 0.7}},
        replicates=50,
        permutations=20,
        batch_size=5,
    )
    return {name: (run.path / name).read_bytes() for name in TABLES}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start ``equivoice`` with these words in a process of its own."""

    def begin(*words: object, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "equivoice", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200", **environment},
        )

    return begin


@pytest.fixture
def benchmark_words(prepared: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """The words of a benchmark of the fake; a trap at an utterance, where one is named."""

    def words(out: Path, *, at: str | None = None, act: str = "kill_at") -> list[str]:
        trap = [f"options.scripted.{act}={at}", f"options.scripted.trap={tmp_path / 'trap'}"]
        return [
            "benchmark",
            "--system=scripted",
            "--system=prior",
            f"--corpus={prepared}",
            f"--out={out}",
            "--replicates=50",
            "--permutations=20",
            "--batch-size=5",
            f"options.scripted.answers={prepared / 'utterances.parquet'}",
            "options.scripted.accuracy=0.7",
            *(trap if at else []),
        ]

    return words
