"""The divergence from the raters: in nats, 0 where both agree."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.objectives.kl_divergence import KLDivergence


def test_the_known_example_against_the_uniform() -> None:
    # votes A S S N A in the order N A S H; log 4 − the entropy of (.2, .4, .4)
    shares = torch.tensor([[0.2, 0.4, 0.4, 0.0]])
    entropy = -(0.2 * math.log(0.2) + 0.8 * math.log(0.4))
    loss = KLDivergence()(torch.zeros(1, 4), shares)
    assert loss.item() == pytest.approx(math.log(4) - entropy, abs=1e-6)
    assert loss.item() == pytest.approx(0.331374, abs=1e-6)


def test_one_class_gives_the_cross_entropy() -> None:
    odds = torch.tensor([[1.0, 2.0, 5.0]]).log()
    assert KLDivergence()(odds, torch.tensor([2])).item() == pytest.approx(math.log(8 / 5))


def test_it_is_zero_where_both_agree() -> None:
    shares = torch.tensor([[0.2, 0.5, 0.3]])
    assert KLDivergence()(shares.log(), shares).item() == pytest.approx(0, abs=1e-7)


def test_it_is_not_symmetric() -> None:
    p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]])
    forth = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    back = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert KLDivergence()(q.log(), p).item() == pytest.approx(forth, abs=1e-6)
    assert KLDivergence()(p.log(), q).item() == pytest.approx(back, abs=1e-6)


def test_shares_of_nothing_have_a_gradient() -> None:
    scores = torch.zeros(1, 3, requires_grad=True)
    KLDivergence()(scores, torch.tensor([[0.0, 1.0, 0.0]])).sum().backward()
    assert scores.grad is not None
    torch.testing.assert_close(scores.grad, torch.tensor([[1 / 3, -2 / 3, 1 / 3]]))


def test_items_weigh_one() -> None:
    assert KLDivergence().item_weights(torch.tensor([[0.5, 0.5]])).tolist() == [1]
