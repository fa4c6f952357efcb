"""The thinker of Qwen2.5-Omni, from either kind of checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.models.registry import load_model
from tiny.sounds import ask, buzz, write
from tiny.speech import TinyModels
from tiny.stock import STOCK

TEXT = "Which emotion is it? Answer:"


@pytest.fixture
def sounds(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / f"{i}.wav", buzz(150, seconds)) for i, seconds in enumerate((41, 1.2))]


def test_sound_beyond_30_s(tiny_models: TinyModels, sounds: list[Path]) -> None:
    folder = tiny_models("qwen2_5_omni")
    backend: Any = load_model("qwen2-5-omni", model=str(folder))
    ours = backend.prepare([ask(path, TEXT) for path in sounds])
    theirs = STOCK["qwen2_5_omni"](folder, sounds, TEXT)
    assert ours.input_ids.tolist() == theirs.inputs["input_ids"].tolist()
    np.testing.assert_allclose(ours.logits.numpy(), theirs.logits().numpy(), atol=1e-4)
    assert backend.describe()["clips"]["max_seconds"] == 300


def test_the_thinker_of_a_whole_checkpoint(tiny_models: TinyModels, sounds: list[Path]) -> None:
    questions = [ask(path, TEXT) for path in sounds]
    alone: Any = load_model("qwen2-5-omni", model=str(tiny_models("qwen2_5_omni")))
    whole: Any = load_model("qwen2-5-omni", model=str(tiny_models("qwen2_5_omni", full=True)))
    assert whole.describe()["architecture"] == "Qwen2_5OmniThinkerForConditionalGeneration"
    ours, theirs = alone.prepare(questions).logits, whole.prepare(questions).logits
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_chat_template_beside_the_processor(
    tiny_models: TinyModels, sounds: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "published"
    shutil.copytree(tiny_models("qwen2_5_omni"), folder)
    template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ConfigError, match="no chat template"):
        load_model("qwen2-5-omni", model=str(folder))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    backend: Any = load_model("qwen2-5-omni", model=str(folder))
    usual: Any = load_model("qwen2-5-omni", model=str(tiny_models("qwen2_5_omni")))
    question = ask(sounds[1])
    assert backend.prompt_tokens(question, 9) == usual.prompt_tokens(question, 9)


def test_another_architecture(tiny_models: TinyModels) -> None:
    with pytest.raises(ConfigError, match="another architecture") as error:
        load_model("qwen2-5-omni", model=str(tiny_models("qwen2_audio")))
    assert "qwen2_5_omni_thinker" in str(error.value)
