"""Rows of anybody's table into our columns: renaming, ids, folds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from equivoice.corpora.filenames import gender_of
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError
from equivoice.records import FOLDS, TABLE_SUFFIXES, UTTERANCES, read_frame

__all__ = ["draft_of", "find_table", "read_rows", "renamed"]

_FOLD = ("fold", "split")
_SPLIT_NAMES = {"training": "train", "dev": "validation", "valid": "validation", "val": "validation",
                "eval": "test", "testing": "test"}  # fmt: skip


def find_table(where: Path, name: str | None = None) -> Path:
    """The table file at a path, or the one table in a folder.

    Raises:
        CorpusError: there is none, or several and none was named.
    """
    if where.is_file():
        return where
    if not where.is_dir():
        raise CorpusError("there is no such file or folder", file=where)
    if name is not None:
        return where / name
    tables = sorted(path for path in where.iterdir() if path.suffix.lower() in TABLE_SUFFIXES)
    if len(tables) != 1:
        raise CorpusError(
            f"the folder holds {len(tables)} tables, so one has to be named",
            file=where,
            choices=[path.name for path in tables],
            hint="give the file itself with --metadata, or its name with --table",
        )
    return tables[0]


def read_rows(path: Path, columns: Mapping[str, str]) -> pl.DataFrame:
    """A table with its columns renamed to ours.

    Args:
        path: the table.
        columns: from our name to the table's.

    Raises:
        InputError: the file cannot be read.
        CorpusError: a named column does not exist.
    """
    return renamed(read_frame(path, text=UTTERANCES.text_columns), columns, file=path)


def renamed(
    frame: pl.DataFrame, columns: Mapping[str, str], *, file: Path | None = None
) -> pl.DataFrame:
    """The frame with the columns of a map renamed; a column may serve twice.

    Example:
        >>> renamed(pl.DataFrame({"file": ["a.wav"]}), {"audio": "file"}).columns
        ['audio']
    """
    for ours, theirs in columns.items():
        if theirs not in frame.columns:
            raise CorpusError(
                f"there is no column to take as {ours!r}",
                file=file,
                column=theirs,
                choices=frame.columns,
            )
    used = set(columns.values())
    rest = [name for name in frame.columns if name not in used and name not in columns]
    taken = [frame.get_column(theirs).alias(ours) for ours, theirs in columns.items()]
    return pl.DataFrame(taken + [frame.get_column(name) for name in rest])


def draft_of(rows: pl.DataFrame, request: Request, *, file: Path | None = None) -> Draft:
    """A draft out of rows in our columns.

    An ``utterance_id`` is made from ``audio`` where there is none; a column
    ``split`` (with ``fold``, or as fold 1) becomes the folds.

    Raises:
        CorpusError: neither ids nor audio, no emotion, or an unknown split.
    """
    if "emotion" not in rows.columns:
        raise CorpusError(
            "the table has no column 'emotion'",
            file=file,
            column="emotion",
            choices=rows.columns,
            hint="say which column it is: --column emotion=<its name>",
        )
    rows = rows.with_columns(utterance_id=_ids(rows, request.name, file))
    if "gender" in rows.columns:
        gender = [gender_of(None if g is None else str(g)) for g in rows.get_column("gender")]
        rows = rows.with_columns(pl.Series("gender", gender, dtype=pl.String))
    folds = _folds_of(rows, file)
    kept = [name for name in rows.columns if name not in _FOLD or folds.is_empty()]
    utterances = UTTERANCES.validate(rows.select(kept), file=file)
    return Draft(utterances=utterances, folds=folds, read=() if file is None else (file,))


def _ids(rows: pl.DataFrame, name: str, file: Path | None) -> pl.Series:
    source = next((c for c in ("utterance_id", "audio") if c in rows.columns), None)
    if source is None:
        raise CorpusError(
            "the table has neither 'utterance_id' nor 'audio'",
            file=file,
            choices=rows.columns,
            hint="say which column names the sound: --column audio=<its name>",
        )
    given = rows.get_column(source).cast(pl.String)
    if source == "audio":
        given = given.str.replace(r"\.[A-Za-z0-9]{1,5}$", "") + _segment(rows)
    prefixed = given.str.starts_with(f"{name}/")
    return rows.select(
        utterance_id=pl.when(prefixed).then(given).otherwise(pl.lit(f"{name}/") + given)
    ).to_series()


def _segment(rows: pl.DataFrame) -> pl.Series:
    """``#start#end`` of each row; nothing for a whole file."""
    parts = [pl.col(c).cast(pl.String) for c in ("start", "end") if c in rows.columns]
    if not parts:
        return pl.repeat("", rows.height, eager=True)
    cut = pl.concat_str([pl.lit("#") + part.fill_null("") for part in parts])
    whole = pl.all_horizontal(part.is_null() for part in parts)
    return rows.select(pl.when(whole).then(pl.lit("")).otherwise(cut)).to_series()


def _folds_of(rows: pl.DataFrame, file: Path | None) -> pl.DataFrame:
    if "split" not in rows.columns:
        return FOLDS.empty()
    fold = pl.col("fold").cast(pl.String) if "fold" in rows.columns else pl.lit("1")
    split = pl.col("split").cast(pl.String).str.to_lowercase()
    table = rows.select("utterance_id", fold=fold, split=split.replace(_SPLIT_NAMES))
    return FOLDS.validate(table.drop_nulls(), file=file)
