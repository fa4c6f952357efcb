"""What each corpus's names and tables add: one EmoBox row in, attributes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from equivoice.corpora.registry import source_of
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError

Write = Callable[..., Path]
Row = Callable[..., dict[str, Any]]

CASES = {
    "ravdess": (
        "audio/Actor_18/03-01-05-02-02-01-18.wav",
        "Angry",
        {
            "speaker": "18",
            "gender": "female",
            "intensity": "strong",
            "statement": "02",
            "repetition": 1,
            "transcript": "Dogs are sitting by the door",
        },
    ),
    "emovo": ("f2/gio-f2-b2.wav", "gio", {"speaker": "f2", "gender": "female", "sentence": "b2"}),
    "urdu": ("Neutral/SM20_F8_N012.wav", "N", {"speaker": "SM20", "gender": "male"}),
    "ased": (
        "a/a5-03-01-02-50.wav",
        "a",
        {"speaker": "50", "gender": "male", "sentence": "03", "repetition": "01"},
    ),
    "emovdb": (
        "jenie_Amused/amused_57-84_0057.wav",
        "Amused",
        {"speaker": "jenie", "gender": "female", "sentence": "0057"},
    ),
    "cremad": (
        "AudioWAV/1087_IWL_ANG_HI.wav",
        "ANG",
        {"speaker": "1087", "sentence": "IWL", "level": "high", "gender": None},
    ),
    "iemocap": (
        "Session1/sentences/wav/Ses01F_script01_1b/Ses01F_script01_1b_M003.wav",
        "exc",
        {
            "speaker": "Ses01_M",
            "gender": "male",
            "session": "Ses01",
            "style": "script",
            "dialogue": "Ses01F_script01_1b",
            "turn": 3,
        },
    ),
}


def draft_of(folder: Path, name: str, extra: Path | None = None) -> Draft:
    return source_of(name).draft(Request(name=name, out=folder, metadata=folder, extra=extra))


@pytest.mark.parametrize("name", CASES)
def test_attributes_come_from_the_name(emobox: Write, row: Row, name: str) -> None:
    path, emotion, expected = CASES[name]
    draft = draft_of(emobox(name, {f"{name}.jsonl": [row(name, path, emotion)]}), name)
    found = draft.utterances.row(0, named=True)
    assert {key: found[key] for key in expected} == expected
    assert found["emotion"] == emotion


@pytest.mark.parametrize("name", CASES)
def test_a_name_of_another_form_is_refused(emobox: Write, row: Row, name: str) -> None:
    folder = emobox(name, {f"{name}.jsonl": [row(name, "other/form.wav", CASES[name][1])]})
    with pytest.raises(CorpusError, match="form"):
        draft_of(folder, name)


def test_stated_gender_goes_before_the_derived_one(emobox: Write, row: Row) -> None:
    path, emotion, _ = CASES["ravdess"]
    rows = [row("ravdess", path, emotion, gender="Nonbinary")]
    draft = draft_of(emobox("ravdess", {"ravdess.jsonl": rows}), "ravdess")
    assert draft.utterances["gender"].to_list() == ["nonbinary"]


def test_urdu_counts_women_and_men_apart(emobox: Write, row: Row) -> None:
    rows = [row("urdu", f"Sad/S{g}1_F1_S0{i}.wav", "S") for i, g in enumerate("MF")]
    draft = draft_of(emobox("urdu", {"urdu.jsonl": rows}), "urdu")
    assert draft.utterances["speaker"].to_list() == ["SM1", "SF1"]


@pytest.fixture
def meld(emobox: Write) -> Path:
    rows = [
        {
            "key": f"meld-dia0_utt{turn}-{part}",
            "wav": f"downloads/meld/{part}/dia0_utt{turn}.mp4",
            "emo": "joy",
            "sensitive_attr": {"gender": "Unknown", "age": 32},
        }
        for part in ("train", "dev", "test")
        for turn in (0, 1)
    ]
    return emobox("meld", {"meld.jsonl": rows})


class TestMeld:
    def test_dialogue_and_turn_come_from_the_key(self, meld: Path) -> None:
        table = draft_of(meld, "meld").utterances
        assert table["dialogue"].unique(maintain_order=True).to_list() == [
            "train/dia0",
            "dev/dia0",
            "test/dia0",
        ]
        assert table["turn"].to_list() == [0, 1] * 3
        assert table["gender"].to_list() == [None] * 6

    def test_speaker_and_transcript_come_from_the_csvs(self, meld: Path, tmp_path: Path) -> None:
        header = "Sr No.,Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\n"
        for part in ("train", "dev", "test"):
            text = f'{header}1,"Oh, {part}!",Joey,joy,0,1\n'
            (tmp_path / f"{part}_sent_emo.csv").write_text(text)
        table = draft_of(meld, "meld", extra=tmp_path).utterances
        assert table["speaker"].to_list() == [None, "Joey"] * 3
        assert table["transcript"].to_list()[1] == "Oh, train!"
        assert table.height == 6

    def test_another_table_is_refused(self, meld: Path, tmp_path: Path) -> None:
        for part in ("train", "dev", "test"):
            (tmp_path / f"{part}_sent_emo.csv").write_text("a,b\n1,2\n")
        with pytest.raises(CorpusError, match="not MELD's table"):
            draft_of(meld, "meld", extra=tmp_path)


@pytest.fixture
def cremad(emobox: Write, row: Row) -> Path:
    rows = [
        row(
            "cremad", f"AudioWAV/{actor}_IEO_SAD_LO.wav", "SAD", gender="Male", age=99, race="Asian"
        )
        for actor in (1001, 1002)
    ]
    return emobox("cremad", {"cremad.jsonl": rows})


class TestCremaD:
    ACTORS = (
        "ActorID,Age,Sex,Race,Ethnicity\n"
        '1001,51,"Male","Caucasian","Not Hispanic"\n1002,21,"Female","Unknown","Hispanic"\n'
    )
    VOTES = (
        '"","A","D","F","H","N","S","fileName"\n'
        '"100001",0,0,0,0,4,6,"1001_IEO_SAD_LO"\n'
        '"200001",1,0,0,0,0,9,"1001_IEO_SAD_LO"\n'
        '"300007",0,0,0,0,0,2,"1077_IEO_SAD_LO"\n'
    )

    def test_demographics_come_from_the_corpus_itself(self, cremad: Path, tmp_path: Path) -> None:
        (tmp_path / "VideoDemographics.csv").write_text(self.ACTORS)
        table = draft_of(cremad, "cremad", extra=tmp_path).utterances
        assert table["gender"].to_list() == ["male", "female"]
        assert table["age"].to_list() == [51.0, 21.0]
        # What the corpus leaves open is filled from what others derived.
        assert table["race"].to_list() == ["Caucasian", "Asian"]
        assert table["ethnicity"].to_list() == ["Not Hispanic", "Hispanic"]

    def test_without_them_the_attributes_of_the_metadata_stand(self, cremad: Path) -> None:
        table = draft_of(cremad, "cremad").utterances
        assert table["gender"].to_list() == ["male", "male"]
        assert table["age"].to_list() == [99.0, 99.0]

    def test_votes_are_counted_by_channel(self, cremad: Path, tmp_path: Path) -> None:
        (tmp_path / "tabulatedVotes.csv").write_text(self.VOTES)
        draft = draft_of(cremad, "cremad", extra=tmp_path)
        assert draft.votes is not None
        assert draft.votes.select("item", "channel", "value", "count").rows() == [
            ("cremad/1001_IEO_SAD_LO", "face", "angry", 1),
            ("cremad/1001_IEO_SAD_LO", "face", "sad", 9),
            ("cremad/1001_IEO_SAD_LO", "voice", "neutral", 4),
            ("cremad/1001_IEO_SAD_LO", "voice", "sad", 6),
        ]
        assert draft.left_out == {"votes on clips that the metadata do not hold": 2}

    RESPONSES = (
        "Unnamed: 0,localid,pos,ans,ttr,queryType,clipName,respEmo,respLevel\n"
        "7,SSI_2,33,A_18,9229,1,1001_IEO_SAD_LO,A,18\n"
        "9,SSI_1,201,D_84,5077,2,1001_IEO_SAD_LO,D,84\n"
        "11,SSI_1,45,S_5,900,3,1001_IEO_SAD_LO,S,5\n"
        "13,SSI_3,46,S_6,901,3,1077_IEO_SAD_LO,S,6\n"
    )

    def test_single_responses_name_their_raters(self, cremad: Path, tmp_path: Path) -> None:
        (tmp_path / "finishedResponses.csv").write_text(self.RESPONSES)
        draft = draft_of(cremad, "cremad", extra=tmp_path)
        assert draft.votes is not None
        item = "cremad/1001_IEO_SAD_LO"
        assert draft.votes.rows() == [
            (item, "both", "SSI_1", "person", "emotion", "sad", None, 1),
            (item, "both", "SSI_1", "person", "level", None, 5.0, 1),
            (item, "face", "SSI_1", "person", "emotion", "disgust", None, 1),
            (item, "face", "SSI_1", "person", "level", None, 84.0, 1),
            (item, "voice", "SSI_2", "person", "emotion", "angry", None, 1),
            (item, "voice", "SSI_2", "person", "level", None, 18.0, 1),
        ]
        # An answer and its level, on a clip that is not there.
        assert draft.left_out == {"votes on clips that the metadata do not hold": 2}

    def test_no_vote_is_counted_twice(self, cremad: Path, tmp_path: Path) -> None:
        (tmp_path / "tabulatedVotes.csv").write_text(self.VOTES)
        (tmp_path / "finishedResponses_excerpt.csv").write_text(self.RESPONSES)

        def read(table: str | None) -> Draft:
            request = Request("cremad", tmp_path, metadata=cremad, extra=tmp_path, table=table)
            return source_of("cremad").draft(request)

        counts, responses = read(None).votes, read("finishedResponses_excerpt.csv").votes
        assert counts is not None
        assert responses is not None
        assert counts["rater"].null_count() == counts.height == 4
        assert responses["rater"].null_count() == 0
        with pytest.raises(CorpusError, match="no such table of votes") as caught:
            read("votes.csv")
        assert caught.value.choices == ("tabulatedVotes.csv", "finishedResponses_excerpt.csv")

    def test_two_tables_of_responses_have_to_be_told_apart(
        self, cremad: Path, tmp_path: Path
    ) -> None:
        for name in ("finishedResponses.csv", "finishedResponsesWithRepeatWithPractice.csv"):
            (tmp_path / name).write_text(self.RESPONSES)
        with pytest.raises(CorpusError, match="holds 2 tables of responses"):
            draft_of(cremad, "cremad", extra=tmp_path)

    @pytest.mark.parametrize(
        ("old", "new", "place", "column"),
        [(",2,1001", ",4,1001", 2, "queryType"), (",S,5", ",X,5", 3, "respEmo")],
    )
    def test_a_code_without_a_meaning_is_named(
        self, cremad: Path, tmp_path: Path, old: str, new: str, place: int, column: str
    ) -> None:
        (tmp_path / "finishedResponses.csv").write_text(self.RESPONSES.replace(old, new))
        with pytest.raises(CorpusError, match="no meaning") as caught:
            draft_of(cremad, "cremad", extra=tmp_path)
        assert (caught.value.row, caught.value.column) == (place, column)

    def test_an_extra_folder_of_something_else_is_refused(
        self, cremad: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(CorpusError, match="neither"):
            draft_of(cremad, "cremad", extra=tmp_path / "emobox")
        (tmp_path / "VideoDemographics.csv").write_text("ActorID,Age\n1001,2\n")
        with pytest.raises(CorpusError, match="missing") as caught:
            draft_of(cremad, "cremad", extra=tmp_path)
        assert caught.value.column == "Sex"
