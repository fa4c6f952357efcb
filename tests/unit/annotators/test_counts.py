"""Reading votes: what is counted, what is left out, and what is refused with which words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.annotators.counts import (
    ELSEWHERE,
    LEFT_OUT_REASONS,
    OTHER,
    Ratings,
    ReadVotes,
    VoteCounts,
    channels,
    read_votes,
)
from equivoice.errors import ConfigError, SchemaError, VotesError
from equivoice.records import VOTES, Label, LabelSpace, read_frame

SPACE = LabelSpace("demo", (Label("angry", ("anger",)), Label("happy", ("joy",)), Label("sad")))


def table(*rows: dict[str, Any], **same: Any) -> pl.DataFrame:
    """Rows of votes on the question ``emotion``, with what they all share."""
    return pl.DataFrame([{"question": "emotion", **same, **row} for row in rows])


def said(item: str, value: str | None, rater: str | None = None, **more: Any) -> dict[str, Any]:
    return {"item": item, "value": value, "rater": rater, **more}


def cells(read: ReadVotes) -> list[list[int]]:
    """Counts an item, votes for none of the labels in the last column."""
    counts = read.ratings.counts()
    return [
        [*row, none]
        for row, none in zip(counts.counts.tolist(), counts.other.tolist(), strict=True)
    ]


def given(votes: pl.DataFrame) -> int:
    return int(votes.get_column("count").fill_null(1).sum()) if "count" in votes else votes.height


def accounted(read: ReadVotes) -> int:
    lost = sum(read.left_out.values()) + sum(read.elsewhere.values())
    return int(read.ratings.count.sum()) + lost


# --------------------------------------------------------------------- reading


def test_a_row_a_vote() -> None:
    votes = table(said("b", "sad", "r1"), said("a", "Anger", "r1"), said("b", " JOY ", "r2"))
    read = read_votes(votes, SPACE)
    assert read.ratings.items == ("b", "a")  # in order of first appearance
    assert read.ratings.raters == ("r1", "r2")
    assert read.ratings.labels == SPACE.names
    assert read.ratings.item.tolist() == [0, 1, 0]
    assert read.ratings.rater.tolist() == [0, 0, 1]
    assert read.ratings.label.tolist() == [2, 0, 1]
    assert cells(read) == [[0, 1, 1, 0], [1, 0, 0, 0]]
    assert (read.left_out, read.elsewhere, read.others) == ({}, {}, {})


def test_counts_in_one_row_and_rows_without_a_count() -> None:
    votes = table(
        {"item": "a", "value": "sad", "count": 3},
        {"item": "a", "value": "sad", "count": None},
        {"item": "a", "value": "angry", "count": 0},
    )
    read = read_votes(votes, SPACE)
    assert cells(read) == [[0, 0, 4, 0]]
    assert read.ratings.rater.tolist() == [-1, -1]
    assert read.ratings.raters == ()


def test_an_item_with_no_votes_but_zeros_is_still_there() -> None:
    read = read_votes(table({"item": "a", "value": "sad", "count": 0}), SPACE)
    assert read.ratings.items == ("a",)
    assert cells(read) == [[0, 0, 0, 0]]


def test_items_in_the_order_asked_for() -> None:
    votes = table(said("b", "sad"), said("a", "angry"), said("z", "sad", count=4), said("z", "bad"))
    read = read_votes(votes, SPACE, items=["c", "a", "b"])
    assert read.ratings.items == ("c", "a", "b")
    assert cells(read) == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    assert read.left_out == {"vote for an unknown utterance": 5}
    assert accounted(read) == given(votes) == 7


def test_items_none_of_which_has_votes() -> None:
    read = read_votes(table(said("a", "sad")), SPACE, items=[])
    assert cells(read) == []
    assert read.left_out == {"vote for an unknown utterance": 1}


def test_an_item_asked_for_twice() -> None:
    with pytest.raises(ConfigError, match="an item is listed twice: 'a'"):
        read_votes(table(said("a", "sad")), SPACE, items=["b", "a", "a"])


def test_a_vote_without_an_answer_is_counted_as_such() -> None:
    votes = table(said("a", "sad"), said("a", None, count=2), said("a", "  ", "r"), said("b", None))
    read = read_votes(votes, SPACE)
    assert cells(read) == [[0, 0, 1, 0], [0, 0, 0, 0]]
    assert read.left_out == {"vote without an answer": 4}


def test_a_vote_is_left_out_for_one_reason_only() -> None:
    votes = table(said("z", None, count=3), said("a", None, count=2), said("a", "sad"))
    read = read_votes(votes, SPACE, items=["a"])
    assert read.left_out == {"vote for an unknown utterance": 3, "vote without an answer": 2}
    assert accounted(read) == given(votes) == 6


def test_a_blank_name_is_no_name() -> None:
    votes = table(said("a", "sad", " "), said("a", "sad", ""), said("a", "angry", "r"))
    read = read_votes(votes, SPACE)
    assert read.ratings.raters == ("r",)
    assert read.ratings.rater.tolist() == [-1, -1, 0]


# --------------------------------------------------- answers that are no labels


@pytest.mark.parametrize(
    "answer",
    ["other", "Other", "OTHERS", "Other-Relief", "other: tired", "Other (bored)", "other_x"],
)
def test_answers_for_none_of_the_labels(answer: str) -> None:
    read = read_votes(table(said("a", answer, count=2), said("a", "sad")), SPACE)
    assert cells(read) == [[0, 0, 1, 2]]
    assert read.others == {answer: 2}
    assert read.ratings.label.tolist() == [OTHER, 2]


@pytest.mark.parametrize("answer", ["otherwise", "another", "no agreement", "x", "angry-ish"])
def test_answers_that_are_neither(answer: str) -> None:
    votes = table(said("a", "sad"), said("b", answer, count=2), said("c", answer), said("c", "hm"))
    with pytest.raises(VotesError) as caught:
        read_votes(votes, SPACE, file="votes.csv")
    assert str(caught.value).splitlines() == [
        (
            "a vote on 'b' for a label that 'demo' does not have "
            f"(one of 4 votes for 2 such answers): {answer!r}"
        ),
        "  file: votes.csv",
        "  row: 2",
        "  column: value",
        "  choices: angry, happy, sad, other",
        "  next: rename the answer, or count such answers as none of the labels: unknown='other', --unknown other",
    ]
    assert caught.value.exit_code == 2
    counted = read_votes(votes, SPACE, unknown="other")
    assert cells(counted) == [[0, 0, 1, 0], [0, 0, 0, 2], [0, 0, 0, 2]]
    assert counted.others == {answer: 3, "hm": 1}


def test_other_is_a_label_where_the_space_has_it() -> None:
    space = LabelSpace("more", (Label("sad"), Label("other", ("others",))))
    read = read_votes(table(said("a", "other"), said("a", "Other-tired")), space)
    assert cells(read) == [[0, 2, 0]]
    assert read.others == {}


# ------------------------------------------------------- questions, channels, kinds


MIXED = table(
    said("a", "sad", channel="voice", kind="person", count=5),
    said("a", "sad", channel="face", kind="person", count=3),
    said("a", "angry", channel="voice", kind="model", count=2),
    said("a", None, channel="voice", question="valence", number=3.0),
    said("a", "angry", channel="voice", kind=None),
)


def test_only_what_was_asked_for_is_counted_and_the_rest_is_said() -> None:
    read = read_votes(MIXED, SPACE, channel="voice", kind="person")
    assert cells(read) == [[1, 0, 5, 0]]  # who states no kind is taken as a person
    assert read.elsewhere == {
        "another question": 1,
        "another kind of rater": 2,
        "another channel": 3,
    }
    assert read.left_out == {}
    assert accounted(read) == given(MIXED) == 12
    assert tuple(read.elsewhere) == ELSEWHERE


def test_models_alone_and_all_together() -> None:
    assert cells(read_votes(MIXED, SPACE, channel="voice", kind="model")) == [[2, 0, 0, 0]]
    assert cells(read_votes(MIXED, SPACE, channel="voice")) == [[3, 0, 5, 0]]


def test_the_channels_in_their_order() -> None:
    assert channels(MIXED) == ("voice", "face")
    assert channels(table(said("a", "sad"), said("a", "sad", channel="text"))) == ("text", None)
    assert channels(table(said("a", "sad"))) == (None,)
    assert channels(MIXED, question="valence") == ("voice",)
    assert channels(MIXED, question="dominance") == ()


def test_several_channels_are_never_pooled_unasked() -> None:
    with pytest.raises(VotesError, match="several channels, and none was chosen") as caught:
        read_votes(MIXED, SPACE)
    assert caught.value.choices == ("voice", "face")
    assert "choose one" in str(caught.value)


def test_the_only_channel_need_not_be_named() -> None:
    read = read_votes(table(said("a", "sad", channel="text")), SPACE)
    assert cells(read) == [[0, 0, 1, 0]]


def test_rows_without_a_channel_can_be_had_beside_others() -> None:
    votes = table(said("a", "sad", channel="voice"), said("a", "angry"))
    found = {
        channel: cells(read_votes(votes, SPACE, channel=channel)) for channel in channels(votes)
    }
    assert found == {"voice": [[0, 0, 1, 0]], None: [[1, 0, 0, 0]]}


@pytest.mark.parametrize(
    ("asked", "message", "choices"),
    [
        ({"channel": "smell"}, "no votes with this channel: 'smell'", ("voice", "face")),
        ({"channel": "both"}, "no votes with this channel: 'both'", ("voice", "face")),
        ({"question": "mood"}, "no votes with this question: 'mood'", ("emotion", "valence")),
        (
            {"kind": "machine", "channel": "voice"},
            "no votes with this kind: 'machine'",
            ("person", "model"),
        ),
    ],
)
def test_what_the_table_does_not_hold(
    asked: dict[str, str], message: str, choices: tuple[str, ...]
) -> None:
    with pytest.raises(VotesError, match=message) as caught:
        read_votes(MIXED, SPACE, **asked)  # type: ignore[arg-type]
    assert caught.value.choices == choices
    assert "that the votes table holds" in str(caught.value)


def test_a_channel_asked_for_where_none_is_stated() -> None:
    with pytest.raises(VotesError) as caught:
        read_votes(table(said("a", "sad")), SPACE, channel="voice")
    assert caught.value.choices == ("(none stated)",)


def test_points_on_a_scale_are_no_labels() -> None:
    with pytest.raises(VotesError, match="a question with a scale") as caught:
        read_votes(MIXED, SPACE, question="valence", channel="voice")
    assert caught.value.choices == ("emotion", "emotions")


def test_an_empty_table() -> None:
    with pytest.raises(VotesError, match="no votes with this question: 'emotion'"):
        read_votes(VOTES.empty(), SPACE)


# --------------------------------------------------------------- counts that are none


@pytest.mark.parametrize(
    ("count", "what"),
    [
        (-2, "a negative number of votes"),
        (-0.5, "a negative number of votes"),
        (0.5, "a fraction of a vote"),
        (2.0000001, "a fraction of a vote"),
        (float("nan"), "not a number of votes"),
        (float("inf"), "not a number of votes"),
        ("three", "not a number of votes"),
        ("1.5", "a fraction of a vote"),
        ("-1", "a negative number of votes"),
    ],
)
def test_counts_that_are_no_numbers_of_votes(count: object, what: str) -> None:
    text = isinstance(count, str)
    good = "1" if text else type(count)(1)
    votes = table(
        {"item": "a", "value": "sad", "count": good},
        {"item": "b", "value": "sad", "count": count},
        {"item": "c", "value": "sad", "count": count},
    )
    with pytest.raises(VotesError) as caught:
        read_votes(votes, SPACE, file="votes.csv")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{what} on 'b' (one of 2 such rows): {count!r}"
    assert lines[1:5] == [
        "  file: votes.csv",
        "  row: 2",
        "  column: count",
        "  choices: whole numbers from 0",
    ]
    assert lines[5].startswith("  next: write how many raters")


@pytest.mark.parametrize("good", [2, 2.0, "2", "2.0"])
def test_whole_counts_however_they_are_written(good: object) -> None:
    assert cells(read_votes(table({"item": "a", "value": "sad", "count": good}), SPACE)) == [
        [0, 0, 2, 0]
    ]


def test_a_bad_count_is_named_even_on_a_question_not_asked_for() -> None:
    votes = table(said("a", "sad", count=1), said("a", "sad", count=-1, question="emotions"))
    with pytest.raises(VotesError, match="a negative number of votes on 'a': -1"):
        read_votes(votes, SPACE)


def test_counts_of_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("item,question,value,count\na,emotion,sad,2\na,emotion,angry,0.5\n")
    with pytest.raises(VotesError, match=r"a fraction of a vote on 'a': 0\.5"):
        read_votes(read_frame(path, text=VOTES.text_columns), SPACE, file=path)


def test_a_table_that_breaks_its_schema() -> None:
    with pytest.raises(SchemaError, match="lacks the column 'item'") as caught:
        read_votes(pl.DataFrame({"question": ["emotion"]}), SPACE, file="votes.csv")
    assert caught.value.file == "votes.csv"
    with pytest.raises(SchemaError, match=r"votes.channel: not one of the choices"):
        read_votes(table(said("a", "sad", channel="smell")), SPACE)


# ---------------------------------------------------------- one rater, one vote


TWICE = table(
    said("a", "sad", "r1"),
    said("a", "sad", "r2"),
    said("b", "sad", "r1"),
    said("a", "angry", "r1"),
    said("b", "angry", "r2", count=3),
    said("a", "sad", None),
    said("a", "sad", None),
)


def test_a_second_vote_of_a_rater_on_an_item_is_refused() -> None:
    with pytest.raises(VotesError) as caught:
        read_votes(TWICE, SPACE, file="votes.csv")
    assert str(caught.value).splitlines() == [
        "a further vote of rater 'r1' on 'a' (one of 2 such rows): 'angry'",
        "  file: votes.csv",
        "  row: 4",
        "  column: value",
        "  choices: one vote of each rater on each item",
        "  next: remove it, or say what it means: repeated='first' or 'keep', --repeated first or keep",
    ]


def test_the_first_vote_counts_and_the_others_are_counted() -> None:
    read = read_votes(TWICE, SPACE, repeated="first")
    assert cells(read) == [[0, 0, 4, 0], [1, 0, 1, 0]]
    assert read.left_out == {"further vote of one rater on one item": 3}
    assert next(iter(read.left_out)) == LEFT_OUT_REASONS[2]
    assert accounted(read) == given(TWICE) == 9


def test_all_votes_are_kept_on_request() -> None:
    read = read_votes(TWICE, SPACE, repeated="keep")
    assert cells(read) == [[1, 0, 4, 0], [3, 0, 1, 0]]
    assert read.left_out == {}
    assert read.ratings.count.tolist() == [1, 1, 1, 1, 3, 1, 1]


def test_the_same_rater_may_judge_voice_and_face() -> None:
    votes = table(said("a", "sad", "r1", channel="voice"), said("a", "angry", "r1", channel="face"))
    assert cells(read_votes(votes, SPACE, channel="voice")) == [[0, 0, 1, 0]]


def test_several_answers_are_allowed_where_the_question_takes_several() -> None:
    votes = table(
        said("a", "sad", "r1"),
        said("a", "angry", "r1"),
        said("a", "Other-tired", "r1"),
        said("a", "Other-bored", "r1"),
        question="emotions",
    )
    read = read_votes(votes, SPACE, question="emotions")
    assert cells(read) == [[1, 0, 1, 2]]
    again = pl.concat([votes, votes.tail(1), table(said("a", "Anger", "r1"), question="emotions")])
    with pytest.raises(VotesError, match=r"'r1' on 'a' \(one of 2 such rows\): 'Other-bored'"):
        read_votes(again, SPACE, question="emotions")
    first = read_votes(again, SPACE, question="emotions", repeated="first")
    assert cells(first) == cells(read)
    assert first.left_out == {"further vote of one rater on one item": 2}


def test_votes_of_a_rater_who_rated_once_count_like_any() -> None:
    votes = table(*(said(f"u{i}", "sad", "r1") for i in range(3)), said("u0", "angry", "r2"))
    assert cells(read_votes(votes, SPACE))[0] == [1, 0, 1, 0]


@pytest.mark.parametrize("option", ["unknown", "repeated"])
def test_unknown_policies(option: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown policy for {option}: 'drop'") as caught:
        read_votes(TWICE, SPACE, **{option: "drop"})  # type: ignore[arg-type]
    assert "error" in (caught.value.choices or ())


# ---------------------------------------------------------------------- counts


def counts(rows: list[list[int]], other: list[int]) -> VoteCounts:
    names = tuple(f"u{i}" for i in range(len(rows)))
    return VoteCounts(names, SPACE.names, np.array(rows), np.array(other))


def test_shares_with_and_without_votes_for_none() -> None:
    table = counts([[1, 2, 1], [0, 0, 0], [0, 0, 0]], [4, 2, 0])
    np.testing.assert_array_equal(table.shares(), [[0.25, 0.5, 0.25], [np.nan] * 3, [np.nan] * 3])
    np.testing.assert_array_equal(
        table.shares(other=True),
        [[0.125, 0.25, 0.125, 0.5], [0, 0, 0, 1], [np.nan] * 4],
    )
    assert table.totals().tolist() == [4, 0, 0]
    assert table.totals(other=True).tolist() == [8, 2, 0]


def test_a_subset_by_position_and_by_truth() -> None:
    table = counts([[1, 0, 0], [0, 2, 0], [0, 0, 3]], [4, 5, 6])
    for rows in (np.array([2, 0]), np.array([True, False, True])):
        part = table.subset(rows)
        order = [2, 0] if rows.dtype != np.bool_ else [0, 2]
        assert part.items == tuple(f"u{i}" for i in order)
        assert part.counts.tolist() == [table.counts[i].tolist() for i in order]
        assert part.other.tolist() == [table.other[i] for i in order]
        assert part.labels == table.labels


@pytest.mark.parametrize(
    ("rows", "other", "message"),
    [
        ([[1, 2]], [0], "do not fit 1 items and 3 labels"),
        ([[1, 2, 3]], [0, 0], "do not fit 1 items and 3 labels"),
        ([[1, -2, 3]], [0], "a negative number of votes"),
        ([[1, 2, 3]], [-1], "a negative number of votes"),
    ],
)
def test_counts_that_do_not_fit(rows: list[list[int]], other: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        counts(rows, other)


def test_many_entries_on_one_cell_add_up() -> None:
    """A plain fancy-indexed += would count each cell once."""
    m = 1000
    nobody = np.full(m, -1)
    one = np.zeros(m, dtype=np.int64)
    found = Ratings(("a",), ("sad",), (), one, nobody, one, np.full(m, 3)).counts()
    assert found.counts.tolist() == [[3000]]


def test_reading_220_000_votes_takes_well_under_a_second() -> None:
    rng = np.random.default_rng(0)
    n = 220_000
    votes = pl.DataFrame(
        {
            "item": [f"corpus/{i % 7442}" for i in range(n)],
            "channel": np.array(["voice", "face", "both"])[np.arange(n) // 7442 % 3],
            "rater": [f"r{i // 22326}" for i in range(n)],
            "question": ["emotion"] * n,
            "value": np.array(["angry", "joy", "sad", "other"])[rng.integers(0, 4, n)],
        }
    )
    items = [f"corpus/{i}" for i in range(7442)]
    started = time.process_time()
    read = read_votes(votes, SPACE, items=items, channel="voice")
    assert time.process_time() - started < 1.0
    assert accounted(read) == n
