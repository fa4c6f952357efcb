"""Predictions that somebody brings: labels as given, answers in words parsed, faults by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.corpora import label_space
from equivoice.errors import InputError, SchemaError
from equivoice.evaluation.prediction_files import read_predictions

LABELS = label_space(["angry", "sad"], id="demo")


def test_an_unreadable_answer_is_no_label(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("utterance_id,response\na,anger\nb,sad or angry\nc,\nd,I cannot say\n")
    table = read_predictions(file, LABELS)
    assert table["emotion"].to_list() == ["angry", None, None, None]
    assert table["status"].to_list() == ["parsed", "ambiguous", "unparsed", "refused"]


def test_labels_that_are_given_are_not_parsed_again(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("utterance_id,emotion,response\na,sad,angry\nb,,angry\n")
    table = read_predictions(file, LABELS)
    assert table["emotion"].to_list() == ["sad", None]


def test_neither_label_nor_answer_names_the_columns(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("utterance_id,guess\na,sad\n")
    with pytest.raises(SchemaError, match="neither") as caught:
        read_predictions(file, LABELS)
    assert caught.value.choices == ("utterance_id", "guess")


def test_answers_in_words_need_labels(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("utterance_id,response\na,anger\n")
    with pytest.raises(InputError, match="only be read once the labels are known") as caught:
        read_predictions(file, None)
    assert caught.value.column == "response"
    file.write_text("utterance_id,emotion\na,anything\n")
    assert read_predictions(file, None)["emotion"].to_list() == ["anything"]


def test_scales_alone_are_predictions_too(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("utterance_id,valence\na,0.25\nb,\n")
    assert read_predictions(file, None)["valence"].to_list() == [0.25, None]


def test_at_most_so_many_rows_and_never_none(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("utterance_id,emotion\na,sad\nb,angry\n")
    assert read_predictions(file, LABELS, limit=1)["utterance_id"].to_list() == ["a"]
    file.write_text("utterance_id,emotion\n")
    with pytest.raises(SchemaError, match="the table holds no predictions"):
        read_predictions(file, LABELS)
