"""A schema names the first fault by file, row, column, value and choices."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest

from equivoice.errors import SchemaError
from equivoice.records import (
    CLAIMS,
    ESTIMATES,
    FOLDS,
    ITEMS,
    PREDICTIONS,
    QUESTIONS,
    RATIONALES,
    REFERENCES,
    TIMINGS,
    TRAINING_EVALUATIONS,
    TRAINING_LOSSES,
    TRAINING_STEPS,
    UTTERANCES,
    VOTES,
    Column,
    Schema,
    read_table,
    write_table,
)

TRAINING = (TRAINING_EVALUATIONS, TRAINING_LOSSES, TRAINING_STEPS)
REASONS = (CLAIMS, RATIONALES)
ALL = (ESTIMATES, FOLDS, ITEMS, PREDICTIONS, TIMINGS, UTTERANCES, VOTES, *TRAINING, *REASONS)


def fault(frame: pl.DataFrame, schema: Schema) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        schema.validate(frame, file="given.csv")
    assert caught.value.file == "given.csv"
    return caught.value


def test_missing_optional_columns_become_null_and_order_is_canonical() -> None:
    frame = pl.DataFrame({"emotion": ["sad"], "utterance_id": ["a/1"]})
    table = UTTERANCES.validate(frame)
    assert tuple(table.columns) == UTTERANCES.names
    assert table.row(0, named=True)["emotion"] == "sad"
    assert table.get_column("age").dtype == pl.Float64
    assert table.get_column("age").null_count() == 1


def test_further_columns_stay_where_the_schema_is_open() -> None:
    frame = pl.DataFrame({"dialect": ["x"], "utterance_id": ["a/1"]})
    assert UTTERANCES.validate(frame).columns[-1] == "dialect"


def test_further_columns_are_refused_where_it_is_not() -> None:
    frame = pl.DataFrame({"utterance_id": ["a"], "fold": ["1"], "split": ["test"], "seed": [1]})
    error = fault(frame, FOLDS)
    assert error.value == "seed"
    assert error.choices == FOLDS.names


def test_a_missing_column_lists_the_ones_that_are_there() -> None:
    error = fault(pl.DataFrame({"id": ["a"], "emotion": ["sad"]}), UTTERANCES)
    assert "lacks the column 'utterance_id'" in str(error)
    assert error.choices == ("id", "emotion")


def test_a_null_key_names_its_row() -> None:
    error = fault(pl.DataFrame({"utterance_id": ["a", None, None]}), UTTERANCES)
    assert (error.row, error.column) == (2, "utterance_id")


def test_a_duplicate_names_the_second_row_and_the_first() -> None:
    error = fault(pl.DataFrame({"utterance_id": ["a", "b", "c", "b", "a"]}), UTTERANCES)
    assert (error.row, error.value) == (5, "a")
    assert "row 1" in str(error)


def test_a_duplicate_of_several_columns_counts_null_as_equal() -> None:
    frame = pl.DataFrame({"utterance_id": ["a", "a"], "run": [None, None], "system": ["x", "x"]})
    error = fault(frame, PREDICTIONS)
    assert error.row == 2
    assert error.value == {"utterance_id": "a", "system": "x"}
    ok = pl.DataFrame({"utterance_id": ["a", "a"], "run": [0, 1], "system": ["x", "x"]})
    assert PREDICTIONS.validate(ok).height == 2


def test_a_choice_that_is_none() -> None:
    frame = pl.DataFrame({"utterance_id": ["a", "b"], "fold": ["1"] * 2, "split": ["test", "tset"]})
    error = fault(frame, FOLDS)
    assert (error.row, error.column, error.value) == (2, "split", "tset")
    assert error.choices == ("train", "validation", "test")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 131.0])
def test_numbers_are_finite_and_within_limits(value: float) -> None:
    frame = pl.DataFrame({"utterance_id": ["a", "b"], "age": [30.0, value]})
    error = fault(frame, UTTERANCES)
    assert (error.row, error.column) == (2, "age")


@pytest.mark.parametrize("value", [0.0, 130.0])
def test_the_limits_themselves_are_legal(value: float) -> None:
    frame = pl.DataFrame({"utterance_id": ["a"], "age": [value]})
    assert UTTERANCES.validate(frame).get_column("age").to_list() == [value]


def test_text_that_is_no_number_names_its_row() -> None:
    error = fault(pl.DataFrame({"utterance_id": ["a", "b"], "age": ["30", "old"]}), UTTERANCES)
    assert (error.row, error.column, error.value) == (2, "age", "old")


def test_numbers_as_text_are_read() -> None:
    table = UTTERANCES.validate(pl.DataFrame({"utterance_id": [1], "age": ["30"], "speaker": [7]}))
    assert table.select("utterance_id", "age", "speaker").rows() == [("1", 30.0, "7")]


def test_lists_travel_as_json_text() -> None:
    frame = pl.DataFrame({"utterance_id": ["a", "b"], "options": ['["x", "y"]', None]})
    assert PREDICTIONS.validate(frame).get_column("options").to_list() == [["x", "y"], None]


def test_a_list_that_is_no_json_is_refused() -> None:
    error = fault(pl.DataFrame({"utterance_id": ["a"], "options": ["x,y"]}), PREDICTIONS)
    assert error.column == "options"


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.name)
def test_empty_tables_are_tables(schema: Schema) -> None:
    assert schema.validate(schema.empty()).equals(schema.empty())
    assert tuple(schema.empty().columns) == schema.names


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.name)
def test_validating_twice_changes_nothing(schema: Schema) -> None:
    row = {column.name: _legal(column) for column in schema.columns}
    types = {column.name: column.dtype for column in schema.columns}
    once = schema.validate(pl.DataFrame([row], schema=types))
    assert schema.validate(once).equals(once)


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.name)
def test_every_column_says_what_it_means_and_keys_are_columns(schema: Schema) -> None:
    assert all(column.doc and not column.doc.endswith(".") for column in schema.columns)
    assert set(schema.key) <= set(schema.names)
    assert len(set(schema.names)) == len(schema.names)
    assert all(schema.column(name).name == name for name in schema.names)


def test_estimates_from_before_the_column_reference_still_read(tmp_path: Path) -> None:
    row = {"quantity": ["score"], "metric": ["accuracy"], "convention": ["equivoice"]}
    before = ESTIMATES.validate(pl.DataFrame(row)).drop("reference")
    before.write_parquet(tmp_path / "estimates.parquet")
    read = read_table(tmp_path / "estimates.parquet", ESTIMATES)
    assert read.get_column("reference").to_list() == [None]
    assert read.drop("reference").equals(before)
    assert read.columns[read.columns.index("convention") + 1] == "reference"


def test_estimates_say_what_answers_were_held_against(tmp_path: Path) -> None:
    rows = pl.DataFrame({"reference": REFERENCES}).with_columns(
        quantity=pl.lit("score"), metric=pl.lit("accuracy")
    )
    write_table(rows, tmp_path / "estimates.parquet", ESTIMATES)
    read = read_table(tmp_path / "estimates.parquet", ESTIMATES)
    assert tuple(read.get_column("reference")) == REFERENCES
    assert len(set(REFERENCES)) == len(REFERENCES)
    error = fault(rows.with_columns(reference=pl.lit("mayority")), ESTIMATES)
    assert (error.column, error.value, error.choices) == ("reference", "mayority", REFERENCES)


@pytest.mark.parametrize("count", [1.5, -0.25, 0.999])
def test_a_fraction_is_no_count(count: float) -> None:
    given = {"item": ["a", "b"], "question": ["emotion"] * 2, "count": [2.0, count]}
    error = fault(pl.DataFrame(given), VOTES)
    assert "not a whole number" in str(error)
    assert (error.row, error.column, error.value) == (2, "count", count)


def test_whole_numbers_written_with_a_point_are_counts() -> None:
    given = {"item": ["a", "b"], "question": ["emotion"] * 2, "count": [2.0, None]}
    assert VOTES.validate(pl.DataFrame(given)).get_column("count").to_list() == [2, None]


def test_questions_ask_for_one_label_or_several_or_a_point_on_a_scale() -> None:
    assert QUESTIONS["emotion"] == "single"
    assert QUESTIONS["emotions"] == "multiple"
    scales = [question for question, kind in QUESTIONS.items() if kind == "scale"]
    assert scales[:3] == ["valence", "arousal", "dominance"]
    assert set(QUESTIONS) - {"level"} <= set(PREDICTIONS.names)  # no system is asked for a level


def _legal(column: Column) -> object:
    if column.choices:
        return column.choices[0]
    if column.dtype == pl.String:
        return "x"
    if isinstance(column.dtype, pl.List):
        return ["x"] if column.dtype.inner == pl.String else [0.5]
    return 0
