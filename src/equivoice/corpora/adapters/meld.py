"""MELD: dialogue and turn stand in the key; speaker and transcript in MELD's own CSVs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from equivoice.corpora.filenames import with_name_parts
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError
from equivoice.records import read_frame

__all__ = ["complete"]

_KEY = r"/dia(?P<number>\d+)_utt(?P<turn>\d+)-(?P<part>train|dev|test)$"
_COLUMNS = ("Utterance", "Speaker", "Dialogue_ID", "Utterance_ID")


def complete(draft: Draft, request: Request) -> Draft:
    """Add dialogue and turn; with an extra folder also speaker and transcript.

    The extra folder holds MELD's ``{train,dev,test}_sent_emo.csv``.
    """
    named = with_name_parts(draft.utterances, _KEY, column="utterance_id").with_columns(
        # Dialogue numbers start again in each part.
        dialogue=pl.col("part") + "/dia" + pl.col("number"),
        turn=pl.col("turn").cast(pl.Int64),
    )
    named = named.drop("number", "part")
    if request.extra is None:
        return replace(draft, utterances=named)
    paths = [request.extra / f"{part}_sent_emo.csv" for part in ("train", "dev", "test")]
    lines = pl.concat([_lines(path) for path in paths])
    joined = named.join(lines, on=["dialogue", "turn"], how="left", maintain_order="left")
    return replace(draft, utterances=joined, read=(*draft.read, *paths))


def _lines(path: Path) -> pl.DataFrame:
    frame = read_frame(path)
    missing = [name for name in _COLUMNS if name not in frame.columns]
    if missing:
        raise CorpusError(
            "not MELD's table of utterances", file=path, column=missing[0], choices=frame.columns
        )
    part = path.name.removesuffix("_sent_emo.csv")
    return frame.select(
        dialogue=pl.lit(f"{part}/dia") + pl.col("Dialogue_ID").cast(pl.String),
        turn=pl.col("Utterance_ID").cast(pl.Int64),
        speaker=pl.col("Speaker"),
        transcript=pl.col("Utterance"),
    )
