"""Answers of a table read again, each with the options displayed with it."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError, LabelError, SchemaError
from equivoice.prompting import CONVENTIONS, options_as_shown, parse, reread
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry", ("anger",)), Label("happy"), Label("sad")))
ANSWERS = ["sad", "not angry but happy", "B", "happy, sad", "", "sorry"]


@given(
    st.lists(st.tuples(st.sampled_from(ANSWERS), st.permutations(["Angry", "Happy", "Sad"]))),
    st.sampled_from(CONVENTIONS),
    st.booleans(),
)
def test_each_row_is_read_as_it_would_be_alone(
    rows: list[tuple[str, list[str]]], convention: str, lettered: bool
) -> None:
    table = pl.DataFrame(
        {"response": [r for r, _ in rows], "options": [list(o) for _, o in rows]},
        schema={"response": pl.String, "options": pl.List(pl.String)},
    )
    read = reread(table, SPACE, convention=convention, lettered=lettered)
    alone = [
        parse(r, options_as_shown(SPACE, o, lettered=lettered), convention=convention)
        for r, o in rows
    ]
    assert read.rows() == [tuple(each) for each in alone]


def test_rows_without_an_answer_keep_what_they_say() -> None:
    table = pl.DataFrame(
        {
            "response": [None, "sad", None, "time-out: server is angry"],
            "status": ["failed", "parsed", None, "failed"],
            "emotion": [None, "angry", "happy", None],  # an option score has a label, no words
        }
    )
    read = reread(table, SPACE)
    assert read.get_column("status").to_list() == ["failed", "parsed", None, "failed"]
    assert read.get_column("emotion").to_list() == [None, "sad", "happy", None]


def test_letters_are_known_from_the_prompt() -> None:
    table = pl.DataFrame(
        {
            "response": ["B", "B"],
            "options": [["Angry", "Happy"]] * 2,
            "prompt": ["lettered", "direct"],
        }
    )
    assert reread(table, SPACE).get_column("emotion").to_list() == ["happy", None]
    assert reread(table, SPACE, lettered=True)["emotion"].to_list() == ["happy", "happy"]


def test_options_come_as_lists_as_json_or_with_commas() -> None:
    for options in ('["Angry", "Sad"]', "Angry, Sad"):
        table = pl.DataFrame({"response": ["(b)"], "options": [options]})
        assert reread(table, SPACE, lettered=True)["emotion"].to_list() == ["sad"]


def test_mistakes_are_named() -> None:
    with pytest.raises(SchemaError, match="lacks the column 'response'"):
        reread(pl.DataFrame({"answer": ["sad"]}), SPACE)
    with pytest.raises(SchemaError, match="options are no list of words") as caught:
        reread(pl.DataFrame({"response": ["a", "b"], "options": ['["Sad"]', "{}"]}), SPACE)
    assert caught.value.row == 2
    with pytest.raises(LabelError, match="stands for no label of 'demo': 'Bored'"):
        reread(pl.DataFrame({"response": ["a"], "options": [["Bored"]]}), SPACE)
    with pytest.raises(LabelError, match="two options stand for one label"):
        options_as_shown(SPACE, ["Angry", "anger"])
    with pytest.raises(ConfigError, match="unknown parsing convention"):
        reread(pl.DataFrame({"response": ["a"]}), SPACE, convention="x")
