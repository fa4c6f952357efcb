"""Sampling from a token tree: greedy answers are ``generate``'s, draws keep their seeds.

That draws follow ``generate``'s distribution is shown by
``tests/slow/test_sampling_distribution.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from equivoice.errors import RunError
from equivoice.models.decoding.batching import Budget
from equivoice.models.decoding.continuation import Nodes
from equivoice.models.decoding.effective import Effective
from equivoice.models.decoding.prefix import Prefix
from equivoice.models.decoding.random_streams import uniforms
from equivoice.models.decoding.tree_sampling import sample_tree
from equivoice.models.language import Decoding, Draw, Said
from tiny.text import END, STOP, generated, logits_alone, question, text_model

ARCHITECTURES = ["llama", "qwen2", "mistral", "qwen2-sliding"]
TEXTS = [
    "the speaker sounds sad",
    "happy",
    "I am not angry and I feel fine today . which emotion is it ?",
    "terrible , a very sad voice",
]
QUESTIONS = [question(text, name=f"demo/{row}") for row, text in enumerate(TEXTS)]
TEMPERATURES = (0.0, 0.3, 0.7, 1.0, 1.5)


def _draws(prompts: int = 4, runs: int = 6) -> list[list[Draw]]:
    return [
        [
            Draw(heat, 1000 * row + 100 * place + run)
            for place, heat in enumerate(TEMPERATURES)
            for run in range(runs)
        ]
        for row in range(prompts)
    ]


def _texts(answers: Sequence[Sequence[Said]]) -> list[list[str | None]]:
    return [[said.text for said in each] for each in answers]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"repetition_penalty": 1.6},
        {"repetition_penalty": 0.7},
        {"min_new_tokens": 4},
        {"max_new_tokens": 1},
        {"max_new_tokens": 9, "min_new_tokens": 0},
    ],
    ids=str,
)
def test_greedy_answers_are_those_of_generate(
    architecture: str, settings: dict[str, float]
) -> None:
    model = text_model(architecture)
    asked = {"max_new_tokens": 5, "min_new_tokens": 1, **settings}
    expected = generated(model, QUESTIONS, do_sample=False, **asked)
    said = model.answer(QUESTIONS, [[Draw(0.0, 1)]] * 4, Decoding(**asked))
    assert _texts(said) == [
        [model.tokenizer.decode(ids, skip_special_tokens=True)] for ids in expected
    ]
    whole = asked["max_new_tokens"]
    assert [each[0].finished for each in said] == [len(ids) < whole for ids in expected]


def test_greedy_answers_end_somewhere_before_the_limit() -> None:
    # else the tests above would show nothing about ends
    lengths = {
        len(ids)
        for architecture in ARCHITECTURES
        for ids in generated(
            text_model(architecture), QUESTIONS, do_sample=False, max_new_tokens=9, min_new_tokens=0
        )
    }
    assert min(lengths) < 9


def test_the_checkpoints_own_settings_are_honoured() -> None:
    hidden = text_model(
        "llama", generation=(("do_sample", True), ("repetition_penalty", 1.8), ("top_k", 3))
    )
    expected = generated(hidden, QUESTIONS, do_sample=False, max_new_tokens=5, min_new_tokens=1)
    greedy = [[Draw(0.0, 1)]] * 4
    plain = hidden.answer(QUESTIONS, greedy, Decoding.neutral())
    penalised = hidden.answer(QUESTIONS, greedy, Decoding())
    assert _texts(penalised) == [
        [hidden.tokenizer.decode(ids, skip_special_tokens=True)] for ids in expected
    ]
    assert _texts(plain) != _texts(penalised)
    # of three tokens at most at each step, three answers of one token are left
    short = Decoding(max_new_tokens=1)
    many = hidden.answer(QUESTIONS[:1], [[Draw(50.0, seed) for seed in range(200)]], short)
    assert len({said.text for said in many[0]}) == 3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("settings", [{}, {"top_p": 0.8, "top_k": 9, "repetition_penalty": 1.4}])
def test_both_strategies_and_a_plain_loop_agree(
    architecture: str, settings: dict[str, float]
) -> None:
    model = text_model(architecture)
    prefix = model.prepare(QUESTIONS)
    how = Effective(**settings)
    draws = _draws()
    by_rows = sample_tree(replace(prefix, strategy="rows"), draws, how)
    assert model.sample(prefix, draws, _decoding(how)) == by_rows
    one_by_one = [
        [_plain_loop(architecture, row, draw, how) for draw in each]
        for row, each in enumerate(draws)
    ]
    assert _texts(by_rows) == one_by_one
    assert len({text for each in one_by_one for text in each}) > 50


def _decoding(how: Effective) -> Decoding:
    return Decoding(
        how.max_new_tokens, how.min_new_tokens, how.top_p, how.top_k, how.repetition_penalty
    )


def _plain_loop(architecture: str, row: int, draw: Draw, how: Effective) -> str:
    """One draw by the book: no batch, no padding, no cache, numpy for the arithmetic."""
    model = text_model(architecture)
    text = model.prompt(QUESTIONS[row])
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    said: list[int] = []
    for share in uniforms([draw.seed], how.max_new_tokens)[0]:
        logits = logits_alone(architecture, text, tuple(said)).copy()
        token = _by_the_book(logits, [*ids, *said], said, draw, how, share)
        if token in (END, STOP):
            break
        said.append(token)
    return str(model.tokenizer.decode(said, skip_special_tokens=True))


def _by_the_book(
    logits: Any, seen: list[int], said: list[int], draw: Draw, how: Effective, share: float
) -> int:
    for token in set(seen):
        up = logits[token] < 0
        logits[token] *= how.repetition_penalty if up else 1 / how.repetition_penalty
    if len(said) < how.min_new_tokens:
        logits[[END, STOP]] = -np.inf
    if draw.temperature == 0:
        return int(logits.argmax())
    chances = np.exp((logits - logits.max()) / draw.temperature)
    order = np.argsort(-chances)
    if how.top_k:
        chances[order[how.top_k :]] = 0
    chances /= chances.sum()
    before = np.cumsum(chances[order]) - chances[order]
    chances[order[before >= how.top_p]] = 0
    return int(np.searchsorted(np.cumsum(chances / chances.sum()), share, side="right"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_answer_depends_on_its_seed_and_question_alone(architecture: str) -> None:
    model = text_model(architecture)
    draws, how = _draws(), Decoding()
    whole = model.answer(QUESTIONS, draws, how)
    for row in range(4):
        alone = model.answer([QUESTIONS[row]], [draws[row]], how)
        assert alone == [whole[row]]
    backwards = model.answer(QUESTIONS[::-1], [each[::-1] for each in draws[::-1]], how)
    assert [each[::-1] for each in backwards[::-1]] == whole
    few = model.answer(QUESTIONS, [each[7:9] for each in draws], how)
    assert few == [each[7:9] for each in whole]


@pytest.mark.parametrize("architecture", ["llama", "mistral"])
def test_sampling_and_scoring_leave_a_prefix_as_it_was(architecture: str) -> None:
    model = text_model(architecture)
    prefix, how = model.prepare(QUESTIONS), Decoding()
    options = ["happy", "sad", "a very sad voice"]
    said = model.sample(prefix, _draws(), how)
    scores = model.option_logprobs(prefix, options, [0.0, 1.0], how)
    assert model.sample(prefix, _draws(), how) == said
    again = model.option_logprobs(prefix, options, [0.0, 1.0], how)
    np.testing.assert_array_equal(again.logprobs, scores.logprobs)
    fresh = model.option_logprobs(model.prepare(QUESTIONS), options, [0.0, 1.0], how)
    np.testing.assert_array_equal(fresh.logprobs, scores.logprobs)


@pytest.mark.parametrize("strategy", ["tree", "rows"])
@pytest.mark.parametrize("kilobytes", [0, 1, 4, 20])
def test_memory_limits_change_no_answer(strategy: str, kilobytes: int) -> None:
    prefix = replace(text_model().prepare(QUESTIONS), strategy=strategy)
    size = prefix.logits.shape[1]
    tight = Budget(prefix.logits.device, vocabulary=size, logits_bytes=kilobytes * 1024)
    how = Effective(top_p=0.95, repetition_penalty=1.2)
    assert sample_tree(prefix, _draws(), how, budget=tight) == sample_tree(prefix, _draws(), how)


def test_prompts_without_draws_and_uneven_draws() -> None:
    model = text_model()
    draws = _draws()
    whole = model.answer(QUESTIONS, draws, Decoding())
    uneven = [draws[0][:3], [], draws[2], draws[3][:1]]
    expected = [whole[0][:3], [], whole[2], whole[3][:1]]
    assert model.answer(QUESTIONS, uneven, Decoding()) == expected
    assert model.answer(QUESTIONS, [[], [], [], []], Decoding()) == [[], [], [], []]
    assert model.answer([], [], Decoding()) == []


def test_as_many_lists_of_draws_as_prompts() -> None:
    with pytest.raises(ValueError, match="1 lists of draws for 4 prompts"):
        text_model().answer(QUESTIONS, [[Draw(1.0, 1)]], Decoding())


class _Counting:
    """A model that counts what it is asked."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.config, self.dtype = model.config, model.dtype
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, **given: Any) -> Any:
        self.shapes.append(tuple(given["input_ids"].shape))
        return self.model(**given)


