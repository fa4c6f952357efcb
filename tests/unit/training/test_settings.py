"""Settings: ranges, and the way through a run record and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from equivoice.training.recipes import recipe_names, resolve_settings
from equivoice.training.settings import TrainingSettings

FOR = {"system": "q=qwen2-audio", "corpora": ("/c/a", "/c/b")}


@pytest.mark.parametrize("recipe", recipe_names())
def test_a_record_gives_the_same_settings_again(recipe: str) -> None:
    changes = {
        "model": {"targets": ["q_proj", "v_proj"], "keep_sounds": "/shared/sounds"},
        "data": {"labels": ["angry", "sad"], "limit": 5},
        "weight": {"update": 7},
        "selection": {"every": 3, "patience": None},
    }
    settings = resolve_settings(recipe, changes, fold={"a": "1"}, **FOR)
    through_json = json.loads(json.dumps(settings.as_config()))
    assert TrainingSettings.model_validate(through_json) == settings


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("objective", "power", 3),
        ("objective", "reduction", "sum"),
        ("objective", "scope", "epoch"),
        ("objective", "road", "three_pass"),
        ("groups", "cell", []),
        ("groups", "cell", "speaker"),
        ("weight", "start", -1),
        ("weight", "rate", float("inf")),
        ("weight", "tolerance", float("nan")),
        ("weight", "update", 0),
        ("weight", "update", "step"),
        ("model", "rank", 0),
        ("model", "dropout", 1.0),
        ("model", "tuning", "qlora"),
        ("model", "precision", "float16"),
        ("data", "modalities", ["video"]),
        ("data", "validation_share", 1.0),
        ("data", "limit", 0),
        ("optimiser", "epochs", 0),
        ("optimiser", "batch", 0),
        ("optimiser", "lr", 0.0),
        ("optimiser", "warmup", 1.0),
        ("optimiser", "clip", 0.0),
        ("optimiser", "schedule", "step"),
        ("selection", "patience", 0),
        ("checkpoints", "keep", 0),
    ],
)
def test_values_that_cannot_be(section: str, key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainingSettings.model_validate({**FOR, section: {key: value}})
    assert {fault["loc"][:2] for fault in caught.value.errors()} == {(section, key)}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"tuning": "partial"}, "unfreeze names no parameters"),
        ({"tuning": "full", "unfreeze": ["encoder"]}, "nothing to add"),
    ],
)
def test_what_is_trained_is_named_once(model: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainingSettings.model_validate({**FOR, "model": model})


def test_a_fixed_weight_may_lie_above_the_maximum_and_an_adaptive_one_may_not() -> None:
    fixed = {**FOR, "weight": {"kind": "fixed", "start": 50.0}}
    assert TrainingSettings.model_validate(fixed).weight.start == 50.0
    with pytest.raises(ValidationError, match="start lies above maximum"):
        TrainingSettings.model_validate({**FOR, "weight": {"start": 50.0}})


def test_sounds_are_kept_or_not_or_in_a_place() -> None:
    for given in (True, False, "/shared/sounds"):
        found = TrainingSettings.model_validate({**FOR, "model": {"keep_sounds": given}})
        assert found.model.keep_sounds == given
        assert type(found.model.keep_sounds) is type(given)


def test_settings_do_not_change() -> None:
    settings = TrainingSettings.model_validate(FOR)
    with pytest.raises(ValidationError, match="frozen"):
        settings.optimiser.lr = 1.0  # type: ignore[misc]
