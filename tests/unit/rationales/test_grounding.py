"""Outcomes of claims: supported, contradicted, not testable, and why."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.rationales.grounding import ground_reasons, reasons_of
from equivoice.records import CLAIMS
from unit.rationales.measured import ground, ladder


def judged(reason: str, row: int = 10, **more: Any) -> dict[str, Any]:
    """The only claim of a reason about one of eleven utterances that climb in every measure."""
    names = ("pitch", "loudness", "letter_rate", "pauses", "tremor")
    rows = [{**dict.fromkeys(names, float(n)), "speaker": "s"} for n in range(11)]
    reasons = pl.DataFrame({"utterance_id": [f"a/{row}"], "system": ["m"], "reason": [reason]})
    claims = ground_reasons(reasons, ground(rows, **more))
    assert claims.height == 1
    return claims.row(0, named=True)


@pytest.mark.parametrize(
    ("reason", "row", "outcome"),
    [
        ("The pitch is high.", 10, "supported"),
        ("The pitch is high.", 0, "contradicted"),
        ("The pitch is high.", 5, "not testable"),
        ("The pitch is not high.", 10, "contradicted"),
        ("The pitch is not high.", 0, "supported"),
        ("The pitch is not high.", 5, "not testable"),
        ("The voice is quiet.", 1, "supported"),
        ("She speaks fast.", 9, "supported"),
        ("There are no pauses.", 0, "supported"),
        ("The voice might tremble.", 10, "supported"),
    ],
)
def test_outcomes(reason: str, row: int, outcome: str) -> None:
    assert judged(reason, row)["outcome"] == outcome


def test_a_claim_says_what_it_was_held_against() -> None:
    claim = judged("The pitch is high.", 9)
    assert (claim["value"], claim["reference"], claim["scope"]) == (9.0, 0.9, "speaker")
    assert claim["why"] == "above 90% of this speaker's other utterances"
    assert (claim["start"], claim["end"], claim["text"]) == (4, 17, "pitch is high")
    few = judged("The pitch is high.", 9, fewest=12)
    assert few["scope"] == "corpus"
    assert "the corpus's other utterances" in few["why"]
    close = judged("The pitch is high.", 5)
    assert close["why"].endswith(": too close to call")


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("The speech is slurred.", "nothing measures this"),
        ("The tempo varies.", "nothing measures this"),
        ('He says "come in".', "what was said is not known"),
    ],
)
def test_what_cannot_be_tested_says_why(reason: str, why: str) -> None:
    claim = judged(reason)
    assert (claim["outcome"], claim["why"]) == ("not testable", why)
    assert claim["value"] is None


def test_quotations_are_held_against_the_transcript() -> None:
    said = {"a/10": "Well, come in, please."}
    assert judged('He says "come in".', transcripts=said)["outcome"] == "supported"
    claim = judged('He says "go away".', transcripts=said)
    assert (claim["outcome"], claim["kind"]) == ("contradicted", "lexical")
    assert claim["why"] == "the words are not in the transcript"


def test_an_utterance_that_was_not_measured_or_has_no_sound() -> None:
    rows: list[dict[str, Any]] = ladder("pitch", 3)
    rows[0] |= {"pitch": float("nan"), "fault": "the file is empty"}
    reasons = pl.DataFrame(
        {
            "utterance_id": ["a/0", "b/9"],
            "system": ["m", "m"],
            "reason": ["The pitch is high."] * 2,
        }
    )
    claims = ground_reasons(reasons, ground(rows))
    whys = dict(claims.select("utterance_id", "why").iter_rows())
    assert whys["a/0"] == "the sound cannot be used: the file is empty"
    assert whys["b/9"] == "the utterance was not measured"
    assert set(claims["outcome"]) == {"not testable"}


def test_claims_are_numbered_within_a_reason_and_the_table_keeps_its_promise() -> None:
    reason = "Loud and fast. The pitch is high, the speech slurred."
    reasons = pl.DataFrame({"utterance_id": ["a/1"], "system": ["m"], "reason": [reason]})
    claims = ground_reasons(reasons, ground(ladder("pitch")))
    assert claims["claim"].to_list() == list(range(claims.height))
    assert claims.height >= 3
    assert CLAIMS.validate(claims).equals(claims)
    none = ground_reasons(reasons.with_columns(reason=pl.lit("Sad.")), ground(ladder("pitch")))
    assert none.height == 0
    assert none.columns == list(CLAIMS.names)


def test_reasons_of_predictions_and_of_a_teacher() -> None:
    predictions = pl.DataFrame(
        {"utterance_id": ["a/1", "a/2"], "system": ["m", "m"], "reason": ["Loud.", None]}
    )
    assert reasons_of(predictions).rows() == [("a/1", "m", "Loud.")]
    written = pl.DataFrame(
        {
            "utterance_id": ["a/1", "a/2"],
            "teacher": ["t", "t"],
            "reason": ["Loud.", "Fast."],
            "status": ["kept", "too_short"],
        }
    )
    assert reasons_of(written).rows() == [("a/1", "t", "Loud.")]
    assert reasons_of(written, every=True).height == 2


def test_conditions_are_told_apart_where_a_system_was_asked_twice() -> None:
    table = pl.DataFrame(
        {
            "utterance_id": ["a/1", "a/1"],
            "system": ["m", "m"],
            "prompt": ["p", "p"],
            "run": [0, 1],
            "reason": ["Loud.", "Fast."],
        }
    )
    assert reasons_of(table)["system"].to_list() == ["m · run 0", "m · run 1"]
    with pytest.raises(InputError, match="two reasons"):
        reasons_of(table.with_columns(run=pl.lit(0)))
    with pytest.raises(InputError, match="lacks a column"):
        reasons_of(table.drop("reason"))
