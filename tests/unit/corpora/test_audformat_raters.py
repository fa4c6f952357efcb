"""Columns of raters in an audformat database are votes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from equivoice.corpora import check, prepare
from equivoice.corpora.adapters.audformat import read_audformat
from equivoice.corpora.source import Request
from equivoice.errors import CorpusError

audformat = pytest.importorskip("audformat")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FILES = ["a.wav", "b.wav", "c.wav"]
ANSWERS = {
    "ann": ["joy", "anger", None],
    "ben": ["joy", "joy", "fear"],
    "bot": ["anger", None, "fear"],
}


def database(*, gold: bool = True, segmented: bool = False) -> Any:
    """Two people, a machine and an aggregate; each rater in a column of the table ``votes``."""
    db = audformat.Database("demo")
    db.schemes["emotion"] = audformat.Scheme(labels=["anger", "joy", "fear"])
    db.schemes["valence"] = audformat.Scheme("float")
    db.schemes["note"] = audformat.Scheme("str")
    for name, kind in {"ann": "human", "ben": "human", "bot": "machine", "gold": "vote"}.items():
        db.raters[name] = audformat.Rater(kind)
    index = audformat.filewise_index(FILES)
    if segmented:
        index = audformat.segmented_index(
            ["x.wav"] * 3, starts=[0, "1s", "2s"], ends=["1s", "2s", "3.5s"]
        )
    db["votes"] = audformat.Table(index)
    for name, answers in ANSWERS.items():
        db["votes"][name] = audformat.Column(scheme_id="emotion", rater_id=name)
        db["votes"][name].set(answers)
    db["votes"]["ann.valence"] = audformat.Column(scheme_id="valence", rater_id="ann")
    db["votes"]["ann.valence"].set([0.5, None, -1.0])
    db["votes"]["remark"] = audformat.Column(scheme_id="note", rater_id="ann")
    db["votes"]["remark"].set(["loud", None, None])
    if gold:
        db["gold"] = audformat.Table(index)
        db["gold"]["emotion"] = audformat.Column(scheme_id="emotion", rater_id="gold")
        db["gold"]["emotion"].set(["joy", "joy", "fear"])
    return db


def save(db: Any, folder: Path) -> Path:
    db.save(str(folder / "db"), storage_format="csv")
    return folder / "db"


def make(folder: Path, **options: Any) -> Any:
    given = {"metadata": folder, "out": folder / "o", "corpus": "demo", "with_audio": False}
    return prepare("audformat", **(given | options))


VOTES = {
    ("demo/a", "ann", "person", "happy"),
    ("demo/b", "ann", "person", "angry"),
    ("demo/a", "ben", "person", "happy"),
    ("demo/b", "ben", "person", "happy"),
    ("demo/c", "ben", "person", "fear"),
    ("demo/a", "bot", "model", "angry"),
    ("demo/c", "bot", "model", "fear"),
}


def voted(corpus: Any, question: str = "emotion") -> set[tuple[Any, ...]]:
    answer = "value" if question == "emotion" else "number"
    rows = corpus.votes.filter(question=question)
    assert rows["count"].to_list() == [1] * rows.height
    assert rows["channel"].null_count() == rows.height
    return set(rows.select("item", "rater", "kind", answer).rows())


def test_raters_columns_are_votes_and_the_aggregate_is_the_label(tmp_path: Path) -> None:
    corpus = make(save(database(), tmp_path))
    assert voted(corpus) == VOTES
    assert voted(corpus, "valence") == {
        ("demo/a", "ann", "person", 0.5),
        ("demo/c", "ann", "person", -1.0),
    }
    assert set(corpus.votes["question"]) == {"emotion", "valence"}
    assert corpus.utterances["emotion"].to_list() == ["happy", "happy", "fear"]
    assert corpus.label_space.names == ("angry", "happy", "fear")
    assert corpus.provenance["label_rule"] is None
    assert not [one for one in check(corpus, audio=False) if one.severity == "error"]


def test_without_an_aggregate_the_label_is_the_plurality(tmp_path: Path) -> None:
    corpus = make(save(database(gold=False), tmp_path))
    assert voted(corpus) == VOTES
    assert corpus.utterances["emotion"].to_list() == ["happy", None, "fear"]
    found = {one.code: one for one in check(corpus, audio=False)}
    assert found["consensus-agrees"].count == 3
    assert "remark" in corpus.utterances.columns


def test_segments_keep_their_votes(tmp_path: Path) -> None:
    for gold in (True, False):
        corpus = make(save(database(gold=gold, segmented=True), tmp_path))
        ids = corpus.utterances["utterance_id"].to_list()
        assert ids == ["demo/x#0.0#1.0", "demo/x#1.0#2.0", "demo/x#2.0#3.5"]
        names = dict(zip(("demo/a", "demo/b", "demo/c"), ids, strict=True))
        assert voted(corpus) == {(names[item], *rest) for item, *rest in VOTES}


def test_a_scheme_of_another_name_can_be_said(tmp_path: Path) -> None:
    db = database()
    db["gold"]["mood"] = audformat.Column(scheme_id="emotion", rater_id="gold")
    db["gold"]["mood"].set(["fear", "joy", "joy"])
    db.schemes["pleasure"] = audformat.Scheme("float")
    db["votes"]["ben.pleasure"] = audformat.Column(scheme_id="pleasure", rater_id="ben")
    db["votes"]["ben.pleasure"].set([1.0, 2.0, 3.0])
    db["gold"]["pleasure"] = audformat.Column(scheme_id="pleasure")
    db["gold"]["pleasure"].set([4.0, 5.0, 6.0])
    corpus = make(save(db, tmp_path), columns={"valence": "pleasure"})
    assert corpus.utterances["valence"].to_list() == [4.0, 5.0, 6.0]
    assert voted(corpus, "valence") == {
        ("demo/a", "ben", "person", 1.0),
        ("demo/b", "ben", "person", 2.0),
        ("demo/c", "ben", "person", 3.0),
    }


def test_votes_on_other_sounds_are_counted(tmp_path: Path) -> None:
    db = database(gold=False)
    db["gold"] = audformat.Table(audformat.filewise_index(FILES[:1]))
    db["gold"]["emotion"] = audformat.Column(scheme_id="emotion", rater_id="gold")
    db["gold"]["emotion"].set(["joy"])
    corpus = make(save(db, tmp_path))
    assert corpus.utterances.height == 1
    assert {item for item, *_ in voted(corpus)} == {"demo/a"}
    # four answers on b and c that are labels, one on c that is a number
    assert corpus.left_out["vote on a sound that the tables of emotions do not hold"] == 5


def test_one_column_of_a_person_is_both_label_and_vote(tmp_path: Path) -> None:
    db = audformat.Database("demo")
    db.raters["ann"] = audformat.Rater()
    db["t"] = audformat.Table(audformat.filewise_index(FILES))
    db["t"]["emotion"] = audformat.Column(rater_id="ann")
    db["t"]["emotion"].set(["joy", "anger", "joy"])
    corpus = make(save(db, tmp_path))
    assert corpus.utterances["emotion"].to_list() == ["happy", "angry", "happy"]
    assert corpus.votes["value"].to_list() == ["happy", "angry", "happy"]


def test_only_scales_leave_the_emotion_open(tmp_path: Path) -> None:
    db = database(gold=False)
    for name in ANSWERS:
        db["votes"].drop_columns(name, inplace=True)
    with pytest.raises(CorpusError, match="no table has a column 'emotion'"):
        read_audformat(Request(name="demo", out=tmp_path, metadata=save(db, tmp_path)))
