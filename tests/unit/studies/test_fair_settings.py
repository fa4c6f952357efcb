"""Which methods are compared, and what their trainings have otherwise than the recipes."""

from __future__ import annotations

import json

import pytest

from equivoice.errors import ConfigError
from equivoice.studies.fair.settings import METHODS, STUDY_RECIPE, FairSettings, read_method
from equivoice.training import resolve_settings


@pytest.mark.parametrize(
    ("text", "key", "recipe"),
    [
        ("erm", "erm", "erm"),
        ("minmaxgap", "minmaxgap", "minmaxgap"),
        ("fixed:2", "fixed-2", "minmaxgap"),
        ("fixed:0.25", "fixed-0.25", "minmaxgap"),
    ],
)
def test_methods_as_they_are_typed(text: str, key: str, recipe: str) -> None:
    method = read_method(text)
    assert (method.key, method.recipe) == (key, recipe)


def test_a_fixed_weight_stays_and_stands_in_the_name() -> None:
    method = read_method("fixed:0.5")
    assert method.changes == {"weight": {"kind": "fixed", "start": 0.5}}
    assert method.name == "fixed λ = 0.5"


@pytest.mark.parametrize("text", ["ERM", "fixed", "minmaxgap:2", ""])
def test_unknown_methods_name_the_choices(text: str) -> None:
    with pytest.raises(ConfigError, match="minmaxgap"):
        read_method(text)


@pytest.mark.parametrize("text", ["fixed:", "fixed:much", "fixed:-1", "fixed:inf", "fixed:nan"])
def test_a_weight_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="0 or more"):
        read_method(text)


def test_what_is_wrong_is_said_together() -> None:
    with pytest.raises(ConfigError) as raised:
        FairSettings(methods=("erm", "erm"), seeds=(), folds=("1", "1"), size="huge", cell="age")
    said = str(raised.value)
    for part in ("methods: erm", "seeds: there is none", "folds: 1", "'huge'", "'age'"):
        assert part in said


def test_one_method_written_in_two_ways_is_one() -> None:
    with pytest.raises(ConfigError, match="fixed-1 stands there twice"):
        FairSettings(methods=("fixed:1", "fixed:1.0"))


def test_every_method_resolves_to_a_training_that_differs_in_its_objective_alone() -> None:
    settings = FairSettings(recipe={"optimiser": {"epochs": 3}})
    resolved = {}
    for method in settings.chosen:
        found = resolve_settings(
            method.recipe,
            settings.changes(method),
            system="qwen2-audio",
            corpora=("a",),
            options={},
            fold="1",
        )
        resolved[method.key] = found.as_config()
    assert list(resolved) == ["erm", "minmaxgap", "fixed-1"]
    for key, config in resolved.items():
        assert config["optimiser"]["epochs"] == 3
        assert config["optimiser"]["lr"] == STUDY_RECIPE["optimiser"]["lr"]
        assert config["model"]["tuning"] == "full"
        assert config["objective"]["penalty"] == ("none" if key == "erm" else "gap")
    kinds = {key: config["weight"]["kind"] for key, config in resolved.items()}
    assert kinds["fixed-1"] == "fixed"
    assert kinds["minmaxgap"] == "adaptive"
    apart = {"objective", "weight", "recipe"}
    rest = [{k: v for k, v in each.items() if k not in apart} for each in resolved.values()]
    assert rest[0] == rest[1] == rest[2]


def test_the_method_goes_before_the_users_changes_and_these_before_the_studys() -> None:
    settings = FairSettings(
        methods=("fixed:3",), recipe={"weight": {"start": 9.0, "gap": "macro_f1"}}
    )
    changes = settings.changes(settings.chosen[0])
    assert changes["weight"] == {"start": 3.0, "gap": "macro_f1", "kind": "fixed"}
    assert changes["groups"] == {"cell": "language", "attribute": "gender"}


def test_changes_leave_the_studys_recipe_as_it_is() -> None:
    before = json.dumps({name: dict(section) for name, section in STUDY_RECIPE.items()})
    settings = FairSettings(recipe={"model": {"tuning": "lora"}})
    assert settings.changes(settings.chosen[0])["model"]["tuning"] == "lora"
    assert json.dumps({name: dict(section) for name, section in STUDY_RECIPE.items()}) == before


def test_the_defaults_can_be_written_down() -> None:
    config = json.loads(json.dumps(FairSettings().as_config()))
    assert config["methods"] == list(METHODS)
    assert config["seeds"] == [0, 1, 2]
