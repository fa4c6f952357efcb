"""What cannot be trained is named before the first step, and nothing is written."""

from __future__ import annotations

import dataclasses
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus
from equivoice.errors import (
    AudioError,
    ConfigError,
    CorpusError,
    InputError,
    StorageError,
)
from equivoice.models.registry import load_model
from equivoice.store import RunFolder
from equivoice.training import plan_training, run_training, train
from equivoice.training.task import TrainingTask
from tiny.corpus import make_corpus, recipe
from tiny.speech import TinyModels


@pytest.fixture(scope="module")
def model(tiny_models: TinyModels) -> str:
    return str(tiny_models("qwen2_audio"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("demo"))


def planned(place: str, *corpora: Any, system: Any = "qwen2-audio", **changes: Any) -> TrainingTask:
    given = {"options": {"model": place}, **recipe(), **changes}
    return plan_training(system, list(corpora), **{"recipe": "minmaxgap", **given})


def test_a_plan_says_how_much_there_is_to_do(model: str, corpus: Corpus) -> None:
    task = planned(model, corpus)
    assert (task.steps_an_epoch, task.steps) == (2, 4)
    assert len(task.epoch(1)) == 2
    assert sorted(row for batch in task.epoch(1) for row in batch.rows) == list(range(16))
    assert task.learner.count == sum(each.numel() for each in task.learner.parameters.values())


def test_a_batch_that_cannot_hold_the_groups(model: str, corpus: Corpus) -> None:
    small = {**recipe()["optimiser"], "batch": 3}
    with pytest.raises(ConfigError, match="batch of 3 cannot hold the 4 groups") as caught:
        planned("/no/model", corpus, optimiser=small)  # found before the model is looked for
    assert "en female (4)" in str(caught.value)
    assert planned(model, corpus, optimiser=small, groups={"keep": False}, recipe="erm").steps == 12


def test_a_penalty_without_groups(model: str, tmp_path: Path) -> None:
    women = make_corpus(tmp_path / "a", genders=("female",))
    with pytest.raises(ConfigError, match="no cell of the train part has two groups") as caught:
        planned("/no/model", women)
    assert "en: female" in str(caught.value)
    erm = planned(model, women, recipe="erm", selection={"metric": "loss"})
    assert erm.data.groups == ("female",)
    with pytest.raises(ConfigError, match="no cell of the validation part"):
        planned("/no/model", women, recipe="erm", selection={"metric": "worst_gap"})


def test_an_adaptive_weight_without_a_gap_on_validation_data(corpus: Corpus) -> None:
    chosen = corpus.folds.filter(split="validation").select("utterance_id")
    men = corpus.utterances.join(chosen, on="utterance_id", how="semi").filter(gender="male")
    fewer = corpus.folds.filter(~pl.col("utterance_id").is_in(men["utterance_id"].to_list()))
    lopsided = dataclasses.replace(corpus, folds=fewer)
    with pytest.raises(ConfigError, match="no cell of the validation part has two groups"):
        planned("/no/model", lopsided)


def test_transcripts_that_a_modality_needs(corpus: Corpus) -> None:
    with pytest.raises(CorpusError, match="has a transcript"):
        planned("/no/model", corpus, data={"modalities": ["speech+transcript"]})


def test_a_modality_that_the_system_cannot_be_given(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    said = make_corpus(tmp_path / "a", transcripts=True)
    backend: Any = load_model("qwen2-audio", model=str(tiny_models("qwen2_audio")))
    backend.modalities = frozenset({"transcript"})
    with pytest.raises(ConfigError, match="cannot be given this modality: 'speech'"):
        planned("", said, system=backend)
    with pytest.raises(ConfigError, match=r"data\.modalities\.0: input should be"):
        planned("", said, system=backend, data={"modalities": ["sound"]})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"selection": {"metric": "f1"}}, "no such metric for selection.metric: 'f1'"),
        ({"weight": {"gap": "recall"}}, "no such metric for weight.gap: 'recall'"),
        ({"data": {"prompt": "directt"}}, "unknown prompt: 'directt'"),
        ({"groups": {"attribute": "accent"}}, "no such attribute to group by: 'accent'"),
        ({"optimiser": {"eopchs": 1}}, "optimiser.eopchs: unknown key"),
        ({"recipe": "minmax"}, "unknown recipe: 'minmax'"),
        ({"tracking": {"mlflow": "mine"}}, "tracking.mlflow is asked for"),
    ],
)
def test_settings_that_cannot_be(corpus: Corpus, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        planned("/no/model", corpus, **changes)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"orders": ["backwards"]}}, "unknown label order: 'backwards'"),
        ({"model": {"targets": "q_prj"}}, "q_prj"),
        ({"model": {"unfreeze": "*projectr*"}}, "no weight of the model fits the pattern"),
    ],
)
def test_what_does_not_fit_the_model(
    model: str, corpus: Corpus, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(model, corpus, **changes)
    assert said in str(caught.value)


def test_checkpoints_of_another_architecture(
    tiny_models: TinyModels, model: str, corpus: Corpus
) -> None:
    with pytest.raises(ConfigError, match="Voxtral"):
        planned(str(tiny_models("voxtral")), corpus)
    with pytest.raises(ConfigError):
        planned("/no/model", corpus)


def test_systems_whose_weights_are_not_at_hand(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="'scripted-llm' cannot be trained here"):
        planned("", corpus, system="scripted-llm", options={})
    with pytest.raises(ConfigError, match="'prior' cannot be trained here"):
        planned("", corpus, system="fair=prior", options={})


def test_half_precision_and_its_hint(model: str, corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="float16 cannot be trained"):
        planned(model, corpus, options={"model": model, "dtype": "float16"})
    with pytest.raises(ConfigError, match=r"model\.precision is float32"):
        planned(
            model,
            corpus,
            options={"model": model, "dtype": "bfloat16"},
            model={"precision": "float32"},
        )


def test_clips_that_are_longer_than_the_model_hears(model: str, corpus: Corpus) -> None:
    options = {"model": model, "max_seconds": 0.4}
    with pytest.raises(AudioError, match=r"lasts 0\.5 s, and .* hears 0\.4 s at most"):
        planned(model, corpus, options=options)
    assert planned(model, corpus, options={**options, "longer": "cut"}).steps


def test_two_corpora_of_one_name(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="two corpora have the same name: 'demo'"):
        planned("/no/model", corpus, corpus)


def test_a_name_and_an_alias(model: str, corpus: Corpus) -> None:
    assert planned(model, corpus, system="fair=qwen2-audio").name == "fair"


# ----------------------------------------------------------------- where it is written


def trained(out: Path, model: str, corpus: Corpus) -> None:
    train("qwen2-audio", corpus, out=out, options={"model": model}, **recipe())


def test_no_room_for_the_checkpoints(
    tmp_path: Path, model: str, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    task = planned(model, corpus)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, 1000))
    with pytest.raises(StorageError, match="the checkpoints need"):
        run_training(task, tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.jsonl"))


def test_a_place_that_cannot_be_written_to(tmp_path: Path, model: str, corpus: Corpus) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="this is a file"):
        trained(tmp_path / "file", model, corpus)
    with pytest.raises(StorageError, match="cannot write into"):
        trained(tmp_path / "file" / "run", model, corpus)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other things"):
        trained(tmp_path / "mine", model, corpus)


def test_a_benchmark_in_the_folder(tmp_path: Path, model: str, corpus: Corpus) -> None:
    from equivoice.records import RunRecord

    with RunFolder.open(tmp_path / "run") as run:
        run.save_record(RunRecord(verb="benchmark", config={"seed": 1}))
    with pytest.raises(ConfigError, match="verb: benchmark in the run, train now"):
        trained(tmp_path / "run", model, corpus)
