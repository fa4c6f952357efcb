"""Fair fine-tuning end to end on real speech: RAVDESS, from corpus to audit, by the command line.

The model has the architecture of Qwen2-Audio and random weights: what is tested is the
road, at the length of real clips, and that training lowers the loss of speakers that it
has not heard.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.corpora import load_corpus
from equivoice.store import RunFolder, TrainingFolder
from tiny.speech import TinyModels

pytestmark = pytest.mark.slow


def test_ravdess_is_trained_on_and_the_adapter_is_audited(
    real_data: Path, tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = [
        "--audio",
        real_data / "audio" / "ravdess",
        "--metadata",
        real_data / "emobox" / "ravdess",
    ]
    assert run(["corpora", "prepare", "ravdess", *map(str, sources), "--out", "ravdess"]) == 0
    model = f"options.q.model={tiny_models('qwen2_audio')}"
    system = ["--system", "q=qwen2-audio", model]
    quick = [
        "optimiser.epochs=3",
        "optimiser.batch=16",
        "optimiser.lr=5e-3",
        "selection.metric=loss",
    ]
    words = ["train", *system, "--corpus", "ravdess", "--fold", "1", "--recipe", "minmaxgap"]
    assert run([*words, "--limit", "48", *quick, "-o", "fair"]) == 0
    trained = TrainingFolder.read("fair")
    losses = trained.table("evaluations").filter(
        (pl.col("metric") == "loss") & pl.col("cell").is_null()
    )["value"]
    assert losses.len() == 4
    assert losses.min() < 0.8 * losses[0]
    speakers = trained.record.selection[0]
    assert set(speakers["speakers"]).isdisjoint(speakers["train_speakers"])
    tested = load_corpus("ravdess").folds.filter(fold="1", split="test")["utterance_id"]
    assert set(trained.utterances()["utterance_id"]).isdisjoint(tested)

    adapted = [*system, "options.q.adapter=fair/best"]
    rest = ["--corpus", "ravdess", "--folds", "1", "--limit", "24", "--replicates", "50"]
    assert run(["benchmark", *adapted, *rest, "--group", "gender", "-o", "audit"]) == 0
    audit = RunFolder.read("audit")
    assert audit.predictions().filter(system="q/options").height == 24
    assert audit.record.generation["q"]["adapter"]["folder"].endswith("fair/best")
    assert audit.estimates().filter(quantity="pair_gap", metric="macro_f1").height > 0
