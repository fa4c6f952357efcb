"""Models that say what they heard and why: their answers' parts, and their labels' scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.inference import Asking, Cell, Plan, run_cell
from equivoice.models import Decoding, LanguageBackend
from equivoice.models.scripted_language import ScriptedServer
from equivoice.models.scripted_writer import ScriptedWriter
from equivoice.prompting import load_prompt
from equivoice.prompting.explained import write_target
from equivoice.records import Label, LabelSpace, RunRecord
from equivoice.store.run_folder import RunFolder
from oracles.whole_answers import WholeAnswers

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
PROMPT = load_prompt("user_labels")
HEARD = "I am so happy."
WHY = "The voice is low and slow."
TEXTS: Mapping[str, Mapping[str, float]] = {
    "demo/1": {
        write_target(HEARD, "sad", WHY): 0.5,
        write_target(HEARD, "happy", "It is bright."): 0.25,
        write_target("Nothing.", "angry", "It is loud."): 0.25,
    },
    "demo/2": {"It could be anything.": 1.0},
}


def rows(backend: LanguageBackend, folder: Path, **changed: Any) -> pl.DataFrame:
    settings: dict[str, Any] = {
        "decoding": Decoding.neutral(max_new_tokens=200),
        "form": "label_first",
        "temperatures": (1.0,),
        **changed,
    }
    how = Asking(PROMPT, PROMPT.options(SPACE, order="shuffled-2"), **settings)
    cell = Cell(backend.name, "demo", "1", "user_labels", "shuffled-2", "transcript")
    table = pl.DataFrame({"utterance_id": list(TEXTS), "transcript": ["a", "b"]})
    plan = Plan((cell,), batch_size=2)
    with RunFolder.open(folder) as run:
        run.save_record(RunRecord(verb="benchmark", config={}))
        run_cell(backend, table, cell, plan=plan, run=run, label_space=SPACE, asking=how)
        return run.cell_predictions(cell.name).sort("utterance_id", "system")


def test_an_answer_fills_the_columns_of_its_parts(tmp_path: Path) -> None:
    table = rows(WholeAnswers(TEXTS), tmp_path / "run", option_scores=False)
    first, second = table.to_dicts()
    assert (first["emotion"], first["transcript"], first["reason"]) == ("sad", HEARD, WHY)
    assert (second["status"], second["transcript"], second["reason"]) == ("unparsed", None, None)


def test_labels_are_scored_given_what_the_model_heard(tmp_path: Path) -> None:
    table = rows(WholeAnswers(TEXTS), tmp_path / "run")
    _, scored, _, silent = table.to_dicts()
    assert scored["system"] == "whole-answers/options"
    assert scored["emotion"] == "sad"
    assert scored["probabilities"] == pytest.approx([0, 1 / 3, 2 / 3])
    assert scored["outside"] == pytest.approx(0)
    # an answer that opens no label has no scores, and says so
    assert (silent["status"], silent["probabilities"]) == ("failed", None)
    assert "no probabilities" in silent["reason"]


def test_with_the_reason_first_the_label_follows_from_it(tmp_path: Path) -> None:
    texts = {
        write_target(HEARD, "sad", WHY, "reason_first"): 0.4,
        write_target(HEARD, "angry", WHY, "reason_first"): 0.1,
        write_target(HEARD, "happy", "It is bright.", "reason_first"): 0.3,
        write_target(HEARD, "angry", "It is loud.", "reason_first"): 0.2,
    }
    backend = WholeAnswers(dict.fromkeys(TEXTS, texts))
    table = rows(backend, tmp_path / "run", form="reason_first")
    assert table["probabilities"][1].to_list() == pytest.approx([0.2, 0, 0.8])
    assert table["reason"][0] == WHY


@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_scores_are_those_of_each_temperature(tmp_path: Path, temperature: float) -> None:
    table = rows(WholeAnswers(TEXTS), tmp_path / "run", temperatures=(temperature, 1.0))
    scored = table.filter(pl.col("system").str.ends_with("/options"), utterance_id="demo/1")
    by_heat = dict(scored.select("temperature", "probabilities").iter_rows())
    due = [0, 0, 1] if temperature == 0 else np.array([0, 0.0625, 0.25]) / 0.3125
    assert by_heat[temperature] == pytest.approx(due)
    assert by_heat[1.0] == pytest.approx([0, 1 / 3, 2 / 3])


@pytest.mark.parametrize(
    "backend", [ScriptedServer(), ScriptedWriter({}, otherwise="Sad — it falls so low.")]
)
def test_a_system_that_can_only_answer_has_answers_only(
    tmp_path: Path, backend: LanguageBackend
) -> None:
    table = rows(backend, tmp_path / "run")
    assert set(table["system"]) == {backend.name}
    if isinstance(backend, ScriptedWriter):
        assert table["reason"].to_list() == ["it falls so low."] * 2


def test_answers_that_would_be_cut_before_their_label_are_refused() -> None:
    names: dict[str, Any] = {"systems": ("a",), "corpora": ("b",)}
    with pytest.raises(ValidationError, match="cut off before their label"):
        BenchmarkSettings(**names, answer_form="label_first")
    room = BenchmarkSettings(**names, answer_form="label_only", decoding={"max_new_tokens": 99})
    assert "answer_form" in room.asking_changed()
    with pytest.raises(ValidationError):
        BenchmarkSettings(**names, answer_form="label_last", decoding={"max_new_tokens": 99})
