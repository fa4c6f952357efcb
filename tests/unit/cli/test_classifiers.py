"""Classifiers as they are typed: trained, loaded, and trained for each fold of a benchmark."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from equivoice.cli.app import run
from equivoice.corpora import load_corpus, save_corpus
from equivoice.models import Clip, Sample
from equivoice.models.classifiers.files import load_classifier
from equivoice.store import RunFolder, TrainingFolder
from tiny.corpus import make_corpus
from tiny.sounds import buzz, write
from tiny.trap import Trap

SMALL = ["channels=[4, 8]", "width=8", "attention_width=4", "augment=false"]
QUICK = {"epochs": 2, "batch": 8, "micro": 8, "warmup": 0.0}
FEW = ["--replicates", "20", "--permutations", "20"]


def options(name: str) -> list[str]:
    return [f"options.{name}.{option}" for option in SMALL]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("corpus")
    return str(save_corpus(make_corpus(folder / "sounds"), folder / "demo"))


def words(corpus: str, out: Path, *more: str) -> list[str]:
    steps = [f"optimiser.{name}={value}" for name, value in QUICK.items()]
    small = ["--system", "small=compact-encoder", *options("small")]
    return ["train", *small, "--corpus", corpus, "-o", str(out), *steps, *more]


@pytest.fixture(scope="module")
def trained(corpus: str, tmp_path_factory: pytest.TempPathFactory) -> TrainingFolder:
    out = tmp_path_factory.mktemp("runs") / "small"
    assert run(words(corpus, out)) == 0
    return TrainingFolder.read(out)


def test_the_recipe_is_the_one_that_suits_and_the_result_is_said(
    trained: TrainingFolder, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(corpus, trained.path)) == 0
    said = capsys.readouterr().out
    assert f"--system classifier options.classifier.model={trained.best_path}" in said
    assert said.rstrip().splitlines()[-1].startswith(f"Result: {trained.best_path}")
    assert trained.record.config["recipe"] == "compact"
    facts = json.loads((trained.path / "training.json").read_text("utf-8"))
    assert (facts["tuning"], facts["base_model"]) == ("classifier", None)
    assert facts["system"] == "small"


def test_card_and_report_tell_of_a_classifier(trained: TrainingFolder) -> None:
    card = (trained.best_path / "README.md").read_text("utf-8")
    assert "library_name: equivoice" in card
    assert "pipeline_tag: audio-classification" in card
    assert "A classifier, with new weights, of the system compact-encoder" in card
    assert (
        "--system classifier --corpus CORPUS --out RUN options.classifier.model=THIS_FOLDER" in card
    )
    assert "<svg" in (trained.path / "report.html").read_text("utf-8")


def test_a_trained_one_is_benchmarked_as_it_was_validated(
    trained: TrainingFolder, corpus: str, tmp_path: Path
) -> None:
    given = ["--system", "classifier", f"options.classifier.model={trained.best_path}"]
    out = tmp_path / "run"
    assert run(["benchmark", *given, "--corpus", corpus, "-o", str(out), *FEW]) == 0
    said = RunFolder.read(out).predictions()
    assert said.height == 8
    sums = np.asarray(said["probabilities"].to_list()).sum(axis=1)
    assert np.allclose(sums, 1.0, atol=1e-12)
    best = trained.predictions()
    assert set(best["utterance_id"]).isdisjoint(said["utterance_id"])


@pytest.fixture(scope="module")
def by_fold(corpus: str, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A benchmark that trains; of each clip it hears .35 s."""
    given = ["--system", "small=compact-encoder", *options("small"), "options.small.seconds=0.35"]
    steps = [f"training.small.optimiser.{name}={value}" for name, value in QUICK.items()]
    loss = "training.small.objective.loss=weighted_focal"
    out = tmp_path_factory.mktemp("folds") / "run"
    assert run(["benchmark", *given, "--corpus", corpus, "-o", str(out), *FEW, *steps, loss]) == 0
    return RunFolder.read(out)


def training_in(run_folder: RunFolder) -> TrainingFolder:
    (place,) = (run_folder.path / "trainings").iterdir()
    return TrainingFolder.read(place)


def test_a_benchmark_trains_for_each_fold(by_fold: RunFolder) -> None:
    (chosen,) = by_fold.record.selection
    assert (chosen["recipe"], chosen["split"]) == ("compact", "validation")
    own = training_in(by_fold).record.config
    assert (own["objective"]["loss"], own["optimiser"]["epochs"]) == ("weighted_focal", 2)
    assert by_fold.predictions()["system"].unique().to_list() == ["small"]
    assert "compact" in (by_fold.path / "report.html").read_text("utf-8")
    assert by_fold.timings().filter(pl.col("stage") == "fit").height == 1


@pytest.mark.parametrize(
    "more",
    [
        ["objective.loss=focal"],
        ["model.rank=4"],
        ["--recipe", "erm", "objective.options.gamma=2"],
        ["data.modalities=transcript"],
    ],
)
def test_what_cannot_be_ends_with_2(
    corpus: str, tmp_path: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(corpus, tmp_path / "run", *more)) == 2
    assert "error" in capsys.readouterr().err.lower()
    assert not (tmp_path / "run").exists()


