"""Append-only journals: exact numbers, torn lines, full disks."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import SchemaError, StorageError
from equivoice.records import PREDICTIONS, TIMINGS
from equivoice.store import journal
from equivoice.store.journal import append_rows, read_rows


def rows(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"utterance_id": list(names), "system": ["s"] * len(names)})


def ids(path: Path) -> list[str]:
    return read_rows(path, PREDICTIONS).get_column("utterance_id").to_list()


def test_a_journal_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.jsonl", PREDICTIONS).equals(PREDICTIONS.empty())


def test_appends_follow_one_another_and_keep_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.jsonl"
    append_rows(path, rows("a/1", "a/2"), PREDICTIONS)
    append_rows(path, rows("a/3"), PREDICTIONS)
    assert ids(path) == ["a/1", "a/2", "a/3"]
    assert read_rows(path, PREDICTIONS).schema == PREDICTIONS.empty().schema


def test_an_empty_frame_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append_rows(path, rows("a/1"), PREDICTIONS)
    append_rows(path, PREDICTIONS.empty(), PREDICTIONS)
    assert ids(path) == ["a/1"]


@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    seed=st.integers(0, 2**64 - 1),
)
def test_numbers_text_and_seeds_come_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float], text: str, seed: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.jsonl"
    frame = pl.DataFrame(
        {
            "utterance_id": ["a/1"],
            "probabilities": [numbers],
            "response": [text],
            "seed": pl.Series([seed], dtype=pl.UInt64),
        }
    )
    append_rows(path, frame, PREDICTIONS)
    back = read_rows(path, PREDICTIONS)
    assert [value.hex() for value in back["probabilities"][0]] == [v.hex() for v in numbers]
    assert back["response"][0] == text
    assert back["seed"][0] == seed


@pytest.mark.parametrize("torn", [b"{", b'{"utterance_id":"a/9"', b'{"utterance_id":"a/9"}'])
def test_a_line_without_its_newline_is_no_row(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "a.jsonl"
    append_rows(path, rows("a/1"), PREDICTIONS)
    with path.open("ab") as handle:
        handle.write(torn)
    assert ids(path) == ["a/1"]
    append_rows(path, rows("a/2"), PREDICTIONS)
    assert ids(path) == ["a/1", "a/2"]


def test_a_torn_line_longer_than_a_block_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append_rows(path, rows("a/1"), PREDICTIONS)
    with path.open("ab") as handle:
        handle.write(b'{"utterance_id":"' + b"x" * 200_000)
    append_rows(path, rows("a/2"), PREDICTIONS)
    assert ids(path) == ["a/1", "a/2"]


def test_a_file_that_is_one_torn_line_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"utterance_id":"a/1"')
    assert ids(path) == []
    append_rows(path, rows("a/2"), PREDICTIONS)
    assert ids(path) == ["a/2"]


def test_a_damaged_whole_line_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"utterance_id":"a/1"}\n\x00\x00\x00\n')
    with pytest.raises(StorageError, match=r"a\.jsonl is damaged"):
        read_rows(path, PREDICTIONS)


def test_rows_that_break_the_schema_leave_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(SchemaError):
        append_rows(path, pl.DataFrame({"system": ["s"]}), TIMINGS)
    assert not path.exists()


def full_after(size: int) -> type[io.FileIO]:
    """A file on a disk with room for so many bytes."""

    class Full(io.FileIO):
        def write(self, data: object) -> int:
            view = memoryview(data)  # type: ignore[arg-type]
            room = size - os.fstat(self.fileno()).st_size
            if room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(view[:room])

    return Full


@pytest.mark.parametrize("room", [0, 1, 100, 900])
def test_a_disk_that_fills_up_leaves_the_whole_rows_that_were_there(
    tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    append_rows(path, rows("a/1"), PREDICTIONS)
    before = path.read_bytes()
    full = full_after(len(before) + room)
    real = journal._append

    def onto_full_disk(handle: io.FileIO, lines: bytes, whole: int) -> None:
        with full(os.dup(handle.fileno()), "ab") as other:
            real(other, lines, whole)

    monkeypatch.setattr(journal, "_append", onto_full_disk)
    with pytest.raises(StorageError, match="No space left"):
        append_rows(path, rows("a/2", "a/3", "a/4"), PREDICTIONS)
    assert path.read_bytes() == before


def test_a_place_where_no_folder_can_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="cannot write"):
        append_rows(tmp_path / "file" / "a.jsonl", rows("a/1"), PREDICTIONS)
