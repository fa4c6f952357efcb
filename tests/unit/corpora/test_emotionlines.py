"""EmotionLines' votes, alone and joined with MELD; in small, and as it is."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, check, prepare
from equivoice.errors import CorpusError

PARTS = ("train", "dev", "test")


def line(speaker: str, text: str, emotion: str, annotation: str) -> dict[str, str]:
    return {"speaker": speaker, "utterance": text, "emotion": emotion, "annotation": annotation}


DIALOGUE = [
    line("Ross", "It\x92s over.", "sadness", "0140000"),
    line("Monica ", "Hey!", "non-neutral", "1120001"),
    line("Guy", "Yuck", "disgust", "0000005"),
]
ENDING = [line("Joey", "Fine.", "anger", "1000400"), line("Ross", "Wow.", "surprise", "0010040")]
HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode\n"
MELD = (
    HEADER
    + '1,"It’s over",Ross,sadness,negative,7,0,4,7\n'
    + '2,"Hey",Monica,joy,positive,7,1,4,7\n'
    + '3,"Nobody wrote this",Ross,joy,positive,8,0,5,1\n'
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with EmotionLines' three files, and a folder ``meld`` in it."""
    for part in PARTS:
        dialogues = [DIALOGUE, ENDING] if part == "train" else [DIALOGUE]
        (tmp_path / f"friends_{part}.json").write_text(json.dumps(dialogues))
    (tmp_path / "meld").mkdir()
    for part in PARTS:
        (tmp_path / "meld" / f"{part}_sent_emo.csv").write_text(MELD)
    return tmp_path


def make(folder: Path, *, meld: bool = True, **options: Any) -> Corpus:
    extra = folder / "meld" if meld else None
    return prepare("emotionlines", metadata=folder, extra=extra, out=folder / "out", **options)


def test_what_is_known_of_a_line(small: Path) -> None:
    table = make(small, meld=False).utterances
    assert table.height == 11
    first = table.row(0, named=True)
    assert first["utterance_id"] == "emotionlines/dia0_utt0-train"
    assert (first["dialogue"], first["turn"]) == ("train/dia0", 0)
    assert (first["speaker"], first["gender"]) == ("Ross", "male")
    assert first["transcript"] == "It’s over."
    assert (first["emotion"], first["own_label"], first["language"]) == ("sad", "sadness", "en")
    assert table["gender"].to_list()[:5] == ["male", "female", None, "male", "male"]
    assert table["emotion"].to_list()[:5] == ["sad", None, "disgust", "angry", "surprise"]
    assert table["dialogue"].to_list()[3:6] == ["train/dia1", "train/dia1", "dev/dia0"]
    assert table["audio"].null_count() == table.height


def test_digits_are_votes_in_their_order(small: Path) -> None:
    votes = make(small, meld=False).votes
    assert votes is not None
    assert votes.filter(item="emotionlines/dia0_utt1-train").select("value", "count").rows() == [
        ("disgust", 1),
        ("happy", 1),
        ("neutral", 1),
        ("sad", 2),
    ]
    assert set(votes.select("channel", "kind", "question", "rater").rows()) == {
        ("text", "person", "emotion", None)
    }
    # One digit each for fear (4th), anger (5th), surprise (6th).
    assert votes.filter(item="emotionlines/dia1_utt0-train", value="angry")["count"].item() == 4
    assert votes.filter(item="emotionlines/dia1_utt1-train", value="surprise")["count"].item() == 4
    assert votes.group_by("item").agg(pl.col("count").sum())["count"].unique().to_list() == [5]


def test_the_published_splits_are_one_fold(small: Path) -> None:
    corpus = make(small, meld=False)
    assert corpus.fold_names == ("1",)
    assert Counter(corpus.folds["split"]) == {"train": 5, "validation": 3, "test": 3}
    assert corpus.provenance["folds"]["origin"] == "given"


def test_a_corpus_of_text_needs_no_sound_and_takes_none(small: Path) -> None:
    assert make(small, meld=False).left_out == {}
    with pytest.raises(CorpusError, match="text alone"):
        make(small, audio=small)


def test_meld_is_joined_and_what_has_no_partner_stays(small: Path) -> None:
    corpus = make(small)
    table = corpus.utterances
    assert table.height == 11
    assert table["meld_id"].to_list()[:3] == ["meld/dia7_utt0-train", "meld/dia7_utt1-train", None]
    assert table["meld_emotion"].to_list()[:3] == ["sad", "happy", None]
    assert table.select("season", "episode").row(0) == (4, 7)
    assert corpus.left_out == {"line of MELD without a partner (no such line)": 3}
    report = corpus.provenance["record"]["joined with MELD"]["train"]
    assert report == {
        "lines of MELD": 3,
        "found in EmotionLines": 2,
        "joined one to one": 2,
        "lines of EmotionLines": 5,
        "of these without a partner": 3,
    }


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda d: d[0].pop("speaker"), "dialogue 0, line 0 lacks 'speaker'"),
        (lambda d: d[1].update(annotation="00000"), "annotation of dialogue 0, line 1"),
        (lambda d: d[1].update(annotation="0-20005"), "annotation of dialogue 0, line 1"),
        (lambda d: d.append("a line"), "dialogue 0, line 3 lacks 'speaker'"),
    ],
)
def test_a_bad_line_is_named(small: Path, damage: Callable[[Any], None], problem: str) -> None:
    dialogue: list[Any] = [dict(one) for one in DIALOGUE]
    damage(dialogue)
    (small / "friends_dev.json").write_text(json.dumps([dialogue]))
    with pytest.raises(CorpusError, match=problem) as caught:
        make(small)
    assert caught.value.file is not None
    assert caught.value.file.endswith("friends_dev.json")


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[1]"])
def test_a_file_of_another_form_is_refused(small: Path, text: str) -> None:
    (small / "friends_test.json").write_text(text)
    with pytest.raises(CorpusError, match="not "):
        make(small)


