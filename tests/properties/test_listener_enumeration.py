"""Closed forms of agreement and of listeners, against plain counting of every vote and half."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.annotators import (
    VoteCounts,
    aggregate,
    agreement_metrics,
    agreement_statistics,
    given_tables,
    half_tables,
    left_out_credit,
    left_out_tables,
    listener_shares,
    plurality_shares,
    table_statistics,
)
from equivoice.annotators.others import OtherVotes
from equivoice.metrics import FloatArray, classification_metrics
from oracles.codes import EXAMPLES
from oracles.crowds import (
    NONE,
    alpha,
    as_array,
    crowd,
    crowds,
    elected,
    half_table,
    left_out_table,
    said,
)

RULES = st.sampled_from(["majority", "plurality"])
CHOICES = st.sampled_from(["leave_out", "count"])


def measured(counts: VoteCounts, other: OtherVotes = "leave_out") -> dict[str, FloatArray]:
    sums = agreement_statistics(counts, other=other).sum(0)
    return {name: m.finish(sums) for name, m in agreement_metrics(counts.labels).items()}


# ------------------------------------------------------------------------ agreement


@EXAMPLES
@given(crowds(), CHOICES)
def test_alpha_is_that_of_all_pairs_of_votes(counts: VoteCounts, other: OtherVotes) -> None:
    units = said(counts, with_other=other == "count")
    found = measured(counts, other)
    same = {"abs": 1e-9, "nan_ok": True}
    assert float(found["krippendorff_alpha"]) == pytest.approx(alpha(units), **same)
    for label in range(len(counts.labels)):
        own = alpha(units, of=label)
        assert float(found["class_alpha"][label]) == pytest.approx(own, **same)


@EXAMPLES
@given(crowds(), CHOICES)
def test_entropy_and_top_share_utterance_by_utterance(
    counts: VoteCounts, other: OtherVotes
) -> None:
    entropies, tops = [], []
    for answers in said(counts, with_other=other == "count"):
        if len(answers) > 1:
            shares = [answers.count(k) / len(answers) for k in set(answers)]
            entropies.append(-sum(p * math.log(p) for p in shares))
            tops.append(max(shares))
    found = measured(counts, other)
    for name, values in (("vote_entropy", entropies), ("top_share", tops)):
        expected = float(np.mean(values)) if values else math.nan
        assert float(found[name]) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@EXAMPLES
@given(crowds(most=6), CHOICES)
def test_measures_stay_in_their_range(counts: VoteCounts, other: OtherVotes) -> None:
    found = measured(counts, other)
    for name, metric in agreement_metrics(counts.labels).items():
        values = np.atleast_1d(found[name])
        defined = values[~np.isnan(values)]
        assert (defined >= metric.low - 1e-12).all()
        assert (defined <= metric.high + 1e-12).all()


@EXAMPLES
@given(st.integers(2, 5), st.integers(2, 5), st.integers(2, 12), st.integers(0, 1000))
def test_alpha_is_kappa_but_for_the_small_sample(
    classes: int, raters: int, items: int, seed: int
) -> None:
    """With N utterances of m votes each: alpha = kappa + (1 − kappa) / (N m)."""
    rng = np.random.default_rng(seed)
    votes = [
        rng.multinomial(raters, rng.dirichlet(np.ones(classes))).tolist() for _ in range(items)
    ]
    found = measured(crowd(votes))
    kappa = float(found["fleiss_kappa"])
    expected = kappa + (1 - kappa) / (items * raters)
    assert float(found["krippendorff_alpha"]) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@EXAMPLES
@given(crowds(), st.randoms(use_true_random=False))
def test_neither_the_order_of_utterances_nor_of_labels_matters(
    counts: VoteCounts, chance: object
) -> None:
    rng = np.random.default_rng(chance.randrange(10_000))  # type: ignore[attr-defined]
    rows, columns = rng.permutation(len(counts.items)), rng.permutation(len(counts.labels))
    mixed = crowd(counts.counts[rows][:, columns].tolist(), counts.other[rows].tolist())
    before, after = measured(counts), measured(mixed)
    for name, value in before.items():
        expected = value[columns] if value.ndim else value
        np.testing.assert_allclose(after[name], expected, atol=1e-12)


# ------------------------------------------------------------------------ listeners


@EXAMPLES
@given(crowds(), RULES, CHOICES, st.booleans())
def test_left_out_listeners_one_by_one(
    counts: VoteCounts, rule: str, other: OtherVotes, credited: bool
) -> None:
    make = left_out_credit if credited else left_out_tables
    tables, lost = make(counts, rule, other=other)  # type: ignore[arg-type]
    for item, answers in enumerate(said(counts, with_other=other == "count")):
        table, gone = left_out_table(answers, rule, credited=credited)
        expected = as_array(table, len(counts.labels))
        np.testing.assert_allclose(tables[item], expected, atol=1e-12)
        assert lost[item] == pytest.approx(float(gone), abs=1e-12)


@EXAMPLES
@given(crowds(), CHOICES)
def test_the_plurality_is_what_most_say(counts: VoteCounts, other: OtherVotes) -> None:
    shares = plurality_shares(counts, other=other)
    silent = plurality_shares(counts, other=other, ties="no_answer")
    for item, answers in enumerate(said(counts, with_other=other == "count")):
        if not answers:
            assert np.isnan(shares[item]).all()
            continue
        most = max(answers.count(k) for k in answers)
        tied = {k for k in answers if answers.count(k) == most}
        expected = np.zeros(len(counts.labels) + 1)
        for answer in tied:
            expected[answer] += 1 / len(tied)
        np.testing.assert_allclose(shares[item], expected, atol=1e-12)
        winner = elected(answers, "plurality")
        assert silent[item].argmax() == (len(counts.labels) if winner is None else winner)


@EXAMPLES
@given(crowds(), CHOICES)
def test_the_plurality_without_ties_is_the_rules_label(
    counts: VoteCounts, other: OtherVotes
) -> None:
    label = aggregate(counts, "plurality", other=other).label
    silent = plurality_shares(counts, other=other, ties="no_answer")
    named = label >= 0
    assert (silent[named].argmax(-1) == label[named]).all()
    assert (np.isnan(silent[~named]) | (silent[~named, -1:] == 1)).all(-1).sum() == (~named).sum()


@EXAMPLES
@given(crowds(), st.integers(0, 1000))
def test_against_given_labels_recall_is_the_share_of_votes(counts: VoteCounts, seed: int) -> None:
    size = len(counts.labels)
    reference = np.random.default_rng(seed).integers(0, size, len(counts.items))
    tables, _ = given_tables(listener_shares(counts, other="count"), reference)
    sums = table_statistics(tables).sum(0)
    recall = classification_metrics()["recall"].finish(sums)
    for label in range(size):
        own = [
            answers.count(label) / len(answers)
            for answers, wanted in zip(said(counts, with_other=True), reference, strict=True)
            if wanted == label and answers
        ]
        expected = float(np.mean(own)) if own else math.nan
        assert float(recall[label]) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@EXAMPLES
@given(crowds(classes=(2, 3), items=3, most=2), RULES, CHOICES)
def test_halves_are_among_those_that_there_are(
    counts: VoteCounts, rule: str, other: OtherVotes
) -> None:
    """Each drawn pair of answer and reference occurs in the list of all halves, and all sum up."""
    found = half_tables(counts, rule, draws=60, seed=1, other=other)  # type: ignore[arg-type]
    tables, lost = found.tables()
    for item, answers in enumerate(said(counts, with_other=other == "count")):
        table, gone = half_table(answers, rule)
        drawn = set(zip(found.reference[:, item], found.predicted[:, item], strict=True))
        assert {pair for pair in drawn if pair[0] != NONE} <= set(table)
        assert (lost[item] > 0) <= (gone > 0)
        assert tables[item].sum() + lost[item] == pytest.approx(float(bool(answers)), abs=1e-12)


# ------------------------------------------------------------------------ simulation


@pytest.mark.parametrize("rule", ["majority", "plurality"])
def test_left_out_tables_are_those_of_listeners_drawn_at_random(rule: str) -> None:
    """300 utterances, 400 times one listener each: within its own error everywhere."""
    rng = np.random.default_rng(0)
    votes = [rng.multinomial(rng.integers(2, 12), rng.dirichlet(np.ones(4))) for _ in range(300)]
    counts = crowd([row.tolist() for row in votes], rng.integers(0, 2, 300).tolist())
    units = said(counts, with_other=True)
    draws = 400
    seen = np.zeros((draws, 4, 5))
    for draw in range(draws):
        for answers in units:
            place = int(rng.integers(len(answers)))
            reference = elected([*answers[:place], *answers[place + 1 :]], rule)
            if reference is not None:
                seen[draw, reference, answers[place]] += 1
    tables, lost = left_out_tables(counts, rule, other="count")  # type: ignore[arg-type]
    error = seen.std(0, ddof=1) / math.sqrt(draws)
    assert (np.abs(seen.mean(0) - tables.sum(0)) < 4.5 * error + 1e-12).all()
    assert 300 - lost.sum() == pytest.approx(tables.sum())
