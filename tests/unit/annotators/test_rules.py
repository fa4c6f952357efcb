"""Rules that make labels of votes: known answers of methods.md §3, and each reason to drop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from equivoice.annotators.counts import OTHER, Ratings, VoteCounts
from equivoice.annotators.dawid_skene import dawid_skene
from equivoice.annotators.rules import (
    REASONS,
    RULES,
    STRATA,
    aggregate,
    check_rule,
    strata,
    winners,
)
from equivoice.errors import ConfigError, VotesError
from equivoice.metrics.multilabel import chosen
from oracles.plain_votes import elected, stratum

BY_COUNTS = ("majority", "plurality", "all_inclusive")


def votes(table: list[list[int]], other: list[int] | None = None) -> VoteCounts:
    rows = np.array(table, dtype=np.int64)
    none = np.zeros(len(rows), dtype=np.int64) if other is None else np.array(other)
    labels = ("neutral", "angry", "sad", "happy", "fear")[: rows.shape[1]]
    return VoteCounts(tuple(f"u{i}" for i in range(len(rows))), labels, rows, none)


ASSNA = votes([[1, 2, 2, 0]])
"""methods.md §3: the votes (A, S, S, N, A) in the order (N, A, S, H)."""


# -------------------------------------------------------------- known answers


def test_the_example_of_the_methods() -> None:
    made = aggregate(ASSNA, "all_inclusive")
    assert made.shares.tolist() == [[0.2, 0.4, 0.4, 0.0]]
    assert made.kept.tolist() == [True]
    assert made.label.tolist() == [-1]  # no single most frequent label
    assert chosen(made.shares, "1/C").tolist() == [[False, True, True, False]]
    for rule, why in (("majority", "no label above half"), ("plurality", "tie")):
        dropped = aggregate(ASSNA, rule)
        assert dropped.kept.tolist() == [False]
        assert dropped.why == (why,)
        assert dropped.label.tolist() == [-1]
        assert np.isnan(dropped.shares).all()


def test_smoothing_of_a_target() -> None:
    """methods.md §3: C = 9 and ε = .05 give .95 and .00625."""
    one = VoteCounts(
        ("u",), tuple("abcdefghi"), np.eye(9, dtype=np.int64)[:1] * 5, np.zeros(1, int)
    )
    for rule in BY_COUNTS:
        made = aggregate(one, rule, smoothing=0.05)
        np.testing.assert_allclose(made.shares, [[0.95] + [0.00625] * 8], atol=1e-15)
        assert made.label.tolist() == [0]


def test_smoothing_leaves_dropped_items_undefined_and_labels_as_they_are() -> None:
    table = votes([[3, 1, 1], [2, 2, 0], [0, 0, 0]])
    plain, smooth = aggregate(table, "plurality"), aggregate(table, "plurality", smoothing=0.2)
    assert plain.label.tolist() == smooth.label.tolist() == [0, -1, -1]
    assert np.isnan(smooth.shares).all(1).tolist() == [False, True, True]
    np.testing.assert_allclose(smooth.shares[0], [0.8, 0.1, 0.1], atol=1e-15)


def test_majority_is_more_than_half_and_not_half() -> None:
    made = aggregate(votes([[2, 2, 0], [3, 2, 1], [3, 2, 0], [1, 0, 0], [0, 0, 2]]), "majority")
    assert made.label.tolist() == [-1, -1, 0, 0, 2]
    assert made.why == ("no label above half", "no label above half", None, None, None)
    assert made.dropped() == {"no label above half": 2}


def test_plurality_is_a_single_maximum() -> None:
    made = aggregate(votes([[2, 2, 1], [2, 1, 1], [1, 1, 1], [0, 0, 0]]), "plurality")
    assert made.label.tolist() == [-1, 0, -1, -1]
    assert made.dropped() == {"no vote": 1, "tie": 2}
    assert made.shares[1].tolist() == [1.0, 0.0, 0.0]


def test_all_inclusive_keeps_everything_that_has_a_vote() -> None:
    made = aggregate(votes([[2, 2, 0], [0, 0, 0], [0, 1, 0]]), "all_inclusive")
    assert made.kept.tolist() == [True, False, True]
    assert made.label.tolist() == [-1, -1, 1]
    assert made.why == (None, "no vote", None)
    assert made.shares[0].tolist() == [0.5, 0.5, 0.0]


def test_every_small_table_is_elected_as_fractions_elect_it() -> None:
    """All 4^3 · 4 ways in which up to three raters vote a label: counts 0 to 3, none 0 to 3."""
    every = list(itertools.product(range(4), repeat=4))
    table = votes([list(row[:3]) for row in every], [row[3] for row in every])
    for rule, count in itertools.product(("majority", "plurality"), (False, True)):
        found = winners(table.counts, table.other, rule, count_other=count)
        assert found.tolist() == [
            elected(row[:3], rule, row[3] if count else 0) for row in every
        ], (rule, count)


def test_thirds_and_halves_are_exact() -> None:
    """Shares that no float holds exactly: 1/3 of 3 × 10^15 votes is not more than 1/3."""
    big = 10**15
    assert winners(np.array([[big, big, big]]), np.zeros(1, int), "plurality").tolist() == [-1]
    assert winners(np.array([[big + 1, big, 0]]), np.zeros(1, int), "majority").tolist() == [0]
    assert winners(np.array([[big, big, 0]]), np.zeros(1, int), "majority").tolist() == [-1]
    assert strata(votes([[2 * big, big]])) == ("two thirds or more",)
    assert strata(votes([[2 * big - 1, big + 1]])) == ("more than half",)


# ------------------------------------------------------- votes for none of the labels


@pytest.mark.parametrize(
    ("other", "rule", "label", "why"),
    [
        # three angry, two sad, four for none of them
        ("leave_out", "majority", 0, None),
        ("leave_out", "plurality", 0, None),
        ("count", "majority", -1, "no label above half"),
        ("count", "plurality", -1, "none of the labels won"),
    ],
)
def test_votes_for_none_of_the_labels(other: str, rule: str, label: int, why: str | None) -> None:
    made = aggregate(votes([[3, 2]], [4]), rule, other=other)  # type: ignore[arg-type]
    assert made.label.tolist() == [label]
    assert made.why == (why,)


def test_none_of_the_labels_can_win_and_tie() -> None:
    table = votes([[1, 0], [2, 1], [2, 1]], [2, 2, 1])
    assert aggregate(table, "plurality", other="count").why == (
        "none of the labels won",
        "tie",
        None,
    )
    assert aggregate(table, "majority", other="count").why == (
        "none of the labels won",
        "no label above half",
        "no label above half",
    )
    assert aggregate(table, "plurality").why == (None, None, None)


def test_half_of_the_votes_for_none_is_no_majority_of_them() -> None:
    table = votes([[1, 1], [1, 1]], [2, 3])
    assert aggregate(table, "majority", other="count").why == (
        "no label above half",
        "none of the labels won",
    )


def test_votes_that_are_left_out_give_no_reason() -> None:
    table = votes([[1, 1]], [5])
    assert aggregate(table, "majority").why == ("no label above half",)
    assert aggregate(table, "plurality").why == ("tie",)


@pytest.mark.parametrize("other", ["leave_out", "count"])
@pytest.mark.parametrize("rule", BY_COUNTS)
def test_only_votes_for_none_is_another_reason_than_no_vote(rule: str, other: str) -> None:
    made = aggregate(votes([[0, 0], [0, 0]], [3, 0]), rule, other=other)  # type: ignore[arg-type]
    assert made.why == ("only votes for none of the labels", "no vote")
    assert np.isnan(made.shares).all()


def test_shares_out_of_all_votes() -> None:
    table = votes([[3, 1]], [4])
    assert aggregate(table, "all_inclusive").shares.tolist() == [[0.75, 0.25]]
    counted = aggregate(table, "all_inclusive", other="count")
    assert counted.shares.tolist() == [[0.375, 0.125]]
    assert counted.kept.tolist() == [True]
    assert counted.label.tolist() == [-1]


# -------------------------------------------------------------- weighted raters


def named(triples: list[tuple[int, int, int]], items: int, raters: int) -> Ratings:
    item, rater, label = np.array(triples, dtype=np.int64).T
    return Ratings(
        tuple(f"u{i}" for i in range(items)),
        ("angry", "sad"),
        tuple(f"r{i}" for i in range(raters)),
        item,
        rater,
        label,
        np.ones(len(item), dtype=np.int64),
    )


def test_a_reliable_rater_outvotes_two_who_always_say_the_same() -> None:
    """r0 and r1 agree on 20 items; r2 and r3 say 0 whatever they hear; on u20, r0 stands alone."""
    triples = [(i, r, i % 2) for i in range(20) for r in (0, 1)]
    triples += [(i, r, 0) for i in range(20) for r in (2, 3)]
    triples += [(20, 0, 1), (20, 2, 0), (20, 3, 0)]
    given = named(triples, 22, 4)
    weighted, counted = aggregate(given, "dawid_skene"), aggregate(given, "majority")
    assert counted.label[20] == 0
    assert weighted.label[20] == 1
    assert weighted.label[:20].tolist() == [i % 2 for i in range(20)]
    assert weighted.why[21] == "no vote"
    np.testing.assert_array_equal(weighted.shares[:21], dawid_skene(given).posterior[:21])
    assert weighted.kept.tolist() == [True] * 21 + [False]


def test_an_even_posterior_is_a_tie() -> None:
    made = aggregate(named([(0, 0, 0), (0, 1, 1)], 1, 2), "dawid_skene")
    assert made.why == ("tie",)
    assert made.label.tolist() == [-1]
    assert np.isnan(made.shares).all()


def test_a_posterior_is_smoothed_too() -> None:
    given = named([(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 1)], 2, 2)
    plain, smooth = aggregate(given, "dawid_skene"), aggregate(given, "dawid_skene", smoothing=0.1)
    np.testing.assert_allclose(smooth.shares, 0.9 * plain.shares + 0.1 * (1 - plain.shares))


@pytest.mark.parametrize("other", ["leave_out", "count"])
def test_votes_for_none_with_weighted_raters(other: str) -> None:
    triples = [(i, r, i % 2) for i in range(6) for r in range(3)]
    given = named([*triples, (0, 3, OTHER), (6, 3, OTHER)], 7, 4)
    made = aggregate(given, "dawid_skene", other=other)  # type: ignore[arg-type]
    assert made.label.tolist() == [0, 1, 0, 1, 0, 1, -1]
    assert made.why[6] == "only votes for none of the labels"


def test_counts_have_no_raters_to_weight() -> None:
    with pytest.raises(VotesError, match="counts without raters") as caught:
        aggregate(ASSNA, "dawid_skene")
    assert caught.value.choices == ("majority", "plurality", "all_inclusive")


# ---------------------------------------------------------------------- strata


def test_strata_by_hand() -> None:
    table = votes([[5, 0, 0], [4, 2, 0], [3, 2, 0], [2, 1, 1], [2, 2, 1], [0, 0, 0], [1, 0, 0]])
    assert strata(table) == (
        "all agree",
        "two thirds or more",
        "more than half",
        "a plurality",
        "a tie",
        None,
        "all agree",
    )


def test_strata_of_every_small_table() -> None:
    every = list(itertools.product(range(5), repeat=3))
    found = strata(votes([list(row) for row in every]))
    assert list(found) == [stratum(row) for row in every]
    assert set(found) == {*STRATA, None}


def test_strata_with_none_of_the_labels_as_an_answer() -> None:
    table = votes([[4, 0], [0, 0], [2, 0]], [2, 3, 2])
    assert strata(table) == ("all agree", None, "all agree")
    assert strata(table, other="count") == ("two thirds or more", "all agree", "a tie")


def test_strata_and_rules_agree_on_what_they_see() -> None:
    every = votes([list(row) for row in itertools.product(range(4), repeat=3)])
    level = np.array([STRATA.index(name) if name else 9 for name in strata(every)])
    np.testing.assert_array_equal(aggregate(every, "majority").kept, level <= 2)
    np.testing.assert_array_equal(aggregate(every, "plurality").kept, level <= 3)
    np.testing.assert_array_equal(aggregate(every, "all_inclusive").kept, level <= 4)


# ---------------------------------------------------------------------- misuse


def test_the_rules_by_name() -> None:
    assert RULES == ("majority", "plurality", "all_inclusive", "dawid_skene")
    for rule in RULES:
        check_rule(rule)
    with pytest.raises(ConfigError, match="unknown rule: 'consensus'") as caught:
        aggregate(ASSNA, "consensus")
    assert caught.value.choices == RULES


def test_unknown_policies() -> None:
    with pytest.raises(ConfigError, match="votes for none of the labels: 'keep'"):
        aggregate(ASSNA, "majority", other="keep")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="votes for none of the labels: 'keep'"):
        strata(ASSNA, other="keep")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="smoothing"):
        aggregate(ASSNA, "majority", smoothing=1.0)
    with pytest.raises(ConfigError, match="not a rule that counts alone decide"):
        winners(ASSNA.counts, ASSNA.other, "dawid_skene")


def test_reasons_are_each_given_for_something() -> None:
    table = votes([[0, 0], [0, 0], [1, 0], [2, 1], [1, 1]], [0, 1, 3, 1, 0])
    given = {
        why
        for rule in BY_COUNTS
        for why in aggregate(table, rule, other="count").why
        if why is not None
    }
    assert given == set(REASONS)


@pytest.mark.parametrize("rule", RULES)
def test_what_is_kept_and_what_is_dropped_make_the_whole(rule: str) -> None:
    triples = [(0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 1, 0), (3, 2, OTHER)]
    made = aggregate(named(triples, 4, 3), rule)
    assert int(made.kept.sum()) + sum(made.dropped().values()) == 4
    np.testing.assert_array_equal(made.reason < 0, made.kept)
    np.testing.assert_array_equal(np.isnan(made.shares).all(1), ~made.kept)
    assert made.items == ("u0", "u1", "u2", "u3")
