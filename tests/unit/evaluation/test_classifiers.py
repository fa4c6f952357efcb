"""Classifiers in a benchmark: each fold has a training of its own, which test speech chose nothing of."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from equivoice.corpora import Corpus
from equivoice.errors import ConfigError, RunError
from equivoice.evaluation import benchmark
from equivoice.evaluation.sharding import run_shard
from equivoice.evaluation.sweep import plan_benchmark
from equivoice.inference import Shard, Silence
from equivoice.models import Clip, Sample
from equivoice.models.classifiers.recognizer import ClassifierRecognizer
from equivoice.store import RunFolder, TrainingFolder
from equivoice.training import train
from tiny.classifier import TinyClassifiable, load_tiny
from tiny.corpus import make_corpus

QUICK = {
    "recipe": "compact",
    "optimiser": {"epochs": 2, "batch": 8, "micro": 4, "lr": 5e-2, "warmup": 0.0},
    "tracking": {"tensorboard": False},
}
FEW = {"replicates": 20, "permutations": 20, "training": {"tiny-classifier": QUICK}}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two folds, which swap the speakers of validation and test."""
    made = make_corpus(tmp_path_factory.mktemp("demo"))
    swapped = {"validation": "test", "test": "validation"}
    other = made.folds.with_columns(fold=pl.lit("2"), split=pl.col("split").replace(swapped))
    return replace(made, folds=pl.concat([made.folds, other]))


def run_of(out: Path, corpus: Corpus, system: Any = None, **settings: Any) -> RunFolder:
    return benchmark(system or TinyClassifiable(), corpus, out=out, **{**FEW, **settings})


def trainings(run: RunFolder) -> list[TrainingFolder]:
    return [TrainingFolder.read(path) for path in sorted((run.path / "trainings").iterdir())]


def test_each_fold_is_predicted_by_the_best_of_its_own_training(
    tmp_path: Path, corpus: Corpus
) -> None:
    run = run_of(tmp_path / "run", corpus)
    said = run.predictions()
    assert (said.height, set(said["status"])) == (16, {"parsed"})
    for fold, training in zip(("1", "2"), trainings(run), strict=True):
        backend = load_tiny(training.best_path)
        own = said.filter(fold=fold).join(
            corpus.utterances.select("utterance_id", "audio"), on="utterance_id"
        )
        samples = [
            Sample(name, Clip(path))
            for name, path in own.select("utterance_id", "audio").iter_rows()
        ]
        with torch.no_grad():
            expected = backend.class_logits(samples).double().softmax(1).numpy()
        assert np.allclose(own["probabilities"].to_list(), expected, atol=1e-12)
    assert not run.sounds_path.exists()


def test_a_training_is_one_of_train_with_the_seed_of_the_fold(
    tmp_path: Path, corpus: Corpus
) -> None:
    run = run_of(tmp_path / "run", corpus, folds=["2"])
    (inside,) = trainings(run)
    seed = inside.record.config["seed"]
    alone = train(TinyClassifiable(), corpus, out=tmp_path / "alone", fold="2", seed=seed, **QUICK)
    assert inside.table("steps").equals(alone.table("steps"))
    digests = {
        hashlib.sha256((each.best_path / "weights.safetensors").read_bytes()).hexdigest()
        for each in (inside, alone)
    }
    assert len(digests) == 1
    assert not inside.checkpoints_path.exists()  # it is done, and can be had again
    assert alone.checkpoints_path.exists()


def test_the_record_says_who_chose_the_step(tmp_path: Path, corpus: Corpus) -> None:
    run = run_of(tmp_path / "run", corpus)
    chosen = run.record.selection
    assert [each["fold"] for each in chosen] == ["1", "2"]
    for each in chosen:
        assert (each["what"], each["split"], each["recipe"]) == (
            "checkpoint",
            "validation",
            "compact",
        )
        assert each["chosen"].startswith("step ")
        assert set(each["speakers"]).isdisjoint(each["test_speakers"])
        assert len(each["speakers"]) == len(each["test_speakers"]) == 4
        assert (run.path / each["training"] / "run.json").is_file()
    seeds = {each["seed"] for each in chosen}
    assert len(seeds) == 2
    assert run.record.config["training"] == {"tiny-classifier": QUICK}


def test_aliases_train_one_system_in_several_ways(tmp_path: Path, corpus: Corpus) -> None:
    plain = TinyClassifiable("plain")
    focal = TinyClassifiable("focal")
    loss = {"objective": {"loss": "weighted_focal", "options": {"gamma": 1.0}}}
    run = benchmark(
        [plain, focal],
        corpus,
        out=tmp_path / "run",
        folds=["1"],
        **{**FEW, "training": {"plain": QUICK, "focal": QUICK | loss}},
    )
    losses = {each.record.config["objective"]["loss"] for each in trainings(run)}
    assert losses == {"cross_entropy", "weighted_focal"}
    assert run.predictions()["system"].unique().sort().to_list() == ["focal", "plain"]


class Cut(Silence):
    """Stops a benchmark in the middle of a training."""

    def __init__(self, at: int) -> None:
        self.at, self.told = at, 0

    def training(self, step: int, steps: int) -> None:
        self.told += 1
        assert 0 <= step <= steps
        if self.told == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [2, 4, 9])
