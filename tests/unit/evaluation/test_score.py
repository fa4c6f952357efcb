"""score(): from tables to estimates, with every number accounted for."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

from equivoice.evaluation.score import Scores, score
from equivoice.records import ESTIMATES
from oracles import resampling as slow
from oracles.worlds import World, cell, world

QUICK = {"replicates": 300, "permutations": 200}
SCALARS = ("accuracy", "unweighted_accuracy", "macro_f1", "weighted_f1", "micro_f1", "coverage")
PER_CLASS = (
    "recall",
    "precision",
    "f1",
    "selection_rate",
    "false_positive_rate",
    "false_negative_rate",
)


@pytest.fixture(scope="module")
def given() -> World:
    return world([8, 9], skills=(0.75, 0.55), classes=4, each=16, unparsed=0.05, seed=1)


@pytest.fixture(scope="module")
def scored(given: World) -> pl.DataFrame:
    return scores(given).estimates


def scores(given: World, **options: object) -> Scores:
    asked = {"label_space": given.labels, "group_by": ["gender"], **QUICK} | options
    return score(given.predictions(), given.utterances(), **asked)  # type: ignore[arg-type]


class TestRows:
    def test_it_is_a_valid_table(self, scored: pl.DataFrame) -> None:
        assert_frame_equal(ESTIMATES.validate(scored), scored)

    def test_every_row_is_against_the_labels_given(self, scored: pl.DataFrame) -> None:
        assert set(scored["reference"]) == {"given"}

    def test_every_number_has_an_n(self, scored: pl.DataFrame) -> None:
        assert scored["n"].null_count() == 0
        assert scored.filter(pl.col("quantity") != "confusion")["n"].min() > 0

    def test_what_has_no_value_says_why(self, scored: pl.DataFrame) -> None:
        silent = scored.filter(pl.col("value").is_null() & pl.col("undefined").is_null())
        assert silent.is_empty()

    def test_what_has_a_value_and_no_interval_says_why(self, scored: pl.DataFrame) -> None:
        silent = scored.filter(
            pl.col("value").is_not_null()
            & pl.col("low").is_null()
            & pl.col("undefined").is_null()
            & (pl.col("quantity") != "confusion")
        )
        assert silent.is_empty()

    def test_an_interval_has_two_ends_a_level_a_method_and_units(
        self, scored: pl.DataFrame
    ) -> None:
        given = scored.filter(pl.col("low").is_not_null())
        assert given.height > 100
        for column in ("high", "level", "method", "unit", "clusters"):
            assert given[column].null_count() == 0
        assert (given["low"] <= given["high"]).all()

    def test_values_lie_within_their_intervals_where_they_are_scores(
        self, scored: pl.DataFrame
    ) -> None:
        direct = scored.filter(
            pl.col("quantity").is_in(["score", "group_score", "pair_gap"])
            & pl.col("low").is_not_null()
        )
        inside = (direct["low"] <= direct["value"]) & (direct["value"] <= direct["high"])
        assert inside.all()

    def test_shares_stay_shares(self, scored: pl.DataFrame) -> None:
        bounded = scored.filter(
            pl.col("quantity").is_in(["score", "group_score", "worst_group"])
            & ~pl.col("metric").is_in(["recall_sum", "error_ratio"])
        )
        for column in ("value", "low", "high"):
            assert bounded[column].drop_nulls().is_between(0, 1).all()

    def test_no_row_is_given_twice(self, scored: pl.DataFrame) -> None:
        key = ["quantity", "metric", "group_aggregator", "class_aggregator", "group_by", "groups",
               "class", "predicted_class", "fold"]  # fmt: skip
        assert not scored.select(key).is_duplicated().any()

    def test_a_gap_names_its_aggregators(self, scored: pl.DataFrame) -> None:
        gaps = scored.filter(quantity="gap")
        assert gaps["group_aggregator"].null_count() == 0
        assert set(gaps["group_aggregator"]) == {"mean", "rms", "max", "max_to_overall"}
        by_class = gaps.filter(metric="equal_opportunity")
        assert set(by_class["class_aggregator"]) == {"mean", "rms", "max"}


class TestNumbers:
    def test_scores_are_those_of_the_rows(self, given: World, scored: pl.DataFrame) -> None:
        for name, by_hand in (("accuracy", slow.accuracy), ("macro_f1", slow.macro_f1)):
            expected = by_hand(given.reference, given.predicted)
            found = cell(scored, quantity="score", metric=name, class_=None)
            assert found["value"] == pytest.approx(expected, abs=1e-12)
            for group, label in enumerate(("female", "male")):
                own = given.groups == group
                found = cell(scored, quantity="group_score", metric=name, groups=label)
                assert found["value"] == pytest.approx(
                    by_hand(given.reference[own], given.predicted[own]), abs=1e-12
                )
                assert found["n"] == own.sum()

    def test_every_scalar_and_every_class(self, given: World, scored: pl.DataFrame) -> None:
        overall = scored.filter(quantity="score")
        for name in SCALARS:
            assert overall.filter(metric=name).height == 1, name
        for name in PER_CLASS:
            assert overall.filter(metric=name)["class"].to_list() == list(given.labels.names)

    def test_coverage_counts_the_unparsed(self, given: World, scored: pl.DataFrame) -> None:
        lost = int((given.predicted < 0).sum())
        found = cell(scored, quantity="score", metric="coverage")
        assert found["value"] == pytest.approx(1 - lost / len(given.reference))
        assert json.loads(str(found["left_out"])) == {"unparsed (counted as wrong)": lost}

    def test_a_signed_gap_is_first_minus_second(self, scored: pl.DataFrame) -> None:
        female, male = (
            cell(scored, quantity="group_score", metric="accuracy", groups=name)["value"]
            for name in ("female", "male")
        )
        gap = cell(scored, quantity="pair_gap", metric="accuracy", groups="female − male")
        assert gap["value"] == pytest.approx(float(female) - float(male))  # type: ignore[arg-type]
        assert float(gap["value"]) > 0  # type: ignore[arg-type]

    def test_unsigned_gaps_of_two_groups_are_its_size(self, scored: pl.DataFrame) -> None:
        signed = cell(scored, quantity="pair_gap", metric="accuracy")["value"]
        for over_groups in ("mean", "rms", "max"):
            found = cell(scored, quantity="gap", metric="acc_gap", group_aggregator=over_groups)
            assert found["value"] == pytest.approx(abs(float(signed)))  # type: ignore[arg-type]

    def test_the_worst_group_is_the_lowest(self, scored: pl.DataFrame) -> None:
        by_group = scored.filter(quantity="group_score", metric="accuracy")
        found = cell(scored, quantity="worst_group", metric="accuracy")
        assert found["value"] == by_group["value"].min()
        assert found["groups"] == by_group.sort("value")["groups"][0] == "male"

    def test_confusion_rows_are_shares_of_a_reference_class(
        self, given: World, scored: pl.DataFrame
    ) -> None:
        table = scored.filter((pl.col("quantity") == "confusion") & pl.col("group_by").is_null())
        sums = table.group_by("class").agg(pl.col("value").sum(), pl.col("n").sum())
        assert sums["value"].to_list() == pytest.approx([1.0] * 4)
        assert sums["n"].sum() == len(given.reference)
        unparsed = table.filter(predicted_class="(unparsed)")
        assert unparsed["n"].sum() == (given.predicted < 0).sum()

    def test_confusions_of_groups_add_up(self, scored: pl.DataFrame) -> None:
        confusions = scored.filter(quantity="confusion")
        by_group = confusions.filter(pl.col("group_by") == "gender")["n"].sum()
        assert by_group == confusions.filter(pl.col("group_by").is_null())["n"].sum()

    def test_units_are_speakers(self, scored: pl.DataFrame) -> None:
        assert set(scored["unit"].drop_nulls()) == {"speaker"}
        assert cell(scored, quantity="score", metric="accuracy")["clusters"] == 17
        assert (
            cell(scored, quantity="group_score", metric="accuracy", groups="male")["clusters"] == 9
        )


class TestUncertainty:
    def test_the_interval_of_an_accuracy_is_close_to_students(self) -> None:
        """Equal numbers of utterances: a t interval over the speakers' own accuracies."""
        given = world([12], each=30, spread=6.0, seed=4)
        means = (given.reference == given.predicted).reshape(12, 30).mean(1)
        expected = stats.t.interval(0.95, 11, means.mean(), stats.sem(means))
        found = cell(
            scores(given, replicates=20_000, group_by=[]).estimates,
            quantity="score",
            metric="accuracy",
        )
        assert (found["low"], found["high"]) == pytest.approx(expected, abs=0.008)

    def test_the_interval_of_a_difference_is_close_to_welchs(self) -> None:
        given = world([7, 14], each=30, skills=(0.7, 0.5), spread=6.0, seed=4)
        means = (given.reference == given.predicted).reshape(21, 30).mean(1)
        expected = stats.ttest_ind(means[:7], means[7:], equal_var=False).confidence_interval(0.95)
        found = cell(
            scores(given, replicates=20_000).estimates, quantity="pair_gap", metric="accuracy"
        )
        assert (found["low"], found["high"]) == pytest.approx(tuple(expected), abs=0.012)

    def test_the_detectable_difference_is_a_multiple_of_welchs_error(self) -> None:
        given = world([7, 14], each=30, spread=6.0, seed=4)
        means = (given.reference == given.predicted).reshape(21, 30).mean(1)
        error = (stats.sem(means[:7]) ** 2 + stats.sem(means[7:]) ** 2) ** 0.5
        found = cell(
            scores(given, replicates=20_000).estimates, quantity="pair_gap", metric="accuracy"
        )
        assert found["detectable"] == pytest.approx((1.959964 + 0.841621) * error, rel=0.04)

    def test_too_few_speakers_are_named_and_counted(self) -> None:
        found = scores(world([3, 9])).estimates
        gap = cell(found, quantity="pair_gap", metric="accuracy")
        assert gap["low"] is None
        assert "too few speakers" in str(gap["undefined"])
        assert "female" in str(gap["undefined"])
        assert "3" in str(gap["undefined"])
        assert gap["detectable"] is None
        male = cell(found, quantity="group_score", metric="accuracy", groups="male")
        assert male["low"] is not None

    def test_a_test_is_given_also_where_an_interval_is_not(self) -> None:
        gap = cell(scores(world([3, 3])).estimates, quantity="pair_gap", metric="accuracy")
        assert gap["p_floor"] == pytest.approx(0.1)
        assert float(gap["p_value"]) >= 0.1  # type: ignore[arg-type]

    def test_a_wider_level_is_a_longer_interval(self) -> None:
        given = world([8, 8], seed=2)
        lengths = []
        for level in (0.5, 0.8, 0.95, 0.99):
            found = scores(given, level=level, replicates=2000).estimates
            row = cell(found, quantity="pair_gap", metric="macro_f1")
            assert row["level"] == level
            lengths.append(float(row["high"]) - float(row["low"]))  # type: ignore[arg-type]
        assert lengths == sorted(lengths)

    def test_an_unsigned_gap_has_a_noise_floor(self, scored: pl.DataFrame) -> None:
        given = scored.filter((pl.col("quantity") == "gap") & pl.col("low").is_not_null())
        assert given["noise_floor"].null_count() == 0
        assert (given["noise_floor"] >= 0).all()

    def test_the_worst_groups_interval_is_no_higher_than_any_groups(
        self, scored: pl.DataFrame
    ) -> None:
        by_group = scored.filter(quantity="group_score", metric="macro_f1")
        worst = cell(scored, quantity="worst_group", metric="macro_f1")
        assert float(worst["low"]) <= float(by_group["low"].min())  # type: ignore[arg-type]


