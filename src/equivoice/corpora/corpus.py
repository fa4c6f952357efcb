"""A corpus in memory and on disk.

A prepared corpus is a folder::

    utterances.parquet   one row an utterance (records.UTTERANCES)
    folds.parquet        which utterance is trained on, chosen on, tested on
    votes.parquet        what raters said, where they are known
    corpus.json          name, label space, card, what was left out, provenance

``corpus.json`` is written last: a folder without it is not finished.

**Which audio paths are followed.** A relative path starts at the table's folder
and must stay below it; one that climbs out with ``..`` is refused. An absolute
path is followed, since it says openly where it points, unless the caller asks
for ``allow_absolute=False`` (the right choice for a table from a stranger); then
only absolute paths below the table's folder are followed. Where a file does not
exist, one with the same stem and another audio suffix is taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from equivoice.corpora.card import Card
from equivoice.corpora.labels import in_lexicon_order, label_space
from equivoice.corpora.paths import AudioFinder, absolute_audio, stored_audio
from equivoice.errors import CorpusError, StorageError
from equivoice.records import (
    FOLDS,
    TABLE_SUFFIXES,
    UTTERANCES,
    VOTES,
    Label,
    LabelSpace,
    read_table,
    replace_file,
    write_table,
)

__all__ = ["Corpus", "load_corpus", "save_corpus", "with_audio_paths"]

_DESCRIPTION = "corpus.json"
_VERSION = 1


@dataclass(frozen=True)
class Corpus:
    """Utterances with their folds, votes, label space and card.

    Args:
        name: the short name; utterance ids start with it.
        label_space: the labels that ``emotion`` may hold.
        utterances: a table of ``records.UTTERANCES``; audio paths are absolute
            once loaded.
        folds: a table of ``records.FOLDS``; empty where there are none.
        votes: a table of ``records.VOTES``, or ``None``.
        card: facts with their sources.
        left_out: how many utterances were left out, by reason.
        root: the folder it was loaded from or saved to.
        provenance: how it was made: adapter, sources, seed, version.
    """

    name: str
    label_space: LabelSpace
    utterances: pl.DataFrame
    folds: pl.DataFrame = field(default_factory=FOLDS.empty)
    votes: pl.DataFrame | None = None
    card: Card = field(default_factory=lambda: Card(name="unnamed"))
    left_out: dict[str, int] = field(default_factory=dict)
    root: Path | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def fold_names(self) -> tuple[str, ...]:
        """The names of the folds, numbers in the order of their value."""
        names = self.folds.get_column("fold").unique().to_list()
        return tuple(sorted(names, key=_by_number))


class _Description(BaseModel):
    """What ``corpus.json`` holds."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = _VERSION
    name: str
    label_space_id: str
    labels: dict[str, tuple[str, ...]]
    card: Card
    left_out: dict[str, int] = Field(default_factory=dict)
    provenance: dict[str, Any] = Field(default_factory=dict)


def save_corpus(corpus: Corpus, folder: str | Path, *, audio_root: Path | None = None) -> Path:
    """Write a corpus folder that :func:`load_corpus` reads.

    Audio below the folder is stored by its relative path, so that the folder can
    be moved; other audio by its absolute path. ``corpus.json`` is removed first and
    written last, so that an interrupted save is never taken for a corpus.

    Args:
        corpus: what to write. A relative ``audio`` starts at ``audio_root``.
        folder: where to; made where it does not exist.
        audio_root: what relative audio paths refer to; the folder itself by default.

    Returns:
        the folder.

    Raises:
        SchemaError: a table breaks its schema.
        CorpusError: a fold or the label space does not fit the utterances.
        StorageError: the folder cannot be written.

    Example:
        >>> import polars as pl, tempfile, pathlib
        >>> from equivoice.corpora.labels import label_space
        >>> utterances = pl.DataFrame({"utterance_id": ["demo/1"], "emotion": ["happy"]})
        >>> demo = Corpus("demo", label_space(["happy"], id="demo"), utterances)
        >>> folder = save_corpus(demo, pathlib.Path(tempfile.mkdtemp()) / "demo")
        >>> load_corpus(folder).utterances["emotion"].to_list()
        ['happy']
    """
    folder = Path(folder)
    utterances = UTTERANCES.validate(corpus.utterances)
    folds = FOLDS.validate(corpus.folds)
    _check_consistent(corpus.label_space, utterances, folds, file=None)
    stored = stored_audio(utterances, folder=folder, audio_root=audio_root or folder)
    description = folder / _DESCRIPTION
    votes = folder / "votes.parquet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        description.unlink(missing_ok=True)
        votes.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error
    write_table(stored, folder / "utterances.parquet", UTTERANCES)
    write_table(folds, folder / "folds.parquet", FOLDS)
    if corpus.votes is not None:
        write_table(corpus.votes, votes, VOTES)
    text = _describe(corpus).model_dump_json(indent=2) + "\n"
    replace_file(description, lambda target: _write_text(target, text))
    return folder


