"""Simulated raters answer as their recorded parameters say."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from equivoice.corpora.synthetic import Biases, RatingShift
from equivoice.corpora.synthetic.cast import cast_speakers
from equivoice.corpora.synthetic.plan import Take, plan_takes
from equivoice.corpora.synthetic.raters import (
    CONFUSIONS,
    RATERS,
    VOTES_PER_UTTERANCE,
    answer_table,
    cast_votes,
    raters_record,
)
from equivoice.corpora.synthetic.recipe import EMOTIONS
from equivoice.records import VOTES

NAMES = list(EMOTIONS)
SHIFT = Biases(noise=None, rating=RatingShift("female", "angry", "disgust", share=0.5))


@pytest.fixture(scope="module")
def many_takes() -> tuple[Take, ...]:
    return plan_takes(cast_speakers(24, 0), per_speaker=60, biases=SHIFT, seed=0)


@pytest.fixture(scope="module")
def many_votes(many_takes: tuple[Take, ...]) -> pl.DataFrame:
    """The votes with what was meant and who spoke."""
    truth = pl.DataFrame(
        [(take.utterance_id, take.emotion, take.speaker.gender) for take in many_takes],
        schema=["item", "meant", "gender"],
        orient="row",
    )
    return cast_votes(many_takes, SHIFT, seed=0).join(truth, on="item")


def expected_share(reliability: float, meant: str, said: str, *, woman: bool) -> float:
    """The probability of an answer, written out by hand."""

    def before(answer: str) -> float:
        missed = (1 - reliability) * CONFUSIONS[meant].get(answer, 0.0)
        return missed + (reliability if answer == meant else 0.0)

    share = 0.5 if woman else 0.0
    if said == "angry":
        return before("angry") * (1 - share)
    if said == "disgust":
        return before("disgust") + before("angry") * share
    return before(said)


def test_rows_of_the_confusions_sum_to_one_and_leave_the_truth_out() -> None:
    assert set(CONFUSIONS) == set(EMOTIONS)
    for meant, row in CONFUSIONS.items():
        assert sum(row.values()) == pytest.approx(1.0)
        assert meant not in row


@pytest.mark.parametrize("gender", ["female", "male"])
def test_the_table_of_answers_is_what_the_parameters_give(gender: str) -> None:
    for rater in RATERS:
        table = answer_table(rater, gender, SHIFT)
        hand = [
            [expected_share(rater.reliability, m, s, woman=gender == "female") for s in NAMES]
            for m in NAMES
        ]
        np.testing.assert_allclose(table, hand, atol=1e-12)
        np.testing.assert_allclose(table.sum(axis=1), 1.0)


@pytest.mark.parametrize("rater", RATERS, ids=lambda rater: rater.name)
@pytest.mark.parametrize("gender", ["female", "male"])
def test_votes_follow_the_table(many_votes: pl.DataFrame, rater: object, gender: str) -> None:
    own = many_votes.filter(pl.col("rater") == rater.name, pl.col("gender") == gender)  # type: ignore[attr-defined]
    table = answer_table(rater, gender, SHIFT)  # type: ignore[arg-type]
    statistic, freedom = 0.0, 0
    for row, meant in enumerate(NAMES):
        said = own.filter(pl.col("meant") == meant)["value"].to_list()
        observed = np.array([said.count(name) for name in NAMES])
        expected = table[row] * len(said)
        statistic += float(((observed - expected) ** 2 / expected).sum())
        freedom += len(NAMES) - 1
    assert stats.chi2.sf(statistic, freedom) > 1e-4


def test_the_planted_shift_is_there_for_its_group_only(many_votes: pl.DataFrame) -> None:
    angry = many_votes.filter(pl.col("meant") == "angry")
    rates = {
        gender: angry.filter(pl.col("gender") == gender)["value"].value_counts(normalize=True)
        for gender in ("female", "male")
    }
    share = {g: dict(zip(r["value"], r["proportion"], strict=True)) for g, r in rates.items()}
    assert share["female"]["angry"] == pytest.approx(share["male"]["angry"] / 2, abs=0.05)
    assert share["female"]["disgust"] > share["male"]["disgust"] + 0.25


def test_a_reliable_rater_is_right_more_often_than_the_careless(many_votes: pl.DataFrame) -> None:
    right = (
        many_votes.filter(pl.col("gender") == "male")
        .group_by("rater")
        .agg((pl.col("value") == pl.col("meant")).mean())
    )
    share = dict(right.iter_rows())
    for rater in RATERS:
        assert share[rater.name] == pytest.approx(rater.reliability, abs=0.09)


def test_five_different_raters_an_utterance_and_as_many_votes_each(
    many_votes: pl.DataFrame,
) -> None:
    per_item = many_votes.group_by("item").agg(pl.col("rater").n_unique())
    assert set(per_item["rater"]) == {VOTES_PER_UTTERANCE}
    loads = many_votes["rater"].value_counts()["count"]
    assert len(loads) == len(RATERS)
    assert loads.max() - loads.min() <= 1


def test_no_rater_is_tied_to_an_emotion_or_gender(many_votes: pl.DataFrame) -> None:
    cells = many_votes.group_by("rater", "meant", "gender").len()["len"]
    assert cells.min() > 0.5 * cells.max()


def test_votes_keep_the_schema_and_say_that_no_person_voted(many_votes: pl.DataFrame) -> None:
    votes = many_votes.drop("meant", "gender")
    assert VOTES.validate(votes).equals(votes)
    assert set(votes["kind"]) == {"model"}
    assert set(votes["channel"]) == {"voice"}
    assert set(votes["value"]) <= set(EMOTIONS)


def test_votes_depend_on_the_seed_and_on_nothing_else(many_takes: tuple[Take, ...]) -> None:
    few = many_takes[:40]
    assert cast_votes(few, SHIFT, seed=1).equals(cast_votes(few, SHIFT, seed=1))
    assert not cast_votes(few, SHIFT, seed=1).equals(cast_votes(few, SHIFT, seed=2))


def test_the_record_holds_every_parameter() -> None:
    record = raters_record()
    assert [rater["reliability"] for rater in record["raters"]] == [r.reliability for r in RATERS]
    assert record["confusions"] == CONFUSIONS
    assert record["votes_per_utterance"] == VOTES_PER_UTTERANCE
