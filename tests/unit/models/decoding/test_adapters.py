"""What of a model is trained: which layers have an adapter, which parts are free."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from equivoice.errors import ConfigError, MissingDependencyError
from equivoice.models.decoding.adapters import (
    PARTS,
    LoraSettings,
    attach_lora,
    load_adapter,
    save_adapter,
    trainable_parameters,
    unfreeze,
)
from equivoice.models.decoding.loading import LoadOptions
from equivoice.models.learning import Lesson
from equivoice.models.registry import load_model
from tiny.speech import TinyModels
from tiny.text import question, text_model

LAYERS = {
    f"layers.{layer}.{name}"
    for layer in (0, 1)
    for name in (
        *(f"self_attn.{each}_proj" for each in "qkvo"),
        *(f"mlp.{each}_proj" for each in ("gate", "up", "down")),
    )
}


@pytest.fixture
def text() -> Any:
    return copy.deepcopy(text_model())


@pytest.fixture(scope="module")
def speech_once(tiny_models: TinyModels) -> Any:
    return load_model("qwen2-audio", model=str(tiny_models("qwen2_audio")))


@pytest.fixture
def speech(speech_once: Any) -> Any:
    return copy.deepcopy(speech_once)


def adapted(backend: Any) -> set[str]:
    """The modules that have an adapter."""
    return {name.partition(".lora_")[0] for name, _ in trainable_parameters(backend)}


def test_settings_out_of_range_are_named_together() -> None:
    with pytest.raises(ConfigError) as error:
        LoraSettings(rank=0, alpha=0, dropout=1.0, targets="speech")
    for problem in ("rank: 0", "alpha: 0", "dropout: 1.0", "unknown choice 'speech'"):
        assert problem in str(error.value)
    assert "language, all-linear" in str(error.value)
    with pytest.raises(ConfigError, match="targets: empty"):
        LoraSettings(targets=())


def test_language_is_every_linear_layer_of_the_language_model_but_its_head(
    text: Any, speech: Any
) -> None:
    attach_lora(text, LoraSettings())
    assert adapted(text) == {f"model.{name}" for name in LAYERS}
    attach_lora(speech, LoraSettings())
    assert adapted(speech) == {f"model.language_model.{name}" for name in LAYERS}


def test_all_linear_is_encoder_and_projector_too(speech: Any) -> None:
    attach_lora(speech, LoraSettings(targets="all-linear"))
    found = adapted(speech)
    rest = found - {f"model.language_model.{name}" for name in LAYERS}
    assert "model.multi_modal_projector.linear" in rest
    encoder = {
        f"model.audio_tower.layers.{layer}.{name}"
        for layer in (0, 1)
        for name in (
            *(f"self_attn.{each}_proj" for each in "qkv"),
            "self_attn.out_proj",
            *("fc1", "fc2"),
        )
    }
    assert rest == encoder | {"model.multi_modal_projector.linear"}


def test_named_modules_wherever_they_stand(speech: Any) -> None:
    attach_lora(speech, LoraSettings(targets=("q_proj", "lm_head")))
    layers = ("language_model", "audio_tower")
    queries = {f"model.{part}.layers.{at}.self_attn.q_proj" for part in layers for at in (0, 1)}
    assert adapted(speech) == {"lm_head", *queries}


def test_an_adapter_of_the_head_is_heard(speech: Any) -> None:
    """The head is looked up at each call, so that an adapter put on later counts."""
    import torch

    lesson = Lesson(question("which emotion ?"), "Sad")
    with torch.no_grad():
        before = speech.answer_losses([lesson]).nll
        attach_lora(speech, LoraSettings(targets=("lm_head",)))
        for _, weight in trainable_parameters(speech):
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
        assert float((speech.answer_losses([lesson]).nll - before).abs().max()) > 1e-3


def test_rank_and_scale_are_those_asked_for(text: Any) -> None:
    import torch

    attach_lora(text, LoraSettings(rank=3, alpha=12.0, dropout=0.0))
    layer = text.model.model.layers[0].mlp.up_proj
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert (down.shape, up.shape) == ((3, 32), (64, 3))
    torch.nn.init.normal_(up, generator=torch.Generator().manual_seed(0))
    given = torch.randn(5, 32, generator=torch.Generator().manual_seed(1))
    expected = given @ layer.base_layer.weight.T + 4.0 * (given @ down.T) @ up.T
    torch.testing.assert_close(layer(given), expected)


def test_the_start_follows_the_global_seed() -> None:
    import torch

    def first(seed: int) -> Any:
        backend = copy.deepcopy(text_model())
        torch.manual_seed(seed)
        attach_lora(backend, LoraSettings())
        return trainable_parameters(backend)[0][1].detach()

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_modules_that_the_model_does_not_have(text: Any) -> None:
    with pytest.raises(ConfigError, match="cannot be given the adapter") as error:
        attach_lora(text, LoraSettings(targets=("query_key_value",)))
    assert "query_key_value" in str(error.value)
    assert "LlamaForCausalLM" in str(error.value)


def test_an_adapter_goes_on_or_is_refused(text: Any, tmp_path: Path) -> None:
    attach_lora(text, LoraSettings(rank=2))
    for _, weight in trainable_parameters(text):
        weight.requires_grad_(False)
    attach_lora(text, LoraSettings(rank=2))
    assert adapted(text) == {f"model.{name}" for name in LAYERS}
    with pytest.raises(ConfigError) as error:
        attach_lora(text, LoraSettings(rank=4, alpha=8, targets=("q_proj",)))
    for problem in ("rank: the adapter has 2, wanted is 4", "alpha", "targets"):
        assert problem in str(error.value)
    # also when it came from a folder
    save_adapter(text, tmp_path)
    other = copy.deepcopy(text_model())
    load_adapter(other, tmp_path)
    attach_lora(other, LoraSettings(rank=2))
    assert adapted(other) == {f"model.{name}" for name in LAYERS}


def test_parts_by_name(speech: Any) -> None:
    def freed(*patterns: str) -> set[str]:
        backend = copy.deepcopy(speech)
        names = unfreeze(backend, patterns)
        assert names == [name for name, _ in trainable_parameters(backend)]
        return set(names)

    every = {name for name, _ in speech.model.named_parameters()}
    assert freed("all") == every
    assert freed("head") == {"lm_head.weight"}
    assert freed("encoder") == {name for name in every if ".audio_tower." in name}
    assert freed("language") == {name for name in every if ".language_model." in name}
    projector = {f"model.multi_modal_projector.linear.{kind}" for kind in ("weight", "bias")}
    assert freed("projector") == projector
    assert freed("*.layers.1.mlp.up_proj.weight", "head") == {
        "model.language_model.layers.1.mlp.up_proj.weight",
        "lm_head.weight",
    }
    assert set(PARTS) == {"all", "encoder", "head", "language", "projector"}


def test_parts_that_are_not_there(text: Any) -> None:
    for wrong in ("projector", "encoder", "model.layers.7.*"):
        with pytest.raises(ConfigError, match="no weight of the model fits") as error:
            unfreeze(text, [wrong])
        assert wrong in str(error.value)
        assert "model.layers.*" in str(error.value)
    assert trainable_parameters(text) == []


def test_quantised_weights_are_not_trained(text: Any) -> None:
    import torch

    layer = text.model.model.layers[0].mlp.up_proj
    whole = torch.zeros(4, 4, dtype=torch.int8)
    layer.weight = torch.nn.Parameter(whole, requires_grad=False)
    with pytest.raises(ConfigError, match="quantised weights") as error:
        unfreeze(text, ["all"])
    assert "up_proj" in str(error.value)


def test_an_adapter_beside_parts_that_are_free(text: Any) -> None:
    attach_lora(text, LoraSettings(rank=2))
    freed = unfreeze(text, ["model.layers.0.mlp.up_proj.weight", "head"])
    assert freed == ["model.layers.0.mlp.up_proj.base_layer.weight", "lm_head.weight"]
    assert unfreeze(text, ["head"]) == []
    names = {name for name, _ in trainable_parameters(text)}
    assert set(freed) < names
    assert len(names) == 2 * len(LAYERS) + 2


def test_parts_come_back_without_an_adapter(text: Any, tmp_path: Path) -> None:
    import torch

    unfreeze(text, ["model.layers.1.*"])
    with torch.no_grad():
        for _, weight in trainable_parameters(text):
            weight.add_(0.1)
    save_adapter(text, tmp_path)
    assert not list(tmp_path.glob("adapter_model*"))
    other = copy.deepcopy(text_model())
    load_adapter(other, tmp_path)
    theirs = dict(other.model.named_parameters())
    for name, weight in text.model.named_parameters():
        assert torch.equal(weight, theirs[name]), name


def test_what_was_changed_before_is_saved_again(text: Any, tmp_path: Path) -> None:
    """An adapter that is trained on top of changed parts takes them along."""
    import torch

    attach_lora(text, LoraSettings(rank=2))
    unfreeze(text, ["head"])
    with torch.no_grad():
        text.model.lm_head.weight.mul_(2)
    save_adapter(text, tmp_path / "first")
    second = copy.deepcopy(text_model())
    load_adapter(second, tmp_path / "first")
    second.model.lm_head.weight.requires_grad_(False)
    attach_lora(second, LoraSettings(rank=2))
    save_adapter(second, tmp_path / "second")
    third = copy.deepcopy(text_model())
    load_adapter(third, tmp_path / "second")
    assert torch.equal(third.model.lm_head.weight, text.model.lm_head.weight)


def test_names_of_systems_with_adapters() -> None:
    assert LoadOptions("org/tiny").name == "tiny"
    assert LoadOptions("/models/tiny/", adapter="/runs/fair/best/").name == "tiny+fair"
    assert LoadOptions("tiny", adapter="runs/erm/checkpoints/step-20").name == "tiny+step-20"
    assert LoadOptions("tiny", adapter="best").name == "tiny"


def test_without_peft(text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingDependencyError, match=r"equivoice\[train\]"):
        attach_lora(text, LoraSettings())
