"""The log-mel without its padding, against the stock feature extractor."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.models.hearing.mel import LogMel
from tiny.sounds import RATE

FULL = 30 * RATE


@pytest.fixture(scope="module")
def extractor() -> Any:
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=128)


def stock(extractor: Any, waves: list[np.ndarray], **settings: Any) -> np.ndarray:
    found = extractor(waves, sampling_rate=RATE, return_tensors="np", **settings)
    return np.asarray(found["input_features"])


def sound(samples: int, seed: int = 0) -> np.ndarray:
    """A buzz in noise that ends loudly, so that its last frames are not at the floor."""
    noise = np.random.default_rng(seed).normal(0, 0.05, samples)
    tone = 0.5 * np.sin(np.arange(samples) * 0.06 + 1.0)
    return (tone + noise).astype(np.float32)


LENGTHS = (1, 2, 160, 161, 201, 399, 400, 16_000, 16_001, 16_159, FULL // 2)
NEAR_THE_END = (FULL - 1000, FULL - 480, FULL - 320, FULL - 161, FULL - 1, FULL)


@pytest.mark.parametrize("samples", [*LENGTHS, *NEAR_THE_END])
def test_the_first_frames_are_those_of_the_padded_sound(extractor: Any, samples: int) -> None:
    mel = LogMel(extractor)
    wave = sound(samples)
    frames = mel.frames(samples)
    ours = mel([wave], frames + 2).numpy()
    theirs = stock(extractor, [wave])[:, :, : frames + 2]
    np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=0)


def test_as_many_frames_are_valid_as_the_stock_mask_says(extractor: Any) -> None:
    mel = LogMel(extractor)
    for samples in (1, 159, 160, 161, 16_000, 16_001, FULL - 1, FULL):
        mask = extractor(
            [np.zeros(samples, np.float32)], sampling_rate=RATE, return_attention_mask=True
        )["attention_mask"]
        assert mel.frames(samples) == int(np.sum(mask))


def test_silence_stands_at_the_floor_with_and_without_padding(extractor: Any) -> None:
    silence = np.zeros(8000, np.float32)
    ours = LogMel(extractor)([silence], 52).numpy()
    np.testing.assert_allclose(ours, stock(extractor, [silence])[:, :, :52], atol=1e-6)
    assert np.ptp(ours) < 1e-6


def test_clips_of_several_lengths_do_not_touch_each_other(extractor: Any) -> None:
    waves = [sound(20_000), sound(9_000, 1) * 0.01, np.zeros(12_000, np.float32)]
    ours = LogMel(extractor)(waves, 127).numpy()
    np.testing.assert_allclose(ours, stock(extractor, waves)[:, :, :127], atol=1e-6)


def test_the_sound_without_padding_is_another(extractor: Any) -> None:
    """The trap that the module is about: it would be wrong by far more than rounding."""
    wave = sound(16_001)
    cut = extractor([wave], sampling_rate=RATE, padding=False, return_tensors="np")
    unpadded = np.asarray(cut["input_features"])
    whole = stock(extractor, [wave])
    assert unpadded.shape[2] < LogMel(extractor).frames(len(wave))
    assert np.abs(unpadded - whole[:, :, : unpadded.shape[2]]).max() > 0.05


@pytest.mark.parametrize("samples", [1, 16_000, FULL - 170, FULL, FULL + 1, FULL + 170_000])
def test_windows_of_a_longer_sound(extractor: Any, samples: int) -> None:
    """As Voxtral's processor: padded to whole windows, levelled as a whole, then cut."""
    wave = sound(samples)
    windows = -(-samples // FULL)
    padded = np.pad(wave, (0, windows * FULL - samples))
    theirs = stock(extractor, [padded], truncation=False, pad_to_multiple_of=FULL, padding=True)
    theirs = theirs[0].reshape(128, windows, 3000).transpose(1, 0, 2)
    ours = LogMel(extractor).windowed(wave).numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=0)


def test_added_noise_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"adds noise.*dither=0\.1"):
        LogMel(SimpleNamespace(dither=0.1))


def test_it_is_the_same_within_half_precision(extractor: Any) -> None:
    """A model is trained under autocast; energies span more than bfloat16 can hold."""
    import torch

    wave, mel = sound(16_000), LogMel(extractor)
    with torch.autocast("cpu", torch.bfloat16):
        within = mel([wave], 102)
    assert torch.equal(within, mel([wave], 102))
