"""Measurements without sound: tables in which only what matters is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.audio.prosody import prosody_names
from equivoice.rationales.grounding import Ground, make_ground
from equivoice.rationales.measurements import LETTER_RATE
from equivoice.rationales.verdicts import GroundingRules

KEYS = ("corpus", "speaker", "language", "gender", "fault")


def measured(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A table of measurements; a measure that is not given is 1.0, a key null."""
    names = (*prosody_names(), LETTER_RATE)
    full = [
        {"utterance_id": f"a/{number}", "corpus": "a"}
        | dict.fromkeys(KEYS[1:])
        | dict.fromkeys(names, 1.0)
        | dict(row)
        for number, row in enumerate(rows)
    ]
    texts = dict.fromkeys(("utterance_id", *KEYS), pl.String)
    return pl.DataFrame(full, schema_overrides=texts, infer_schema_length=None)


def ladder(measure: str, count: int = 11, **keys: Any) -> list[dict[str, Any]]:
    """Utterances in which one measure climbs by 1, from 0: the middle one is the median."""
    return [{measure: float(number), "speaker": "s", **keys} for number in range(count)]


def ground(
    rows: Sequence[Mapping[str, Any]],
    *,
    transcripts: Mapping[str, str] | None = None,
    **rules: float,
) -> Ground:
    """What claims are held against."""
    table = measured(rows)
    texts = transcripts or {}
    words = [texts.get(name) for name in table.get_column("utterance_id")]
    utterances = table.select("utterance_id").with_columns(
        pl.Series("transcript", words, dtype=pl.String)
    )
    return make_ground(table, utterances, GroundingRules(**rules))