def test_a_run_that_was_cut_off_goes_on_in_its_training(
    tmp_path: Path, corpus: Corpus, at: int
) -> None:
    whole = run_of(tmp_path / "whole", corpus)
    with pytest.raises(KeyboardInterrupt):
        run_of(tmp_path / "cut", corpus, progress=Cut(at))
    going_on = Cut(10**6)
    cut = run_of(tmp_path / "cut", corpus, progress=going_on)
    assert cut.predictions().equals(whole.predictions())
    assert [each.table("steps").rows() for each in trainings(cut)] == [
        each.table("steps").rows() for each in trainings(whole)
    ]
    assert going_on.told < 2 * (1 + 6)  # not all steps were made again


def test_shards_train_their_own_folds(tmp_path: Path, corpus: Corpus) -> None:
    whole = run_of(tmp_path / "whole", corpus)
    task = plan_benchmark(TinyClassifiable(), corpus, **FEW)
    for number in (1, 2):
        run_shard(task, Shard(number, 2), out=tmp_path / "parts")
    gathered = run_of(tmp_path / "parts", corpus)
    assert gathered.predictions().equals(whole.predictions())
    assert {each["fold"] for each in gathered.record.selection} == {"1", "2"}


def test_overwriting_removes_the_trainings(tmp_path: Path, corpus: Corpus) -> None:
    first = run_of(tmp_path / "run", corpus, folds=["1"])
    kept = first.path / "trainings" / "mine"
    kept.mkdir()
    (kept / "notes.txt").write_text("not of the run")
    names = {path.name for path in (first.path / "trainings").iterdir()}
    again = run_of(tmp_path / "run", corpus, folds=["2"], overwrite=True)
    now = {path.name for path in (again.path / "trainings").iterdir()}
    assert "mine" in now
    assert len(now & names) == 1


def test_transcripts_are_put_to_who_is_given_transcripts(tmp_path: Path) -> None:
    made = make_corpus(tmp_path / "demo", transcripts=True)
    silent = pl.when(pl.col("speaker") == "en-male-3").then(None).otherwise(pl.col("transcript"))
    corpus = replace(made, utterances=made.utterances.with_columns(transcript=silent))
    system = TinyClassifiable(modalities=frozenset({"transcript"}))
    run = run_of(tmp_path / "run", corpus, system)
    said = run.predictions()
    assert (said.height, said["modality"].unique().to_list()) == (6, ["transcript"])
    assert run.record.left_out["demo, fold 1: test utterance without transcript"] == 2


def test_a_trained_one_is_given_what_it_was_trained_on(tmp_path: Path) -> None:
    made = make_corpus(tmp_path / "demo", transcripts=True)
    system = TinyClassifiable(modalities=frozenset({"transcript"}))
    own = ClassifierRecognizer(system.classifier(made.label_space, seed=0))
    run = run_of(tmp_path / "run", made, own, training={})
    assert run.predictions()["modality"].unique().to_list() == ["transcript"]
    assert not (run.path / "trainings").exists()


def test_a_limit_holds_for_training_and_test(tmp_path: Path, corpus: Corpus) -> None:
    run = run_of(tmp_path / "run", corpus, folds=["1"], limit=4)
    assert run.predictions().height == 4
    (training,) = trainings(run)
    assert training.utterances().filter(split="train").height == 4


# --------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"other": {}}, "a system that is not trained here"),
        ({"tiny-classifier": {"recipe": "none"}}, "unknown recipe"),
        ({"tiny-classifier": {"optimiser": {"epoch": 1}}}, "unknown key"),
        ({"tiny-classifier": {"objective": {"loss": "focal"}}}, "no such loss"),
        ({"tiny-classifier": {"seed": 3}}, "says the seed of each training"),
        ({"tiny-classifier": {"model": {"rank": 3}}}, "option of the system"),
        (
            {"tiny-classifier": {"data": {"modalities": ["speech", "transcript"]}}},
            "one modality at a time",
        ),
    ],
)
def test_wrong_settings_are_known_before_anything_is_written(
    tmp_path: Path, corpus: Corpus, training: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        run_of(tmp_path / "run", corpus, training=training)
    assert not (tmp_path / "run").exists()


def test_settings_of_a_training_for_what_is_not_trained(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="a system that is not trained here"):
        benchmark("prior", corpus, out=tmp_path / "run", training={"prior": {}})


def test_another_recipe_is_another_run(tmp_path: Path, corpus: Corpus) -> None:
    run_of(tmp_path / "run", corpus, folds=["1"])
    other = {"tiny-classifier": QUICK | {"objective": {"loss": "weighted_focal"}}}
    with pytest.raises(ConfigError, match="training"):
        run_of(tmp_path / "run", corpus, folds=["1"], training=other)


def test_checkpoints_of_a_training_that_goes_on_are_kept(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_of(tmp_path / "run", corpus, progress=Cut(3))
    (path,) = (path.parent for path in (tmp_path / "run" / "trainings").glob("*/run.json"))
    with TrainingFolder.open(path) as training, pytest.raises(RunError, match="still needs"):
        training.drop_checkpoints()
