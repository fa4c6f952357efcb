"""The filter bank against Kaldi's own numbers, and against the formula written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.models.salmonn.beats import normalised
from equivoice.models.salmonn.filter_bank import BANDS, filter_bank, frame_count, mel_triangles

RATE = 16_000


def tone(hertz: float, seconds: float = 0.5) -> torch.Tensor:
    time = torch.arange(round(seconds * RATE)) / RATE
    return 0.5 * torch.sin(2 * torch.pi * hertz * time)


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def written_out(frame: np.ndarray) -> np.ndarray:
    """One frame of 400 samples, step by step in double precision."""
    frame = frame.astype(np.float64) * 32_768
    frame = frame - frame.mean()
    emphasised = np.array([frame[at] - 0.97 * frame[max(0, at - 1)] for at in range(len(frame))])
    povey = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
    power = np.abs(np.fft.rfft(emphasised * povey, 512)) ** 2
    mel = 1127 * np.log(1 + np.arange(257) * RATE / 512 / 700)
    borders = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 8000 / 700), BANDS + 2)
    bands = []
    for low, peak, high in zip(borders, borders[1:], borders[2:], strict=False):
        up, down = (mel - low) / (peak - low), (high - mel) / (high - peak)
        bands.append((np.clip(np.minimum(up, down), 0, None) * power)[:256].sum())
    return np.log(np.maximum(bands, np.finfo(np.float32).eps))


def test_it_is_kaldis(released: Callable[[str], Any]) -> None:
    """Within 1e-3 before BEATs' normalisation, where 1e-2 is usual between ports."""
    _, _, values = released("beats")
    ours = normalised(filter_bank(values["waveform"]))
    assert ours.shape == values["fbank"].shape
    worst = float((ours - values["fbank"]).abs().max())
    assert worst * 2 * 6.55582 < 1e-3


def test_each_frame_is_the_formula() -> None:
    wave = noise(1200)
    ours = filter_bank(wave)
    assert ours.shape == (6, BANDS)
    for number, row in enumerate(ours):
        frame = wave[160 * number : 160 * number + 400].numpy()
        np.testing.assert_allclose(row.numpy(), written_out(frame), atol=2e-3)


def test_several_at_once_are_each_alone() -> None:
    waves = torch.stack([noise(2000, 1), noise(2000, 2)])
    together = filter_bank(waves)
    for wave, rows in zip(waves, together, strict=True):
        torch.testing.assert_close(filter_bank(wave), rows, atol=1e-5, rtol=0)


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.3, 0.3), st.integers(400, 1500))
def test_what_is_constant_is_not_heard(offset: float, samples: int) -> None:
    wave = noise(samples)
    torch.testing.assert_close(filter_bank(wave + offset), filter_bank(wave), atol=0.05, rtol=0)


def test_ten_times_louder_is_ln_100_more() -> None:
    quiet, loud = filter_bank(noise(4000) / 10), filter_bank(noise(4000))
    # the lowest bands are narrower than the bins of the spectrum, and some have none
    heard = torch.tensor(mel_triangles()).sum(0) > 0
    assert 0 < int((~heard).sum()) < 10
    change = (loud - quiet)[:, heard]
    torch.testing.assert_close(change, torch.full_like(change, np.log(100)), atol=1e-3, rtol=0)


def test_silence_stands_at_the_floor() -> None:
    floor = np.log(np.finfo(np.float32).eps)
    np.testing.assert_allclose(filter_bank(torch.zeros(800)).numpy(), floor, rtol=1e-6)


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 3500.0])
def test_a_tone_is_loudest_in_its_own_band(hertz: float) -> None:
    def mel(at: float) -> float:
        return float(1127 * np.log(1 + at / 700))

    step = (mel(8000) - mel(20)) / (BANDS + 1)
    band = (mel(hertz) - mel(20)) / step - 1
    loudest = filter_bank(tone(hertz)).mean(0).argmax()
    # a bin of the spectrum is as wide as one and a half of the lowest bands
    assert abs(int(loudest) - band) <= 1.5


@given(st.integers(0, 100_000))
def test_only_whole_frames_are_counted(samples: int) -> None:
    count = frame_count(samples)
    assert (count == 0) == (samples < 400)
    if count:
        assert (count - 1) * 160 + 400 <= samples < count * 160 + 400


def test_a_sound_shorter_than_a_frame_has_none() -> None:
    assert filter_bank(torch.zeros(399)).shape == (0, BANDS)
    assert filter_bank(torch.zeros(3, 10)).shape == (3, 0, BANDS)


def test_triangles_share_each_bin_out() -> None:
    """Between the first peak and the last, the weights of a bin sum to one."""
    triangles = np.array(mel_triangles())
    assert triangles.shape == (256, BANDS)
    assert (triangles >= 0).all()
    assert (np.count_nonzero(triangles, axis=1) <= 2).all()
    peaks = [int(triangles[:, band].argmax()) for band in (0, BANDS - 1)]
    np.testing.assert_allclose(triangles[peaks[0] + 1 : peaks[1]].sum(axis=1), 1.0)


def test_half_precision_around_it_changes_nothing() -> None:
    wave = noise(1000)
    with torch.autocast("cpu", torch.bfloat16):
        within = filter_bank(wave)
    assert torch.equal(within, filter_bank(wave))
