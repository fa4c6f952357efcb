"""What a check of votes finds: each fault planted, alone and all together."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.annotators.checks import VoteFinding, check_votes
from equivoice.annotators.counts import read_votes
from equivoice.errors import InputError, SchemaError
from equivoice.records import VOTES, Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry", ("anger",)), Label("sad")))
HERE = pl.DataFrame({"utterance_id": ["a", "b"]})

SOUND: list[dict[str, Any]] = [
    {"item": item, "rater": rater, "value": value, "question": "emotion", "channel": "voice"}
    for item in ("a", "b")
    for rater, value in (("r1", "sad"), ("r2", "Anger"))
]


def found(*rows: dict[str, Any], utterances: pl.DataFrame = HERE) -> dict[str, VoteFinding]:
    """Findings by code about the sound votes and some more."""
    more = [{"question": "emotion", "channel": "voice", "rater": "r3", **row} for row in rows]
    table = pl.DataFrame([*SOUND, *more], infer_schema_length=None)
    return {one.code: one for one in check_votes(table, SPACE, utterances)}


def alone(*rows: dict[str, Any], code: str) -> VoteFinding:
    """The finding of this code; notes on the raters of these rows aside, it is the only one."""
    held = found(*rows)
    assert set(held) - {"rated-once"} == {code}
    return held[code]


def test_sound_votes() -> None:
    assert found() == {}


def test_a_negative_count() -> None:
    one = alone({"item": "a", "value": "sad", "count": -2}, code="negative-count")
    assert one == VoteFinding(
        "error", "negative-count", "1 row with a negative number of votes; first row 5: -2", 1
    )


def test_fractions_of_votes() -> None:
    rows = [{"item": "a", "value": "sad", "count": count} for count in (1.0, 0.5, 1.5)]
    rows = [{**row, "rater": None} for row in rows]
    held = found(*rows)
    assert held["fractional-count"].message == "2 rows with a fraction of a vote; first row 6: 0.5"
    assert held["fractional-count"].severity == "error"
    assert held["some-raters"].count == 1  # the rows at fault count for nothing


def test_counts_that_are_no_numbers() -> None:
    one = alone({"item": "a", "value": "sad", "count": "many"}, code="unreadable-count")
    assert one.message == "1 row with no number of votes; first row 5: 'many'"


def test_unknown_labels_by_their_votes() -> None:
    rows = [
        {"item": "a", "value": "calm", "rater": None, "count": 2},
        {"item": "b", "value": "bored", "rater": None, "count": 3},
    ]
    one = found(*rows)["unknown-label"]
    assert one.severity == "error"
    assert one.count == 5
    assert one.message == (
        "5 votes for answers that are no labels of 'demo': 'bored' (3), 'calm' (2); "
        "first row 5; labels: angry, sad, other"
    )


def test_many_unknown_labels_are_counted_and_not_all_listed() -> None:
    rows = [{"item": "a", "value": f"x{i}", "rater": f"s{i}"} for i in range(8)]
    message = found(*rows)["unknown-label"].message
    assert "'x4' (1) and 3 more" in message
    assert "x5" not in message


def test_answers_for_none_of_the_labels() -> None:
    one = alone({"item": "a", "value": "Other-tired"}, code="other-answers")
    assert (one.severity, one.count) == ("note", 1)
    assert "'Other-tired' (1)" in one.message


def test_votes_on_unknown_utterances() -> None:
    rows = [{"item": "z", "value": "sad", "rater": rater} for rater in ("r1", "r2", "r3")]
    held = found(*rows)
    assert held["unknown-utterance"] == VoteFinding(
        "warning",
        "unknown-utterance",
        "3 votes on 1 item that the utterances do not hold: 'z'",
        3,
    )


def test_utterances_without_votes() -> None:
    more = pl.DataFrame({"utterance_id": ["a", "b", *(f"c{i}" for i in range(7))]})
    one = found(utterances=more)["no-vote"]
    assert (one.severity, one.count) == ("note", 7)
    assert one.message.endswith("'c0', 'c1', 'c2', 'c3', 'c4' and 2 more")


def test_votes_without_an_answer() -> None:
    one = alone({"item": "a", "value": None}, code="no-answer")
    assert (one.severity, one.count) == ("warning", 1)
    assert "first row 5" in one.message


def test_a_question_with_a_scale_is_answered_with_a_number() -> None:
    point = {"item": "a", "value": None, "number": 4.0, "question": "valence", "rater": "r1"}
    assert found(point) == {}
    word = {**point, "value": "high", "number": None}
    assert set(found(point, {**word, "rater": "r2"})) == {"no-answer"}


def test_two_votes_of_one_rater_on_one_item() -> None:
    one = alone({"item": "b", "value": "sad", "rater": "r2"}, code="repeated-vote")
    assert one == VoteFinding(
        "error",
        "repeated-vote",
        "1 row with a further vote of one rater on one item; first row 5: rater 'r2' on 'b'",
        1,
    )


def test_one_row_that_is_two_votes_of_a_rater() -> None:
    held = found({"item": "b", "value": "sad", "count": 2})
    assert held["repeated-vote"].count == 1


def test_another_channel_and_another_question_are_no_repeats() -> None:
    again = [{**row, "channel": "face"} for row in SOUND]
    several = [{**row, "question": "emotions"} for row in SOUND]
    both = {"item": "a", "rater": "r1", "value": "Anger", "question": "emotions"}
    assert found(*again, *several, both) == {}
    assert set(found(*several, {**both, "value": "SAD"})) == {"repeated-vote"}


def test_raters_who_rated_once() -> None:
    held = found({"item": "a", "value": "sad"}, {"item": "b", "value": "sad", "rater": "s"})
    assert held["rated-once"] == VoteFinding(
        "note",
        "rated-once",
        "2 raters of 4 rated once, which says little of how they rate: 'r3', 's'",
        2,
    )


def test_votes_without_a_rater() -> None:
    assert found({"item": "a", "value": "sad", "rater": None})["some-raters"].count == 1
    nameless = pl.DataFrame([{**row, "rater": None} for row in SOUND])
    assert [one.code for one in check_votes(nameless, SPACE, HERE)] == ["no-raters"]


def test_items_with_one_vote() -> None:
    held = found({"item": "a", "value": "sad", "channel": "face"})
    assert held["one-vote"].count == 1
    assert "'a'" in held["one-vote"].message


def test_some_votes_without_a_channel() -> None:
    held = found({"item": "a", "value": "sad", "channel": None, "count": 1})
    assert held["unstated-channel"].severity == "warning"
    nowhere = pl.DataFrame([{**row, "channel": None} for row in SOUND])
    assert check_votes(nowhere, SPACE, HERE) == ()


def test_questions_that_nothing_reads() -> None:
    held = found({"item": "a", "value": "loud", "question": "loudness"})
    assert held["unknown-question"].count == 1
    assert "'loudness' (1)" in held["unknown-question"].message
    assert "unknown-label" not in held


def test_all_together_the_worst_first() -> None:
    rows: list[dict[str, Any]] = [
        {"item": "a", "value": "sad", "count": -1.0},
        {"item": "a", "value": "sad", "count": 0.5, "rater": "r9"},
        {"item": "a", "value": "bad", "rater": "r4"},
        {"item": "z", "value": "sad"},
        {"item": "b", "value": "sad", "rater": "r1"},
        {"item": "b", "value": None, "rater": "r5"},
        {"item": "b", "value": "other", "rater": None},
    ]
    more = pl.DataFrame({"utterance_id": ["a", "b", "c"]})
    table = pl.DataFrame(
        [*SOUND, *({"question": "emotion", "channel": "voice", "rater": "r3", **r} for r in rows)],
        infer_schema_length=None,
    )
    held = check_votes(table, SPACE, more)
    assert [(one.severity, one.code) for one in held] == [
        ("error", "negative-count"),
        ("error", "fractional-count"),
        ("error", "unknown-label"),
        ("error", "repeated-vote"),
        ("warning", "no-answer"),
        ("warning", "unknown-utterance"),
        ("note", "other-answers"),
        ("note", "no-vote"),
        ("note", "one-vote"),
        ("note", "some-raters"),
        ("note", "rated-once"),
    ]
    assert all(one.count > 0 and str(one.count) in one.message for one in held)


@pytest.mark.parametrize(
    "fault",
    [
        {"count": -1},
        {"count": 0.5},
        {"count": "many"},
        {"value": "bad"},
        {"rater": "r1"},
    ],
)
def test_what_the_check_calls_an_error_is_what_reading_refuses(fault: dict[str, Any]) -> None:
    row = {"item": "a", "value": "sad", "rater": "r3", "question": "emotion", "channel": "voice"}
    table = pl.DataFrame([*SOUND, {**row, **fault}], infer_schema_length=None)
    assert "error" in {one.severity for one in check_votes(table, SPACE, HERE)}
    with pytest.raises(InputError):
        read_votes(table, SPACE)


def test_an_empty_table_and_no_utterances() -> None:
    assert [one.code for one in check_votes(VOTES.empty(), SPACE, HERE)] == ["no-vote"]
    assert check_votes(VOTES.empty(), SPACE, HERE.clear()) == ()


def test_a_table_that_is_no_votes_table() -> None:
    with pytest.raises(SchemaError, match="lacks the column 'item'"):
        check_votes(pl.DataFrame({"question": ["emotion"]}), SPACE, HERE)
