"""Tables that tell a scripted system what to say."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from equivoice.errors import InputError
from equivoice.records import read_frame

__all__ = ["told_utterances"]


def told_utterances(path: str | Path, column: str, *, what: str) -> pl.DataFrame:
    """The rows of a table that tell something of an utterance.

    Args:
        path: of the table, in any form that :func:`~equivoice.records.read_frame` reads.
        column: what is told, beside ``utterance_id``.
        what: that is, in plural, for messages: ``answers``.

    Raises:
        InputError: the table cannot be read, or lacks a column.
    """
    table = read_frame(path, text=("utterance_id", column))
    missing = {"utterance_id", column} - set(table.columns)
    if missing:
        raise InputError(
            f"a table of {what} needs the columns utterance_id and {column}",
            file=path,
            column=min(missing),
            choices=table.columns,
        )
    return table.drop_nulls(["utterance_id", column])
