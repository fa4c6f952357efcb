"""``equivoice models``: the list, and SALMONN out of its published parts."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from equivoice.cli.app import run
from equivoice.models.registry import load_model, model_names
from equivoice.models.salmonn.convert import Parts
from tiny.published_salmonn import lay_out
from tiny.speech import TinyModels
from tiny.trap import Trap


@pytest.fixture(scope="module")
def parts(tiny_models: TinyModels, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return lay_out(tiny_models("salmonn"), tmp_path_factory.mktemp("published") / "parts")


def words(parts: Parts, out: Path, **others: object) -> list[str]:
    given = {**vars(parts), "out": out, **others}
    flags = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given.items()]
    return ["models", "convert-salmonn", *(word for flag in flags for word in flag)]


def test_models_lists_each_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in model_names())
    assert {"salmonn", "salmonn-classifier"} <= set(model_names())


def test_salmonn_is_converted_and_loads(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(parts, tmp_path / "salmonn-7b", lora_alpha=16)) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == f"Result: {tmp_path / 'salmonn-7b'}"
    backend = load_model("salmonn", model=str(tmp_path / "salmonn-7b"))
    assert backend.describe()["own_adapter"]["lora"]["alpha"] == 16


def test_what_is_wrong_is_said(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "convert-salmonn"]) == 2
    said = capsys.readouterr().err
    assert all(f"{name}: needed" in said for name in ("salmonn", "beats", "language", "out"))
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no checkpoint")
    assert run(words(parts, tmp_path / "out", beats=broken)) == 2
    assert str(broken) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("taken", "given", "said"),
    [
        ("ln_audio.bias", None, "1 of "),
        (None, "ln_audio.shift", "no checkpoint of SALMONN is known to have such a weight"),
    ],
)
def test_keys_that_are_missing_or_too_many_are_named(
    parts: Parts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    taken: str | None,
    given: str | None,
    said: str,
) -> None:
    held = torch.load(parts.salmonn, weights_only=True)
    if taken is not None:
        held["model"].pop(taken)
    if given is not None:
        held["model"][given] = torch.ones(4)
    torch.save(held, tmp_path / "other.pth")
    assert run(words(parts, tmp_path / "out", salmonn=tmp_path / "other.pth")) == 2
    told = capsys.readouterr().err
    assert said in told
    assert str(taken or given) in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["salmonn", "beats"])
def test_a_checkpoint_with_code_in_it_is_refused_and_the_code_is_not_run(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    file, sprung = tmp_path / "trap.pth", tmp_path / "sprung"
    held = torch.load(getattr(parts, part), weights_only=True)
    torch.save({**held, "more": Trap(sprung)}, file)
    assert run(words(parts, tmp_path / "out", **{part: file})) == 2
    assert "could run whatever code it holds" in " ".join(capsys.readouterr().err.split())
    assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung)))  # noqa: S301 - the trap does spring where it is let
    assert sprung.exists()
