"""Option scores: teacher forcing by brute force is the oracle, and so is every possible answer."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from equivoice.errors import ConfigError, RunError
from equivoice.models.decoding.batching import Budget
from equivoice.models.decoding.effective import Effective
from equivoice.models.decoding.option_scoring import score_options
from equivoice.models.decoding.tree_sampling import sample_tree
from equivoice.models.language import Decoding, Draw
from tiny.text import END, STOP, logits_alone, question, text_model

ARCHITECTURES = ["llama", "qwen2", "mistral", "qwen2-sliding"]
TEXTS = ["the speaker sounds sad", "happy", "I am not angry and I feel fine today . what is it ?"]
QUESTIONS = [question(text, name=f"demo/{row}") for row, text in enumerate(TEXTS)]
# one a prefix of another, twice; one of five tokens
OPTIONS = [[8], [8, 9], [8, 9, 10], [11, 8], [20], [12, 13, 12, 13, 5], [9]]
TEMPERATURES = [0.0, 0.3, 0.7, 1.0, 1.5]


def _teacher_forced(
    architecture: str, row: int, option: list[int], heat: float, how: Effective
) -> float:
    """The log-probability of an answer, token by token, each from a pass of its own."""
    model = text_model(architecture)
    text = model.prompt(QUESTIONS[row])
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    total = 0.0
    for step in range(min(len(option) + 1, how.max_new_tokens)):
        logits = logits_alone(architecture, text, tuple(option[:step])).copy()
        chances = _chances(logits, ids + option[:step], step, heat, how)
        wanted = [option[step]] if step < len(option) else [END, STOP]
        with np.errstate(divide="ignore"):
            total += float(np.log(chances[wanted].sum()))
    return total


def _chances(logits: Any, seen: list[int], step: int, heat: float, how: Effective) -> Any:
    for token in set(seen):
        up = logits[token] < 0
        logits[token] *= how.repetition_penalty if up else 1 / how.repetition_penalty
    if step < how.min_new_tokens:
        logits[[END, STOP]] = -np.inf
    if heat == 0:
        return np.arange(len(logits)) == logits.argmax()
    chances = np.exp((logits - logits.max()) / heat)
    order = np.argsort(-chances)
    if how.top_k:
        chances[order[how.top_k :]] = 0
    chances /= chances.sum()
    before = np.cumsum(chances[order]) - chances[order]
    chances[order[before >= how.top_p]] = 0
    return chances / chances.sum()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"repetition_penalty": 1.5},
        {"top_p": 0.95, "top_k": 40},
        {"max_new_tokens": 3},
        {"max_new_tokens": 8, "min_new_tokens": 2},
        {"max_new_tokens": 8, "min_new_tokens": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("strategy", ["tree", "rows"])
def test_scores_are_those_of_teacher_forcing(
    architecture: str, settings: dict[str, float], strategy: str
) -> None:
    model = text_model(architecture)
    how = Effective(**settings)
    prefix = replace(model.prepare(QUESTIONS), strategy=strategy)
    scores = score_options(prefix, OPTIONS, TEMPERATURES, how)
    expected = np.array(
        [
            [
                [_teacher_forced(architecture, row, each, heat, how) for each in OPTIONS]
                for heat in TEMPERATURES
            ]
            for row in range(3)
        ]
    )
    assert scores.logprobs.shape == (3, 5, len(OPTIONS))
    np.testing.assert_array_equal(np.isneginf(scores.logprobs), np.isneginf(expected))
    apart = np.zeros_like(expected)
    np.subtract(scores.logprobs, expected, out=apart, where=np.isfinite(expected))
    # a temperature below 1 magnifies the rounding of the logits themselves
    assert np.abs(apart * np.array(TEMPERATURES)[:, None]).max() < 1e-4
    np.testing.assert_allclose(np.exp(scores.logprobs), np.exp(expected), atol=1e-4)
    outside = np.clip(1 - np.exp(expected).sum(axis=2), 0, 1)
    np.testing.assert_allclose(scores.outside, outside, atol=1e-4)


def _all_answers(size: int, length: int) -> list[list[int]]:
    tokens = [token for token in range(size) if token not in (END, STOP)]
    return [
        list(answer)
        for each in range(1, length + 1)
        for answer in itertools.product(tokens, repeat=each)
    ]


def test_the_probabilities_of_all_possible_answers_sum_to_one() -> None:
    model = text_model("llama")
    prefix = model.prepare(QUESTIONS)
    everything = _all_answers(prefix.logits.shape[1], 2)
    scores = score_options(prefix, everything, [0.0, 0.5, 1.5], Effective(max_new_tokens=2))
    np.testing.assert_allclose(np.exp(scores.logprobs).sum(axis=2), 1.0, atol=1e-6)
    np.testing.assert_allclose(scores.outside, 0.0, atol=1e-6)
    # and at temperature 0 one of them is certain: the greedy one
    greedy = sample_tree(
        replace(prefix, decode=lambda ids: " ".join(map(str, ids))),
        [[Draw(0.0, 1)]] * 3,
        Effective(max_new_tokens=2),
    )
    sure = [everything[place] for place in scores.logprobs[:, 0].argmax(axis=1)]
    assert [" ".join(map(str, answer)) for answer in sure] == [each[0].text for each in greedy]
    assert set(np.exp(scores.logprobs[:, 0]).ravel()) == {0.0, 1.0}


def test_scores_are_the_frequencies_of_samples() -> None:
    model = text_model("llama", peak=1.0)
    prefix = replace(model.prepare(QUESTIONS[:1]), decode=lambda ids: " ".join(map(str, ids)))
    how = Effective(max_new_tokens=2, top_k=6)
    everything = _all_answers(prefix.logits.shape[1], 2)
    chances = np.exp(score_options(prefix, everything, [1.0], how).logprobs[0, 0])
    said = sample_tree(prefix, [[Draw(1.0, seed) for seed in range(4000)]], how)[0]
    names = [" ".join(map(str, answer)) for answer in everything]
    counts = dict.fromkeys(names, 0)
    for answer in said:
        counts[str(answer.text)] += 1
    observed = np.array([counts[name] for name in names])
    likely = chances > 5 / 4000
    assert likely.sum() > 5
    errors = (observed - 4000 * chances)[likely] / np.sqrt(4000 * chances * (1 - chances))[likely]
    assert np.abs(errors).max() < 4.5


@pytest.mark.parametrize("strategy", ["tree", "rows"])
@pytest.mark.parametrize("kilobytes", [0, 1, 5])
def test_memory_limits_change_no_score(strategy: str, kilobytes: int) -> None:
    prefix = replace(text_model().prepare(QUESTIONS), strategy=strategy)
    size = prefix.logits.shape[1]
    tight = Budget(prefix.logits.device, vocabulary=size, logits_bytes=kilobytes * 1024)
    how = Effective(repetition_penalty=1.2)
    one = score_options(prefix, OPTIONS, TEMPERATURES, how, budget=tight)
    other = score_options(prefix, OPTIONS, TEMPERATURES, how)
    np.testing.assert_allclose(np.exp(one.logprobs), np.exp(other.logprobs), atol=1e-5)


def test_the_whole_tree_is_one_pass() -> None:
    prefix = text_model().prepare(QUESTIONS)
    shapes = []

    class Counting:
        config, dtype = prefix.model.config, prefix.model.dtype

        def __call__(self, **given: Any) -> Any:
            shapes.append(tuple(given["input_ids"].shape))
            return prefix.model(**given)

    score_options(replace(prefix, model=Counting()), OPTIONS, TEMPERATURES, Effective(8, 1))
    # [8], [8 9], [8 9 10], [11], [11 8], [20], [12], [12 13] … [12 13 12 13 5], [9]
    assert shapes == [(3, 12)]


def test_options_in_batches_and_alone() -> None:
    model = text_model("qwen2")
    options = ["happy", "sad", "sadness"]
    whole = model.option_logprobs(model.prepare(QUESTIONS), options, [0.0, 1.0], Decoding())
    for row in range(3):
        alone = model.option_logprobs(
            model.prepare(QUESTIONS[row : row + 1]), options, [0.0, 1.0], Decoding()
        )
        np.testing.assert_allclose(
            np.exp(alone.logprobs[0]), np.exp(whole.logprobs[row]), atol=1e-5
        )


def test_an_option_that_fills_the_limit_needs_no_end() -> None:
    prefix = text_model().prepare(QUESTIONS)
    short = score_options(prefix, [[8, 9]], [1.0], Effective(max_new_tokens=2)).logprobs
    longer = score_options(prefix, [[8, 9]], [1.0], Effective(max_new_tokens=3)).logprobs
    assert (short > longer).all()
    # what exceeds the limit stands for what is left of it
    cut = score_options(prefix, [[8, 9, 10]], [1.0], Effective(max_new_tokens=2)).logprobs
    np.testing.assert_array_equal(cut, short)


@pytest.mark.parametrize(
    ("options", "limit", "said"),
    [
        ([[8], [9], [8]], 5, "options 1 and 3 are the same tokens"),
        ([[8, 9, 10], [8, 9, 11]], 2, "cannot be told apart"),
        ([[8], []], 5, "no tokens"),
        ([[8], [9, END]], 5, "end token"),
    ],
)
def test_options_that_cannot_be_scored(options: list[list[int]], limit: int, said: str) -> None:
    prefix = text_model().prepare(QUESTIONS)
    with pytest.raises(ConfigError, match=said):
        score_options(prefix, options, [1.0], Effective(max_new_tokens=limit))


def test_logits_that_are_no_numbers_are_an_error() -> None:
    prefix = text_model().prepare(QUESTIONS)
    broken = replace(prefix, logits=torch.full_like(prefix.logits, torch.nan))
    with pytest.raises(RunError, match="not numbers"):
        score_options(broken, OPTIONS, [1.0], Effective())


def test_no_temperatures() -> None:
    scores = score_options(text_model().prepare(QUESTIONS), OPTIONS, [], Effective())
    assert scores.logprobs.shape == (3, 0, len(OPTIONS))
    assert scores.outside.shape == (3, 0)
