"""Folds and validation parts on random corpora: disjoint, covering, deterministic."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.corpora import make_folds, most_folds, validation_split

EMOTIONS = st.sampled_from(["angry", "happy", "sad"])


@st.composite
def corpora(draw: st.DrawFn) -> pl.DataFrame:
    speakers = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["female", "male", None]),
                st.lists(EMOTIONS, min_size=1, max_size=6),
            ),
            min_size=2,
            max_size=12,
        )
    )
    rows = [
        (f"demo/{number}-{turn}", f"s{number:02}", gender, emotion)
        for number, (gender, emotions) in enumerate(speakers)
        for turn, emotion in enumerate(emotions)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "utterance_id": pl.String,
            "speaker": pl.String,
            "gender": pl.String,
            "emotion": pl.String,
        },
        orient="row",
    )


seeds = st.integers(0, 2**31)


@settings(max_examples=60, deadline=None)
@given(corpora(), seeds, st.data())
def test_folds_test_each_utterance_once_and_keep_speakers_apart(
    table: pl.DataFrame, seed: int, data: st.DataObject
) -> None:
    number = data.draw(st.integers(2, table["speaker"].n_unique()))
    folds = make_folds(table, n_folds=number, seed=seed)
    assert folds["fold"].n_unique() == number
    assert folds.height == number * table.height
    tested = folds.filter(pl.col("split") == "test")
    assert sorted(tested["utterance_id"]) == sorted(table["utterance_id"])
    joined = folds.join(table, on="utterance_id")
    parts = joined.group_by("fold", "speaker").agg(pl.col("split").n_unique())
    assert parts["split"].max() == 1


@settings(max_examples=60, deadline=None)
@given(corpora(), seeds)
def test_speakers_of_a_gender_are_dealt_out_evenly(table: pl.DataFrame, seed: int) -> None:
    folds = make_folds(table, n_folds=2, seed=seed).filter(pl.col("split") == "test")
    held = folds.join(table, on="utterance_id").with_columns(pl.col("gender").fill_null("none"))
    for gender in held["gender"].unique():
        members = held.filter(pl.col("gender") == gender)
        counts = [members.filter(pl.col("fold") == f)["speaker"].n_unique() for f in ("1", "2")]
        assert abs(counts[0] - counts[1]) <= 1


@settings(max_examples=60, deadline=None)
@given(corpora(), seeds)
def test_the_order_of_rows_changes_nothing(table: pl.DataFrame, seed: int) -> None:
    shuffled = table.sample(fraction=1, shuffle=True, seed=1)
    number = most_folds(table)
    both = [make_folds(t, n_folds=number, seed=seed).sort("fold", "utterance_id")
            for t in (table, shuffled)]  # fmt: skip
    assert both[0].equals(both[1])
    kept = [sorted(validation_split(t, seed=seed)[1]["utterance_id"]) for t in (table, shuffled)]
    assert kept[0] == kept[1]


@settings(max_examples=60, deadline=None)
@given(corpora(), seeds, st.floats(0.05, 0.95))
def test_a_validation_part_shares_no_speaker_and_loses_no_utterance(
    table: pl.DataFrame, seed: int, share: float
) -> None:
    train, held = validation_split(table, seed=seed, share=share)
    assert train.height
    assert held.height
    assert not set(train["speaker"]) & set(held["speaker"])
    assert sorted([*train["utterance_id"], *held["utterance_id"]]) == sorted(table["utterance_id"])
    again = validation_split(table, seed=seed, share=share)
    assert again[0].equals(train)
    assert again[1].equals(held)
