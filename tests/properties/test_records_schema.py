"""Schemas against a check that goes row by row, over tables of every kind of fault."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import SchemaError
from equivoice.records import Column, Schema

SCHEMA = Schema(
    "toys",
    1,
    (
        Column("name", pl.String(), "what it is called", required=True, nullable=False),
        Column("kind", pl.String(), "what it is", choices=("ball", "doll")),
        Column("weight", pl.Float64(), "kilograms", low=0, high=9),
        Column("parts", pl.Int64(), "how many parts", low=1),
        Column("colours", pl.List(pl.String()), "its colours"),
    ),
    key=("name", "kind"),
)
ROW = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "c", "d", None]),
        "kind": st.sampled_from(["ball", "doll", None, "ball", "doll", "car"]),
        "weight": st.sampled_from([0.0, 2.5, 9.0, None, 1.0, -0.1, 9.1, math.nan, math.inf]),
        "parts": st.sampled_from([1, 2, None, 3, 0]),
        "colours": st.sampled_from([["red"], [], None, ["red", "blue"]]),
    }
)
SOUND_ROW = st.fixed_dictionaries(
    {
        "name": st.text("abc", min_size=1, max_size=3),
        "kind": st.sampled_from(["ball", "doll", None]),
        "weight": st.none() | st.floats(0, 9),
        "parts": st.none() | st.integers(1, 99),
        "colours": st.none() | st.lists(st.text(max_size=3), max_size=3),
    }
)
TYPES = {column.name: column.dtype for column in SCHEMA.columns}


def first_fault(rows: list[dict[str, Any]]) -> tuple[str, int] | None:
    """Column and row of the fault that is named: column by column, then the key."""
    legal: dict[str, Callable[[Any], bool]] = {
        "name": lambda value: value is not None,
        "kind": lambda value: value in (None, "ball", "doll"),
        "weight": lambda value: value is None or (math.isfinite(value) and 0 <= value <= 9),
        "parts": lambda value: value is None or value >= 1,
    }
    for name, holds in legal.items():
        for number, row in enumerate(rows, start=1):
            if not holds(row[name]):
                return name, number
    keys = [(row["name"], row["kind"]) for row in rows]
    first = next((key for key in keys if keys.count(key) > 1), None)
    if first is None:
        return None
    return "name, kind", keys.index(first, keys.index(first) + 1) + 1


@given(st.lists(ROW, max_size=7))
def test_the_fault_that_is_named_is_the_first_and_what_is_sound_passes(
    rows: list[dict[str, Any]],
) -> None:
    frame = pl.DataFrame(rows, schema=TYPES)
    expected = first_fault(rows)
    if expected is None:
        assert SCHEMA.validate(frame).rows(named=True) == rows
        return
    with pytest.raises(SchemaError) as caught:
        SCHEMA.validate(frame, file="toys.csv")
    error = caught.value
    assert (error.column, error.row) == expected
    assert error.file == "toys.csv"
    assert error.hint


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["ball", None])), max_size=7))
def test_of_many_repeats_the_second_of_the_first_key_is_named(
    keys: list[tuple[str, str | None]],
) -> None:
    rows = [{"name": name, "kind": kind} for name, kind in keys]
    frame = pl.DataFrame(rows, schema={"name": pl.String, "kind": pl.String})
    if len(set(keys)) == len(keys):
        assert SCHEMA.validate(frame).height == len(keys)
        return
    first = next(place for place, key in enumerate(keys) if keys.count(key) > 1)
    with pytest.raises(SchemaError, match=f"first seen in row {first + 1}") as caught:
        SCHEMA.validate(frame)
    assert caught.value.row == keys.index(keys[first], first + 1) + 1


@given(st.lists(SOUND_ROW, max_size=6, unique_by=lambda row: (row["name"], row["kind"])))
def test_validating_is_done_once_and_for_all(rows: list[dict[str, Any]]) -> None:
    once = SCHEMA.validate(pl.DataFrame(rows, schema=TYPES))
    assert SCHEMA.validate(once).equals(once)
    assert once.schema == SCHEMA.empty().schema


@given(
    st.lists(SOUND_ROW, max_size=6, unique_by=lambda row: (row["name"], row["kind"])),
    st.permutations(list(TYPES)),
    st.sets(st.sampled_from(["kind", "weight", "parts", "colours"])),
)
def test_order_and_absence_of_columns_are_mended(
    rows: list[dict[str, Any]], order: list[str], absent: set[str]
) -> None:
    frame = pl.DataFrame(rows, schema=TYPES).select(name for name in order if name not in absent)
    expected = pl.DataFrame([row | dict.fromkeys(absent) for row in rows], schema=TYPES)
    if len({(row["name"], None if "kind" in absent else row["kind"]) for row in rows}) == len(rows):
        assert SCHEMA.validate(frame).equals(expected)
    else:
        with pytest.raises(SchemaError, match="repeats a key"):
            SCHEMA.validate(frame)


@given(st.lists(st.integers(1, 10**6) | st.none(), min_size=1, max_size=5))
def test_numbers_written_as_text_are_the_numbers(parts: list[int | None]) -> None:
    names = [str(place) for place in range(len(parts))]
    as_text = [None if each is None else str(each) for each in parts]
    frame = pl.DataFrame({"name": names, "parts": pl.Series(as_text, dtype=pl.String)})
    assert SCHEMA.validate(frame).get_column("parts").to_list() == parts


@given(
    st.lists(st.sampled_from(["1", "2", "three", "", "4x"]), min_size=1, max_size=5),
)
def test_text_that_is_no_number_is_named_by_its_row(parts: list[str]) -> None:
    frame = pl.DataFrame({"name": [str(place) for place in range(len(parts))], "parts": parts})
    wrong = [place for place, each in enumerate(parts, start=1) if not each.isdecimal()]
    if not wrong:
        assert SCHEMA.validate(frame).get_column("parts").to_list() == list(map(int, parts))
        return
    with pytest.raises(SchemaError, match=r"toys\.parts: not a number") as caught:
        SCHEMA.validate(frame)
    assert caught.value.row == wrong[0]
    assert caught.value.value == parts[wrong[0] - 1]


def test_a_key_of_which_one_part_is_null_throughout_is_the_other_part() -> None:
    frame = pl.DataFrame({"name": ["a", "b", "a"]})
    with pytest.raises(SchemaError, match="first seen in row 1: 'a'") as caught:
        SCHEMA.validate(frame)
    assert caught.value.row == 3
    assert caught.value.hint == "each name + kind may stand once; remove or rename the repeats"


def test_the_message_has_all_that_a_person_needs() -> None:
    with pytest.raises(SchemaError) as caught:
        SCHEMA.validate(pl.DataFrame({"name": ["a"], "kind": ["car"]}), file="toys.csv")
    assert str(caught.value) == (
        "toys.kind: not one of the choices: 'car'\n"
        "  file: toys.csv\n"
        "  row: 1\n"
        "  column: kind\n"
        "  choices: ball, doll\n"
        "  next: kind is what it is"
    )
    with pytest.raises(SchemaError, match=r"within \[0, 9\]: 9\.5"):
        SCHEMA.validate(pl.DataFrame({"name": ["a"], "weight": [9.5]}))
    with pytest.raises(SchemaError, match=r"within \[1, …\]: 0"):
        SCHEMA.validate(pl.DataFrame({"name": ["a"], "parts": [0]}))
