"""Labels' probabilities of a real architecture, against its stock forward, token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from equivoice.inference.label_scores import Spelling, label_scores
from equivoice.models import Decoding, Draw, Question
from equivoice.models.registry import load_model
from equivoice.prompting.explained import answer_ending, before_answer, write_target
from equivoice.prompting.turns import Turn
from tiny.text import make_bpe_tokenizer, save_text_model

NEUTRAL = Decoding.neutral(max_new_tokens=400, min_new_tokens=0)
WORDS = ("angry", "happy", "sad", "surprised")
QUESTION = Question("demo/1", (Turn("user", ("Which emotion is it? Answer:",)),))


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("text") / "model"
    return load_model("text-llm", model=str(save_text_model(place, tokenizer=make_bpe_tokenizer())))


def beginning(backend: Any, text: str, temperature: float = 1.0) -> float:
    """Log-probability that an answer begins so, by one plain pass over prompt and text."""
    import torch

    prompt, tokens = backend.text_tokens(QUESTION), backend.option_tokens(text)
    with torch.no_grad():
        logits = backend.model(torch.tensor([[*prompt, *tokens]])).logits[0]
    shares = torch.log_softmax(logits[len(prompt) - 1 : -1].double() / temperature, dim=-1)
    return sum(float(shares[at, token]) for at, token in enumerate(tokens))


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("form", ["label_first", "reason_first"])
def test_they_are_quotients_of_beginnings(backend: Any, form: Any, temperature: float) -> None:
    assert isinstance(backend, Spelling)
    start = before_answer(write_target("I am fine.", "sad", "The voice is calm.", form))
    assert start is not None
    found = label_scores(backend, QUESTION, start, WORDS, [temperature], NEUTRAL)
    given = beginning(backend, start, temperature)
    due = [beginning(backend, start + answer_ending(word), temperature) - given for word in WORDS]
    assert found.logprobs[0, 0] == pytest.approx(due, abs=1e-4)
    assert found.outside[0, 0] == pytest.approx(1 - np.exp(due).sum(), abs=1e-6)


def test_several_temperatures_are_each_alone(backend: Any) -> None:
    start = before_answer(write_target("I am fine.", "sad", None, "label_only"))
    assert start is not None
    together = label_scores(backend, QUESTION, start, WORDS, [0.0, 0.5, 1.0], NEUTRAL)
    assert together.logprobs.shape == (1, 3, 4)
    for place, temperature in enumerate([0.0, 0.5, 1.0]):
        alone = label_scores(backend, QUESTION, start, WORDS, [temperature], NEUTRAL)
        assert together.logprobs[0, place] == pytest.approx(alone.logprobs[0, 0], abs=1e-5)


def test_at_temperature_0_one_label_or_another_word_has_nearly_all(backend: Any) -> None:
    start = before_answer(write_target("I am fine.", "sad", None, "label_only"))
    assert start is not None
    found = label_scores(backend, QUESTION, start, WORDS, [0.0], NEUTRAL)
    chances = np.exp(found.logprobs[0, 0])
    assert max(chances.max(), float(found.outside[0, 0])) > 0.99


def test_what_the_model_said_is_a_beginning_that_it_has(backend: Any) -> None:
    ((said,),) = backend.answer([QUESTION], [[Draw(0.0, 0)]], Decoding.neutral(max_new_tokens=6))
    start = f"{said.text}<answer>I think the emotion is"
    found = label_scores(backend, QUESTION, start, WORDS, [1.0], NEUTRAL)
    assert np.isfinite(found.logprobs).all()
