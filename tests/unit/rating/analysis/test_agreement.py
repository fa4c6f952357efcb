"""Agreement of raters, of judges with people, and with known answers."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from equivoice.annotators.cohen import cohen_kappa
from equivoice.annotators.counts import OTHER, Ratings
from equivoice.errors import VotesError
from equivoice.rating.analysis.agreement import (
    choice_agreement,
    comparison_votes,
    gold_accuracy,
    judge_agreement,
    scale_agreement,
)
from equivoice.rating.analysis.comparisons import read_comparisons
from equivoice.rating.analysis.rows import Uncertainty

FEW = Uncertainty(replicates=100)
CHOICES = ("accept", "reject")


def said(table: dict[str, str], question: str = "acceptance") -> pl.DataFrame:
    """By rater, a letter an item: a for accept, r for reject, a blank for no vote."""
    words = {"a": "accept", "r": "reject"}
    rows = [
        (f"i{at}", rater, question, words[letter])
        for rater, line in table.items()
        for at, letter in enumerate(line)
        if letter != " "
    ]
    return pl.DataFrame(rows, orient="row", schema=["item", "rater", "question", "value"])


def alpha_by_pairs(values: list[list[float]]) -> float:
    """Krippendorff's alpha for a scale, pair by pair as it is defined."""
    pairable = [own for own in values if len(own) > 1]
    everything = [value for own in pairable for value in own]
    n = len(everything)
    within = sum(
        sum((x - y) ** 2 for x, y in itertools.permutations(own, 2)) / (len(own) - 1)
        for own in pairable
    )
    across = sum((x - y) ** 2 for x, y in itertools.permutations(everything, 2))
    return 1 - (within / n) / (across / (n * (n - 1)))


def points(values: list[list[float]]) -> pl.DataFrame:
    rows = [
        (f"i{at}", f"r{place}", "fits", value)
        for at, own in enumerate(values)
        for place, value in enumerate(own)
    ]
    return pl.DataFrame(rows, orient="row", schema=["item", "rater", "question", "number"])


def test_agreement_on_choices_is_that_of_the_annotators() -> None:
    table = said({"p": "aarraarraarr", "q": "aarraarraara", "s": "aaaraarraarr"})
    found = choice_agreement(table, question="acceptance", choices=CHOICES, uncertainty=FEW)
    assert found.get_column("metric").to_list() == [
        "krippendorff_alpha", "fleiss_kappa", "top_share", "cohen_kappa",
    ]  # fmt: skip
    numbers = table.with_columns(number=(pl.col("value") == "accept").cast(pl.Float64))
    scale = scale_agreement(numbers, question="acceptance", uncertainty=FEW)
    # with two categories the nominal alpha is that of 0 and 1 on a scale
    assert found.get_column("value")[0] == pytest.approx(scale.get_column("value")[0])
    assert found.get_column("low")[0] < found.get_column("value")[0] < found.get_column("high")[0]
    assert found.get_column("value")[2] == pytest.approx((10 + 2 * 2 / 3) / 12)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 5).map(float), min_size=1, max_size=4), min_size=2, max_size=6)
)
def test_alpha_of_a_scale_is_that_of_its_definition(values: list[list[float]]) -> None:
    pairable = [value for own in values if len(own) > 1 for value in own]
    found = scale_agreement(points(values), question="fits", uncertainty=Uncertainty(replicates=20))
    value = found.get_column("value")[0]
    if len(set(pairable)) < 2:
        assert value is None
        assert found.get_column("undefined")[0]
    else:
        assert value == pytest.approx(alpha_by_pairs(values))


def test_few_items_have_a_value_and_no_interval() -> None:
    found = scale_agreement(points([[1.0, 2], [4, 5], [3, 3]]), question="fits")
    assert found.get_column("value")[0] is not None
    assert found.get_column("undefined")[0] == "fewer than 5 items"


def test_a_judge_stands_beside_people() -> None:
    people = said({"p": "aarraarraarr", "q": "aarraarraaaa"})
    model = said({"judge": "aarraarraarr"}).with_columns(kind=pl.lit("model"))
    both = pl.concat([people.with_columns(kind=pl.lit("person")), model])
    found = judge_agreement(both, question="acceptance", choices=CHOICES)
    rows = {row["groups"]: row for row in found.iter_rows(named=True)}
    lines = ["aarraarraarr", "aarraarraaaa"]
    codes = np.array([[letter == "r" for letter in line] for line in lines]).astype(np.int64)
    ratings = Ratings(
        tuple(f"i{at}" for at in range(12)), CHOICES, ("p", "q"),
        np.tile(np.arange(12), 2), np.repeat([0, 1], 12), codes.ravel(), np.ones(24, dtype=np.int64),
    )  # fmt: skip
    among = cohen_kappa(ratings).mean
    assert rows["people"]["value"] == pytest.approx(among)
    assert rows["judge"]["value"] == pytest.approx((1.0 + among) / 2)
    assert (rows["people"]["n"], rows["judge"]["n"]) == (1, 2)
    assert OTHER not in codes


def test_pairs_that_share_too_little_say_so() -> None:
    few = said({"p": "aar", "q": "aar"})
    found = judge_agreement(few, question="acceptance", choices=CHOICES)
    assert found.get_column("value").to_list() == [None]
    assert "shares 10" in found.get_column("undefined")[0]


def test_votes_on_pairs_become_votes_for_systems() -> None:
    items = pl.DataFrame(
        {
            "item": ["1", "2", "3", "4"],
            "utterance_id": ["u", "u", "v", "v"],
            "system_a": ["p", "q", "p", "q"],
            "system_b": ["q", "p", "q", "p"],
            "shown": [None] * 4,
        }
    )
    votes = pl.DataFrame(
        {
            "item": ["1", "2", "3", "4"],
            "rater": ["j"] * 4,
            "question": ["preference"] * 4,
            "value": ["a", "b", "a", "a"],
        }
    )
    made = comparison_votes(read_comparisons(votes, items))
    assert sorted(made.select("item", "value").rows()) == [("u | p | q", "p"), ("v | p | q", "tie")]


def test_known_answers_are_met_or_not_rater_by_rater() -> None:
    votes = pl.DataFrame(
        {
            "item": ["g1", "g2", "g1", "g2", "x"],
            "rater": ["r", "r", "s", "s", "r"],
            "question": ["acceptance", "fits", "acceptance", "fits", "acceptance"],
            "value": ["Accept", None, "reject", None, "accept"],
            "number": [None, 4.0, None, 4.0, None],
        }
    )
    gold = pl.DataFrame(
        {"item": ["g1", "g2"], "question": ["acceptance", "fits"], "value": ["accept", "4|5"]}
    )
    found = gold_accuracy(votes, gold)
    assert found.select("groups", "value", "n").rows() == [
        (None, 0.75, 4), ("r", 1.0, 2), ("s", 0.5, 2),
    ]  # fmt: skip
    low, high = stats.binomtest(1, 2).proportion_ci(0.95, "exact")
    assert found.row(2, named=True)["low"] == pytest.approx(low)
    assert found.row(2, named=True)["high"] == pytest.approx(high)


def test_without_known_answers_there_is_no_accuracy() -> None:
    gold = pl.DataFrame({"item": ["z"], "question": ["acceptance"], "value": ["accept"]})
    found = gold_accuracy(said({"p": "aar"}), gold)
    assert found.get_column("undefined").to_list() == ["no votes on items with known answers"]
    with pytest.raises(VotesError, match="item, question and value"):
        gold_accuracy(said({"p": "a"}), gold.drop("value"))
