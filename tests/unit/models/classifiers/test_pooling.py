"""Pooling against sums written out, and whatever stands in the padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models.classifiers.pooling import (
    AttentiveStatistics,
    MaskedMean,
    make_pooling,
    masked_mean,
)


def written_out(pooling: AttentiveStatistics, frames: np.ndarray) -> np.ndarray:
    """Attentive statistics of one utterance without padding, by the formula of the paper."""
    inner, score = pooling.inner, pooling.score
    w, b = inner.weight.detach().numpy(), inner.bias.detach().numpy()
    v, k = score.weight.detach().numpy()[0], score.bias.item()
    e = np.array([v @ np.tanh(w @ frame + b) + k for frame in frames], dtype=np.float64)
    weights = np.exp(e - e.max()) / np.exp(e - e.max()).sum()
    mean = sum(weight * frame for weight, frame in zip(weights, frames, strict=True))
    square = sum(weight * frame**2 for weight, frame in zip(weights, frames, strict=True))
    return np.concatenate([mean, np.sqrt(np.maximum(square - mean**2, pooling.eps))])


def seeded(width: int = 3, attention: int = 4) -> AttentiveStatistics:
    torch.manual_seed(0)
    return AttentiveStatistics(width, attention=attention)


def test_mean_counts_valid_frames_alone() -> None:
    hidden = torch.tensor([[[1.0], [2.0], [6.0]], [[4.0], [7.0], [torch.nan]]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    assert masked_mean(hidden, mask).tolist() == [[3.0], [4.0]]
    assert MaskedMean(1)(hidden, mask).tolist() == [[3.0], [4.0]]


def test_attentive_statistics_by_the_formula() -> None:
    pooling = seeded()
    frames = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    found = pooling(torch.from_numpy(frames)[None], torch.ones(1, 5, dtype=torch.bool))
    np.testing.assert_allclose(found[0].detach(), written_out(pooling, frames), atol=1e-6)


def test_known_answer_under_uniform_attention() -> None:
    # methods.md §4: μ = (3, 2), σ = (1.632993, ~0)
    pooling = AttentiveStatistics(2)
    torch.nn.init.zeros_(pooling.score.weight)
    frames = torch.tensor([[[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]]])
    found = pooling(frames, torch.ones(1, 3, dtype=torch.bool))[0].tolist()
    assert found[:2] == pytest.approx([3.0, 2.0])
    assert found[2] == pytest.approx(1.632993, abs=1e-6)
    assert found[3] == pytest.approx(1e-3)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    behind=st.integers(0, 3),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize("kind", ["mean", "attentive"])
def test_padding_changes_nothing(kind: str, lengths: list[int], behind: int, seed: int) -> None:
    torch.manual_seed(seed)
    pooling = make_pooling(kind, 3)
    longest = max(lengths) + behind
    hidden = torch.full((len(lengths), longest, 3), torch.inf)
    mask = torch.zeros(len(lengths), longest, dtype=torch.bool)
    rows = [torch.randn(length, 3) for length in lengths]
    for number, row in enumerate(rows):
        hidden[number, : len(row)] = row
        mask[number, : len(row)] = True
    alone = [pooling(row[None], torch.ones(1, len(row), dtype=torch.bool)) for row in rows]
    torch.testing.assert_close(pooling(hidden, mask), torch.cat(alone), atol=1e-6, rtol=1e-5)


def test_attention_is_a_distribution_over_valid_frames() -> None:
    mask = torch.tensor([[True, True, False, True]])
    weights = seeded().attention(torch.randn(1, 4, 3), mask)
    assert weights.sum().item() == pytest.approx(1.0)
    assert weights[0, 2].item() == 0.0


def test_gradient_is_finite_where_nothing_varies() -> None:
    pooling = seeded()
    hidden = torch.ones(2, 4, 3, requires_grad=True)
    mask = torch.tensor([[True] * 4, [True, False, False, False]])
    pooling(hidden, mask).square().sum().backward()
    assert hidden.grad is not None
    assert bool(torch.isfinite(hidden.grad).all())
    assert all(bool(torch.isfinite(each.grad).all()) for each in pooling.parameters())


def test_gradient_by_finite_differences() -> None:
    pooling = seeded().double()
    pooling.eps = 1e-12
    hidden = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True] * 4, [True, True, True, False]])

    def pooled(given: torch.Tensor) -> torch.Tensor:
        # as forward does it, without its float32
        weights = pooling.score(torch.tanh(pooling.inner(given)))[..., 0]
        weights = weights.masked_fill(~mask, -torch.inf).softmax(1)[..., None]
        mean = (weights * given).sum(1)
        variance = (weights * (given - mean[:, None]).square()).sum(1)
        return torch.cat([mean, variance.clamp(min=pooling.eps).sqrt()], 1)

    assert torch.autograd.gradcheck(pooled, hidden)
    single = pooling.float()(hidden.float(), mask)
    torch.testing.assert_close(
        single.double(), pooled_again(pooling, hidden, mask), atol=1e-5, rtol=1e-5
    )


def pooled_again(
    pooling: AttentiveStatistics, hidden: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    rows = [
        written_out(pooling, frames[valid].detach().float().numpy())
        for frames, valid in zip(hidden, mask, strict=True)
    ]
    return torch.tensor(np.stack(rows))


def test_half_precision_is_pooled_in_float32() -> None:
    hidden = torch.full((1, 4096, 2), 0.1, dtype=torch.bfloat16)
    found = masked_mean(hidden, torch.ones(1, 4096, dtype=torch.bool))
    assert found.dtype == torch.float32
    assert found[0, 0].item() == pytest.approx(float(hidden[0, 0, 0]), rel=1e-6)


@pytest.mark.parametrize(("kind", "width"), [("mean", 6), ("attentive", 12)])
def test_width_of_the_vector(kind: str, width: int) -> None:
    assert make_pooling(kind, 6).out_width == width


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(ConfigError, match="choices: mean, attentive"):
        make_pooling("max", 4)
    with pytest.raises(ConfigError, match="attention_width is below 1"):
        make_pooling("attentive", 4, attention=0)
