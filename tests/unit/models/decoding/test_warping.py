"""Distributions: transformers' own processors and warpers are the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import LogitsProcessorList
from transformers.generation.logits_process import (
    MinNewTokensLengthLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from equivoice.models.decoding.effective import Effective
from equivoice.models.decoding.warping import (
    draw_tokens,
    log_probabilities,
    penalised,
    warped,
)

VOCABULARY = 40
ENDS = [3, 11]


def _logits(rows: int, seed: int = 0, *, ties: bool = False) -> torch.Tensor:
    made = torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3
    return made.round() if ties else made


def _theirs(
    logits: torch.Tensor, prompt: torch.Tensor, heat: float, ours: Effective
) -> torch.Tensor:
    """Probabilities as ``generate`` computes them, before the first token."""
    chain = LogitsProcessorList()
    if ours.repetition_penalty != 1:
        chain.append(RepetitionPenaltyLogitsProcessor(ours.repetition_penalty))
    if ours.min_new_tokens:
        length = prompt.shape[1]
        chain.append(MinNewTokensLengthLogitsProcessor(length, ours.min_new_tokens, ENDS))
    chain.append(TemperatureLogitsWarper(heat))
    if ours.top_k:
        chain.append(TopKLogitsWarper(ours.top_k))
    if ours.top_p < 1:
        chain.append(TopPLogitsWarper(ours.top_p))
    return chain(prompt, logits.clone()).softmax(dim=-1)


def _ours(
    logits: torch.Tensor, prompt: torch.Tensor, heats: list[float], how: Effective
) -> torch.Tensor:
    seen = torch.zeros(logits.shape, dtype=torch.bool).scatter_(1, prompt, value=True)
    banned = torch.tensor(ENDS) if how.min_new_tokens else None
    scores = penalised(logits, seen=seen, penalty=how.repetition_penalty, banned=banned)
    return _logs(scores, torch.tensor(heats, dtype=torch.float64), how).exp()


def _logs(scores: torch.Tensor, heats: torch.Tensor, how: Effective) -> torch.Tensor:
    """(m, V): the log-probability of every token."""
    weights = warped(scores, heats, how)
    count, size = weights.shape
    rows = torch.arange(count).repeat_interleave(size)
    return log_probabilities(weights, rows, torch.arange(size).repeat(count)).view(count, size)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("top_k", [0, 1, 7, VOCABULARY, VOCABULARY + 5])
@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.5, 1e-6])
@pytest.mark.parametrize("penalty", [1.0, 1.3, 0.8])
def test_equal_to_transformers(ties: bool, top_k: int, top_p: float, penalty: float) -> None:
    logits = _logits(6, ties=ties)
    prompt = torch.randint(0, VOCABULARY, (6, 9), generator=torch.Generator().manual_seed(1))
    how = Effective(5, 1, top_p, top_k, penalty)
    heats = [0.3, 0.7, 1.0, 1.2, 1.5, 5.0]
    ours = _ours(logits, prompt, heats, how)
    for row, heat in enumerate(heats):
        theirs = _theirs(logits[row : row + 1], prompt[row : row + 1], heat, how)
        assert torch.equal(ours[row] > 0, theirs[0] > 0)
        torch.testing.assert_close(ours[row].float(), theirs[0], atol=2e-6, rtol=1e-5)


def test_at_temperature_0_the_most_probable_token_is_certain_and_of_equal_ones_the_first() -> None:
    logits = torch.zeros(1, VOCABULARY)
    logits[0, [8, 5, 30]] = 2.0
    chances = _logs(logits, torch.zeros(1, dtype=torch.float64), Effective()).exp()
    assert warped(logits, torch.zeros(1).double(), Effective())[0].exp().nonzero().tolist() == [[5]]
    assert chances[0].nonzero().flatten().tolist() == [5]
    assert chances[0, 5] == 1


def test_temperatures_of_rows_do_not_mix() -> None:
    logits = _logits(1).expand(3, -1)
    heats = torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64)
    together = _logs(logits, heats, Effective(top_p=0.9))
    for row in range(3):
        alone = _logs(logits[:1], heats[row : row + 1], Effective(top_p=0.9))
        assert torch.equal(together[row], alone[0])


@pytest.mark.parametrize("heat", [1e-4, 1e-12, 1e-29])
def test_the_smallest_temperatures_stay_exact(heat: float) -> None:
    logits = torch.tensor([[20.0, 20.0 - 1e-4, -40.0]])
    logs = _logs(logits, torch.tensor([heat], dtype=torch.float64), Effective())
    apart = float(logits[0, 0].double() - logits[0, 1].double()) / heat
    assert logs[0, 0].item() == pytest.approx(-np.log1p(np.exp(-apart)))
    assert logs[0, 1].item() == pytest.approx(-apart - np.log1p(np.exp(-apart)))


def test_below_all_temperatures_that_float32_knows() -> None:
    logits = torch.tensor([[2.0, 3.0, 3.0]])
    logs = _logs(logits, torch.tensor([1e-300], dtype=torch.float64), Effective())
    assert logs[0].exp().tolist() == pytest.approx([0.0, 0.5, 0.5])


def test_half_precision_logits_are_taken_as_they_are() -> None:
    logits = _logits(2).bfloat16()
    scores = penalised(logits, seen=None, penalty=1.0, banned=None)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, logits.float())


def _weights(*rows: list[float]) -> torch.Tensor:
    """In float64, so that numpy's float64 is the oracle of every draw."""
    return torch.tensor(rows, dtype=torch.float64).log()


