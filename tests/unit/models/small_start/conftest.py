"""A small model that has room for a start, and buzzes whose pitch and noise tell labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivoice.models.language import Clip
from equivoice.models.registry import load_model
from equivoice.models.small_start.sounds import Sounds, hear
from equivoice.models.speech_llms.small import make_small_speech_llm
from tiny.small import LABELS, PROMPT, SIZE, voice
from tiny.sounds import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_small_speech_llm(
        tmp_path / "model", labels=LABELS, texts=[PROMPT], size=SIZE, seed=1
    )


@pytest.fixture
def wide(folder: Path) -> Any:
    return load_model("qwen2-audio", model=str(folder))


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Clip, str, str]]:
    """Clips of six speakers, each saying each label four times: (clip, label, speaker)."""
    place = tmp_path_factory.mktemp("speech")
    rows = []
    draws = np.random.default_rng(0)
    for speaker in range(6):
        for number, label in enumerate(LABELS * 4):
            pitch = (230.0, 160.0, 110.0)[LABELS.index(label)] + 4 * speaker
            seconds = float(draws.uniform(0.5, 0.9))
            sound = voice(pitch, seconds, seed=100 * speaker + number)
            file = write(place / f"{speaker}-{number}.wav", sound)
            rows.append((Clip(str(file)), label, f"s{speaker}"))
    return rows


@pytest.fixture
def some(wide: Any, speech: list[tuple[Clip, str, str]]) -> Sounds:
    return hear(wide, [clip for clip, _, _ in speech[:24]])
