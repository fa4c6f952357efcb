"""Classifiers on disk: there and back, and everything that is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from equivoice.errors import ConfigError, StorageError
from equivoice.models import Clip
from equivoice.models.classifiers.files import (
    SavedClassifier,
    is_saved,
    load_classifier,
    read_saved,
    stored_names,
    write_classifier,
)
from equivoice.models.classifying import Sample
from equivoice.models.encoders.compact import CompactClassifier, CompactEncoder
from equivoice.models.registry import load_model
from equivoice.records import Label, LabelSpace
from tiny.encoders import save_tiny_encoder
from tiny.sounds import buzz, write
from tiny.trap import Trap

SPACE = LabelSpace("demo", (Label("angry", ("anger",)), Label("sad")))
SMALL = {"channels": (8, 8), "width": 4, "attention_width": 4}


def compact(seed: int = 1) -> CompactClassifier:
    return CompactEncoder(**SMALL).classifier(SPACE, seed=seed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved classifier."""
    place = tmp_path / "best"
    place.mkdir()
    compact().save(place)
    return place


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample("demo/a", Clip(str(write(tmp_path / "a.wav", buzz(200, 0.5)))))


def test_there_and_back(folder: Path, sample: Sample) -> None:
    found = load_classifier(folder)
    assert found.label_space == SPACE
    assert found.name == "compact-encoder"
    with torch.no_grad():
        assert torch.equal(found.class_logits([sample]), compact().class_logits([sample]))
        # a seed of its own would have given others
        assert not torch.equal(found.class_logits([sample]), compact(0).class_logits([sample]))
    assert not found.model.training


def test_options_are_kept_but_not_the_device(folder: Path) -> None:
    told = read_saved(folder)
    assert told.options["channels"] == [8, 8]
    assert "device" not in told.options
    assert told.modality == "speech"
    assert told.label_space.labels[0].synonyms == ("anger",)


def test_another_device_or_name_can_be_asked_for(folder: Path) -> None:
    assert load_classifier(folder, name="mine", device="cpu").name == "mine"


def test_every_weight_is_stored_where_nothing_is_pretrained(folder: Path) -> None:
    assert set(load_file(folder / "weights.safetensors")) == set(compact().model.state_dict())


def changed(folder: Path, change: dict[str, torch.Tensor | None]) -> None:
    file = folder / "weights.safetensors"
    tensors = load_file(file) | {name: each for name, each in change.items() if each is not None}
    save_file(
        {name: each for name, each in tensors.items() if change.get(name, each) is not None}, file
    )


def test_a_missing_tensor_is_named(folder: Path) -> None:
    changed(folder, {"head.out.bias": None})
    with pytest.raises(ConfigError, match=r"missing: head\.out\.bias"):
        load_classifier(folder)


def test_an_extra_tensor_is_named(folder: Path) -> None:
    changed(folder, {"evil.weight": torch.zeros(1)})
    with pytest.raises(ConfigError, match=r"not of the model: evil\.weight"):
        load_classifier(folder)


def test_another_shape_is_named(folder: Path) -> None:
    changed(folder, {"head.out.bias": torch.zeros(7)})
    with pytest.raises(ConfigError, match=r"head\.out\.bias is of another shape[\s\S]*\(7,\)"):
        load_classifier(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "weights.safetensors"])
def test_a_pickle_is_refused_and_never_run(folder: Path, name: str, tmp_path: Path) -> None:
    mark = tmp_path / "was run"
    (folder / "weights.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(ConfigError, match="pickle"):
        load_classifier(folder)
    assert not mark.exists()


def test_a_cut_off_file_is_refused(folder: Path) -> None:
    file = folder / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ConfigError, match="cannot be read as safetensors"):
        load_classifier(folder)


def test_no_folder_no_configuration_no_weights(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such classifier"):
        load_classifier(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"holds no config\.json"):
        load_classifier(tmp_path)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"holds no weights\.safetensors"):
        load_classifier(folder)


@pytest.mark.parametrize(
    "text", ["{}", "no json", '{"format": 1, "system": "compact-encoder"}', "[]"]
)
def test_another_configuration_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(ConfigError, match="no configuration of a classifier"):
        load_classifier(folder)


def test_another_format_and_another_system_are_refused(folder: Path) -> None:
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told | {"format": 9}))
    with pytest.raises(ConfigError, match="another release"):
        load_classifier(folder)
    (folder / "config.json").write_text(json.dumps(told | {"system": "prior", "options": {}}))
    with pytest.raises(ConfigError, match="cannot be one"):
        load_classifier(folder)


def test_frozen_pretrained_weights_are_named_and_not_stored(tmp_path: Path) -> None:
    base = save_tiny_encoder("wavlm", tmp_path / "base")
    made = load_model("speech-encoder", model=str(base), freeze="all", head_width=4)
    backend = made.classifier(SPACE, seed=0)  # type: ignore[union-attr]
    assert all(not name.startswith("encoder.") for name in stored_names(backend))
    (tmp_path / "best").mkdir()
    backend.save(tmp_path / "best")
    told = read_saved(tmp_path / "best")
    assert list(told.base) == [str(base)]
    assert str(told.base[str(base)]).startswith("sha256:")
    load_classifier(tmp_path / "best")
    other = save_tiny_encoder("wavlm", tmp_path / "other", seed=5)
    with pytest.raises(ConfigError, match="is not the one that this classifier was trained on"):
        load_classifier(tmp_path / "best", model=str(other))


def test_trained_pretrained_weights_are_stored(tmp_path: Path) -> None:
    base = save_tiny_encoder("wavlm", tmp_path / "base")
    made = load_model("speech-encoder", model=str(base), freeze="layers:2", head_width=4)
    backend = made.classifier(SPACE, seed=0)  # type: ignore[union-attr]
    stored = [name for name in stored_names(backend) if name.startswith("encoder.")]
    assert stored
    assert all(".layers.2." in name for name in stored)


def test_what_cannot_be_written_says_so(tmp_path: Path) -> None:
    saved = SavedClassifier("compact-encoder", {}, "x", SPACE, "speech")
    with pytest.raises(StorageError, match="cannot be written into"):
        write_classifier(tmp_path / "none", saved, {"a": torch.zeros(1)})


def test_a_folder_says_whether_it_holds_a_classifier(tmp_path: Path, folder: Path) -> None:
    assert is_saved(folder)
    (folder / "weights.safetensors").unlink()
    assert is_saved(folder)  # so that what it lacks can be named
    assert not is_saved(tmp_path)
    for text in ("no json", "[]", '{"model_type": "wavlm"}'):
        (folder / "config.json").write_text(text)
        assert not is_saved(folder)
