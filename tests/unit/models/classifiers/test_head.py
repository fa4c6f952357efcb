"""The head by its two products written out."""

from __future__ import annotations

import pytest
import torch

from equivoice.errors import ConfigError
from equivoice.models.classifiers.head import ClassificationHead


def test_two_layers_written_out() -> None:
    torch.manual_seed(0)
    head = ClassificationHead(4, 3, hidden=5).eval()
    pooled = torch.randn(2, 4)
    assert head.inner is not None
    hidden = (pooled @ head.inner.weight.T + head.inner.bias).clamp(min=0)
    torch.testing.assert_close(head(pooled), hidden @ head.out.weight.T + head.out.bias)


def test_one_layer_alone() -> None:
    head = ClassificationHead(4, 3, hidden=0).eval()
    pooled = torch.randn(2, 4)
    assert head.inner is None
    torch.testing.assert_close(head(pooled), pooled @ head.out.weight.T + head.out.bias)


def test_sizes_of_abhinaya() -> None:
    head = ClassificationHead(2 * 1024, 8)
    assert head.inner is not None
    assert head.inner.weight.shape == (1024, 2048)
    assert head.out.weight.shape == (8, 1024)
    assert head.dropout.p == 0.5


def test_dropout_in_training_alone() -> None:
    head = ClassificationHead(4, 3, hidden=64)
    pooled = torch.randn(1, 4)
    head.train()
    torch.manual_seed(0)
    drawn = {tuple(head(pooled)[0].tolist()) for _ in range(4)}
    head.eval()
    assert len(drawn) > 1
    assert torch.equal(head(pooled), head(pooled))


def test_logits_are_float32_whatever_comes_in() -> None:
    assert ClassificationHead(4, 3)(torch.zeros(1, 4, dtype=torch.bfloat16)).dtype == torch.float32


def test_all_mistakes_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        ClassificationHead(4, 0, hidden=-1, dropout=1.0)
    assert "3 problems" in str(caught.value)
    assert "head_width: -1" in str(caught.value)
