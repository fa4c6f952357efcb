"""The published benchmark end to end: a speech LLM over RAVDESS fold 1, from the command line to the report.

The model has the architecture of Qwen2-Audio and random weights, so nearly all it
says is unreadable; what is tested is the road, on real speech, at full length.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.store import RunFolder
from tiny.speech import TinyModels

pytestmark = pytest.mark.slow

TEMPERATURES = (0.0, 0.3, 0.7, 1.0, 1.2, 1.5)
RUNS = 10
CLIPS = 240


def started(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "equivoice", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, **pipes, text=True, env={**os.environ, "NO_COLOR": "1"})


def equivoice(*words: object) -> str:
    process = started(*words)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return said


def killed_while_it_asks(journals: Path, *words: object) -> None:
    process = started(*words)
    for _ in range(6_000):
        if any(path.stat().st_size > 0 for path in journals.glob("*.jsonl")):
            break
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=60)


@pytest.fixture(scope="module")
def corpus(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ravdess") / "corpus"
    metadata, audio = real_data / "emobox" / "ravdess", real_data / "audio" / "ravdess"
    equivoice(
        "corpora", "prepare", "ravdess", "--metadata", metadata, "--audio", audio, "-o", folder
    )
    return folder


def words(model: Path, corpus: Path, out: Path) -> list[object]:
    heat = ",".join(map(str, TEMPERATURES))
    asked = ["benchmark", "--system", "tiny=qwen2-audio", f"options.tiny.model={model}"]
    grid = ["--temperature", heat, "--runs", RUNS, "--folds", "1", "--replicates", "200"]
    return [*asked, "--corpus", corpus, *grid, "-o", out]


@pytest.fixture(scope="module")
def run(
    corpus: Path, tiny_models: TinyModels, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    """Killed once while it asks, then resumed."""
    out = tmp_path_factory.mktemp("run") / "tiny"
    command = words(tiny_models("qwen2_audio"), corpus, out)
    killed_while_it_asks(out / "cells", *command)
    equivoice(*command)
    return RunFolder.read(out)


def test_every_answer_is_there_once_though_the_run_was_killed(run: RunFolder) -> None:
    table = run.predictions()
    said = table.filter(pl.col("system") == "tiny")
    assert said.height == CLIPS * len(TEMPERATURES) * RUNS
    key = ["utterance_id", "temperature", "run"]
    assert said.select(key).n_unique() == said.height
    assert said.get_column("response").null_count() == 0
    scored = table.filter(pl.col("system") == "tiny/options")
    assert scored.height == CLIPS * len(TEMPERATURES)


def test_runs_have_seeds_of_their_own_and_greedy_answers_do_not_vary(run: RunFolder) -> None:
    said = run.predictions().filter(pl.col("system") == "tiny")
    assert said.get_column("seed").n_unique() == said.height
    distinct = said.group_by("utterance_id", "temperature").agg(pl.col("response").n_unique())
    cold = distinct.filter(pl.col("temperature") == 0).get_column("response")
    hot = distinct.filter(pl.col("temperature") == 1.5).get_column("response")
    assert set(cold) == {1}
    assert hot.mean() > RUNS * 0.8


def test_options_give_labels_and_probabilities_where_answers_are_unreadable(
    run: RunFolder,
) -> None:
    scored = run.predictions().filter(pl.col("system") == "tiny/options")
    assert set(scored.get_column("status")) == {"parsed"}
    sums = scored.get_column("probabilities").list.sum() + scored.get_column("outside")
    assert np.allclose(sums.to_numpy(), 1.0, atol=1e-6)


def test_the_scores_are_those_of_the_answers(run: RunFolder) -> None:
    joined = run.predictions().join(
        run.utterances().select("utterance_id", truth="emotion"), on="utterance_id"
    )
    labels = sorted(run.utterances().get_column("emotion").unique())
    for system, temperature in (("tiny", 1.0), ("tiny/options", 0.0)):
        rows = joined.filter((pl.col("system") == system) & (pl.col("temperature") == temperature))
        named = rows.get_column("emotion").fill_null("none").to_list()
        wanted = f1_score(
            rows["truth"].to_list(), named, labels=labels, average="macro", zero_division=0
        )
        found = run.estimates().filter(
            (pl.col("quantity") == "score")
            & (pl.col("metric") == "macro_f1")
            & (pl.col("system") == system)
            & (pl.col("temperature") == temperature)
        )
        assert math.isclose(found.get_column("value")[0], wanted, abs_tol=1e-12)


def test_the_report_says_first_that_the_answers_cannot_be_read(run: RunFolder) -> None:
    page = (run.path / "report.html").read_text("utf-8")
    assert "could be read as a label" in page
    assert page.index("could be read as a label") < page.index("Macro-F1 against temperature")
    assert "takes the most probable of the options offered" in page
