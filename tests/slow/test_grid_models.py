"""A grid with a real architecture: shards are the plain run, and each clip is heard once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from equivoice.corpora.synthetic import make_synthetic
from equivoice.evaluation import plan_benchmark
from equivoice.evaluation.sharding import run_shard
from equivoice.evaluation.sweep import run_task
from equivoice.evaluation.task import Task
from equivoice.inference import Shard
from tiny.speech import TinyModels

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {
    "label_orders": ("given", "shuffled-1"),
    "temperatures": (0.0, 1.0),
    "runs": 3,
    "batch_size": 3,
    "folds": ("1",),
    "replicates": 20,
    "permutations": 10,
    "group_by": ("gender",),
}
TABLES = ("predictions.parquet", "estimates.parquet", "utterances.parquet")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora") / "synthetic"
    make_synthetic(folder, speakers=4, per_speaker=4, seed=0)
    return folder


def test_shards_of_a_real_architecture_make_the_plain_run(
    tiny_models: TinyModels, prepared: Path, tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    options = {"model": {"model": str(tiny_models("qwen2_audio"))}}

    def task() -> Task:
        return plan_benchmark("model=qwen2-audio", prepared, options=options, **SETTINGS)

    whole = run_task(task(), out=tmp_path / "whole")
    clips = whole.utterances().height
    table = whole.predictions()
    assert table.filter(system="model").height == clips * 2 * 2 * 3
    # each clip is heard once for each order of the labels, whatever is drawn from it
    assert whole.record.generation["model"]["encoder_passes"] == clips * 2
    assert table.filter(system="model/options").get_column("outside").null_count() == 0
    for number in (1, 2):
        run_shard(task(), Shard(number, 2), out=tmp_path / "parts")
    merged = run_task(task(), out=tmp_path / "parts")
    for name in TABLES:
        assert (merged.path / name).read_bytes() == (whole.path / name).read_bytes(), name