def test_a_dry_run_says_what_would_be_trained(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(corpus, tmp_path / "run", "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "numbers are trained (classifier), in at most 4 steps" in said
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------------- predict


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def softmax_of(folder: Path, sounds: list[str]) -> np.ndarray:
    """What the network in a folder makes of sounds, one by one."""
    backend = load_classifier(folder)
    with torch.no_grad():
        logits = [backend.class_logits([Sample("a", Clip(sound))]) for sound in sounds]
    raised = np.exp(torch.cat(logits).double().numpy())
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("place", ["best", "training"])
def test_predict_labels_sounds_with_what_was_trained(
    trained: TrainingFolder, tmp_path: Path, place: str
) -> None:
    sounds = [str(write(tmp_path / f"{hz}.wav", buzz(hz, 0.4))) for hz in (110, 160, 300)]
    folder = trained.best_path if place == "best" else trained.path
    out = tmp_path / "labels.jsonl"
    assert run(["predict", *sounds, "--model", str(folder), "-o", str(out)]) == 0
    said = lines(out)
    assert [row["file"] for row in said] == sounds
    shares = np.array([list(row["probabilities"].values()) for row in said])
    np.testing.assert_allclose(shares, softmax_of(trained.best_path, sounds), atol=1e-6)
    names = list(said[0]["probabilities"])
    assert names == ["angry", "sad"]
    assert [row["label"] for row in said] == [names[code] for code in shares.argmax(axis=1)]
    # the training was given a name of its own, which its checkpoint does not know
    assert {row["system"] for row in said} == {
        "small" if place == "training" else "compact-encoder"
    }


def test_predict_with_a_benchmark_gives_its_stored_answers(
    by_fold: RunFolder, corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = by_fold.predictions().sort("utterance_id")
    audio = dict(load_corpus(corpus).utterances.select("utterance_id", "audio").iter_rows())
    sounds, out = [audio[name] for name in stored["utterance_id"]], tmp_path / "labels.jsonl"
    words = ["predict", *sounds, "--model", str(by_fold.path), "--fold", "1", "-o", str(out)]
    assert run(words) == 0
    assert [row["label"] for row in lines(out)] == stored["emotion"].to_list()
    shares = [list(row["probabilities"].values()) for row in lines(out)]
    np.testing.assert_allclose(shares, np.array(stored["probabilities"].to_list()), atol=1e-6)
    said = capsys.readouterr().err
    assert "small did not get the end of a clip longer than 0.35 s (8)." in said
    assert run([*words[:-2], "--fold", "2"]) == 2
    assert "kept no trained small of this fold" in capsys.readouterr().err


def test_what_is_cut_is_said_of_training_and_test(by_fold: RunFolder) -> None:
    """Clips of .30 to .50 s: of each speaker's two, three of six to learn from, all to test on."""
    end = "end of a clip longer than 0.35 s"
    assert by_fold.record.left_out[f"demo, fold 1: small: {end}"] == 8
    assert training_in(by_fold).record.left_out[end] == 12
    assert end in (by_fold.path / "report.html").read_text("utf-8")


def test_predict_cuts_a_long_sound_and_says_so(
    trained: TrainingFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = buzz(170, 11.0)
    long, first = write(tmp_path / "l.wav", whole), write(tmp_path / "f.wav", whole[:160_000])
    assert run(["predict", str(long), str(first), "--model", str(trained.best_path)]) == 0
    said = capsys.readouterr()
    one, other = (json.loads(line)["probabilities"] for line in said.out.splitlines())
    assert one == pytest.approx(other, abs=1e-6)
    assert "compact-encoder did not get the end of a clip longer than 10 s (1)." in said.err


# ------------------------------------------------------------------------ damaged weights


def without_bias(folder: Path, sprung: Path) -> None:
    tensors = load_file(folder / "weights.safetensors")
    tensors["head.out.more"] = tensors.pop("head.out.bias")
    save_file(tensors, folder / "weights.safetensors")


def pickled(folder: Path, sprung: Path) -> None:
    (folder / "weights.safetensors").write_bytes(pickle.dumps({"head": Trap(sprung)}))


def pickled_under_its_own_name(folder: Path, sprung: Path) -> None:
    pickled(folder, sprung)
    (folder / "weights.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without_bias, ["missing: head.out.bias", "not of the model: head.out.more"]),
        (pickled, ["cannot be read as safetensors", "a pickle is not read under any name"]),
        (pickled_under_its_own_name, ["pytorch_model.bin", "runs whatever code they hold"]),
    ],
)
@pytest.mark.parametrize("verb", ["predict", "benchmark"])
def test_damaged_weights_end_with_2_and_no_code_runs(
    trained: TrainingFolder,
    corpus: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path, Path], None],
    said: list[str],
    verb: str,
) -> None:
    folder, sprung = tmp_path / "best", tmp_path / "sprung"
    shutil.copytree(trained.best_path, folder)
    damage(folder, sprung)
    sound = str(write(tmp_path / "a.wav", buzz(170, 0.3)))
    asked = {
        "predict": ["predict", sound, "--model", str(folder)],
        "benchmark": [
            *("benchmark", "--system", "classifier", f"options.classifier.model={folder}"),
            *("--corpus", corpus, "-o", str(tmp_path / "run")),
        ],
    }
    assert run(asked[verb]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert all(part in told for part in said), told
    assert not sprung.exists()
    assert not (tmp_path / "run").exists()
