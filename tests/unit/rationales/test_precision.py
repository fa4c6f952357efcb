"""Precision by hand, over speakers, by group, and what shuffled sound leaves of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.rationales.grounding import Ground, ground_reasons
from equivoice.rationales.precision import (
    PRECISION,
    SHUFFLED,
    PrecisionSettings,
    claim_precision,
    shuffled_support,
)
from equivoice.records import ESTIMATES
from unit.rationales.measured import ground, measured

SPEAKERS, TAKES = 12, 11
QUICK = PrecisionSettings(replicates=200, shuffles=50)


def world() -> tuple[list[dict[str, Any]], pl.DataFrame]:
    """Twelve speakers, half women, whose pitch climbs over their eleven takes."""
    rows = [
        {
            "utterance_id": f"a/{speaker}-{take}",
            "speaker": f"s{speaker:02d}",
            "gender": "female" if speaker % 2 else "male",
            "pitch": 100.0 * speaker + take,
        }
        for speaker in range(SPEAKERS)
        for take in range(TAKES)
    ]
    return rows, measured(rows).select("utterance_id", "speaker", "gender")


ROWS, UTTERANCES = world()


def saying(said: dict[str, str], system: str = "m") -> pl.DataFrame:
    rows = [{"utterance_id": name, "system": system, "reason": text} for name, text in said.items()]
    return pl.DataFrame(rows)


def right(row: dict[str, Any]) -> str:
    return "The pitch is high." if row["pitch"] % 100 >= 5 else "The pitch is low."


def wrong(row: dict[str, Any]) -> str:
    return "The pitch is low." if row["pitch"] % 100 >= 5 else "The pitch is high."


def estimates(reasons: pl.DataFrame, held: Ground, **more: Any) -> pl.DataFrame:
    settings = PrecisionSettings(**{**QUICK.__dict__, **more})
    return claim_precision(ground_reasons(reasons, held), UTTERANCES, held, settings)


def one(table: pl.DataFrame, **where: Any) -> dict[str, Any]:
    for name, value in where.items():
        table = table.filter(pl.col(name).eq_missing(pl.lit(value)))
    assert table.height == 1, table
    return table.row(0, named=True)


@pytest.fixture(scope="module")
def held() -> Ground:
    return ground(ROWS)


def test_true_claims_are_all_supported_and_shuffled_ones_half(held: Ground) -> None:
    table = estimates(saying({row["utterance_id"]: right(row) for row in ROWS}), held)
    assert ESTIMATES.validate(table).equals(table)
    whole = one(table, metric=PRECISION, **{"class": None}, quantity="score")
    assert (whole["value"], whole["n"], whole["clusters"]) == (1.0, 120, 12)
    assert json.loads(whole["left_out"]) == {"not testable": 12}  # the middle take of each
    assert whole["p_value"] == pytest.approx(1 / 51)
    assert whole["p_floor"] == whole["p_value"]
    drawn = one(table, metric=SHUFFLED, **{"class": None})
    assert drawn["value"] == pytest.approx(0.5, abs=0.03)
    assert drawn["low"] < 0.5 < drawn["high"]


def test_precision_is_by_kind_and_by_measure(held: Ground) -> None:
    reasons = saying({"a/0-10": "The pitch is high. She is loud.", "a/1-0": "The pitch is high."})
    table = estimates(reasons, held, shuffles=0)
    assert one(table, metric=PRECISION, **{"class": "pitch"})["value"] == 0.5
    # every loudness is the same, so all places are the middle: too close to call
    loud = one(table, metric=PRECISION, **{"class": "loudness"})
    assert (loud["value"], loud["undefined"]) == (None, "no claim could be tested")
    assert one(table, **{"class": "acoustic"})["n"] == 2
    assert table.filter(pl.col("metric") == SHUFFLED).is_empty()


def test_groups_and_their_signed_difference(held: Ground) -> None:
    said = {
        row["utterance_id"]: right(row) if row["gender"] == "female" else "The pitch is high."
        for row in ROWS
    }
    table = estimates(saying(said), held, shuffles=0)
    women = one(table, quantity="group_score", groups="female")
    men = one(table, quantity="group_score", groups="male")
    assert (women["value"], men["value"]) == (1.0, 0.5)
    assert (women["group_by"], women["clusters"], women["n"]) == ("gender", 6, 60)
    gap = one(table, quantity="pair_gap")
    assert (gap["groups"], gap["value"]) == ("female − male", 0.5)
    # every man is half right, so resampling men changes nothing
    assert gap["low"] == pytest.approx(0.5)
    assert gap["high"] == pytest.approx(0.5)


def test_few_speakers_have_no_interval(held: Ground) -> None:
    few = {row["utterance_id"]: right(row) for row in ROWS if row["speaker"] in ("s00", "s02")}
    whole = one(estimates(saying(few), held, shuffles=0), quantity="score", **{"class": None})
    assert whole["value"] == 1.0
    assert whole["low"] is None
    assert whole["undefined"] == "too few speakers for an interval"


def test_the_interval_is_over_speakers_and_not_over_claims(held: Ground) -> None:
    """Half of the speakers are all right, half all wrong: 120 claims are 12 facts."""
    said = {
        row["utterance_id"]: right(row) if int(row["speaker"][1:]) < 6 else wrong(row)
        for row in ROWS
    }
    whole = one(estimates(saying(said), held, shuffles=0), quantity="score", **{"class": None})
    assert whole["value"] == pytest.approx(0.5, abs=0.05)
    assert whole["high"] - whole["low"] > 0.4


def test_systems_are_kept_apart(held: Ground) -> None:
    name = ROWS[0]["utterance_id"]
    both = pl.concat(
        [saying({name: "The pitch is low."}, "b"), saying({name: "A high pitch."}, "a")]
    )
    table = estimates(both, held, shuffles=0).filter(pl.col("class") == "pitch")
    assert table.select("system", "value").rows() == [("a", 0.0), ("b", 1.0)]


def test_an_attribute_that_is_not_there_is_refused(held: Ground) -> None:
    with pytest.raises(InputError, match="no such attribute"):
        estimates(saying({"a/0-10": "The pitch is high."}), held, group_by=("age",))


def test_no_claims_are_no_estimates(held: Ground) -> None:
    assert estimates(saying({"a/0-10": "Sad words."}), held).is_empty()


def test_shuffling_keeps_to_the_speaker_and_counts_denials() -> None:
    """Two takes a speaker: a shuffled claim is right where the takes stayed in their places."""
    rows = [
        {"utterance_id": f"a/{s}-{t}", "speaker": f"s{s}", "pitch": 100.0 * s + t}
        for s in range(40)
        for t in range(2)
    ]
    held = ground(rows, fewest=2)
    reasons = saying({f"a/{s}-0": "The pitch is not high." for s in range(40)})
    claims = ground_reasons(reasons, held)
    assert set(claims["outcome"]) == {"supported"}
    drawn = shuffled_support(claims, held, shuffles=200, seed=1)
    assert drawn.mean() == pytest.approx(0.5, abs=0.03)
    assert np.array_equal(drawn, shuffled_support(claims, held, shuffles=200, seed=1))


def test_transcripts_go_with_the_sound() -> None:
    rows = [{"utterance_id": f"a/{n}", "speaker": "s", "pitch": float(n)} for n in range(4)]
    words = ["red apples", "open doors", "late trains", "long letters"]
    held = ground(rows, fewest=2, transcripts={f"a/{n}": words[n] for n in range(4)})
    said = {f"a/{n}": f'He says "{words[n]}".' for n in range(4)}
    claims = ground_reasons(saying(said), held)
    assert set(claims["outcome"]) == {"supported"}
    drawn = shuffled_support(claims, held, shuffles=400, seed=0)
    # a permutation of four leaves one in its place on average
    assert drawn.mean() == pytest.approx(0.25, abs=0.05)
