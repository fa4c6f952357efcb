"""Exported tables: votes that the rest of Equivoice can count."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from equivoice.annotators import check_votes, read_votes
from equivoice.corpora import label_space
from equivoice.rating.app.ballot_box import Ballot
from equivoice.rating.app.export import (
    comments_frame,
    gold_frame,
    groups_frame,
    items_frame,
    raters_frame,
    votes_frame,
    write_export,
)
from equivoice.rating.app.open_study import OpenStudy
from equivoice.records import ITEMS, VOTES, read_table
from tiny.study import Browser, make_study

MSP = {"emotion": "sad", "emotions": ("sad", "fear"), "valence": 2, "arousal": 3, "dominance": 1}


@pytest.fixture
def annotated(tmp_path: Path) -> OpenStudy:
    study, _ = make_study(tmp_path, questions=[{"use": "msp-podcast"}], items=2)
    study.box.save("r001", "clip-0", Ballot(MSP, "unsure"))
    study.box.save("r001", "clip-1", Ballot(MSP | {"emotion": "fear", "emotions": ("fear",)}))
    study.box.save("r002", "clip-0", Ballot(MSP | {"valence": 7}))
    return study


def test_votes_on_emotions_are_those_of_a_corpus(annotated: OpenStudy) -> None:
    votes = votes_frame(annotated)
    assert VOTES.validate(votes).height == votes.height
    assert votes.filter(question="emotion").select("item", "rater", "value").rows() == [
        ("clip-0", "r001", "sad"),
        ("clip-1", "r001", "fear"),
        ("clip-0", "r002", "sad"),
    ]
    assert votes.filter(question="emotions", rater="r001", item="clip-0")["value"].to_list() == [
        "sad",
        "fear",
    ]
    assert votes.filter(question="valence")["number"].to_list() == [2.0, 2.0, 7.0]
    assert set(votes["kind"]) == {"person"}
    assert set(votes["channel"]) == {"voice"}


def test_the_annotators_room_finds_nothing_wrong(annotated: OpenStudy) -> None:
    space = label_space(["sad", "fear", "neutral"])
    votes = votes_frame(annotated).filter(pl.col("question") != "emotions")
    found = check_votes(votes, space, pl.DataFrame({"utterance_id": ["clip-0", "clip-1"]}))
    assert [one.code for one in found if one.severity != "note"] == []
    counts = read_votes(votes, space).ratings.counts()
    assert counts.counts.sum() == 3


def test_comments_are_apart_from_votes(annotated: OpenStudy) -> None:
    assert comments_frame(annotated).rows() == [("clip-0", "r001", "unsure")]


def test_comparisons_are_about_what_stood_on_the_page(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, questions=[{"use": "preference"}], items=4, raters=1)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    while browser.path != "/finished":
        browser.answer(preference="a")
    votes, items = votes_frame(study), items_frame(study)
    assert set(votes["value"]) == {"a"}, "the first was chosen throughout, and the votes say so"
    shown = votes.join(items, on="item", how="left")
    assert shown["system_a"].value_counts().sort("system_a").rows() == [
        ("student", 2),
        ("teacher", 2),
    ]
    assert items.height == 8
    for row in items.iter_rows(named=True):
        texts = json.loads(row["shown"])
        student_first = row["item"].endswith("| ab")
        assert row["system_a"] == ("student" if student_first else "teacher")
        assert ("loud" in texts["reason_a"]) == student_first


def test_gold_and_checks_are_counted_by_rater(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, attention=1, items=2, raters=2)
    study.items["clip-0"].__dict__["gold"] = {"acceptance": "accept"}
    check = next(iter(study.checks.values()))
    wrong = {"accept": "reject", "reject": "accept"}[check.value]
    for rater, value in (("r001", check.value), ("r002", wrong)):
        study.box.save(rater, check.item, Ballot({"acceptance": value}))
        study.box.save(rater, "clip-0", Ballot({"acceptance": "accept"}))
    raters = raters_frame(study).select("checks", "checks_passed", "gold", "gold_right")
    assert raters.rows() == [(1, 1, 1, 1), (1, 0, 1, 1)]
    assert gold_frame(study).rows() == [("clip-0", "acceptance", "accept")]
    assert votes_frame(study)["rater"].to_list() == ["r001", "r002"]
    assert votes_frame(study, attentive=True)["rater"].to_list() == ["r001"]
    assert made.items == 2


def test_gold_of_comparisons_stands_there_in_both_orders(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path, questions=[{"use": "preference", "ties": True}], items=2)
    study.items["clip-0"].__dict__["gold"] = {"preference": "b"}
    study.items["clip-1"].__dict__["gold"] = {"preference": "tie"}
    assert gold_frame(study).rows() == [
        ("clip-0 | ab", "preference", "b"),
        ("clip-0 | ba", "preference", "a"),
        ("clip-1 | ab", "preference", "tie"),
        ("clip-1 | ba", "preference", "tie"),
    ]


def test_groups_are_the_columns_of_the_balance(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path, balance=["correct", "answer_a"], items=2)
    assert groups_frame(study).rows() == [("clip-0", "yes", "angry"), ("clip-1", "no", "sad")]


def test_all_tables_are_written_and_can_be_read(annotated: OpenStudy, tmp_path: Path) -> None:
    written = write_export(annotated, tmp_path / "out")
    assert sorted(path.name for path in written) == [
        "comments.csv",
        "gold.csv",
        "groups.csv",
        "items.parquet",
        "questions.json",
        "raters.csv",
        "votes.parquet",
    ]
    assert read_table(tmp_path / "out" / "votes.parquet", VOTES).equals(votes_frame(annotated))
    assert read_table(tmp_path / "out" / "items.parquet", ITEMS).height == 2
    assert write_export(annotated, tmp_path / "out") == written


def test_an_empty_study_exports_empty_tables(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    assert votes_frame(study).is_empty()
    assert items_frame(study).height == 4
    assert raters_frame(study)["answered"].to_list() == [0, 0]