def _spelt(architecture: str = "llama", **settings: Any) -> Prefix:
    """A prefix whose answers are spelt in token ids, special ones too."""
    prefix = text_model(architecture, **settings).prepare(QUESTIONS)
    return replace(prefix, decode=lambda ids: " ".join(map(str, ids)))


def _counted(prefix: Prefix) -> tuple[Prefix, _Counting]:
    counting = _Counting(prefix.model)
    return replace(prefix, model=counting), counting


def test_a_sure_model_reads_each_word_once() -> None:
    prefix, counting = _counted(_spelt("llama", peak=400.0))
    sixty = [
        [Draw(heat, 10 * row + run) for heat in (0.3, 1.0) for run in range(30)] for row in range(4)
    ]
    said = sample_tree(prefix, sixty, Effective())
    assert all(len(set(each)) == 1 for each in said)
    # four steps, one token a prompt that goes on, for 60 answers of five tokens each
    going = [sum(len(each[0].text.split()) >= step for each in said) for step in (1, 2, 3, 4)]
    assert counting.shapes == [(rows, 1) for rows in going]
    assert going[0] == 4


def test_the_last_token_is_never_read() -> None:
    prefix, counting = _counted(text_model().prepare(QUESTIONS))
    sample_tree(prefix, _draws(), Effective(max_new_tokens=1))
    assert counting.shapes == []
    ended = replace(
        prefix, logits=torch.full_like(prefix.logits, -9.0).index_fill(1, torch.tensor([END]), 9.0)
    )
    said = sample_tree(ended, [[Draw(0.0, 1)]] * 4, Effective(min_new_tokens=0))
    assert counting.shapes == []
    assert said == [[Said("", finished=True)]] * 4