def load_corpus(where: str | Path, *, allow_absolute: bool = True) -> Corpus:
    """Read a prepared corpus folder, or a plain table with our columns.

    Beside a plain table named ``utterances.*``, tables named ``folds.*`` and
    ``votes.*`` are read too. A plain table's labels stay as they are, and its
    label space holds the labels that occur.

    Args:
        where: a folder with ``corpus.json``; a folder with ``utterances.csv`` (or
            ``.tsv``, ``.jsonl``); or the file of such a table, Parquet included.
        allow_absolute: whether audio outside the table's folder may be named by an
            absolute path.

    Raises:
        CorpusError: nothing to read there, an unfinished folder, an audio path that
            leaves the folder, folds or labels that do not fit the utterances.
        SchemaError: a table breaks its schema.
    """
    where = Path(where)
    if where.is_file():
        return _load_plain(where, allow_absolute=allow_absolute)
    if not where.is_dir():
        raise CorpusError(
            "there is no such corpus",
            file=where,
            hint="give a folder made by 'equivoice corpora prepare', or a table file",
        )
    if (where / _DESCRIPTION).is_file():
        return _load_prepared(where, allow_absolute=allow_absolute)
    table = _sibling(where, "utterances")
    if table is None or table.suffix == ".parquet":
        raise CorpusError(
            f"not a prepared corpus: {_DESCRIPTION} is missing",
            file=where,
            hint="run 'equivoice corpora prepare' (again): it did not finish here",
        )
    return _load_plain(table, allow_absolute=allow_absolute)


def _load_prepared(folder: Path, *, allow_absolute: bool) -> Corpus:
    description = _read_description(folder / _DESCRIPTION)
    table = folder / "utterances.parquet"
    utterances = with_audio_paths(
        read_table(table, UTTERANCES), table, allow_absolute=allow_absolute
    )
    folds = read_table(folder / "folds.parquet", FOLDS)
    space = LabelSpace(
        description.label_space_id,
        tuple(Label(name, words) for name, words in description.labels.items()),
    )
    _check_consistent(space, utterances, folds, file=folder)
    votes = folder / "votes.parquet"
    return Corpus(
        name=description.name,
        label_space=space,
        utterances=utterances,
        folds=folds,
        votes=read_table(votes, VOTES) if votes.is_file() else None,
        card=description.card,
        left_out=description.left_out,
        root=folder.resolve(),
        provenance=description.provenance,
    )


def _load_plain(table: Path, *, allow_absolute: bool) -> Corpus:
    utterances = with_audio_paths(
        read_table(table, UTTERANCES), table, allow_absolute=allow_absolute
    )
    names = in_lexicon_order(utterances.get_column("emotion").drop_nulls())
    if not names:
        raise CorpusError(
            "the table names no emotion", file=table, column="emotion", hint="fill the column"
        )
    named = table.stem == "utterances"
    folds = _sibling(table.parent, "folds") if named else None
    votes = _sibling(table.parent, "votes") if named else None
    name = _name_of(utterances, table)
    corpus = Corpus(
        name=name,
        label_space=label_space(names, id=name),
        utterances=utterances,
        folds=read_table(folds, FOLDS) if folds else FOLDS.empty(),
        votes=read_table(votes, VOTES) if votes else None,
        card=Card(name=name),
        root=table.parent.resolve(),
        provenance={"table": str(table)},
    )
    _check_consistent(corpus.label_space, utterances, corpus.folds, file=folds or table)
    return corpus


def with_audio_paths(
    utterances: pl.DataFrame, table: Path, *, allow_absolute: bool = True
) -> pl.DataFrame:
    """Utterances with absolute audio paths; an existing file of the same stem is found.

    Args:
        utterances: as they stand in the table.
        table: the file that they stand in; relative paths start at its folder.
        allow_absolute: whether audio outside that folder may be named.

    Raises:
        CorpusError: a path that leaves the folder, or is none.
    """
    folder = table.parent.absolute()
    finder = AudioFinder()
    paths = [
        None
        if audio is None
        else str(
            finder.find(
                absolute_audio(
                    audio, folder=folder, allow_absolute=allow_absolute, table=table, row=row
                )
            )
        )
        for row, audio in enumerate(utterances.get_column("audio").to_list(), start=1)
    ]
    return utterances.with_columns(pl.Series("audio", paths, dtype=pl.String))


def _check_consistent(
    space: LabelSpace, utterances: pl.DataFrame, folds: pl.DataFrame, *, file: Path | None
) -> None:
    emotion = utterances.get_column("emotion")
    foreign = emotion.is_not_null() & ~emotion.is_in(list(space.names))
    if foreign.any():
        row = int(foreign.arg_true()[0])
        raise CorpusError(
            f"an emotion is not in the label space {space.id!r}",
            file=file,
            row=row + 1,
            column="emotion",
            value=emotion[row],
            choices=space.names,
        )
    stray = folds.join(utterances, on="utterance_id", how="anti")
    if stray.height:
        raise CorpusError(
            f"{stray.height} rows of the folds name an utterance that does not exist",
            file=file,
            column="utterance_id",
            value=stray.get_column("utterance_id")[0],
        )


def _describe(corpus: Corpus) -> _Description:
    return _Description(
        name=corpus.name,
        label_space_id=corpus.label_space.id,
        labels={label.name: label.synonyms for label in corpus.label_space.labels},
        card=corpus.card,
        left_out=corpus.left_out,
        provenance=corpus.provenance,
    )


def _read_description(path: Path) -> _Description:
    try:
        given: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        return _Description.model_validate(given)
    except (OSError, ValueError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise CorpusError(
            f"the description of the corpus cannot be read: {reason}",
            file=path,
            hint="prepare the corpus again",
        ) from error


def _write_text(target: Path, text: str) -> None:
    target.write_text(text, "utf-8")


def _sibling(folder: Path, stem: str) -> Path | None:
    """The first table of this stem in a folder, in the order of the known suffixes."""
    candidates = (folder / f"{stem}{suffix}" for suffix in TABLE_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _name_of(utterances: pl.DataFrame, table: Path) -> str:
    names = utterances.get_column("corpus").drop_nulls().unique().to_list()
    if len(names) == 1:
        return str(names[0])
    return table.parent.absolute().name if table.stem == "utterances" else table.stem


def _by_number(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdecimal() else (2**31, name)
