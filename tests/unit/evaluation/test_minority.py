"""Answers that a minority of people gave: found, told, ordered; and none else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from equivoice.annotators import VoteCounts, read_votes
from equivoice.evaluation.minority import minority
from oracles.panels import LABELS, NOBODY, SPACE, random_panel, utterances_of, votes_of

COLUMNS = [
    "utterance_id", "system", "said", "votes_for_it", "votes", "crowd_says", "transcript",
    "audio", "corpus", "start", "end", "speaker", "gender",
]  # fmt: skip


def counts(*rows: tuple[str, tuple[int, int, int], int]) -> VoteCounts:
    names, votes, other = zip(*rows, strict=True)
    return VoteCounts(names, LABELS, np.array(votes), np.array(other))


CROWD = counts(
    ("clear", (5, 0, 0), 0),
    ("split", (4, 2, 1), 0),
    ("tied", (2, 2, 0), 0),
    ("beside", (3, 1, 0), 4),
    ("silent", (0, 0, 0), 0),
    ("third", (4, 3, 0), 0),
)


def said(*answers: tuple[str, str | None], system: str | None = "model") -> pl.DataFrame:
    return pl.DataFrame(
        [{"utterance_id": name, "system": system, "emotion": label} for name, label in answers],
        schema={"utterance_id": pl.String, "system": pl.String, "emotion": pl.String},
    )


def spoken(names: tuple[str, ...] = CROWD.items) -> pl.DataFrame:
    return pl.DataFrame({"utterance_id": names, "speaker": [f"of {name}" for name in names]})


def found(*answers: tuple[str, str | None]) -> list[tuple[str, str, int, int]]:
    table = minority(said(*answers), spoken(), CROWD)
    return table.select("utterance_id", "said", "votes_for_it", "votes").rows()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("clear", "angry"),  # what all said
        ("clear", "sad"),  # what nobody said
        ("split", "angry"),  # what most said
        ("tied", "calm"),  # as many as any other
        ("silent", "sad"),  # no votes at all
        ("split", None),  # no answer
        ("unknown", "sad"),  # no such utterance
        ("split", "bored"),  # no label that votes are for
    ],
)
def test_these_side_with_no_minority(name: str, answer: str | None) -> None:
    assert found((name, answer)) == []


def test_those_who_side_with_a_minority_stand_with_their_votes() -> None:
    assert found(("split", "calm")) == [("split", "calm", 2, 7)]
    assert found(("beside", "calm")) == [("beside", "calm", 1, 8)]


def test_most_votes_first_then_the_larger_share_then_the_order_of_the_answers() -> None:
    wide = counts(
        ("few of many", (5, 1, 0), 9),
        ("few of few", (2, 1, 0), 0),
        ("more", (4, 3, 0), 0),
        ("again few of few", (0, 1, 2), 0),
    )
    answers = said(*((name, "calm") for name in wide.items))
    table = minority(answers, spoken(wide.items), wide)
    assert table["utterance_id"].to_list() == [
        "more",
        "few of few",
        "again few of few",
        "few of many",
    ]


def test_the_crowd_is_told_most_first_and_none_of_the_labels_last() -> None:
    table = minority(said(("split", "sad"), ("beside", "calm")), spoken(), CROWD)
    told = dict(table.select("utterance_id", "crowd_says").iter_rows())
    assert told == {
        "split": "angry 4, calm 2, sad 1",
        "beside": "angry 3, calm 1, none of the labels 4",
    }
    last = counts(("a", (1, 2, 3), 0))
    (only,) = minority(said(("a", "calm")), spoken(("a",)), last)["crowd_says"]
    assert only == "sad 3, calm 2, angry 1"


def test_systems_come_in_their_own_order_also_one_without_a_name() -> None:
    answers = pl.concat(
        [
            said(("split", "sad"), system="zeta"),
            said(("split", "calm"), ("third", "calm"), system=None),
            said(("third", "calm"), system="alpha"),
        ]
    )
    table = minority(answers, spoken(), CROWD)
    assert table.select("system", "utterance_id").rows() == [
        ("zeta", "split"),
        (None, "third"),
        (None, "split"),
        ("alpha", "third"),
    ]


def test_repeated_answers_stand_once_and_different_ones_apart() -> None:
    answers = pl.concat(
        said((name, label)).with_columns(run=pl.lit(run))
        for run, (name, label) in enumerate(
            [("split", "calm"), ("split", "calm"), ("split", "sad"), ("split", "angry")]
        )
    )
    table = minority(answers, spoken(), CROWD)
    assert table.select("said", "votes_for_it").rows() == [("calm", 2), ("sad", 1)]


def test_words_are_read_as_labels_where_the_space_is_given() -> None:
    votes = counts(("a", (1, 3, 0), 0))
    answers = said(("a", "anger"))
    assert minority(answers, spoken(("a",)), votes).is_empty()
    table = minority(answers, spoken(("a",)), votes, labels=SPACE)
    assert table["said"].to_list() == ["angry"]


def test_what_is_known_of_the_utterance_comes_along() -> None:
    known = spoken(("split",)).with_columns(
        transcript=pl.lit("Kids are talking."), audio=pl.lit("/a.wav"), gender=pl.lit("female")
    )
    table = minority(said(("split", "sad"), ("third", "calm")), known, CROWD)
    assert table.columns == COLUMNS
    (only,) = table.to_dicts()
    assert (only["transcript"], only["audio"]) == ("Kids are talking.", "/a.wav")
    assert (only["speaker"], only["gender"], only["start"]) == ("of split", "female", None)


def test_nobody_on_a_minoritys_side_is_an_empty_table_with_all_columns() -> None:
    for answers in (said(), said(("clear", "angry"))):
        table = minority(answers, spoken(), CROWD)
        assert table.is_empty()
        assert table.columns == COLUMNS
        assert table.schema["votes_for_it"] == pl.Int64


def test_against_a_loop_over_random_answers() -> None:
    panel = random_panel(speakers=15, each=6, others=0.15, seed=21)
    rng = np.random.default_rng(5)
    answers = {each.name: LABELS[rng.integers(3)] for each in panel}
    votes = read_votes(votes_of(panel), SPACE, items=[each.name for each in panel])
    table = minority(said(*answers.items()), utterances_of(panel), votes.ratings.counts())
    expected = []
    for each in panel:
        tally = Counter(answer for answer in each.answers if answer != NOBODY)
        own = tally[answers[each.name]]
        if 0 < own < max(tally.values(), default=0):
            expected.append((each.name, answers[each.name], own, len(each.answers), each.gender))
    got = table.select("utterance_id", "said", "votes_for_it", "votes", "gender").rows()
    assert len(expected) > 10
    assert sorted(got) == sorted(expected)
    assert table["votes_for_it"].to_list() == sorted(table["votes_for_it"], reverse=True)


def test_the_order_of_the_votes_does_not_matter() -> None:
    panel = random_panel(seed=22)
    answers = said(*((each.name, "calm") for each in panel))
    tables = [
        minority(
            answers,
            utterances_of(panel),
            read_votes(votes_of(own), SPACE, items=[each.name for each in own]).ratings.counts(),
        )
        for own in (panel, panel[::-1])
    ]
    assert not tables[0].is_empty()
    assert_frame_equal(*tables)
