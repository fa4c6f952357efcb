"""Label sets: scikit-learn and loops agree with the sums, and nothing hangs on row or label order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from equivoice.fairness import gap_function
from equivoice.metrics import (
    FloatArray,
    chosen,
    multilabel_metrics,
    multilabel_statistics,
    smoothed,
)
from oracles.codes import EXAMPLES, TIGHT
from oracles.shares import (
    Sets,
    finished,
    label_sets,
    rates_with_zeros,
    resampled,
    rms_and_max_gap,
)

POLICIES = ("exclude", "present", "undefined", "zero")
ANY_POLICY = st.sampled_from(POLICIES)


def values(sets: Sets, zero_support: str = "exclude") -> dict[str, FloatArray]:
    statistics = multilabel_statistics(sets.reference, sets.predicted)
    return finished(multilabel_metrics(zero_support), statistics)


def theirs(sets: Sets) -> tuple[FloatArray, FloatArray]:
    """What scikit-learn calls multilabel indicators."""
    return sets.reference.astype(int), sets.predicted.astype(int)


# ---------------------------------------------------------------- scikit-learn


@EXAMPLES
@given(label_sets())
def test_f1_by_class_and_its_averages(sets: Sets) -> None:
    pair = theirs(sets)
    by_class = sk.f1_score(*pair, average=None, zero_division=np.nan)
    np.testing.assert_allclose(values(sets, "present")["multilabel_f1"], by_class, **TIGHT)
    supported = sets.reference.any(0)
    ours = values(sets)
    np.testing.assert_allclose(
        ours["multilabel_f1"], np.where(supported, by_class, np.nan), **TIGHT
    )
    if supported.any():
        expected = sk.f1_score(
            *pair, labels=np.flatnonzero(supported), average="macro", zero_division=0
        )
        np.testing.assert_allclose(ours["multilabel_macro_f1"], expected, **TIGHT)
    else:
        assert np.isnan(ours["multilabel_macro_f1"])


@EXAMPLES
@given(label_sets())
def test_macro_and_micro_f1_under_each_policy(sets: Sets) -> None:
    pair = theirs(sets)
    zero = sk.f1_score(*pair, average="macro", zero_division=0)
    np.testing.assert_allclose(values(sets, "zero")["multilabel_macro_f1"], zero, **TIGHT)
    present = sk.f1_score(*pair, average="macro", zero_division=np.nan)
    np.testing.assert_allclose(values(sets, "present")["multilabel_macro_f1"], present, **TIGHT)
    strict = zero if sets.reference.any(0).all() else np.nan
    np.testing.assert_allclose(values(sets, "undefined")["multilabel_macro_f1"], strict, **TIGHT)
    micro = sk.f1_score(*pair, average="micro", zero_division=np.nan)
    np.testing.assert_allclose(values(sets)["multilabel_micro_f1"], micro, **TIGHT)
    micro_zero = sk.f1_score(*pair, average="micro", zero_division=0)
    np.testing.assert_allclose(values(sets, "zero")["multilabel_micro_f1"], micro_zero, **TIGHT)


@EXAMPLES
@given(label_sets(), ANY_POLICY)
def test_recall_precision_and_exact_match(sets: Sets, zero_support: str) -> None:
    pair, ours = theirs(sets), values(sets, zero_support)
    empty = 0.0 if zero_support == "zero" else np.nan
    recall = sk.recall_score(*pair, average=None, zero_division=empty)
    precision = sk.precision_score(*pair, average=None, zero_division=empty)
    np.testing.assert_allclose(ours["multilabel_recall"], recall, **TIGHT)
    np.testing.assert_allclose(ours["multilabel_precision"], precision, **TIGHT)
    np.testing.assert_allclose(ours["exact_match"], sk.accuracy_score(*pair), **TIGHT)


@EXAMPLES
@given(label_sets())
def test_rates_from_their_tables(sets: Sets) -> None:
    ours = values(sets)
    tables = sk.multilabel_confusion_matrix(*theirs(sets)).tolist()
    for c, ((tn, fp), (fn, tp)) in enumerate(tables):
        assert ours["multilabel_selection_rate"][c] == pytest.approx(
            (tp + fp) / (tn + fp + fn + tp)
        )
        expected = fp / (fp + tn) if fp + tn else math.nan
        assert ours["multilabel_false_positive_rate"][c] == pytest.approx(expected, nan_ok=True)


@EXAMPLES
@given(label_sets())
def test_empty_sets_are_counted(sets: Sets) -> None:
    ours, n = values(sets), len(sets.reference)
    assert ours["empty_prediction"] * n == pytest.approx(
        sum(not any(row) for row in sets.predicted)
    )
    assert ours["empty_reference"] * n == pytest.approx(sum(not any(row) for row in sets.reference))


# ------------------------------------------------------------------ EMO-Debias


@EXAMPLES
@given(label_sets(fewest_classes=1, fewest_groups=2))
def test_gaps_are_emo_debias_written_out(sets: Sets) -> None:
    """Root mean square over classes and pairs of groups at once, 0/0 being 0 (methods.md §1)."""
    present = np.unique(sets.groups)
    if len(present) < 2:
        return
    codes = np.searchsorted(present, sets.groups)
    sets = Sets(sets.reference, sets.predicted, codes, len(present))
    statistics = multilabel_statistics(sets.reference, sets.predicted)
    sums = np.stack([statistics[sets.groups == group].sum(0) for group in range(sets.n_groups)])
    sums = np.concatenate([sums, sums.sum(0, keepdims=True)])
    metrics = multilabel_metrics("zero")
    written = rates_with_zeros(sets)
    names = {
        "tpr": "multilabel_recall",
        "fpr": "multilabel_false_positive_rate",
        "f1": "multilabel_f1",
        "selected": "multilabel_selection_rate",
    }
    for short, name in names.items():
        ours = metrics[name].finish(sums)
        np.testing.assert_allclose(ours, written[short], **TIGHT)
        rms, largest = rms_and_max_gap(written[short])
        width = (sets.classes,)
        assert float(gap_function(width, "rms", "rms")(ours)) == pytest.approx(rms, abs=1e-12)
        assert float(gap_function(width, "max", "max")(ours)) == pytest.approx(largest, abs=1e-12)
    overall = written["selected"][-1]
    parity = [
        max(abs(group[c] - overall[c]) for group in written["selected"][:-1])
        for c in range(sets.classes)
    ]
    selected = metrics["multilabel_selection_rate"].finish(sums)
    gap = gap_function((sets.classes,), "max_to_overall", "rms")(selected)
    assert float(gap) == pytest.approx(
        math.sqrt(sum(each**2 for each in parity) / len(parity)), abs=1e-12
    )


# ---------------------------------------------------------------- invariances


@EXAMPLES
@given(label_sets(fewest_classes=1), ANY_POLICY, st.integers(0, 1_000))
def test_the_order_of_items_does_not_count(sets: Sets, zero_support: str, seed: int) -> None:
    mixed = np.random.default_rng(seed).permutation(len(sets.reference))
    other = Sets(sets.reference[mixed], sets.predicted[mixed], sets.groups[mixed], sets.n_groups)
    for name, value in values(sets, zero_support).items():
        np.testing.assert_allclose(values(other, zero_support)[name], value, **TIGHT)


@EXAMPLES
@given(label_sets(fewest_classes=1), ANY_POLICY, st.integers(0, 1_000))
def test_labels_in_another_order_are_the_same_labels(
    sets: Sets, zero_support: str, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(sets.classes)
    other = Sets(sets.reference[:, order], sets.predicted[:, order], sets.groups, sets.n_groups)
    found = values(other, zero_support)
    for name, value in values(sets, zero_support).items():
        expected = value[order] if value.ndim else value
        np.testing.assert_allclose(found[name], expected, **TIGHT)


@EXAMPLES
@given(label_sets(fewest_classes=1), ANY_POLICY)
def test_everything_twice_changes_nothing(sets: Sets, zero_support: str) -> None:
    other = Sets(
        np.tile(sets.reference, (2, 1)),
        np.tile(sets.predicted, (2, 1)),
        np.tile(sets.groups, 2),
        sets.n_groups,
    )
    for name, value in values(sets, zero_support).items():
        np.testing.assert_allclose(values(other, zero_support)[name], value, **TIGHT)


@EXAMPLES
@given(label_sets(fewest_classes=1), ANY_POLICY, st.integers(0, 1_000))
def test_a_resample_is_scored_by_its_weights(sets: Sets, zero_support: str, seed: int) -> None:
    n = len(sets.reference)
    drawn = np.random.default_rng(seed).integers(0, n, n)
    sums = resampled(multilabel_statistics(sets.reference, sets.predicted), drawn)
    other = Sets(sets.reference[drawn], sets.predicted[drawn], sets.groups[drawn], sets.n_groups)
    expected = values(other, zero_support)
    for name, metric in multilabel_metrics(zero_support).items():
        np.testing.assert_allclose(metric.finish(sums), expected[name], **TIGHT)


@EXAMPLES
@given(label_sets(fewest_classes=1), ANY_POLICY)
def test_values_lie_in_their_range(sets: Sets, zero_support: str) -> None:
    found = values(sets, zero_support)
    for name, metric in multilabel_metrics(zero_support).items():
        known = found[name][~np.isnan(found[name])]
        assert ((metric.low <= known) & (known <= metric.high)).all(), name


# ------------------------------------------------------------------ thresholds


@EXAMPLES
@given(st.data(), st.integers(2, 16))
def test_smoothing_never_changes_a_decision_at_one_by_c(data: st.DataObject, classes: int) -> None:
    """methods.md §3, for votes of up to 20 people and any smoothing short of all alike."""
    votes = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 5), min_size=classes, max_size=classes).filter(any),
                min_size=1,
                max_size=10,
            )
        )
    )
    shares = votes / votes.sum(-1, keepdims=True)
    part = data.draw(st.floats(0, 0.9))
    for epsilon in (0.05, part * (classes - 1) / classes):
        softer = smoothed(shares, epsilon)
        assert chosen(softer, "1/C").tolist() == chosen(shares, "1/C").tolist()
    # the decision is that of whole numbers: C times the votes of a label against all votes
    exact = classes * votes > votes.sum(-1, keepdims=True)
    assert chosen(shares, "1/C").tolist() == exact.tolist()


@EXAMPLES
@given(st.data(), st.integers(1, 8))
def test_decisions_at_the_other_thresholds_are_those_of_whole_numbers(
    data: st.DataObject, classes: int
) -> None:
    votes = np.array(
        [data.draw(st.lists(st.integers(0, 9), min_size=classes, max_size=classes).filter(any))]
    )
    shares, total = votes / votes.sum(), votes.sum()
    assert chosen(shares, "0.5").tolist() == (2 * votes > total).tolist()
    if classes > 1:
        assert chosen(shares, "1/(C-1)").tolist() == ((classes - 1) * votes > total).tolist()
