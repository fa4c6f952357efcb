"""What each kind of server is told, field by field."""

from __future__ import annotations

import json

import pytest

from equivoice.errors import ConfigError
from equivoice.models import Decoding, Draw
from equivoice.models.servers.dialects import DIALECTS, request_fields

DRAW = Draw(0.7, 2**63 - 1)
SET = Decoding(5, 2, top_p=0.9, top_k=20, repetition_penalty=1.1)
OWN = Decoding(5, 1)
NEUTRAL = Decoding.neutral()


def test_vllm_is_told_all_and_what_is_off_is_sent_as_off() -> None:
    """What a request leaves out vLLM takes from the checkpoint: top-k 20, penalty 1.1."""
    base = {"temperature": 0.7, "seed": 2**63 - 1, "max_tokens": 5}
    assert request_fields(DIALECTS["vllm"], DRAW, SET) == base | {
        "min_tokens": 2,
        "top_p": 0.9,
        "top_k": 20,
        "repetition_penalty": 1.1,
    }
    assert request_fields(DIALECTS["vllm"], DRAW, NEUTRAL) == base | {
        "min_tokens": 1,
        "top_p": 1.0,
        "top_k": -1,
        "repetition_penalty": 1.0,
        "min_p": 0.0,
    }
    assert request_fields(DIALECTS["vllm"], DRAW, OWN) == base | {"min_tokens": 1}


def test_openai_is_told_what_it_takes_and_no_more() -> None:
    fields = request_fields(DIALECTS["openai"], DRAW, NEUTRAL)
    assert fields == {
        "temperature": 0.7,
        "seed": 2**63 - 1,
        "max_completion_tokens": 5,
        "top_p": 1.0,
    }


def test_what_openai_cannot_be_told_is_refused_together() -> None:
    with pytest.raises(ConfigError) as caught:
        request_fields(DIALECTS["openai"], DRAW, SET)
    message = str(caught.value)
    assert message.startswith("3 problems")
    assert all(word in message for word in ("top_k", "repetition_penalty", "min_new_tokens"))


def test_transformers_serve_is_told_to_sample() -> None:
    """It ignores a temperature where the checkpoint does not sample by itself."""
    fields = request_fields(DIALECTS["transformers"], DRAW, SET)
    assert set(fields) == {"seed", "generation_config"}
    assert json.loads(fields["generation_config"]) == {
        "do_sample": True,
        "max_new_tokens": 5,
        "min_new_tokens": 2,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 20,
        "repetition_penalty": 1.1,
    }
    greedy = json.loads(
        request_fields(DIALECTS["transformers"], Draw(0.0, 1), NEUTRAL)["generation_config"]
    )
    assert greedy == {
        "do_sample": False,
        "max_new_tokens": 5,
        "min_new_tokens": 1,
        "repetition_penalty": 1.0,
    }


def test_llama_cpp_has_names_and_seeds_of_its_own() -> None:
    decoding = Decoding(5, 1, top_p=0.9, top_k=20, repetition_penalty=1.1)
    fields = request_fields(DIALECTS["llama.cpp"], DRAW, decoding)
    assert fields["repeat_penalty"] == 1.1
    assert fields["top_k"] == 20
    # Its seeds have 32 bits, and the highest means "any".
    assert 0 <= fields["seed"] < 2**31
    with pytest.raises(ConfigError, match="min_new_tokens"):
        request_fields(DIALECTS["llama.cpp"], DRAW, SET)


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_every_request_bears_its_own_seed(name: str) -> None:
    """VLLM's global seed is 0: repeats without a seed of their own are one answer repeated."""
    one, other = (request_fields(DIALECTS[name], Draw(1.0, seed), OWN) for seed in (1, 2))
    assert one["seed"] != other["seed"]
