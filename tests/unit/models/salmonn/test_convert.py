"""From published parts to a folder, and every way in which parts can be wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from equivoice.errors import ConfigError, StorageError
from equivoice.models import Decoding, Draw
from equivoice.models.registry import load_model
from equivoice.models.salmonn import convert as module
from equivoice.models.salmonn.convert import LORA_FOLDER, Parts, convert
from tiny.published_salmonn import LORA_RANK, lay_out, own_lora
from tiny.sounds import ask, buzz, write
from tiny.speech import TinyModels


@pytest.fixture(scope="module")
def original(tiny_models: TinyModels) -> Path:
    return tiny_models("salmonn")


@pytest.fixture(scope="module")
def parts(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return lay_out(original, tmp_path_factory.mktemp("published") / "parts")


@pytest.fixture(scope="module")
def converted(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(parts, tmp_path_factory.mktemp("converted") / "salmonn-tiny")


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for file in folder.glob("*.safetensors"):
        held = load_file(file)
        assert not found.keys() & held.keys()
        found |= held
    return found


def test_every_weight_is_where_it_belongs(original: Path, converted: Path) -> None:
    ours, theirs = weights_of(converted), weights_of(original)
    assert ours.keys() == theirs.keys()
    for name, weight in theirs.items():
        assert torch.equal(ours[name], weight), name
    index = json.loads((converted / "model.safetensors.index.json").read_text())
    assert index["weight_map"].keys() == theirs.keys()
    assert index["metadata"]["total_size"] == sum(each.nbytes for each in theirs.values())
    assert not list(converted.glob("*.bin"))
    assert not list(converted.parent.glob(".*"))


def test_sizes_are_read_off_the_parts(original: Path, converted: Path) -> None:
    wanted = json.loads((original / "config.json").read_text())
    found = json.loads((converted / "config.json").read_text())
    for part in ("beats_config", "qformer_config"):
        for name, value in wanted[part].items():
            assert found[part][name] == value, (part, name)
    assert found["audio_token_id"] == wanted["audio_token_id"]
    assert found["text_config"]["vocab_size"] == wanted["text_config"]["vocab_size"]


def test_it_answers_as_the_original_with_the_adapter_merged_by_hand(
    original: Path, converted: Path, tmp_path: Path
) -> None:
    """Whose alpha its checkpoint names: 28."""
    sound = write(tmp_path / "a.wav", buzz(120, 1.2))
    questions = [ask(sound)]
    plain = load_model("salmonn", model=str(original))
    before = plain.prepare(questions).logits
    lora = own_lora(plain.model)
    with torch.no_grad():
        for number, layer in enumerate(plain.model.language_model.model.layers):
            for kind in ("q_proj", "v_proj"):
                stem = f"layers.{number}.self_attn.{kind}"
                change = lora[f"{stem}.lora_B"] @ lora[f"{stem}.lora_A"] * 28 / LORA_RANK
                getattr(layer.self_attn, kind).weight += change
    backend = load_model("salmonn", model=str(converted))
    ours, theirs = backend.prepare(questions), plain.prepare(questions)
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-4, rtol=1e-4)
    assert float((ours.logits - before).abs().max()) > 0.1
    draws = [[Draw(0.0, 0)]]
    neutral = Decoding.neutral()
    assert backend.answer(questions, draws, neutral) == plain.answer(questions, draws, neutral)
    own = backend.describe()["own_adapter"]
    assert (own["lora"]["rank"], own["lora"]["alpha"]) == (LORA_RANK, 28)
    assert own["lora"]["dropout"] == 0.1
    assert "tower" not in own["lora"]["targets"]


def test_both_spellings_of_lora_give_one_folder(
    original: Path, converted: Path, tmp_path: Path
) -> None:
    plain = lay_out(original, tmp_path / "parts", lora_name="")
    again = convert(plain, tmp_path / "again")
    ours, theirs = (weights_of(folder / LORA_FOLDER) for folder in (again, converted))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_without_an_adapter_there_is_none(original: Path, tmp_path: Path) -> None:
    folder = convert(lay_out(original, tmp_path / "parts", lora=False), tmp_path / "out")
    assert not (folder / LORA_FOLDER).exists()
    assert load_model("salmonn", model=str(folder)).describe()["own_adapter"] is None


def test_alpha_can_be_said(parts: Parts, tmp_path: Path) -> None:
    folder = convert(parts, tmp_path / "out", lora_alpha=16)
    told = json.loads((folder / LORA_FOLDER / "adapter_config.json").read_text())
    assert (told["lora_alpha"], told["r"]) == (16, LORA_RANK)


def test_large_parts_are_written_in_shards(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, original: Path
) -> None:
    monkeypatch.setattr(module, "_SHARD_BYTES", 20_000)
    seen: list[tuple[str, int, int]] = []
    folder = convert(parts, tmp_path / "out", watch=lambda *each: seen.append(each))
    files = list(folder.glob("model-*.safetensors"))
    assert len(files) > 10
    theirs = weights_of(original)
    assert {name: each.shape for name, each in weights_of(folder).items()} == {
        name: each.shape for name, each in theirs.items()
    }
    assert [done for _, done, _ in seen] == list(range(1, seen[-1][2] + 1))
    load_model("salmonn", model=str(folder))


def changed(file: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a checkpoint with something done to what it holds."""
    held = torch.load(file, weights_only=True)
    change(held)
    torch.save(held, out)
    return out


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda held: held["model"].pop(name)


