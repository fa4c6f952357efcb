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
    return log_probabilities(scores, torch.tensor(heats, dtype=torch.float64), how).exp()


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
    chances = log_probabilities(logits, torch.zeros(1, dtype=torch.float64), Effective()).exp()
    assert chances[0].nonzero().flatten().tolist() == [5]
    assert chances[0, 5] == 1


def test_temperatures_of_rows_do_not_mix() -> None:
    logits = _logits(1).expand(3, -1)
    heats = torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64)
    together = log_probabilities(logits, heats, Effective(top_p=0.9))
    for row in range(3):
        alone = log_probabilities(logits[:1], heats[row : row + 1], Effective(top_p=0.9))
        assert torch.equal(together[row], alone[0])


@pytest.mark.parametrize("heat", [1e-4, 1e-12, 1e-300])
def test_the_smallest_temperatures_stay_exact(heat: float) -> None:
    logits = torch.tensor([[20.0, 20.0 - 1e-4, -40.0]])
    logs = log_probabilities(logits, torch.tensor([heat], dtype=torch.float64), Effective())
    apart = float(logits[0, 0].double() - logits[0, 1].double()) / heat
    assert logs[0, 0].item() == pytest.approx(-np.log1p(np.exp(-apart)))
    assert logs[0, 1].item() == pytest.approx(-apart - np.log1p(np.exp(-apart)))


def test_half_precision_logits_are_taken_as_they_are() -> None:
    logits = _logits(2).bfloat16()
    scores = penalised(logits, seen=None, penalty=1.0, banned=None)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, logits.float())


def _weights(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64).log()


def test_tokens_are_drawn_by_the_inverse_of_the_cumulative_distribution() -> None:
    chances = [0.0, 0.2, 0.0, 0.5, 0.3, 0.0]
    shares = np.linspace(0, 1, 1001)[:-1]
    tokens = draw_tokens(_weights(chances), torch.tensor(shares)[None])[0].numpy()
    expected = [next(i for i in range(6) if sum(chances[: i + 1]) > share) for share in shares]
    # a share on a border may fall on either side, by rounding
    differ = np.nonzero(tokens != expected)[0]
    assert all(round(float(shares[at]), 3) in (0.2, 0.7) for at in differ)
    assert len(differ) <= 2


def test_a_token_of_probability_0_is_never_drawn() -> None:
    weights = _weights([0.0, 1.0, 0.0], [1e-9, 0.0, 0.0], [0.0, 0.0, 3e5])
    extremes = torch.tensor([0.0, 0.5, 1 - 2.0**-53], dtype=torch.float64).expand(3, -1)
    assert draw_tokens(weights, extremes).tolist() == [[1, 1, 1], [0, 0, 0], [2, 2, 2]]


def test_the_largest_share_takes_the_last_token_that_can_come() -> None:
    # a cumulative sum whose rounded total a share can reach
    weights = _weights([0.1] * 10 + [0.0])
    share = torch.tensor([[1 - 2.0**-53]], dtype=torch.float64)
    assert draw_tokens(weights, share).tolist() == [[9]]


def test_weights_that_are_no_numbers_are_told() -> None:
    weights = torch.tensor([[0.0, torch.nan], [-torch.inf, -torch.inf], [0.0, 0.0]]).double()
    assert draw_tokens(weights, torch.full((3, 1), 0.5).double())[:, 0].tolist()[:2] == [-1, -1]


def test_the_largest_warped_weight_is_0() -> None:
    heats = torch.tensor([0.0, 0.7], dtype=torch.float64)
    assert warped(_logits(2), heats, Effective(top_k=5)).max(dim=1).values.tolist() == [0.0, 0.0]
