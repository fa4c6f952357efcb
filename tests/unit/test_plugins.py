"""What other packages bring: found by name, loaded late, and named where it is broken."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from equivoice import plugins
from equivoice.errors import ConfigError
from equivoice.plugins import load_plugin, plugin_names

NUMBER = 3
GROUP = "equivoice.things"


def thing() -> str:
    return "made"


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "equivoice_test_package"
    monkeypatch.setitem(sys.modules, module, sys.modules[__name__])
    values = {"mine": "thing", "gone": "absent", "number": "NUMBER"}
    points = [EntryPoint(name, f"{module}:{value}", GROUP) for name, value in values.items()]
    points.append(EntryPoint("nowhere", "no_such_package_at_all:X", GROUP))
    monkeypatch.setattr(
        plugins, "entry_points", lambda *, group: [each for each in points if each.group == group]
    )


@pytest.mark.usefixtures("plugged")
def test_what_a_package_brings_is_found_in_its_group_alone() -> None:
    assert plugin_names(GROUP) == {"mine", "gone", "number", "nowhere"}
    assert plugin_names("equivoice.models") == frozenset()
    made = load_plugin(GROUP, "mine", what="thing")
    assert made is not None
    assert made() == "made"
    assert load_plugin(GROUP, "yours", what="thing") is None
    assert load_plugin("equivoice.models", "mine", what="thing") is None


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone", "the thing 'gone' of another package cannot be loaded"),
        ("nowhere", "the thing 'nowhere' of another package cannot be loaded"),
        ("number", "the thing 'number' is not callable"),
    ],
)
def test_what_is_broken_is_named_with_where_it_stands(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_plugin(GROUP, name, what="thing")
    assert caught.value.value is not None
    assert ":" in str(caught.value.value)