def add(name: str, tensor: torch.Tensor) -> Callable[[dict[str, Any]], None]:
    return lambda held: held["model"].update({name: tensor})


WRONG = {
    "missing": ("salmonn", drop("ln_audio.bias"), "ln_audio.bias"),
    "misshapen": ("salmonn", add("ln_audio.bias", torch.ones(5)), r"ln_audio\.bias \(5,\)"),
    "unknown": ("salmonn", add("speech_more.bias", torch.ones(5)), r"speech_more\.bias"),
    "too many layers": (
        "beats",
        add("encoder.layers.7.fc1.bias", torch.ones(5)),
        r"layers\.7\.fc1\.bias",
    ),
    "no Q-Former": ("salmonn", drop("speech_query_tokens"), "no Q-Former"),
    "two tables of positions": (
        "beats",
        add("encoder.layers.1.self_attn.relative_attention_bias.weight", torch.ones(32, 2)),
        "stands twice, with other values",
    ),
    "another BEATs": (
        "beats",
        lambda held: held["cfg"].update(layer_norm_first=True),
        "layer_norm_first=True",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_weights_are_named_and_nothing_is_written(
    what: str, parts: Parts, tmp_path: Path
) -> None:
    part, change, said = WRONG[what]
    file = changed(getattr(parts, part), tmp_path / "changed.pth", change)
    with pytest.raises(ConfigError, match=said):
        convert(replace(parts, **{part: file}), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["changed.pth"]


def test_parts_of_two_sizes_do_not_go_together(
    parts: Parts, tiny_models: TinyModels, tmp_path: Path
) -> None:
    from tiny.speech import Shape

    wider = lay_out(tiny_models("salmonn", Shape(hidden=48)), tmp_path / "wider")
    with pytest.raises(ConfigError, match="do all parts belong to one size") as error:
        convert(replace(parts, language=wider.language), tmp_path / "out")
    assert "proj.weight" in str(error.value)


def test_folders_that_are_none(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config\.json"):
        convert(replace(parts, whisper=tmp_path), tmp_path / "out")
    with pytest.raises(ConfigError, match="another architecture") as error:
        convert(replace(parts, whisper=parts.language), tmp_path / "out")
    assert "llama" in str(error.value)
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copyfile(parts.whisper / "config.json", empty / "config.json")
    with pytest.raises(ConfigError, match="holds no weights"):
        convert(replace(parts, whisper=empty), tmp_path / "out")


def test_what_is_there_is_not_overwritten(parts: Parts, converted: Path) -> None:
    with pytest.raises(ConfigError, match="already"):
        convert(parts, converted)


def test_a_place_that_cannot_be_written_is_named(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_settings", full)
    with pytest.raises(StorageError, match="No space left"):
        convert(parts, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_ranks_must_be_one(parts: Parts, tmp_path: Path) -> None:
    name = "llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight"
    file = changed(parts.salmonn, tmp_path / "changed.pth", add(name, torch.ones(5, 32)))
    with pytest.raises(ConfigError, match="several ranks"):
        convert(replace(parts, salmonn=file), tmp_path / "out")
