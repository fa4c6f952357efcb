"""What a run folder remembers of its corpora, so that it can be scored and shown again.

``corpora.json`` holds, for each corpus, its label space, its card, what its
checks found and where its folds come from. Together with ``utterances.parquet``
a run can be re-scored, compared and reported without the corpus itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from equivoice.corpora.card import Card
from equivoice.corpora.corpus import Corpus
from equivoice.errors import InputError
from equivoice.records import Label, LabelSpace
from equivoice.store import RunFolder

__all__ = [
    "CorpusDescription",
    "FoundInCorpus",
    "Texts",
    "describe",
    "read_descriptions",
    "save_descriptions",
    "utterances_of",
]

_FILE = "corpora.json"
_CLOSED = ConfigDict(extra="forbid", frozen=True)


class FoundInCorpus(BaseModel):
    """A finding of a corpus check, as the run folder keeps it.

    Args:
        corpus: the corpus.
        severity: error, warning or note.
        code: a short name of the kind of finding.
        message: what was found, as a sentence.
        count: how many utterances it concerns, where that applies.
    """

    model_config = _CLOSED

    corpus: str
    severity: str
    code: str
    message: str
    count: int | None = None


class CorpusDescription(BaseModel):
    """A corpus as a run folder remembers it.

    Args:
        name: the name of the corpus.
        label_space_id: the id of its label space.
        labels: from each label to its synonyms, in order.
        card: the facts about it.
        findings: what its checks found.
        folds: where the folds come from, as a sentence.
        root: the folder it was loaded from.
    """

    model_config = _CLOSED

    name: str
    label_space_id: str
    labels: dict[str, tuple[str, ...]]
    card: Card
    findings: tuple[FoundInCorpus, ...] = ()
    folds: str = ""
    root: str | None = Field(default=None)

    @property
    def label_space(self) -> LabelSpace:
        """The labels of the corpus."""
        labels = tuple(Label(name, words) for name, words in self.labels.items())
        return LabelSpace(self.label_space_id, labels)


_DESCRIPTIONS = TypeAdapter(list[CorpusDescription])


def describe(corpus: Corpus, *, findings: Iterable[Any], folds: str) -> CorpusDescription:
    """The description of a corpus.

    Args:
        corpus: the corpus.
        findings: what ``corpora.check`` found.
        folds: where its folds come from, as a sentence.
    """
    return CorpusDescription(
        name=corpus.name,
        label_space_id=corpus.label_space.id,
        labels={label.name: label.synonyms for label in corpus.label_space.labels},
        card=corpus.card,
        findings=tuple(_kept(corpus.name, finding) for finding in findings),
        folds=folds,
        root=None if corpus.root is None else str(corpus.root),
    )


class Texts(Protocol):
    """A folder that keeps texts by name: that of a run, or of a training."""

    path: Path

    def read_text(self, name: str) -> str | None:
        """A text of the folder; ``None`` where there is none of this name."""
        ...

    def write_text(self, name: str, text: str) -> Path:
        """Write a text into the folder, whole or not at all."""
        ...


def save_descriptions(run: Texts, descriptions: Sequence[CorpusDescription]) -> None:
    """Write the descriptions into a run folder.

    Raises:
        StorageError: they could not be written.
    """
    text = _DESCRIPTIONS.dump_json(list(descriptions), indent=2).decode("utf-8")
    run.write_text(_FILE, text + "\n")


def read_descriptions(run: Texts) -> Mapping[str, CorpusDescription]:
    """The corpora of a run by name; empty where the run folder does not describe them.

    Raises:
        InputError: the file is damaged.
    """
    text = run.read_text(_FILE)
    if text is None:
        return {}
    try:
        found = _DESCRIPTIONS.validate_json(text)
    except ValidationError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"the description of the corpora cannot be read: {reason}", file=run.path / _FILE
        ) from error
    return {description.name: description for description in found}


def utterances_of(run: RunFolder, corpus: str) -> pl.DataFrame:
    """The utterances of one corpus of a run; those that name no corpus are of the only one."""
    return run.utterances().filter(pl.col("corpus").fill_null(corpus) == corpus)


def _kept(corpus: str, finding: Any) -> FoundInCorpus:
    return FoundInCorpus(
        corpus=corpus,
        severity=str(finding.severity),
        code=str(finding.code),
        message=str(finding.message),
        count=getattr(finding, "count", None),
    )
