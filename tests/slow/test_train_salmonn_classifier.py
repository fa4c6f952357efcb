"""SALMONN with a head, from corpus to labels, by the command line: S2 and ST1 with tiny weights.

The weights are random and the corpus is of buzzes: what is tested is the road. The
prompt's sound has 88 embeddings a clip, as in the release.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from equivoice.cli.app import run
from equivoice.corpora import load_corpus, save_corpus
from equivoice.store import RunFolder, TrainingFolder
from tiny.corpus import make_corpus
from tiny.speech import TinyModels

pytestmark = pytest.mark.slow

NAME = "salmonn-classifier"
SIZES = {"rank": 2, "alpha": 4, "head_width": 8, "attention_width": 4, "seconds": 0.4}
STEPS = {"epochs": 2, "batch": 4, "micro": 4, "lr": 1e-3, "warmup": 0.0}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("corpus")
    made = make_corpus(folder / "sounds", languages=("en",), transcripts=True)
    return str(save_corpus(made, folder / "demo"))


def words(model: Path, corpus: str, modality: str, out: Path) -> list[str]:
    options = {"model": model, "modality": modality, **SIZES}
    return [
        *("train", "--system", NAME, *(f"options.{NAME}.{k}={v}" for k, v in options.items())),
        *("--corpus", corpus, "--recipe", "encoder", "-o", str(out)),
        *(f"optimiser.{name}={value}" for name, value in STEPS.items()),
        *("objective.loss=vector_scaling", "model.keep_sounds=true"),
    ]


@pytest.mark.parametrize("modality", ["speech", "speech+transcript"])
def test_it_is_trained_and_labels_what_it_has_not_heard(
    tiny_models: TinyModels,
    corpus: str,
    tmp_path: Path,
    modality: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = words(tiny_models("salmonn"), corpus, modality, tmp_path / "run")
    assert run(asked) == 0
    trained = TrainingFolder.read(tmp_path / "run")
    steps = trained.table("steps")
    assert steps.height == 2 * 2  # 8 training clips, 4 a step
    assert np.isfinite(steps["loss"].to_numpy()).all()
    facts = json.loads((trained.path / "training.json").read_text("utf-8"))
    assert facts["loss"] == "vector_scaling"
    assert 0 < facts["trainable"] < facts["parameters"]
    held = {name.removeprefix("encoder.").partition(".")[0] for name in load_file(weights(trained))}
    assert held == {"language_model", "multi_modal_projector", "pooling", "head"}
    # of .30 to .45 s, those above .4 s: one validation clip of either gender
    assert trained.record.left_out["end of a clip longer than 0.4 s"] == 2
    assert not (trained.path / "sounds").exists()

    own = load_corpus(corpus)
    tested = own.utterances.join(own.folds.filter(split="test"), on="utterance_id", how="semi")
    table, labels = tmp_path / "tested.csv", tmp_path / "labels.jsonl"
    tested.select("utterance_id", "audio", "transcript").write_csv(table)
    best = ["--model", str(trained.best_path)]
    assert run(["predict", str(table), *best, "-o", str(labels)]) == 0
    said = [json.loads(line) for line in labels.read_text("utf-8").splitlines()]
    given = ["--system", "classifier", f"options.classifier.model={trained.best_path}"]
    few = ["--folds", "1", "--replicates", "20", "--permutations", "5"]
    out = tmp_path / "audit"
    assert run(["benchmark", *given, "--corpus", corpus, *few, "-o", str(out)]) == 0
    stored = RunFolder.read(out).predictions().sort("utterance_id")
    assert stored["modality"].unique().to_list() == [modality]
    assert [row["label"] for row in said] == stored["emotion"].to_list()
    shares = [list(row["probabilities"].values()) for row in said]
    np.testing.assert_allclose(shares, np.array(stored["probabilities"].to_list()), atol=1e-4)
    capsys.readouterr()
    assert run(["doctor", *given, "--json"]) == 0
    (gates,) = json.loads(capsys.readouterr().out)["systems"].values()
    assert {gate["outcome"] for gate in gates} == {"passed"}


def weights(trained: TrainingFolder) -> Path:
    return trained.best_path / "weights.safetensors"
