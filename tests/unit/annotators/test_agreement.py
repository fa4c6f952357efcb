"""Agreement: worked examples of the textbooks, other people's libraries, and hand sums."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivoice.annotators import (
    VoteCounts,
    agreement_metrics,
    agreement_statistics,
    vote_entropies,
)
from equivoice.annotators.others import OtherVotes
from equivoice.errors import ConfigError
from equivoice.metrics import FloatArray
from oracles.crowds import alpha, crowd, random_crowd, said

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "agreement" / "agreement.json").read_text("utf-8")
)


def measured(counts: VoteCounts, other: OtherVotes = "leave_out") -> dict[str, FloatArray]:
    sums = agreement_statistics(counts, other=other).sum(0)
    return {name: m.finish(sums) for name, m in agreement_metrics(counts.labels).items()}


def by_raters(*raters: str) -> VoteCounts:
    """Counts of answers written as the books print them: a line a rater, ``.`` for no answer."""
    lines = [line.split() for line in raters]
    names = sorted({answer for line in lines for answer in line} - {"."})
    return crowd([[unit.count(name) for name in names] for unit in zip(*lines, strict=True)])


# ------------------------------------------------------------------------ textbooks


@pytest.mark.parametrize(
    ("raters", "published"),
    [
        # Krippendorff (2011), A: two observers, binary, no missing answers
        (("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"), 0.095),
        # B: two observers, five nominal values
        (("a a b b d c c c e d d a", "b a b b b c c c e d d d"), 0.692),
        # C: four observers, five values, answers missing
        (
            (
                "1 2 3 3 2 1 4 1 2 . . .",
                "1 2 3 3 2 2 4 1 2 5 . 3",
                ". 3 3 3 2 3 4 2 2 5 1 .",
                "1 2 3 3 2 4 4 1 2 5 1 .",
            ),
            0.743,
        ),
    ],
    ids=["binary", "nominal", "missing"],
)
def test_alpha_of_krippendorffs_own_examples(raters: tuple[str, ...], published: float) -> None:
    assert float(measured(by_raters(*raters))["krippendorff_alpha"]) == pytest.approx(
        published, abs=5e-4
    )


def test_kappa_of_ten_patients_and_fourteen_raters() -> None:
    """The table that explains Fleiss' kappa everywhere: 0.210."""
    table = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert float(measured(crowd(table))["fleiss_kappa"]) == pytest.approx(0.210, abs=5e-4)


# ------------------------------------------------------------------------ libraries


@pytest.mark.parametrize("case", GOLDEN["unequal"], ids=lambda case: f"{len(case['votes'])}-items")
def test_alpha_is_the_krippendorff_packages(case: dict[str, Any]) -> None:
    ours = measured(crowd(case["votes"]))
    assert float(ours["krippendorff_alpha"]) == pytest.approx(case["alpha"], abs=1e-12)
    np.testing.assert_allclose(ours["class_alpha"], case["class_alpha"], atol=1e-12)


@pytest.mark.parametrize("case", GOLDEN["equal"], ids=lambda case: f"{len(case['votes'])}-items")
def test_fleiss_kappa_is_statsmodels(case: dict[str, Any]) -> None:
    ours = measured(crowd(case["votes"]))
    assert float(ours["fleiss_kappa"]) == pytest.approx(case["fleiss"], abs=1e-12)
    assert float(ours["krippendorff_alpha"]) == pytest.approx(case["alpha"], abs=1e-12)


def test_the_golden_numbers_can_fail() -> None:
    assert len({round(case["alpha"], 6) for case in GOLDEN["unequal"]}) == 6
    assert min(min(map(sum, case["votes"])) for case in GOLDEN["unequal"]) == 0


# ------------------------------------------------------------------------ by hand


def test_everything_by_hand() -> None:
    found = measured(crowd([[3, 1], [0, 2], [1, 0]]))
    # pairable: (3, 1) and (0, 2); agreeing pairs 3·2/3 = 2 and 2·1/1 = 2; n = 6 of (3, 3)
    assert float(found["krippendorff_alpha"]) == pytest.approx(1 - 5 * (6 - 4) / (36 - 18))
    assert found["class_alpha"] == pytest.approx([1 - 5 * 1 / 9, 1 - 5 * 1 / 9])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert float(found["vote_entropy"]) == pytest.approx(entropy / 2)
    assert float(found["top_share"]) == pytest.approx((0.75 + 1.0) / 2)
    assert found["vote_share"] == pytest.approx([(0.75 + 0 + 1) / 3, (0.25 + 1 + 0) / 3])
    assert np.isnan(found["fleiss_kappa"])  # four, two and one vote


def test_who_always_agrees_has_one_and_who_never_does_is_below_zero() -> None:
    agreed = measured(crowd([[3, 0], [0, 3], [3, 0]]))
    assert [float(agreed[name]) for name in ("krippendorff_alpha", "fleiss_kappa")] == [1.0, 1.0]
    assert float(agreed["vote_entropy"]) == 0.0
    split = measured(crowd([[1, 1]] * 50))
    assert float(split["fleiss_kappa"]) == pytest.approx(-1.0)
    assert float(split["krippendorff_alpha"]) == pytest.approx(1 - 99 * 100 / 5000)
    assert float(split["vote_entropy"]) == pytest.approx(math.log(2))


