"""Caller, checkpoint and release: who decides what."""

from __future__ import annotations

from transformers import GenerationConfig

from equivoice.models.decoding.checkpoint import GENERATE_DEFAULTS
from equivoice.models.decoding.effective import Effective, resolve
from equivoice.models.language import Decoding

CHECKPOINT = {"top_p": 0.5, "top_k": 20, "repetition_penalty": 1.1}


def test_what_the_caller_says_goes_before_the_checkpoint() -> None:
    asked = Decoding(max_new_tokens=7, min_new_tokens=2, top_p=1.0, top_k=0, repetition_penalty=1.0)
    assert resolve(asked, CHECKPOINT) == Effective(7, 2, 1.0, 0, 1.0)


def test_the_checkpoint_goes_before_the_release() -> None:
    assert resolve(Decoding(), CHECKPOINT) == Effective(5, 1, 0.5, 20, 1.1)


def test_neutral_switches_everything_off() -> None:
    assert resolve(Decoding.neutral(), CHECKPOINT) == Effective()


def test_the_defaults_are_those_of_generate() -> None:
    theirs = GenerationConfig()._get_default_generation_params()
    assert {name: theirs[name] for name in GENERATE_DEFAULTS} == dict(GENERATE_DEFAULTS)
    assert resolve(Decoding(), {}) == Effective(5, 1, 1.0, 50, 1.0)
