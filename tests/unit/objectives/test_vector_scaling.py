"""Vector-scaling loss: the check with counts (100, 10), and its limits."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import ConfigError, InputError
from equivoice.objectives.vector_scaling import VectorScaling
from equivoice.objectives.weighted_cross_entropy import WeightedCrossEntropy

ONES, BOTH = torch.ones(2, 2), torch.tensor([0, 1])


def test_the_known_example() -> None:
    loss = VectorScaling((100, 10), gamma=0.3, tau=1.0, weighted=False)
    assert loss.multipliers == pytest.approx((1, 10**-0.3))
    assert loss.offsets == pytest.approx((math.log(100 / 110), math.log(10 / 110)))
    assert loss(ONES, BOTH).tolist() == pytest.approx([0.058953, 2.860350], abs=1e-6)


def test_its_weights_multiply() -> None:
    plain = VectorScaling((100, 10), weighted=False)(ONES, BOTH)
    losses = VectorScaling((100, 10))(ONES, BOTH)
    # 110 / (100 · 2) and 110 / (10 · 2)
    torch.testing.assert_close(losses, plain * torch.tensor([0.55, 5.5]))


def test_the_sum_by_hand() -> None:
    # γ = 1, τ = 1, counts 2 and 1, scores (0, 2): ẑ = (log 2/3, 1 + log 1/3)
    first, second = 2 / 3, math.exp(1) / 3
    loss = VectorScaling((2, 1), gamma=1, tau=1, weighted=False)
    scores = torch.tensor([[0.0, 2.0], [0.0, 2.0]])
    expected = [-math.log(first / (first + second)), -math.log(second / (first + second))]
    assert loss(scores, BOTH).tolist() == pytest.approx(expected)


def test_without_gamma_and_tau_it_is_weighted_cross_entropy() -> None:
    scores = torch.randn(9, 3, generator=torch.Generator().manual_seed(2))
    classes = torch.arange(9) % 3
    plain = WeightedCrossEntropy((50, 7, 1))(scores, classes)
    torch.testing.assert_close(VectorScaling((50, 7, 1), 0, 0)(scores, classes), plain)


def test_without_gamma_it_is_logit_adjustment() -> None:
    counts = (50, 7, 1)
    scores = torch.randn(9, 3, generator=torch.Generator().manual_seed(2))
    classes = torch.arange(9) % 3
    adjusted = scores + torch.tensor([n / 58 for n in counts]).log()
    expected = torch.nn.functional.cross_entropy(adjusted, classes, reduction="none")
    loss = VectorScaling(counts, gamma=0, tau=1, weighted=False)
    torch.testing.assert_close(loss(scores, classes), expected)


def test_equal_counts_change_nothing() -> None:
    scores = torch.randn(4, 2, generator=torch.Generator().manual_seed(2))
    classes = torch.tensor([0, 1, 1, 0])
    expected = torch.nn.functional.cross_entropy(scores, classes, reduction="none")
    torch.testing.assert_close(VectorScaling((4, 4))(scores, classes), expected)


def test_items_have_the_weight_of_their_class() -> None:
    assert VectorScaling((100, 10)).item_weights(BOTH).tolist() == pytest.approx([0.55, 5.5])
    assert VectorScaling((100, 10), weighted=False).item_weights(BOTH).tolist() == [1, 1]


@pytest.mark.parametrize("name", ["gamma", "tau"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_settings_are_numbers_from_zero(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        VectorScaling((1, 1), **{name: value})


def test_a_class_without_training_items_is_refused() -> None:
    with pytest.raises(InputError, match="without items in the training data"):
        VectorScaling((3, 0))


def test_no_classes_are_refused() -> None:
    with pytest.raises(InputError, match="at least one class"):
        VectorScaling(())
