"""Answers in any words as labels: by the lexicon, and by two steps of language models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora.labels import label_space
from equivoice.errors import RunError, SchemaError
from equivoice.evaluation.open_answers import FORMS, Readers, read_form
from equivoice.inference.consulting import Consulting
from equivoice.models.language import Decoding, Draw, Question, Said
from equivoice.prompting.instructions import load_instruction
from equivoice.records import PREDICTIONS

FOUR = label_space(["angry", "sad", "happy", "neutral"], id="four")


@dataclass
class Model:
    """Answers by what stands in the question, as a table says; silent about all else."""

    answers: Mapping[str, str | None]
    name: str = "reader"
    family: str = "general"
    modalities: frozenset[str] = frozenset({"transcript"})
    asked: list[str] = field(default_factory=list)

    def describe(self) -> Mapping[str, Any]:
        return {"model": "a table", "answers": dict(self.answers)}

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        assert all(len(each) == 1 for each in draws)
        assert decoding.max_new_tokens > 1
        return [[self._said(question.turns[-1].text)] for question in questions]

    def _said(self, text: str) -> Said:
        self.asked.append(text)
        lines = text.splitlines()
        known = next(
            (a for part, a in self.answers.items() if part in lines or f"Word: {part}" in lines),
            None,
        )
        return Said(known, None if known else "no such line")


def table(*responses: str | None, **columns: Any) -> pl.DataFrame:
    ids = [f"demo/{n}" for n in range(len(responses))]
    return pl.DataFrame({"utterance_id": ids, "response": list(responses), **columns})


def readers(folder: Path, extractor: Model, sorter: Model | None = None) -> Readers:
    return Readers(extractor, sorter, how=Consulting(cache=folder, batch=4))


# ------------------------------------------------------------------ offline


def test_open_answers_are_sorted_into_labels_other_and_nothing() -> None:
    read = read_form(table("annoyed", "curious", "hm", "I cannot say.", None), FOUR, "open")
    rows = read.predictions.select("status", "emotion", "read_as").rows()
    assert rows == [
        ("parsed", "angry", "angry"),
        ("unparsed", None, "other"),
        ("unparsed", None, None),
        ("refused", None, None),
        (None, None, None),
    ]
    assert read.counts["read as a label"] == 1
    assert read.counts["an emotion that is no label"] == 1
    assert "1 refused" in read.note
    PREDICTIONS.validate(read.predictions)


def test_closed_answers_are_read_with_the_options_displayed() -> None:
    given = table("B", "annoyed", options=[["A. Sad", "B. Angry"]] * 2)
    read = read_form(given, FOUR, "closed").predictions
    assert read.get_column("emotion").to_list() == ["angry", None]
    opened = read_form(given, FOUR, "open").predictions
    assert opened.get_column("emotion").to_list() == [None, "angry"]


@pytest.mark.parametrize("form", FORMS)
def test_failed_rows_keep_what_they_have_and_earlier_readings_go(form: Any) -> None:
    given = table(
        "sad", "no memory", status=["parsed", "failed"], emotion=["angry", None],
        probabilities=[[1.0, 0.0, 0.0, 0.0], None], outside=[0.0, None],
    )  # fmt: skip
    read = read_form(given, FOUR, form).predictions
    assert read.select("status", "emotion").rows() == [("parsed", "sad"), ("failed", None)]
    assert not {"probabilities", "outside"} & set(read.columns)


def test_a_table_without_answers_in_words_is_refused() -> None:
    with pytest.raises(SchemaError, match="no answers in words"):
        read_form(pl.DataFrame({"utterance_id": ["a"], "emotion": ["sad"]}), FOUR, "open")


def test_reading_changes_no_order_and_keeps_other_columns() -> None:
    given = table("sad", "happy", "annoyed", temperature=[0.0, 0.5, 1.0], mine=["x", "y", "z"])
    read = read_form(given, FOUR, "open").predictions
    kept = given.columns
    assert read.select(kept).equals(given)
    assert read.get_column("emotion").to_list() == ["sad", "happy", "angry"]


# ------------------------------------------------------------------ by language models


def test_two_models_read_in_two_steps(tmp_path: Path) -> None:
    extractor = Model({"He snaps.": "Emotion: **Irritation**.", "She beams!": "happy"})
    sorter = Model({"Irritation": "Angry"}, name="sorter")
    given = table("He snaps.", "She beams!", "He snaps.")
    read = read_form(given, FOUR, "open", readers=readers(tmp_path, extractor, sorter))
    assert read.predictions.select("emotion", "said").rows() == [
        ("angry", "Irritation"),
        ("happy", "happy"),
        ("angry", "Irritation"),
    ]
    assert len(extractor.asked) == 2
    assert len(sorter.asked) == 1  # a label's own word needs no sorting
    assert (read.asked, read.found) == (3, 0)
    assert "Classes: Angry, Sad, Happy, Neutral, Other" in sorter.asked[0]


def test_what_was_read_before_costs_nothing(tmp_path: Path) -> None:
    answers = {"He snaps.": "irritation", "irritation": "angry"}
    given = table("He snaps.")
    first = read_form(given, FOUR, "open", readers=readers(tmp_path, Model(answers)))
    model = Model(answers)
    again = read_form(given, FOUR, "open", readers=readers(tmp_path, model))
    assert again.predictions.equals(first.predictions)
    assert (again.asked, again.found, model.asked) == (0, 2, [])


@pytest.mark.parametrize(
    ("extracted", "sorted_as", "expected"),
    [
        ("none", None, ("unparsed", None, None)),
        ("None.", None, ("unparsed", None, None)),
        ("other", None, ("unparsed", None, "other")),
        ("awe", "Other", ("unparsed", None, "other")),
        ("awe", "I cannot tell", ("refused", None, None)),
        ("awe", "Angry or Sad", ("ambiguous", None, None)),
        ("awe", "happy\nbecause it is", ("parsed", "happy", "happy")),
        ("x" * 61, None, ("unparsed", None, None)),
        ("<think>sad?</think> anger", None, ("parsed", "angry", "angry")),
    ],
)
def test_whatever_models_say_has_a_place(
    tmp_path: Path, extracted: str, sorted_as: str | None, expected: tuple[Any, ...]
) -> None:
    extractor = Model({"Hm?": extracted, "fine": "happy"})
    sorter = Model({extracted: sorted_as, "fine": "Happy"})
    read = read_form(table("Hm?"), FOUR, "open", readers=readers(tmp_path, extractor, sorter))
    assert read.predictions.select("status", "emotion", "read_as").row(0) == expected


def test_what_a_reader_could_not_read_is_failed_and_no_wrong_answer(tmp_path: Path) -> None:
    extractor = Model({"a": "glee", "b": "gloom", "d": "sad"})
    sorter = Model({"glee": "Happy"})
    read = read_form(
        table("a", "b", "c", "d"), FOUR, "open", readers=readers(tmp_path, extractor, sorter)
    )
    statuses = read.predictions.get_column("status").to_list()
    assert statuses == ["parsed", "failed", "failed", "parsed"]
    assert read.counts["failed"] == 2


def test_readers_that_never_answer_end_the_work(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="failed on each of the first"):
        read_form(table("a", "b"), FOUR, "open", readers=readers(tmp_path, Model({})))


def test_transcripts_and_reasons_are_kept_from_the_extractor(tmp_path: Path) -> None:
    model = Model({"<answer>I think the emotion is sad</answer>": "sad"})
    answer = (
        "<asr>i am so happy</asr>\n<answer>I think the emotion is sad</answer>\n"
        "<reason>no anger</reason>"
    )
    read = read_form(table(answer, ""), FOUR, "closed", readers=readers(tmp_path, model))
    assert read.predictions.get_column("emotion").to_list() == ["sad", None]
    assert len(model.asked) == 1
    assert "happy" not in model.asked[0]


def test_a_corpus_whose_label_is_other_keeps_it(tmp_path: Path) -> None:
    nine = label_space([*FOUR.names, "other"])
    model = Model({"Hm?": "awe", "awe": "Other"})
    read = read_form(table("Hm?"), nine, "open", readers=readers(tmp_path, model))
    assert read.predictions.get_column("emotion").to_list() == ["other"]
    assert read_form(table("curious"), nine, "open").predictions["emotion"].to_list() == ["other"]
    assert model.asked[1].count("Other") == 2  # in the list of classes, and in the rule


def test_the_record_holds_models_and_wordings(tmp_path: Path) -> None:
    told = readers(tmp_path, Model({}), Model({}, name="sorter")).describe()
    assert told["sorter"]["name"] == "sorter"
    wordings = told["instructions"]
    assert wordings["extract_emotion_v1"] == load_instruction("extract_emotion_v1").wording
    assert told["decoding"]["max_new_tokens"] == 32


def test_steps_are_told(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    model = Model({"Hm?": "awe", "awe": "Other"})
    read_form(
        table("Hm?"), FOUR, "open", readers=readers(tmp_path, model),
        watch=lambda *step: told.append(step),
    )  # fmt: skip
    assert told == [
        ("extracting", 0, 1),
        ("extracting", 1, 1),
        ("sorting", 0, 1),
        ("sorting", 1, 1),
    ]
