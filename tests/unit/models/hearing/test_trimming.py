"""Trimmed encoding: exact where it is said to be, and off where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.models import Clip
from equivoice.models.hearing.trimming import TrimmingModel, trim_gate
from equivoice.models.registry import load_model
from tiny.sounds import RATE, ask, buzz, write
from tiny.speech import TinyModels

FAMILIES = {"qwen2-audio": "qwen2_audio", "audio-flamingo-3": "audio_flamingo3"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("clips")
    lengths = (0.05, 0.8, 0.83, 4.01, 29.99, 30.0)
    return [
        Clip(str(write(folder / f"{i}.wav", buzz(100 + 40 * i, seconds))))
        for i, seconds in enumerate(lengths)
    ]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("system", FAMILIES)
def test_the_gate_passes_for_known_families(
    system: str, attention: str, tiny_models: TinyModels, clips: list[Clip]
) -> None:
    model: Any = load_model(system, model=str(tiny_models(FAMILIES[system])), attention=attention)
    # the eager kernel is slow on 30 s
    gate = trim_gate(model, clips if attention == "sdpa" else clips[1:4])
    assert gate.passed, gate.why
    assert model.encoder_passes == 0
    assert gate.why in model.describe()["optimisations"]["trimmed_encoding"]["why"]


def test_half_precision_is_compared_with_the_noise_of_batches(
    tiny_models: TinyModels, clips: list[Clip]
) -> None:
    folder = str(tiny_models("qwen2_audio"))
    model: Any = load_model("qwen2-audio", model=folder, dtype="bfloat16")
    gate = trim_gate(model, clips[:4])
    assert gate.passed, gate.why


def test_real_speech(tiny_models: TinyModels, real_data: Path) -> None:
    paths = sorted((real_data / "audio" / "ravdess").rglob("*.*"))
    chosen = [path for path in paths if path.suffix in {".wav", ".flac", ".opus"}][::300][:4]
    assert chosen
    model: Any = load_model("qwen2-audio", model=str(tiny_models("qwen2_audio")))
    gate = trim_gate(model, [Clip(str(path)) for path in chosen])
    assert gate.passed, gate.why


def test_an_encoder_that_attends_to_padding_is_not_trimmed(
    tiny_models: TinyModels, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = load_model("qwen2-audio", model=str(tiny_models("qwen2_audio")))

    def attends(features: Any, _frames: Sequence[int]) -> Any:
        return model.tower(features).last_hidden_state

    monkeypatch.setattr(model, "padded_forward", attends)
    question = ask(Path(clips[1].path))
    trimmed = model.prepare([question]).logits
    gate = trim_gate(model, clips[:3])
    assert not gate.passed
    said = model.describe()["optimisations"]["trimmed_encoding"]
    assert said == {"on": False, "why": gate.why}
    # and is not from then on
    padded = model.prepare([question]).logits
    assert float((padded - trimmed).abs().max()) > 1e-3


def test_an_encoder_that_cannot_be_run_apart_is_not_trimmed(
    tiny_models: TinyModels, clips: list[Clip]
) -> None:
    model: Any = load_model("qwen2-audio", model=str(tiny_models("qwen2_audio")))

    def refuse(_module: Any, arguments: tuple[Any, ...]) -> None:
        if arguments[0].shape[1] < 1500:
            raise TypeError("forward() got an unexpected argument")

    model.tower.layers[0].register_forward_pre_hook(refuse)
    gate = trim_gate(model, clips[:2])
    assert not gate.passed
    assert "cannot be run apart: forward() got an unexpected argument" in gate.why
    assert model.trim is False


@pytest.mark.parametrize("system", FAMILIES)
def test_each_clip_is_encoded_once_and_in_its_place(
    system: str, tiny_models: TinyModels, clips: list[Clip]
) -> None:
    model: TrimmingModel = load_model(system, model=str(tiny_models(FAMILIES[system])))  # type: ignore[assignment]
    waves = [model.clips.read(clip) for clip in clips]
    together = model.encode(waves)
    assert model.encoder_passes == len(clips)
    for wave, ours in zip(waves, together, strict=True):
        assert len(ours) == model.audio_tokens(len(wave))
        (alone,) = model.encode([wave])
        np.testing.assert_allclose(ours.numpy(), alone.numpy(), atol=1e-4)


def test_unknown_switches(tiny_models: TinyModels) -> None:
    folder = str(tiny_models("qwen2_audio"))
    with pytest.raises(ConfigError, match=r"trim: unknown choice 'yes' \(auto, off\)"):
        load_model("qwen2-audio", model=folder, trim="yes")
    with pytest.raises(ConfigError, match=r"tree: unknown choice 'on' \(auto, off\)"):
        load_model("qwen2-audio", model=folder, tree="on")


@pytest.mark.slow
def test_any_length_is_exact(tiny_models: TinyModels) -> None:
    """Around every rounding of frames and tokens, and at the end of the 30 s."""
    model: Any = load_model("qwen2-audio", model=str(tiny_models("qwen2_audio")))
    rng = np.random.default_rng(0)
    lengths = [*range(480, 1500, 53), *range(30 * RATE - 1300, 30 * RATE + 1, 131)]
    for length in lengths:
        wave = rng.normal(0, 0.1, length).astype(np.float32)
        (ours,) = model.encode([wave])
        model.trim = False
        (theirs,) = model.encode([wave])
        model.trim = True
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-4)
