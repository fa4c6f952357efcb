"""Which systems can be trained."""

from __future__ import annotations

from typing import get_args

from equivoice.models import PrefixBackend
from equivoice.models.learning import LOSS_ON, LearningBackend, LossOn
from equivoice.models.registry import load_model
from tiny.text import text_model


def test_a_text_model_can_be_trained_and_a_script_cannot() -> None:
    assert isinstance(text_model(), LearningBackend)
    scripted = load_model("scripted-llm")
    assert isinstance(scripted, PrefixBackend)
    assert not isinstance(scripted, LearningBackend)


def test_the_choices_are_those_of_the_type() -> None:
    assert get_args(LossOn) == LOSS_ON
