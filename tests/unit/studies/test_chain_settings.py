"""What the chain may be asked for."""

from __future__ import annotations

import json

import pytest

from equivoice.errors import ConfigError
from equivoice.studies.chain.learning import student_key
from equivoice.studies.chain.settings import ARMS, CHAIN_RECIPE, ChainSettings
from equivoice.training.recipes import resolve_settings


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(ConfigError) as told:
        ChainSettings(seeds=(1, 2, 1), faults=1.5, slips=-0.1, per_emotion=0, replicates=5, level=1)
    for problem in (
        "seeds: 1 stands there twice",
        "faults: 1.5 is not within 0.0 and 1.0",
        "slips: -0.1 is not within",
        "per_emotion: 0 is not 1 or more",
        "replicates: 5 is not 20 or more",
        "level: 1 is not within",
    ):
        assert problem in str(told.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seeds": ()}, "seeds: there is none"),
        ({"limit": 0}, "limit: 0 is not 1 or more"),
        ({"max_new_tokens": 3}, "max_new_tokens"),
        ({"permutations": 0}, "permutations"),
        ({"shuffles": -1}, "shuffles"),
        ({"faults": float("nan")}, "faults"),
    ],
)
def test_each_mistake_is_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ChainSettings(**wrong)  # type: ignore[arg-type]


def test_the_ends_of_a_range_are_within_it() -> None:
    made = ChainSettings(faults=1.0, slips=0.0, limit=1, shuffles=0, level=0.999)
    assert (made.faults, made.slips, made.limit) == (1.0, 0.0, 1)


def test_settings_can_be_written_down() -> None:
    made = ChainSettings(recipe={"optimiser": {"epochs": 2}})
    assert json.loads(json.dumps(made.as_config()))["recipe"] == {"optimiser": {"epochs": 2}}


def test_the_two_halves_differ_in_the_form_alone() -> None:
    asked = ChainSettings(recipe={"optimiser": {"epochs": 2}, "selection": {"metric": "loss"}})
    one, two = (asked.changes("reasons", form) for form in ARMS.values())
    assert one["data"].pop("order") == "label_first"
    assert two["data"].pop("order") == "label_only"
    assert one == two


def test_what_is_asked_goes_before_the_study_and_that_before_the_recipe() -> None:
    asked = ChainSettings(recipe={"optimiser": {"epochs": 2}, "data": {"order": "reason_first"}})
    made = resolve_settings(
        "rationales",
        asked.changes("reasons", "label_only"),
        system="qwen2-audio",
        corpora=("a",),
    )
    assert made.optimiser.epochs == 2
    assert made.optimiser.batch == CHAIN_RECIPE["optimiser"]["batch"]
    assert made.data.order == "label_only"
    assert made.data.prompt == "open_form"
    assert made.optimiser.schedule == "cosine"
    assert made.model.tuning == "full"


def test_names_of_students_are_names_of_folders() -> None:
    keys = [student_key(arm, 3) for arm in ARMS]
    assert keys == ["with-reasons-seed-3", "without-reasons-seed-3"]
