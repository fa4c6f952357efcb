"""audformat databases, as audEERING's tools write them.

A column that belongs to a rater (``rater_id``, a human or a machine) and to the scheme of
a question (emotion, valence, arousal, dominance) holds votes. Columns of the rater types
``vote`` and ``ground truth`` are what was made of votes, and no votes.

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
from equivoice.records import VOTES

__all__ = ["read_audformat"]

_SPEAKER_FACTS = ("gender", "age", "language")
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
_SCALES = ("valence", "arousal", "dominance")
_KINDS = {"human": "person", "machine": "model", "other": None}
_KEYS = ("audio", "start", "end")
_VOTE = {
    "audio": pl.String(),
    "start": pl.Float64(),
    "end": pl.Float64(),
    "rater": pl.String(),
    "kind": pl.String(),
    "question": pl.String(),
    "value": pl.String(),
    "number": pl.Float64(),
}
_NOT_HERE = "vote on a sound that the tables of emotions do not hold"


def read_audformat(request: Request) -> Draft:
    """Read the tables of an audformat database that hold emotions.

    Which tables: the one named by ``request.table``, else all that have the emotion
    column. Where none has it but raters' columns do, the label is the plurality of their
    votes, null in a tie. A table's split (train, dev, test) becomes fold 1. What the
    ``speaker`` scheme says about its speakers (gender, age, language) is joined.

    Raises:
        MissingDependencyError: audformat is not installed.
        CorpusError: no database there, a pickled table, or no emotion column.
    """
    folder = request.metadata_folder()
    database = _load(folder)
    chosen = _chosen(database, request, folder)
    votes = _votes(database, chosen, request)
    with_votes = "emotion" in votes.get_column("question")
    tables = _with_emotion(chosen, request, folder, needed=not with_votes)
    if tables:
        rows = _concat([_rows(database, table) for table in tables.values()])
        rows = renamed(rows, request.columns, file=folder)
    else:
        rows = _voted_rows(database, chosen, votes, request)
    draft = draft_of(_with_speaker_facts(rows, database), request, file=folder)
    draft = replace(
        draft,
        read=tuple(sorted(folder.glob("db*.yaml"))),
        audio_root=folder if request.audio is None else None,
        label_rule=None if tables else "plurality",
    )
    return draft if votes.is_empty() else _with_votes(draft, votes)


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


def _chosen(database: Any, request: Request, folder: Path) -> dict[str, Any]:
    """The tables to look at, by name."""
    names = list(database.tables)
    if request.table is not None and request.table not in names:
        raise CorpusError("there is no such table", file=folder, value=request.table, choices=names)
    return {n: database.tables[n] for n in names if request.table in (None, n)}


def _with_emotion(
    chosen: dict[str, Any], request: Request, folder: Path, *, needed: bool
) -> dict[str, Any]:
    """Those with the emotion column; none is an error where that column is needed."""
    wanted = request.columns.get("emotion", "emotion")
    found = {name: table for name, table in chosen.items() if wanted in table.columns}
    if not found and needed:
        raise CorpusError(
            f"no table has a column {wanted!r}",
            file=folder,
            choices=sorted({column for table in chosen.values() for column in table.columns}),
            hint="say which column it is: --column emotion=<its name>",
        )
    return found


def _votes(database: Any, chosen: dict[str, Any], request: Request) -> pl.DataFrame:
    """What raters' columns hold, a row a vote, with audio, start and end."""
    parts = [pl.DataFrame(schema=_VOTE)]
    for table in chosen.values():
        rated = _rated(database, table, request)
        rows = _rows(database, table) if rated else pl.DataFrame()
        keys = [key for key in _KEYS if key in rows.columns]
        for name, (rater, kind, question) in rated.items():
            answer = "number" if question in _SCALES else "value"
            part = rows.select(*keys, pl.col(name).cast(_VOTE[answer]).alias(answer))
            about = {"rater": rater, "kind": kind, "question": question}
            parts.append(
                part.drop_nulls(answer).with_columns(
                    pl.lit(value, pl.String).alias(key) for key, value in about.items()
                )
            )
    return pl.concat(parts, how="diagonal_relaxed")


def _rated(database: Any, table: Any, request: Request) -> dict[str, tuple[str, str | None, str]]:
    """From each column that holds votes to its rater, the rater's kind and the question."""
    theirs = {request.columns.get(ours, ours): ours for ours in ("emotion", *_SCALES)}
    found = {}
    for name, column in table.columns.items():
        kind = None if column.rater_id is None else str(database.raters[column.rater_id].type)
        question = theirs.get(column.scheme_id) or theirs.get(name)
        if kind in _KINDS and question is not None:
            found[name] = (str(column.rater_id), _KINDS[kind], question)
    return found


def _voted_rows(
    database: Any, chosen: dict[str, Any], votes: pl.DataFrame, request: Request
) -> pl.DataFrame:
    """A row for each sound that was voted on, its emotion the plurality of the votes."""
    tables = [table for table in chosen.values() if _rated(database, table, request)]
    rows = _concat([_rows(database, table) for table in tables])
    others = {name for table in tables for name in _rated(database, table, request)}
    rows = (
        renamed(
            rows.drop(others),
            {ours: theirs for ours, theirs in request.columns.items() if theirs in rows.columns},
        )
        .with_columns(
            pl.lit(None, pl.Float64).alias(key) for key in _KEYS if key not in rows.columns
        )
        .unique(_KEYS, keep="first", maintain_order=True)
    )
    sums = votes.filter(pl.col("question") == "emotion").group_by(*_KEYS, "value").len()
    top = pl.col("len") == pl.col("len").max().over(_KEYS)
    best = sums.filter(top).group_by(_KEYS).agg(pl.col("value"))
    alone = pl.when(pl.col("value").list.len() == 1).then(pl.col("value").list.first())
    labels = best.select(*_KEYS, alone.alias("emotion"))
    return rows.join(labels, on=_KEYS, how="left", nulls_equal=True, maintain_order="left")


def _with_votes(draft: Draft, votes: pl.DataFrame) -> Draft:
    """The draft with the votes on its utterances; the others are counted."""
    keys = draft.utterances.select("audio", "start", "end", item="utterance_id")
    joined = votes.join(keys, on=_KEYS, how="left", nulls_equal=True, maintain_order="left")
    lost = joined.get_column("item").null_count()
    table = joined.drop_nulls("item").with_columns(count=pl.lit(1))
    own = table.get_column("value").drop_nulls().unique(maintain_order=True).to_list()
    own += draft.utterances.get_column("emotion").drop_nulls().unique(maintain_order=True).to_list()
    return replace(
        draft,
        votes=VOTES.validate(table.drop(_KEYS)),
        label_map={name: name for name in own},
        left_out={**draft.left_out, **({_NOT_HERE: lost} if lost else {})},
    )


def _concat(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts, how="diagonal_relaxed")


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
