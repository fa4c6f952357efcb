"""Rows of estimates from given values and given noise: which number comes from what."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equivoice.evaluation.resampling import GroupValues, group_values
from equivoice.evaluation.rows import (
    MINUS,
    Context,
    confusion_rows,
    gap_rows,
    group_rows,
    pair_rows,
    score_rows,
    worst_group_rows,
)
from equivoice.fairness import Grouping, Measure, gap_function
from equivoice.metrics import classification_metrics, confusion_table
from equivoice.uncertainty import FEWEST_UNITS, noise_floor
from oracles.worlds import World, world

METRICS = classification_metrics()
CHOSEN = {name: METRICS[name] for name in ("accuracy", "macro_f1", "recall")}
ACCURACY = Measure("acc_gap", ("accuracy",), "mean", "")
OPPORTUNITY = Measure("equal_opportunity", ("recall",), "mean", "")
NAMES = ("female", "male", "other", "fourth")


def values(given: World, *, replicates: int = 400) -> tuple[GroupValues, Context]:
    table = np.array(
        [
            [((given.groups == g) & (given.reference == c)).sum() for c in range(given.classes)]
            for g in range(given.n_groups)
        ]
    )
    support = np.vstack([table, table.sum(0)])
    names = NAMES[: given.n_groups]
    context = Context(
        CHOSEN,
        given.labels.names,
        0.95,
        support.sum(1),
        support == 0,
        Grouping("gender", names, given.groups, 0),
        {"answer failed": 2},
    )
    return group_values(given.sums(), CHOSEN, replicates=replicates, seed=0), context


def one(rows: Any, **where: Any) -> dict[str, Any]:
    wanted = {name.rstrip("_"): value for name, value in where.items()}
    found = [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]
    assert len(found) == 1, f"{len(found)} rows for {wanted}"
    return dict(found[0])


@pytest.fixture(scope="module")
def pair() -> tuple[GroupValues, Context]:
    return values(world([8, 9], skills=(0.75, 0.5), each=12, seed=2))


@pytest.fixture(scope="module")
def four() -> tuple[GroupValues, Context]:
    return values(world([6, 7, 8, 9], skills=(0.8, 0.7, 0.6, 0.5), each=12, seed=2))


class TestScoresAndGroups:
    def test_scores_are_of_everybody(self, pair: tuple[GroupValues, Context]) -> None:
        rows = list(score_rows(*pair))
        row = one(rows, metric="accuracy")
        assert row["value"] == pair[0].point["accuracy"][-1, 0]
        assert row["n"] == 17 * 12
        assert row["clusters"] == 17
        assert {row["quantity"] for row in rows} == {"score"}
        assert len(rows) == 2 + 3  # two scalars, recall of three classes

    def test_groups_in_their_order(self, four: tuple[GroupValues, Context]) -> None:
        rows = [row for row in group_rows(*four) if row["metric"] == "macro_f1"]
        assert [row["groups"] for row in rows] == list(NAMES)
        assert [row["clusters"] for row in rows] == [6, 7, 8, 9]

    def test_every_row_states_what_was_left_out(self, pair: tuple[GroupValues, Context]) -> None:
        for row in itertools.chain(score_rows(*pair), group_rows(*pair), pair_rows(*pair, {})):
            assert json.loads(row["left_out"])["answer failed"] == 2

    def test_ends_stay_within_the_metrics_range(self) -> None:
        given = world([6, 6], skills=(0.97,), each=6, seed=5)
        for row in group_rows(*values(given)):
            if row.get("low") is not None:
                assert 0.0 <= row["low"] <= row["high"] <= 1.0

    def test_without_noise_there_are_values_only(self) -> None:
        rows = list(group_rows(*values(world([8, 8]), replicates=0)))
        assert all(row["value"] is not None for row in rows)
        assert all(row.get("low") is None for row in rows)
        assert all(row["undefined"] for row in rows)


class TestFewUnits:
    @pytest.mark.parametrize("few", [FEWEST_UNITS - 1, FEWEST_UNITS])
    def test_the_limit(self, few: int) -> None:
        given, context = values(world([few, 9]))
        row = one(pair_rows(given, context, {}), metric="accuracy")
        assert (row.get("low") is not None) == (few >= FEWEST_UNITS)
        row = one(
            gap_rows(given, context, [ACCURACY], {}), metric="acc_gap", group_aggregator="mean"
        )
        assert (row.get("low") is not None) == (few >= FEWEST_UNITS)

    def test_only_pairs_with_the_small_group_are_refused(self) -> None:
        given, context = values(world([3, 9, 9]))
        rows = {
            row["groups"]: row
            for row in pair_rows(given, context, {})
            if row["metric"] == "accuracy"
        }
        assert rows[f"male{MINUS}other"]["low"] is not None
        for groups in (f"female{MINUS}male", f"female{MINUS}other"):
            assert "too few speakers" in rows[groups]["undefined"]
            assert str(FEWEST_UNITS) in rows[groups]["undefined"]

    def test_an_aggregate_needs_every_group(self) -> None:
        given, context = values(world([3, 9, 9]))
        row = one(gap_rows(given, context, [ACCURACY], {}), group_aggregator="max")
        assert row["value"] is not None
        assert "female" in row["undefined"]


class TestPairs:
    def test_all_pairs_first_minus_second(self, four: tuple[GroupValues, Context]) -> None:
        given, context = four
        rows = [row for row in pair_rows(given, context, {}) if row["metric"] == "accuracy"]
        expected = [f"{a}{MINUS}{b}" for a, b in itertools.combinations(NAMES, 2)]
        assert [row["groups"] for row in rows] == expected
        point = given.point["accuracy"][:, 0]
        for row, (i, j) in zip(rows, itertools.combinations(range(4), 2), strict=True):
            assert row["value"] == pytest.approx(point[i] - point[j])

    def test_p_values_go_to_their_pair_and_metric(self, four: tuple[GroupValues, Context]) -> None:
        tests = {(1, 3): {"accuracy": 0.012, "macro_f1": float("nan"), "floor": 0.001}}
        rows = list(pair_rows(*four, tests))
        given = [row for row in rows if row.get("p_value") is not None]
        assert len(given) == 1
        assert given[0]["groups"] == f"male{MINUS}fourth"
        assert (given[0]["p_value"], given[0]["p_floor"]) == (0.012, 0.001)

    def test_a_missing_cell_names_metric_and_group(self) -> None:
        given = world([8, 8])
        reference = np.where(given.groups == 1, given.reference % 2, given.reference)
        lacking = World(reference, given.predicted, given.groups, given.speakers, 3, 2)
        row = one(pair_rows(*values(lacking), {}), metric="recall", class_=lacking.labels.names[2])
        assert row["value"] is None
        assert row["undefined"] == "no reference of this class (male)"

    def test_detectable_is_bloom_times_the_error_of_the_difference(
        self, pair: tuple[GroupValues, Context]
    ) -> None:
        given, context = pair
        row = one(pair_rows(given, context, {}), metric="accuracy")
        assert given.noise is not None
        noise = given.noise["accuracy"][:, 0]
        error = (noise[0] - noise[1]).std()
        assert row["detectable"] == pytest.approx(2.801585 * error, rel=0.01)

    def test_speakers_shared_by_both_groups_count_once(self) -> None:
        given = world([7], each=12)
        groups = np.tile(np.arange(12) % 2, 7)
        both = World(given.reference, given.predicted, groups, given.speakers, 3, 2)
        assert one(pair_rows(*values(both), {}), metric="accuracy")["clusters"] == 7


class TestGaps:
    def test_every_aggregator_of_groups_and_classes(
        self, four: tuple[GroupValues, Context]
    ) -> None:
        rows = list(gap_rows(*four, [ACCURACY, OPPORTUNITY], {}))
        assert len(rows) == 4 + 4 * 3
        for row in rows:
            point = four[0].point["accuracy" if row["metric"] == "acc_gap" else "recall"]
            over = gap_function(
                (point.shape[1],), row["group_aggregator"], row["class_aggregator"] or "mean"
            )
            assert row["value"] == pytest.approx(float(over(point)))

    def test_two_groups_have_one_interval_for_mean_rms_and_max(
        self, pair: tuple[GroupValues, Context]
    ) -> None:
        rows = {r["group_aggregator"]: r for r in gap_rows(*pair, [ACCURACY], {})}
        ends = {(rows[name]["low"], rows[name]["high"]) for name in ("mean", "rms", "max")}
        assert len(ends) == 1
        assert rows["max_to_overall"]["value"] < rows["max"]["value"]

    def test_the_noise_floor_is_what_no_gap_would_give(
        self, four: tuple[GroupValues, Context]
    ) -> None:
        """At least the floor of the unstretched noise, and not far above it."""
        given, _ = four
        assert given.noise is not None
        for row in gap_rows(*four, [ACCURACY], {}):
            over = gap_function((1,), row["group_aggregator"], "mean")
            plain = noise_floor(given.noise["accuracy"], over)
            assert plain <= row["noise_floor"] <= 1.25 * plain

    def test_a_test_goes_to_every_aggregate_of_its_measure(
        self, four: tuple[GroupValues, Context]
    ) -> None:
        rows = list(gap_rows(*four, [ACCURACY, OPPORTUNITY], {"acc_gap": 0.03, "floor": 0.01}))
        assert {row.get("p_value") for row in rows if row["metric"] == "acc_gap"} == {0.03}
        assert {row.get("p_value") for row in rows if row["metric"] != "acc_gap"} == {None}

    def test_clearly_different_groups_exclude_zero(self) -> None:
        given, context = values(world([9, 9], skills=(0.9, 0.3), each=30, spread=60.0))
        row = one(gap_rows(given, context, [ACCURACY], {}), group_aggregator="mean")
        assert row["low"] > 0.3
        assert row["low"] < row["value"] < row["high"]

    def test_undefined_cells_are_counted(self) -> None:
        given = world([8, 8])
        reference = np.where(given.groups == 1, given.reference % 2, given.reference)
        lacking = World(reference, given.predicted, given.groups, given.speakers, 3, 2)
        for row in gap_rows(*values(lacking), [OPPORTUNITY], {}):
            assert json.loads(row["left_out"])["undefined cells"] == 1
            assert row["value"] is not None


class TestWorstGroup:
    def test_the_lowest_score_and_whose_it_is(self, four: tuple[GroupValues, Context]) -> None:
        given, context = four
        row = one(worst_group_rows(given, context), metric="accuracy")
        assert row["groups"] == NAMES[int(given.point["accuracy"][:4, 0].argmin())]
        assert row["value"] == given.point["accuracy"][:4, 0].min()

    def test_scalars_only(self, four: tuple[GroupValues, Context]) -> None:
        assert {row["metric"] for row in worst_group_rows(*four)} == {"accuracy", "macro_f1"}

    def test_its_interval_is_at_least_as_long_as_that_of_the_same_group_alone(
        self, four: tuple[GroupValues, Context]
    ) -> None:
        row = one(worst_group_rows(*four), metric="accuracy")
        alone = one(group_rows(*four), metric="accuracy", groups=row["groups"])
        assert row["low"] <= alone["low"]
        assert row["high"] - row["low"] > 0

    def test_its_interval_is_made_of_every_groups_at_a_higher_level(
        self, four: tuple[GroupValues, Context]
    ) -> None:
        """Bonferroni: each of four groups at 1 − .05 / 4, and the smallest of their ends."""
        given, context = four
        strict = replace(context, level=1 - 0.05 / 4)
        ends = [
            (row["low"], row["high"])
            for row in group_rows(given, strict)
            if row["metric"] == "accuracy"
        ]
        row = one(worst_group_rows(given, context), metric="accuracy")
        assert row["low"] == pytest.approx(min(low for low, _ in ends))
        assert row["high"] == pytest.approx(min(high for _, high in ends))

    def test_a_group_without_stable_noise_might_be_the_worst(
        self, four: tuple[GroupValues, Context]
    ) -> None:
        """Its interval is unknown, so the smallest of all true scores is as well."""
        given, context = four
        assert given.noise is not None
        noise = {name: part.copy() for name, part in given.noise.items()}
        noise["accuracy"][0] = np.nan
        unstable = replace(given, noise=noise)
        row = one(worst_group_rows(unstable, context), metric="accuracy")
        assert row["value"] is not None
        assert row.get("low") is None
        assert row["undefined"]

    def test_a_group_without_a_score_is_not_the_worst(
        self, four: tuple[GroupValues, Context]
    ) -> None:
        given, context = four
        assert given.noise is not None
        point = {name: part.copy() for name, part in given.point.items()}
        noise = {name: part.copy() for name, part in given.noise.items()}
        point["accuracy"][3] = noise["accuracy"][3] = np.nan
        row = one(
            worst_group_rows(replace(given, point=point, noise=noise), context), metric="accuracy"
        )
        assert row["groups"] != NAMES[3]
        assert row["low"] < row["value"] < row["high"]

    def test_no_group_no_row(self) -> None:
        given = world([8])
        found, context = values(given)
        nobody = Context(CHOSEN, given.labels.names, 0.95, context.n, context.missing, None)
        assert list(worst_group_rows(found, nobody)) == []


class TestConfusion:
    def test_shares_of_a_row_and_counts(self, pair: tuple[GroupValues, Context]) -> None:
        table = confusion_table(np.array([0, 0, 0, 1]), np.array([0, 1, -1, 1]), 3)
        rows = list(confusion_rows(table, pair[1], "female"))
        angry, happy, neutral = pair[1].classes
        assert one(rows, class_=angry, predicted_class=happy)["value"] == pytest.approx(1 / 3)
        assert one(rows, class_=angry, predicted_class="(unparsed)")["n"] == 1
        assert one(rows, class_=happy, predicted_class=happy)["value"] == 1.0
        undefined = one(rows, class_=neutral, predicted_class=happy)
        assert undefined["value"] is None
        assert undefined["undefined"] == "no reference of this class"
        assert len(rows) == 3 * 4
