"""Cohen's kappa: scikit-learn, statsmodels' numbers, a worked example, and what has none."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from equivoice.annotators import (
    OTHER,
    Ratings,
    cohen_kappa,
    cohen_metrics,
    cohen_statistics,
)
from equivoice.annotators.cohen import MOST_PAIRS
from equivoice.errors import ConfigError
from equivoice.metrics import IntArray

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "agreement" / "agreement.json").read_text("utf-8")
)
NOT_ASKED = -9


def rated(answers: Sequence[Sequence[int]] | IntArray, classes: int = 3) -> Ratings:
    """Ratings out of a table: a row a rater, a column an utterance, NOT_ASKED for no answer."""
    table = np.array(answers)
    rater, item = np.nonzero(table != NOT_ASKED)
    mixed = np.random.default_rng(0).permutation(len(rater))  # the order of rows means nothing
    rater, item = rater[mixed], item[mixed]
    return Ratings(
        tuple(f"u{k}" for k in range(table.shape[1])),
        tuple(f"label {k}" for k in range(classes)),
        tuple(f"r{k}" for k in range(len(table))),
        item,
        rater,
        table[rater, item],
        np.ones(len(rater), dtype=np.int64),
    )


def raters(many: int, items: int, classes: int = 3, *, seed: int = 0, asked: float = 0.7) -> Any:
    """A table in which each rater hears some of the utterances, and mostly the same in them."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    table = np.where(
        rng.random((many, items)) < 0.6, truth, rng.integers(0, classes, (many, items))
    )
    return np.where(rng.random((many, items)) < asked, table, NOT_ASKED)


def test_the_grants_that_two_people_read() -> None:
    """The usual example: 20 both yes, 15 both no, 5 and 10 apart; kappa 0.4."""
    first = [0] * 25 + [1] * 25
    second = [0] * 20 + [1] * 5 + [0] * 10 + [1] * 15
    assert cohen_kappa(rated([first, second], 2)).mean == pytest.approx(0.4)


@pytest.mark.parametrize("case", GOLDEN["pairs"], ids=lambda case: f"{len(case['first'])}-items")
def test_two_raters_are_as_statsmodels_says(case: dict[str, Any]) -> None:
    found = cohen_kappa(rated([case["first"], case["second"]], 9))
    assert found.mean == pytest.approx(case["cohen"], abs=1e-12)
    assert found.pairs[0].shared == len(case["first"])


@pytest.mark.parametrize("seed", range(5))
def test_every_pair_is_as_scikit_learn_says(seed: int) -> None:
    table = raters(5, 60, 4, seed=seed)
    found = cohen_kappa(rated(table, 4), fewest=10)
    expected = {}
    for first, second in itertools.combinations(range(5), 2):
        both = (table[first] != NOT_ASKED) & (table[second] != NOT_ASKED)
        if both.sum() >= 10:
            kappa = cohen_kappa_score(table[first][both], table[second][both])
            expected[f"r{first}", f"r{second}"] = (int(both.sum()), pytest.approx(kappa))
    assert {(p.first, p.second): (p.shared, p.kappa) for p in found.pairs} == expected
    assert found.mean == pytest.approx(np.mean([pair.kappa for pair in found.pairs]))
    assert found.undefined is None


def test_pairs_that_share_too_few_are_counted() -> None:
    table = np.full((3, 30), NOT_ASKED)
    table[0], table[1, :20], table[2, 17:] = 0, np.arange(20) % 2, 1
    found = cohen_kappa(rated(table), fewest=10)
    assert [(pair.first, pair.second) for pair in found.pairs] == [("r0", "r1"), ("r0", "r2")]
    assert found.left_out["pair of raters with fewer than 10 shared utterances"] == 1


def test_raters_who_never_meet_are_no_pair() -> None:
    table = np.full((2, 20), NOT_ASKED)
    table[0, :10], table[1, 10:] = 0, 1
    found = cohen_kappa(rated(table))
    assert found.pairs == ()
    assert found.undefined == "no pair of raters shares 10 utterances"
    assert np.isnan(found.mean)
    assert found.left_out == {}


def test_two_who_always_say_the_same_one_label_have_no_kappa() -> None:
    table = np.zeros((3, 12), dtype=np.int64)
    table[2] = np.arange(12) % 2
    found = cohen_kappa(rated(table))
    assert np.isnan(found.pairs[0].kappa)
    assert "one and the same label" in str(found.pairs[0].undefined)
    assert found.mean == pytest.approx(0.0)  # the other two pairs: a constant agrees by chance
    assert found.left_out == {"both raters gave one and the same label throughout": 1}
    alone = cohen_kappa(rated(table[:2]))
    assert "one and the same label" in str(alone.undefined)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rater": np.full(24, -1)}, "only counts are known"),
        ({"rater": np.where(np.arange(24) < 12, 0, -1)}, "only one rater has a name"),
        ({"item": np.zeros(24, dtype=np.int64)}, "more than once"),
        ({"count": np.full(24, 2)}, "more than once"),
    ],
    ids=["no-names", "one-name", "twice", "counted-twice"],
)
def test_undefined_with_the_reason(change: dict[str, IntArray], why: str) -> None:
    whole = rated(np.zeros((2, 12), dtype=np.int64))
    parts = {name: getattr(whole, name) for name in ("item", "rater", "label", "count")} | change
    found = cohen_kappa(Ratings(whole.items, whole.labels, whole.raters, **parts))
    assert np.isnan(found.mean)
    assert why in str(found.undefined)
    assert found.pairs == ()


