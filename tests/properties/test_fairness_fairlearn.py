"""Group values and gaps agree with fairlearn to 1e-12."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fl
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from equivoice.fairness import gap_function
from oracles.codes import EXAMPLES, TIGHT, Answers, answers, group_values, values

Scorer = Callable[[np.ndarray, np.ndarray], float]

RATES: dict[str, Scorer] = {
    "recall": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "false_negative_rate": fl.false_negative_rate,
    "selection_rate": fl.selection_rate,
}


def with_every_class_in_every_group(asked: Answers) -> Answers:
    """One more right answer of each class in each group, so that no rate is 0 / 0."""
    classes = np.tile(np.arange(asked.classes), asked.n_groups)
    groups = np.repeat(np.arange(asked.n_groups), asked.classes)
    return Answers(
        asked.classes,
        np.concatenate([asked.reference, classes]),
        np.concatenate([asked.predicted, classes]),
        np.concatenate([asked.groups, groups]),
        asked.n_groups,
    )


def frame(asked: Answers, scorer: Scorer) -> fl.MetricFrame:
    return fl.MetricFrame(
        metrics=scorer,
        y_true=asked.reference,
        y_pred=asked.outside,
        sensitive_features=pd.Series(asked.groups),
    )


def with_all(asked: Answers, name: str, **policies: str) -> np.ndarray:
    """(G + 1, K): the values of the groups that are there, and of all together."""
    there = np.unique(asked.groups)
    by_group = group_values(asked, **policies)[name][there]
    together = values(asked, **policies)[name]
    return np.atleast_2d(np.concatenate([by_group, together[np.newaxis]]).T).T


@EXAMPLES
@given(answers(fewest_groups=2))
def test_accuracy_of_groups(asked: Answers) -> None:
    theirs = frame(asked, sk.accuracy_score)
    ours = group_values(asked)["accuracy"]
    for group, expected in theirs.by_group.items():
        assert ours[group] == pytest.approx(expected, abs=1e-12)
    empty = set(range(asked.n_groups)) - set(asked.groups.tolist())
    assert all(np.isnan(ours[group]) for group in empty)


def macro_f1(reference: np.ndarray, predicted: np.ndarray) -> float:
    heard = sorted(set(reference.tolist()))
    return float(sk.f1_score(reference, predicted, labels=heard, average="macro", zero_division=0))


@EXAMPLES
@given(
    answers(fewest_groups=2, most_items=40),
    st.sampled_from(["max", "max_to_overall"]),
    st.sampled_from(["accuracy", "macro_f1"]),
)
def test_gaps_of_scalars(asked: Answers, aggregator: str, name: str) -> None:
    scorer = {"accuracy": sk.accuracy_score, "macro_f1": macro_f1}[name]
    method = {"max": "between_groups", "max_to_overall": "to_overall"}[aggregator]
    gap = gap_function((1,), aggregator, "mean")(with_all(asked, name))
    if len(np.unique(asked.groups)) < 2:
        assert np.isnan(gap)  # fairlearn says 0 here: one group does not differ from itself
        return
    np.testing.assert_allclose(gap, frame(asked, scorer).difference(method=method), **TIGHT)


@EXAMPLES
@given(
    answers(fewest_groups=2, fewest_classes=2, most_classes=4, most_items=40),
    st.sampled_from(sorted(RATES)),
    st.sampled_from(["max", "max_to_overall"]),
)
def test_one_vs_rest_rates(asked: Answers, name: str, aggregator: str) -> None:
    asked = with_every_class_in_every_group(asked)
    method = {"max": "between_groups", "max_to_overall": "to_overall"}[aggregator]
    ours = with_all(asked, name)
    gaps = []
    for label in asked.labels:
        theirs = fl.MetricFrame(
            metrics=RATES[name],
            y_true=asked.reference == label,
            y_pred=asked.predicted == label,
            sensitive_features=pd.Series(asked.groups),
        )
        np.testing.assert_allclose(ours[:-1, label], theirs.by_group.to_numpy(), **TIGHT)
        np.testing.assert_allclose(ours[-1, label], theirs.overall, **TIGHT)
        gaps.append(theirs.difference(method=method))
    for over_classes, joined in (("mean", np.mean), ("max", np.max)):
        gap = gap_function((asked.classes,), aggregator, over_classes)(ours)
        np.testing.assert_allclose(gap, joined(gaps), **TIGHT)


@EXAMPLES
@given(answers(fewest_groups=2, fewest_classes=2, most_classes=2, unparsed=False))
def test_demographic_parity_difference(asked: Answers) -> None:
    asked = with_every_class_in_every_group(asked)
    expected = fl.demographic_parity_difference(
        asked.reference, asked.predicted, sensitive_features=pd.Series(asked.groups)
    )
    gap = gap_function((2,), "max", "max")(with_all(asked, "selection_rate"))
    np.testing.assert_allclose(gap, expected, **TIGHT)


@EXAMPLES
@given(
    answers(fewest_groups=2, fewest_classes=2, most_classes=2, unparsed=False),
    st.sampled_from(["worst_case", "mean"]),
)
def test_equalised_odds_of_the_positive_class(asked: Answers, agg: str) -> None:
    """Binary: fairlearn looks at class 1 only, and so does our gap of that class's two rates."""
    asked = with_every_class_in_every_group(asked)
    expected = fl.equalized_odds_difference(
        asked.reference, asked.predicted, sensitive_features=pd.Series(asked.groups), agg=agg
    )
    rates = np.hstack([with_all(asked, name)[:, [1]] for name in ("recall", "false_positive_rate")])
    combine = "max" if agg == "worst_case" else "mean"
    gap = gap_function((1, 1), "max", "mean", combine)(rates)
    np.testing.assert_allclose(gap, expected, **TIGHT)


@EXAMPLES
@given(answers(fewest_groups=2, fewest_classes=2, most_classes=2, unparsed=False))
def test_equalised_odds_of_both_classes_is_no_smaller(asked: Answers) -> None:
    """Of two classes one's recall is 1 − the other's false positive rate: the gaps are the same."""
    asked = with_every_class_in_every_group(asked)
    expected = fl.equalized_odds_difference(
        asked.reference, asked.predicted, sensitive_features=pd.Series(asked.groups)
    )
    rates = np.hstack([with_all(asked, name) for name in ("recall", "false_positive_rate")])
    gap = gap_function((2, 2), "max", "max", "max")(rates)
    np.testing.assert_allclose(gap, expected, **TIGHT)


@EXAMPLES
@given(answers(fewest_groups=2, fewest_classes=2, most_classes=2, unparsed=False))
def test_equal_opportunity_difference(asked: Answers) -> None:
    asked = with_every_class_in_every_group(asked)
    expected = fl.equal_opportunity_difference(
        asked.reference, asked.predicted, sensitive_features=pd.Series(asked.groups)
    )
    gap = gap_function((1,), "max", "mean")(with_all(asked, "recall")[:, [1]])
    np.testing.assert_allclose(gap, expected, **TIGHT)
