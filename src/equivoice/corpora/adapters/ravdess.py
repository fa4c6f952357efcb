"""RAVDESS: seven numbers in the file name say everything."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from equivoice.corpora.filenames import fill_missing, with_name_parts
from equivoice.corpora.source import Draft, Request

__all__ = ["complete"]

_NAME = (
    r"(?:^|/)\d\d-\d\d-\d\d-(?P<intensity>\d\d)-(?P<statement>\d\d)-(?P<repetition>\d\d)"
    r"-(?P<speaker>\d\d)\."
)
_STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_CODES: dict[str, dict[str, object]] = {
    "intensity": {"01": "normal", "02": "strong"},
    "repetition": {"01": 1, "02": 2},
}


def complete(draft: Draft, _request: Request) -> Draft:
    """Add speaker, gender (even actors are women), intensity, statement and repetition."""
    named = with_name_parts(draft.utterances, _NAME, values=_CODES)
    even = pl.col("speaker").cast(pl.Int64) % 2 == 0
    gender = named.select(pl.when(even).then(pl.lit("female")).otherwise(pl.lit("male")))
    named = fill_missing(named, gender.to_series().alias("gender"))
    said = named.get_column("statement").replace_strict(_STATEMENTS).alias("transcript")
    return replace(draft, utterances=fill_missing(named, said))
