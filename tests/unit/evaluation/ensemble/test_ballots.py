"""Votes as codes: every cell against a plain reading of the tables."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.annotators import OTHER
from equivoice.evaluation.ensemble.ballots import ballots_of, complete
from equivoice.metrics import UNPARSED
from oracles.ballot_box import space, votes

LABELS = ("angry", "happy", "sad")
ANSWERS = st.dictionaries(
    st.sampled_from([f"demo/{n}" for n in range(8)]), st.sampled_from([*LABELS, None])
)


def table(answers: dict[str, str | None]) -> pl.DataFrame:
    types = {
        "utterance_id": pl.String,
        "predicted": pl.String,
        "probabilities": pl.List(pl.Float64),
    }
    rows = {
        "utterance_id": list(answers),
        "predicted": list(answers.values()),
        "probabilities": [None] * len(answers),
    }
    return pl.DataFrame(rows, schema=types)


@settings(deadline=None, max_examples=50)
@given(st.lists(ANSWERS, min_size=1, max_size=4), st.sets(st.integers(0, 7), min_size=1))
def test_each_cell_is_what_the_member_said(
    said: list[dict[str, str | None]], asked: set[int]
) -> None:
    """Whatever the order of rows, and whatever else the tables hold."""
    wanted = [f"demo/{n}" for n in sorted(asked, reverse=True)]
    made = ballots_of(
        [(f"m{at}", table(one)) for at, one in enumerate(said)], wanted, space(LABELS)
    )
    assert made.utterance_ids == tuple(sorted(wanted))
    for row, name in enumerate(made.utterance_ids):
        for column, one in enumerate(said):
            assert made.present[row, column] == (name in one)
            label = one.get(name)
            code = UNPARSED if label is None else LABELS.index(label)
            assert made.choices[row, column] == code
    assert np.isnan(made.probabilities).all()


def test_some_members_and_some_utterances_are_cut_out_whole() -> None:
    given_shares = {(0, 1): (0.2, 0.3, 0.5), (2, 0): (1.0, 0.0, 0.0)}
    ballots = votes(
        [("sad", "sad"), ("happy", None), ("angry", "sad")], LABELS, probabilities=given_shares
    )
    turned = ballots.of(["m1", "m0"])
    assert turned.members == ("m1", "m0")
    assert turned.choices.tolist() == [[2, 2], [UNPARSED, 1], [2, 0]]
    assert turned.probabilities[0, 0].tolist() == [0.2, 0.3, 0.5]
    rest = ballots.rows(np.array([True, False, True]))
    assert rest.utterance_ids == ("demo/000", "demo/002")
    assert rest.choices.tolist() == [[2, 2], [0, 2]]
    assert complete(rest.probabilities).tolist() == [[False, True], [True, False]]


def test_as_raters_an_answer_without_a_label_is_a_vote_for_none_of_them() -> None:
    ballots = votes([("sad", None), ("happy", "angry")], LABELS)
    ballots.present[1, 0] = False
    ratings = ballots.ratings
    cast = zip(ratings.item.tolist(), ratings.rater.tolist(), ratings.label.tolist(), strict=True)
    assert sorted(cast) == [(0, 0, 2), (0, 1, OTHER), (1, 1, 0)]


def test_shares_that_are_known_in_part_are_not_known() -> None:
    assert complete(np.array([[0.5, 0.5], [np.nan, 1.0]])).tolist() == [True, False]
