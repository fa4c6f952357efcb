"""Scales that begin where speech has mean 0 and variance 1."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.models.classifiers.scaling import ChannelScale


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), axes=st.integers(0, 1))
def test_calibrated_channels_have_mean_0_and_nearly_variance_1(seed: int, axes: int) -> None:
    torch.manual_seed(seed)
    shape = (3, 2, 5, 7) if axes else (3, 2, 7)
    x = 3 + 2 * torch.randn(shape)
    mask = torch.ones(3, 7)
    mask[1, 4:] = 0
    x[1, ..., 4:] = 1e4
    scale = ChannelScale(2)
    scale.calibrate(x, mask)
    found = scale(x, mask)
    valid = found.transpose(0, 1).flatten(1)[:, mask_of(mask, shape)]
    assert valid.mean(dim=1).tolist() == pytest.approx([0, 0], abs=1e-4)
    assert valid.std(dim=1, correction=0).tolist() == pytest.approx([1, 1], abs=0.06)


def mask_of(mask: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Which numbers of a channel are valid, in the order of ``flatten``."""
    whole = mask.view(len(mask), *[1] * (len(shape) - 2), -1).expand(len(mask), 1, *shape[2:])
    return whole.transpose(0, 1).flatten(1)[0].bool()


def test_padding_has_no_part_and_is_nought() -> None:
    scale = ChannelScale(1)
    x = torch.tensor([[[1.0, 3.0]]])
    scale.calibrate(x, torch.ones(1, 2))
    padded = torch.tensor([[[1.0, 3.0, 77.0]]])
    other = ChannelScale(1)
    other.calibrate(padded, torch.tensor([[1.0, 1.0, 0.0]]))
    assert torch.equal(scale.weight, other.weight)
    assert other(padded, torch.tensor([[1.0, 1.0, 0.0]]))[0, 0, 2].item() == 0.0


def test_a_channel_that_hardly_varies_is_not_blown_up() -> None:
    scale = ChannelScale(2)
    x = torch.randn(64, 2, 1) * torch.tensor([1.0, 1e-6]).view(1, 2, 1)
    scale.calibrate(x, torch.ones(64, 1))
    assert scale.weight.max().item() < 10


def test_it_is_the_identity_before() -> None:
    x = torch.randn(2, 3, 4)
    assert torch.equal(ChannelScale(3)(x, torch.ones(2, 4)), x)


def test_scale_and_shift_are_trained_and_calibration_is_not() -> None:
    scale = ChannelScale(3)
    scale.calibrate(torch.randn(2, 3, 4), torch.ones(2, 4))
    assert [name for name, each in scale.named_parameters() if each.requires_grad] == [
        "weight",
        "bias",
    ]
    assert list(scale.buffers()) == []
