"""Predictions that somebody brings as a file: labels, sets, scales, or answers in words."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from equivoice.errors import InputError, SchemaError
from equivoice.metrics import ATTRIBUTES
from equivoice.prompting import parse_responses
from equivoice.records import PREDICTIONS, LabelSpace, read_frame

__all__ = ["read_predictions"]

_FURTHER = ("emotions", *ATTRIBUTES)
"""Columns of answers other than one label."""


def read_predictions(
    path: str | Path, labels: LabelSpace | None, *, limit: int | None = None
) -> pl.DataFrame:
    """A predictions table from a file; free answers are parsed where it has no labels.

    Args:
        path: a table with ``utterance_id`` and ``emotion`` or ``response``, or with
            ``emotions`` (sets), ``valence``, ``arousal`` or ``dominance``.
        labels: what free answers are read as; ``None`` where none are expected.
        limit: at most so many rows.

    Raises:
        InputError: the file cannot be read.
        SchemaError: the table breaks the schema of predictions.
    """
    frame = read_frame(path, text=PREDICTIONS.text_columns)
    if limit is not None:
        frame = frame.head(limit)
    if "emotion" not in frame.columns and not set(_FURTHER) & set(frame.columns):
        frame = _parsed(frame, labels, path)
    checked = PREDICTIONS.validate(frame, file=path)
    if checked.is_empty():
        raise SchemaError("the table holds no predictions", file=path, hint="write it again")
    return checked


def _parsed(frame: pl.DataFrame, labels: LabelSpace | None, path: str | Path) -> pl.DataFrame:
    if "response" not in frame.columns:
        raise SchemaError(
            "the predictions table has neither the column 'emotion' nor 'response'",
            file=path,
            column="emotion",
            choices=frame.columns,
            hint="rename one of its columns",
        )
    if labels is None:
        raise InputError(
            "the answers in words can only be read once the labels are known",
            file=path,
            column="response",
            hint="name the reference whose labels they are",
        )
    read = parse_responses(frame.get_column("response"), labels)
    return frame.with_columns(read.get_column("status"), read.get_column("emotion"))
