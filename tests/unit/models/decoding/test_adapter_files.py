"""Adapters as files: whole or refused, and never unpickled."""

from __future__ import annotations

import copy
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from equivoice.errors import ConfigError
from equivoice.models.decoding.adapter_files import (
    adapter_config,
    changed_weights,
    describe_adapter,
    read_adapter,
    write_adapter,
)
from equivoice.models.decoding.adapters import LoraSettings, attach_lora, save_adapter, unfreeze
from equivoice.models.text_llms.causal import CausalTextModel
from tiny.text import save_text_model, text_model

FILES = {
    "adapter_config.json",
    "adapter_model.safetensors",
    "adapter_origin.json",
    "further_weights.safetensors",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter and the head of a tiny Llama."""
    folder = tmp_path_factory.mktemp("adapter")
    backend = copy.deepcopy(text_model())
    attach_lora(backend, LoraSettings(rank=2))
    unfreeze(backend, ["head"])
    save_adapter(backend, folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy that may be spoiled."""
    return shutil.copytree(written, tmp_path / "adapter")


def plain() -> Any:
    return copy.deepcopy(text_model()).model


def test_the_files_are_whole_and_nothing_else_is_left(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == FILES
    told = json.loads((folder / "adapter_config.json").read_text())
    assert (told["peft_type"], told["r"], told["lora_alpha"]) == ("LORA", 2, 32.0)
    origin = json.loads((folder / "adapter_origin.json").read_text())
    assert origin["architecture"] == "LlamaForCausalLM"
    assert told["base_model_name_or_path"] == origin["model"]


def test_names_in_files_are_those_of_peft_and_of_the_plain_model(folder: Path) -> None:
    from safetensors.torch import load_file

    adapter = load_file(folder / "adapter_model.safetensors")
    first = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"
    assert sorted(adapter)[0] == first
    assert len(adapter) == 28
    assert list(load_file(folder / "further_weights.safetensors")) == ["lm_head.weight"]


def test_a_weight_beneath_an_adapter_has_its_plain_name(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    backend = copy.deepcopy(text_model())
    attach_lora(backend, LoraSettings(rank=2))
    unfreeze(backend, ["model.layers.0.mlp.up_proj.*"])
    weight = backend.model.model.layers[0].mlp.up_proj.base_layer.weight
    weight.data.add_(1.0)
    save_adapter(backend, tmp_path)
    assert list(load_file(tmp_path / "further_weights.safetensors")) == [
        "model.layers.0.mlp.up_proj.weight"
    ]
    model = plain()
    read_adapter(model, tmp_path)
    assert (model.model.layers[0].mlp.up_proj.base_layer.weight == weight).all()


def test_reading_describes_itself(folder: Path) -> None:
    model = plain()
    assert adapter_config(model) is None
    assert changed_weights(model) == frozenset()
    read_adapter(model, folder)
    assert adapter_config(model).r == 2
    assert changed_weights(model) == {"lm_head.weight"}
    said = json.loads(json.dumps(describe_adapter(model, folder)))
    assert said["lora"]["alpha"] == 32.0
    assert "q_proj" in said["lora"]["targets"]
    assert said["further_weights"] == 1
    assert said["weights"].startswith("sha256:")
    assert said["origin"]["architecture"] == "LlamaForCausalLM"


def test_other_weights_are_another_fingerprint(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    before = describe_adapter(plain(), folder)["weights"]
    tensors = load_file(folder / "further_weights.safetensors")
    save_file(
        {name: 2 * each for name, each in tensors.items()}, folder / "further_weights.safetensors"
    )
    assert describe_adapter(plain(), folder)["weights"] != before


def test_nothing_that_is_trained_is_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing of the model is trained"):
        write_adapter(plain(), tmp_path, origin={})
    assert list(tmp_path.iterdir()) == []


def refused(folder: Path, match: str, model: Any = None) -> str:
    with pytest.raises(ConfigError, match=match) as error:
        read_adapter(plain() if model is None else model, folder)
    assert str(folder) in str(error.value)
    return str(error.value)


def test_folders_that_hold_no_adapter(tmp_path: Path, folder: Path) -> None:
    refused(tmp_path / "nowhere", "no such adapter folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no whole adapter")
    (folder / "adapter_model.safetensors").unlink()
    refused(folder, "no whole adapter")


def test_a_pickled_adapter_is_never_opened(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    # opening this would run a command
    (folder / "adapter_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    said = refused(folder, "the adapter is pickled")
    assert "adapter_model.bin" in said


def test_an_adapter_of_another_architecture(folder: Path, tmp_path: Path) -> None:
    other = CausalTextModel(str(save_text_model(tmp_path / "qwen2", "qwen2"))).model
    said = refused(folder, "of another architecture than the model: 'LlamaForCausalLM'", other)
    assert "Qwen2ForCausalLM" in said
    # saved by peft, which notes the class in its own way
    (folder / "adapter_origin.json").unlink()
    told = json.loads((folder / "adapter_config.json").read_text())
    told["auto_mapping"] = {
        "base_model_class": "LlamaForCausalLM",
        "parent_library": "transformers",
    }
    (folder / "adapter_config.json").write_text(json.dumps(told))
    refused(folder, "of another architecture", other)


def test_an_adapter_of_another_size(folder: Path, tmp_path: Path) -> None:
    wider = CausalTextModel(
        str(save_text_model(tmp_path / "wide", hidden_size=48, num_hidden_layers=2))
    ).model
    said = refused(folder, "does not fit the model", wider)
    assert "(2, 32) and the model's (2, 48)" in said
    deeper = CausalTextModel(str(save_text_model(tmp_path / "deep", num_hidden_layers=3))).model
    assert "layers.2" in refused(folder, r"does not fit the model \(14 of 42", deeper)
    shallow = CausalTextModel(str(save_text_model(tmp_path / "thin", num_hidden_layers=1))).model
    assert "has no place" in refused(folder, "does not fit the model", shallow)


def test_an_adapter_of_another_kind(folder: Path) -> None:
    told = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**told, "peft_type": "IA3"}))
    assert "LORA" in refused(folder, "adapter of this kind cannot be used")


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "further_weights.safetensors"])
def test_files_that_are_cut_off(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    assert name in refused(folder, "the weights cannot be read")


def test_configurations_that_are_no_json(folder: Path) -> None:
    (folder / "adapter_origin.json").write_text("{}")
    (folder / "adapter_config.json").write_text("r: 2")
    refused(folder, "not JSON")
    (folder / "adapter_config.json").write_text("[2]")
    refused(folder, "not a JSON object")


def test_further_weights_that_the_model_does_not_have(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"model.norm.bias": torch.zeros(32)}, folder / "further_weights.safetensors")
    assert "model.norm.bias has no place" in refused(folder, "does not fit the model")


def test_an_adapter_that_peft_wrote_is_read(tmp_path: Path) -> None:
    """With a kind of LoRA that we do not write, whose files name tensors in their own way."""
    import torch
    from peft import LoraConfig, get_peft_model

    model = plain()
    with warnings.catch_warnings():
        # peft asks by a name that newer transformers have given another
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], use_dora=True))
    with torch.no_grad():
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.05)
    wrapped.save_pretrained(tmp_path, save_embedding_layers=False)
    ours = plain()
    read_adapter(ours, tmp_path)
    ids = torch.tensor([[9, 12, 17]])
    with torch.no_grad():
        expected = wrapped.eval()(input_ids=ids).logits
        torch.testing.assert_close(ours.eval()(input_ids=ids).logits, expected)
        assert float((plain()(input_ids=ids).logits - expected).abs().max()) > 1e-3