class TestDeterminism:
    def test_the_same_seed_gives_the_same_table(self, given: World, scored: pl.DataFrame) -> None:
        assert_frame_equal(scores(given).estimates, scored)

    def test_another_seed_moves_intervals_only(self, given: World, scored: pl.DataFrame) -> None:
        other = scores(given, seed=99).estimates
        assert_frame_equal(
            other.select("metric", "value", "n"), scored.select("metric", "value", "n")
        )
        assert not other["low"].equals(scored["low"])

    def test_what_else_is_grouped_by_changes_nothing(
        self, given: World, scored: pl.DataFrame
    ) -> None:
        """Intervals over everybody and of the first grouping do not depend on a second."""
        more = scores(given, group_by=["gender", "corpus"], replicates=300).estimates
        kept = pl.col("group_by").is_null() | (pl.col("group_by") == "gender")
        assert_frame_equal(more.filter(kept), scored)

    def test_nor_does_the_order_of_groupings(self, given: World, scored: pl.DataFrame) -> None:
        more = scores(given, group_by=["corpus", "gender"]).estimates
        kept = pl.col("group_by").is_null() | (pl.col("group_by") == "gender")
        assert_frame_equal(more.filter(kept), scored)

    def test_a_grouping_asked_for_twice_is_given_once(
        self, given: World, scored: pl.DataFrame
    ) -> None:
        assert_frame_equal(scores(given, group_by=["gender", "gender"]).estimates, scored)


