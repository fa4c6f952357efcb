"""A training on reasons is asked as it was taught: its prompt, its form, room for the answer."""

from __future__ import annotations

from typing import Any

import pytest

from equivoice.corpora import label_space
from equivoice.evaluation.grid import make_grid
from equivoice.evaluation.predicting import choosing
from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.inference import Cell
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.prompting.explained import TARGET_FORMS

NAMES: dict[str, Any] = {"systems": ("a",), "corpora": ("demo",), "modalities": ("transcript",)}
ROOM = {"max_new_tokens": 512, "min_new_tokens": 0, "checkpoint": "neutral"}


def as_validated(**data: Any) -> dict[str, Any]:
    given = {"prompt": "direct", "orders": ["given"], "order_seed": 0, "modalities": ["speech"]}
    return choosing._as_validated({**given, **data})


def test_a_training_on_labels_is_asked_for_a_label() -> None:
    said = as_validated(targets="label", order="label_first")
    assert "answer_form" not in said
    assert said["decoding"]["max_new_tokens"] == 64


@pytest.mark.parametrize("form", TARGET_FORMS)
def test_a_training_on_reasons_is_asked_for_all_that_it_learnt(form: str) -> None:
    said = as_validated(targets="rationales", order=form)
    assert said["answer_form"] == form
    assert said["decoding"] == ROOM
    settings = BenchmarkSettings(systems=("a",), corpora=("demo",), **said)
    assert settings.answer_form == form


@pytest.mark.parametrize("form", [None, *TARGET_FORMS])
def test_the_form_reaches_those_who_ask(form: Any) -> None:
    settings = BenchmarkSettings(**NAMES, answer_form=form, decoding=ROOM)
    space = label_space(["angry", "sad"], id="demo")
    grid = make_grid(settings, asked=True)
    system = ScriptedLanguageModel()
    cell = Cell("a", "demo", "1", "user_labels", "given", "transcript")
    asking = grid.asking(cell, space)
    assert asking.form == form
    # a model that cannot spell its answers is not scored by beginnings
    assert asking.scored(system) == (form is None)
