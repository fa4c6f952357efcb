"""What a caller may give instead of a table: a path, or plain sequences of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.errors import InputError
from equivoice.records import PREDICTIONS, UTTERANCES, Schema, read_table

__all__ = ["Labels", "Table", "as_tables", "reference_table"]

Table = pl.DataFrame | str | Path
Labels = Sequence[str | None]


def as_tables(
    predictions: Table | Labels,
    reference: Table | Labels,
    *,
    speakers: Sequence[Any] | None = None,
    groups: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions and references as tables, in whichever form they were given.

    Args:
        predictions: a table, its path, or one label an item (``None``: no label).
        reference: a table, its path, or one label an item.
        speakers: with sequences, the speaker of each item.
        groups: with sequences, the attributes of each item by name.

    Raises:
        InputError: sequences of different lengths, or a mixture of tables and sequences.

    Example:
        >>> answers, truth = as_tables(["sad"], ["happy"], groups={"gender": ["female"]})
        >>> truth.select("utterance_id", "emotion", "gender").rows()
        [('item/0', 'happy', 'female')]
    """
    if isinstance(predictions, Table) and isinstance(reference, Table):
        if speakers is not None or groups:
            raise InputError(
                "speakers and groups go with sequences of labels",
                hint="put them into the reference table as columns",
            )
        return _table(predictions, PREDICTIONS), _table(reference, UTTERANCES)
    if isinstance(predictions, Table) or isinstance(reference, Table):
        raise InputError("predictions and reference must both be tables, or both be sequences")
    columns: dict[str, Sequence[Any]] = {"emotion": reference, **(groups or {})}
    if speakers is not None:
        columns["speaker"] = [None if speaker is None else str(speaker) for speaker in speakers]
    _require_equal_lengths({"predictions": predictions, **columns})
    ids = [f"item/{row}" for row in range(len(columns["emotion"]))]
    answers = pl.DataFrame(
        {"utterance_id": ids, "emotion": pl.Series(list(predictions), dtype=pl.String)}
    )
    truth = {name: pl.Series(list(values)) for name, values in columns.items()}
    return answers, pl.DataFrame({"utterance_id": ids, **truth})


def reference_table(reference: Table | Labels) -> pl.DataFrame:
    """The reference, where there are no predictions.

    Raises:
        InputError: a sequence of labels, which votes cannot name.
    """
    if not isinstance(reference, Table):
        raise InputError(
            "without predictions the reference must be a table",
            hint="give a table with utterance_id, which the votes name",
        )
    return _table(reference, UTTERANCES)


def _table(given: Table, schema: Schema) -> pl.DataFrame:
    return given if isinstance(given, pl.DataFrame) else read_table(str(given), schema)


def _require_equal_lengths(columns: Mapping[str, Sequence[Any]]) -> None:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("sequences of different lengths", value=lengths)
