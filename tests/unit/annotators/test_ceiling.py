"""Listeners as systems, in closed form: by hand, and vote by vote."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from equivoice.annotators import (
    VoteCounts,
    given_tables,
    left_out,
    left_out_credit,
    left_out_statistics,
    left_out_tables,
    listener_shares,
    plurality_shares,
    table_statistics,
)
from equivoice.errors import ConfigError
from equivoice.metrics import (
    FloatArray,
    Unparsed,
    classification_metrics,
    classification_statistics,
)
from equivoice.metrics.distribution import distribution_metrics, distribution_statistics
from equivoice.metrics.multilabel import chosen, multilabel_metrics, multilabel_statistics
from oracles.crowds import crowd, random_crowd, said


def score(tables: FloatArray, name: str = "accuracy") -> float:
    return float(classification_metrics()[name].finish(table_statistics(tables).sum(0)))


# ------------------------------------------------------------------------ one listener


def test_one_listener_answers_as_the_votes_do() -> None:
    counts = crowd([[3, 1], [0, 0], [0, 2]], other=[4, 1, 0])
    assert listener_shares(counts)[[0, 2]].tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert np.isnan(listener_shares(counts)[1]).all()
    counted = listener_shares(counts, other="count")
    assert counted.tolist() == [[0.375, 0.125, 0.5], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


def test_against_the_given_label_accuracy_is_the_share_of_votes_for_it() -> None:
    counts = crowd([[3, 1], [1, 1], [0, 4]])
    shares = np.append(listener_shares(counts), np.zeros((3, 1)), axis=1)
    tables, lost = given_tables(shares, np.array([0, 0, 1]))
    assert score(tables) == pytest.approx((0.75 + 0.5 + 1.0) / 3)
    assert lost.tolist() == [0, 0, 0]


def test_without_a_reference_or_without_votes_nothing_is_compared() -> None:
    shares = np.array([[0.5, 0.5, 0.0], [np.nan] * 3, [1.0, 0.0, 0.0]])
    tables, lost = given_tables(shares, np.array([-1, 0, 1]))
    assert tables.sum((1, 2)).tolist() == [0, 0, 1]
    assert lost.tolist() == [1, 0, 0]


# ------------------------------------------------------------------------ the crowd's plurality


def test_the_plurality_splits_its_ties_or_gives_no_answer() -> None:
    counts = crowd([[3, 1, 0], [2, 2, 1], [1, 1, 1], [0, 0, 0]])
    assert plurality_shares(counts)[:3].tolist() == [
        [1.0, 0.0, 0.0, 0.0],
        [0.5, 0.5, 0.0, 0.0],
        [pytest.approx(1 / 3)] * 3 + [0.0],
    ]
    silent = plurality_shares(counts, ties="no_answer")
    assert silent[:3].tolist() == [[1.0, 0, 0, 0], [0, 0, 0, 1.0], [0, 0, 0, 1.0]]
    for shares in (plurality_shares(counts), silent):
        assert np.isnan(shares[3]).all()


def test_none_of_the_labels_can_win_the_plurality_where_it_counts() -> None:
    counts = crowd([[2, 1], [1, 0]], other=[2, 3])
    assert plurality_shares(counts).tolist() == [[1, 0, 0], [1, 0, 0]]
    counted = plurality_shares(counts, other="count")
    assert counted.tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]
    silent = plurality_shares(counts, other="count", ties="no_answer")
    assert silent.tolist() == [[0, 0, 1], [0, 0, 1]]


def test_a_crowd_scores_at_least_as_well_as_its_listeners_where_most_are_right() -> None:
    counts = crowd([[3, 1], [2, 1], [5, 4]])
    reference = np.zeros(3, dtype=np.int64)
    crowd_score = score(given_tables(plurality_shares(counts), reference)[0])
    shares = np.append(listener_shares(counts), np.zeros((3, 1)), axis=1)
    assert crowd_score == 1.0 > score(given_tables(shares, reference)[0])


# ------------------------------------------------------------------------ left out


def test_each_answer_is_left_out_once_with_its_weight() -> None:
    found = {
        one.answer: (one.rows.tolist(), one.weight.tolist(), one.counts.tolist())
        for one in left_out(crowd([[3, 1], [0, 2], [0, 0]]))
    }
    assert found == {
        0: ([0], [0.75], [[2, 1]]),
        1: ([0, 1], [0.25, 1.0], [[3, 0], [0, 1]]),
    }


def test_leaving_out_changes_nothing_that_was_handed_in() -> None:
    counts = crowd([[3, 1], [0, 2]], other=[1, 0])
    before = counts.counts.copy(), counts.other.copy()
    for choice in ("leave_out", "count"):
        left_out_tables(counts, "majority", other=choice)
        list(left_out(counts, other=choice))
    assert (counts.counts == before[0]).all()
    assert (counts.other == before[1]).all()


def test_no_vote_is_compared_with_itself() -> None:
    """Held against all votes, one of two listeners is always half right; held out, never."""
    counts = crowd([[1, 1]] * 10)
    tables, lost = left_out_tables(counts, "plurality")
    assert score(tables) == 0.0
    assert lost.tolist() == [0.0] * 10
    shares = np.append(listener_shares(counts), np.zeros((10, 1)), axis=1)
    assert score(given_tables(shares, np.zeros(10, dtype=np.int64))[0]) == 0.5


def test_by_hand_with_three_answers() -> None:
    counts = crowd([[3, 2, 0]])
    tables, lost = left_out_tables(counts, "plurality")
    # angry left out: 2–2, no label; sad left out: 3–1, angry
    assert tables[0].tolist() == [[0, 0.4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert lost.tolist() == pytest.approx([0.6])
    credited, lost_credit = left_out_credit(counts, "plurality")
    # somebody else said the same in either case
    assert credited[0].tolist() == [[0.6, 0, 0, 0], [0, 0.4, 0, 0], [0, 0, 0, 0]]
    assert lost_credit.tolist() == [0.0]


def test_an_answer_that_nobody_shares_is_wrong_in_the_credited_reading() -> None:
    tables, lost = left_out_credit(crowd([[3, 1]]), "majority")
    assert tables[0].tolist() == [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]]
    assert lost.tolist() == [0.0]


def test_credit_never_makes_a_listener_worse() -> None:
    counts = random_crowd(300, 5, seed=2)
    for rule in ("majority", "plurality"):
        plain, credit = left_out_tables(counts, rule)[0], left_out_credit(counts, rule)[0]
        right = [np.trace(tables[:, :, :-1], axis1=1, axis2=2) for tables in (plain, credit)]
        assert (right[0] <= right[1] + 1e-12).all()
        assert score(plain) < score(credit)


def test_a_single_listener_has_no_others() -> None:
    tables, lost = left_out_tables(crowd([[1, 0], [0, 0]]), "plurality")
    assert tables.sum() == 0
    assert lost.tolist() == [1.0, 0.0]


def test_weights_and_what_is_lost_sum_to_one() -> None:
    counts = random_crowd(200, 4, votes=(0, 9), seed=1, other=3)
    for choice in ("leave_out", "count"):
        voted = [bool(answers) for answers in said(counts, with_other=choice == "count")]
        for make in (left_out_tables, left_out_credit):
            tables, lost = make(counts, "majority", other=choice)
            np.testing.assert_allclose(tables.sum((1, 2)) + lost, voted, atol=1e-12)
            assert (tables >= 0).all()


def test_none_of_the_labels_counts_among_the_others_and_as_an_answer() -> None:
    counts = crowd([[2, 0]], other=[2])
    tables, lost = left_out_tables(counts, "majority", other="count")
    # label left out: 1 of 3, no majority; none left out: 2 of 3 for the label
    assert tables[0].tolist() == [[0.0, 0.0, 0.5], [0.0, 0.0, 0.0]]
    assert lost.tolist() == [0.5]
    assert score(tables) == 0.0
    assert score(left_out_tables(counts, "majority")[0]) == 1.0


def test_an_unknown_rule_or_choice_is_refused() -> None:
    counts = crowd([[1, 2]])
    with pytest.raises(ConfigError, match="rule"):
        left_out_tables(counts, "loudest")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="ties"):
        plurality_shares(counts, ties="first")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="none of the labels"):
        listener_shares(counts, other="drop")  # type: ignore[arg-type]


# ------------------------------------------------------------------------ any statistics


def by_every_listener(counts: VoteCounts, name: str) -> list[float]:
    """Mean over listeners with others, by scipy and by hand."""
    found = []
    for answers in said(counts):
        values = []
        for place, answer in enumerate(answers):
            rest = [*answers[:place], *answers[place + 1 :]]
            others = np.bincount(rest, minlength=len(counts.labels)) / len(rest)
            own = np.eye(len(counts.labels))[answer]
            values.append(
                jensenshannon(others, own) ** 2
                if name == "jsd"
                else float(np.abs(others - own).sum() / 2)
            )
        found.append(float(np.mean(values)))
    return found


@pytest.mark.parametrize("name", ["jsd", "total_variation"])
def test_distances_of_one_listener_from_the_others(name: str) -> None:
    counts = random_crowd(25, 4, votes=(2, 7), seed=5)
    rows, lost = left_out_statistics(counts, distribution_statistics)
    metric = distribution_metrics()[name]
    np.testing.assert_allclose(metric.finish(rows), by_every_listener(counts, name), atol=1e-12)
    assert not lost.any()


def test_kld_of_a_listener_is_undefined_where_another_differs() -> None:
    rows, _ = left_out_statistics(crowd([[3, 0], [3, 1]]), distribution_statistics)
    assert float(distribution_metrics()["kld"].finish(rows[0])) == 0.0
    assert np.isnan(distribution_metrics()["kld"].finish(rows.sum(0)))


def test_multilabel_decisions_of_one_listener() -> None:
    """The others' labels above one third, against one label; every listener by himself."""
    counts = random_crowd(40, 3, votes=(2, 6), seed=6)

    def statistics(others: FloatArray, answer: FloatArray) -> FloatArray:
        return multilabel_statistics(chosen(others, "1/C"), answer > 0.5)

    rows, _ = left_out_statistics(counts, statistics)
    hit = wrong = missed = 0.0
    for answers in said(counts):
        for place, answer in enumerate(answers):
            rest = [*answers[:place], *answers[place + 1 :]]
            wanted = {k for k in range(3) if 3 * rest.count(k) > len(rest)}
            hit += (answer in wanted) / len(answers)
            wrong += (answer not in wanted) / len(answers)
            missed += len(wanted - {answer}) / len(answers)
    micro = float(multilabel_metrics()["multilabel_micro_f1"].finish(rows.sum(0)))
    assert micro == pytest.approx(2 * hit / (2 * hit + wrong + missed))


