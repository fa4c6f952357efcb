"""Ends of turns, modes and switches of models that are trained."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from equivoice.errors import ConfigError
from equivoice.models.decoding.learning_model import is_trained
from equivoice.models.learning import Lesson
from tiny.text import END, STOP, TEMPLATE, make_tokenizer, question, save_text_model, text_model

ONE_TURN = (
    "{% if messages|length > 1 %}{{ raise_exception('one turn only') }}{% endif %}" + TEMPLATE
)
NO_ENDS = TEMPLATE.replace(" <|end|> ", " ")
STOPS = TEMPLATE.replace("<|end|>", "<|stop|>")


def loaded(folder: Path, template: str, **generation: Any) -> Any:
    from equivoice.models.text_llms.causal import CausalTextModel

    save_text_model(folder, tokenizer=make_tokenizer(template=template), generation=generation)
    return CausalTextModel(str(folder))


@pytest.mark.parametrize(
    ("template", "ends", "expected"),
    [
        (TEMPLATE, [STOP, END], END),
        (STOPS, [END, STOP], STOP),
        # nothing to be learned from the template: the tokenizer's own, else the first
        (NO_ENDS, [STOP, END], END),
        (NO_ENDS, [STOP], STOP),
        (ONE_TURN, [STOP, END], END),
    ],
)
def test_the_end_is_the_one_that_the_template_writes(
    template: str, ends: list[int], expected: int, tmp_path: Path
) -> None:
    model = loaded(tmp_path, template, eos_token_id=ends)
    assert model.end_token == expected
    tokens = model.lesson_tokens(Lesson(question("great", system=None), "very sad"))
    assert tokens.answer == [*model.option_tokens("very sad"), expected]


def test_a_checkpoint_without_ends_cannot_be_taught(tmp_path: Path) -> None:
    model = loaded(tmp_path, TEMPLATE)
    model.eos_ids = ()
    with pytest.raises(ConfigError, match="names no token that ends an answer") as error:
        model.answer_losses([Lesson(question("great"), "sad")])
    assert "eos_token_id" in str(error.value)


def test_every_end_counts_for_an_option_and_one_is_learned(tmp_path: Path) -> None:
    """Where a checkpoint names two ends, the option is at least as probable as the lesson."""
    import torch

    from equivoice.models import Decoding

    model = loaded(tmp_path, TEMPLATE, eos_token_id=[END, STOP])
    asked = question("I feel terrible")
    plain = Decoding.neutral(max_new_tokens=8, min_new_tokens=0)
    scores = model.option_logprobs(model.prepare([asked]), ["sad"], [1.0], plain)
    with torch.no_grad():
        one = -float(model.answer_losses([Lesson(asked, "sad")]).nll.sum())
        model._end = STOP
        other = -float(model.answer_losses([Lesson(asked, "sad")]).nll.sum())
    both = torch.logsumexp(torch.tensor([one, other]), 0)
    assert float(scores.logprobs[0, 0, 0]) == pytest.approx(float(both), abs=1e-5)


def test_checkpointing_that_the_architecture_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = copy.deepcopy(text_model())
    monkeypatch.setattr(type(model.model), "supports_gradient_checkpointing", False)
    with pytest.raises(ConfigError, match="does not know gradient checkpointing") as error:
        model.checkpoint_gradients(True)
    assert "LlamaForCausalLM" in str(error.value)


def test_checkpointing_leaves_the_embeddings_without_gradients() -> None:
    """Otherwise transformers would have them require gradients, which inference cannot bear."""
    model = copy.deepcopy(text_model())
    model.checkpoint_gradients(True)
    model.training_mode(True)
    losses = model.answer_losses([Lesson(question("great"), "sad")])
    assert not losses.nll.requires_grad


def test_whether_anything_is_trained() -> None:
    model = copy.deepcopy(text_model()).model
    assert not is_trained(model)
    model.lm_head.weight.requires_grad_(True)
    assert is_trained(model)
    assert not is_trained(model.model)
