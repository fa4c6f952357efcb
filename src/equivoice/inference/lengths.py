"""How long utterances are, so that batches hold utterances of like length."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from equivoice.audio.decode import probe
from equivoice.errors import AudioError

__all__ = ["lengths_of"]

_LETTERS_A_SECOND = 15.0


def lengths_of(utterances: pl.DataFrame, modality: str) -> dict[str, float]:
    """The seconds of each utterance: from the table, else from the header of its file.

    A transcript counts as the time that it takes to say.

    Args:
        utterances: an utterances table.
        modality: what of an utterance is put to the system.

    Returns:
        From utterance_id to seconds; ``inf`` where a file cannot be read.

    Example:
        >>> table = pl.DataFrame({"utterance_id": ["a/1", "a/2"], "duration": [2.5, None],
        ...                       "audio": [None, "gone.wav"]})
        >>> lengths_of(table, "speech")
        {'a/1': 2.5, 'a/2': inf}
    """
    known = [
        name
        for name in ("utterance_id", "audio", "start", "end", "duration", "transcript")
        if name in utterances.columns
    ]
    rows = utterances.select(known).iter_rows(named=True)
    length = _said if modality == "transcript" else _heard
    return {row["utterance_id"]: length(row) for row in rows}


def _said(row: dict[str, Any]) -> float:
    return len(row.get("transcript") or "") / _LETTERS_A_SECOND


def _heard(row: dict[str, Any]) -> float:
    start, end = row.get("start"), row.get("end")
    if end is not None:
        return float(end) - float(start or 0.0)
    if row.get("duration") is not None:
        return float(row["duration"])
    if row.get("audio") is None:
        return math.inf
    try:
        return probe(row["audio"]).duration - float(start or 0.0)
    except AudioError:
        return math.inf
