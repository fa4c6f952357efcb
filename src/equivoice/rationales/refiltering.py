"""Rationales that were made before: opened, and filtered again from what the teacher wrote."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from equivoice.corpora.corpus import Corpus, load_corpus
from equivoice.errors import InputError
from equivoice.rationales.filtering import Filtered, apply_filters
from equivoice.rationales.filters import FilterRules
from equivoice.rationales.generating import answered, transcripts_of
from equivoice.records import RATIONALES, read_table
from equivoice.store.rationale_folder import RationaleFolder

__all__ = ["open_rationales", "read_rationales", "refilter"]


def open_rationales(place: str | Path) -> RationaleFolder | pl.DataFrame:
    """The folder of a generation, or a table of rationales.

    Raises:
        InputError: it is neither.
    """
    path = Path(place)
    return RationaleFolder.read(path) if path.is_dir() else read_table(path, RATIONALES)


def read_rationales(place: str | Path) -> pl.DataFrame:
    """The table of rationales of a folder or a file.

    Raises:
        InputError: there is none; the teacher still writes.
    """
    found = open_rationales(place)
    if isinstance(found, pl.DataFrame):
        return found
    if not found.table_path.is_file():
        raise InputError(
            "the teacher has not written all rationales yet",
            file=found.path,
            hint="give the command of 'rationales generate' again",
        )
    return found.rationales()


def refilter(
    source: RationaleFolder | pl.DataFrame, rules: FilterRules, *, corpus: Corpus | None = None
) -> Filtered:
    """Filter a teacher's answers by some rules, whatever rules they were filtered by before.

    Args:
        source: what :func:`open_rationales` gives.
        rules: which reasons are kept.
        corpus: whose utterances they are; that of the record where it is not given.

    Raises:
        InputError: the corpus is not known; a label is not in its label space.
    """
    if isinstance(source, pl.DataFrame):
        if corpus is None:
            raise InputError(
                "a table of rationales does not say of which corpus they are",
                hint="name it with --corpus",
            )
        answers = source
    else:
        config = source.record.config
        answers = answered(source.answers(), config)
        corpus = corpus or load_corpus(Path(config["corpus"]))
    return apply_filters(answers, transcripts_of(corpus), corpus.label_space, rules)