def test_chance_has_no_agreement() -> None:
    rng = np.random.default_rng(0)
    votes = rng.multinomial(5, [0.5, 0.3, 0.2], 4000)
    found = measured(crowd(votes.tolist()))
    for name in ("krippendorff_alpha", "fleiss_kappa"):
        assert abs(float(found[name])) < 0.02
    assert (np.abs(found["class_alpha"]) < 0.02).all()


# ------------------------------------------------------------------------ undefined


@pytest.mark.parametrize(
    ("rows", "undefined"),
    [
        (
            [[0, 0]],
            {"krippendorff_alpha", "fleiss_kappa", "vote_entropy", "top_share", "vote_share"},
        ),
        ([[1, 0], [0, 1]], {"krippendorff_alpha", "fleiss_kappa", "vote_entropy", "top_share"}),
        ([[3, 0], [3, 0]], {"krippendorff_alpha", "fleiss_kappa"}),
        ([[2, 1], [3, 1]], {"fleiss_kappa"}),
        ([[2, 1], [1, 0]], {"fleiss_kappa"}),
        ([[2, 1], [0, 3]], set()),
        ([[2, 1], [0, 3], [0, 0]], set()),  # an utterance that nobody heard is no utterance
    ],
    ids=["none", "one-each", "one-label", "unequal", "single", "equal", "unheard"],
)
def test_undefined_is_nan_with_a_reason(rows: list[list[int]], undefined: set[str]) -> None:
    found = measured(crowd(rows))
    assert {name for name, value in found.items() if np.isnan(value).all()} - {
        "class_alpha"
    } == undefined
    assert all(metric.undefined for metric in agreement_metrics(["a", "b"]).values())


def test_a_label_that_nobody_gives_has_no_alpha_and_a_share_of_zero() -> None:
    found = measured(crowd([[2, 1, 0], [0, 3, 0]]))
    assert np.isnan(found["class_alpha"]).tolist() == [False, False, True]
    assert found["vote_share"].tolist() == pytest.approx([1 / 3, 2 / 3, 0.0])


def test_the_reason_of_fleiss_names_the_numbers_of_votes() -> None:
    assert "numbers of votes differ" in agreement_metrics(["a"])["fleiss_kappa"].undefined


def test_equal_numbers_are_seen_in_a_million_utterances() -> None:
    """One vote more on one of a million utterances is not lost in rounding."""
    statistics = agreement_statistics(crowd([[3, 2], [2, 3], [3, 3]]))
    finish = agreement_metrics(["a", "b"])["fleiss_kappa"].finish
    many = statistics[0] * 500_000 + statistics[1] * 500_000
    assert not np.isnan(finish(many))
    assert np.isnan(finish(many + statistics[2]))


# ------------------------------------------------------------------------ none of the labels


def test_votes_for_none_of_the_labels_are_left_out_or_one_more_answer() -> None:
    counts = crowd([[2, 1], [0, 2]], other=[1, 2])
    left, counted = measured(counts), measured(counts, "count")
    assert float(left["krippendorff_alpha"]) == pytest.approx(alpha(said(counts)))
    three = alpha(said(counts, with_other=True))
    assert float(counted["krippendorff_alpha"]) == pytest.approx(three)
    assert three != pytest.approx(alpha(said(counts)))
    assert left["vote_share"] == pytest.approx([1 / 3, 2 / 3])
    assert counted["vote_share"] == pytest.approx([0.25, (0.25 + 0.5) / 2])
    assert len(counted["class_alpha"]) == 2


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"none of the labels.*'drop'"):
        agreement_statistics(crowd([[1]]), other="drop")  # type: ignore[arg-type]


def test_sums_of_another_label_space_are_refused() -> None:
    sums = agreement_statistics(crowd([[1, 1]])).sum(0)
    with pytest.raises(ValueError, match="18 statistics are needed, not 15"):
        agreement_metrics(["a", "b", "c"])["krippendorff_alpha"].finish(sums)


# ------------------------------------------------------------------------ groups and utterances


def test_a_group_is_measured_as_if_alone() -> None:
    counts = random_crowd(60, 5, seed=3, other=1)
    groups = np.arange(60) % 3
    statistics = agreement_statistics(counts)
    together = np.stack([statistics[groups == g].sum(0) for g in range(3)])
    for name, metric in agreement_metrics(counts.labels).items():
        for group in range(3):
            alone = measured(counts.subset(groups == group))[name]
            np.testing.assert_allclose(metric.finish(together)[group], alone, atol=1e-12)


def test_entropies_of_utterances_average_to_the_metric() -> None:
    counts = random_crowd(40, 3, votes=(0, 6), seed=1)
    entropies = vote_entropies(counts)
    single = counts.counts.sum(-1) < 2
    assert (np.isnan(entropies) == single).all()
    assert single.any()
    assert np.nanmean(entropies) == pytest.approx(float(measured(counts)["vote_entropy"]))
    assert not np.signbit(entropies[~single]).any()
