"""A real text model reads open answers in two steps: whatever it says has a place, and is kept."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora.labels import label_space
from equivoice.evaluation.open_answers import FormReading, Readers, read_form
from equivoice.inference.consulting import JOURNAL, Consulting
from equivoice.models.language import Decoding
from tiny.text import text_model

pytestmark = pytest.mark.slow

FOUR = label_space(["angry", "sad", "happy", "neutral"], id="four")
ANSWERS = [
    "She is annoyed.",
    "He sounds sad.",
    "I think the emotion is joy.",
    "She is annoyed.",
    "",
    None,
]
SAID = pl.DataFrame({"utterance_id": [f"d/{n}" for n in range(len(ANSWERS))], "response": ANSWERS})


def read(folder: Path, *, tokens: int = 4) -> FormReading:
    # random weights: the words mean nothing, the road is the real one
    model = text_model("llama", max_position_embeddings=1024)
    how = Consulting(Decoding(max_new_tokens=tokens), cache=folder, batch=2)
    return read_form(SAID, FOUR, "open", readers=Readers(model, how=how))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(folder: Path) -> FormReading:
    return read(folder)


def test_every_answer_has_a_place(first: FormReading) -> None:
    made = first.predictions
    assert made.get_column("utterance_id").to_list() == SAID.get_column("utterance_id").to_list()
    statuses = set(made.get_column("status").drop_nulls())
    assert statuses <= {"parsed", "unparsed", "ambiguous", "refused", "failed"}
    labels = made.get_column("emotion").drop_nulls()
    assert set(labels) <= set(FOUR.names)
    assert sum(first.counts.values()) == 5  # the row without an answer keeps what it has: nothing


def test_equal_answers_are_read_alike_and_once(first: FormReading) -> None:
    columns = ["status", "emotion", "said", "read_as", "read_why"]
    rows = first.predictions.select(columns).rows()
    assert rows[0] == rows[3]
    assert first.found == 0
    assert 3 <= first.asked <= 6  # three distinct answers, and at most a word for each


def test_a_second_reading_asks_nothing(first: FormReading, folder: Path) -> None:
    again = read(folder)
    assert (again.asked, again.found) == (0, first.asked)
    assert again.predictions.equals(first.predictions)


def test_other_decoding_is_asked_anew_and_kept_apart(first: FormReading, folder: Path) -> None:
    other = read(folder, tokens=2)
    assert other.found == 0
    assert other.asked >= 3
    assert len(list(folder.rglob(JOURNAL))) == 2
    assert first.predictions.height == other.predictions.height
