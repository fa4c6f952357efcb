"""Tables of reasons: what a teacher wrote, and what a reason claims about the sound."""

from __future__ import annotations

import polars as pl

from equivoice.records.schema import Column, Schema

__all__ = [
    "CLAIMS",
    "CLAIM_DIRECTIONS",
    "CLAIM_KINDS",
    "CLAIM_MEASURES",
    "CLAIM_OUTCOMES",
    "CLAIM_SCOPES",
    "RATIONALES",
]

CLAIM_KINDS = ("acoustic", "lexical")
CLAIM_OUTCOMES = ("supported", "contradicted", "not testable")
CLAIM_SCOPES = ("speaker", "corpus")
CLAIM_MEASURES = (
    "pitch",
    "pitch_range",
    "pitch_course",
    "loudness",
    "rate",
    "pauses",
    "tremor",
    "breathiness",
    "harshness",
    "clarity",
    "quote",
)
CLAIM_DIRECTIONS = (
    "high",
    "low",
    "normal",
    "varied",
    "flat",
    "rising",
    "falling",
    "many",
    "few",
    "present",
    "absent",
)

_TEXT = pl.String()
_NUMBER = pl.Float64()
_COUNT = pl.Int64()


def _text(name: str, doc: str, *, choices: tuple[str, ...] | None = None) -> Column:
    return Column(name, _TEXT, doc, required=True, nullable=False, choices=choices)


RATIONALES = Schema(
    "rationales",
    1,
    (
        _text("utterance_id", "corpus/key of an utterance"),
        _text("emotion", "the label that the teacher was given"),
        Column("response", _TEXT, "the raw answer of the teacher; null where there is none"),
        Column("reason", _TEXT, "the reason, cleaned of disallowed phrases; null where none"),
        _text("status", "kept, failed, or the name of the filter that dropped it"),
        Column("why", _TEXT, "what the filter found, or why there is no answer"),
        Column("teacher", _TEXT, "the system that wrote it", required=True),
        Column("prompt", _TEXT, "name of the prompt"),
        Column("temperature", _NUMBER, "sampling temperature", low=0),
        Column("seed", pl.UInt64(), "the seed of this sample"),
    ),
    key=("utterance_id", "teacher", "prompt", "temperature", "seed"),
)

CLAIMS = Schema(
    "claims",
    1,
    (
        _text("utterance_id", "corpus/key of an utterance"),
        Column("system", _TEXT, "who gave the reason: a system or a teacher", required=True),
        Column("claim", _COUNT, "number within the reason, from 0", required=True, low=0),
        _text("kind", "about the sound, or about the words", choices=CLAIM_KINDS),
        _text("measure", "what the claim is about", choices=CLAIM_MEASURES),
        _text("direction", "what is claimed of it", choices=CLAIM_DIRECTIONS),
        _text("text", "the claim as it is written"),
        Column("start", _COUNT, "where it starts in the reason, in characters", low=0),
        Column("end", _COUNT, "where it ends in the reason, in characters", low=0),
        Column("hedged", pl.Boolean(), "whether it is said with reserve (might, perhaps)"),
        Column("negated", pl.Boolean(), "whether it is denied (not loud)"),
        _text("outcome", "what the measurement says of it", choices=CLAIM_OUTCOMES),
        Column("value", _NUMBER, "the measured value; null where there is none"),
        Column(
            "reference",
            _NUMBER,
            "where the value lies among those of the speaker or the corpus; null where untestable",
        ),
        Column("scope", _TEXT, "whose distribution that is", choices=CLAIM_SCOPES),
        Column("why", _TEXT, "why it is not testable, or how it was decided"),
    ),
    key=("utterance_id", "system", "claim"),
)
