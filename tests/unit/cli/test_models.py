"""``equivoice models``: the list, and SALMONN out of its published parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.cli.app import run
from equivoice.models.registry import load_model, model_names
from equivoice.models.salmonn.convert import Parts
from tiny.published_salmonn import lay_out
from tiny.speech import TinyModels


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
