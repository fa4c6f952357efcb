"""Classifiers as they are typed: trained, loaded, and trained for each fold of a benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.corpora import save_corpus
from equivoice.store import RunFolder, TrainingFolder
from tiny.corpus import make_corpus

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


def test_a_benchmark_trains_for_each_fold(corpus: str, tmp_path: Path) -> None:
    given = ["--system", "small=compact-encoder", *options("small")]
    steps = [f"training.small.optimiser.{name}={value}" for name, value in QUICK.items()]
    loss = "training.small.objective.loss=weighted_focal"
    out = tmp_path / "run"
    asked = ["benchmark", *given, "--corpus", corpus, "-o", str(out), *FEW, *steps, loss]
    assert run(asked) == 0
    found = RunFolder.read(out)
    (chosen,) = found.record.selection
    assert (chosen["recipe"], chosen["split"]) == ("compact", "validation")
    (place,) = (out / "trainings").iterdir()
    own = TrainingFolder.read(place).record.config
    assert (own["objective"]["loss"], own["optimiser"]["epochs"]) == ("weighted_focal", 2)
    assert found.predictions()["system"].unique().to_list() == ["small"]
    assert "compact" in (out / "report.html").read_text("utf-8")
    assert found.timings().filter(pl.col("stage") == "fit").height == 1


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
