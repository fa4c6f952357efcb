"""Shares of what became of answers, against counting by hand."""

from __future__ import annotations

import polars as pl
import pytest

from equivoice.errors import SchemaError
from equivoice.evaluation.answers import answer_shares
from equivoice.records import STATUSES


def said(status: list[str], *, system: str = "llm", temperature: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "utterance_id": [f"c/{at:02d}" for at in range(len(status))],
            "system": system,
            "temperature": temperature,
            "response": [None if each == "failed" else "words" for each in status],
            "status": status,
        }
    )


def speech(n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "utterance_id": [f"c/{at:02d}" for at in range(n)],
            "corpus": "c",
            "speaker": [f"s{at % 12}" for at in range(n)],
            "gender": ["female" if at % 2 else "male" for at in range(n)],
        }
    )


def values(frame: pl.DataFrame, **wanted: object) -> dict[str, float]:
    for name, value in wanted.items():
        frame = frame.filter(pl.col(name).eq_missing(pl.lit(value)))
    return dict(frame.select("metric", "value").iter_rows())


def test_shares_are_counts_over_all_answers() -> None:
    status = ["parsed"] * 6 + ["refused"] * 3 + ["unparsed"] * 2 + ["failed"]
    found = answer_shares(said(status), speech(12), replicates=0)
    assert values(found) == {each: pytest.approx(status.count(each) / 12) for each in STATUSES}
    assert found["n"].unique().to_list() == [12]


def test_shares_of_groups_are_those_of_their_own_answers() -> None:
    # women (odd) refuse, men (even) do not
    status = ["refused" if at % 2 else "parsed" for at in range(24)]
    status[1] = "parsed"
    found = answer_shares(said(status), speech(24), group_by=("gender",), replicates=200)
    female = values(found, quantity="group_score", groups="female")
    male = values(found, quantity="group_score", groups="male")
    assert female["refused"] == pytest.approx(11 / 12)
    assert male["refused"] == 0
    row = found.row(
        by_predicate=(pl.col("groups") == "female") & (pl.col("metric") == "refused"), named=True
    )
    assert row["low"] < 11 / 12 <= row["high"] <= 1
    assert (row["n"], row["clusters"], row["unit"]) == (12, 6, "speaker")


def test_each_temperature_stands_alone() -> None:
    both = pl.concat([said(["parsed"] * 12), said(["unparsed"] * 12, temperature=1.5)])
    found = answer_shares(both, speech(12), replicates=0)
    assert values(found, temperature=0.0)["parsed"] == 1
    assert values(found, temperature=1.5)["unparsed"] == 1


def test_systems_without_words_are_passed_over() -> None:
    silent = said(["parsed"] * 4, system="acoustic").with_columns(
        response=pl.lit(None, dtype=pl.String)
    )
    assert answer_shares(silent, speech(4), replicates=0).is_empty()
    both = answer_shares(pl.concat([silent, said(["parsed"] * 4)]), speech(4), replicates=0)
    assert both["system"].unique().to_list() == ["llm"]


def test_a_status_that_is_none_is_refused() -> None:
    with pytest.raises(SchemaError, match="status"):
        answer_shares(said(["lost"]), speech(1), replicates=0)
