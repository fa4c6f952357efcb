"""Sounds for tests of models: buzzes with harmonics, as 16-bit files at 16 kHz."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from equivoice.models import Clip, Question
from equivoice.prompting.turns import AUDIO, Turn

__all__ = ["RATE", "ask", "buzz", "write"]

RATE = 16_000
TEXT = "Which emotion is it? Options: Angry, Sad. Answer:"


def write(path: Path, samples: np.ndarray, *, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        handle.setsampwidth(2)
        handle.setframerate(rate)
        handle.writeframes((samples * 32_000).astype("<i2").tobytes())
    return path


def buzz(pitch: float, seconds: float, *, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 8))
    return 0.8 * np.asarray(tone) / np.abs(tone).max()


def ask(path: Path, text: str = TEXT, *, system: str | None = None) -> Question:
    before = () if system is None else (Turn("system", (system,)),)
    return Question(f"demo/{path.stem}", (*before, Turn("user", (AUDIO, text))), Clip(str(path)))
