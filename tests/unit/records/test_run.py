"""The run record goes to disk and back, and refuses what it does not know."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from equivoice.records import RunRecord


def test_a_record_comes_back_as_it_went() -> None:
    record = RunRecord(
        verb="benchmark",
        config={"seed": 1, "corpus": ["a"]},
        seeds={"root": 2**63},
        selection=[{"what": "C", "candidates": [0.1, 1.0], "chosen": 1.0, "split": "train"}],
        left_out={"audio file missing": 3},
    )
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="sed"):
        RunRecord.model_validate({"verb": "x", "config": {}, "sed": 1})


def test_records_do_not_share_their_tables() -> None:
    first, second = RunRecord(verb="a", config={}), RunRecord(verb="b", config={})
    first.versions["python"] = "3.11"
    assert second.versions == {}