def _drawn(weights: torch.Tensor, shares: list[float]) -> list[list[int]]:
    """Tokens of each row at each share."""
    count = len(shares)
    rows = torch.arange(len(weights)).repeat_interleave(count)
    numbers = torch.tensor(shares, dtype=torch.float64).repeat(len(weights))
    return draw_tokens(weights.clone(), rows, numbers).view(-1, count).tolist()


@pytest.mark.parametrize("size", [1, 2, 3, 6, 17, 100, 1000])
def test_tokens_are_drawn_by_the_inverse_of_the_cumulative_distribution(size: int) -> None:
    noise = np.random.default_rng(size)
    chances = noise.dirichlet(np.full(size, 0.3), size=3)
    chances[:, 1::3] = 0
    chances /= chances.sum(axis=1, keepdims=True)
    shares = noise.random(2000)
    expected = [np.searchsorted(np.cumsum(row), shares, side="right").tolist() for row in chances]
    assert _drawn(_weights(*chances.tolist()), shares.tolist()) == expected


def test_draws_of_rows_in_any_order() -> None:
    weights = _weights([0.5, 0.5, 0.0], [0.0, 0.25, 0.75])
    rows = torch.tensor([1, 0, 1, 0])
    shares = torch.tensor([0.2, 0.6, 0.3, 0.1], dtype=torch.float64)
    assert draw_tokens(weights, rows, shares).tolist() == [1, 1, 2, 0]


def test_more_draws_than_are_looked_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = _weights([0.1, 0.2, 0.7])
    shares = np.random.default_rng(0).random(1000).tolist()
    whole = _drawn(weights, shares)
    monkeypatch.setattr("equivoice.models.decoding.warping._DRAWS", 7)
    assert _drawn(weights, shares) == whole


def test_a_token_of_probability_0_is_never_drawn() -> None:
    weights = _weights([0.0, 1.0, 0.0], [1e-9, 0.0, 0.0], [0.0, 0.0, 3e5])
    assert _drawn(weights, [0.0, 0.5, 1 - 2.0**-53]) == [[1, 1, 1], [0, 0, 0], [2, 2, 2]]


@pytest.mark.parametrize("size", [10, 11, 1000, 4097])
def test_the_largest_share_takes_the_last_token_that_can_come(size: int) -> None:
    # cumulative sums whose rounded total a share can reach
    chances = [0.1] * (size - 1) + [0.0]
    assert _drawn(_weights(chances), [1 - 2.0**-53]) == [[size - 2]]


def test_weights_that_are_no_numbers_are_told() -> None:
    weights = torch.tensor([[0.0, torch.nan], [-torch.inf, -torch.inf], [torch.inf, 0.0]])
    assert _drawn(weights, [0.5]) == [[-1], [-1], [-1]]


@pytest.mark.parametrize("heat", [1e-4, 0.3, 1.0, 1.5])
def test_what_is_drawn_in_single_precision_follows_the_exact_probabilities(heat: float) -> None:
    scores = _logits(1, seed=5)
    hot = torch.tensor([heat], dtype=torch.float64)
    exact = _logs(scores, hot, Effective(top_p=0.97)).exp()[0].numpy()
    borders = np.cumsum(exact)
    shares = np.linspace(0, 1, 20_001)[:-1] + 0.25 / 20_000
    drawn = np.array(_drawn(warped(scores, hot, Effective(top_p=0.97)), shares.tolist())[0])
    expected = np.searchsorted(borders, shares, side="right")
    # a share within float32's rounding of a border may fall on its other side
    assert (drawn != expected).sum() <= 2


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_the_quick_search_for_the_border_of_a_top_p_is_that_of_the_sort(
    top_p: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = torch.Generator().manual_seed(3)
    flat, peaked = torch.randn(8, 900, generator=made), 6 * torch.randn(8, 900, generator=made)
    for scores in (flat, peaked, peaked.round()):
        heats = torch.linspace(0.2, 3, 8).double()
        quick = _logs(scores, heats, Effective(top_p=top_p))
        with monkeypatch.context() as patch:
            patch.setattr("equivoice.models.decoding.warping._CANDIDATES", 1)
            sorted_out = _logs(scores, heats, Effective(top_p=top_p))
        assert torch.equal(quick, sorted_out)


def test_the_largest_warped_weight_is_0() -> None:
    heats = torch.tensor([0.0, 0.7], dtype=torch.float64)
    assert warped(_logits(2), heats, Effective(top_k=5)).max(dim=1).values.tolist() == [0.0, 0.0]
