"""Transcripts of a whole corpus by a model: batch by batch, kept as they come, resumed.

Each transcript is written down as soon as it is there, under a hash of the model, its
settings, the language it was told and the sound. Whatever of these changes is
transcribed again, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from equivoice.corpora import Corpus, load_corpus, save_corpus
from equivoice.corpora.limiting import limited
from equivoice.errors import ConfigError, CorpusError
from equivoice.inference.faults import FAULTS, raise_if_hopeless, reason_of
from equivoice.models.language import Clip
from equivoice.models.transcribing import Transcript
from equivoice.records import Column, Schema
from equivoice.store.journal import append_rows, read_rows
from equivoice.store.lock import LOCK_FILES, FolderLock

__all__ = ["JOURNAL", "Transcribed", "Transcriber", "transcribe_corpus"]

JOURNAL = "transcripts.jsonl"
"""The file of the new corpus in which transcripts are kept as they come."""

_GIVEN = "transcript_given"
_ADDED = ("transcript_language", "heard_language", "language_probability", "no_speech")

_SCHEMA = Schema(
    "transcripts",
    1,
    (
        Column("key", pl.String(), "what it depends on", required=True, nullable=False),
        Column("utterance_id", pl.String(), "corpus/key", required=True, nullable=False),
        Column("text", pl.String(), "what was heard", required=True, nullable=False),
        Column("language", pl.String(), "the language that it was transcribed as"),
        Column("heard_language", pl.String(), "the likeliest language by the sound"),
        Column("language_probability", pl.Float64(), "of it", low=0, high=1),
        Column("no_speech", pl.Float64(), "that nothing is said", low=0, high=1),
    ),
)


class Transcriber(Protocol):
    """What turns clips into words, such as Whisper."""

    def identity(self) -> str:
        """All that a transcript depends on but the clip and its language, as a hash."""

    def describe(self) -> Mapping[str, Any]:
        """What a record must know of it, as JSON can hold it."""

    def transcribe(
        self, clips: Sequence[Clip], languages: Sequence[str | None] | None = None
    ) -> list[Transcript]:
        """The transcripts of clips; in these languages, or ``None`` where it is to be heard."""


@dataclass(frozen=True)
class Transcribed:
    """What came of it.

    Args:
        corpus: with the transcripts, saved.
        made: how many transcripts were made now; equal sounds share one.
        found: how many were there from before.
        failed: from an utterance whose sound could not be used to why.
    """

    corpus: Corpus
    made: int
    found: int
    failed: Mapping[str, str] = field(default_factory=dict)


def transcribe_corpus(
    corpus: Corpus,
    transcriber: Transcriber,
    out: str | Path,
    *,
    language: str = "auto",
    batch: int = 8,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> Transcribed:
    """A corpus with transcripts by a model in the place of its own.

    The new corpus is that which is given, with these columns: ``transcript``;
    ``transcript_given``, where there was one before; ``transcript_language``, in which it
    was transcribed; ``heard_language`` with its ``language_probability``; and
    ``no_speech``, the probability that nothing is said.

    Args:
        corpus: with sound.
        transcriber: the model.
        out: the folder of the new corpus; given again after an interruption, the work
            goes on where it was.
        language: ``auto`` to have it heard, ``corpus`` for that of each utterance (heard
            where it has none), or a code such as ``de`` for all.
        batch: how many clips go through the model at once.
        limit: at most so many utterances, each label in its turn; the rest is left out of
            the new corpus.
        seed: of that choice.
        progress: told how many of how many utterances are done.

    Raises:
        ConfigError: a batch below 1, or a language that the model does not know.
        CorpusError: the corpus has no sound, or ``out`` is its own folder or holds
            another corpus.
        LockedRunError: another process works on the folder.
        StorageError: it cannot be written.
    """
    out = Path(out)
    _check(corpus, out, batch)
    part = _limited(corpus, limit, seed)
    heard = part.utterances.filter(pl.col("audio").is_not_null())
    out.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(out)
    lock.take()
    try:
        wanted = _wanted(heard, transcriber.identity(), language)
        known = set(read_rows(out / JOURNAL, _SCHEMA).get_column("key"))
        # equal sounds are transcribed once
        first = {each.key: each for each in reversed(wanted)}
        left = [each for key, each in first.items() if key not in known][::-1]
        why = _work(transcriber, left, out / JOURNAL, batch, len(first), progress)
        failed = {each.utterance_id: why[each.key] for each in wanted if each.key in why}
        kept = read_rows(out / JOURNAL, _SCHEMA)
        record = {
            "model": dict(transcriber.describe()),
            "language": language,
            "failed": failed,
        }
        made = replace(
            part,
            utterances=_with_transcripts(part.utterances, kept, wanted),
            provenance={**part.provenance, "transcripts": record},
        )
        save_corpus(made, out)
    finally:
        lock.release()
    made = replace(made, root=out.resolve())
    return Transcribed(made, len(left) - len(why), len(first) - len(left), failed)


@dataclass(frozen=True)
class _Wanted:
    """A clip to be transcribed."""

    key: str
    utterance_id: str
    clip: Clip
    language: str | None


def _check(corpus: Corpus, out: Path, batch: int) -> None:
    if batch < 1:
        raise ConfigError("batch is below 1", value=batch)
    if corpus.utterances.get_column("audio").is_null().all():
        raise CorpusError(
            f"{corpus.name} has no sound to transcribe",
            hint="prepare the corpus with --audio",
        )
    if corpus.root is not None and out.resolve() == corpus.root.resolve():
        raise CorpusError(
            "the transcripts would overwrite the corpus that they are made of",
            file=out,
            hint="give another folder for the corpus with transcripts",
        )
    there = {each.name for each in out.iterdir()} - set(LOCK_FILES) if out.is_dir() else set()
    if there and JOURNAL not in there:
        raise CorpusError(
            "the folder holds something else already",
            file=out,
            value=min(there),
            hint="give a new folder, or one in which transcripts were begun",
        )
    if "corpus.json" in there and load_corpus(out).name != corpus.name:
        raise CorpusError(
            "the folder holds the transcripts of another corpus",
            file=out,
            value=load_corpus(out).name,
            choices=[corpus.name],
        )


def _limited(corpus: Corpus, limit: int | None, seed: int) -> Corpus:
    rows = limited(corpus.utterances, limit, seed=seed)
    if rows.height == corpus.utterances.height:
        return corpus
    names = rows.get_column("utterance_id").to_list()
    return replace(
        corpus,
        utterances=rows,
        folds=corpus.folds.filter(pl.col("utterance_id").is_in(names)),
        votes=None if corpus.votes is None else corpus.votes.filter(pl.col("item").is_in(names)),
    )


def _work(
    transcriber: Transcriber,
    left: Sequence[_Wanted],
    journal: Path,
    batch: int,
    total: int,
    progress: Callable[[int, int], None],
) -> dict[str, str]:
    """Transcribe what is left; by its key, why what failed did."""
    failed: dict[str, str] = {}
    done = total - len(left)
    progress(done, total)
    for at in range(0, len(left), batch):
        group = left[at : at + batch]
        answers, why = _attempt(transcriber, group)
        failed |= why
        append_rows(journal, _frame(answers), _SCHEMA)
        progress(done + at + len(group), total)
    return failed


def _wanted(rows: pl.DataFrame, identity: str, language: str) -> list[_Wanted]:
    contents = _Contents()
    columns = [name for name in ("start", "end", "language") if name in rows.columns]
    found = []
    for row in rows.select("utterance_id", "audio", *columns).iter_rows(named=True):
        told = {"auto": None, "corpus": row.get("language")}.get(language, language)
        clip = Clip(row["audio"], row.get("start"), row.get("end"))
        text = json.dumps([identity, contents(clip.path), clip.start, clip.end, told])
        key = hashlib.sha256(text.encode()).hexdigest()
        found.append(_Wanted(key, row["utterance_id"], clip, told))
    return found


class _Contents:
    """Hashes of files, each computed once; a file that cannot be read is known by its path."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if path not in self._known:
            try:
                with Path(path).open("rb") as file:
                    self._known[path] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                self._known[path] = path
        return self._known[path]


