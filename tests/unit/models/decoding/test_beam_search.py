"""Beam search against every answer there is, and against plain greedy decoding."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import torch
import transformers

from equivoice.models.decoding.beam_search import beam_answers
from equivoice.models.decoding.effective import Effective

VOCAB, END = 7, 3


@pytest.fixture(scope="module")
def model() -> Any:
    config = transformers.LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        initializer_range=1.0,
        eos_token_id=END,
        bos_token_id=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return transformers.LlamaForCausalLM(config).eval()


PROMPTS = ([1, 2, 5], [4], [6, 6, 0, 2])


def padded(model: Any, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts as embeddings, padded on the left by what is not zero."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[5] * (longest - len(row)) + list(row) for row in prompts])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts]).bool()
    return model.get_input_embeddings()(ids).detach(), mask


def text(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids))


def search(model: Any, prompts: Sequence[Sequence[int]], beams: int, **settings: Any) -> list[Any]:
    embeds, mask = padded(model, prompts)
    effective = Effective(**{"max_new_tokens": 3, "min_new_tokens": 1, **settings})
    return beam_answers(
        model,
        embeds,
        mask,
        beams=beams,
        effective=effective,
        eos_ids=[END],
        filler=0,
        decode=text,
    )


def best_of_all(model: Any, prompt: Sequence[int], tokens: int) -> str:
    """The answer of highest mean log-probability over its tokens, its end among them."""
    answers = [
        answer
        for length in range(2, tokens + 1)
        for answer in itertools.product(range(VOCAB), repeat=length)
        if END not in answer[:-1] and (answer[-1] == END or length == tokens)
    ]

    def mean(answer: Sequence[int]) -> float:
        ids = torch.tensor([[*prompt, *answer]])
        with torch.no_grad():
            logs = model(input_ids=ids).logits[0, len(prompt) - 1 : -1].double().log_softmax(-1)
        return float(logs.gather(1, torch.tensor(answer)[:, None]).mean())

    best = max(answers, key=mean)
    return text(best[:-1] if best[-1] == END else best)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_with_beams_enough_it_is_the_best_answer_of_all(model: Any, prompt: list[int]) -> None:
    (found,) = search(model, [prompt], VOCAB**2)
    assert found.text == best_of_all(model, prompt, 3)


def test_prompts_in_a_batch_are_prompts_alone(model: Any) -> None:
    together = search(model, PROMPTS, 4)
    assert together == [search(model, [prompt], 4)[0] for prompt in PROMPTS]


def test_it_says_whether_the_answer_ended(model: Any) -> None:
    short = search(model, PROMPTS, 2, max_new_tokens=1)
    assert not any(said.finished for said in short)
    assert all(len(said.text.split()) == 1 for said in short)
    longer = search(model, PROMPTS, 4, max_new_tokens=40)
    assert any(said.finished for said in longer)
    assert not any(str(END) in said.text.split() for said in longer)


def test_one_beam_is_greedy(model: Any) -> None:
    embeds, mask = padded(model, PROMPTS[:1])
    ids = model.generate(
        inputs_embeds=embeds, attention_mask=mask.long(), max_new_tokens=3, do_sample=False
    )
    assert search(model, PROMPTS[:1], 1)[0].text == text(ids[0].tolist())


def test_no_answer_ends_before_it_may(model: Any) -> None:
    """Though the end is most probable from the first token on."""
    keen = transformers.LlamaForCausalLM(model.config).eval()
    keen.load_state_dict(model.state_dict())
    with torch.no_grad():
        keen.lm_head.weight.zero_()
        keen.lm_head.weight[END] = 1.0
        keen.model.norm.weight.fill_(1.0)
        keen.model.embed_tokens.weight.abs_()
        # nothing is added to what is embedded, so that all states are positive
        keen.model.layers[0].self_attn.o_proj.weight.zero_()
        keen.model.layers[0].mlp.down_proj.weight.zero_()
    assert search(keen, [[1, 2]], 3, min_new_tokens=0, max_new_tokens=6)[0].text == ""
    found = search(keen, [[1, 2]], 3, min_new_tokens=2, max_new_tokens=6)
    assert len(found[0].text.split()) == 2
    assert found[0].finished
