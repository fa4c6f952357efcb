"""Metrics of classification: answers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.metrics import (
    UNPARSED,
    classification_metrics,
    classification_statistics,
    confusion_table,
)
from oracles.codes import Answers, values

NOBODY = np.zeros(0, dtype=np.int64)


def asked(reference: list[int], predicted: list[int], classes: int) -> Answers:
    return Answers(
        classes,
        np.array(reference, dtype=np.int64),
        np.array(predicted, dtype=np.int64),
        np.zeros(len(reference), dtype=np.int64),
        1,
    )


def test_nine_of_ten_right_but_half_a_class_missed() -> None:
    """methods.md §1: y = [0] * 8 + [1] * 2 with one error of class 1."""
    found = values(asked([0] * 8 + [1] * 2, [0] * 8 + [1, 0], 2))
    assert found["accuracy"] == 0.9
    assert found["recall_sum"] == 1.5
    assert found["unweighted_accuracy"] == 0.75
    assert found["recall"].tolist() == [1.0, 0.5]
    assert found["precision"].tolist() == [8 / 9, 1.0]
    assert found["f1"].tolist() == pytest.approx([16 / 17, 2 / 3], abs=1e-15)
    assert found["macro_f1"] == pytest.approx((16 / 17 + 2 / 3) / 2, abs=1e-15)
    assert found["weighted_f1"] == pytest.approx(0.8 * 16 / 17 + 0.2 * 2 / 3, abs=1e-15)
    assert found["micro_f1"] == pytest.approx(0.9, abs=1e-15)
    assert found["selection_rate"].tolist() == [0.9, 0.1]
    assert found["false_positive_rate"].tolist() == [0.5, 0.0]
    assert found["false_negative_rate"].tolist() == [0.0, 0.5]


def test_gpt_4o_on_english_tts() -> None:
    """methods.md §8: confusion rows C, T, A, E give an accuracy of .289."""
    table = np.array([[7, 51, 121, 1], [0, 46, 133, 1], [0, 28, 150, 2], [2, 10, 163, 5]])
    reference = np.repeat(np.repeat(np.arange(4), 4), table.ravel())
    predicted = np.repeat(np.tile(np.arange(4), 4), table.ravel())
    found = values(Answers(4, reference, predicted, np.zeros_like(reference), 1))
    assert found["accuracy"] == pytest.approx(208 / 720, abs=1e-15)
    assert round(float(found["accuracy"]), 3) == 0.289
    np.testing.assert_array_equal(confusion_table(reference, predicted, 4)[:, :4], table)


def test_error_ratio_is_false_positive_over_false_negative_rate() -> None:
    # class 0: fpr 1/4, fnr 2/4; class 1: fpr 2/4, fnr 1/4
    found = values(asked([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 0], 2))
    assert found["error_ratio"].tolist() == pytest.approx([0.5, 2.0], abs=1e-15)


def test_error_ratio_is_undefined_without_false_negatives() -> None:
    found = values(asked([0, 0, 1, 1], [0, 0, 1, 0], 2))
    assert np.isnan(found["error_ratio"][0])
    assert found["error_ratio"][1] == 0.0


def test_a_class_that_nobody_said_is_undefined_not_zero() -> None:
    found = values(asked([0, 0, 1], [0, 2, 1], 3))
    assert np.isnan(found["recall"][2])
    assert np.isnan(found["f1"][2])
    assert np.isnan(found["error_ratio"][2])
    assert found["precision"][2] == 0.0
    assert found["selection_rate"][2] == pytest.approx(1 / 3)
    assert found["unweighted_accuracy"] == 0.75


def test_no_answers_at_all_leave_everything_undefined() -> None:
    for name, value in values(Answers(3, NOBODY, NOBODY, NOBODY, 1)).items():
        assert np.isnan(value).all(), name


def test_one_class_only() -> None:
    found = values(asked([0, 0, 0], [0, 0, 0], 1))
    assert found["accuracy"] == found["macro_f1"] == found["recall_sum"] == 1.0
    assert np.isnan(found["false_positive_rate"][0])  # no reference of another class


def test_everything_wrong_is_zero_and_defined() -> None:
    found = values(asked([0, 1, 0, 1], [1, 0, 1, 0], 2))
    assert found["accuracy"] == found["macro_f1"] == found["micro_f1"] == 0.0
    assert found["recall"].tolist() == found["f1"].tolist() == [0.0, 0.0]


def test_everything_unparsed() -> None:
    wrong = values(asked([0, 1], [UNPARSED, UNPARSED], 2))
    assert wrong["accuracy"] == wrong["macro_f1"] == wrong["coverage"] == 0.0
    assert np.isnan(wrong["precision"]).all()
    dropped = values(asked([0, 1], [UNPARSED, UNPARSED], 2), unparsed="drop")
    assert np.isnan(dropped["accuracy"])
    assert dropped["coverage"] == 0.0


@pytest.mark.parametrize("policy", ["wrong", "drop", "extra_class"])
def test_coverage_is_the_same_under_every_policy(policy: str) -> None:
    found = values(asked([0, 0, 1, 1], [0, UNPARSED, 1, 0], 2), unparsed=policy)
    assert found["coverage"] == 0.75


def test_the_policies_differ_as_they_say() -> None:
    given = asked([0, 0, 1, 1], [0, UNPARSED, 1, 1], 2)
    # class 0: c 1, r 2, p 1 -> F1 2/3; class 1: 1
    wrong, extra = values(given), values(given, unparsed="extra_class")
    assert wrong["accuracy"] == extra["accuracy"] == 0.75
    assert wrong["macro_f1"] == pytest.approx(5 / 6, abs=1e-15)
    assert extra["macro_f1"] == pytest.approx(5 / 9, abs=1e-15)  # (2/3 + 1 + 0) / 3
    assert values(given, unparsed="drop")["macro_f1"] == 1.0
    assert wrong["selection_rate"].tolist() == [0.25, 0.5]  # does not add up to 1: coverage .75


def test_zero_support_policies_differ_as_they_say() -> None:
    given = asked([0, 0, 0, 1], [0, 0, 2, 1], 4)
    # F1: class 0 4/5, class 1 1, class 2 predicted but never said, class 3 neither
    assert values(given)["macro_f1"] == pytest.approx(0.9, abs=1e-15)
    assert values(given, zero_support="present")["macro_f1"] == pytest.approx(0.6, abs=1e-15)
    assert np.isnan(values(given, zero_support="undefined")["macro_f1"])


def test_extra_class_without_an_unparsed_answer_changes_nothing() -> None:
    given = asked([0, 0, 1], [0, 1, 1], 2)
    assert values(given, unparsed="extra_class")["macro_f1"] == values(given)["macro_f1"]


@pytest.mark.parametrize(
    ("option", "value"), [("unparsed", "ignore"), ("zero_support", "zero"), ("unparsed", "")]
)
def test_unknown_policies_are_refused_with_the_choices(option: str, value: str) -> None:
    with pytest.raises(ConfigError) as raised:
        classification_metrics(**{option: value})
    assert raised.value.value == value
    assert raised.value.choices
    assert option in str(raised.value)


def test_every_metric_says_what_it_is() -> None:
    for name, metric in classification_metrics().items():
        assert metric.name == name
        assert metric.low < metric.high
        assert metric.undefined
        example = metric.finish(np.ones((5, 4, 10)))  # K = 3, so S = 10
        assert example.shape == ((5, 4, 3) if metric.per_class else (5, 4))


def test_metrics_stay_within_their_range() -> None:
    rng = np.random.default_rng(3)
    reference, predicted = rng.integers(0, 5, 2000), rng.integers(-1, 5, 2000)
    statistics = classification_statistics(reference, predicted, 5)
    sums = statistics.sums(rng.integers(0, 300, 2000), 300)
    for metric in classification_metrics().values():
        found = metric.finish(sums)
        defined = found[~np.isnan(found)]
        assert defined.min() >= metric.low, metric.name
        assert defined.max() <= metric.high, metric.name


def test_many_classes() -> None:
    k = 100
    every = np.arange(k)
    found = values(Answers(k, every, np.roll(every, 1), np.zeros(k, dtype=np.int64), 1))
    assert found["accuracy"] == 0.0
    found = values(Answers(k, every, every, np.zeros(k, dtype=np.int64), 1))
    assert found["recall_sum"] == k