def test_missing_files_are_named(small: Path) -> None:
    (small / "meld" / "dev_sent_emo.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CorpusError, match="not MELD's table") as caught:
        make(small)
    assert caught.value.column == "Utterance"
    (small / "friends_dev.json").unlink()
    with pytest.raises(CorpusError, match="missing"):
        make(small)


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return prepare(
        "emotionlines",
        metadata=real_data / "votes" / "emotionlines_friends",
        extra=real_data / "meld",
        out=tmp_path_factory.mktemp("emotionlines"),
    )


class TestReal:
    def test_14503_utterances_each_with_five_votes(self, real: Corpus) -> None:
        assert real.utterances.height == 14_503
        assert Counter(real.folds["split"]) == {"train": 10_561, "validation": 1_178, "test": 2_764}
        totals = real.votes.group_by("item").agg(pl.col("count").sum())  # type: ignore[union-attr]
        assert totals.height == 14_503
        assert totals["count"].unique().to_list() == [5]

    @pytest.mark.parametrize(
        ("part", "hits", "lines", "joined"),
        [("train", 9955, 9989, 9926), ("dev", 1109, 1109, 1108), ("test", 2610, 2610, 2607)],
    )
    def test_the_hit_rate(
        self, real: Corpus, part: str, hits: int, lines: int, joined: int
    ) -> None:
        report = real.provenance["record"]["joined with MELD"][part]
        assert (report["found in EmotionLines"], report["lines of MELD"]) == (hits, lines)
        assert report["joined one to one"] == joined
        partners = real.utterances.filter(pl.col("meld_id").str.ends_with(f"-{part}"))
        assert partners.height == partners["meld_id"].n_unique() == joined

    def test_every_line_of_meld_is_joined_or_counted(self, real: Corpus) -> None:
        joined = real.utterances["meld_id"].drop_nulls().len()
        assert joined + sum(real.left_out.values()) == 9989 + 1109 + 2610
        assert real.left_out["line of MELD without a partner (no such line)"] == 9989 - 9955

    def test_partners_were_labelled_alike_where_there_is_a_majority(self, real: Corpus) -> None:
        # The labels took no part in the join, so they can tell whether it went right.
        both = real.utterances.drop_nulls(["meld_emotion", "emotion"])
        assert both.height == 11_090
        assert (both["emotion"] == both["meld_emotion"]).all()

    def test_partners_say_the_same(self, real: Corpus, real_data: Path) -> None:
        said = {}
        for part in PARTS:
            with (real_data / "meld" / f"{part}_sent_emo.csv").open(encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    name = f"meld/dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}-{part}"
                    said[name] = (row["Speaker"], row["Utterance"])
        for name, speaker, text in real.utterances.select(
            "meld_id", "speaker", "transcript"
        ).iter_rows():
            if name is not None:
                assert said[name][0] == speaker
                assert words(said[name][1]) == words(text)

    def test_the_label_is_the_majority_of_the_votes(self, real: Corpus) -> None:
        votes: dict[str, Counter[str]] = {}
        for item, value, count in real.votes.select("item", "value", "count").iter_rows():  # type: ignore[union-attr]
            votes.setdefault(item, Counter())[value] += count
        for name, emotion in real.utterances.select("utterance_id", "emotion").iter_rows():
            value, count = votes[name].most_common(1)[0]
            assert emotion == (value if count >= 3 else None)

    def test_no_text_is_damaged(self, real: Corpus) -> None:
        assert not real.utterances["transcript"].str.contains("[\x80-\x9f�]").any()

    def test_nothing_keeps_it_from_being_used(self, real: Corpus) -> None:
        found = {one.code: one for one in check(real)}
        assert all(one.severity != "error" for one in found.values())
        assert "101 test speakers" in found["shared-speakers"].message
        assert "label of all 14,503 utterances" in found["consensus-agrees"].message

    def test_the_check_says_how_the_join_went(self, real: Corpus) -> None:
        told = [one.message for one in check(real) if one.code == "prepared"]
        assert len(told) == 3
        assert told[0] == (
            "joined with MELD, train: 9,989 lines of MELD, 9,955 found in EmotionLines, "
            "9,926 joined one to one, 10,561 lines of EmotionLines, 635 of these without a partner"
        )


def words(text: str) -> str:
    return "".join(letter for letter in text.lower() if "a" <= letter <= "z")
