"""Fairness measures on tables worked by hand and on the known answers of the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from equivoice.fairness import NAMED_MEASURES, convention, gap_function, named_measures
from oracles.codes import Answers, group_values, values


def gap(
    asked: Answers,
    measure: str,
    over_groups: str,
    over_classes: str = "mean",
    *,
    rules: str = "equivoice",
) -> float:
    """A named measure of all groups, from the counts."""
    chosen = {m.name: m for m in named_measures(convention(rules))}[measure]
    parts = []
    for name in chosen.metrics:
        by_group = group_values(asked)[name]
        together = values(asked)[name]
        parts.append(
            np.concatenate([by_group, together[np.newaxis]]).reshape(asked.n_groups + 1, -1)
        )
    widths = tuple(part.shape[1] for part in parts)
    function = gap_function(widths, over_groups, over_classes, chosen.combine)
    return float(function(np.hstack(parts)))


def from_counts(counts: list[list[list[int]]]) -> Answers:
    """Answers from n[group][reference][predicted]."""
    table = np.array(counts)
    group, reference, predicted = np.indices(table.shape)
    times = table.ravel()
    return Answers(
        table.shape[1],
        np.repeat(reference.ravel(), times),
        np.repeat(predicted.ravel(), times),
        np.repeat(group.ravel(), times),
        len(table),
    )


SIXTEEN = from_counts([[[4, 0], [0, 4]], [[2, 2], [0, 4]]])
"""methods.md §1: group 0 perfect, group 1 gives class 1 to two of its four items of class 0."""


class TestSixteenUtterances:
    def test_recall_sums_and_accuracies(self) -> None:
        found = group_values(SIXTEEN)
        assert found["recall_sum"].tolist() == [2.0, 1.5]
        assert found["accuracy"].tolist() == [1.0, 0.75]

    def test_overall_accuracy_equality_in_both_readings(self) -> None:
        measure = "overall_accuracy_equality"
        assert gap(SIXTEEN, measure, "mean") == 0.25
        assert gap(SIXTEEN, measure, "mean", rules="fairalm_paper") == 0.25
        assert gap(SIXTEEN, measure, "mean", rules="fairalm_code") == 0.5

    def test_rms_and_largest_tpr_gap(self) -> None:
        """EMO-Debias: the root mean square over classes and pairs, and the maximum."""
        assert gap(SIXTEEN, "tpr_gap", "rms", "rms") == pytest.approx(0.353553, abs=1e-6)
        assert gap(SIXTEEN, "tpr_gap", "rms", "rms") == pytest.approx(math.sqrt(0.125), abs=1e-15)
        assert gap(SIXTEEN, "tpr_gap", "max", "max") == 0.5

    def test_rms_fpr_gap(self) -> None:
        assert gap(SIXTEEN, "fpr_gap", "rms", "rms") == pytest.approx(math.sqrt(0.125), abs=1e-15)

    def test_demographic_parity_is_the_distance_to_everybody(self) -> None:
        """(.125, .125): max over groups of |P(ŷ = c | g) − P(ŷ = c)|, class by class."""
        by_group = group_values(SIXTEEN)["selection_rate"]
        together = values(SIXTEEN)["selection_rate"]
        assert np.abs(by_group - together).max(0).tolist() == [0.125, 0.125]
        for over_classes in ("mean", "rms", "max"):
            found = gap(SIXTEEN, "statistical_parity", "max_to_overall", over_classes)
            assert found == pytest.approx(0.125, abs=1e-15)

    def test_other_aggregators_give_other_numbers(self) -> None:
        assert gap(SIXTEEN, "tpr_gap", "mean", "mean") == 0.25
        assert gap(SIXTEEN, "statistical_parity", "mean", "mean") == 0.25
        assert gap(SIXTEEN, "equalised_odds", "max", "max") == 0.5

    def test_avg_gap_is_the_mean_of_four(self) -> None:
        parts = [gap(SIXTEEN, m, "mean") for m in ("tpr_gap", "fpr_gap", "w_f1_gap", "acc_gap")]
        assert gap(SIXTEEN, "avg_gap", "mean") == pytest.approx(sum(parts) / 4, abs=1e-15)
        # group 1: F1 of class 0 is 4 / 6, of class 1 8 / 10; both classes weigh the same
        assert parts == pytest.approx([0.25, 0.25, 1 - (2 / 3 + 0.8) / 2, 0.25], abs=1e-15)

    def test_treatment_equality_is_undefined_where_a_denominator_is_zero(self) -> None:
        assert math.isnan(gap(SIXTEEN, "treatment_equality", "mean"))


THREE = from_counts(
    [
        # recall .8, .6; selection (.6, .4)
        [[8, 2], [4, 6]],
        # recall .5, .5; selection (.5, .5)
        [[5, 5], [5, 5]],
        # recall .2, 1; selection (.1, .9)
        [[2, 8], [0, 10]],
    ]
)


class TestThreeGroups:
    """FairALM Eq. 4 (mean over all pairs) and Eq. 6 (mean over classes), by hand."""

    def test_equal_opportunity(self) -> None:
        class_0 = (0.3 + 0.6 + 0.3) / 3
        class_1 = (0.1 + 0.4 + 0.5) / 3
        assert gap(THREE, "equal_opportunity", "mean") == pytest.approx(
            (class_0 + class_1) / 2, abs=1e-15
        )

    def test_statistical_parity(self) -> None:
        one_class = (0.1 + 0.5 + 0.4) / 3
        assert gap(THREE, "statistical_parity", "mean") == pytest.approx(one_class, abs=1e-15)

    def test_overall_accuracy_equality(self) -> None:
        # accuracies .7, .5, .6; recall sums 1.4, 1, 1.2
        assert gap(THREE, "overall_accuracy_equality", "mean") == pytest.approx(0.4 / 3, abs=1e-15)
        assert gap(
            THREE, "overall_accuracy_equality", "mean", rules="fairalm_code"
        ) == pytest.approx(0.8 / 3, abs=1e-15)

    def test_rms_and_max_over_pairs(self) -> None:
        assert gap(THREE, "acc_gap", "rms") == pytest.approx(
            math.sqrt((0.04 + 0.01 + 0.01) / 3), abs=1e-15
        )
        assert gap(THREE, "acc_gap", "max") == pytest.approx(0.2, abs=1e-15)
        assert gap(THREE, "acc_gap", "max_to_overall") == pytest.approx(0.1, abs=1e-15)

    def test_treatment_equality(self) -> None:
        # class 0: fpr/fnr .4/.2, .5/.5, 0/.8; class 1: .2/.4, .5/.5, .8/0 undefined
        class_0 = (1.0 + 2.0 + 1.0) / 3
        class_1 = 0.5  # the one pair that is defined
        assert gap(THREE, "treatment_equality", "mean") == pytest.approx(
            (class_0 + class_1) / 2, abs=1e-12
        )


class TestMissingCells:
    """A group that lacks a class: its cell is undefined, pairs with it are left out."""

    LACKING = from_counts(
        [
            [[8, 2], [4, 6]],
            [[5, 5], [0, 0]],
            [[2, 8], [0, 10]],
        ]
    )

    def test_the_cell_is_undefined(self) -> None:
        recall = group_values(self.LACKING)["recall"]
        assert np.isnan(recall[1, 1])
        assert np.isnan(recall).sum() == 1

    def test_pairs_with_it_are_left_out(self) -> None:
        class_0 = (0.3 + 0.6 + 0.3) / 3
        class_1 = 0.4  # groups 0 and 2 only
        assert gap(self.LACKING, "equal_opportunity", "mean") == pytest.approx(
            (class_0 + class_1) / 2, abs=1e-15
        )

    def test_a_class_that_only_one_group_has_is_left_out_of_the_mean(self) -> None:
        lonely = from_counts([[[8, 2], [4, 6]], [[5, 5], [0, 0]]])
        assert gap(lonely, "equal_opportunity", "mean") == pytest.approx(0.3, abs=1e-15)

    def test_the_recall_sum_of_a_group_that_lacks_a_class_runs_over_fewer(self) -> None:
        """As in FairALM's code: papers.md, 'a group that lacks a class sums over fewer'."""
        assert group_values(self.LACKING)["recall_sum"].tolist() == pytest.approx([1.4, 0.5, 1.2])

    def test_nothing_to_compare_is_undefined(self) -> None:
        disjoint = from_counts([[[4, 0], [0, 0]], [[0, 0], [0, 4]]])
        assert math.isnan(gap(disjoint, "equal_opportunity", "mean"))
        assert gap(disjoint, "acc_gap", "mean") == 0.0


def test_every_named_measure_has_a_source_and_known_metrics() -> None:
    known = values(SIXTEEN)
    for name, measure in NAMED_MEASURES.items():
        assert measure.name == name
        assert measure.definition
        assert set(measure.metrics) <= set(known)
