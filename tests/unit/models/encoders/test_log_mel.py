"""The log-mel spectrum against transformers' own filters and a spectrum written out."""

from __future__ import annotations

import numpy as np
import pytest
from transformers.audio_utils import mel_filter_bank

from equivoice.errors import ConfigError
from equivoice.models.encoders.log_mel import SILENCE, LogMelSettings, log_mel, mel_filters

SETTINGS = LogMelSettings()


def wave(seconds: float = 0.5, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(16_000 * seconds)).astype(
        np.float32
    )


def test_filters_are_those_of_transformers() -> None:
    stock = mel_filter_bank(
        SETTINGS.size // 2 + 1,
        SETTINGS.bands,
        SETTINGS.low,
        SETTINGS.high,
        SETTINGS.rate,
        norm=None,
        mel_scale="htk",
    )
    np.testing.assert_allclose(mel_filters(SETTINGS), stock, atol=1e-9)


def test_a_frame_written_out() -> None:
    sound = wave()
    at = 5 * SETTINGS.hop
    frame = sound[at : at + SETTINGS.window].astype(np.float64)
    turn = np.arange(SETTINGS.window) / SETTINGS.window
    spectrum = np.fft.rfft(frame * np.sin(np.pi * turn) ** 2, SETTINGS.size)
    power = np.abs(spectrum) ** 2 @ mel_filters(SETTINGS)
    expected = (np.log10(np.maximum(power, 1e-10)) + 4) / 4
    np.testing.assert_allclose(log_mel(sound, SETTINGS)[5], expected, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 799, 800, 801, 1119, 1120, 16_000])
def test_number_of_frames(samples: int) -> None:
    found = log_mel(np.zeros(samples, dtype=np.float32), SETTINGS)
    assert found.shape == (SETTINGS.frames(samples), 80)
    assert (found == SILENCE).all()


def test_frames_depend_on_their_own_samples_alone() -> None:
    sound = wave(1.0)
    whole = log_mel(sound, SETTINGS)
    part = log_mel(sound[: 10 * SETTINGS.hop + SETTINGS.window], SETTINGS)
    np.testing.assert_allclose(part, whole[: len(part)], atol=1e-6)


def test_a_long_clip_is_done_in_blocks() -> None:
    sound = wave(25.0)
    whole = log_mel(sound, SETTINGS)
    later = log_mel(sound[1100 * SETTINGS.hop :], SETTINGS)
    np.testing.assert_allclose(whole[1100:], later, atol=1e-6)


def test_ten_times_the_amplitude_is_half_a_unit() -> None:
    # 20 dB are 2 in log10 of the power, over 4
    difference = log_mel(10 * wave(), SETTINGS) - log_mel(wave(), SETTINGS)
    np.testing.assert_allclose(difference, 0.5, atol=1e-4)


def test_harmonics_of_a_low_voice_part() -> None:
    time = np.arange(16_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 120 * k * time) for k in (1, 2, 3)).astype(np.float32)
    level = log_mel(0.1 * tone, SETTINGS).mean(0)
    centres = (SETTINGS.size // 2 + 1, mel_filters(SETTINGS).argmax(0) * 16_000 / SETTINGS.size)[1]
    at = [int(np.abs(centres - hertz).argmin()) for hertz in (120, 180, 240, 300, 360)]
    peaks = level[at]
    assert min(peaks[0], peaks[2], peaks[4]) > max(peaks[1], peaks[3]) + 0.2


def test_all_mistakes_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        LogMelSettings(bands=0, window=1, hop=0, high=9_000.0)
    assert "4 problems" in str(caught.value)
