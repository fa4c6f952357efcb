"""The tables of reasons: what a row of them must say, and what it may not."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.errors import SchemaError
from equivoice.records import (
    CLAIM_DIRECTIONS,
    CLAIM_MEASURES,
    CLAIMS,
    RATIONALES,
    read_table,
    write_table,
)

REASON = {
    "utterance_id": "toy/1",
    "emotion": "happy",
    "response": "A light voice. What do you think?",
    "reason": "A light voice.",
    "status": "kept",
    "why": None,
    "teacher": "scripted-teacher",
    "prompt": "rationale_published",
    "temperature": 0.0,
    "seed": 2**63 + 1,
}
CLAIM = {
    "utterance_id": "toy/1",
    "system": "scripted-teacher",
    "claim": 0,
    "kind": "acoustic",
    "measure": "pitch",
    "direction": "high",
    "text": "the pitch is a bit higher",
    "start": 0,
    "end": 25,
    "hedged": True,
    "negated": False,
    "outcome": "supported",
    "value": 221.5,
    "reference": 0.91,
    "scope": "speaker",
    "why": None,
}


def test_a_reason_survives_the_disk(tmp_path: Path) -> None:
    path = write_table(pl.DataFrame([REASON]), tmp_path / "rationales.parquet", RATIONALES)
    assert read_table(path, RATIONALES).to_dicts() == [REASON]


def test_a_claim_survives_the_disk(tmp_path: Path) -> None:
    path = write_table(pl.DataFrame([CLAIM]), tmp_path / "claims.parquet", CLAIMS)
    assert read_table(path, CLAIMS).to_dicts() == [CLAIM]


def test_one_reason_an_utterance_teacher_prompt_and_draw() -> None:
    with pytest.raises(SchemaError, match="toy/1"):
        RATIONALES.validate(pl.DataFrame([REASON, REASON]))
    two = pl.DataFrame([REASON, {**REASON, "seed": 7}], schema_overrides={"seed": pl.UInt64})
    assert RATIONALES.validate(two).height == 2


@pytest.mark.parametrize("column", ["emotion", "status"])
def test_a_reason_says_what_it_explains_and_what_became_of_it(column: str) -> None:
    with pytest.raises(SchemaError, match=column):
        RATIONALES.validate(pl.DataFrame([{**REASON, column: None}]).cast({column: pl.String}))


@pytest.mark.parametrize(
    ("column", "value"),
    [("measure", "timbre"), ("direction", "purple"), ("outcome", "maybe"), ("scope", "world")],
)
def test_a_claim_uses_the_words_of_the_schema(column: str, value: str) -> None:
    with pytest.raises(SchemaError, match=value) as caught:
        CLAIMS.validate(pl.DataFrame([{**CLAIM, column: value}]))
    assert caught.value.column == column


def test_every_measure_can_be_claimed_in_some_direction() -> None:
    for place, measure in enumerate(CLAIM_MEASURES):
        direction = CLAIM_DIRECTIONS[place % len(CLAIM_DIRECTIONS)]
        CLAIMS.validate(pl.DataFrame([{**CLAIM, "measure": measure, "direction": direction}]))
