"""Votes that once gave wrong numbers without a word, and must not again."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import equivoice
from equivoice.errors import InputError, VotesError

_NAMES = "abc"


def _speech(n: int = 24) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "utterance_id": [f"u{i}" for i in range(n)],
            "speaker": [f"s{i % 6}" for i in range(n)],
            "emotion": [_NAMES[i % 3] for i in range(n)],
        }
    )


def _votes(rows: list[tuple[str, str, int, str | None]]) -> pl.DataFrame:
    made = pl.DataFrame(
        rows,
        schema=["item", "value", "count", "rater"],
        orient="row",
        schema_overrides={"rater": pl.String},
    )
    return made.with_columns(question=pl.lit("emotion"), channel=pl.lit("voice"))


def _counts() -> list[tuple[str, str, int, str | None]]:
    draw = np.random.default_rng(3)
    return [
        (f"u{i}", name, int(draw.integers(5)) + (k == i % 3), None)
        for i in range(24)
        for k, name in enumerate(_NAMES)
    ]


@pytest.mark.parametrize("count", [10**6 + 1, 2**62, 2**63 - 1, 1e300])
def test_a_count_beyond_the_range_of_products_is_refused(count: float) -> None:
    """Twice 2**62 is below zero in 64 bits: the one label then had no majority."""
    votes = _votes([("u0", "a", 1, None)]).with_columns(count=pl.lit(count))
    with pytest.raises(VotesError, match="more than 1,000,000 votes on 'u0'") as caught:
        equivoice.score(None, _speech(), votes=votes, rule="majority", replicates=0)
    assert "row: 1" in str(caught.value)


def test_a_million_votes_in_a_row_are_counted() -> None:
    rows = [(f"u{i}", _NAMES[i % 3], 10**6, None) for i in range(24)]
    rows += [(f"u{i}", _NAMES[(i + 1) % 3], 10**6 - 1, None) for i in range(24)]
    found = equivoice.score(None, _speech(), votes=_votes(rows), replicates=0).estimates
    alpha = found.filter((pl.col("metric") == "krippendorff_alpha") & pl.col("group_by").is_null())
    # half of the pairs differ within an utterance, two thirds of them among all: 1 - (1/2)/(2/3)
    assert alpha["value"].item() == pytest.approx(0.25, abs=1e-5)


def test_the_order_of_named_votes_changes_no_digit() -> None:
    """Raters were numbered in order of appearance, and sums over pairs took that order."""
    draw = np.random.default_rng(2)
    rows = [
        (f"u{i}", _NAMES[(i + int(draw.choice([0, 0, 1]))) % 3], 1, f"r{k}")
        for i in range(24)
        for k in range(5)
    ]
    votes = _votes(rows)
    settings = {"rule": "dawid_skene", "replicates": 40, "permutations": 20}
    first = equivoice.score(None, _speech(), votes=votes, **settings).estimates
    for seed in range(3):
        mixed = votes.sample(fraction=1, shuffle=True, seed=seed)
        assert equivoice.score(None, _speech(), votes=mixed, **settings).estimates.equals(first)


def test_people_held_against_each_other_have_no_scores_by_their_own_agreement() -> None:
    """Where all agree they would always be right, and without a majority always wrong."""
    found = equivoice.score(
        None, _speech(), votes=_votes(_counts()), rule="majority", replicates=0
    ).estimates
    by_agreement = found.filter(pl.col("group_by") == "agreement")
    assert set(by_agreement["reference"]) == {"given"}
    assert {"one listener (voice)", "the crowd's plurality (voice)"} == set(by_agreement["system"])


@pytest.mark.parametrize("name", ["one listener (voice)", "half the crowd", "listeners (voice)"])
def test_a_system_cannot_have_the_name_of_listeners(name: str) -> None:
    """Its rows and theirs had the same keys, with different values."""
    speech = _speech()
    answers = speech.select("utterance_id", pl.lit("a").alias("emotion"), system=pl.lit(name))
    with pytest.raises(InputError, match="name under which the scores of listeners stand"):
        equivoice.score(answers, speech, votes=_votes(_counts()), replicates=0)
    assert len(equivoice.score(answers, speech, replicates=0).estimates)


def test_the_keys_of_rows_are_unique_beside_people_of_several_channels() -> None:
    votes = _votes(_counts())
    both = pl.concat([votes, votes.with_columns(channel=pl.lit("face"))])
    speech = _speech().with_columns(pl.Series("gender", ["female", "male"] * 12))
    answers = speech.select(
        "utterance_id",
        pl.lit("m").alias("system"),
        pl.lit("a").alias("emotion"),
        pl.lit([0.2, 0.3, 0.5]).alias("probabilities"),
    )
    answers = pl.concat([answers.with_columns(temperature=pl.lit(t)) for t in (0.0, 1.0)])
    found = equivoice.score(
        answers, speech, votes=both, rule="plurality", group_by="gender", replicates=0
    ).estimates
    key = found.columns[: found.columns.index("value")]
    assert found.select(key).is_unique().all()


def test_listeners_that_are_all_models_are_called_so() -> None:
    votes = _votes(_counts()).with_columns(kind=pl.lit("model"))
    notes = equivoice.score(None, _speech(), votes=votes, replicates=0).notes
    assert any(note.startswith("All votes are by models") for note in notes)
    persons = equivoice.score(None, _speech(), votes=_votes(_counts()), replicates=0).notes
    assert not any("by models" in note for note in persons)


def test_counts_of_zero_are_not_taken_for_other_utterances() -> None:
    votes = _votes([("u0", "a", 0, None)])
    with pytest.raises(VotesError, match="each count is 0"):
        equivoice.score(None, _speech(), votes=votes, replicates=0)
