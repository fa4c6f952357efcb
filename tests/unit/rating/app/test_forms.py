"""Forms: what is read, what is missing, and bodies that are no forms."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.rating.app.forms import (
    LONGEST_COMMENT,
    MOST_FIELDS,
    FormError,
    read_ballot,
    read_form,
    shown_answer,
)
from equivoice.rating.study_files import Choice, Question

ONE = Question(name="one", kind="single", ask="?", choices=(Choice(value="x"), Choice(value="y")))
MANY = Question(name="many", kind="multiple", ask="?", choices=ONE.choices)
SCALE = Question(name="scale", kind="scale", ask="?", low=-1, high=3)
PAIR = Question(name="pair", kind="comparison", ask="?", ties=True)
ALL = (ONE, MANY, SCALE, PAIR)
FULL = {"one": ["y"], "many": ["y", "x"], "scale": ["-1"], "pair": ["a"]}


def test_each_kind_of_answer_is_read() -> None:
    read = read_ballot(FULL, ALL)
    assert read.problems == {}
    assert read.ballot.answers == {"one": "y", "many": ("x", "y"), "scale": -1, "pair": "a"}
    assert read.ballot.comment is None


@pytest.mark.parametrize(("said", "meant"), [("a", "b"), ("b", "a"), ("tie", "tie")])
def test_a_swapped_comparison_is_about_the_other_side(said: str, meant: str) -> None:
    read = read_ballot({"pair": [said]}, [PAIR], swapped=True)
    assert read.ballot.answers == {"pair": meant}
    assert shown_answer(meant, PAIR, swapped=True) == (said,)


def test_swapping_changes_nothing_but_comparisons() -> None:
    others = (ONE, MANY, SCALE)
    assert read_ballot(FULL, others, swapped=True) == read_ballot(FULL, others)


def test_what_is_missing_is_named_by_question() -> None:
    assert read_ballot({}, ALL).problems == {
        "one": "choose_one",
        "many": "choose_some",
        "scale": "choose_number",
        "pair": "choose_one",
    }


def test_what_may_be_left_open_is_kept_as_open() -> None:
    open_ones = [question.model_copy(update={"optional": True}) for question in ALL]
    read = read_ballot({"one": [""]}, open_ones)
    assert read.problems == {}
    assert read.ballot.answers == {"one": None, "many": (), "scale": None, "pair": None}


@pytest.mark.parametrize(
    ("field", "values", "problem"),
    [
        ("one", ["z"], "not_a_choice"),
        ("one", ["x", "y"], "choose_only_one"),
        ("many", ["x", "<script>"], "not_a_choice"),
        ("scale", ["4"], "not_a_choice"),
        ("scale", ["1.0"], "not_a_choice"),
        ("pair", ["c"], "not_a_choice"),
    ],
)
def test_answers_that_were_not_offered_are_refused(
    field: str, values: list[str], problem: str
) -> None:
    read = read_ballot(FULL | {field: values}, ALL)
    assert read.problems == {field: problem}
    assert field not in read.ballot.answers


def test_comments_are_kept_where_asked_for() -> None:
    fields = FULL | {"comment": [" hm\x00 "]}
    assert read_ballot(fields, ALL).ballot.comment is None
    assert read_ballot(fields, ALL, comments=True).ballot.comment == "hm"
    too_long = FULL | {"comment": ["x" * (LONGEST_COMMENT + 1)]}
    assert read_ballot(too_long, ALL, comments=True).problems == {"comment": "long_comment"}


@pytest.mark.parametrize(
    ("answer", "question", "shown"),
    [(None, ONE, ()), ("x", ONE, ("x",)), (("x", "y"), MANY, ("x", "y")), (-1, SCALE, ("-1",))],
)
def test_answers_are_shown_again(
    answer: str | int | tuple[str, ...] | None, question: Question, shown: tuple[str, ...]
) -> None:
    assert shown_answer(answer, question, swapped=False) == shown


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=9))
def test_what_a_browser_sends_is_read_back(pairs: list[tuple[str, str]]) -> None:
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    assert read_form(urlencode(pairs).encode("ascii")) == fields


@pytest.mark.parametrize(
    "body", ["q=ä".encode(), b"q=%FF", b"&".join(b"a=1" for _ in range(MOST_FIELDS + 1))]
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(FormError):
        read_form(body)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    with suppress(FormError):
        assert isinstance(read_form(body), dict)
