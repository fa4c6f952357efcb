"""Tables come back as they went, whatever the format; a broken file is named."""

from __future__ import annotations

import json
import math
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equivoice.errors import InputError, SchemaError, StorageError
from equivoice.records import (
    FOLDS,
    PREDICTIONS,
    TABLE_SUFFIXES,
    UTTERANCES,
    read_frame,
    read_table,
    replace_file,
    write_table,
)

# Without surrogates, which UTF-8 cannot hold, and without the NUL of C strings.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "utterance_id": texts,
            "emotion": texts | st.none(),
            "age": st.floats(0, 130) | st.none(),
            "valence": numbers | st.none(),
            "transcript": texts | st.none(),
        }
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row["utterance_id"],
)


def table_of(given: list[dict[str, object]]) -> pl.DataFrame:
    types = {name: UTTERANCES.column(name).dtype for name in given[0]}
    return UTTERANCES.validate(pl.DataFrame(given, schema=types))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows)
def test_parquet_gives_back_the_same_table_and_the_same_bytes(
    tmp_path: Path, given: list[dict[str, object]]
) -> None:
    table = table_of(given)
    path = write_table(table, tmp_path / "u.parquet", UTTERANCES)
    first = path.read_bytes()
    assert read_table(path, UTTERANCES).equals(table)
    assert write_table(table, path, UTTERANCES).read_bytes() == first


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows)
def test_json_lines_give_back_the_same_table(
    tmp_path: Path, given: list[dict[str, object]]
) -> None:
    path = tmp_path / "u.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    assert read_table(path, UTTERANCES).equals(table_of(given))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows)
def test_csv_gives_back_the_same_table(tmp_path: Path, given: list[dict[str, object]]) -> None:
    table = table_of(given)
    path = tmp_path / "u.csv"
    table.select(list(given[0])).write_csv(path, quote_style="non_numeric")
    assert read_table(path, UTTERANCES).equals(table)


def test_tsv_takes_quotation_marks_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "u.tsv"
    path.write_text('utterance_id\ttranscript\na\tShe said "no\n')
    assert read_table(path, UTTERANCES).get_column("transcript").to_list() == ['She said "no']


def test_the_schema_and_its_version_stand_in_the_file(tmp_path: Path) -> None:
    path = write_table(FOLDS.empty(), tmp_path / "f.parquet", FOLDS)
    assert pl.read_parquet_metadata(path)["equivoice.schema"] == "folds/1"


def test_lists_and_large_seeds_survive(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "utterance_id": ["a"],
            "options": [["x", "y"]],
            "probabilities": [[0.25, 0.75]],
            "seed": pl.Series([2**64 - 1], dtype=pl.UInt64),
        }
    )
    path = write_table(frame, tmp_path / "p.parquet", PREDICTIONS)
    row = read_table(path, PREDICTIONS).row(0, named=True)
    assert row["options"] == ["x", "y"]
    assert row["probabilities"] == [0.25, 0.75]
    assert row["seed"] == 2**64 - 1


def test_a_table_that_breaks_its_schema_is_not_written(tmp_path: Path) -> None:
    path = write_table(FOLDS.empty(), tmp_path / "f.parquet", FOLDS)
    before = path.read_bytes()
    bad = pl.DataFrame({"utterance_id": ["a"], "fold": ["1"], "split": ["x"]})
    with pytest.raises(SchemaError):
        write_table(bad, path, FOLDS)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["f.parquet"]


def test_a_writer_that_fails_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")

    def fail(target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"x\.txt: No space left on device"):
        replace_file(path, fail)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["x.txt"]


def test_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        write_table(FOLDS.empty(), tmp_path / "none" / "f.parquet", FOLDS)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.xlsx", b"x", "not a kind of table"),
        ("t", b"x", "not a kind of table"),
        ("t.csv", b"", "the file is empty"),
        ("t.parquet", b"", "the file is empty"),
        ("t.parquet", b"not parquet at all", "cannot be read as .parquet"),
        ("t.jsonl", b'{"a": 1\n', "cannot be read as .jsonl"),
        ("t.csv", "utterance_id\nM\xfcller\n".encode("latin-1"), "not UTF-8"),
        ("t.csv", b"utterance_id,emotion\na,b,c,d\n", "cannot be read as .csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read_table(path, UTTERANCES)
    assert caught.value.file == str(path)


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_frame(tmp_path / f"none{suffix}")


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_folder_is_no_table(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    with pytest.raises(InputError):
        read_frame(folder)


def test_nan_in_a_csv_is_refused_by_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("utterance_id,age\na,30\nb,NaN\n")
    with pytest.raises(SchemaError) as caught:
        read_table(path, UTTERANCES)
    assert (caught.value.row, caught.value.column) == (2, "age")
    assert math.isnan(float(str(caught.value.value)))


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffutterance_id,emotion\na,sad\n".encode())
    assert read_table(path, UTTERANCES).get_column("utterance_id").to_list() == ["a"]


def test_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"utterance_id,emotion\r\na,sad\r\n")
    assert read_table(path, UTTERANCES).get_column("emotion").to_list() == ["sad"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_leading_zeros_of_names_are_kept(tmp_path: Path, suffix: str) -> None:
    """RAVDESS numbers its actors 01 to 24; hypothesis found the transcript '00' read as 0."""
    comma = "," if suffix == ".csv" else "\t"
    file = tmp_path / f"u{suffix}"
    rows = [
        ["utterance_id", "speaker", "take", "age"],
        ["r/1", "01", "007", "30"],
        ["r/2", "1", "2", ""],
    ]
    file.write_text("\n".join(comma.join(row) for row in rows) + "\n", encoding="utf-8")
    table = read_table(file, UTTERANCES)
    assert table["speaker"].to_list() == ["01", "1"]
    assert table["take"].to_list() == ["007", "2"]
    assert table["age"].to_list() == [30.0, None]


def test_columns_of_nothing_but_numbers_are_numbers(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b,c,d\n1,1.5,x,\n-2,3,7,\n", encoding="utf-8")
    assert [str(kind) for kind in read_frame(file).dtypes] == [
        "Int64",
        "Float64",
        "String",
        "String",
    ]
