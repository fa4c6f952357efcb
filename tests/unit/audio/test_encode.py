"""Samples as the bytes of a sound file."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import soundfile

from equivoice.audio.encode import Coding, encode


@pytest.mark.parametrize("coding", ["wav", "flac"])
def test_16_bit_samples_come_out_as_they_went_in(coding: Coding) -> None:
    samples = np.arange(-32_768, 32_768, dtype=np.int16)
    data = encode((samples / 32_768).astype(np.float32), 16_000, coding)
    read, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == 16_000
    assert (read == samples).all()


def test_what_is_too_loud_is_clipped_and_not_wrapped() -> None:
    data = encode(np.array([1.5, -1.5, 1.0], dtype=np.float32), 8000)
    with wave.open(io.BytesIO(data)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
        values = np.frombuffer(sound.readframes(3), dtype="<i2").tolist()
    assert values == [32_767, -32_768, 32_767]