def test_listeners_without_others_are_counted() -> None:
    rows, lost = left_out_statistics(crowd([[1, 0], [0, 0], [2, 0]]), distribution_statistics)
    assert lost.tolist() == [1.0, 0.0, 0.0]
    assert rows[:, 0].tolist() == [0.0, 0.0, 1.0]


def test_without_any_vote_there_are_zeros_of_the_right_width() -> None:
    rows, lost = left_out_statistics(crowd([[0, 0]]), distribution_statistics)
    width = distribution_statistics(np.eye(2), np.eye(2)).shape[1]
    assert rows.tolist() == [[0.0] * width]
    assert lost.tolist() == [0.0]


# ------------------------------------------------------------------------ tables as sums


@pytest.mark.parametrize("unparsed", ["wrong", "drop", "extra_class"])
def test_whole_answers_have_the_sums_of_the_classification_metrics(unparsed: Unparsed) -> None:
    rng = np.random.default_rng(0)
    reference, predicted = rng.integers(0, 4, 100), rng.integers(-1, 4, 100)
    tables = np.zeros((100, 4, 5))
    tables[np.arange(100), reference, predicted] = 1.0  # −1 is the last column
    whole = classification_statistics(reference, predicted, 4, unparsed=unparsed)
    np.testing.assert_array_equal(
        table_statistics(tables, unparsed=unparsed), whole.table[whole.codes]
    )


def test_tables_add_up() -> None:
    counts = random_crowd(100, 4, seed=8)
    tables, _ = left_out_tables(counts, "plurality")
    groups = np.arange(100) % 2
    by_group = np.stack([table_statistics(tables[groups == g]).sum(0) for g in range(2)])
    metric = classification_metrics()["macro_f1"]
    for group in range(2):
        alone, _ = left_out_tables(counts.subset(groups == group), "plurality")
        assert float(metric.finish(by_group)[group]) == pytest.approx(score(alone, "macro_f1"))
