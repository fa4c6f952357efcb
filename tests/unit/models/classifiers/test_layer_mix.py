"""The weighted sum of layers."""

from __future__ import annotations

import pytest
import torch

from equivoice.models.classifiers.layer_mix import LayerMix


def test_begins_as_the_mean_of_the_layers() -> None:
    hidden = torch.randn(3, 2, 4, 5)
    torch.testing.assert_close(LayerMix(3)(hidden), hidden.mean(0))


def test_written_out_as_transformers_does() -> None:
    mix = LayerMix(3)
    with torch.no_grad():
        mix.weights.copy_(torch.tensor([0.5, -1.0, 2.0]))
    hidden = torch.randn(3, 2, 4, 5)
    shares = torch.softmax(mix.weights, dim=-1)
    # …ForSequenceClassification.forward with use_weighted_layer_sum
    stock = (torch.stack(tuple(hidden), dim=1) * shares.view(-1, 1, 1)).sum(dim=1)
    torch.testing.assert_close(mix(hidden), stock)


def test_shares_sum_to_one_and_have_gradients() -> None:
    mix = LayerMix(4)
    mix(torch.randn(4, 1, 2, 3)).sum().backward()
    assert mix.weights.grad is not None
    # the softmax does not change when all weights grow alike
    assert mix.weights.grad.sum().item() == pytest.approx(0.0, abs=1e-5)
