"""Metrics of label sets: sums worked by hand, and the known answers of methods.md §1 and §3."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.fairness import gap_function
from equivoice.metrics import (
    THRESHOLDS,
    BoolArray,
    FloatArray,
    chosen,
    multilabel_metrics,
    multilabel_statistics,
)
from oracles.shares import finished

UNIT = {"rtol": 0.0, "atol": 1e-15, "equal_nan": True}


def sets(*rows: str) -> BoolArray:
    """``"ab."`` is a row in which the first two of three labels are in the set."""
    return np.array([[letter != "." for letter in row] for row in rows])


def scored(
    reference: BoolArray, predicted: BoolArray, zero_support: str = "exclude"
) -> dict[str, FloatArray]:
    return finished(multilabel_metrics(zero_support), multilabel_statistics(reference, predicted))


# ------------------------------------------------------------------ thresholds


def test_the_example_of_the_thesis() -> None:
    """methods.md §3: votes (A, S, S, N, A) in order (N, A, S, H)."""
    votes = np.array([[1, 2, 2, 0]])
    shares = votes / votes.sum(-1, keepdims=True)
    assert shares.tolist() == [[0.2, 0.4, 0.4, 0.0]]
    assert chosen(shares, "1/C").tolist() == [[False, True, True, False]]
    assert chosen(shares, "0.5").tolist() == [[False] * 4]
    # 1/(C-1) = 1/3
    assert chosen(shares, "1/(C-1)").tolist() == [[False, True, True, False]]


def test_thresholds_are_of_the_number_of_labels() -> None:
    assert {name: at(5) for name, at in THRESHOLDS.items()} == {
        "1/C": 0.2,
        "0.5": 0.5,
        "1/(C-1)": 0.25,
    }


@pytest.mark.parametrize("classes", range(2, 17))
def test_a_uniform_row_is_the_empty_set(classes: int) -> None:
    """However the share was computed: 1/C, k/(k C), or 1 − (C − 1)/C."""
    ways = [1 / classes, 7 / (7 * classes), 1 - (classes - 1) / classes, sum([0.1] * 10) / classes]
    for share in ways:
        assert not chosen(np.full((1, classes), share), "1/C").any()
    # one part in a hundred million more is above
    assert chosen(np.full((1, classes), 1 / classes + 1e-8), "1/C").all()


def test_half_is_not_more_than_half() -> None:
    assert chosen(np.array([[0.5, 0.5], [0.6, 0.4]]), "0.5").tolist() == [
        [False, False],
        [True, False],
    ]


def test_with_two_labels_nothing_is_above_one() -> None:
    assert not chosen(np.array([[1.0, 0.0]]), "1/(C-1)").any()
    assert not chosen(np.array([[1.0]]), "1/(C-1)").any()


def test_an_unknown_threshold_names_the_choices() -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(np.ones((1, 2)), "1/3")
    assert "choices: 1/C, 0.5, 1/(C-1)" in str(caught.value)


def test_rows_without_votes_are_no_empty_sets() -> None:
    with pytest.raises(ValueError, match="take out rows without votes"):
        chosen(np.array([[0.5, 0.5], [np.nan, np.nan]]), "1/C")


# ------------------------------------------------------------------ hand sums

REFERENCE = sets("ab.", "a..", "...", ".b.")
PREDICTED = sets("ab.", "ab.", "a..", "...")
# class a: both 2, reference 2, predicted 3; b: both 1, reference 2, predicted 2; c: nowhere


def test_statistics_of_one_item() -> None:
    row = multilabel_statistics(sets("ab."), sets(".bc"))[0]
    assert row[:3].tolist() == [0, 1, 0]
    assert row[3:6].tolist() == [1, 1, 0]
    assert row[6:9].tolist() == [0, 1, 1]
    assert row[9:].tolist() == [1, 0, 0, 0]


def test_four_items_by_hand() -> None:
    found = scored(REFERENCE, PREDICTED)
    np.testing.assert_allclose(found["multilabel_recall"], [1.0, 0.5, np.nan], **UNIT)
    np.testing.assert_allclose(found["multilabel_precision"], [2 / 3, 0.5, np.nan], **UNIT)
    np.testing.assert_allclose(found["multilabel_f1"], [4 / 5, 2 / 4, np.nan], **UNIT)
    np.testing.assert_allclose(found["multilabel_selection_rate"], [3 / 4, 2 / 4, 0.0], **UNIT)
    # class a: 1 of 2 items without it; b: 1 of 2; c: 0 of 4
    np.testing.assert_allclose(found["multilabel_false_positive_rate"], [1 / 2, 1 / 2, 0.0], **UNIT)
    assert found["multilabel_macro_f1"] == pytest.approx((4 / 5 + 2 / 4) / 2, abs=1e-15)
    assert found["multilabel_micro_f1"] == pytest.approx(2 * 3 / (4 + 5), abs=1e-15)
    assert found["exact_match"] == 0.25
    assert found["empty_prediction"] == 0.25
    assert found["empty_reference"] == 0.25


@pytest.mark.parametrize(
    ("zero_support", "macro", "recall_of_c"),
    [
        ("exclude", (4 / 5 + 2 / 4) / 2, np.nan),
        ("present", (4 / 5 + 2 / 4) / 2, np.nan),
        ("undefined", np.nan, np.nan),
        ("zero", (4 / 5 + 2 / 4 + 0) / 3, 0.0),
    ],
)
def test_a_class_that_nobody_has(zero_support: str, macro: float, recall_of_c: float) -> None:
    found = scored(REFERENCE, PREDICTED, zero_support)
    np.testing.assert_allclose(found["multilabel_macro_f1"], macro, **UNIT)
    np.testing.assert_allclose(found["multilabel_recall"][2], recall_of_c, **UNIT)


def test_a_class_that_is_only_predicted() -> None:
    """It counts 0 where it is present; it is left out where it has no reference."""
    reference, predicted = sets("a..", "a.."), sets("a.c", "a..")
    assert scored(reference, predicted)["multilabel_macro_f1"] == 1.0
    assert scored(reference, predicted, "present")["multilabel_macro_f1"] == 0.5
    assert scored(reference, predicted, "zero")["multilabel_macro_f1"] == pytest.approx(1 / 3)
    assert np.isnan(scored(reference, predicted, "undefined")["multilabel_macro_f1"])


def test_two_empty_sets_are_equal_and_say_nothing_of_any_class() -> None:
    found = scored(sets("..", ".."), sets("..", ".."))
    assert found["exact_match"] == 1.0
    assert found["empty_prediction"] == found["empty_reference"] == 1.0
    for name in ("multilabel_macro_f1", "multilabel_micro_f1"):
        assert np.isnan(found[name]), name
    assert scored(sets(".."), sets(".."), "zero")["multilabel_micro_f1"] == 0.0


def test_a_class_that_all_references_have_has_no_false_positive_rate() -> None:
    found = scored(sets("a", "a"), sets("a", "."))
    assert np.isnan(found["multilabel_false_positive_rate"]).all()
    assert found["multilabel_recall"].tolist() == [0.5]
    zero = scored(sets("a", "a"), sets("a", "."), "zero")
    assert zero["multilabel_false_positive_rate"].tolist() == [0.0]


@pytest.mark.parametrize("zero_support", ["exclude", "present", "undefined", "zero"])
def test_a_group_without_items_is_undefined_whatever_zero_by_zero_is(zero_support: str) -> None:
    sums = np.zeros((2, 3 * 2 + 4))
    for metric in multilabel_metrics(zero_support).values():
        found = metric.finish(sums)
        assert found.shape == ((2, 2) if metric.per_class else (2,)), metric.name
        assert np.isnan(found).all(), metric.name


def test_every_metric_says_why_it_can_be_undefined() -> None:
    reasons = {name: metric.undefined for name, metric in multilabel_metrics().items()}
    assert reasons["multilabel_recall"] == "no reference of this class"
    assert reasons["multilabel_precision"] == "this class was never predicted"
    assert reasons["multilabel_micro_f1"] == "no label in any set"
    assert reasons["multilabel_macro_f1"] == "no class has a reference"
    strict = multilabel_metrics("undefined")["multilabel_macro_f1"]
    assert strict.undefined == "a class has no reference"
    assert all(reasons.values())


def test_an_unknown_policy_names_the_choices() -> None:
    with pytest.raises(ConfigError) as caught:
        multilabel_metrics("nil")  # type: ignore[arg-type]
    assert "choices: exclude, present, undefined, zero" in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "predicted", "problem"),
    [
        (np.ones((2, 2)), sets("ab", "ab"), "truth values"),
        (sets("ab"), np.ones((1, 2), dtype=np.int64), "truth values"),
        (sets("ab"), sets("abc"), "other shapes"),
        (np.array([True]), np.array([True]), "other shapes"),
    ],
)
def test_other_than_sets_are_refused(
    reference: BoolArray, predicted: BoolArray, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        multilabel_statistics(reference, predicted)


# ------------------------------------------------- gaps of EMO-Debias, methods.md §1


def sixteen() -> tuple[BoolArray, BoolArray]:
    """Two groups of 8, 4 a class; group 0 perfect, in group 1 two of class 0 are given class 1."""
    reference = np.tile([0, 0, 0, 0, 1, 1, 1, 1], 2)
    predicted = reference.copy()
    predicted[8:10] = 1
    return np.eye(2, dtype=bool)[reference], np.eye(2, dtype=bool)[predicted]


def by_group(name: str, zero_support: str = "zero") -> FloatArray:
    """Values of both groups and of all: (3, 2)."""
    halves = multilabel_statistics(*sixteen()).reshape(2, 8, -1).sum(1)
    sums = np.concatenate([halves, halves.sum(0, keepdims=True)])
    return multilabel_metrics(zero_support)[name].finish(sums)


@pytest.mark.parametrize("zero_support", ["zero", "exclude"])
def test_rms_and_largest_gap_of_the_true_positive_rate(zero_support: str) -> None:
    recall = by_group("multilabel_recall", zero_support)
    assert recall.tolist() == [[1.0, 1.0], [0.5, 1.0], [0.75, 1.0]]
    assert round(float(gap_function((2,), "rms", "rms")(recall)), 6) == 0.353553
    assert float(gap_function((2,), "max", "max")(recall)) == 0.5


def test_rms_gap_of_the_false_positive_rate() -> None:
    rate = by_group("multilabel_false_positive_rate")
    assert rate.tolist() == [[0.0, 0.0], [0.0, 0.5], [0.0, 0.25]]
    assert round(float(gap_function((2,), "rms", "rms")(rate)), 6) == 0.353553


def test_demographic_parity_against_everybody() -> None:
    selected = by_group("multilabel_selection_rate")
    assert selected.tolist() == [[0.5, 0.5], [0.25, 0.75], [0.375, 0.625]]
    gaps = [float(gap_function((2,), "max_to_overall", over)(selected)) for over in ("rms", "max")]
    assert gaps == [0.125, 0.125]


def test_zero_by_zero_changes_a_gap_and_is_therefore_named() -> None:
    """Group 1 has no reference of class b: a gap of 1 by their rule, none by ours."""
    reference = sets("ab", "ab", "a.", "a.")
    halves = multilabel_statistics(reference, reference).reshape(2, 2, -1).sum(1)
    sums = np.concatenate([halves, halves.sum(0, keepdims=True)])
    largest = gap_function((2,), "max", "max")
    theirs = multilabel_metrics("zero")["multilabel_recall"].finish(sums)
    ours = multilabel_metrics()["multilabel_recall"].finish(sums)
    assert float(largest(theirs)) == 1.0
    assert float(largest(ours)) == 0.0
    assert np.isnan(ours[1, 1])
