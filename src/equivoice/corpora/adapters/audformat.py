"""audformat databases, as audEERING's tools write them.

Needs the package ``audformat`` (extra ``audformat``), imported when a database is
read. Tables stored as pickles are refused: loading one can run any code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.rows import draft_of, renamed
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError, MissingDependencyError

__all__ = ["read_audformat"]

_SPEAKER_FACTS = ("gender", "age", "language")
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


def read_audformat(request: Request) -> Draft:
    """Read the tables of an audformat database that hold emotions.

    Which tables: the one named by ``request.table``, else all that have the emotion
    column. A table's split (train, dev, test) becomes fold 1. What the
    ``speaker`` scheme says about its speakers (gender, age, language) is joined.

    Raises:
        MissingDependencyError: audformat is not installed.
        CorpusError: no database there, a pickled table, or no emotion column.
    """
    folder = request.metadata_folder()
    database = _load(folder)
    wanted = request.columns.get("emotion", "emotion")
    tables = _tables(database, wanted, request, folder)
    parts = [_rows(database, table) for table in tables.values()]
    rows = pl.concat(parts, how="diagonal_relaxed")
    rows = renamed(rows, request.columns, file=folder)
    draft = draft_of(_with_speaker_facts(rows, database), request, file=folder)
    return replace(
        draft,
        read=tuple(sorted(folder.glob("db*.yaml"))),
        audio_root=folder if request.audio is None else None,
    )


def _load(folder: Path) -> Any:
    try:
        import audformat
    except ImportError:
        raise MissingDependencyError(
            "audformat", extra="audformat", purpose="reading audformat databases"
        ) from None
    if not (folder / "db.yaml").is_file():
        raise CorpusError("no audformat database: db.yaml is missing", file=folder)
    pickles = sorted(folder.glob("db.*.pkl"))
    if pickles:
        raise CorpusError(
            "a table is stored as a pickle, and loading one can run any code",
            file=pickles[0],
            hint="remove it where a CSV or Parquet file lies beside it, or save the database anew",
        )
    try:
        return audformat.Database.load(str(folder), load_data=True)
    except (OSError, ValueError, KeyError, audformat.errors.BadValueError) as error:
        raise CorpusError(f"the database cannot be read: {error}", file=folder) from error


def _tables(database: Any, wanted: str, request: Request, folder: Path) -> dict[str, Any]:
    names = list(database.tables)
    if request.table is not None and request.table not in names:
        raise CorpusError("there is no such table", file=folder, value=request.table, choices=names)
    chosen = names if request.table is None else [request.table]
    found = {n: database.tables[n] for n in chosen if wanted in database.tables[n].columns}
    if not found:
        raise CorpusError(
            f"no table has a column {wanted!r}",
            file=folder,
            choices=sorted({c for n in chosen for c in database.tables[n].columns}),
            hint="say which column it is: --column emotion=<its name>",
        )
    return found


def _rows(database: Any, table: Any) -> pl.DataFrame:
    frame = table.df.reset_index().astype(object)
    frame = frame.where(frame.notna(), None)
    columns = {name: [_plain(value) for value in frame[name]] for name in frame.columns}
    rows = pl.DataFrame(columns, strict=False).rename({"file": "audio"})
    split = None if table.split_id is None else database.splits[table.split_id].type
    if split in _SPLITS:
        rows = rows.with_columns(split=pl.lit(_SPLITS[split]))
    return rows


def _plain(value: Any) -> Any:
    """A cell as a Python value: seconds for durations."""
    if hasattr(value, "total_seconds"):
        return value.total_seconds()
    return value.item() if hasattr(value, "item") else value


def _with_speaker_facts(rows: pl.DataFrame, database: Any) -> pl.DataFrame:
    labels = database.schemes["speaker"].labels if "speaker" in database.schemes else None
    if "speaker" not in rows.columns or not isinstance(labels, dict):
        return rows
    known = {str(name): facts for name, facts in labels.items() if isinstance(facts, dict)}
    speakers = [None if s is None else str(s) for s in rows.get_column("speaker")]
    for fact in _SPEAKER_FACTS:
        values = _facts(speakers, known, fact)
        if fact not in rows.columns and any(value is not None for value in values):
            rows = rows.with_columns(pl.Series(fact, values))
    return rows


def _facts(speakers: Iterable[str | None], known: dict[str, Any], fact: str) -> list[Any]:
    return [known.get(speaker or "", {}).get(fact) for speaker in speakers]
