"""Half the crowd against the other half: every half counted, ties, seeds and what is lost."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest

from equivoice.annotators import half_statistics, half_tables, halves
from equivoice.errors import ConfigError
from equivoice.metrics.distribution import distribution_metrics, distribution_statistics
from oracles.crowds import as_array, crowd, half_table, random_crowd, said


def test_halves_are_halves_of_the_votes() -> None:
    counts = random_crowd(200, 5, votes=(0, 13), seed=0, other=3)
    for choice in ("leave_out", "count"):
        votes = counts.counts
        if choice == "count":
            votes = np.append(votes, counts.other[:, np.newaxis], axis=1)
        for half in halves(counts, draws=5, seed=1, other=choice):
            assert (half.answering >= 0).all()
            assert (half.reference >= 0).all()
            assert (half.answering + half.reference == votes).all()
            assert (half.answering.sum(-1) == votes.sum(-1) // 2).all()


def test_each_half_is_as_likely_as_another() -> None:
    """The number of the first label in a half of 4 of 9 votes is hypergeometric."""
    counts = crowd([[5, 3, 1]])
    drawn = np.array([half.answering[0] for half in halves(counts, draws=4000, seed=2)])
    for label, many in enumerate((5, 3, 1)):
        for number in range(min(many, 4) + 1):
            expected = comb(many, number) * comb(9 - many, 4 - number) / comb(9, 4)
            seen = (drawn[:, label] == number).mean()
            assert abs(seen - expected) < 4.5 * sqrt(expected * (1 - expected) / 4000)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    counts = random_crowd(50, 4, seed=3)
    short, long = (half_tables(counts, "majority", draws=n, seed=7) for n in (3, 9))
    assert (long.predicted[:3] == short.predicted).all()
    assert (long.reference[:3] == short.reference).all()
    other = half_tables(counts, "majority", draws=3, seed=8)
    assert (other.predicted != short.predicted).any()


@pytest.mark.parametrize("rule", ["majority", "plurality"])
@pytest.mark.parametrize("ties", ["random", "no_answer"])
@pytest.mark.parametrize("choice", ["leave_out", "count"])
def test_mean_tables_are_those_of_all_halves(rule: str, ties: str, choice: str) -> None:
    counts = crowd(
        [[4, 2, 1], [2, 2, 2], [3, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]],
        other=[1, 0, 2, 1, 0, 1],
    )
    draws = 3000
    found = half_tables(counts, rule, draws=draws, seed=0, ties=ties, other=choice)  # type: ignore[arg-type]
    tables, lost = found.tables()
    for item, answers in enumerate(said(counts, with_other=choice == "count")):
        expected, gone = half_table(answers, rule, silent_ties=ties == "no_answer")
        cells = as_array(expected, 3)
        error = np.sqrt(cells * (1 - cells) / draws)
        assert (np.abs(tables[item] - cells) <= 4.5 * error + 1e-12).all()
        assert abs(lost[item] - (float(gone) if answers else 0.0)) < 4.5 * sqrt(0.25 / draws)


def test_a_crowd_of_one_mind_is_always_right() -> None:
    found = half_tables(crowd([[6, 0], [0, 7]]), "majority", draws=20)
    assert (found.predicted == found.reference).all()
    assert (found.predicted == [0, 1]).all()


def test_fewer_than_two_votes_have_no_halves() -> None:
    found = half_tables(crowd([[1, 0], [0, 0], [1, 1]]), "plurality", draws=10)
    assert (found.reference[:, :2] == -1).all()
    assert (found.predicted[:, :2] == -1).all()
    assert (found.reference[:, 2] >= 0).all()
    tables, lost = found.tables()
    assert tables[:2].sum() == 0
    assert lost.tolist() == [1.0, 0.0, 0.0]


def test_ties_of_the_answering_half_are_broken_evenly() -> None:
    """Two and two: half of two listeners who differ answers either, and so does the rest not."""
    found = half_tables(crowd([[40, 40]]), "plurality", draws=2000, seed=4)
    assert abs((found.predicted == 0).mean() - 0.5) < 4.5 * sqrt(0.25 / 2000)
    silent = half_tables(crowd([[40, 40]]), "plurality", draws=2000, seed=4, ties="no_answer")
    tied = silent.predicted == -1
    assert (tied == (silent.reference == -1)).all()  # 20 of 40 each leaves 20 of each
    expected = comb(40, 20) ** 2 / comb(80, 40)
    assert abs(tied.mean() - expected) < 4.5 * sqrt(expected / 2000)


def test_votes_for_none_of_the_labels_can_be_the_answer() -> None:
    counts = crowd([[4, 0]], other=[6])
    found = half_tables(counts, "plurality", draws=300, other="count")
    assert (found.predicted == -1).any()
    assert set(found.reference[:, 0].tolist()) <= {-1, 0}
    assert (half_tables(counts, "plurality", draws=20).predicted == 0).all()


@pytest.mark.parametrize("draws", [0, -3])
def test_without_a_draw_there_is_nothing(draws: int) -> None:
    counts = crowd([[1, 1]])
    with pytest.raises(ConfigError, match="at least one draw"):
        half_tables(counts, "majority", draws=draws)
    with pytest.raises(ConfigError, match="at least one draw"):
        half_statistics(counts, distribution_statistics, draws=draws)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match="ties"):
        half_tables(crowd([[1, 1]]), "majority", ties="first")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="none of the labels"):
        half_tables(crowd([[1, 1]]), "majority", other="drop")  # type: ignore[arg-type]


# ------------------------------------------------------------------------ statistics


def test_distances_between_halves() -> None:
    """Two against one of (2, 1): the answering one is the first label in two of three draws."""
    counts = crowd([[2, 1], [1, 0], [3, 3]])
    draws = 3000
    rows = half_statistics(counts, distribution_statistics, draws=draws, seed=5)
    values = distribution_metrics()["total_variation"].finish(rows)
    # the first: rest (1, 1) against (1, 0): 1/2; the second: rest (2, 0) against (0, 1): 1
    assert abs(values[0] - (2 * 0.5 + 1) / 3) < 4.5 * sqrt(2 / 9 * 0.25 / draws)
    assert np.isnan(values[1])
    # 3 of (3, 3): k of the first against 3 − k, which differ by |2k − 3| / 3
    expected = (2 * 1 * 1.0 + 2 * 9 / 3) / 20
    assert abs(values[2] - expected) < 4.5 * sqrt(0.25 / draws)
    assert rows[:, 0].tolist() == pytest.approx([1.0, 0.0, 1.0])


def test_statistics_of_nobody_are_zeros() -> None:
    rows = half_statistics(crowd([[1, 0], [0, 0]]), distribution_statistics, draws=2)
    width = distribution_statistics(np.eye(2), np.eye(2)).shape[1]
    assert rows.shape == (2, width)
    assert not rows.any()
