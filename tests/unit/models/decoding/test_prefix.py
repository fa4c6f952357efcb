"""Prompts run once: padding does not matter, and advancing equals reading it all."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from equivoice.models.decoding.caches import fork
from equivoice.models.decoding.prefix import Prefix, positions_of, run_prompt
from tiny.text import END, PAD, STOP, text_model

PROMPTS = [[6, 21, 22, 9, 10], [8], [9, 14, 15, 16, 30, 31, 32, 12]]
NEXT = [[20, 33, 8], [11, 12, 13], [40, 9, 9]]


def _prefix(prompts: list[list[int]], architecture: str = "llama", **settings: str) -> Prefix:
    model = text_model(architecture, **settings).model
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[PAD] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    return run_prompt(
        model,
        {"input_ids": ids},
        mask=mask,
        input_ids=ids,
        eos_ids=[STOP, END, END],
        decode=lambda tokens: " ".join(map(str, tokens)),
    )


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "mistral", "qwen2-sliding"])
def test_the_logits_are_those_of_each_prompt_alone(architecture: str) -> None:
    together = _prefix(PROMPTS, architecture)
    model = text_model(architecture).model
    for row, prompt in enumerate(PROMPTS):
        with torch.inference_mode():
            alone = model(input_ids=torch.tensor([prompt])).logits[0, -1]
        torch.testing.assert_close(together.logits[row], alone, atol=1e-4, rtol=1e-4)
    assert together.next_position.tolist() == [5, 1, 8]
    assert together.logits.dtype == torch.float32


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_advancing_under_a_mask_equals_reading_the_whole(attention: str) -> None:
    prefix = _prefix(PROMPTS, attention=attention)
    tokens = torch.tensor(NEXT)
    causal = torch.ones(3, 3, dtype=torch.bool).tril().expand(3, -1, -1)
    mask = torch.cat([prefix.mask[:, None].expand(-1, 3, -1), causal], dim=2)[:, None]
    positions = prefix.next_position[:, None] + torch.arange(3)
    logits = prefix.advance(fork(prefix.cache), tokens, mask, positions)
    plain = torch.cat([prefix.mask, torch.ones(3, 3, dtype=torch.bool)], dim=1)
    in_a_row = prefix.advance(fork(prefix.cache), tokens, plain, positions)
    model = text_model().model
    for row, prompt in enumerate(PROMPTS):
        with torch.inference_mode():
            whole = model(input_ids=torch.tensor([prompt + NEXT[row]])).logits[0, -3:]
        torch.testing.assert_close(logits[row], whole, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(in_a_row[row], whole, atol=1e-4, rtol=1e-4)


def test_advancing_leaves_the_prefix_as_it_was() -> None:
    prefix = _prefix(PROMPTS)
    before = prefix.cache.layers[0].keys.clone()
    mask = torch.cat([prefix.mask, torch.ones(3, 1, dtype=torch.bool)], dim=1)
    prefix.advance(fork(prefix.cache), torch.tensor([[5]] * 3), mask, prefix.next_position[:, None])
    assert torch.equal(prefix.cache.layers[0].keys, before)


def test_the_tokens_seen_are_the_prompts_without_padding() -> None:
    seen = _prefix(PROMPTS).seen()
    for row, prompt in enumerate(PROMPTS):
        assert seen[row].nonzero().flatten().tolist() == sorted(set(prompt))


def test_tokens_beyond_the_vocabulary_are_not_seen() -> None:
    ids = torch.tensor([[2, 99, 1]])
    prefix = Prefix(
        model=None,
        cache=None,
        mask=torch.ones(1, 7, dtype=torch.bool),
        next_position=torch.tensor([7]),
        logits=torch.zeros(1, 5),
        input_ids=ids,
        eos_ids=(0,),
        decode=str,
        input_mask=torch.tensor([[True, True, False]]),
    )
    assert prefix.seen()[0].tolist() == [False, False, True, False, False]


def test_end_tokens_stand_once() -> None:
    assert _prefix(PROMPTS).eos_ids == (END, STOP)


def test_positions_start_at_the_first_real_token() -> None:
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    assert positions_of(mask).tolist() == [[0, 0, 0, 1], [0, 1, 2, 3]]


def test_a_family_may_shape_positions_and_continue_with_another_model() -> None:
    calls = []

    class Spy:
        config = SimpleNamespace(_attn_implementation="sdpa")

        def forward(self, **given: object) -> None:
            """Looked at for its parameters."""

        def __call__(self, **given: torch.Tensor) -> SimpleNamespace:
            calls.append(given)
            return SimpleNamespace(logits=torch.zeros(1, 2, 5), past_key_values="cache")

    whole, part = Spy(), Spy()
    prefix = run_prompt(
        whole,
        {"inputs_embeds": torch.zeros(1, 3, 4), "position_ids": None},
        mask=torch.ones(1, 3),
        input_ids=torch.zeros(1, 3, dtype=torch.long),
        eos_ids=[1],
        decode=str,
        next_position=torch.tensor([9]),
        position_ids=lambda positions: positions.expand(3, *positions.shape),
        continues=part,
        extra={"flag": 1},
    )
    assert calls[0]["position_ids"] is None
    assert prefix.model is part
    prefix.advance("cache", torch.zeros(1, 2), torch.ones(1, 5), torch.tensor([[9, 10]]))
    assert calls[1]["position_ids"].shape == (3, 1, 2)
    assert calls[1]["flag"] == 1
    assert len(prefix) == 1
