"""The engine from sums to rows: values by hand, what is asked for and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equivoice.evaluation.additive import (
    Additive,
    Certainty,
    grouping_rows,
    overall_rows,
    rows_of,
)
from equivoice.fairness import Grouping, Measure
from equivoice.metrics import BoolArray, CodedStatistics, FloatArray, Metric, ratio

QUICK = Certainty(200, 50, 0.9, seed=3)
NOTHING = Certainty(replicates=0)
MEAN = Metric(
    "mean", lambda sums: ratio(sums[..., 1], sums[..., 0]), -9.0, 9.0, higher_is_better=True,
    undefined="no items",
)  # fmt: skip
TWICE = Metric(
    "twice", lambda sums: ratio(2 * sums[..., 1], sums[..., 0]), -9.0, 9.0,
    higher_is_better=False, undefined="no items",
)  # fmt: skip
EACH = Metric(
    "each", lambda sums: ratio(sums[..., 1:3], sums[..., [0]]), 0.0, 9.0, higher_is_better=None,
    undefined="no items", per_class=True,
)  # fmt: skip


def items(**changes: Any) -> Additive:
    """Sixteen items of eight speakers, each with a number that is its position."""
    position = np.arange(16, dtype=np.float64)
    table = np.stack([np.ones(16), position, position**2], axis=-1)
    codes = np.repeat([0, 1], 8)
    codes[3] = -1
    grouping = Grouping("gender", ("female", "male"), codes, 1)
    made = Additive(
        table, {"mean": MEAN, "twice": TWICE}, np.arange(16) // 2, "speaker", (grouping,)
    )
    return replace(made, **changes)


def rows(made: Additive, how: Certainty = NOTHING, **where: object) -> list[Mapping[str, Any]]:
    return [
        row
        for row in rows_of(made, how)
        if all(row.get(name) == value for name, value in where.items())
    ]


def test_values_are_finished_sums_over_everybody_and_over_groups() -> None:
    (everybody,) = rows(items(), quantity="score", metric="mean")
    assert everybody["value"] == np.arange(16).mean()
    assert (everybody["n"], everybody["clusters"], everybody["unit"]) == (16, 8, "speaker")
    women, men = rows(items(), quantity="group_score", metric="mean")
    assert (women["groups"], women["value"], women["n"]) == ("female", 25 / 7, 7)
    assert (men["groups"], men["value"], men["n"]) == ("male", 92 / 8, 8)
    (gap,) = rows(items(), quantity="pair_gap", metric="mean")
    assert (gap["groups"], gap["value"]) == ("female − male", 25 / 7 - 92 / 8)
    assert json.loads(gap["left_out"]) == {"group unknown": 1}
    assert everybody["left_out"] is None


def test_coded_statistics_and_rows_of_statistics_give_the_same_numbers() -> None:
    of_rows = items()
    assert isinstance(of_rows.statistics, np.ndarray)
    coded = items(statistics=CodedStatistics(np.arange(16), of_rows.statistics))
    assert len(coded) == len(of_rows) == 16
    for one, other in zip(rows_of(coded, QUICK), rows_of(of_rows, QUICK), strict=True):
        assert one == pytest.approx(other)


def test_without_replicates_there_are_values_and_neither_intervals_nor_tests() -> None:
    made = rows(items(measures=(Measure("mean", ("mean",), "mean", ""),)))
    assert {row["quantity"] for row in made} == {"score", "group_score", "pair_gap", "gap"}
    assert all(row.get("low") is None and row.get("p_value") is None for row in made)
    assert all("not asked for" in row["undefined"] for row in made)


def test_with_replicates_there_are() -> None:
    speakers = np.arange(16)  # enough of them for an interval
    made = items(units=speakers, measures=(Measure("mean", ("mean",), "mean", ""),))
    (everybody,) = rows(made, QUICK, quantity="score", metric="mean")
    assert everybody["low"] < 7.5 < everybody["high"]
    assert everybody["level"] == 0.9
    (gap,) = rows(made, QUICK, quantity="pair_gap", metric="mean")
    assert gap["p_floor"] <= gap["p_value"] < 0.1
    for row in rows(made, QUICK, quantity="gap"):
        assert row["value"] == pytest.approx(92 / 8 - 25 / 7) or row["group_aggregator"] == (
            "max_to_overall"
        )


def test_only_what_is_named_is_compared() -> None:
    made = items(compared={"twice"})
    assert [row["metric"] for row in rows(made, QUICK, quantity="pair_gap")] == ["twice"]
    assert len(rows(made, QUICK, quantity="group_score")) == 4
    assert not rows(items(compared=()), QUICK, quantity="pair_gap")


def test_the_worst_group_is_stated_where_it_is_asked_for() -> None:
    assert not rows(items(), quantity="worst_group")
    (worst,) = rows(items(worst=True), quantity="worst_group", metric="mean")
    assert (worst["groups"], worst["value"]) == ("female", 25 / 7)


def test_a_grouping_has_the_seed_of_its_name() -> None:
    made = items(units=np.arange(16))
    twin = replace(made.groupings[0], name="sex")
    both = replace(made, groupings=(twin, *made.groupings))
    alone = [row for row in rows_of(made, QUICK) if row["group_by"] == "gender"]
    beside = [row for row in rows_of(both, QUICK) if row["group_by"] == "gender"]
    renamed = [row for row in rows_of(both, QUICK) if row["group_by"] == "sex"]
    assert alone == beside
    assert [row["value"] for row in renamed] == [row["value"] for row in alone]
    assert [row["low"] for row in renamed] != [row["low"] for row in alone]


def test_classes_that_a_group_lacks_are_counted_for_macro_averages() -> None:
    macro = replace(MEAN, name="macro_f1")
    labels = np.array([0] * 8 + [0, 1] * 4)
    hard = items(metrics={"macro_f1": macro}, classes=("angry", "sad"), reference=labels)
    soft = replace(hard, reference=np.eye(2)[labels] * 0.5)
    for made in (hard, soft):
        women, men = rows(made, quantity="group_score")
        assert json.loads(women["left_out"]) == {
            "group unknown": 1,
            "classes without reference": 1,
        }
        assert json.loads(men["left_out"]) == {"group unknown": 1}
        assert rows(made, quantity="score")[0]["left_out"] is None


def test_metrics_with_a_value_a_class_have_a_row_a_class() -> None:
    made = items(metrics={"each": EACH}, classes=("angry", "sad"))
    found = {row["class"]: row["value"] for row in overall_rows(made, NOTHING)}
    assert found == {"angry": 7.5, "sad": (np.arange(16) ** 2).mean()}


def test_counts_of_the_items_in_question_stand_behind_the_others() -> None:
    def even(marked: BoolArray) -> dict[str, int]:
        return {"even": int(marked[::2].sum())}

    made = items(left_out={"answer failed": 2}, also_left_out=even)
    (everybody, *_) = overall_rows(made, NOTHING)
    assert everybody["left_out"] == '{"answer failed": 2, "even": 8}'
    (women, *_) = grouping_rows(made, made.groupings[0], NOTHING)
    assert women["left_out"] == '{"answer failed": 2, "group unknown": 1, "even": 8}'


def test_a_table_becomes_rows_over_everybody_and_by_group() -> None:
    def table(marked: BoolArray) -> FloatArray:
        return np.array([[marked.sum(), 0.0]])

    made = items(table=table, classes=("angry",), reference=np.zeros(16, dtype=np.int64))
    found = rows(made, quantity="confusion", predicted_class="angry")
    assert [(row["groups"], row["n"], row["value"]) for row in found] == [
        (None, 16, 1.0),
        ("female", 7, 1.0),
        ("male", 8, 1.0),
    ]
