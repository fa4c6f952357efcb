"""The votes that systems are held against: labels by rule, ties, channels, and what is lost."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from equivoice.errors import ConfigError, VotesError
from equivoice.evaluation.against_votes import credited_reference
from equivoice.evaluation.reference_votes import (
    ReferenceVotes,
    gather_votes,
    heard_channel,
    labelled_by,
    labels_of,
)
from oracles.held_against import LABELS, SPACE, label_by, spoken_world, utterances, votes

WORLD = spoken_world(80, seed=4)


def gathered(**options: object) -> ReferenceVotes:
    names = [one.name for one in WORLD]
    return gather_votes(votes(WORLD), SPACE, names, **options)  # type: ignore[arg-type]


def test_items_are_in_alphabetical_order_whatever_the_order_given() -> None:
    names = [one.name for one in WORLD]
    table = votes(WORLD).reverse()
    again = gather_votes(table, SPACE, names[::-1])
    first = gathered()
    assert again.counts.items == first.counts.items == tuple(sorted(names))
    np.testing.assert_array_equal(again.counts.counts, first.counts.counts)


@pytest.mark.parametrize("rule", ["majority", "plurality"])
def test_labels_of_a_rule_by_hand(rule: str) -> None:
    wanted = {one.name: label_by(one, rule) for one in WORLD}
    made = dict(labels_of(gathered(), rule).iter_rows())
    assert made == {name: label for name, label in wanted.items() if label is not None}
    table = labelled_by(utterances(WORLD).reverse(), gathered(), rule)
    assert table["utterance_id"].to_list() == [one.name for one in WORLD[::-1]]
    assert table["emotion"].to_list() == [wanted[one.name] for one in WORLD[::-1]]
    assert table["gender"].to_list() == [one.gender for one in WORLD[::-1]]


def test_what_stands_where_there_is_no_majority() -> None:
    own = gathered()
    found = {policy: own.consensus(policy, seed=1) for policy in ("random", "plurality")}
    strict = own.consensus("leave_out", seed=1)
    for place, name in enumerate(own.counts.items):
        one = next(each for each in WORLD if each.name == name)
        counts = [one.count(label) for label in LABELS]
        by_rule = {
            rule: -1 if label_by(one, rule) is None else LABELS.index(label_by(one, rule) or "")
            for rule in ("majority", "plurality")
        }
        assert strict[place] == by_rule["majority"]
        assert found["plurality"][place] == by_rule["plurality"]
        drawn = found["random"][place]
        assert (drawn >= 0) == (sum(counts) > 0)
        if drawn >= 0:
            assert counts[drawn] == max(counts)


def test_each_of_the_tied_labels_is_as_likely() -> None:
    table = pl.DataFrame({"item": ["a"] * 4, "question": ["emotion"] * 4, "value": ["sad"] * 4})
    table = table.with_columns(value=pl.Series(["sad", "angry", "neutral", "sad"]), count=pl.lit(1))
    tied = pl.concat([table, table.tail(3).head(1)])  # sad 2, angry 2, neutral 1
    own = gather_votes(tied, SPACE, ["a"])
    drawn = [int(own.consensus("random", seed=seed)[0]) for seed in range(400)]
    assert set(drawn) == {LABELS.index("angry"), LABELS.index("sad")}
    assert 0.4 < drawn.count(LABELS.index("sad")) / 400 < 0.6
    with pytest.raises(ConfigError, match="no_consensus"):
        own.consensus("coin", seed=0)  # type: ignore[arg-type]


def test_utterances_have_their_places() -> None:
    own = gathered()
    asked = pl.Series([own.counts.items[3], "elsewhere", own.counts.items[0]])
    assert own.places(asked).tolist() == [3, -1, 0]


def test_strata_and_shares_follow_votes_for_none_of_the_labels_where_these_count() -> None:
    table = pl.DataFrame(
        {
            "item": ["a", "a", "b"],
            "question": ["emotion"] * 3,
            "value": ["sad", "other", "other"],
            "count": [3, 2, 1],
        }
    )
    left, counted = (
        gather_votes(table, SPACE, ["a", "b"], other=other)
        for other in ("leave_out", "count")  # type: ignore[arg-type]
    )
    assert left.strata() == {"a": "all agree", "b": None}
    assert counted.strata() == {"a": "more than half", "b": "all agree"}
    assert left.voted.tolist() == [True, False]
    assert counted.voted.tolist() == [True, True]
    assert counted.shares.sum(-1).tolist() == [0.6, 0.0]


@pytest.mark.parametrize(
    ("channels", "asked", "heard"),
    [
        (["face", "voice"], None, "voice"),
        (["face", "both"], None, "face"),
        (["text"], None, "text"),
        ([None], None, None),
        ([None, "voice"], None, None),
        (["face", "voice"], "face", "face"),
    ],
)
def test_systems_are_held_against_the_voice_where_there_is_one(
    channels: list[str | None], asked: str | None, heard: str | None
) -> None:
    table = pl.DataFrame(
        {
            "item": ["a"] * len(channels),
            "question": ["emotion"] * len(channels),
            "channel": pl.Series(channels, dtype=pl.String),
        }
    )
    assert heard_channel(table, asked) == heard


def test_votes_on_other_utterances_are_counted_and_none_at_all_are_refused() -> None:
    own = gather_votes(votes(WORLD), SPACE, [one.name for one in WORLD[:40]])
    elsewhere = sum(len(one.votes) for one in WORLD[40:])
    assert own.left_out == {"vote for an unknown utterance": elsewhere}
    with pytest.raises(VotesError) as caught:
        gather_votes(votes(WORLD), SPACE, ["x/1"], file="v.csv")
    assert "'x/1'" in str(caught.value)
    assert caught.value.file == "v.csv"


def test_an_answer_that_somebody_gave_becomes_the_reference() -> None:
    counts = np.array([[2, 1, 0], [2, 1, 0], [2, 1, 0], [0, 0, 0]])
    found = credited_reference(counts, np.array([1, 2, -1, 0]), np.array([0, 0, -1, -1]))
    assert found.tolist() == [1, 0, -1, -1]
