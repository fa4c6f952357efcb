"""Metrics agree with scikit-learn to 1e-12, under every named policy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from equivoice.metrics import confusion_table
from oracles.codes import EXAMPLES, TIGHT, Answers, answers, group_values, values

POLICIES = st.sampled_from(["exclude", "present", "undefined"])


@EXAMPLES
@given(answers())
def test_accuracy(asked: Answers) -> None:
    expected = sk.accuracy_score(asked.reference, asked.outside)
    np.testing.assert_allclose(values(asked)["accuracy"], expected, **TIGHT)


@EXAMPLES
@given(answers())
def test_unweighted_accuracy_is_balanced_accuracy(asked: Answers) -> None:
    with warnings.catch_warnings():  # about predicted classes without references
        warnings.simplefilter("ignore", UserWarning)
        expected = sk.balanced_accuracy_score(asked.reference, asked.outside)
    np.testing.assert_allclose(values(asked)["unweighted_accuracy"], expected, **TIGHT)


@EXAMPLES
@given(answers())
def test_confusion_table(asked: Answers) -> None:
    with warnings.catch_warnings():  # about one label only
        warnings.simplefilter("ignore", UserWarning)
        square = sk.confusion_matrix(
            asked.reference, asked.outside, labels=[*asked.labels, asked.classes]
        )
    ours = confusion_table(asked.reference, asked.predicted, asked.classes)
    np.testing.assert_array_equal(ours, square[:-1])
    assert square[-1].sum() == 0  # nothing is lost: no reference is unparsed


@EXAMPLES
@given(answers(), st.sampled_from(["recall", "precision"]))
def test_recall_and_precision_by_class(asked: Answers, name: str) -> None:
    scorer = {"recall": sk.recall_score, "precision": sk.precision_score}[name]
    expected = scorer(
        asked.reference, asked.outside, labels=asked.labels, average=None, zero_division=np.nan
    )
    np.testing.assert_allclose(values(asked)[name], expected, **TIGHT)


@EXAMPLES
@given(answers(), POLICIES)
def test_f1_by_class(asked: Answers, zero_support: str) -> None:
    expected = sk.f1_score(
        asked.reference, asked.outside, labels=asked.labels, average=None, zero_division=np.nan
    )
    if zero_support != "present":  # a class without references is then undefined, though predicted
        expected = np.where(np.isin(asked.labels, asked.reference), expected, np.nan)
    np.testing.assert_allclose(values(asked, zero_support=zero_support)["f1"], expected, **TIGHT)


@EXAMPLES
@given(answers())
def test_macro_f1_excluding_classes_without_references(asked: Answers) -> None:
    expected = sk.f1_score(
        asked.reference,
        asked.outside,
        labels=sorted(set(asked.reference.tolist())),
        average="macro",
        zero_division=0,
    )
    np.testing.assert_allclose(values(asked)["macro_f1"], expected, **TIGHT)


@EXAMPLES
@given(answers(unparsed=False))
def test_macro_f1_of_present_classes_is_sklearns_default(asked: Answers) -> None:
    expected = sk.f1_score(asked.reference, asked.predicted, average="macro")
    ours = values(asked, zero_support="present")["macro_f1"]
    np.testing.assert_allclose(ours, expected, **TIGHT)


@EXAMPLES
@given(answers())
def test_macro_f1_where_a_missing_class_makes_it_undefined(asked: Answers) -> None:
    ours = values(asked, zero_support="undefined")["macro_f1"]
    if set(asked.labels) - set(asked.reference.tolist()):
        assert np.isnan(ours)
        return
    expected = sk.f1_score(
        asked.reference, asked.outside, labels=asked.labels, average="macro", zero_division=0
    )
    np.testing.assert_allclose(ours, expected, **TIGHT)


@EXAMPLES
@given(answers())
def test_extra_class_is_sklearn_with_the_unparsed_as_a_label(asked: Answers) -> None:
    """What FairALM's code does: macro-F1 over K + 1 classes as soon as one answer is unparsed."""
    expected = sk.f1_score(asked.reference, asked.outside, average="macro", zero_division=0)
    ours = values(asked, unparsed="extra_class", zero_support="present")["macro_f1"]
    np.testing.assert_allclose(ours, expected, **TIGHT)


@EXAMPLES
@given(answers(), st.sampled_from(["weighted", "micro"]))
def test_weighted_and_micro_f1(asked: Answers, average: str) -> None:
    expected = sk.f1_score(
        asked.reference, asked.outside, labels=asked.labels, average=average, zero_division=0
    )
    np.testing.assert_allclose(values(asked)[f"{average}_f1"], expected, **TIGHT)


@EXAMPLES
@given(answers())
def test_dropping_the_unparsed_is_scoring_the_rest(asked: Answers) -> None:
    ours = values(asked, unparsed="drop")
    parsed = asked.where(asked.predicted >= 0)
    if not len(parsed.reference):
        assert np.isnan(ours["accuracy"])
        assert np.isnan(ours["macro_f1"])
        return
    assert ours["accuracy"] == pytest.approx(
        sk.accuracy_score(parsed.reference, parsed.predicted), abs=1e-12
    )
    expected = sk.f1_score(
        parsed.reference,
        parsed.predicted,
        labels=sorted(set(parsed.reference.tolist())),
        average="macro",
        zero_division=0,
    )
    np.testing.assert_allclose(ours["macro_f1"], expected, **TIGHT)


@EXAMPLES
@given(answers())
def test_rates_from_one_vs_rest_tables(asked: Answers) -> None:
    ours = values(asked)
    tables = sk.multilabel_confusion_matrix(asked.reference, asked.outside, labels=asked.labels)
    for k, ((tn, fp), (fn, tp)) in enumerate(tables.tolist()):
        assert ours["selection_rate"][k] == pytest.approx(
            (tp + fp) / (tn + fp + fn + tp), abs=1e-12
        )
        _equal_or_both_undefined(ours["false_positive_rate"][k], fp, fp + tn)
        _equal_or_both_undefined(ours["false_negative_rate"][k], fn, fn + tp)


@EXAMPLES
@given(answers(fewest_groups=2), POLICIES)
def test_groups_are_scored_as_if_alone(asked: Answers, zero_support: str) -> None:
    together = group_values(asked, zero_support=zero_support)
    for group in range(asked.n_groups):
        alone = asked.where(asked.groups == group)
        if not len(alone.reference):
            assert np.isnan(together["accuracy"][group])
            assert np.isnan(together["macro_f1"][group])
            continue
        for name, expected in values(alone, zero_support=zero_support).items():
            np.testing.assert_allclose(together[name][group], expected, **TIGHT)


def _equal_or_both_undefined(ours: float, above: int, below: int) -> None:
    if below == 0:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(above / below, abs=1e-12)