def test_votes_without_a_name_do_not_enter() -> None:
    table = raters(3, 50, asked=1.0)
    whole = rated(table)
    nameless = Ratings(
        whole.items,
        whole.labels,
        whole.raters,
        whole.item,
        np.where(whole.rater == 2, -1, whole.rater),
        whole.label,
        whole.count,
    )
    assert cohen_kappa(nameless).mean == cohen_kappa(rated(table[:2])).mean


def test_none_of_the_labels_is_left_out_or_one_more_answer() -> None:
    table = raters(2, 80, asked=1.0, seed=4)
    table[0, :20], table[1, 10:30] = OTHER, OTHER
    left, counted = (cohen_kappa(rated(table), other=choice) for choice in ("leave_out", "count"))
    both = (table != OTHER).all(0)
    assert left.pairs[0].shared == int(both.sum()) == 50
    assert left.mean == pytest.approx(cohen_kappa_score(*table[:, both]))
    assert counted.pairs[0].shared == 80
    assert counted.mean == pytest.approx(cohen_kappa_score(*table))


def test_what_is_asked_for_is_checked() -> None:
    ratings = rated(np.zeros((2, 12), dtype=np.int64))
    with pytest.raises(ConfigError, match="at least one utterance"):
        cohen_kappa(ratings, fewest=0)
    with pytest.raises(ConfigError, match="none of the labels"):
        cohen_kappa(ratings, other="drop")  # type: ignore[arg-type]


# ------------------------------------------------------------------------ sums


def test_sums_finish_to_the_same_mean() -> None:
    ratings = rated(raters(5, 60, 4), 4)
    found = cohen_kappa(ratings, fewest=12)
    sums = cohen_statistics(ratings, found.pairs).sum(0)
    finish = cohen_metrics(found.pairs, ratings.labels)["cohen_kappa"].finish
    assert float(finish(sums)) == pytest.approx(found.mean, abs=1e-12)


def test_pairs_in_any_order_and_direction_have_the_same_sums() -> None:
    ratings = rated(raters(4, 40, 3), 3)
    pairs = cohen_kappa(ratings).pairs
    turned = [type(p)(p.second, p.first, p.shared, p.kappa) for p in reversed(pairs)]
    finish = cohen_metrics(pairs, ratings.labels)["cohen_kappa"].finish
    assert float(finish(cohen_statistics(ratings, turned).sum(0))) == pytest.approx(
        float(finish(cohen_statistics(ratings, pairs).sum(0)))
    )


def test_a_group_has_the_kappa_of_its_own_utterances() -> None:
    table = raters(3, 90, 3, asked=0.8)
    ratings = rated(table, 3)
    pairs = cohen_kappa(ratings).pairs
    statistics = cohen_statistics(ratings, pairs)
    sums = np.stack([statistics[:30].sum(0), statistics[30:].sum(0)])
    groups = cohen_metrics(pairs, ratings.labels)["cohen_kappa"].finish(sums)
    assert float(groups[0]) == pytest.approx(cohen_kappa(rated(table[:, :30]), fewest=1).mean)
    assert float(groups[1]) == pytest.approx(cohen_kappa(rated(table[:, 30:]), fewest=1).mean)


def test_a_group_that_nobody_shares_is_undefined() -> None:
    ratings = rated(raters(2, 20, asked=1.0))
    pairs = cohen_kappa(ratings).pairs
    metric = cohen_metrics(pairs, ratings.labels)["cohen_kappa"]
    assert np.isnan(metric.finish(np.zeros(cohen_statistics(ratings, pairs).shape[1])))
    assert metric.undefined


def test_a_crowd_has_no_table_of_sums() -> None:
    ratings = rated(raters(12, 40, asked=1.0))
    pairs = cohen_kappa(ratings).pairs
    assert len(pairs) == 66 > MOST_PAIRS
    for refused in (pairs, ()):
        with pytest.raises(ConfigError, match="sums are formed"):
            cohen_statistics(ratings, refused)


def test_a_large_crowd_is_paired_quickly_and_completely() -> None:
    """A thousand raters of ten votes each: almost all pairs share less than asked for."""
    rng = np.random.default_rng(0)
    many, items = 1000, 2000
    table = np.full((many, items), NOT_ASKED)
    for row in table:
        row[rng.choice(items, 10, replace=False)] = rng.integers(0, 3, 10)
    table[1] = table[0]
    found = cohen_kappa(rated(table))
    assert [(pair.first, pair.second, pair.kappa) for pair in found.pairs] == [("r0", "r1", 1.0)]
    shared = ((table != NOT_ASKED).astype(float) @ (table != NOT_ASKED).astype(float).T) > 0
    met = int(np.triu(shared, 1).sum())
    assert found.left_out["pair of raters with fewer than 10 shared utterances"] == met - 1
