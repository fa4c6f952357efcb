"""Corpora on disk: what is saved is loaded, and half a corpus is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from equivoice.corpora import Card, Corpus, Fact, load_corpus, save_corpus
from equivoice.errors import CorpusError, SchemaError, StorageError
from equivoice.records import UTTERANCES, VOTES, replace_file

VOTE = VOTES.validate(
    pl.DataFrame(
        {"item": ["demo/f1-sad-0"], "question": ["emotion"], "value": ["sad"], "count": [3]}
    )
)


def test_what_is_saved_is_loaded(demo: Corpus, tmp_path: Path) -> None:
    card = Card(name="demo", licence=Fact(value="CC0", source="me"))
    given = replace(demo, votes=VOTE, card=card, left_out={"gone": 2}, provenance={"seed": 3})
    loaded = load_corpus(save_corpus(given, tmp_path / "demo"))
    assert_frame_equal(loaded.utterances, UTTERANCES.validate(given.utterances))
    assert_frame_equal(loaded.folds, given.folds)
    assert loaded.votes is not None
    assert_frame_equal(loaded.votes, VOTE)
    assert loaded.label_space == given.label_space
    assert (loaded.name, loaded.card, loaded.left_out) == ("demo", card, {"gone": 2})
    assert loaded.provenance == {"seed": 3}
    assert loaded.root == (tmp_path / "demo").resolve()


def test_audio_below_the_folder_moves_with_it(demo: Corpus, tmp_path: Path) -> None:
    first = tmp_path / "first"
    (first / "sound").mkdir(parents=True)
    (first / "sound" / "a.flac").touch()
    inside = pl.lit(str(first / "sound" / "a.flac"))
    corpus = replace(demo, utterances=demo.utterances.with_columns(audio=inside))
    save_corpus(corpus, first)
    assert pl.read_parquet(first / "utterances.parquet")["audio"][0] == "sound/a.flac"
    second = first.rename(tmp_path / "second")
    assert load_corpus(second).utterances["audio"][0] == str(second / "sound" / "a.flac")


def test_audio_elsewhere_is_stored_absolute_and_found_with_another_suffix(
    demo: Corpus, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.flac").touch()
    named = pl.lit(str(tmp_path / "elsewhere" / "a.wav"))
    corpus = replace(demo, utterances=demo.utterances.with_columns(audio=named))
    folder = save_corpus(corpus, tmp_path / "demo")
    assert load_corpus(folder).utterances["audio"][0].endswith("elsewhere/a.flac")
    with pytest.raises(CorpusError, match="out of the table's folder"):
        load_corpus(folder, allow_absolute=False)


def test_saving_again_without_votes_leaves_no_old_votes(demo: Corpus, tmp_path: Path) -> None:
    save_corpus(replace(demo, votes=VOTE), tmp_path)
    save_corpus(demo, tmp_path)
    assert load_corpus(tmp_path).votes is None


def test_equal_corpora_give_equal_bytes(demo: Corpus, tmp_path: Path) -> None:
    folders = [save_corpus(demo, tmp_path / name) for name in ("a", "b")]
    for file in ("utterances.parquet", "folds.parquet", "corpus.json"):
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes()


def test_an_interrupted_save_is_not_taken_for_a_corpus(
    demo: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_corpus(demo, tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("equivoice.corpora.corpus.replace_file", stop)
    with pytest.raises(KeyboardInterrupt):
        save_corpus(demo, tmp_path)
    with pytest.raises(CorpusError, match=r"corpus\.json is missing"):
        load_corpus(tmp_path)
    assert replace_file is not stop


def test_a_file_in_the_place_of_the_folder_is_a_storage_error(demo: Corpus, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(StorageError, match="taken"):
        save_corpus(demo, tmp_path / "taken")


def test_a_fold_of_an_utterance_that_does_not_exist_is_refused(
    demo: Corpus, tmp_path: Path
) -> None:
    stray = pl.DataFrame({"utterance_id": ["demo/ghost"], "fold": ["1"], "split": ["test"]})
    with pytest.raises(CorpusError, match="does not exist") as caught:
        save_corpus(replace(demo, folds=pl.concat([demo.folds, stray])), tmp_path)
    assert caught.value.value == "demo/ghost"


def test_an_emotion_outside_the_label_space_is_refused_with_its_row(
    demo: Corpus, tmp_path: Path
) -> None:
    rows = demo.utterances.with_columns(
        emotion=pl.when(pl.int_range(pl.len()) == 4).then(pl.lit("bored")).otherwise("emotion")
    )
    with pytest.raises(CorpusError, match="bored") as caught:
        save_corpus(replace(demo, utterances=rows), tmp_path)
    assert caught.value.row == 5
    assert caught.value.choices == ("angry", "happy", "sad")


def test_fold_names_are_in_the_order_of_their_numbers(demo: Corpus) -> None:
    names = ["10", "9", "other", "1"]
    folds = pl.concat([demo.folds.with_columns(fold=pl.lit(name)) for name in names])
    assert replace(demo, folds=folds).fold_names == ("1", "9", "10", "other")


@pytest.mark.parametrize(
    ("text", "problem"), [("{", "cannot be read"), ('{"name": 1}', "cannot be read")]
)
def test_a_broken_description_is_named(
    demo: Corpus, tmp_path: Path, text: str, problem: str
) -> None:
    save_corpus(demo, tmp_path)
    (tmp_path / "corpus.json").write_text(text)
    with pytest.raises(CorpusError, match=problem) as caught:
        load_corpus(tmp_path)
    assert str(caught.value.file).endswith("corpus.json")


def test_the_description_states_its_version(demo: Corpus, tmp_path: Path) -> None:
    description = json.loads((save_corpus(demo, tmp_path) / "corpus.json").read_text())
    assert description["schema_version"] == 1
    assert description["card"]["licence"] == {"value": None, "source": None}


class TestPlainTables:
    TEXT = (
        "utterance_id,audio,speaker,gender,emotion\nx/1,a.wav,s1,female,anger\nx/2,,s2,male,joy\n"
    )

    def test_a_table_file_is_a_corpus(self, tmp_path: Path) -> None:
        (tmp_path / "a.flac").touch()
        (tmp_path / "mine.csv").write_text(self.TEXT)
        corpus = load_corpus(tmp_path / "mine.csv")
        assert corpus.name == "mine"
        assert corpus.label_space.names == ("anger", "joy")
        assert corpus.label_space.resolve("angry") == "anger"
        assert corpus.utterances["audio"].to_list() == [str(tmp_path / "a.flac"), None]
        assert corpus.folds.is_empty()

    def test_a_folder_with_utterances_and_folds(self, tmp_path: Path) -> None:
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "utterances.csv").write_text(self.TEXT)
        (folder / "folds.csv").write_text("utterance_id,fold,split\nx/1,a,train\nx/2,a,test\n")
        corpus = load_corpus(folder)
        assert (corpus.name, corpus.fold_names) == ("mine", ("a",))

    def test_a_parquet_table_without_a_description_is_an_unfinished_corpus(
        self, demo: Corpus, tmp_path: Path
    ) -> None:
        save_corpus(demo, tmp_path)
        (tmp_path / "corpus.json").unlink()
        with pytest.raises(CorpusError, match="did not finish"):
            load_corpus(tmp_path)
        assert load_corpus(tmp_path / "utterances.parquet").utterances.height == 36

    def test_a_path_that_leaves_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("utterance_id,audio,emotion\nx/1,../secret.wav,sad\n")
        with pytest.raises(CorpusError, match="out of the table's folder") as caught:
            load_corpus(tmp_path / "t.csv")
        assert caught.value.row == 1

    def test_a_table_without_any_emotion(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("utterance_id,emotion\nx/1,\n")
        with pytest.raises(CorpusError, match="no emotion"):
            load_corpus(tmp_path / "t.csv")

    def test_a_repeated_id_is_a_schema_error(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("utterance_id,emotion\nx/1,sad\nx/1,sad\n")
        with pytest.raises(SchemaError, match="repeats a key"):
            load_corpus(tmp_path / "t.csv")

    @pytest.mark.parametrize("name", ["nowhere", "empty"])
    def test_nothing_there(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(CorpusError, match="corpus"):
            load_corpus(tmp_path / name)
