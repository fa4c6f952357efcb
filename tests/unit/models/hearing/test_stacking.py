"""Prompts run one by one and put beside each other say what each says alone."""

from __future__ import annotations

import itertools

import pytest
import torch

from equivoice.models import Decoding, Draw
from equivoice.models.decoding.prefix import Prefix
from equivoice.models.hearing.stacking import can_be_stacked, stacked
from tiny.text import question, text_model

TEXTS = ("the speaker sounds sad", "happy", "not angry but a bit of calm and what is said")
QUESTIONS = [question(text, name=f"demo/{place}") for place, text in enumerate(TEXTS)]
NEUTRAL = Decoding.neutral()


@pytest.fixture(scope="module")
def singles() -> list[Prefix]:
    backend = text_model("llama")
    return [backend.prepare([each]) for each in QUESTIONS]


def test_nothing_of_a_prompt_is_lost_and_padding_is_masked(singles: list[Prefix]) -> None:
    whole = stacked(singles)
    lengths = [int(prefix.mask.sum()) for prefix in singles]
    assert len(set(lengths)) == 3
    assert whole.mask.sum(dim=1).tolist() == lengths
    assert whole.mask.shape == (3, max(lengths))
    for row, (prefix, length) in enumerate(zip(singles, lengths, strict=True)):
        # on the left, so that all prompts end in one column
        assert whole.mask[row, -length:].all()
        assert whole.input_ids[row, -length:].tolist() == prefix.input_ids[0].tolist()
        assert whole.next_position[row] == prefix.next_position[0]
        assert torch.equal(whole.logits[row], prefix.logits[0])
        for ours, own in zip(whole.cache.layers, prefix.cache.layers, strict=True):
            assert torch.equal(ours.keys[row, :, -length:], own.keys[0])
            assert torch.equal(ours.values[row, :, -length:], own.values[0])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_is_read_on_does_not_depend_on_the_others(
    singles: list[Prefix], order: tuple[int, ...]
) -> None:
    whole = stacked([singles[place] for place in order])
    token = torch.tensor([[9], [12], [15]])
    mask = torch.cat([whole.mask, torch.ones(3, 1, dtype=torch.bool)], dim=1)
    together = whole.advance(whole.cache, token, mask, whole.next_position[:, None])
    for row, place in enumerate(order):
        alone = text_model("llama").prepare([QUESTIONS[place]])
        own = torch.cat([alone.mask, torch.ones(1, 1, dtype=torch.bool)], dim=1)
        found = alone.advance(alone.cache, token[row : row + 1], own, alone.next_position[:, None])
        assert torch.allclose(together[row], found[0], atol=1e-4)


def test_the_tokens_that_a_penalty_penalises_are_each_prompts_own(singles: list[Prefix]) -> None:
    seen = stacked(singles).seen()
    for row, prefix in enumerate(singles):
        assert torch.equal(seen[row], prefix.seen()[0])
    assert not torch.equal(seen[0], seen[1])


@pytest.mark.parametrize(
    "decoding", [NEUTRAL, Decoding(top_k=5, top_p=0.9, repetition_penalty=1.3)]
)
def test_answers_and_option_scores_are_those_of_each_alone(
    singles: list[Prefix], decoding: Decoding
) -> None:
    backend = text_model("llama")
    draws = [[Draw(t, seed) for t in (0.0, 1.0) for seed in range(4)] for _ in QUESTIONS]
    options = ["happy", "very sad"]
    whole = stacked(singles)
    said = backend.sample(whole, draws, decoding)
    scores = backend.option_logprobs(whole, options, [0.7], decoding)
    for row, prefix in enumerate(singles):
        assert said[row] == backend.sample(prefix, [draws[row]], decoding)[0]
        own = backend.option_logprobs(prefix, options, [0.7], decoding)
        assert scores.logprobs[row] == pytest.approx(own.logprobs[0], abs=1e-4)
        assert scores.outside[row] == pytest.approx(own.outside[0], abs=1e-5)


def test_stacks_can_be_stacked_again(singles: list[Prefix]) -> None:
    again = stacked([stacked(singles[:2]), singles[2]])
    whole = stacked(singles)
    assert torch.equal(again.mask, whole.mask)
    assert torch.equal(again.input_ids * again.mask, whole.input_ids * whole.mask)
    assert torch.equal(again.logits, whole.logits)


def test_one_prompt_is_itself(singles: list[Prefix]) -> None:
    assert stacked(singles[:1]) is singles[0]


def test_the_prompts_stay_as_they_were(singles: list[Prefix]) -> None:
    before = [layer.keys.clone() for prefix in singles for layer in prefix.cache.layers]
    whole = stacked(singles)
    for layer in whole.cache.layers:
        layer.keys.zero_()
    after = [layer.keys for prefix in singles for layer in prefix.cache.layers]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(("architecture", "may"), [("llama", True), ("mistral", False)])
def test_only_caches_of_a_column_a_token_are_stacked(architecture: str, may: bool) -> None:
    assert can_be_stacked(text_model(architecture).prepare(QUESTIONS[:1])) is may
