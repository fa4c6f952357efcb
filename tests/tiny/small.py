"""The smallest speech LLM from scratch that has room for a start from speech, and speech for it."""

from __future__ import annotations

import numpy as np

from equivoice.models.speech_llms.small import SmallSize
from tiny.sounds import RATE, buzz

__all__ = ["LABELS", "PROMPT", "SIZE", "voice"]

LABELS = ("angry", "calm", "sad")
PROMPT = "Which emotion is it? Answer:"
SIZE = SmallSize(
    bands=24, step=400, width=120, heads=6, inner=96, dropout=0.0, text_width=48, text_heads=2
)


def voice(pitch: float, seconds: float, *, seed: int = 0) -> np.ndarray:
    """A buzz that swells and fades, some coloured noise in it: no two frames are alike."""
    draws = np.random.default_rng(seed)
    sound = buzz(pitch, seconds)
    knots = draws.uniform(0.1, 1.0, max(3, round(12 * seconds)))
    swell = np.interp(np.linspace(0, 1, len(sound)), np.linspace(0, 1, len(knots)), knots)
    noise = np.convolve(draws.normal(size=len(sound)), draws.normal(size=8) / 4, mode="same")
    loudness = np.interp(
        np.arange(len(sound)),
        np.arange(0, len(sound), RATE // 20),
        draws.uniform(0.01, 0.2, -(-len(sound) // (RATE // 20))),
    )
    return np.clip(0.7 * swell * sound + loudness * noise, -0.99, 0.99)
