"""The states of prompts with sound in them, against the stock models' own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from equivoice.models import Question
from equivoice.models.registry import load_model
from tiny.sounds import TEXT, ask, buzz, write
from tiny.speech import TinyModels
from tiny.stock import STOCK

SYSTEMS = {"qwen2-audio": "qwen2_audio", "voxtral": "voxtral", "salmonn": "salmonn"}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("sounds")
    made = (buzz(110, 1.3), buzz(190, 0.7))
    return [write(place / f"{at}.wav", samples) for at, samples in enumerate(made)]


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def backend(system: str, tiny_models: TinyModels) -> Any:
    return load_model(system, model=str(tiny_models(SYSTEMS[system])))


def longer(sound: Path) -> Question:
    return ask(sound, f"{TEXT} Options: Happy, Neutral.")


def test_last_states_are_what_the_stock_head_is_given(
    system: str, backend: Any, tiny_models: TinyModels, sounds: Sequence[Path]
) -> None:
    stock = STOCK[SYSTEMS[system]](tiny_models(SYSTEMS[system]), sounds[:1], TEXT)
    given: list[Any] = []
    head = stock.model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    stock.logits()
    hook.remove()
    with torch.no_grad():
        states, mask = backend.states([ask(sounds[0])])
    assert bool(mask.all())
    theirs = given[0][0]
    torch.testing.assert_close(states[0, -len(theirs) :], theirs, atol=1e-4, rtol=1e-4)


def test_states_in_a_batch_are_states_alone(backend: Any, sounds: Sequence[Path]) -> None:
    questions = [longer(sounds[0]), ask(sounds[1])]
    with torch.no_grad():
        together, mask = backend.states(questions)
        for row, real, question in zip(together, mask, questions, strict=True):
            alone, whole = backend.states([question])
            count = int(real.sum())
            assert bool(real[:count].all())
            assert whole.shape == (1, count)
            torch.testing.assert_close(row[:count], alone[0], atol=1e-4, rtol=1e-4)


def test_layers_begin_with_embeddings_and_end_in_the_last_states(
    backend: Any, sounds: Sequence[Path]
) -> None:
    questions = [longer(sounds[0]), ask(sounds[1])]
    layers, mask = backend.hidden_states(questions)
    assert len(layers) == backend.language.config.num_hidden_layers + 1
    with torch.no_grad():
        states, real = backend.states(questions)
    torch.testing.assert_close(layers[-1][mask], states[real], atol=1e-4, rtol=1e-4)
    given = backend.embedded(questions)
    assert torch.equal(layers[0][mask], given.embeds[mask])
    assert not any(layer.requires_grad for layer in layers)


def test_states_carry_gradients_to_what_is_trained(backend: Any, sounds: Sequence[Path]) -> None:
    weight = next(backend.language.body.layers[0].parameters())
    weight.requires_grad_(True)
    try:
        states, mask = backend.states([ask(sound) for sound in sounds])
        states[mask].sum().backward()
        assert float(weight.grad.abs().max()) > 0
    finally:
        weight.requires_grad_(False)
        weight.grad = None