def test_prompts_whose_answers_have_ended_are_read_no_more() -> None:
    prefix, counting = _counted(text_model("llama", peak=400.0).prepare(QUESTIONS))
    logits = prefix.logits.clone()
    logits[[0, 2, 3]] = -9e6
    logits[[0, 2, 3], END] = 9e6
    one = replace(prefix, logits=logits)
    said = sample_tree(one, [[Draw(1.0, 1)]] * 4, Effective(min_new_tokens=0))
    assert {shape[0] for shape in counting.shapes} == {1}
    assert [each[0].text == "" for each in said] == [True, False, True, True]


def test_distinct_continuations_are_read_once_each() -> None:
    prefix, counting = _counted(_spelt())
    draws = [[Draw(1.0, 50 * row + run) for run in range(50)] for row in range(4)]
    said = sample_tree(prefix, draws, Effective(max_new_tokens=2))
    distinct = [len({answer.text.split()[0] for answer in each}) for each in said]
    assert counting.shapes == [(4, max(distinct))]
    assert 1 < min(distinct) < 50


def test_no_answer_ends_before_the_fewest_tokens() -> None:
    prefix = _spelt()
    keen = replace(prefix, logits=prefix.logits.index_fill(1, torch.tensor([END, STOP]), 50.0))
    draws = _draws()
    ended = sample_tree(keen, draws, Effective(min_new_tokens=0))
    assert all(said.text == "" and said.finished for each in ended for said in each)
    kept = sample_tree(keen, draws, Effective(min_new_tokens=1))
    assert all(said.text for each in kept for said in each)


def test_either_of_several_ends_ends_an_answer() -> None:
    prefix = text_model().prepare(QUESTIONS)
    for end in (END, STOP):
        sure = torch.full_like(prefix.logits, -9.0).index_fill(1, torch.tensor([end]), 9.0)
        said = sample_tree(replace(prefix, logits=sure), [[Draw(0.5, 3)]] * 4, Effective(5, 0))
        assert all(each[0] == Said("", finished=True) for each in said)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_an_error(broken: float) -> None:
    prefix = text_model().prepare(QUESTIONS)
    prefix = replace(prefix, logits=torch.full_like(prefix.logits, broken))
    with pytest.raises(RunError, match="not numbers"):
        sample_tree(prefix, _draws(), Effective())


def test_half_precision_gives_answers_too() -> None:
    model = text_model(dtype="bfloat16")
    said = model.answer(QUESTIONS, _draws(), Decoding())
    assert all(each.text is not None for row in said for each in row)


def test_roots_stand_at_the_ends_of_the_prompts() -> None:
    roots = Nodes.roots(3)
    assert roots.utterance.tolist() == [0, 1, 2]
    assert roots.path.shape == (3, 0)
