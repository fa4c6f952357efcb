"""Answers from a token tree follow the distribution of ``generate``'s, and are independent.

One tiny model of each architecture; its answers of two tokens or fewer are counted
whole, so that the test is of the joint distribution and not of the first word.
20,000 draws at each of three temperatures; the seeds are fixed, so that the test
either always passes or never. A p-value of 1e-4 over all its comparisons is the
bound: with the seeds as they are, the smallest one is far from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from equivoice.models.decoding.effective import Effective
from equivoice.models.decoding.option_scoring import score_options
from equivoice.models.decoding.prefix import Prefix
from equivoice.models.decoding.tree_sampling import sample_tree
from equivoice.models.language import Draw
from tiny.text import generated, question, text_model

DRAWS = 20_000
TEMPERATURES = (0.3, 0.7, 1.5)
LEAST = 1e-4
QUESTIONS = [question("the speaker sounds sad"), question("happy", name="demo/2")]
# architecture, which of the questions (the second is padded), settings
CASES: list[tuple[str, int, dict[str, float]]] = [
    ("llama", 0, {}),
    ("llama", 1, {"top_p": 0.8}),
    ("llama", 1, {"repetition_penalty": 1.4}),
    ("llama", 0, {"top_p": 0.9, "top_k": 8, "repetition_penalty": 0.8}),
    ("qwen2", 1, {"top_p": 0.9, "repetition_penalty": 1.4}),
    ("mistral", 1, {}),
    ("mistral", 0, {"top_p": 0.9, "repetition_penalty": 1.4}),
]
# the surer model gives few distinct answers, so that each has an expected count to test
PEAK = 1.5

pytestmark = pytest.mark.slow


def _prefix(architecture: str) -> Prefix:
    """Answers spelt in token ids, so that special tokens count too."""
    prefix: Prefix = text_model(architecture, peak=PEAK).prepare(QUESTIONS)
    return replace(prefix, decode=lambda ids: " ".join(map(str, ids)))


def _tree(prefix: Prefix, how: Effective, heat: float, root: int) -> list[list[str | None]]:
    draws = [
        [Draw(heat, root + 10**6 * row + run) for run in range(DRAWS)] for row in range(len(prefix))
    ]
    return [[said.text for said in each] for each in sample_tree(prefix, draws, how)]


def _generated(architecture: str, row: int, how: Effective, heat: float) -> list[str]:
    """The same many answers by ``generate``."""
    model = text_model(architecture, peak=PEAK)
    torch.manual_seed(17)
    said = generated(
        model,
        [QUESTIONS[row]],
        do_sample=True,
        num_return_sequences=DRAWS,
        temperature=heat,
        top_p=how.top_p,
        top_k=how.top_k,
        repetition_penalty=float(how.repetition_penalty),
        max_new_tokens=how.max_new_tokens,
        min_new_tokens=how.min_new_tokens,
    )
    return [" ".join(map(str, ids)) for ids in said]


def _same(first: Mapping[Any, int], second: Mapping[Any, int]) -> float:
    """The p-value of a chi-square test that two samples have one distribution."""
    answers = sorted({*first, *second})
    table = np.array([[counts.get(answer, 0) for answer in answers] for counts in (first, second)])
    common = table.sum(axis=0) >= 10
    # rare answers count together
    table = np.column_stack([table[:, common], table[:, ~common].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] == 1:
        return 1.0
    return float(stats.chi2_contingency(table, correction=False).pvalue)


@pytest.mark.parametrize(("architecture", "row", "settings"), CASES, ids=str)
def test_the_distribution_is_that_of_generate(
    architecture: str, row: int, settings: dict[str, float]
) -> None:
    how = Effective(max_new_tokens=2, **settings)
    prefix = _prefix(architecture)
    distinct = 0
    for place, heat in enumerate(TEMPERATURES):
        ours = _tree(prefix, how, heat, root=10**8 * (place + 1))[row]
        theirs = _generated(architecture, row, how, heat)
        assert _same(Counter(ours), Counter(theirs)) > LEAST
        distinct += len(set(ours))
    assert distinct > 20


def test_the_comparison_notices_a_small_difference() -> None:
    """A temperature of 0.76 for 0.7 is found, or the tests above would show little."""
    prefix, how = _prefix("llama"), Effective(max_new_tokens=2)
    ours = _tree(prefix, how, 0.7, root=1)
    other = _tree(prefix, how, 0.76, root=5 * 10**8)
    assert min(_same(Counter(ours[row]), Counter(other[row])) for row in (0, 1)) < LEAST


@pytest.mark.parametrize("strategy", ["tree", "rows"])
def test_the_distribution_is_that_of_the_scores(strategy: str) -> None:
    """Every answer that occurs, against its exact probability."""
    how = Effective(max_new_tokens=2)
    prefix = replace(_prefix("llama"), strategy=strategy)
    for heat in TEMPERATURES:
        said = _tree(prefix, how, heat, root=31)
        answers = sorted({text for each in said for text in each if text})
        options = [[int(token) for token in text.split()] for text in answers]
        chances = np.exp(score_options(prefix, options, [heat], how).logprobs[:, 0])
        for row in range(len(QUESTIONS)):
            counts = Counter(said[row])
            observed = np.array([counts[text] for text in answers], dtype=float)
            expected = chances[row] * DRAWS
            common = expected >= 5
            seen = np.append(observed[common], DRAWS - observed[common].sum())
            due = np.append(expected[common], DRAWS - expected[common].sum())
            # the rest, where nothing is left of it, is no cell
            kept = due > 5
            statistic = float(((seen - due)[kept] ** 2 / due[kept]).sum())
            assert stats.chi2.sf(statistic, max(1, int(kept.sum()) - 1)) > LEAST


def test_runs_are_independent() -> None:
    """Two runs of an utterance agree as often as two independent draws do: Σp²."""
    model = text_model("llama", peak=PEAK)
    how = Effective(max_new_tokens=2)
    texts = ["happy", "sad", "the voice sounds fine", "angry", "very sad", "what is it ?"]
    prefix = model.prepare([question(text) for text in texts])
    prefix = replace(prefix, decode=lambda ids: " ".join(map(str, ids)))
    for heat in TEMPERATURES:
        said = _tree(prefix, how, heat, root=77)
        for each in said:
            counts = np.array(list(Counter(each).values()), dtype=float)
            # unbiased for Σp², from pairs of different draws
            expected = float((counts * (counts - 1)).sum() / (DRAWS * (DRAWS - 1)))
            for apart in (1, 2, 10, DRAWS // 2):
                # pairs of draws that lie so far apart, none of them used twice
                at = np.arange(DRAWS) // apart % 2 == 0
                first = np.nonzero(at)[0]
                first = first[first + apart < DRAWS]
                answers = np.array(each)
                agree = float((answers[first] == answers[first + apart]).mean())
                error = np.sqrt(max(expected * (1 - expected), 1e-12) / len(first))
                assert abs(agree - expected) < 5 * error


def test_temperatures_of_one_call_are_independent_and_each_as_if_alone() -> None:
    prefix, how = _prefix("llama"), Effective(max_new_tokens=2)
    draws = [
        [
            Draw(heat, 10**7 * place + run)
            for run in range(2000)
            for place, heat in enumerate(TEMPERATURES)
        ]
    ] * 2
    together = sample_tree(prefix, draws, how)[0]
    for place, heat in enumerate(TEMPERATURES):
        alone = [[Draw(heat, 10**7 * place + run) for run in range(2000)]] * 2
        assert together[place::3] == sample_tree(prefix, alone, how)[0]
