"""From frames to logits, part by part."""

from __future__ import annotations

import pytest
import torch

from equivoice.models.classifiers.network import ClassifierNetwork
from equivoice.models.classifiers.settings import HeadSettings

PLAIN = HeadSettings(pooling="mean", projector=0, head_width=0)


def network(settings: HeadSettings, layers: int = 0) -> ClassifierNetwork:
    torch.manual_seed(0)
    return ClassifierNetwork(
        torch.nn.Identity(), width=4, labels=3, settings=settings, layers=layers
    ).eval()


def test_mean_and_one_layer_written_out() -> None:
    made = network(PLAIN)
    hidden, mask = torch.randn(2, 5, 4), torch.ones(2, 5, dtype=torch.bool)
    expected = hidden.mean(1) @ made.head.out.weight.T + made.head.out.bias
    torch.testing.assert_close(made.classify(hidden, mask), expected)


def test_layers_are_mixed_then_projected_then_pooled() -> None:
    made = network(HeadSettings(pooling="mean", projector=6, head_width=0), layers=2)
    hidden, mask = torch.randn(2, 3, 5, 4), torch.ones(3, 5, dtype=torch.bool)
    assert made.projector is not None
    expected = made.head.out(made.projector(hidden.mean(0)).mean(1))
    torch.testing.assert_close(made.classify(hidden, mask), expected)


@pytest.mark.parametrize("scaled", [False, True])
def test_calibrated_vectors_have_mean_0(scaled: bool) -> None:
    made = network(HeadSettings(pooling="mean", head_width=0, scaled=scaled))
    hidden, mask = 5 + torch.randn(16, 3, 4), torch.ones(16, 3, dtype=torch.bool)
    made.calibrate(hidden, mask)
    with torch.no_grad():
        made.head.out.weight.copy_(torch.eye(4)[:3])
        made.head.out.bias.zero_()
    means = made.classify(hidden, mask).mean(0).tolist()
    expected = 0.0 if scaled else 5.0
    assert means == pytest.approx([expected] * 3, abs=0.5 if not scaled else 1e-4)


def test_parts_that_are_not_asked_for_are_not_there() -> None:
    names = {name.partition(".")[0] for name, _ in network(PLAIN).named_parameters()}
    assert names == {"head"}
    more = network(HeadSettings(projector=2, scaled=True), layers=3)
    assert {name.partition(".")[0] for name, _ in more.named_parameters()} == {
        "mix",
        "projector",
        "pooling",
        "scale",
        "head",
    }
