"""Audio chat models without a family of their own."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.models import Decoding, Draw, Question
from equivoice.models.registry import load_model
from equivoice.models.speech_llms.general import classes_of
from equivoice.prompting.turns import Turn
from tiny.sounds import ask, buzz, write
from tiny.speech import TinyModels
from tiny.templates import GRANITE_TEMPLATE
from tiny.text import save_text_model

NEUTRAL = Decoding.neutral()


@pytest.fixture
def sounds(tmp_path: Path) -> list[Path]:
    return [
        write(tmp_path / f"{i}.wav", buzz(110 + 60 * i, seconds))
        for i, seconds in enumerate((1.9, 0.7))
    ]


def test_it_agrees_with_a_family_of_its_own(tiny_models: TinyModels, sounds: list[Path]) -> None:
    folder = str(tiny_models("qwen2_audio"))
    general: Any = load_model("speech-llm", model=folder)
    family: Any = load_model("qwen2-audio", model=folder)
    questions = [ask(path) for path in sounds]
    ours, theirs = general.prepare(questions), family.prepare(questions)
    np.testing.assert_allclose(ours.logits.numpy(), theirs.logits.numpy(), atol=1e-4)
    draws = [[Draw(heat, seed) for heat in (0.0, 1.0) for seed in range(5)]] * 2
    assert general.sample(ours, draws, NEUTRAL) == family.sample(theirs, draws, NEUTRAL)
    assert general.encoder_passes == 2
    assert general.family == "qwen2_audio"


def test_prompts_run_alone_and_together(tiny_models: TinyModels, sounds: list[Path]) -> None:
    folder = str(tiny_models("glm_asr"))
    alone: Any = load_model("speech-llm", model=folder)
    together: Any = load_model("speech-llm", model=folder, together=True, family="voxtral")
    assert (alone.describe()["prompts_run"], together.describe()["prompts_run"]) == (
        "alone",
        "together",
    )
    assert together.family == "voxtral"
    questions = [ask(path) for path in sounds]
    one, other = alone.prepare(questions), together.prepare(questions)
    assert one.input_ids[one.mask].tolist() == other.input_ids[other.mask].tolist()
    assert one.next_position.tolist() == other.next_position.tolist()
    np.testing.assert_allclose(one.logits.numpy(), other.logits.numpy(), atol=1e-4)
    options = ["Angry", "Sad"]
    np.testing.assert_allclose(
        alone.option_logprobs(one, options, [1.0], NEUTRAL).logprobs,
        together.option_logprobs(other, options, [1.0], NEUTRAL).logprobs,
        atol=1e-4,
    )


def with_template(tiny_models: TinyModels, tmp_path: Path, template: str) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny_models("glm_asr"), folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


CONCATENATING = "{% for m in messages %}{{ 'say ' + m['content'] }}{% endfor %}"


@pytest.mark.parametrize("template", [GRANITE_TEMPLATE, CONCATENATING])
def test_transcripts_for_templates_that_take_plain_strings(
    template: str, tiny_models: TinyModels, sounds: list[Path], tmp_path: Path
) -> None:
    folder = with_template(tiny_models, tmp_path, template)
    backend: Any = load_model("speech-llm", model=str(folder))
    text = backend.prompt(Question("a", (Turn("user", ("She said: ", "fine")),)))
    assert "She said: fine" in text
    assert "type" not in text


def test_a_template_that_takes_plain_strings(
    tiny_models: TinyModels, sounds: list[Path], tmp_path: Path
) -> None:
    folder = with_template(tiny_models, tmp_path, GRANITE_TEMPLATE)
    backend: Any = load_model("speech-llm", model=str(folder))
    text = backend.prompt(ask(sounds[0], "Which?"))
    assert text == (
        "<|start_of_role|>user<|end_of_role|><|pad|>Which?<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>"
    )
    # a placeholder that somebody says is text
    assert "<|pad|>She said: < |pad|>" in backend.prompt(ask(sounds[0], "She said: <|pad|>"))


def test_a_template_without_a_system_role(tiny_models: TinyModels, sounds: list[Path]) -> None:
    backend: Any = load_model("speech-llm", model=str(tiny_models("glm_asr")))
    backend.processor.chat_template = (
        "{% if messages[0]['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}<|pad|>"
    )
    assert backend.prompt(ask(sounds[0])) == "<|pad|>"
    with pytest.raises(ConfigError, match="System role not supported"):
        backend.prompt(ask(sounds[0], system="Be brief."))


def test_a_text_model_does_not_hear(tmp_path: Path) -> None:
    save_text_model(tmp_path)
    with pytest.raises(ConfigError, match="takes no sound") as error:
        load_model("speech-llm", model=str(tmp_path))
    assert "text-llm" in str(error.value)


@pytest.mark.parametrize("named", [["NoSuchModel"], ["Qwen2AudioEncoder"], None])
def test_an_architecture_that_does_not_chat(
    named: list[str] | None, tiny_models: TinyModels, tmp_path: Path
) -> None:
    import json

    folder = tmp_path / "model"
    shutil.copytree(tiny_models("glm_asr"), folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = named
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="no chat model of this architecture"):
        load_model("speech-llm", model=str(folder))


def test_transcripts_of_several_lengths(tiny_models: TinyModels) -> None:
    backend: Any = load_model("speech-llm", model=str(tiny_models("glm_asr")))
    questions = [
        Question(text, (Turn("user", (text,)),)) for text in ("Which?", "Which one is it?")
    ]
    together = backend.prepare(questions).logits
    for at, question in enumerate(questions):
        alone = backend.prepare([question]).logits[0]
        np.testing.assert_allclose(alone.numpy(), together[at].numpy(), atol=1e-5)
    assert backend.encoder_passes == 0


def test_code_that_a_checkpoint_brings_is_found_when_asked_for() -> None:
    import transformers

    config = SimpleNamespace(
        architectures=["SomebodysOwnModel"], auto_map={"AutoModelForCausalLM": "theirs.py"}
    )
    assert classes_of(config, remote=True) == [transformers.AutoModelForCausalLM]
    assert classes_of(config, remote=False) == []
