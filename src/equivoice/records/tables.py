"""Tables in and out: Parquet, CSV, TSV and JSON lines, checked on the way.

Parquet is what Equivoice writes; the text formats are accepted as input with
the same columns. A file is written beside its place and then renamed, so that
half a file is never taken for a whole one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

import polars as pl

from equivoice.errors import InputError, SchemaError, StorageError
from equivoice.records.schema import Schema

__all__ = ["TABLE_SUFFIXES", "read_frame", "read_table", "replace_file", "write_table"]

_VERSION_KEY = "equivoice.schema"


def _read_csv(path: Path, separator: str = ",", quote: str | None = '"') -> pl.DataFrame:
    """Every column as text: what is a number is decided afterwards, without losing a digit."""
    return pl.read_csv(
        path, separator=separator, quote_char=quote, infer_schema=False, null_values=[""]
    )


def _read_tsv(path: Path) -> pl.DataFrame:
    return _read_csv(path, separator="\t", quote=None)


def _read_jsonl(path: Path) -> pl.DataFrame:
    return pl.read_ndjson(path, infer_schema_length=None)


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
_UNTYPED = (".csv", ".tsv")
TABLE_SUFFIXES = tuple(_READERS)


def read_frame(path: str | Path, *, text: Collection[str] = ()) -> pl.DataFrame:
    """The table in a file as it stands, not yet checked against a schema.

    CSV and TSV do not say what is a number. A column of them becomes one where
    every value is written as a number is; ``007`` is text, and stays so.

    Args:
        path: a ``.parquet``, ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson`` file.
        text: columns that are text whatever they hold, such as names of speakers.

    Raises:
        InputError: the file is missing, empty, not UTF-8 or not of its format.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    reader = _READERS.get(suffix)
    if reader is None:
        raise InputError(
            "not a kind of table that can be read",
            file=path,
            value=path.suffix,
            choices=TABLE_SUFFIXES,
        )
    if not path.is_file():
        raise InputError("there is no such file", file=path, hint="check the path")
    if path.stat().st_size == 0:
        raise InputError("the file is empty", file=path, hint="write it again")
    try:
        frame = reader(path)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        raise _unreadable(path, error) from error
    if suffix not in _UNTYPED:
        return frame
    return frame.with_columns(
        _as_numbers(column) for column in frame.get_columns() if column.name not in text
    )


def _as_numbers(column: pl.Series) -> pl.Series:
    """The column as numbers where that loses nothing, else as it is."""
    known = column.drop_nulls()
    if known.is_empty() or known.str.contains(r"^[+-]?0[0-9]").any():
        return column
    whole = column.cast(pl.Int64, strict=False)
    if whole.null_count() == column.null_count():
        return whole
    numbers = column.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == column.null_count() else column


def read_table(path: str | Path, schema: Schema) -> pl.DataFrame:
    r"""The table in a file, in the canonical order and types of a schema.

    Raises:
        InputError: the file cannot be read.
        SchemaError: the table breaks the schema; names row, column and value.

    Example:
        >>> import tempfile, pathlib
        >>> from equivoice.records import FOLDS
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "folds.csv"
        >>> _ = path.write_text("utterance_id,fold,split\na/1,1,test\n")
        >>> read_table(path, FOLDS).rows()
        [('a/1', '1', 'test')]
    """
    return schema.validate(read_frame(path, text=schema.text_columns), file=path)


def write_table(frame: pl.DataFrame, path: str | Path, schema: Schema) -> Path:
    """Check a table and write it as Parquet, whole or not at all.

    The schema's name and version stand in the file's metadata. Equal tables
    give equal bytes.

    Raises:
        SchemaError: the table breaks the schema.
        StorageError: the file could not be written; what stood there stays.
    """
    checked = schema.validate(frame)
    metadata = {_VERSION_KEY: f"{schema.name}/{schema.version}"}

    def write(target: Path) -> None:
        checked.write_parquet(target, metadata=metadata)

    return replace_file(Path(path), write)


def replace_file(path: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` make a file beside ``path``, then put it in its place at once.

    Raises:
        StorageError: the folder is missing or unwritable, or the disk is full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(beside)
        with beside.open("rb+") as handle:
            os.fsync(handle.fileno())
        beside.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    except pl.exceptions.ComputeError as error:  # how polars reports a disk that fills up
        raise StorageError(f"cannot write {path}: {error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return path


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0]
    text = path.suffix.lower() != ".parquet"
    if text and not _is_utf8(path):
        return SchemaError(
            "the file is not UTF-8 text", file=path, hint="save it again with UTF-8 encoding"
        )
    return InputError(f"the file cannot be read as {path.suffix.lower()}: {reason}", file=path)


def _is_utf8(path: Path) -> bool:
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
