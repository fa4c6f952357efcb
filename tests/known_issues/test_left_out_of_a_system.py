"""What is left out of a row should be what is left out of its system, condition and corpus."""

from __future__ import annotations

import json

import polars as pl

import equivoice


def test_utterances_without_a_label_by_a_rule_are_counted_for_each_system_alone() -> None:
    """Of 12 utterances 6 have no majority; with two systems each row said that 12 were left out."""
    names = [f"u{n}" for n in range(12)]
    speech = pl.DataFrame({"utterance_id": names, "emotion": ["a", "b"] * 6})
    votes = [(name, label) for name in names for label in "ab"]
    votes += [(name, "a") for name in names[:6]]
    table = pl.DataFrame(votes, schema=["item", "value"], orient="row")
    table = table.with_columns(question=pl.lit("emotion"), channel=pl.lit("voice"))
    answers = pl.concat(
        speech.select("utterance_id", pl.lit("a").alias("emotion"), system=pl.lit(system))
        for system in ("one", "two")
    )
    found = equivoice.score(
        answers, speech, votes=table, rule="majority", replicates=0, listeners=False
    ).estimates
    rows = found.filter(
        (pl.col("metric") == "accuracy")
        & (pl.col("quantity") == "score")
        & (pl.col("reference") == "majority")
    )
    assert rows["n"].to_list() == [6, 6]
    lost = [json.loads(text)["no label by majority"] for text in rows["left_out"]]
    assert lost == [6, 6]
