"""BEATs against outputs of the released model, and what must hold for any weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.t5.modeling_t5 import T5Attention

from equivoice.models.salmonn.beats import (
    Beats,
    BeatsConfig,
    _buckets,
    normalised,
    patch_count,
    patch_padding,
)
from equivoice.models.salmonn.filter_bank import filter_bank, frame_count
from equivoice.models.salmonn.keys import place_of
from tiny.speech import tiny_beats

Released = Callable[[str], Any]


def of_release(released: Released) -> tuple[Beats, dict[str, torch.Tensor]]:
    """Our model with the release's weights, by the map of names."""
    weights, sizes, values = released("beats")
    model = Beats(BeatsConfig(**{k: v for k, v in sizes.items() if k in vars(BeatsConfig())}))
    ours = {place_of(name, "beats"): tensor for name, tensor in weights.items()}
    model.load_state_dict(
        {str(name).removeprefix("audio_tower.beats."): tensor for name, tensor in ours.items()}
    )
    return model.eval(), values


def random_beats(seed: int = 0) -> Beats:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Beats(BeatsConfig(**tiny_beats()))
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def bank(samples: int, seed: int = 0) -> torch.Tensor:
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return normalised(filter_bank(0.1 * noise))


def test_it_computes_what_the_release_computes(released: Released) -> None:
    model, values = of_release(released)
    with torch.no_grad():
        torch.testing.assert_close(model(values["fbank"]), values["features"], atol=1e-4, rtol=0)
        # from the waveform on, with our own filter bank
        whole = model(normalised(filter_bank(values["waveform"])))
    torch.testing.assert_close(whole, values["features"], atol=1e-4, rtol=0)


def test_padding_is_found_and_left_out_as_in_the_release(released: Released) -> None:
    model, values = of_release(released)
    frames, patches = values["fbank"].shape[1], values["features"].shape[1]
    padding = patch_padding(values["waveform_padding"], frames, patches)
    assert torch.equal(padding, values["features_padding"])
    assert padding.any(dim=1).tolist() == [False, True]
    with torch.no_grad():
        ours = model(normalised(filter_bank(values["waveform"])), padding)
        unpadded = model(values["fbank"])
    torch.testing.assert_close(ours, values["features_padded"], atol=1e-4, rtol=0)
    # the mask matters
    assert float((ours[1] - unpadded[1]).abs().max()) > 1e-2


@settings(max_examples=15, deadline=None)
@given(st.integers(2800, 9000), st.integers(2800, 9000), st.floats(-5, 5))
def test_a_clip_in_a_batch_is_the_clip_alone(first: int, second: int, filling: float) -> None:
    model = random_beats()
    banks = [bank(first, 1), bank(second, 2)]
    together = torch.nn.utils.rnn.pad_sequence(banks, batch_first=True, padding_value=filling)
    counts = [patch_count(samples) for samples in (first, second)]
    padding = torch.arange(max(counts)) >= torch.tensor(counts)[:, None]
    with torch.no_grad():
        found = model(together, padding)
        for row, alone, count in zip(found, banks, counts, strict=True):
            torch.testing.assert_close(row[:count], model(alone[None])[0], atol=1e-4, rtol=0)


@given(st.integers(0, 500_000))
def test_as_many_patches_are_counted_as_there_are(samples: int) -> None:
    assert patch_count(samples) == 8 * (frame_count(samples) // 16)


def test_patches_run_through_the_bands_first() -> None:
    model = random_beats()
    sound = bank(16_000)
    other = sound.clone()
    other[16:32, :16] += 1.0  # second patch in time, lowest in the bands
    with torch.no_grad():
        moved = (model.patches(sound[None]) != model.patches(other[None])).any(-1)[0]
    assert moved.nonzero().flatten().tolist() == [8]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 80).map(lambda half: 4 * half), st.integers(2, 12))
def test_buckets_are_those_of_t5(buckets: int, times: int) -> None:
    most = buckets // 4 * times
    distance = torch.arange(-2 * most, 2 * most + 1)
    theirs = T5Attention._relative_position_bucket(
        distance, bidirectional=True, num_buckets=buckets, max_distance=most
    )
    assert torch.equal(_buckets(distance, buckets, most), theirs)


def test_the_gate_is_its_formula() -> None:
    """For one head and one query: a (b g − 1) + 2, a and b being sums of four under a sigmoid."""
    attention = random_beats().encoder.layers[0].self_attn
    width = attention.grep_linear.in_features
    query = torch.linspace(-1, 1, width)
    with torch.no_grad():
        ours = attention._gate(query.expand(1, attention.heads, 1, width))
        eight = attention.grep_linear.weight @ query + attention.grep_linear.bias
        first, second = torch.sigmoid(eight[:4].sum()), torch.sigmoid(eight[4:].sum())
        theirs = [first * (second * g - 1) + 2 for g in attention.grep_a.flatten()]
    torch.testing.assert_close(ours.flatten(), torch.stack(theirs))


def test_the_kernel_over_positions_has_the_length_that_it_says() -> None:
    convolution = random_beats().encoder.pos_conv[0]
    reach = convolution.weight_v.shape[-1]
    width = convolution.weight_v.shape[0]
    impulse = torch.zeros(1, 2 * reach, width)
    impulse[0, reach] = 1.0
    plain = torch.nn.utils.parametrizations.weight_norm(
        torch.nn.Conv1d(width, width, reach, padding=reach // 2, groups=convolution.groups), dim=2
    )
    with torch.no_grad():
        plain.parametrizations.weight.original0.copy_(convolution.weight_g)
        plain.parametrizations.weight.original1.copy_(convolution.weight_v)
        plain.bias.copy_(convolution.bias)
        theirs = torch.nn.functional.gelu(plain(impulse.transpose(1, 2))[..., :-1])
        torch.testing.assert_close(convolution(impulse), theirs.transpose(1, 2))


def test_dropout_is_for_training_alone() -> None:
    model = random_beats()
    model.encoder.dropout.p = 0.5
    sound = bank(8000)[None]
    with torch.no_grad():
        assert torch.equal(model(sound), model(sound))
        model.train()
        assert not torch.equal(model(sound), model(sound))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_it_runs_in_half_precision(dtype: torch.dtype) -> None:
    model, sound = random_beats(), bank(8000)[None]
    with torch.no_grad():
        exact = model(sound)
        coarse = model.to(dtype)(sound)
    assert coarse.dtype == dtype
    assert float((coarse.float() - exact).abs().mean()) < 0.1 * float(exact.abs().mean())