class TestConditions:
    def test_systems_are_scored_apart(self, given: World) -> None:
        other = given.predictions(system="T").with_columns(emotion=pl.lit("happy"))
        found = score(
            pl.concat([given.predictions(), other]),
            given.utterances(),
            label_space=given.labels,
            **QUICK,
        ).estimates
        alone = score(given.predictions(), given.utterances(), label_space=given.labels, **QUICK)
        assert_frame_equal(found.filter(system="S"), alone.estimates)
        happy = cell(found, quantity="score", metric="recall", class_="happy", system="T")
        assert happy["value"] == 1.0

    def test_corpora_are_scored_apart_and_counted_apart(self, given: World) -> None:
        half = given.utterances().with_columns(
            corpus=pl.when(pl.int_range(pl.len()) < 100).then(pl.lit("v")).otherwise(pl.lit("w"))
        )
        found = score(given.predictions(), half, label_space=given.labels, **QUICK).estimates
        rows = {
            name: cell(found, quantity="score", metric="accuracy", corpus=name) for name in "vw"
        }
        assert rows["v"]["n"] == 100
        assert rows["w"]["n"] == len(given.reference) - 100

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            ("prompt", ["p", "q"]),
            ("temperature", [0.0, 0.7]),
            ("modality", ["speech", "transcript"]),
        ],
    )
    def test_conditions_are_scored_apart(
        self, given: World, column: str, values: list[object]
    ) -> None:
        frames = [given.predictions(**{column: value}) for value in values]
        found = score(
            pl.concat(frames), given.utterances(), label_space=given.labels, **QUICK
        ).estimates
        assert set(found[column]) == set(values)
        for value in values:
            assert cell(found, quantity="score", metric="accuracy", **{column: value})["n"] == len(
                given.reference
            )

    def test_folds_have_rows_of_their_own_and_a_spread(self, given: World) -> None:
        folds = [("1", "2", "3")[s % 3] for s in given.speakers.tolist()]
        found = score(
            given.predictions(fold=folds), given.utterances(), label_space=given.labels, **QUICK
        ).estimates
        rows = found.filter(quantity="score", metric="accuracy")
        by_fold = dict(rows.select("fold", "value").iter_rows())
        assert set(by_fold) == {"all", "1", "2", "3"}
        for fold in "123":
            own = np.array(folds) == fold
            assert by_fold[fold] == pytest.approx(
                slow.accuracy(given.reference[own], given.predicted[own])
            )
        pooled = cell(found, quantity="score", metric="accuracy", fold="all")
        assert pooled["sd_folds"] == pytest.approx(np.std([by_fold[f] for f in "123"], ddof=1))
        assert pooled["value"] == pytest.approx(slow.accuracy(given.reference, given.predicted))
        single = cell(found, quantity="score", metric="accuracy", fold="2")
        assert "given for pooled estimates" in str(single["undefined"])

    def test_runs_have_a_spread_and_speakers_stay_units(self, given: World) -> None:
        rng = np.random.default_rng(0)
        runs = [given.predictions(run=run) for run in range(3)]
        shuffled = [
            frame.with_columns(emotion=pl.col("emotion").gather(rng.permutation(frame.height)))
            for frame in runs
        ]
        found = score(
            pl.concat(shuffled), given.utterances(), label_space=given.labels, **QUICK
        ).estimates
        row = cell(found, quantity="score", metric="accuracy")
        assert row["run"] == "all"
        assert row["clusters"] == 17
        assert row["n"] == 3 * len(given.reference)
        truth = given.utterances()["emotion"]
        each = [(frame["emotion"].fill_null("-") == truth).mean() for frame in shuffled]
        assert row["sd_runs"] == pytest.approx(np.std(each, ddof=1))
        assert row["sd_folds"] is None

    def test_label_orders_have_a_spread(self, given: World) -> None:
        orders = list(itertools.islice(itertools.permutations(given.labels.names), 3))
        frames = [given.predictions().with_columns(options=pl.lit(list(order))) for order in orders]
        frames[1] = frames[1].with_columns(emotion=pl.lit("happy"))
        found = score(
            pl.concat(frames), given.utterances(), label_space=given.labels, **QUICK
        ).estimates
        row = cell(found, quantity="score", metric="accuracy")
        assert row["label_order"] == "all"
        assert float(row["sd_orders"]) > 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unparsed", "accuracy", "macro_f1"),
    [("wrong", 0.5, 2 / 3), ("drop", 1.0, 1.0), ("extra_class", 0.5, 4 / 9)],
)
def test_what_an_unparsed_answer_counts_as(unparsed: Any, accuracy: float, macro_f1: float) -> None:
    """Two of four answers have no label: F1 of each class is 2·1 / (2 + 1)."""
    answers = ["happy", None, "sad", None]
    found = score(answers, ["happy", "happy", "sad", "sad"], unparsed=unparsed, replicates=0)
    table = found.estimates
    assert cell(table, quantity="score", metric="accuracy")["value"] == pytest.approx(accuracy)
    assert cell(table, quantity="score", metric="macro_f1")["value"] == pytest.approx(macro_f1)
    assert set(table["convention"]) == {f"equivoice, unparsed={unparsed}"}
