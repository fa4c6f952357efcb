"""Audio Flamingo 3: windows of 30 s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from equivoice.models.registry import load_model
from tiny.sounds import ask, buzz, write
from tiny.speech import TinyModels
from tiny.stock import STOCK

TEXT = "Which emotion is it? Answer:"


def test_a_long_clip_is_heard_in_windows(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = tiny_models("audio_flamingo3")
    sounds = [
        write(tmp_path / f"{i}.wav", buzz(120 + 50 * i, seconds))
        for i, seconds in enumerate((31.3, 2.0, 30.0))
    ]
    backend: Any = load_model("audio-flamingo-3", model=str(folder))
    ours = backend.prepare([ask(path, TEXT) for path in sounds])
    theirs = STOCK["audio_flamingo3"](folder, sounds, TEXT)
    assert ours.input_ids.tolist() == theirs.inputs["input_ids"].tolist()
    np.testing.assert_allclose(ours.logits.numpy(), theirs.logits().numpy(), atol=1e-4)
    assert backend.encoder_passes == 2 + 1 + 1


def test_its_limit_is_that_of_its_processor(tiny_models: TinyModels) -> None:
    backend: Any = load_model("audio-flamingo-3", model=str(tiny_models("audio_flamingo3")))
    assert backend.describe()["clips"]["max_seconds"] == 600
    assert backend.family == "audio_flamingo_3"
