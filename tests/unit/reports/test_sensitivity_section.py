"""What prompt and label order do, as a reader sees it."""

from __future__ import annotations

import polars as pl

from equivoice.evaluation.sensitivity import sensitivity
from equivoice.reports.sensitivity_section import sensitivity_section


def varied(column: str, values: tuple[object, object]) -> pl.DataFrame:
    """Two ways of asking 40 utterances of 10 speakers; every fourth gets another label."""
    truth = pl.DataFrame(
        {
            "utterance_id": [f"c/{at:02d}" for at in range(40)],
            "corpus": "c",
            "speaker": [f"s{at % 10}" for at in range(40)],
            "emotion": ["happy", "sad"] * 20,
        }
    )
    said = [
        truth.select("utterance_id", "emotion", system=pl.lit("llm")).with_columns(
            pl.Series(column, [value] * 40),
            emotion=pl.when((pl.int_range(40) % 4 == 0) & pl.lit(place == 1))
            .then(pl.lit("sad"))
            .otherwise(pl.col("emotion")),
        )
        for place, value in enumerate(values)
    ]
    factor = "label_order" if column == "options" else column
    rows = sensitivity(pl.concat(said), truth, factor=factor, replicates=100)
    return rows.with_columns(corpus=pl.lit("c"), temperature=pl.lit(0.0))


def lines(frame: pl.DataFrame) -> dict[str, str]:
    section = sensitivity_section(frame)
    (table,) = [block for block in section.blocks if block.kind == "table"]
    return {row[0].text: row[1].text for body in table.bodies for row in body.rows}


def test_prompts_are_compared_by_name() -> None:
    found = lines(varied("prompt", ("direct", "user_labels")))
    # 10 of 40 labels change, all of them from right to wrong
    assert found["Labels that change, %"] == "25.0"
    assert found["Range of accuracy, points"] == "25.0"
    assert (found["Accuracy, direct, %"], found["Accuracy, user_labels, %"]) == ("100.0", "75.0")


def test_orders_of_labels_are_not_listed_one_by_one() -> None:
    found = lines(varied("options", (["Happy", "Sad"], ["Sad", "Happy"])))
    assert found["Labels that change, %"] == "25.0"
    assert not any("|" in what for what in found)


def test_nothing_varied_is_no_section() -> None:
    assert sensitivity_section(None).empty
    assert sensitivity_section(pl.DataFrame()).empty
