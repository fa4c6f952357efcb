"""``kill -9`` in the middle of a training: run again, it ends with the same losses and weights."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from equivoice.corpora import save_corpus
from equivoice.store import TrainingFolder
from tiny.corpus import make_corpus
from tiny.speech import TinyModels

SCRIPT = Path(__file__).with_name("train_tiny.py")
TESTS = str(Path(__file__).resolve().parents[1])
TABLES = ("steps", "losses", "evaluations")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, tiny_models: TinyModels) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("corpus")
    corpus = save_corpus(make_corpus(folder / "sounds"), folder / "demo")
    return str(tiny_models("qwen2_audio")), str(corpus)


@pytest.fixture(scope="module")
def whole(places: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> TrainingFolder:
    out = tmp_path_factory.mktemp("whole") / "run"
    assert start(out, places) == 0
    return TrainingFolder.read(out)


def start(out: Path, places: tuple[str, str], *when: str) -> int:
    command = [sys.executable, str(SCRIPT), str(out), *places, *when]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if done.returncode > 0:
        raise AssertionError(done.stderr)
    return done.returncode


def environment(**more: str) -> Mapping[str, str]:
    paths = os.pathsep.join(filter(None, [TESTS, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **more}


def weights(run: TrainingFolder) -> dict[str, torch.Tensor]:
    return load_file(sorted(run.checkpoints_path.iterdir())[-1] / "weights.safetensors")


def assert_same(again: TrainingFolder, whole: TrainingFolder) -> None:
    for name in TABLES:
        assert again.table(name).equals(whole.table(name)), name
    assert whole.table("steps").height == 6
    held, expected = weights(again), weights(whole)
    assert held.keys() == expected.keys()
    assert all(torch.equal(held[name], expected[name]) for name in expected)
    best = "adapter_model.safetensors"
    assert (again.best_path / best).read_bytes() == (whole.best_path / best).read_bytes()
    assert again.record.selection == whole.record.selection
    assert again.read_text("training.json") == whole.read_text("training.json")


@pytest.mark.parametrize(
    "when",
    [
        ("step", "3"),
        pytest.param(("best", "1"), marks=pytest.mark.slow),
        pytest.param(("step", "1"), marks=pytest.mark.slow),
        pytest.param(("step", "6"), marks=pytest.mark.slow),
        pytest.param(("validating", "1"), marks=pytest.mark.slow),
        pytest.param(("validating", "3"), marks=pytest.mark.slow),
        pytest.param(("checkpoint", "1"), marks=pytest.mark.slow),
        pytest.param(("checkpoint", "4"), marks=pytest.mark.slow),
        pytest.param(("gather", "1"), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_what_was_killed_ends_with_the_same_bits(
    tmp_path: Path, places: tuple[str, str], whole: TrainingFolder, when: tuple[str, str]
) -> None:
    assert start(tmp_path / "run", places, *when) == -signal.SIGKILL
    cut = TrainingFolder.read(tmp_path / "run")
    assert cut.record.finished is None
    assert cut.table("steps").height < 6 or when in (("step", "6"), ("gather", "1"))
    assert start(tmp_path / "run", places) == 0
    assert_same(TrainingFolder.read(tmp_path / "run"), whole)
    left = [*(tmp_path / "run").rglob("*.part"), *(tmp_path / "run").rglob("*.replaced")]
    assert left == []


@pytest.mark.slow
def test_two_processes_train_as_one(
    tmp_path: Path, places: tuple[str, str], whole: TrainingFolder
) -> None:
    """By ``accelerate launch``: what it sets for several GPUs serves processors as well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"),
        *("--num_processes", "2", "--num_machines", "1", "--main_process_port", port),
        *("--mixed_precision", "no", "--dynamo_backend", "no"),
        *(str(SCRIPT), str(tmp_path / "run"), *places),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    both = TrainingFolder.read(tmp_path / "run")
    assert both.record.host["processes"] == "2"
    steps, alone = both.table("steps"), whole.table("steps")
    for column in ("loss", "weight", "gap", "penalty", "grad_norm"):
        assert steps[column].to_list() == pytest.approx(alone[column].to_list(), rel=2e-5, abs=1e-4)
    assert steps["worst_cell"].to_list() == alone["worst_cell"].to_list()
    held, expected = weights(both), weights(whole)
    assert max(float((held[n] - expected[n]).abs().max()) for n in expected) < 1e-4
    values = [run.table("evaluations")["value"].to_list() for run in (both, whole)]
    assert values[0] == pytest.approx(values[1], abs=1e-4)
