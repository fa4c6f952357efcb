"""MELD-ST: both pairs of languages, English once, and who is a woman and who a man."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, load_corpus, prepare
from equivoice.corpora.adapters.meld_st import read_meld_st
from equivoice.corpora.friends import gender_table, main_cast
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError, InputError
from oracles.meld_st import COLUMNS, LINES, write_pair

Sound = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for pair in COLUMNS:
        write_pair(tmp_path / "MELD-ST", pair)
    return tmp_path / "MELD-ST"


def draft(root: Path, **options: Any) -> Draft:
    return read_meld_st(Request("meld_st", root / "out", metadata=root, **options))


def prepared(root: Path, **options: Any) -> Corpus:
    out = root.parent / "prepared"
    return prepare("meld_st", metadata=root, with_audio=False, out=out, **options)


def test_three_languages_and_english_once(root: Path) -> None:
    speech = draft(root).utterances
    counts = dict(speech.group_by("language").len().iter_rows())
    assert counts == {"en": 12, "ja": 12, "de": 12}  # four lines of one speaker, three parts
    english = speech.filter(language="en")["audio"]
    assert english.str.starts_with("ENG_JPN/ENG/").all()


def test_names_of_files_and_ids(root: Path) -> None:
    speech = draft(root).utterances
    wanted = ("meld_st/ENG_DEU/DEU/dev/dev_2", "ENG_DEU/DEU/dev/dev_2.wav")
    assert wanted in speech.select("utterance_id", "audio").rows()
    assert speech["utterance_id"].is_unique().all()


def test_each_language_has_its_own_text(root: Path) -> None:
    speech = draft(root).utterances.filter(
        (pl.col("speaker") == "Monica") & pl.col("audio").str.contains("train")
    )
    assert dict(speech.select("language", "transcript").iter_rows()) == {
        "en": "What?",
        "ja": "Japanese: What?",
        "de": "German: What?",
    }


def test_a_line_without_text_has_no_transcript(root: Path) -> None:
    speech = draft(root).utterances.filter(speaker="Gunther", language="en")
    assert speech["transcript"].to_list() == [None] * 3


def test_dialogues_are_of_one_language_and_one_episode(root: Path) -> None:
    speech = draft(root).utterances.filter(speaker="Joey")
    assert set(speech["dialogue"]) == {f"{tag}/s2e9/dia1" for tag in ("en", "ja", "de")}
    assert speech["turn"].unique().to_list() == [0]
    assert speech.select("season", "episode").unique().rows() == [(2, 9)]


def test_the_parts_are_the_official_ones(root: Path) -> None:
    made = draft(root)
    both = made.utterances.join(made.folds, on="utterance_id")
    folder = both["audio"].str.extract(r"/(train|dev|test)/")
    assert (folder.replace("dev", "validation") == both["split"]).all()
    assert both.height == made.utterances.height
    assert made.folds["fold"].unique().to_list() == ["1"]


def test_lines_of_several_speakers_are_left_out_and_counted(root: Path) -> None:
    made = draft(root)
    assert "Ross and Rachel" not in set(made.utterances["speaker"])
    assert made.left_out == {"line of several speakers at once": 9}


@pytest.mark.parametrize(
    ("name", "several"),
    [
        ("All", True),
        ("both", True),
        ("Monica/Rachel", True),
        ("Joey, Chandler", True),
        ("Phoebe & Mike", True),
        ("Allan", False),
        ("Andrea", False),
        ("Mr. Geller", False),
        ("Sandy", False),
    ],
)
def test_who_is_several_speakers(tmp_path: Path, name: str, several: bool) -> None:
    lines = {part: [(0, 0, 1, 1, name.replace(",", " &"), "joy", "Hi")] for part in ("train",)}
    write_pair(tmp_path, "ENG_DEU", lines)
    speakers = set(draft(tmp_path).utterances["speaker"])
    assert (name not in speakers) == several


def test_the_main_cast_has_a_gender_and_others_have_none(root: Path) -> None:
    pairs = dict(draft(root).utterances.select("speaker", "gender").unique().iter_rows())
    assert pairs == {"Phoebe": "female", "Monica": "female", "Joey": "male", "Gunther": None}


def test_a_table_of_the_user_says_it_of_others_and_goes_first(root: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "speakers.csv").write_text("speaker,gender\nGunther,M\nJoey,nonbinary\nNobody,f\n")
    made = draft(root, extra=extra)
    pairs = dict(made.utterances.select("speaker", "gender").unique().iter_rows())
    assert pairs == {"Phoebe": "female", "Monica": "female", "Joey": "nonbinary", "Gunther": "male"}
    silent = made.record["MELD-ST"]["speakers of the gender table who say nothing"]
    assert silent == ["Chandler", "Nobody", "Rachel", "Ross"]
    assert extra / "speakers.csv" in made.read


def test_the_record_says_what_a_reader_must_know(root: Path) -> None:
    found = draft(root).record["MELD-ST"]
    assert found["English from"] == "ENG_JPN"
    assert found["speakers"] == 4
    assert found["speakers without gender"] == 1
    assert found["lines without gender"] == 9
    # the fixture repeats its lines in every part, which is what this number is to tell
    assert found["lines in different parts in different languages"] == 4
    assert found["dialogues in several parts"] == 6


def test_a_line_that_keeps_its_part_is_not_counted(tmp_path: Path) -> None:
    by_part = {
        part: [(number, *line[1:]) for line in LINES[:2]]
        for number, part in enumerate(("train", "valid", "test"))
    }
    for pair in COLUMNS:
        write_pair(tmp_path, pair, by_part)
    found = draft(tmp_path).record["MELD-ST"]
    assert found["lines in different parts in different languages"] == 0
    assert found["dialogues in several parts"] == 0


def test_one_pair_alone(root: Path) -> None:
    made = draft(root, table="ENG_DEU")
    assert set(made.utterances["language"]) == {"en", "de"}
    assert made.utterances["audio"].str.starts_with("ENG_DEU/").all()
    assert made.record["MELD-ST"]["English from"] == "ENG_DEU"


def test_a_folder_with_one_pair_needs_no_word(tmp_path: Path) -> None:
    write_pair(tmp_path, "ENG_DEU")
    assert set(draft(tmp_path).utterances["language"]) == {"en", "de"}


def test_prepared_it_has_canonical_labels_and_its_card(root: Path) -> None:
    corpus = prepared(root)
    assert corpus.label_space.names == (
        *("angry", "happy", "sad", "neutral", "fear", "disgust", "surprise"),
    )
    assert corpus.utterances.filter(speaker="Joey")["emotion"].unique().to_list() == ["happy"]
    assert corpus.card.language_tags == ("en", "de", "ja")
    assert corpus.left_out["line of several speakers at once"] == 9
    again = load_corpus(root.parent / "prepared")
    assert again.provenance["record"]["MELD-ST"]["English from"] == "ENG_JPN"


def test_recordings_lie_beside_the_tables(root: Path, tmp_path: Path, sound: Sound) -> None:
    for path in draft(root).utterances["audio"]:
        sound(root / path, seconds=0.1)
    corpus = prepare("meld_st", audio=root, out=tmp_path / "prepared")  # --metadata left out
    assert corpus.utterances["audio"].str.starts_with(str(root)).all()
    assert corpus.utterances["duration"].to_list() == pytest.approx([0.1] * 36)


# ----------------------------------------------------------------------------- bad input


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no pair of languages") as caught:
        draft(tmp_path)
    assert "ENG_JPN" in str(caught.value)


def test_a_pair_that_does_not_exist(root: Path) -> None:
    with pytest.raises(CorpusError, match="no such pair") as caught:
        draft(root, table="ENG_FRA")
    assert "ENG_DEU" in str(caught.value)


def test_a_missing_part(root: Path) -> None:
    (root / "ENG_JPN" / "jpn_valid.csv").unlink()
    with pytest.raises(InputError, match=r"jpn_valid\.csv"):
        draft(root)


def test_another_table(root: Path) -> None:
    (root / "ENG_DEU" / "deu_test.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CorpusError, match="not a table of MELD-ST's ENG_DEU") as caught:
        draft(root)
    assert "deu_test.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0,1,surprise", "0,x,surprise", "not a whole number as utt_id"),
        (",Monica,", ",,", "a line without its speaker"),
        ("0,1,surprise", "0,1,", "a line without its emotion"),
    ],
)
def test_a_cell_that_cannot_be_read(root: Path, old: str, new: str, said: str) -> None:
    path = root / "ENG_DEU" / "deu_train.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(CorpusError, match=said) as caught:
        draft(root)
    assert "row: 2" in str(caught.value)


def test_neither_tables_nor_recordings(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="needs its metadata"):
        read_meld_st(Request("meld_st", tmp_path))


# --------------------------------------------------------------------- tables of speakers


def test_the_main_cast_is_three_women_and_three_men() -> None:
    assert sorted(main_cast().values()) == ["female"] * 3 + ["male"] * 3


def test_a_speaker_with_two_genders(tmp_path: Path) -> None:
    table = tmp_path / "speakers.csv"
    table.write_text("speaker,gender\nJoey,m\nJoey,f\n")
    with pytest.raises(CorpusError, match="different genders") as caught:
        gender_table(table)
    assert "row: 2" in str(caught.value)


def test_a_speaker_without_gender_has_none(tmp_path: Path) -> None:
    table = tmp_path / "speakers.csv"
    table.write_text("speaker,gender\nJoey,m\nUrsula,Unknown\n Tag ,man\n")
    assert gender_table(table) == {"Joey": "male", "Tag": "male"}


def test_a_table_of_something_else(tmp_path: Path) -> None:
    table = tmp_path / "speakers.csv"
    table.write_text("name,sex\nJoey,m\n")
    with pytest.raises(CorpusError, match="not a table of speakers") as caught:
        gender_table(table)
    assert caught.value.exit_code == 2
