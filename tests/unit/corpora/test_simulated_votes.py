"""Raters planted on any table of utterances vote as their parameters say."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from equivoice.annotators import dawid_skene, read_votes
from equivoice.corpora import label_space
from equivoice.corpora.synthetic import (
    Biases,
    RatingShift,
    SimulatedRater,
    planted_raters,
    simulate_votes,
)
from equivoice.corpora.synthetic.raters import RATERS, answer_table
from equivoice.corpora.synthetic.recipe import EMOTIONS
from equivoice.errors import ConfigError, CorpusError
from equivoice.records import VOTES

LABELS = ["angry", "sad", "calm"]
ODD = SimulatedRater(
    "odd",
    {
        "angry": {"angry": 0.5, "sad": 0.3, "other": 0.2},
        "sad": {"calm": 1.0},
        "calm": {"calm": 0.25, "angry": 0.75},
    },
    {"male": {label: {"sad": 1.0} for label in LABELS}},
)


def utterances(number: int = 3000) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "utterance_id": [f"demo/{n}" for n in range(number)],
            "emotion": [LABELS[n % 3] for n in range(number)],
            "gender": ["female" if n % 2 else "male" for n in range(number)],
        }
    )


def test_each_vote_is_the_hash_of_seed_utterance_and_rater() -> None:
    # By hand: where 64 bits of the hash fall on the line of the answers.
    votes = simulate_votes(utterances(30), [ODD], 7).votes
    for (item, said), (_, meant, gender) in zip(
        votes.select("item", "value").rows(), utterances(30).rows(), strict=True
    ):
        text = "\x1f".join(["7", "simulated vote", item, "odd"])
        draw = int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) / 2**64
        row = {"sad": 1.0} if gender == "male" else ODD.answers[meant]
        edges = np.cumsum(list(row.values()))
        assert said == list(row)[int(np.searchsorted(edges, draw, side="right"))]


def test_answers_follow_the_table_of_the_group() -> None:
    table = utterances()
    votes = simulate_votes(table, [ODD], 0).votes
    joined = votes.join(table, left_on="item", right_on="utterance_id")
    assert set(joined.filter(gender="male")["value"]) == {"sad"}
    said = Counter(joined.filter(gender="female", emotion="angry")["value"])
    expected = [500 * share for share in (0.5, 0.3, 0.2)]
    observed = [said[name] for name in ("angry", "sad", "other")]
    assert sum(observed) == 500
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    assert set(joined.filter(gender="female", emotion="sad")["value"]) == {"calm"}


def test_votes_stay_when_raters_rows_or_order_change() -> None:
    ann = SimulatedRater.reliable("ann", LABELS, 0.6)
    few = simulate_votes(utterances(60), [ann], 3).votes
    more = simulate_votes(utterances(90).reverse(), [ODD, ann], 3).votes
    assert more.join(few, on=["item", "rater", "value"], how="semi").height == 60
    assert not simulate_votes(utterances(60), [ann], 4).votes.equals(few)
    assert simulate_votes(utterances(60), [ann], 3).votes.equals(few)


def test_some_of_the_raters_on_each_utterance() -> None:
    raters = [SimulatedRater.reliable(name, LABELS, 0.9) for name in "abcdef"]
    votes = simulate_votes(utterances(), raters, 0, each=2).votes
    assert votes.group_by("item").len()["len"].unique().to_list() == [2]
    assert votes.select("item", "rater").is_unique().all()
    shares = votes["rater"].value_counts()["count"].to_list()
    assert stats.chisquare(shares).pvalue > 1e-3
    whole = simulate_votes(utterances(), raters, 0).votes
    assert votes.join(whole, on=["item", "rater", "value"], how="semi").height == votes.height


def test_a_reliable_rater_misses_evenly_or_as_told() -> None:
    assert SimulatedRater.reliable("a", LABELS, 0.7).answers["sad"] == {
        "angry": 0.15,
        "sad": 0.7,
        "calm": 0.15,
    }
    told = {label: {"other": 0.5, "calm" if label != "calm" else "sad": 0.5} for label in LABELS}
    assert SimulatedRater.reliable("a", LABELS, 0.6, told).answers["angry"] == {
        "angry": 0.6,
        "sad": 0.0,
        "calm": 0.2,
        "other": 0.2,
    }


def test_shifts_add_up() -> None:
    once = SimulatedRater.reliable("a", LABELS, 1.0).shifted(
        "f", heard="sad", called="calm", share=0.5
    )
    twice = once.shifted("f", heard="calm", called="other", share=0.5)
    assert twice.by_group["f"]["sad"] == {"angry": 0.0, "sad": 0.5, "calm": 0.25, "other": 0.25}
    assert twice.answers == once.answers
    assert twice.answers_to("m") is twice.answers_to(None) is twice.answers


def test_the_raters_of_the_synthetic_corpus_can_be_planted_elsewhere() -> None:
    biases = Biases(noise=None, rating=RatingShift("female", "angry", "disgust", share=0.4))
    raters = planted_raters(biases)
    assert [rater.name for rater in raters] == [rater.name for rater in RATERS]
    for rater, original in zip(raters, RATERS, strict=True):
        for gender in ("female", "male"):
            expected = answer_table(original, gender, biases)
            rows = rater.answers_to(gender)
            found = [[rows[meant][said] for said in EMOTIONS] for meant in EMOTIONS]
            np.testing.assert_allclose(found, expected)
        plain = [[rater.answers[m][s] for s in EMOTIONS] for m in EMOTIONS]
        np.testing.assert_allclose(plain, answer_table(original, "male", Biases.none()))


def test_planted_confusions_are_found_again() -> None:
    kinds = (0.9, 0.85, 0.8, 0.4)
    raters = [SimulatedRater.reliable(f"r{k}", LABELS, kind) for k, kind in enumerate(kinds)]
    raters[3] = SimulatedRater("r3", {"angry": {"sad": 0.7, "angry": 0.3}, "sad": {"sad": 1.0},
                                      "calm": {"calm": 0.5, "angry": 0.5}})  # fmt: skip
    votes = simulate_votes(utterances(), raters, 1).votes
    found = dawid_skene(read_votes(votes, label_space(LABELS)).ratings)
    planted = [[[r.answers[m].get(s, 0.0) for s in LABELS] for m in LABELS] for r in raters]
    np.testing.assert_allclose(found.confusion, planted, atol=0.06)


def test_the_table_and_its_provenance() -> None:
    table = utterances(6).with_columns(
        emotion=pl.Series(["sad", None, "sad", "calm", None, "angry"]), who=pl.lit("male")
    )
    made = simulate_votes(table, [ODD], 5, group="who", channel="face")
    assert VOTES.validate(made.votes).equals(made.votes)
    assert made.votes["item"].to_list() == ["demo/0", "demo/2", "demo/3", "demo/5"]
    assert set(made.votes["value"]) == {"sad"}
    assert set(made.votes.select("channel", "kind", "question", "count").rows()) == {
        ("face", "model", "emotion", 1)
    }
    record = made.provenance["simulated_votes"]
    assert record["without_label"] == 2
    assert record["raters"][0]["by_group"]["male"]["calm"] == {"sad": 1.0}
    assert {key: record[key] for key in ("seed", "meant", "group", "raters_an_utterance")} == {
        "seed": 5,
        "meant": "emotion",
        "group": "who",
        "raters_an_utterance": 1,
    }
    assert (
        simulate_votes(table.drop("who"), [ODD], 5, group="who").provenance["simulated_votes"][
            "group"
        ]
        is None
    )


@pytest.mark.parametrize(
    ("raters", "options", "problems"),
    [
        ([], {}, ["there is none"]),
        ([ODD, ODD], {}, ["2 are called 'odd'"]),
        ([ODD], {"each": 2}, ["2 raters an utterance"]),
        ([ODD], {"each": 0}, ["0 raters an utterance"]),
        (
            [SimulatedRater("a", {"sad": {"sad": 0.9}}), SimulatedRater("b", {"sad": {"sad": 1.5, "calm": -0.5}})],
            {},
            ["a.answers: no answers where 'calm' is meant", "a.answers: the answers where 'sad'", "b.answers: the answers where 'sad'"],
        ),
        (
            [SimulatedRater("a", ODD.answers, {"x": {"sad": {}}})],
            {},
            ["a.by_group['x']: the answers where 'sad'"],
        ),
    ],
)  # fmt: skip
def test_what_cannot_vote_is_refused_all_at_once(
    raters: list[SimulatedRater], options: dict[str, Any], problems: list[str]
) -> None:
    table = utterances(6).filter(pl.col("emotion") != "angry")
    with pytest.raises(ConfigError) as caught:
        simulate_votes(table, raters, 0, **options)
    text = str(caught.value)
    for problem in problems:
        assert problem in text


def test_a_missing_column_is_named() -> None:
    with pytest.raises(CorpusError) as caught:
        simulate_votes(utterances(3), [ODD], 0, meant="label")
    assert caught.value.column == "label"


@pytest.mark.parametrize(("labels", "reliability"), [(["sad"], 0.5), (LABELS, 1.2), (LABELS, -0.1)])
def test_a_reliability_is_a_probability(labels: list[str], reliability: float) -> None:
    with pytest.raises(ConfigError):
        SimulatedRater.reliable("a", labels, reliability)


def test_a_share_is_a_share() -> None:
    with pytest.raises(ConfigError, match="share"):
        ODD.shifted("female", heard="sad", called="calm", share=2.0)
