"""The score of the expected table and the expected score: two numbers, each by its name."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import f1_score

from equivoice.annotators import (
    VoteCounts,
    expected_score_by_simulation,
    given_tables,
    half_scores,
    half_tables,
    left_out_tables,
    listener_shares,
)
from equivoice.annotators.halves import HalfTables
from equivoice.errors import ConfigError
from equivoice.metrics import FloatArray, classification_metrics
from oracles.crowds import Table, as_array, crowd, left_out_table, outcomes, random_crowd, said

METRICS = classification_metrics()
NEAR = 4.5
"""Standard errors; seeds are fixed, so that what passes passes always."""


def against(counts: VoteCounts, reference: list[int]) -> FloatArray:
    shares = np.append(listener_shares(counts), np.zeros((len(reference), 1)), axis=1)
    return given_tables(shares, np.array(reference))[0]


def exact_macro_f1(tables: list[Table]) -> float:
    """Over every way in which one listener an utterance can answer, by scikit-learn."""
    total = 0.0
    for likely, references, answers in outcomes(tables):
        total += float(likely) * f1_score(
            references, answers, labels=sorted(set(references)), average="macro", zero_division=0
        )
    return total


def test_two_utterances_by_hand() -> None:
    """Both right 1, both wrong 0, one right 1/3 either way: 5/12; the table itself has 1/2."""
    found = expected_score_by_simulation(
        against(crowd([[1, 1], [1, 1]]), [0, 1]), METRICS["macro_f1"], draws=4000
    )
    assert float(found.of_expected_table[0]) == 0.5
    exact = float(Fraction(1, 4) * (1 + Fraction(1, 3) + Fraction(1, 3)))
    assert abs(float(found.expected[0]) - exact) < NEAR * float(found.error[0])
    assert abs(0.5 - exact) > NEAR * float(found.error[0])  # they are told apart


@pytest.mark.parametrize("seed", range(3))
def test_expected_macro_f1_is_that_of_all_listeners(seed: int) -> None:
    counts = random_crowd(5, 3, votes=(2, 4), seed=seed)
    reference = [0, 1, 2, 0, 1]
    by_hand: list[Table] = []
    for wanted, answers in zip(reference, said(counts), strict=True):
        table: Table = {}
        for answer in answers:
            share = table.get((wanted, answer), Fraction(0)) + Fraction(1, len(answers))
            table[wanted, answer] = share
        by_hand.append(table)
    found = expected_score_by_simulation(
        against(counts, reference), METRICS["macro_f1"], draws=3000, seed=seed
    )
    exact = exact_macro_f1(by_hand)
    assert abs(float(found.expected[0]) - exact) < NEAR * float(found.error[0]) + 1e-12


def test_utterances_without_a_reference_are_out_of_the_draw() -> None:
    """Of left-out listeners: those whose others tie are absent, and not wrong."""
    counts = crowd([[3, 0], [3, 2], [2, 1], [1, 2], [0, 3]])
    tables, lost = left_out_tables(counts, "plurality")
    assert lost.sum() > 1
    by_hand = [left_out_table(answers, "plurality")[0] for answers in said(counts)]
    for table, ours in zip(by_hand, tables, strict=True):
        np.testing.assert_allclose(ours, as_array(table, 2), atol=1e-12)
    found = expected_score_by_simulation(tables, METRICS["macro_f1"], draws=4000)
    exact = exact_macro_f1(by_hand)
    assert abs(float(found.expected[0]) - exact) < NEAR * float(found.error[0])


def test_of_accuracy_both_are_the_same() -> None:
    counts = random_crowd(80, 4, seed=3)
    reference = (np.arange(80) % 4).tolist()
    found = expected_score_by_simulation(
        against(counts, reference), METRICS["accuracy"], draws=2000
    )
    difference = float(found.expected[0] - found.of_expected_table[0])
    assert abs(difference) < NEAR * float(found.error[0])
    share = np.mean([a.count(r) / len(a) for a, r in zip(said(counts), reference, strict=True)])
    assert float(found.of_expected_table[0]) == pytest.approx(share)


def test_the_difference_shrinks_with_the_number_of_utterances() -> None:
    """Of order 1 / n: ten times the utterances, a tenth of the difference."""
    gaps = []
    for copies in (1, 10):
        rows = [[3, 1], [1, 1], [1, 3], [2, 2]] * copies
        tables = against(crowd(rows), [0, 0, 1, 1] * copies)
        found = expected_score_by_simulation(tables, METRICS["macro_f1"], draws=6000, seed=1)
        gaps.append(float(found.of_expected_table[0] - found.expected[0]))
        assert float(found.error[0]) < 0.004
    assert gaps[0] > 0.02
    assert gaps[1] < gaps[0] / 5


def test_error_is_spread_over_the_root_of_draws() -> None:
    tables = against(random_crowd(50, 3, seed=2), [0, 1] * 25)
    few = expected_score_by_simulation(tables, METRICS["macro_f1"], draws=100)
    many = expected_score_by_simulation(tables, METRICS["macro_f1"], draws=2500)
    assert (few.draws, many.draws) == (100, 2500)
    assert float(many.error[0]) == pytest.approx(float(many.spread[0]) / 50)
    assert float(few.error[0] / many.error[0]) == pytest.approx(5, rel=0.3)


def test_the_spread_of_accuracy_is_binomial() -> None:
    tables = against(crowd([[1, 1]] * 100), [0] * 100)
    found = expected_score_by_simulation(tables, METRICS["accuracy"], draws=2000)
    assert float(found.spread[0]) == pytest.approx(0.05, rel=0.1)


def test_groups_are_scored_apart_and_the_unknown_left_out() -> None:
    counts = random_crowd(90, 3, seed=5)
    reference = (np.arange(90) % 3).tolist()
    tables = against(counts, reference)
    groups = np.arange(90) // 30 - 1  # the first thirty have none
    found = expected_score_by_simulation(
        tables, METRICS["macro_f1"], draws=500, groups=groups, n_groups=3
    )
    for group in range(2):
        alone = expected_score_by_simulation(
            tables[groups == group], METRICS["macro_f1"], draws=500, seed=9
        )
        assert float(found.of_expected_table[group]) == pytest.approx(
            float(alone.of_expected_table[0])
        )
        both = np.hypot(found.error[group], alone.error[0])
        assert abs(float(found.expected[group] - alone.expected[0])) < NEAR * both
    assert np.isnan([found.of_expected_table[2], found.expected[2]]).all()  # nobody in it


def test_a_metric_by_class_has_a_score_of_each() -> None:
    tables = against(crowd([[3, 1], [1, 1]] * 20), [0, 1] * 20)
    found = expected_score_by_simulation(tables, METRICS["recall"], draws=300)
    assert found.expected.shape == (1, 2)
    assert found.of_expected_table[0].tolist() == pytest.approx([0.75, 0.5])
    assert (np.abs(found.expected - found.of_expected_table) < NEAR * found.error).all()


def test_the_same_seed_gives_the_same_numbers() -> None:
    tables = against(random_crowd(20, 3, seed=1), [0, 1] * 10)
    one, same, another = (
        expected_score_by_simulation(tables, METRICS["macro_f1"], draws=20, seed=seed)
        for seed in (1, 1, 2)
    )
    assert one.expected.tolist() == same.expected.tolist() != another.expected.tolist()


def test_certain_answers_have_no_error() -> None:
    found = expected_score_by_simulation(
        against(crowd([[4, 0], [0, 4]] * 200), [0, 1] * 200), METRICS["macro_f1"], draws=50
    )
    assert [float(v[0]) for v in (found.expected, found.error, found.spread)] == [1.0, 0.0, 0.0]


def test_one_draw_has_no_error_and_none_is_refused() -> None:
    tables = against(crowd([[1, 1]]), [0])
    found = expected_score_by_simulation(tables, METRICS["accuracy"], draws=1)
    assert float(found.expected[0]) in {0.0, 1.0}
    assert np.isnan(found.error).all()
    with pytest.raises(ConfigError, match="at least one draw"):
        expected_score_by_simulation(tables, METRICS["accuracy"], draws=0)


def test_without_any_weight_there_is_no_score() -> None:
    found = expected_score_by_simulation(np.zeros((3, 2, 3)), METRICS["macro_f1"], draws=5)
    assert np.isnan([found.of_expected_table[0], found.expected[0]]).all()


def test_answers_without_a_label_are_wrong_or_dropped() -> None:
    counts = crowd([[2, 0], [0, 2]] * 10, other=[2] * 20)
    tables, _ = given_tables(listener_shares(counts, other="count"), np.array([0, 1] * 10))
    wrong = expected_score_by_simulation(tables, METRICS["accuracy"], draws=200)
    assert float(wrong.of_expected_table[0]) == 0.5
    dropped = classification_metrics(unparsed="drop")["accuracy"]
    found = expected_score_by_simulation(tables, dropped, draws=200, unparsed="drop")
    assert [float(found.of_expected_table[0]), float(found.expected[0])] == [1.0, 1.0]


# ------------------------------------------------------------------------ halves


def test_scores_of_halves_are_means_over_draws() -> None:
    counts = random_crowd(40, 3, votes=(2, 9), seed=4)
    half = half_tables(counts, "plurality", draws=30)
    found = half_scores(half, METRICS["macro_f1"])
    scores = []
    for predicted, reference in zip(half.predicted, half.reference, strict=True):
        known = reference >= 0
        labels = np.unique(reference[known])
        scores.append(
            f1_score(
                reference[known], predicted[known], labels=labels, average="macro", zero_division=0
            )
        )
    assert float(found.expected[0]) == pytest.approx(np.mean(scores))
    assert float(found.spread[0]) == pytest.approx(np.std(scores, ddof=1))
    assert float(found.error[0]) == pytest.approx(np.std(scores, ddof=1) / np.sqrt(30))


def test_the_mean_table_of_halves_is_not_the_mean_score() -> None:
    half = HalfTables(
        predicted=np.array([[0, 0], [1, 1]]),
        reference=np.array([[0, 1], [0, 1]]),
        voted=np.array([True, True]),
        n_labels=2,
    )
    found = half_scores(half, METRICS["macro_f1"])
    assert float(found.of_expected_table[0]) == 0.5
    assert float(found.expected[0]) == pytest.approx(1 / 3)


def test_half_the_crowd_does_better_than_one_listener() -> None:
    counts = random_crowd(400, 4, votes=(8, 10), seed=6)
    half = half_scores(half_tables(counts, "plurality", draws=20), METRICS["accuracy"])
    tables, _ = left_out_tables(counts, "plurality")
    one = expected_score_by_simulation(tables, METRICS["accuracy"], draws=20)
    assert float(half.expected[0]) > float(one.expected[0]) + 10 * float(one.error[0])


def test_groups_of_halves() -> None:
    counts = random_crowd(60, 3, votes=(4, 8), seed=7)
    half = half_tables(counts, "majority", draws=15)
    groups = np.arange(60) % 2
    found = half_scores(half, METRICS["accuracy"], groups=groups, n_groups=2)
    for group in range(2):
        own = HalfTables(
            half.predicted[:, groups == group],
            half.reference[:, groups == group],
            half.voted[groups == group],
            3,
        )
        alone = half_scores(own, METRICS["accuracy"])
        assert float(found.expected[group]) == pytest.approx(float(alone.expected[0]))
        assert float(found.of_expected_table[group]) == pytest.approx(
            float(alone.of_expected_table[0])
        )
