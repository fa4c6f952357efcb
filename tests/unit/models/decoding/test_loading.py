"""Loading: what goes wrong is said with the file, the choices and the next step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from equivoice.errors import ConfigError
from equivoice.models.decoding.loading import (
    LoadOptions,
    describe_loading,
    load_pretrained,
    load_processing,
    pick_device,
)
from tiny.text import save_text_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_text_model(tmp_path_factory.mktemp("saved") / "llama")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def _load(folder: Path | str, kind: str = "AutoModelForCausalLM", **options: object) -> object:
    return load_pretrained(kind, LoadOptions(str(folder), device="cpu", **options))


def test_a_model_is_loaded_for_inference(saved: Path) -> None:
    model = _load(saved)
    assert type(model).__name__ == "LlamaForCausalLM"
    assert not model.training
    assert model.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_dtype_and_kernel_as_asked(saved: Path) -> None:
    model = _load(saved, dtype="bfloat16", attention="eager")
    assert model.dtype == torch.bfloat16
    assert model.config._attn_implementation == "eager"


def test_by_class_as_well_as_by_name(saved: Path) -> None:
    from transformers import LlamaForCausalLM

    model = load_pretrained(LlamaForCausalLM, LoadOptions(str(saved), device="cpu"))
    assert isinstance(model, LlamaForCausalLM)


def test_all_wrong_options_are_told_together() -> None:
    with pytest.raises(ConfigError) as told:
        LoadOptions("", dtype="int3", attention="flash_attention_2", quantisation="2bit")
    for word in ("dtype", "int3", "flash_attention_2", "2bit", "model: empty", "sdpa"):
        assert word in str(told.value)


@pytest.mark.parametrize("name", ["/no/such/folder", "./no-such", "a/b/c"])
def test_a_folder_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match="no such model folder"):
        _load(name)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config\.json"):
        _load(tmp_path)


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="cannot be had from the hub") as told:
        _load("nobody/no-such-model")
    assert "network" in str(told.value)
    assert "nobody/no-such-model" in str(told.value)


def test_another_architecture_is_refused_by_name(saved: Path) -> None:
    with pytest.raises(ConfigError, match="another architecture than Qwen2ForCausalLM") as told:
        _load(saved, "Qwen2ForCausalLM")
    assert "LlamaForCausalLM" in str(told.value)
    assert "choices: qwen2" in str(told.value)


def test_an_architecture_that_the_auto_class_does_not_know(saved: Path) -> None:
    with pytest.raises(ConfigError, match="LlamaForCausalLM cannot be loaded"):
        _load(saved, "AutoModelForSpeechSeq2Seq")


def test_a_class_that_this_release_lacks(saved: Path) -> None:
    with pytest.raises(ConfigError, match="has no such class"):
        _load(saved, "NoSuchModelForAnything")


def test_an_unknown_model_type(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "no-such-type"}))
    with pytest.raises(ConfigError, match="cannot be loaded"):
        _load(folder)


def test_a_broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        _load(folder)


def test_pickled_weights_are_refused_unless_asked(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="pickled") as told:
        _load(folder)
    assert "safetensors_only=False" in str(told.value)
    assert _load(folder, safetensors_only=False) is not None


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="no weights"):
        _load(folder)


def test_weights_that_are_cut_off(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match="cannot be loaded"):
        _load(folder)


def test_missing_weights_are_not_made_up(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match="lacks 1 of the model's weights") as told:
        _load(folder)
    assert "model.layers.1.mlp.up_proj.weight" in str(told.value)


def test_code_of_the_checkpoint_is_not_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "own"
    config["auto_map"] = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('the code was run')")
    with pytest.raises(ConfigError, match="brings its own code") as told:
        _load(folder)
    assert "trust_remote_code=True" in str(told.value)


def test_quantisation_needs_a_gpu(saved: Path) -> None:
    with pytest.raises(ConfigError, match="need a GPU"):
        _load(saved, quantisation="4bit")


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(ConfigError, match="no GPU"):
        pick_device("cuda")
    with pytest.raises(ConfigError, match="unknown device"):
        pick_device("gramophone")


def test_a_processor_that_is_not_there(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_processing("AutoProcessor", LoadOptions(str(folder)))


def test_the_description_is_json_and_names_origin_and_settings(saved: Path) -> None:
    options = LoadOptions(str(saved), device="cpu")
    told = describe_loading(load_pretrained("AutoModelForCausalLM", options), options)
    json.dumps(told)
    assert told["weights"].startswith("sha256:")
    assert (told["dtype"], told["device"], told["attention"]) == ("float32", "cpu", "sdpa")
    assert told["generation_settings"]["eos_token_id"] == [3, 4]
