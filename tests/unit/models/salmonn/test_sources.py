"""Files of other people: tensors and plain values come out, code never runs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from equivoice.errors import ConfigError
from equivoice.models.salmonn.sources import read_published, weights_files
from tiny.trap import Trap

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def the_same(found: Any) -> bool:
    return found.keys() == TENSORS.keys() and all(
        torch.equal(found[name], tensor) for name, tensor in TENSORS.items()
    )


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("held", "settings"),
    [
        (TENSORS, {}),
        ({"model": TENSORS, "cfg": {"layers": 2}}, {"layers": 2}),
        ({"model": TENSORS, "config": {"model": {"rank": 8}}, "epoch": 1}, {"model": {"rank": 8}}),
        ({"state_dict": TENSORS}, {}),
    ],
)
def test_layouts_of_torch(tmp_path: Path, held: Any, settings: Any, zipped: bool) -> None:
    file = tmp_path / "some.pt"
    torch.save(held, file, _use_new_zipfile_serialization=zipped)
    found = read_published(file)
    assert the_same(found.tensors)
    assert found.settings == settings
    assert found.file == file


def test_safetensors_with_settings_in_their_metadata(tmp_path: Path) -> None:
    file = tmp_path / "some.safetensors"
    save_file(TENSORS, file, {"config": '{"layers": 3}'})
    found = read_published(file)
    assert the_same(found.tensors)
    assert found.settings == {"layers": 3}


@pytest.mark.parametrize("plain", [True, False])
def test_code_in_a_checkpoint_is_refused_and_does_not_run(tmp_path: Path, plain: bool) -> None:
    file, sprung = tmp_path / "trap.pth", tmp_path / "sprung"
    held = {"model": TENSORS, "extra": Trap(sprung)}
    if plain:
        file.write_bytes(pickle.dumps({"extra": Trap(sprung)}, protocol=2))
    else:
        torch.save(held, file)
    with pytest.raises(ConfigError, match="could run whatever code it holds") as error:
        read_published(file)
    assert str(file) in str(error.value)
    assert not sprung.exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04 cut off"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    for name in ("some.pt", "some.safetensors"):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(ConfigError) as error:
            read_published(file)
        assert str(file) in str(error.value)


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    file = tmp_path / "some.pt"
    torch.save({"model": {"a": torch.zeros(5000)}}, file)
    file.write_bytes(file.read_bytes()[:9000])
    with pytest.raises(ConfigError, match="cannot be read") as error:
        read_published(file)
    assert str(file) in str(error.value)


def test_a_file_without_tensors_is_named(tmp_path: Path) -> None:
    for number, held in enumerate(({"epoch": 3}, [1, 2], {"model": {}})):
        file = tmp_path / f"{number}.pt"
        torch.save(held, file)
        with pytest.raises(ConfigError, match="no tensors by name"):
            read_published(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such checkpoint") as error:
        read_published(tmp_path / "none.pt")
    assert "none.pt" in str(error.value)


def test_safetensors_go_before_pickled_weights(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no weights"):
        weights_files(tmp_path)
    for name in ("pytorch_model-2.bin", "pytorch_model-1.bin", "training_args.bin"):
        (tmp_path / name).touch()
    assert [file.name for file in weights_files(tmp_path)] == [
        "pytorch_model-1.bin",
        "pytorch_model-2.bin",
    ]
    (tmp_path / "model.safetensors").touch()
    assert [file.name for file in weights_files(tmp_path)] == ["model.safetensors"]
