"""What a training's record says, and when it lets a training go on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus
from equivoice.errors import ConfigError
from equivoice.objectives.adaptive_weight import AdaptiveWeight
from equivoice.store import TrainingFolder
from equivoice.training import plan_training
from equivoice.training.checkpoints import Standing
from equivoice.training.record import facts, finish, new_record, save_data
from equivoice.training.task import TrainingTask
from tiny.corpus import make_corpus, recipe
from tiny.speech import TinyModels


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("demo"))


def planned(tiny_models: TinyModels, corpus: Corpus, **changes: Any) -> TrainingTask:
    return plan_training(
        "fair=qwen2-audio",
        corpus,
        recipe="minmaxgap",
        options={"model": str(tiny_models("qwen2_audio"))},
        **{**recipe(), **changes},
    )


def test_a_record_says_all_that_is_needed_to_do_it_again(
    tiny_models: TinyModels, corpus: Corpus
) -> None:
    record = new_record(planned(tiny_models, corpus), "equivoice train …", 2)
    assert (record.verb, record.command) == ("train", "equivoice train …")
    assert record.config["weight"]["tolerance"] == 0.02
    assert {"torch", "transformers", "peft", "equivoice"} <= set(record.versions)
    assert {"demo/utterances", "demo/audio", "prompt user_labels", "model"} <= set(record.inputs)
    assert record.generation["fair"]["trained"]["tuning"] == "lora"
    assert record.host["processes"] == "2"
    assert set(record.seeds) == {"root", "batches", "validation of demo"}
    json.dumps(record.model_dump(mode="json"))


def test_other_data_prompts_weights_and_settings_are_another_training(
    tiny_models: TinyModels, corpus: Corpus, tmp_path: Path
) -> None:
    first = new_record(planned(tiny_models, corpus), "", 1)
    with TrainingFolder.open(tmp_path) as run:
        run.begin(first)
        run.begin(new_record(planned(tiny_models, corpus), "typed otherwise", 4))
        others = corpus.utterances.with_columns(speaker=pl.col("speaker") + "x")
        again = dataclasses.replace(corpus, utterances=others)
        with pytest.raises(ConfigError, match=r"inputs\.demo/utterances"):
            run.begin(new_record(planned(tiny_models, again), "", 1))
        with pytest.raises(ConfigError, match="prompt direct"):
            run.begin(new_record(planned(tiny_models, corpus, data={"prompt": "direct"}), "", 1))
        with pytest.raises(ConfigError, match="optimiser: "):
            run.begin(new_record(planned(tiny_models, corpus, optimiser={"batch": 8}), "", 1))
        assert run.record == first


def test_the_closed_record_names_every_candidate_and_who_chose(
    tiny_models: TinyModels, corpus: Corpus, tmp_path: Path
) -> None:
    task = planned(tiny_models, corpus)
    standing = Standing(4, AdaptiveWeight(0.3), best=0.7, best_step=2)
    rows = {"step": [0, 2, 4], "metric": ["macro_f1"] * 3, "value": [0.9, 0.7, 0.6]}
    with TrainingFolder.open(tmp_path) as run:
        run.begin(new_record(task, "", 1))
        run.append("evaluations", pl.DataFrame(rows))
        save_data(task, run)
        finish(task, run, standing)
        record = run.record
    checkpoint, weight = record.selection
    # what stood before the first step is no candidate
    assert checkpoint["candidates"] == [{"step": 2, "value": 0.7}, {"step": 4, "value": 0.6}]
    assert (checkpoint["chosen"], checkpoint["metric"]) == ("step 2", "macro_f1")
    assert (weight["chosen"], weight["what"]) == (0.3, "λ, by the worst gap in loss")
    assert len(checkpoint["speakers"]) == 4
    assert len(checkpoint["train_speakers"]) == 8
    assert record.finished is not None


def test_the_facts_are_json_and_name_the_objective(tiny_models: TinyModels, corpus: Corpus) -> None:
    task = planned(tiny_models, corpus)
    said = json.loads(facts(task, Standing(0, AdaptiveWeight())))
    assert (said["objective"], said["system"], said["stopped"]) == ("minmaxgap", "fair", None)
    assert said["groups"] == ["female", "male"]
    assert said["trainable"] == task.learner.count < said["parameters"]
