"""Systems by name, built in and plugged in; mistakes name the choices."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from equivoice import plugins
from equivoice.errors import ConfigError
from equivoice.models import Trainable
from equivoice.models.registry import load_model, model_description, model_names


class Plugged:
    """A system of another package. It does nothing."""

    def __init__(self, size: int = 1, **more: Any) -> None:
        self.name = f"plugged-{size}-{len(more)}"

    def fit(self, train: Any, validation: Any, *, label_space: Any, seed: int) -> Any:
        raise NotImplementedError


class NoSystem:
    """Neither predicts nor learns."""


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group="equivoice.models")


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "some_package", sys.modules[__name__])
    points = [
        point("plugged", "some_package:Plugged"),
        point("broken", "some_package:Absent"),
        point("gone", "no_such_package_at_all:X"),
        point("nothing", "some_package:NoSystem"),
        point("number", "some_package:NUMBER"),
        point("prior", "some_package:Plugged"),
    ]
    monkeypatch.setattr(
        plugins, "entry_points", lambda group: points if group == "equivoice.models" else []
    )


NUMBER = 3


def test_what_comes_with_equivoice_is_listed_in_order() -> None:
    names = model_names()
    assert names == tuple(sorted(names))
    assert {"acoustic", "acoustic-speaker-normalised", "prior", "scripted"} <= set(names)


@pytest.mark.parametrize("name", ["prior", "scripted"])
def test_a_built_in_system_is_found_by_its_name(name: str) -> None:
    model = load_model(name)
    assert isinstance(model, Trainable)
    assert model.name == name
    assert model_description(name).endswith(".")


def test_an_unknown_name_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="no such system") as caught:
        load_model("acustic")
    assert caught.value.choices == model_names()
    with pytest.raises(ConfigError, match="no such system"):
        model_description("acustic")


def test_options_reach_the_system_and_unknown_ones_are_all_named() -> None:
    assert load_model("scripted", name="fake", accuracy=0.5).name == "fake"
    with pytest.raises(ConfigError) as caught:
        load_model("scripted", acuracy=0.5, nmae="x")
    message = str(caught.value)
    assert "acuracy: unknown option" in message
    assert "nmae: unknown option" in message
    assert "answers, accuracy" in message


@pytest.mark.parametrize("name", ["qwen2-audio", "audio-flamingo-3", "voxtral", "speech-llm"])
def test_an_option_that_a_system_needs_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}' needs the option 'model'"):
        load_model(name)


def test_another_package_can_add_a_system(plugged: None) -> None:
    assert "plugged" in model_names()
    assert load_model("plugged", size=4, anything=1).name == "plugged-4-1"
    assert model_description("plugged") == "A system of another package. It does nothing."


def test_a_built_in_name_cannot_be_taken(plugged: None) -> None:
    assert type(load_model("prior")).__name__ == "PriorBaseline"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "cannot be loaded"),
        ("gone", "cannot be loaded"),
        ("number", "is not callable"),
        ("nothing", "neither predict nor be fitted"),
    ],
)
def test_a_broken_plug_in_is_named_and_is_no_traceback(
    plugged: None, name: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_model(name)
    assert name in str(caught.value)


def test_listing_systems_imports_none_of_their_packages() -> None:
    code = (
        "import sys; from equivoice.models.registry import model_names; model_names();"
        "print([m for m in ('sklearn','torch','parselmouth','soundfile','joblib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
