"""What any kind of server is told, for any decoding: all that was asked, or a refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models import Decoding, Draw
from equivoice.models.servers.dialects import DIALECTS, Dialect, request_fields

DECODING = st.builds(
    Decoding,
    max_new_tokens=st.integers(4, 64),
    min_new_tokens=st.integers(0, 4),
    top_p=st.none() | st.sampled_from([0.1, 0.9, 1.0]),
    top_k=st.sampled_from([None, 0, 1, 20]),
    repetition_penalty=st.none() | st.sampled_from([0.8, 1.0, 1.1]),
)
DRAW = st.builds(
    Draw, temperature=st.sampled_from([0.0, 0.2, 1.0, 1.7]), seed=st.integers(0, 2**63 - 1)
)
DIALECT = st.sampled_from([DIALECTS[name] for name in sorted(DIALECTS)])
# what each server calls a setting, by its own documentation
CALLED = {
    "openai": {"max_new_tokens": "max_completion_tokens", "top_p": "top_p"},
    "vllm": {
        "max_new_tokens": "max_tokens",
        "min_new_tokens": "min_tokens",
        "top_p": "top_p",
        "top_k": "top_k",
        "repetition_penalty": "repetition_penalty",
    },
    "transformers": {
        "max_new_tokens": "max_new_tokens",
        "min_new_tokens": "min_new_tokens",
        "top_p": "top_p",
        "top_k": "top_k",
        "repetition_penalty": "repetition_penalty",
    },
    "llama.cpp": {
        "max_new_tokens": "max_tokens",
        "top_p": "top_p",
        "top_k": "top_k",
        "repetition_penalty": "repeat_penalty",
    },
}


def told(dialect: Dialect, draw: Draw, decoding: Decoding) -> dict[str, Any]:
    """The settings that a server is told, wherever it takes them."""
    fields = request_fields(dialect, draw, decoding)
    assert json.loads(json.dumps(fields)) == fields
    own: dict[str, Any] = json.loads(fields.get("generation_config", "{}"))
    return fields | own


def cannot_be_told(dialect: Dialect, decoding: Decoding) -> bool:
    asked = {
        "top_k": decoding.top_k not in (None, 0),
        "repetition_penalty": decoding.repetition_penalty not in (None, 1.0),
        "min_new_tokens": decoding.min_new_tokens > 1,
    }
    return any(asked[name] for name in set(asked) - set(CALLED[dialect.name]))


@given(DIALECT, DRAW, DECODING)
def test_what_is_asked_is_told_and_what_cannot_be_told_is_refused(
    dialect: Dialect, draw: Draw, decoding: Decoding
) -> None:
    if cannot_be_told(dialect, decoding):
        with pytest.raises(ConfigError, match="cannot be told it"):
            request_fields(dialect, draw, decoding)
        return
    fields = told(dialect, draw, decoding)
    greedy_cut = {"top_p", "top_k"} if draw.temperature == 0 else set()
    for name, called in CALLED[dialect.name].items():
        value = getattr(decoding, name)
        if dialect.name == "transformers" and name in greedy_cut:
            assert called not in fields  # it would warn of settings without sampling
        elif value is None:
            assert called not in fields  # the checkpoint's own then holds
        elif dialect.name == "vllm" and name == "top_k":
            assert fields[called] == (value or -1)
        else:
            assert fields[called] == value


@given(DIALECT, DRAW, DECODING)
def test_the_temperature_and_the_seed_are_always_told(
    dialect: Dialect, draw: Draw, decoding: Decoding
) -> None:
    if cannot_be_told(dialect, decoding):
        return
    fields = told(dialect, draw, decoding)
    assert fields["seed"] == draw.seed % 2**dialect.seed_bits
    if dialect.name == "transformers":
        assert fields["do_sample"] is (draw.temperature > 0)
        assert fields.get("temperature", 0.0) == draw.temperature
    else:
        assert fields["temperature"] == draw.temperature


@given(DIALECT, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_seeds_that_fit_stay_as_they_are_and_apart(dialect: Dialect, one: int, other: int) -> None:
    seeds = [dialect.seed(Draw(1.0, seed)) for seed in (one, other)]
    assert seeds == [one, other]


@given(DIALECT, DRAW)
def test_neutral_leaves_no_server_a_setting_of_its_own(dialect: Dialect, draw: Draw) -> None:
    fields = told(dialect, draw, Decoding.neutral())
    names = set(CALLED[dialect.name]) - {"min_new_tokens"}
    if dialect.name == "transformers" and draw.temperature == 0:
        names -= {"top_p", "top_k"}
    assert {CALLED[dialect.name][name] for name in names} <= set(fields)
    # a min-p of the server's own would cut the distribution as well
    if dialect.name != "openai" and "top_p" in names:
        assert fields["min_p"] == 0.0
