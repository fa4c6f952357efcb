"""What is asked of a corpus adapter, and what it hands back.

An adapter is a function from a :class:`Request` to a :class:`Draft`. It reads
tables and names; it neither looks for sound files nor decides what a label
means: that is done once, for all adapters, in :mod:`equivoice.corpora.prepare`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.card import Card
from equivoice.errors import CorpusError
from equivoice.records import FOLDS

__all__ = ["Adapter", "Completion", "Draft", "Request", "Source"]


@dataclass(frozen=True)
class Request:
    """What the user gave.

    Args:
        name: the corpus's short name; utterance ids start with it.
        out: the folder that is being made; an adapter may write sound into it.
        audio: the folder with the recordings, ``None`` for metadata alone.
        metadata: the folder or file with labels and folds.
        extra: a folder with what the corpus publishes besides (demographics, votes).
        hub: the id of a data set on the Hugging Face hub.
        columns: from our column names to the table's.
        table: the table to read where there are several.
        language: BCP 47 tag, where one language is spoken throughout.
    """

    name: str
    out: Path
    audio: Path | None = None
    metadata: Path | None = None
    extra: Path | None = None
    hub: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    table: str | None = None
    language: str | None = None

    def metadata_folder(self) -> Path:
        """The metadata folder.

        Raises:
            CorpusError: it was not given or does not exist.
        """
        hint = "give the folder that holds this corpus's metadata with --metadata"
        if self.metadata is None:
            raise CorpusError(f"{self.name} needs its metadata", hint=hint)
        if not self.metadata.is_dir():
            raise CorpusError("there is no such folder", file=self.metadata, hint=hint)
        return self.metadata


@dataclass(frozen=True)
class Draft:
    """What an adapter made out of the files.

    Args:
        utterances: columns of ``records.UTTERANCES``; ``emotion`` in the corpus's own
            names, ``audio`` relative to the audio folder or absolute.
        folds: columns of ``records.FOLDS``.
        label_map: from the corpus's own names to labels, as found beside the data.
        votes: columns of ``records.VOTES``, or ``None``.
        left_out: what the adapter left out, by reason.
        read: the files that were read.
        audio_root: what relative audio paths refer to, where that is not the
            requested audio folder.
        sound: whether there are recordings; ``False`` for a corpus of text alone.
        label_rule: the rule of :mod:`equivoice.annotators` by which the corpus says it
            made its labels out of these votes; the check then computes them anew.
        choices: from a question of the votes to the labels it offers, where those are
            not the corpus's labels.
        record: what was found out on the way and has no place in the tables; it
            stands in ``corpus.json``.
    """

    utterances: pl.DataFrame
    folds: pl.DataFrame = field(default_factory=FOLDS.empty)
    label_map: Mapping[str, str] = field(default_factory=dict)
    votes: pl.DataFrame | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    read: tuple[Path, ...] = ()
    audio_root: Path | None = None
    sound: bool = True
    label_rule: str | None = None
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)


Adapter = Callable[[Request], Draft]
Completion = Callable[[Draft, Request], Draft]


@dataclass(frozen=True)
class Source:
    """A corpus that can be prepared: its card and its adapter.

    Third parties offer one under the entry point group ``equivoice.corpora``.

    Args:
        card: the facts; ``card.name`` is the name it is prepared by.
        read: the adapter.
        complete: what the corpus's file names and extra files add to the draft.
    """

    card: Card
    read: Adapter
    complete: Completion | None = None

    def draft(self, request: Request) -> Draft:
        """Read and complete the draft."""
        draft = self.read(request)
        return draft if self.complete is None else self.complete(draft, request)
