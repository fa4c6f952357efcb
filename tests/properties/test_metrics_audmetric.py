"""Metrics agree with audmetric to 1e-12, and differ only where its rules do, as stated here.

audmetric drops an answer outside the labels from its confusion table but keeps
it in the accuracy, and counts a class without references as 0.
"""

from __future__ import annotations

import audmetric
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from oracles.codes import EXAMPLES, TIGHT, Answers, answers, values

PER_CLASS = {
    "recall": audmetric.recall_per_class,
    "precision": audmetric.precision_per_class,
}


@EXAMPLES
@given(answers())
def test_accuracy_counts_unparsed_answers_as_wrong(asked: Answers) -> None:
    expected = audmetric.accuracy(asked.reference, asked.outside, labels=asked.labels)
    np.testing.assert_allclose(values(asked)["accuracy"], expected, **TIGHT)


@EXAMPLES
@given(answers(), st.sampled_from(sorted(PER_CLASS)))
def test_classes_of_the_parsed_answers(asked: Answers, name: str) -> None:
    expected = PER_CLASS[name](
        asked.reference, asked.outside, labels=asked.labels, zero_division=np.nan
    )
    ours = values(asked, unparsed="drop")[name]
    np.testing.assert_allclose(ours, list(expected.values()), **TIGHT)


@EXAMPLES
@given(answers(unparsed=False))
def test_unweighted_average_recall_over_the_classes_heard(asked: Answers) -> None:
    heard = sorted(set(asked.reference.tolist()))
    recall = audmetric.recall_per_class(asked.reference, asked.predicted, labels=asked.labels)
    expected = np.mean([recall[label] for label in heard])
    np.testing.assert_allclose(values(asked)["unweighted_accuracy"], expected, **TIGHT)


@EXAMPLES
@given(answers(unparsed=False))
def test_their_average_counts_absent_classes_as_zero(asked: Answers) -> None:
    """Their UAR over all K labels is ours times the share of classes that have references."""
    expected = audmetric.unweighted_average_recall(
        asked.reference, asked.predicted, labels=asked.labels
    )
    share = len(set(asked.reference.tolist())) / asked.classes
    ours = values(asked)
    np.testing.assert_allclose(ours["unweighted_accuracy"] * share, expected, **TIGHT)
    np.testing.assert_allclose(ours["recall_sum"] / asked.classes, expected, **TIGHT)


@EXAMPLES
@given(answers(unparsed=False))
def test_average_f_score_of_present_classes(asked: Answers) -> None:
    """Without labels audmetric averages over those that were heard or said."""
    expected = audmetric.unweighted_average_fscore(asked.reference, asked.predicted)
    ours = values(asked, zero_support="present")["macro_f1"]
    np.testing.assert_allclose(ours, expected, **TIGHT)


@EXAMPLES
@given(answers(unparsed=False))
def test_confusion_shares(asked: Answers) -> None:
    expected = np.array(
        audmetric.confusion_matrix(
            asked.reference, asked.predicted, labels=asked.labels, normalize=True
        )
    )
    recall = np.nan_to_num(values(asked)["recall"])
    np.testing.assert_allclose(np.nan_to_num(expected).diagonal(), recall, **TIGHT)
