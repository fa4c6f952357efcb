"""What is estimated of one judging, by the kind of its rubric."""

from __future__ import annotations

import json

import polars as pl
import pytest

from equivoice.rating.analysis.judged import judged_estimates, read_rows
from equivoice.rating.analysis.rows import Uncertainty
from equivoice.rating.rubrics import load_rubric

FEW = Uncertainty(replicates=30)


def judgments(rows: list[tuple[str, str, str | None]], question: str) -> pl.DataFrame:
    """Rows of item, status, value."""
    frame = pl.DataFrame(rows, orient="row", schema=["item", "status", "value"])
    return frame.with_columns(
        rater=pl.lit("j"), question=pl.lit(question), kind=pl.lit("model"), channel=pl.lit("text")
    )


def votes(said: pl.DataFrame) -> pl.DataFrame:
    return said.filter(status="parsed").drop("status")


PAIRS = pl.DataFrame(
    {
        "item": ["u | p | q", "u | q | p", "v | p | q", "v | q | p"],
        "utterance_id": ["u", "u", "v", "v"],
        "system_a": ["p", "q", "p", "q"],
        "system_b": ["q", "p", "q", "p"],
        "shown": [json.dumps({"reason_a": "a b", "reason_b": "a"})] * 4,
    }
)
EMOTIONS = PAIRS.select("item", emotion=pl.Series(["sad", "sad", "angry", "angry"]))


def test_a_pairwise_rubric_gives_win_rates_by_emotion_and_what_was_read() -> None:
    said = judgments(
        [
            ("u | p | q", "parsed", "a"),
            ("u | q | p", "parsed", "b"),
            ("v | p | q", "parsed", "tie"),
            ("v | q | p", "refused", None),
        ],
        "preference",
    )
    found = judged_estimates(
        load_rubric("pairwise"),
        votes=votes(said),
        items=PAIRS,
        groups=EMOTIONS,
        judgments=said,
        systems=["q"],
        uncertainty=FEW,
    )
    wins = found.filter(metric="win_rate", unit="item")
    assert wins.select("system", "groups", "class", "value").rows() == [
        ("q", "p", None, 0.0),
        ("q", "p", "sad", 0.0),
    ]
    lost = json.loads(wins.get_column("left_out")[0])
    assert lost == {"pair of which one order could not be read": 1}
    (read,) = found.filter(metric="verdicts_read").iter_rows(named=True)
    assert read["value"] == 0.75
    assert json.loads(read["left_out"]) == {"refused": 1}


def test_an_acceptance_rubric_gives_shares_by_system_and_match() -> None:
    items = pl.DataFrame(
        {
            "item": ["u | p", "v | p", "u | q"],
            "utterance_id": ["u", "v", "u"],
            "system_a": ["p", "p", "q"],
        }
    )
    said = judgments(
        [
            ("u | p", "parsed", "accept"),
            ("v | p", "parsed", "reject"),
            ("u | q", "parsed", "accept"),
        ],
        "acceptance",
    )
    groups = items.select(
        "item",
        emotion=pl.Series(["sad", "sad", "angry"]),
        match=pl.Series(["match", "no match", "match"]),
    )
    found = judged_estimates(
        load_rubric("acceptance"),
        votes=votes(said),
        items=items,
        groups=groups,
        judgments=said,
        uncertainty=FEW,
    )
    shares = found.filter(metric="acceptance", unit="item")
    assert shares.select("system", "group_by", "groups", "value").rows() == [
        ("p", None, None, 0.5),
        ("p", "emotion", "sad", 0.5),
        ("p", "match", "match", 1.0),
        ("p", "match", "no match", 0.0),
        ("q", None, None, 1.0),
        ("q", "emotion", "angry", 1.0),
        ("q", "match", "match", 1.0),
    ]


def test_a_scale_gives_means_and_unknown_groups_are_no_groups() -> None:
    items = pl.DataFrame({"item": ["u | p", "v | p"], "system_a": ["p", "p"]})
    said = judgments([("u | p", "parsed", None), ("v | p", "parsed", None)], "plausibility")
    given = votes(said).with_columns(number=pl.Series([2.0, 5.0]))
    groups = pl.DataFrame({"item": ["u | p", "v | p"], "match": [None, None]})
    found = judged_estimates(
        load_rubric("plausibility"),
        votes=given,
        items=items,
        groups=groups.with_columns(pl.col("match").cast(pl.String)),
        judgments=said,
        uncertainty=FEW,
    )
    means = found.filter(metric="mean plausibility")
    assert means.get_column("value").to_list() == pytest.approx([3.5] * 3)
    assert means.get_column("group_by").null_count() == 3


def test_without_votes_only_what_was_read_is_told() -> None:
    said = judgments([("u | p | q", "unparsed", None), ("u | q | p", "failed", None)], "preference")
    found = judged_estimates(
        load_rubric("pairwise"),
        votes=votes(said),
        items=PAIRS,
        groups=EMOTIONS,
        judgments=said,
        uncertainty=FEW,
    )
    assert found.get_column("metric").to_list() == ["verdicts_read"]
    assert found.get_column("value")[0] == 0.0
    assert json.loads(found.get_column("left_out")[0]) == {"failed": 1, "unparsed": 1}


def test_nothing_judged_is_told_too() -> None:
    (row,) = read_rows(
        judgments([], "preference").with_columns(pl.col("status").cast(pl.String)), FEW
    )
    assert row["value"] is None
    assert row["undefined"] == "no votes"
