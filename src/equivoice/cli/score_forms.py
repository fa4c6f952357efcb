"""What ``score`` does with answers of one form: who reads them, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from equivoice.cli.console import progress
from equivoice.errors import ConfigError
from equivoice.evaluation.open_answers import Form, FormReading, Readers, read_form
from equivoice.models import LanguageBackend
from equivoice.models.registry import load_model
from equivoice.records import LabelSpace
from equivoice.reports.formatting import interval, percent

__all__ = ["named_readers", "rates_in_words", "read_as_asked"]


def named_readers(
    reader: str | None, sorter: str | None, options: Mapping[str, Mapping[str, Any]]
) -> Readers | None:
    """The language models that read answers, by their names; ``None`` for the lexicon.

    Args:
        reader: says which emotion an answer decides on.
        sorter: sorts words into classes; the reader, where none is named.
        options: from a system's name to its options.

    Raises:
        ConfigError: no such system, one that is no language model or reads no text, or
            options of a system that is not named.
    """
    unknown = sorted(set(options) - {reader, sorter})
    if unknown:
        raise ConfigError(
            "options for a system that reads nothing here",
            value=unknown[0],
            choices=[name for name in (reader, sorter) if name],
        )
    if reader is None:
        if sorter is not None:
            raise ConfigError("sorter: words are sorted that a reader found, and none is named")
        return None
    return Readers(
        _language_model(reader, options),
        None if sorter is None or sorter == reader else _language_model(sorter, options),
    )


def read_as_asked(
    predictions: pl.DataFrame, space: LabelSpace, form: Form, readers: Readers | None
) -> FormReading:
    """Read answers as those of a form, with a bar where language models are asked."""
    if readers is None:
        return read_form(predictions, space, form)
    with progress("reading answers") as bar:
        return read_form(predictions, space, form, readers=readers, watch=bar)


def rates_in_words(rates: pl.DataFrame) -> list[str]:
    """The word error rate of each system, a sentence each.

    Args:
        rates: as :func:`~equivoice.evaluation.transcripts.transcript_scores` makes them.
    """
    own = rates.filter(quantity="score", metric="word_error_rate").drop_nulls("value")
    said = []
    for row in own.iter_rows(named=True):
        ends = "" if row["low"] is None else f", {interval(row['low'], row['high'])}"
        who = row["system"] or "the system"
        said.append(f"What {who} heard: word error rate {percent(row['value'])}%{ends}.")
    return said


def _language_model(name: str, options: Mapping[str, Mapping[str, Any]]) -> LanguageBackend:
    made = load_model(name, **options.get(name, {}))
    if not isinstance(made, LanguageBackend):
        raise ConfigError("answers are read by a language model, and this is none", value=name)
    if "transcript" not in made.modalities:
        raise ConfigError(
            "answers are read by a model that takes text alone, and this one wants sound",
            value=name,
            hint="take text-llm, or openai-text for a server",
        )
    return made
