"""Append-only tables of JSON lines: what is written stays, what is torn is dropped.

A batch of rows is appended in one go and forced to disk. When a process is
killed or the disk is full in the middle of that, the last line may be torn: a
line without its newline. A torn line is no row; it is cut off before the next
append.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import polars as pl

from equivoice.errors import StorageError
from equivoice.records import Schema

__all__ = ["append_rows", "read_rows"]

_BLOCK = 1 << 16


def append_rows(path: Path, frame: pl.DataFrame, schema: Schema) -> None:
    """Append the rows of a table to a journal, all of them or none.

    Args:
        path: the journal; made where it does not exist, its folder too.
        frame: rows that keep ``schema``.
        schema: what the table promises.

    Raises:
        SchemaError: the table breaks the schema.
        StorageError: the rows could not be written; the journal holds what it
            held before.
    """
    lines = schema.validate(frame).write_ndjson().encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as handle:
            whole = _cut_torn_line(path, handle.fileno())
            _append(handle, lines, whole)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _append(handle: io.FileIO, lines: bytes, whole: int) -> None:
    rest = memoryview(lines)
    try:
        while rest:
            rest = rest[handle.write(rest) :]
        os.fsync(handle.fileno())
    except OSError:
        os.ftruncate(handle.fileno(), whole)
        raise


def read_rows(path: Path, schema: Schema) -> pl.DataFrame:
    """The whole rows of a journal, in the order in which they were appended.

    A torn last line is left out. A journal that does not exist has no rows.

    Raises:
        StorageError: a line is damaged, or the file cannot be read.
    """
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    whole = content[: content.rfind(b"\n") + 1]
    if not whole:
        return schema.empty()
    types = {column.name: column.dtype for column in schema.columns}
    try:
        frame = pl.read_ndjson(io.BytesIO(whole), schema_overrides=types, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise StorageError(
            f"{path} is damaged: {str(error).splitlines()[0]}; remove it to do this part again"
        ) from error
    return schema.validate(frame, file=path)


def _cut_torn_line(path: Path, descriptor: int) -> int:
    """Cut the file behind its last newline; the length that is left, in bytes."""
    size = os.fstat(descriptor).st_size
    whole = _length_of_whole_lines(path, size)
    if whole < size:
        os.ftruncate(descriptor, whole)
    return whole


def _length_of_whole_lines(path: Path, size: int) -> int:
    with path.open("rb") as handle:
        end = size
        while end > 0:
            start = max(0, end - _BLOCK)
            handle.seek(start)
            newline = handle.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
