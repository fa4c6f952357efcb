"""What the model says of the validation part, against each example alone and plain losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equivoice.corpora import Corpus
from equivoice.models import Decoding
from equivoice.training import plan_training
from equivoice.training.lessons import option_texts
from equivoice.training.parallel import Parallel
from equivoice.training.task import TrainingTask
from equivoice.training.validating import listen
from tiny.corpus import make_corpus, recipe
from tiny.speech import TinyModels


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> list[Corpus]:
    folder = tmp_path_factory.mktemp("corpora")
    more = make_corpus(folder / "b", name="other", labels=("angry", "calm", "sad"))
    return [make_corpus(folder / "a"), more]


def planned(tiny_models: TinyModels, corpora: list[Corpus], **changes: Any) -> TrainingTask:
    options = {"model": str(tiny_models("qwen2_audio"))}
    return plan_training("qwen2-audio", corpora, options=options, **{**recipe(), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objective": {"loss": "class_weighted"}},
        {"objective": {"tokens": "all"}},
        {"data": {"prompt": "lettered", "orders": ["shuffled-3"]}},
    ],
    ids=["mean", "weights of classes", "all tokens", "letters"],
)
def test_losses_are_those_of_training_without_dropout(
    tiny_models: TinyModels, corpora: list[Corpus], changes: dict[str, Any]
) -> None:
    task = planned(tiny_models, corpora, **changes)
    examples = task.data.validation
    heard = listen(task.learner, examples)
    with torch.no_grad():
        alone = [float(task.learner.loss([each], epoch=1)) for each in examples]
    assert heard.losses == pytest.approx(alone, abs=1e-4)


def test_scores_are_those_of_each_example_alone(
    tiny_models: TinyModels, corpora: list[Corpus]
) -> None:
    task = planned(tiny_models, corpora)
    backend: Any = task.learner.backend
    heard = listen(task.learner, task.data.validation)
    assert heard.logprobs.shape == (len(task.data.validation), 3)
    for row, example in enumerate(task.data.validation):
        texts = option_texts(task.learner.lessons.options(example.corpus))
        prefix = backend.prepare([task.learner.lessons.question(example)])
        neutral = Decoding.neutral(max_new_tokens=64, min_new_tokens=0)
        scores = backend.option_logprobs(prefix, texts, [1.0], neutral)
        size = len(texts)
        assert heard.logprobs[row, :size] == pytest.approx(scores.logprobs[0, 0], abs=1e-4)
        assert np.isneginf(heard.logprobs[row, size:]).all()
        assert heard.outside[row] == pytest.approx(scores.outside[0, 0], abs=1e-4)


def test_several_processes_hear_each_example_once(
    tiny_models: TinyModels, corpora: list[Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = planned(tiny_models, corpora)
    whole = listen(task.learner, task.data.validation)
    parts: list[np.ndarray[Any, Any]] = []
    told: list[tuple[int, int]] = []

    def keep(_: Parallel, numbers: list[float]) -> list[float]:
        parts.append(np.asarray(numbers))
        return numbers

    monkeypatch.setattr(Parallel, "sum_numbers", keep)
    for rank in range(2):
        listen(
            task.learner,
            task.data.validation,
            parallel=Parallel(rank, 2),
            watch=lambda done, total: told.append((done, total)),
        )
    table = (parts[0] + parts[1]).reshape(len(task.data.validation), -1)
    assert np.allclose(table[:, 0], whole.losses, atol=1e-5)
    assert np.allclose(table[:, 2:], whole.logprobs, atol=1e-5)
    assert sum(total for done, total in told if done == total) == len(task.data.validation)


def test_listening_leaves_no_dropout_behind_and_no_graph(
    tiny_models: TinyModels, corpora: list[Corpus], tmp_path: Path
) -> None:
    task = planned(tiny_models, corpora, model={"rank": 4, "dropout": 0.5})
    task.learner.backend.training_mode(on=True)
    first, second = (listen(task.learner, task.data.validation) for _ in range(2))
    assert np.array_equal(first.losses, second.losses)
    assert all(parameter.grad is None for parameter in task.learner.parameters.values())
