"""The EmoBox adapter: its layout, and every gap in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from equivoice.corpora.adapters.emobox import read_emobox
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError

Write = Callable[..., Path]
Row = Callable[..., dict[str, Any]]
TRAIN, TEST = "fold_1/tess_train_fold_1.jsonl", "fold_1/tess_test_fold_1.jsonl"


def read(folder: Path, name: str = "tess") -> Draft:
    return read_emobox(Request(name=name, out=folder, metadata=folder))


def test_rows_of_all_files_are_merged_by_key(emobox: Write, row: Row) -> None:
    a, b, c = (row("tess", f"x/{key}.wav", "sad") for key in "abc")
    known = row(
        "tess", "x/a.wav", "sad", gender="Female", age=31, race="Unknown", language="English"
    )
    draft = read(emobox("tess", {"tess.jsonl": [a, b, c], TRAIN: [known], TEST: [b]}))
    table = draft.utterances
    assert table["utterance_id"].to_list() == ["tess/a", "tess/b", "tess/c"]
    assert table["audio"].to_list() == ["x/a.wav", "x/b.wav", "x/c.wav"]
    first = table.row(0, named=True)
    assert (first["gender"], first["age"], first["race"]) == ("female", 31.0, None)
    assert (first["language"], first["duration"]) == ("en", 1.0)
    assert draft.folds.rows() == [("tess/b", "1", "test"), ("tess/a", "1", "train")]


def test_folds_alone_are_enough(emobox: Write, row: Row) -> None:
    files = {TRAIN: [row("tess", "a.wav", "sad")], TEST: [row("tess", "b.wav", "sad")]}
    assert read(emobox("tess", files)).utterances.height == 2


def test_rows_alone_are_enough(emobox: Write, row: Row) -> None:
    draft = read(emobox("tess", {"tess.jsonl": [row("tess", "a.wav", "sad")]}))
    assert draft.folds.is_empty()
    assert draft.label_map == {}


@pytest.mark.parametrize("word", ["valid", "dev", "validation"])
def test_a_validation_file_under_any_of_its_names(emobox: Write, row: Row, word: str) -> None:
    files = {f"fold_1/tess_{word}_fold_1.jsonl": [row("tess", "a.wav", "sad")]}
    assert read(emobox("tess", files)).folds["split"].to_list() == ["validation"]


def test_an_empty_validation_file_is_normal(emobox: Write, row: Row) -> None:
    files = {TRAIN: [row("tess", "a.wav", "sad")], "fold_1/tess_valid_fold_1.jsonl": []}
    assert read(emobox("tess", files)).folds["split"].to_list() == ["train"]


def test_a_label_map_is_read(emobox: Write, row: Row) -> None:
    folder = emobox("tess", {"tess.jsonl": [row("tess", "a.wav", "ps")]}, {"ps": "Surprise"})
    assert read(folder).label_map == {"ps": "Surprise"}


def test_a_gender_that_is_unknown_is_null(emobox: Write, row: Row) -> None:
    rows = [row("tess", "a.wav", "sad", gender="Unknown", age=40)]
    draft = read(emobox("tess", {TRAIN: rows}))
    assert draft.utterances["gender"].to_list() == [None]
    assert draft.utterances["age"].to_list() == [40.0]


def test_the_same_row_twice_in_a_fold_is_counted(emobox: Write, row: Row) -> None:
    draft = read(emobox("tess", {TRAIN: [row("tess", "a.wav", "sad")] * 2}))
    assert draft.left_out == {"repeated row of a fold file": 1}
    assert draft.folds.height == 1


def test_an_utterance_in_two_parts_of_a_fold_is_refused(emobox: Write, row: Row) -> None:
    same = row("tess", "a.wav", "sad")
    with pytest.raises(CorpusError, match="both test and train of fold 1") as caught:
        read(emobox("tess", {TRAIN: [same], TEST: [same]}))
    assert caught.value.value == "tess-a"


@pytest.mark.parametrize(("name", "other"), [("emo", "happy"), ("wav", "downloads/tess/b.wav")])
def test_files_that_disagree_are_refused(emobox: Write, row: Row, name: str, other: str) -> None:
    one = row("tess", "a.wav", "sad")
    with pytest.raises(CorpusError, match="disagree") as caught:
        read(emobox("tess", {TRAIN: [one], TEST: [one | {name: other}]}))
    assert caught.value.column == name


@pytest.mark.parametrize("name", ["key", "wav", "emo"])
@pytest.mark.parametrize("value", [None, 3])
def test_a_row_without_what_it_needs_is_named(
    emobox: Write, row: Row, name: str, value: object
) -> None:
    rows = [row("tess", "a.wav", "sad"), row("tess", "b.wav", "sad") | {name: value}]
    with pytest.raises(CorpusError, match=name) as caught:
        read(emobox("tess", {"tess.jsonl": rows}))
    assert (caught.value.row, caught.value.column) == (2, name)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{broken\n", "not JSON"),
        (b"[1]\n", "lacks"),
        (b"\xff\xfe{}\n", "UTF-8"),
        (b"", "no EmoBox"),
    ],
)
def test_files_that_are_not_what_they_should_be(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    (tmp_path / "tess.jsonl").write_bytes(content)
    with pytest.raises(CorpusError, match=problem):
        read(tmp_path)


@pytest.mark.parametrize(("text", "problem"), [("{", "not JSON"), ("[]", "not an object")])
def test_a_broken_label_map(emobox: Write, row: Row, text: str, problem: str) -> None:
    folder = emobox("tess", {"tess.jsonl": [row("tess", "a.wav", "sad")]})
    (folder / "label_map.json").write_text(text)
    with pytest.raises(CorpusError, match=problem):
        read(folder)


def test_the_wrong_folder_is_told_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"tess\.jsonl"):
        read(tmp_path)
    with pytest.raises(CorpusError, match="no such folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="needs its metadata"):
        read_emobox(Request(name="tess", out=tmp_path))
