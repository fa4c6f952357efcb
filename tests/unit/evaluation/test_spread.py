"""Spread over folds, runs and orders: each in its column, the average only where a rule says so."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.evaluation.spread import by_condition, with_spread
from equivoice.fairness import convention

OURS, CODE = convention("equivoice"), convention("fairalm_code")


def row(value: float | None, **other: Any) -> dict[str, Any]:
    return {
        "quantity": "score",
        "metric": "accuracy",
        "value": value,
        "undefined": None,
        "low": 0.1,
        "high": 0.9,
        "p_value": 0.04,
        "method": "some",
    } | other


def parts(*values: float | None) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    return {(str(i),): [row(value)] for i, value in enumerate(values)}


class TestByCondition:
    CONDITIONS = pl.DataFrame({"fold": ["b", "a", "b", "a"], "run": [0, 0, 1, 1]})

    def test_rows_are_made_of_the_items_of_each_value(self) -> None:
        found = by_condition(self.CONDITIONS, ("fold",), lambda at: [{"at": at.tolist()}])
        assert found == {("b",): [{"at": [0, 2]}], ("a",): [{"at": [1, 3]}]}

    def test_combinations(self) -> None:
        found = by_condition(self.CONDITIONS, ("fold", "run"), lambda at: [{"at": at.tolist()}])
        assert found[("a", 1)] == [{"at": [3]}]
        assert len(found) == 4

    def test_one_value_has_no_parts(self) -> None:
        assert (
            by_condition(self.CONDITIONS.with_columns(fold=pl.lit("a")), ("fold",), lambda _: [])
            == {}
        )

    def test_positions_are_integers_that_index(self) -> None:
        seen: list[np.ndarray] = []
        by_condition(self.CONDITIONS, ("run",), lambda at: seen.append(at) or [])
        assert all(at.dtype == np.int64 for at in seen)


class TestSpread:
    def test_the_standard_deviation_has_ddof_1(self) -> None:
        found = with_spread([row(0.5)], {"fold": parts(0.4, 0.5, 0.75)}, {}, OURS)
        assert found[0]["sd_folds"] == pytest.approx(statistics.stdev([0.4, 0.5, 0.75]))
        assert found[0]["sd_folds"] == pytest.approx(np.std([0.4, 0.5, 0.75], ddof=1))
        assert found[0]["value"] == 0.5
        assert found[0]["low"] == 0.1

    def test_each_condition_has_its_column(self) -> None:
        found = with_spread(
            [row(0.5)],
            {"fold": parts(0.1, 0.2), "run": parts(0.1, 0.4), "label_order": parts(0.1, 0.7)},
            {},
            OURS,
        )[0]
        assert found["sd_folds"] == pytest.approx(0.1 / 2**0.5)
        assert found["sd_runs"] == pytest.approx(0.3 / 2**0.5)
        assert found["sd_orders"] == pytest.approx(0.6 / 2**0.5)

    def test_undefined_parts_are_no_zeros(self) -> None:
        found = with_spread([row(0.5)], {"fold": parts(0.4, None, 0.6)}, {}, OURS)
        assert found[0]["sd_folds"] == pytest.approx(0.2 / 2**0.5)

    @pytest.mark.parametrize("values", [(), (0.5,), (None, 0.5), (None, None)])
    def test_fewer_than_two_values_have_no_spread(self, values: tuple[float | None, ...]) -> None:
        assert with_spread([row(0.5)], {"fold": parts(*values)}, {}, OURS)[0]["sd_folds"] is None

    def test_rows_meet_their_own_kind(self) -> None:
        female, male = row(0.5, groups="female"), row(0.7, groups="male")
        folds = {("1",): [row(0.4, groups="female"), row(0.9, groups="male")],
                 ("2",): [row(0.9, groups="male"), row(0.6, groups="female")]}  # fmt: skip
        found = with_spread([female, male], {"fold": folds}, {}, OURS)
        assert [f["sd_folds"] for f in found] == pytest.approx([0.2 / 2**0.5, 0.0])

    @pytest.mark.parametrize(
        "name",
        ["quantity", "metric", "group_aggregator", "class_aggregator", "group_by", "groups",
         "class", "predicted_class"],
    )  # fmt: skip
    def test_a_row_of_another_kind_does_not_count(self, name: str) -> None:
        other = {("1",): [row(0.4, **{name: "x"})], ("2",): [row(0.6, **{name: "x"})]}
        assert with_spread([row(0.5)], {"fold": other}, {}, OURS)[0]["sd_folds"] is None


class TestAverages:
    def test_the_mean_of_folds_takes_the_place_of_the_pooled_value(self) -> None:
        found = with_spread([row(0.5)], {}, parts(0.4, 0.7, 0.7), CODE)[0]
        assert found["value"] == pytest.approx(0.6)
        assert found["sd_folds"] == pytest.approx(np.std([0.4, 0.7, 0.7], ddof=1))

    def test_its_interval_and_test_are_gone_and_it_says_why(self) -> None:
        found = with_spread([row(0.5)], {}, parts(0.4, 0.7), CODE)[0]
        assert found["low"] is found["high"] is found["p_value"] is found["method"] is None
        assert "averages folds" in found["undefined"]

    def test_our_convention_pools(self) -> None:
        assert with_spread([row(0.5)], {}, parts(0.4, 0.8), OURS)[0]["value"] == 0.5

    def test_undefined_folds_are_skipped(self) -> None:
        found = with_spread([row(0.5)], {}, parts(0.4, None, 0.8), CODE)[0]
        assert found["value"] == pytest.approx(0.6)

    def test_statistical_parity_of_a_fold_with_one_group_counts_0(self) -> None:
        lone = row(None, metric="statistical_parity", undefined="only one group: female")
        repetitions = {("1",): [row(0.4, metric="statistical_parity")], ("2",): [lone]}
        pooled = [row(0.5, metric="statistical_parity")]
        assert with_spread(pooled, {}, repetitions, CODE)[0]["value"] == pytest.approx(0.2)
        paper = replace(CODE, single_group="undefined")
        assert with_spread(pooled, {}, repetitions, paper)[0]["value"] == pytest.approx(0.4)

    def test_undefined_in_every_fold_is_undefined(self) -> None:
        found = with_spread([row(0.5)], {}, parts(None, None), CODE)[0]
        assert found["value"] is None
        assert found["undefined"]
