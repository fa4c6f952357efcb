"""Anybody's table in our columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora.adapters.nemo import read_nemo
from equivoice.corpora.adapters.table import read_plain
from equivoice.corpora.rows import draft_of, find_table, renamed
from equivoice.corpora.source import Request
from equivoice.errors import CorpusError, InputError, SchemaError

REQUEST = Request(name="mine", out=Path("out"))


def test_columns_are_renamed_and_the_rest_stays_as_attributes() -> None:
    table = renamed(pl.DataFrame({"file": ["a"], "mood": ["sad"], "city": ["Ulm"]}),
                    {"audio": "file", "emotion": "mood"})  # fmt: skip
    assert table.row(0, named=True) == {"audio": "a", "emotion": "sad", "city": "Ulm"}


def test_one_column_may_serve_twice_and_goes_before_one_of_that_name() -> None:
    table = pl.DataFrame({"file": ["a"], "audio": ["old"]})
    both = renamed(table, {"audio": "file", "speaker": "file"})
    assert both.row(0, named=True) == {"audio": "a", "speaker": "a"}


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(CorpusError, match="'emotion'") as caught:
        renamed(pl.DataFrame({"label": ["sad"]}), {"emotion": "mood"})
    assert (caught.value.column, caught.value.choices) == ("mood", ("label",))


def test_ids_come_from_the_audio_without_its_suffix() -> None:
    draft = draft_of(pl.DataFrame({"audio": ["x/a.b.wav"], "emotion": ["sad"]}), REQUEST)
    assert draft.utterances["utterance_id"].to_list() == ["mine/x/a.b"]


def test_pieces_of_one_file_have_ids_of_their_own() -> None:
    rows = pl.DataFrame({"audio": ["a.wav"] * 2, "emotion": ["sad"] * 2, "start": [0.0, 2.0]})
    assert draft_of(rows, REQUEST).utterances["utterance_id"].n_unique() == 2


@pytest.mark.parametrize("given", ["7", "mine/7"])
def test_given_ids_get_the_corpus_in_front_once(given: str) -> None:
    rows = pl.DataFrame({"utterance_id": [given], "emotion": ["sad"]})
    assert draft_of(rows, REQUEST).utterances["utterance_id"].to_list() == ["mine/7"]


def test_splits_become_folds_under_our_names() -> None:
    rows = pl.DataFrame(
        {
            "utterance_id": ["1", "2", "3", "4"],
            "emotion": ["sad"] * 4,
            "split": ["Train", "dev", "test", None],
        }
    )
    draft = draft_of(rows, REQUEST)
    assert [row[1:] for row in draft.folds.rows()] == [
        ("1", "train"),
        ("1", "validation"),
        ("1", "test"),
    ]
    assert "split" not in draft.utterances.columns


def test_an_unknown_split_is_refused_with_the_choices() -> None:
    rows = pl.DataFrame({"utterance_id": ["1"], "emotion": ["sad"], "split": ["tset"]})
    with pytest.raises(SchemaError, match="tset"):
        draft_of(rows, REQUEST)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [({"audio": ["a"]}, "emotion"), ({"emotion": ["sad"]}, "neither")],
)
def test_what_a_table_must_have(columns: dict[str, list[str]], problem: str) -> None:
    with pytest.raises(CorpusError, match=problem):
        draft_of(pl.DataFrame(columns), REQUEST)


def test_two_rows_of_one_file_repeat_an_id() -> None:
    with pytest.raises(SchemaError, match="repeats a key"):
        draft_of(pl.DataFrame({"audio": ["a.wav", "a.flac"], "emotion": ["sad"] * 2}), REQUEST)


class TestFindTable:
    def test_the_only_table(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").touch()
        (tmp_path / "x.txt").touch()
        assert find_table(tmp_path).name == "x.csv"
        assert find_table(tmp_path / "x.csv").name == "x.csv"

    def test_several_have_to_be_told_apart(self, tmp_path: Path) -> None:
        for name in ("a.csv", "b.tsv"):
            (tmp_path / name).touch()
        with pytest.raises(CorpusError, match="2 tables") as caught:
            find_table(tmp_path)
        assert caught.value.choices == ("a.csv", "b.tsv")
        assert find_table(tmp_path, "b.tsv").name == "b.tsv"

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match="no such"):
            find_table(tmp_path / "nowhere")
        with pytest.raises(CorpusError, match="0 tables"):
            find_table(tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_table_is_read(tmp_path: Path, suffix: str) -> None:
    table = pl.DataFrame({"file": ["a.wav"], "mood": ["sad"], "gender": ["F"]})
    path = tmp_path / f"t{suffix}"
    write = {
        ".csv": table.write_csv,
        ".tsv": lambda to: table.write_csv(to, separator="\t"),
        ".jsonl": table.write_ndjson,
        ".parquet": table.write_parquet,
    }
    write[suffix](path)
    columns = {"audio": "file", "emotion": "mood"}
    draft = read_plain(Request(name="mine", out=tmp_path, metadata=path, columns=columns))
    assert draft.utterances.select("utterance_id", "emotion", "gender").rows() == [
        ("mine/a", "sad", "female")
    ]
    assert draft.audio_root == tmp_path


def test_a_table_has_to_be_given(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="table is needed"):
        read_plain(Request(name="mine", out=tmp_path))
    with pytest.raises(InputError, match="no such file"):
        read_plain(Request(name="mine", out=tmp_path, metadata=tmp_path, table="t.csv"))


class TestNemo:
    TEXT = (
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        'MP0_sad_1.flac\tsadness\tZła "mowa".\tzła mowa\tMP0\tmale\t24\n'
    )

    @pytest.mark.parametrize("given", ["audio", "metadata"])
    def test_its_table_lies_beside_the_sound(self, tmp_path: Path, given: str) -> None:
        (tmp_path / "data.tsv").write_text(self.TEXT, encoding="utf-8")
        draft = read_nemo(Request(name="nemo", out=tmp_path, **{given: tmp_path}))  # type: ignore[arg-type]
        row = draft.utterances.row(0, named=True)
        assert (row["speaker"], row["gender"], row["age"]) == ("MP0", "male", 24.0)
        assert row["transcript"] == 'Zła "mowa".'
        assert row["normalized_text"] == "zła mowa"

    def test_a_folder_is_needed(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match=r"data\.tsv"):
            read_nemo(Request(name="nemo", out=tmp_path))
