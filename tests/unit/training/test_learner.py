"""The model that learns: seeds by hash, weights in float32, what of it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equivoice.corpora import Corpus
from equivoice.models.registry import load_model
from equivoice.training import plan_training
from equivoice.training.effective_batches import EffectiveBatch, MicroBatch
from equivoice.training.learner import reseed, step_losses
from equivoice.training.task import TrainingTask
from tiny.corpus import make_corpus, recipe
from tiny.speech import TinyModels


@pytest.fixture(scope="module")
def place(tiny_models: TinyModels) -> str:
    return str(tiny_models("qwen2_audio"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("demo"))


def planned(place: str, corpus: Corpus, **changes: Any) -> TrainingTask:
    given = {"options": {"model": place}, **recipe(model={"dropout": 0.5}), **changes}
    return plan_training("qwen2-audio", corpus, **given)


def batch_of(rows: tuple[int, ...]) -> EffectiveBatch:
    return EffectiveBatch((MicroBatch(rows, "en", "female"),))


def losses(task: TrainingTask, rows: tuple[int, ...], step: int) -> list[float]:
    task.learner.backend.training_mode(on=True)
    give = step_losses(task.learner, task.data.train, batch_of(rows), step=step, epoch=1)
    with torch.no_grad():
        for name, parameter in task.learner.parameters.items():
            if "lora_B" in name:  # a fresh adapter changes nothing, whatever is dropped
                parameter.fill_(0.3)
        found: list[float] = give(MicroBatch(rows, "en", "female")).tolist()
    return found


def test_dropout_follows_step_and_rows_and_nothing_else(place: str, corpus: Corpus) -> None:
    task = planned(place, corpus)
    first = losses(task, (0, 1), 1)
    torch.rand(7)
    np.random.default_rng().random()
    losses(task, (4, 5, 6), 1)
    assert losses(task, (0, 1), 1) == first
    assert losses(task, (0, 1), 2) != first
    assert losses(planned(place, corpus), (0, 1), 1) == first
    assert losses(planned(place, corpus, seed=7), (0, 1), 1) != first


def test_the_first_weights_follow_the_seed(place: str, corpus: Corpus) -> None:
    torch.manual_seed(123)
    one, same, other = (planned(place, corpus, seed=seed) for seed in (1, 1, 2))
    assert _equal(one, same)
    assert not _equal(one, other)


def _equal(one: TrainingTask, other: TrainingTask) -> bool:
    pairs = zip(one.learner.parameters.values(), other.learner.parameters.values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


def test_reseeding_reaches_every_source() -> None:
    import random

    drawn = []
    for _ in range(2):
        reseed(2**62 + 5)
        drawn.append((torch.rand(1).item(), np.random.rand(), random.random()))  # noqa: NPY002, S311
    assert drawn[0] == drawn[1]


def test_full_tuning_trains_everything_and_lora_its_matrices(place: str, corpus: Corpus) -> None:
    whole = planned(place, corpus, model={"tuning": "full"})
    model: Any = load_model("qwen2-audio", model=place)
    assert whole.learner.count == sum(each.numel() for each in model.model.parameters())
    lora = planned(place, corpus)
    assert all("lora_" in name for name in lora.learner.parameters)
    rank = {min(each.shape) for each in lora.learner.parameters.values()}
    assert rank == {4}
    named = planned(place, corpus, model={"targets": "q_proj,v_proj", "rank": 2})
    kinds = {name.split(".lora_")[0].rpartition(".")[2] for name in named.learner.parameters}
    assert kinds == {"q_proj", "v_proj"}


def test_an_answers_length_counts_its_end(place: str, corpus: Corpus) -> None:
    learner = planned(place, corpus).learner
    backend: Any = learner.backend
    assert learner.answer_length("Angry") == len(backend.option_tokens("Angry")) + 1


def test_more_data_than_gradients(place: str, corpus: Corpus, tmp_path: Path) -> None:
    """Rows name examples by their place, whichever the micro-batch is."""
    task = planned(place, corpus, model={"dropout": 0.0, "rank": 4})
    every = step_losses(task.learner, task.data.train, batch_of((3, 9, 12)), step=1, epoch=1)
    task.learner.backend.training_mode(on=False)
    with torch.no_grad():
        together = every(MicroBatch((3, 9, 12), "en", None))
        alone = [every(MicroBatch((row,), "en", None)) for row in (3, 9, 12)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)
