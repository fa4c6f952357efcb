"""The compact network: padding, calibration, sizes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models.encoders.compact_network import CompactNetwork, check_sizes


def network(channels: tuple[int, ...] = (6, 8, 8, 8), bands: int = 16) -> CompactNetwork:
    torch.manual_seed(0)
    made = CompactNetwork(bands, channels=channels, width=5).eval()
    # biases and scales that are not those of the first moment
    made.calibrate(torch.randn(4, 20, bands), torch.ones(4, 20, dtype=torch.bool))
    return made


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 23), min_size=1, max_size=3), behind=st.integers(0, 5))
def test_padding_changes_nothing(lengths: list[int], behind: int) -> None:
    made = network()
    rows = [torch.randn(length, 16) for length in lengths]
    batch = torch.full((len(rows), max(lengths) + behind, 16), 1e3)
    mask = torch.zeros(batch.shape[:2], dtype=torch.bool)
    for number, row in enumerate(rows):
        batch[number, : len(row)] = row
        mask[number, : len(row)] = True
    with torch.no_grad():
        together, kept = made(batch, mask)
        for number, row in enumerate(rows):
            alone, whole = made(row[None], torch.ones(1, len(row), dtype=torch.bool))
            assert bool(whole.all())
            assert int(kept[number].sum()) == whole.shape[1]
            torch.testing.assert_close(
                together[number][kept[number]], alone[0], atol=1e-5, rtol=1e-4
            )


def test_a_quarter_as_many_frames() -> None:
    made = network()
    for frames, expected in ((1, 1), (4, 1), (5, 2), (170, 43)):
        hidden, _ = made(torch.zeros(1, frames, 16), torch.ones(1, frames, dtype=torch.bool))
        assert hidden.shape == (1, expected, 5)


def test_calibrated_layers_have_mean_0_and_nearly_variance_1() -> None:
    made = network()
    speech = 0.7 * torch.randn(8, 30, 16) - 0.2
    mask = torch.ones(8, 30, dtype=torch.bool)
    made.calibrate(speech, mask)
    found: list[torch.Tensor] = []
    for layer in made.layers:
        layer.scale.register_forward_hook(lambda _m, _given, out: found.append(out))
    made(speech, mask)
    for out in found:
        over = out.transpose(0, 1).flatten(1)
        assert over.mean(1).abs().max().item() < 1e-3
        assert over.var(1).mean().item() == pytest.approx(1.0, abs=0.1)


def test_every_weight_has_a_gradient() -> None:
    made = network().train()
    hidden, _ = made(torch.randn(2, 20, 16), torch.ones(2, 20, dtype=torch.bool))
    hidden.square().sum().backward()
    assert all(each.grad is not None for each in made.parameters())
    assert list(made.buffers()) == []


def test_odd_bands_and_one_layer() -> None:
    made = network((4,), bands=13)
    hidden, _ = made(torch.randn(1, 9, 13), torch.ones(1, 9, dtype=torch.bool))
    assert hidden.shape == (1, 5, 5)


def test_all_mistakes_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        check_sizes((8, 0), 0, 1.0)
    assert "3 problems" in str(caught.value)
    check_sizes((8,), 1, 0.0)
