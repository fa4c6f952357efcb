"""What holds of rules on any votes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from equivoice.annotators.counts import Ratings, VoteCounts
from equivoice.annotators.dawid_skene import dawid_skene
from equivoice.annotators.rules import RULES, Aggregation, aggregate, strata
from equivoice.metrics.multilabel import chosen
from oracles.plain_votes import elected, stratum

STEADY = settings(deadline=None, derandomize=True)
BY_COUNTS = tuple(rule for rule in RULES if rule != "dawid_skene")
OTHERS = ("leave_out", "count")
rules = st.sampled_from(BY_COUNTS)
others = st.sampled_from(OTHERS)


@st.composite
def vote_counts(draw: st.DrawFn, most: int = 6) -> VoteCounts:
    """Up to 8 items, 2 to 16 labels, some votes for none of them."""
    n, c = draw(st.integers(1, 8)), draw(st.integers(2, 16))
    cells = st.integers(0, most)
    counts = draw(hnp.arrays(np.int64, (n, c), elements=cells))
    other = draw(hnp.arrays(np.int64, n, elements=cells))
    return VoteCounts(names("u", n), names("l", c), counts, other)


@st.composite
def ratings(draw: st.DrawFn) -> Ratings:
    """Up to 6 items, 4 raters and 4 labels, each rater at most once an item."""
    n, r, c = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(2, 4))
    said = draw(hnp.arrays(np.int64, (n, r), elements=st.integers(-1, c - 1)))  # −1: silent
    item, rater = np.nonzero(said >= 0)
    ones = np.ones(len(item), dtype=np.int64)
    return Ratings(
        names("u", n), names("l", c), names("r", r), item, rater, said[item, rater], ones
    )


def names(letter: str, many: int) -> tuple[str, ...]:
    return tuple(f"{letter}{i}" for i in range(many))


def equal(one: Aggregation, two: Aggregation) -> None:
    np.testing.assert_array_equal(one.label, two.label)
    np.testing.assert_array_equal(one.kept, two.kept)
    np.testing.assert_array_equal(one.reason, two.reason)
    np.testing.assert_allclose(one.shares, two.shares, rtol=0, atol=1e-12)


@STEADY
@given(vote_counts(), rules, others)
def test_labels_are_those_of_fractions(counts: VoteCounts, rule: str, other: str) -> None:
    found = aggregate(counts, rule, other=other)  # type: ignore[arg-type]
    none = counts.other if other == "count" else np.zeros_like(counts.other)
    wanted = [
        elected(row, rule, each) if sum(row) else -1
        for row, each in zip(counts.counts.tolist(), none.tolist(), strict=True)
    ]
    assert found.label.tolist() == wanted


@STEADY
@given(vote_counts(), others)
def test_all_inclusive_keeps_everything_that_has_a_vote(counts: VoteCounts, other: str) -> None:
    made = aggregate(counts, "all_inclusive", other=other)  # type: ignore[arg-type]
    np.testing.assert_array_equal(made.kept, counts.counts.any(1))
    sums = made.shares[made.kept].sum(1)
    whole = counts.totals()[made.kept] / counts.totals(other=other == "count")[made.kept]
    np.testing.assert_allclose(sums, whole, atol=1e-12)


@STEADY
@given(vote_counts(), others)
def test_plurality_keeps_what_majority_keeps_with_the_same_labels(
    counts: VoteCounts, other: str
) -> None:
    majority = aggregate(counts, "majority", other=other)  # type: ignore[arg-type]
    plurality = aggregate(counts, "plurality", other=other)  # type: ignore[arg-type]
    inclusive = aggregate(counts, "all_inclusive", other=other)  # type: ignore[arg-type]
    assert (majority.kept <= plurality.kept).all()
    assert (plurality.kept <= inclusive.kept).all()
    np.testing.assert_array_equal(plurality.label[majority.kept], majority.label[majority.kept])
    np.testing.assert_array_equal(inclusive.label, plurality.label)


@STEADY
@given(vote_counts(most=50), st.floats(0, 0.9), others)
def test_smoothing_never_changes_a_decision_at_one_over_c(
    counts: VoteCounts, epsilon: float, other: str
) -> None:
    c = len(counts.labels)
    smoothing = epsilon * (c - 1) / c
    for rule in BY_COUNTS:
        plain = aggregate(counts, rule, other=other)  # type: ignore[arg-type]
        smooth = aggregate(counts, rule, other=other, smoothing=smoothing)  # type: ignore[arg-type]
        np.testing.assert_array_equal(plain.label, smooth.label)
        np.testing.assert_array_equal(plain.kept, smooth.kept)
        np.testing.assert_array_equal(
            chosen(plain.shares[plain.kept], "1/C"), chosen(smooth.shares[plain.kept], "1/C")
        )


@pytest.mark.parametrize("classes", range(2, 17))
def test_one_over_c_stays_where_it_is(classes: int) -> None:
    even = VoteCounts(
        ("u",), names("l", classes), np.ones((1, classes), dtype=np.int64), np.zeros(1, int)
    )
    made = aggregate(even, "all_inclusive", smoothing=0.05)
    np.testing.assert_allclose(made.shares, 1 / classes, atol=1e-15)
    assert not chosen(made.shares, "1/C").any()


@STEADY
@given(vote_counts(), rules, others, st.randoms(use_true_random=False))
def test_the_order_of_items_and_labels_does_not_matter(
    counts: VoteCounts, rule: str, other: str, random: object
) -> None:
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    rows, columns = rng.permutation(len(counts.items)), rng.permutation(len(counts.labels))
    moved = VoteCounts(
        tuple(counts.items[i] for i in rows),
        tuple(counts.labels[i] for i in columns),
        counts.counts[rows][:, columns],
        counts.other[rows],
    )
    plain = aggregate(counts, rule, other=other)  # type: ignore[arg-type]
    found = aggregate(moved, rule, other=other)  # type: ignore[arg-type]
    back = np.where(found.label >= 0, columns[found.label], -1)
    np.testing.assert_array_equal(back, plain.label[rows])
    np.testing.assert_array_equal(found.reason, plain.reason[rows])
    np.testing.assert_allclose(found.shares, plain.shares[rows][:, columns], atol=1e-15)
    assert strata(moved) == tuple(strata(counts)[i] for i in rows)


@STEADY
@given(vote_counts(), rules, others, st.integers(2, 1000))
def test_every_vote_cast_k_times_changes_nothing(
    counts: VoteCounts, rule: str, other: str, times: int
) -> None:
    more = VoteCounts(counts.items, counts.labels, counts.counts * times, counts.other * times)
    equal(
        aggregate(counts, rule, other=other),  # type: ignore[arg-type]
        aggregate(more, rule, other=other),  # type: ignore[arg-type]
    )
    assert strata(more) == strata(counts)


@STEADY
@given(vote_counts(), rules, others)
def test_one_more_vote_for_the_winner_leaves_it_the_winner(
    counts: VoteCounts, rule: str, other: str
) -> None:
    before = aggregate(counts, rule, other=other)  # type: ignore[arg-type]
    more = counts.counts.copy()
    won = before.label >= 0
    more[won, before.label[won]] += 1
    after = aggregate(
        VoteCounts(counts.items, counts.labels, more, counts.other),
        rule,
        other=other,  # type: ignore[arg-type]
    )
    np.testing.assert_array_equal(after.label[won], before.label[won])


@STEADY
@given(vote_counts(), others)
def test_strata_are_those_of_fractions(counts: VoteCounts, other: str) -> None:
    rows = counts.counts.tolist()
    if other == "count":
        rows = [[*row, none] for row, none in zip(rows, counts.other.tolist(), strict=True)]
    assert list(strata(counts, other=other)) == [stratum(row) for row in rows]  # type: ignore[arg-type]


@STEADY
@given(vote_counts(), rules, others)
def test_kept_and_dropped_add_up(counts: VoteCounts, rule: str, other: str) -> None:
    made = aggregate(counts, rule, other=other)  # type: ignore[arg-type]
    assert int(made.kept.sum()) + sum(made.dropped().values()) == len(counts.items)
    assert [why is None for why in made.why] == made.kept.tolist()
    np.testing.assert_array_equal(np.isnan(made.shares).all(1), ~made.kept)


# ---------------------------------------------------------------- Dawid and Skene


@STEADY
@given(ratings(), st.randoms(use_true_random=False))
def test_the_order_of_items_raters_labels_and_votes_does_not_matter_to_reliability(
    votes: Ratings, random: object
) -> None:
    if not len(votes.item):
        return
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    sizes = (len(votes.items), len(votes.raters), len(votes.labels))
    items, raters, labels = (rng.permutation(size) for size in sizes)
    order = rng.permutation(len(votes.item))
    moved = Ratings(
        votes.items,
        votes.labels,
        votes.raters,
        items[votes.item][order],
        raters[votes.rater][order],
        labels[votes.label][order],
        votes.count[order],
    )
    plain = dawid_skene(votes, iterations=20, tolerance=0.0)
    found = dawid_skene(moved, iterations=20, tolerance=0.0)
    close = {"rtol": 0, "atol": 1e-6}
    np.testing.assert_allclose(found.posterior[items][:, labels], plain.posterior, **close)
    np.testing.assert_allclose(found.reliability[raters], plain.reliability, **close)
    np.testing.assert_allclose(
        found.confusion[raters][:, labels][:, :, labels], plain.confusion, **close
    )


@STEADY
@given(ratings(), st.integers(1, 4), others, st.floats(0, 2))
def test_probabilities_are_probabilities(
    votes: Ratings, times: int, other: str, smoothing: float
) -> None:
    if not len(votes.item):
        return
    tripled = Ratings(*itertools.islice(vars(votes).values(), 6), votes.count * times)
    found = dawid_skene(tripled, iterations=30, smoothing=smoothing, other=other)  # type: ignore[arg-type]
    voted = np.isin(np.arange(len(votes.items)), votes.item)
    heard = np.isin(np.arange(len(votes.raters)), votes.rater)
    np.testing.assert_allclose(found.posterior[voted].sum(1), 1.0, atol=1e-9)
    np.testing.assert_allclose(found.confusion[heard].sum(-1), 1.0, atol=1e-9)
    assert np.isnan(found.posterior[~voted]).all()
    assert np.isnan(found.reliability).tolist() == (~heard).tolist()
    assert found.prior.sum() == pytest.approx(1.0)
    assert found.log_likelihood <= 1e-9