def _attempt(
    transcriber: Transcriber, group: Sequence[_Wanted]
) -> tuple[list[tuple[_Wanted, Transcript]], dict[str, str]]:
    """The transcripts of a batch; of a batch with a faulty clip, those of the others."""
    try:
        found = transcriber.transcribe(
            [each.clip for each in group], [each.language for each in group]
        )
        return list(zip(group, found, strict=True)), {}
    except ConfigError:
        raise
    except FAULTS as error:
        raise_if_hopeless(error)
        if len(group) == 1:
            return [], {group[0].key: reason_of(error)}
    parts = [_attempt(transcriber, [each]) for each in group]
    return (
        [answer for answers, _ in parts for answer in answers],
        {key: why for _, failed in parts for key, why in failed.items()},
    )


def _frame(answers: Sequence[tuple[_Wanted, Transcript]]) -> pl.DataFrame:
    rows = [
        {"key": wanted.key, "utterance_id": wanted.utterance_id, **asdict(found)}
        for wanted, found in answers
    ]
    types = {column.name: column.dtype for column in _SCHEMA.columns}
    return pl.DataFrame(rows, schema=types)


def _with_transcripts(
    rows: pl.DataFrame, kept: pl.DataFrame, wanted: Sequence[_Wanted]
) -> pl.DataFrame:
    keys = pl.DataFrame(
        [(each.utterance_id, each.key) for each in wanted],
        schema={"utterance_id": pl.String, "key": pl.String},
        orient="row",
    )
    told = keys.join(kept.drop("utterance_id").unique("key", keep="last"), on="key").select(
        "utterance_id",
        *(pl.col(name) for name in _ADDED[1:]),
        transcript=pl.col("text"),
        transcript_language=pl.col("language"),
    )
    if _has_own(rows):
        rows = rows.with_columns(pl.col("transcript").alias(_GIVEN))
    bare = rows.drop(name for name in ("transcript", *_ADDED) if name in rows.columns)
    return bare.join(told, on="utterance_id", how="left", maintain_order="left")


def _has_own(rows: pl.DataFrame) -> bool:
    """Whether there are transcripts that did not come from a model before."""
    return (
        "transcript" in rows.columns
        and _GIVEN not in rows.columns
        and bool(rows.get_column("transcript").is_not_null().any())
    )
