"""Transcripts of systems: rates over a corpus, by group, and what is left out of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.evaluation.transcripts import (
    gives_transcripts,
    transcript_scores,
    with_transcripts,
)

pytest.importorskip("jiwer")

IDS = [f"demo/{n}" for n in range(6)]
REFERENCE = pl.DataFrame(
    {
        "utterance_id": IDS,
        "speaker": ["s1", "s1", "s2", "s2", "s3", "s3"],
        "gender": ["female"] * 2 + ["male"] * 4,
        "transcript": ["one two", "one two", "one two three four", "one two", "one two", None],
    }
)
HEARD = ["one two", "one too", "one two three", "one two", None, "anything"]
PREDICTIONS = pl.DataFrame({"utterance_id": IDS, "system": "a", "transcript": HEARD})


def value(table: pl.DataFrame, metric: str = "word_error_rate", **where: Any) -> Any:
    where = {"quantity": "score"} | where
    rows = table.filter(pl.col("metric") == metric, **where)
    assert rows.height == 1
    return rows.row(0, named=True)


def test_a_rate_over_the_corpus() -> None:
    # 12 words were said; errors: too, four, and both words of the missing transcript
    found = value(transcript_scores(PREDICTIONS, REFERENCE, replicates=200, permutations=20))
    assert found["value"] == pytest.approx(4 / 12)
    assert (found["unit"], found["n"], found["clusters"]) == ("speaker", 5, 3)
    assert found["low"] is None  # three speakers are too few for an interval
    left_out = json.loads(found["left_out"])
    assert left_out["utterance without transcript"] == 1
    assert [n for why, n in left_out.items() if "without a transcript" in why] == [1]


def test_rates_of_groups_and_their_difference() -> None:
    rows = transcript_scores(
        PREDICTIONS, REFERENCE, group_by=["gender"], replicates=100, permutations=20
    )
    female = value(rows, quantity="group_score", groups="female")["value"]
    male = value(rows, quantity="group_score", groups="male")["value"]
    assert (female, male) == (pytest.approx(1 / 4), pytest.approx(3 / 8))
    gap = rows.filter(pl.col("quantity") == "pair_gap", metric="word_error_rate")
    assert gap.get_column("value").to_list() == [pytest.approx(female - male)]


def test_transcripts_in_the_tags_of_answers_count() -> None:
    said = [f"<asr>{text}</asr> <answer>I think the emotion is sad</answer>" for text in HEARD[:4]]
    tagged = pl.DataFrame(
        {"utterance_id": IDS[:5], "system": "a", "response": [*said, "<answer>sad</answer>"]}
    )
    by_tag = transcript_scores(tagged, REFERENCE, replicates=0)
    assert value(by_tag)["value"] == pytest.approx(4 / 12)
    filled = with_transcripts(tagged).get_column("transcript").to_list()
    assert filled == [*HEARD[:4], None]


def test_the_column_goes_before_the_tags() -> None:
    both = pl.DataFrame({"response": ["<asr>by tag</asr>"] * 2, "transcript": ["own", None]})
    assert with_transcripts(both)["transcript"].to_list() == ["own", "by tag"]


def test_systems_without_transcripts_are_passed_over() -> None:
    plain = pl.DataFrame({"utterance_id": IDS, "system": "b", "response": ["sad < happy"] * 6})
    assert not gives_transcripts(plain)
    assert gives_transcripts(PREDICTIONS)
    assert transcript_scores(plain, REFERENCE, replicates=0).is_empty()
    both = pl.concat([PREDICTIONS, plain], how="diagonal")
    rows = transcript_scores(both, REFERENCE, replicates=0)
    assert rows.get_column("system").unique().to_list() == ["a"]


def test_conditions_are_scored_apart() -> None:
    two = pl.concat([PREDICTIONS.with_columns(prompt=pl.lit(name)) for name in ("p", "q")])
    rows = transcript_scores(two, REFERENCE, replicates=0)
    assert sorted(rows.filter(metric="word_error_rate")["prompt"]) == ["p", "q"]


def test_failed_answers_are_no_errors() -> None:
    failed = PREDICTIONS.with_columns(
        status=pl.Series(["failed", *(["parsed"] * 5)]), emotion=pl.Series([None] + ["sad"] * 5)
    )
    found = value(transcript_scores(failed, REFERENCE, replicates=0))
    assert found["value"] == pytest.approx(4 / 10)
    assert json.loads(found["left_out"])["answer failed"] == 1


def test_nothing_to_compare_with_is_an_error() -> None:
    bare = REFERENCE.with_columns(transcript=pl.lit(None, dtype=pl.String))
    with pytest.raises(InputError, match="no utterance of theirs has one"):
        transcript_scores(PREDICTIONS, bare, replicates=0)


def test_an_interval_covers_the_rate_of_speakers_that_are_alike() -> None:
    rng = np.random.default_rng(3)
    words = ["w"] * 10
    ids = [f"d/{n}" for n in range(120)]
    heard = [" ".join("x" if rng.random() < 0.2 else w for w in words) for _ in ids]
    truth = pl.DataFrame(
        {
            "utterance_id": ids,
            "speaker": [f"s{n % 24}" for n in range(120)],
            "transcript": [" ".join(words)] * 120,
        }
    )
    said = pl.DataFrame({"utterance_id": ids, "transcript": heard})
    found = value(transcript_scores(said, truth, replicates=500, permutations=20))
    assert found["low"] < 0.2 < found["high"]
    assert found["high"] - found["low"] < 0.1
