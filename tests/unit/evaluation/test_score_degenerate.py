"""score() on what nobody plans for: nothing may crash, and nothing may look like more than it is."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from equivoice.errors import EquivoiceError, InputError
from equivoice.evaluation.score import Scores, score
from equivoice.records import ESTIMATES, Label, LabelSpace
from oracles.worlds import World, cell, world

QUICK = {"replicates": 200, "permutations": 100}
GIVEN = world([7, 8], classes=3, each=9, unparsed=0.05, seed=3)
PREDICTIONS, UTTERANCES = GIVEN.predictions(), GIVEN.utterances()
Frames = tuple[pl.DataFrame, pl.DataFrame]


def run(frames: Frames, **options: object) -> Scores:
    asked = {"label_space": GIVEN.labels, "group_by": ["gender"], **QUICK} | options
    return score(*frames, **asked)  # type: ignore[arg-type]


def emotion(value: pl.Expr) -> Frames:
    return PREDICTIONS.with_columns(emotion=value), UTTERANCES


CASES: dict[str, Callable[[], Frames]] = {
    "all unparsed": lambda: emotion(pl.lit(None, pl.String)),
    "all one label": lambda: emotion(pl.lit("happy")),
    "all right": lambda: (UTTERANCES.select("utterance_id", "emotion"), UTTERANCES),
    "all wrong": lambda: (
        UTTERANCES.select(
            "utterance_id",
            emotion=pl.when(emotion="happy").then(pl.lit("angry")).otherwise(pl.lit("happy")),
        ),
        UTTERANCES.filter(pl.col("emotion") != "neutral"),
    ),
    "one class heard": lambda: (PREDICTIONS, UTTERANCES.filter(emotion="happy")),
    "one group": lambda: (PREDICTIONS, UTTERANCES.filter(gender="female")),
    "one speaker": lambda: (PREDICTIONS, UTTERANCES.with_columns(speaker=pl.lit("s"))),
    "one speaker a group": lambda: (PREDICTIONS, UTTERANCES.with_columns(speaker="gender")),
    "one utterance": lambda: (PREDICTIONS.head(1), UTTERANCES.head(1)),
    "one utterance a speaker": lambda: (PREDICTIONS, UTTERANCES.gather_every(9)),
    "no speakers": lambda: (PREDICTIONS, UTTERANCES.drop("speaker")),
    "half of the speakers unknown": lambda: (
        PREDICTIONS,
        UTTERANCES.with_columns(speaker=pl.when(pl.col("speaker") < "s008").then("speaker")),
    ),
    "no corpus": lambda: (PREDICTIONS, UTTERANCES.drop("corpus")),
    "a group that lacks a class": lambda: (
        PREDICTIONS,
        UTTERANCES.filter((pl.col("gender") == "male") | (pl.col("emotion") != "happy")),
    ),
    "groups without a class in common": lambda: (
        PREDICTIONS,
        UTTERANCES.filter((pl.col("gender") == "male") == (pl.col("emotion") == "happy")),
    ),
    "half of the groups unknown": lambda: (
        PREDICTIONS,
        UTTERANCES.with_columns(gender=pl.when(pl.col("speaker") < "s010").then("gender")),
    ),
    "odd names": lambda: (
        PREDICTIONS,
        UTTERANCES.with_columns(gender=pl.col("gender").replace({"female": "a − b", "male": "x | y"})),
    ),
    "an empty name": lambda: (
        PREDICTIONS,
        UTTERANCES.with_columns(gender=pl.col("gender").replace({"female": ""})),
    ),
    "as many groups as speakers": lambda: (
        PREDICTIONS, UTTERANCES.head(54).with_columns(gender=pl.col("speaker")),
    ),
    "as many groups as utterances": lambda: (
        PREDICTIONS,
        UTTERANCES.head(12).with_columns(gender=pl.col("utterance_id")),
    ),
    "a dialogue of many speakers as group": lambda: (
        PREDICTIONS,
        UTTERANCES.with_columns(gender=pl.format("d{}", pl.int_range(pl.len()) % 4)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("convention", ["equivoice", "fairalm_code"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_every_row_has_a_value_or_a_reason(name: str, convention: str) -> None:
    found = run(CASES[name](), convention=convention).estimates
    ESTIMATES.validate(found)
    assert found["n"].null_count() == 0
    numbers = found.filter(pl.col("quantity") != "confusion")
    assert numbers.filter(pl.col("value").is_null() & pl.col("undefined").is_null()).is_empty()
    assert numbers.filter(
        pl.col("value").is_not_null() & pl.col("low").is_null() & pl.col("undefined").is_null()
    ).is_empty()
    assert numbers.filter(pl.col("low") > pl.col("high")).is_empty()
    for column in ("value", "low", "high", "detectable", "noise_floor"):
        assert all(map(math.isfinite, found[column].drop_nulls()))


@pytest.mark.parametrize("text", ["gender", "age[30]"])
def test_all_groups_unknown(text: str) -> None:
    nobody = UTTERANCES.with_columns(gender=pl.lit(None, pl.String), age=pl.lit(None, pl.Float64))
    found = run((PREDICTIONS, nobody), group_by=[text]).estimates
    assert cell(found, quantity="score", metric="accuracy")["value"] is not None


def test_one_group_has_no_gap_and_names_itself() -> None:
    found = run(CASES["one group"]()).estimates
    gaps = found.filter(quantity="gap")
    assert gaps["value"].null_count() == gaps.height
    assert set(gaps["undefined"]) == {"only one group: female"}
    assert found.filter(quantity="pair_gap").is_empty()


def test_one_speaker_has_scores_and_no_intervals() -> None:
    found = run(CASES["one speaker"]()).estimates
    assert found.filter(pl.col("low").is_not_null()).is_empty()
    row = cell(found, quantity="score", metric="accuracy")
    assert "too few speakers" in str(row["undefined"])


def test_utterances_are_units_where_no_speaker_is_known_and_a_note_says_so() -> None:
    result = run(CASES["no speakers"]())
    assert set(result.estimates["unit"].drop_nulls()) == {"utterance"}
    assert any("No speakers are known" in note for note in result.notes)
    row = cell(result.estimates, quantity="score", metric="accuracy")
    assert row["clusters"] == row["n"] == len(GIVEN.reference)


def test_unknown_speakers_among_known_ones_are_counted_in_a_note() -> None:
    result = run(CASES["half of the speakers unknown"]())
    assert any(note.startswith("63 predictions have no speaker") for note in result.notes)


def test_unknown_groups_are_counted() -> None:
    found = run(CASES["half of the groups unknown"]()).estimates
    gap = cell(found, quantity="gap", metric="acc_gap", group_aggregator="mean")
    assert '"group unknown": 45' in str(gap["left_out"])
    assert gap["n"] == len(GIVEN.reference) - 45


def test_undefined_cells_are_counted() -> None:
    found = run(CASES["a group that lacks a class"]()).estimates
    gap = cell(
        found,
        quantity="gap",
        metric="equal_opportunity",
        group_aggregator="mean",
        class_aggregator="mean",
    )
    assert '"undefined cells": 1' in str(gap["left_out"])
    missing = cell(found, quantity="group_score", metric="recall", groups="female", class_="happy")
    assert missing["value"] is None
    assert "no reference of this class" in str(missing["undefined"])


def test_without_a_class_in_common_opportunity_is_undefined_and_accuracy_is_not() -> None:
    found = run(CASES["groups without a class in common"]()).estimates
    opportunity = found.filter(quantity="gap", metric="equal_opportunity")
    assert opportunity["value"].null_count() == opportunity.height
    assert (
        cell(found, quantity="gap", metric="acc_gap", group_aggregator="mean")["value"] is not None
    )


def test_equal_groups_do_not_differ() -> None:
    found = run(CASES["all right"]()).estimates
    for row in found.filter(quantity="gap").iter_rows(named=True):
        if row["value"] is not None:
            assert row["value"] == 0.0
            assert row["p_value"] in (None, 1.0)


def test_no_errors_seen_is_not_no_errors_possible() -> None:
    """Nobody differs from anybody, so the bootstrap knows no noise; that is not certainty."""
    found = run(CASES["all right"]()).estimates
    row = cell(found, quantity="score", metric="accuracy")
    assert row["low"] is None or row["low"] < 1.0


def test_repeating_every_answer_does_not_shorten_intervals() -> None:
    """Ten identical runs without speakers: the same knowledge, so the same interval."""
    alone = run(CASES["no speakers"](), group_by=[]).estimates
    runs = pl.concat([PREDICTIONS.with_columns(run=pl.lit(i)) for i in range(10)])
    many = run((runs, UTTERANCES.drop("speaker")), group_by=[]).estimates
    lengths = []
    for found in (alone, many):
        row = cell(found, quantity="score", metric="accuracy")
        lengths.append(float(row["high"]) - float(row["low"]))  # type: ignore[arg-type]
    assert lengths[1] > 0.8 * lengths[0]


def test_speakers_spread_over_many_groups_still_have_noise() -> None:
    """15 speakers, an utterance of each in some of five groups: intervals as without groups."""
    rng = np.random.default_rng(0)
    scattered = UTTERANCES.with_columns(
        gender=pl.Series([f"g{g}" for g in rng.integers(0, 5, UTTERANCES.height)])
    ).filter(pl.Series(rng.random(UTTERANCES.height) < 0.3))
    found = run((PREDICTIONS, scattered)).estimates
    lengths = found.filter(quantity="group_score", metric="accuracy").select(
        (pl.col("high") - pl.col("low")).alias("length"), "n"
    )
    lengths = lengths.drop_nulls()  # a group that many resamples miss has no interval
    assert lengths.height >= 4
    binomial = 2 * 1.96 * np.sqrt(0.24 / lengths["n"].to_numpy())
    assert (lengths["length"].to_numpy() > 0.7 * binomial).all()


def test_labels_nobody_used_are_undefined_and_left_out_of_averages() -> None:
    labels = LabelSpace("more", (*GIVEN.labels.labels, Label("sad"), Label("calm")))
    found = run((PREDICTIONS, UTTERANCES), label_space=labels).estimates
    plain = run((PREDICTIONS, UTTERANCES)).estimates
    for metric in ("macro_f1", "unweighted_accuracy"):
        more, fewer = (cell(f, quantity="score", metric=metric) for f in (found, plain))
        assert more["value"] == pytest.approx(fewer["value"])
        assert '"classes without reference": 2' in str(more["left_out"])


def test_a_hundred_and_twenty_classes() -> None:
    names = [f"l{i:03d}" for i in range(120)]
    labels = LabelSpace("many", tuple(Label(name) for name in names))
    result = score(
        names * 2,
        names[1:] + names[:1] + names,
        speakers=[i % 12 for i in range(240)],
        label_space=labels,
        replicates=20,
        permutations=20,
    )
    row = cell(result.estimates, quantity="score", metric="accuracy")
    assert row["value"] == 0.5


class TestMistakes:
    def test_only_unlabelled_references_match(self) -> None:
        known = UTTERANCES.with_columns(
            emotion=pl.when(pl.int_range(pl.len()) >= 9).then("emotion")
        )
        with pytest.raises(EquivoiceError) as raised:
            run((PREDICTIONS.head(9), known))
        assert "label" in str(raised.value).split("\n")[0]

    @pytest.mark.parametrize(
        "options",
        [{"level": 0.0}, {"level": 1.0}, {"level": 1.5}, {"replicates": -1}, {"seed": -1}],
        ids=str,
    )
    def test_options_out_of_range(self, options: dict[str, float]) -> None:
        with pytest.raises(InputError):
            run((PREDICTIONS, UTTERANCES), **options)

    def test_too_few_replicates_for_an_interval(self) -> None:
        try:
            found = run((PREDICTIONS, UTTERANCES), replicates=1).estimates
        except InputError:
            return
        assert found["low"].null_count() == found.height

    def test_no_replicates_are_the_reason_for_no_interval(self) -> None:
        found = run((PREDICTIONS, UTTERANCES), replicates=0).estimates
        row = cell(found, quantity="score", metric="accuracy")
        assert "pooled estimate only" not in str(row["undefined"])

    def test_one_grouping_given_as_text(self) -> None:
        run((PREDICTIONS, UTTERANCES), group_by="gender")

    def test_a_corpus_column_in_the_predictions(self) -> None:
        run((PREDICTIONS.with_columns(corpus=pl.lit("elsewhere")), UTTERANCES))


def test_a_world_of_speakers_without_differences_is_no_world_without_noise() -> None:
    """Guard of the fixtures: the plain case does have intervals and tests."""
    found = run((PREDICTIONS, UTTERANCES)).estimates
    gap = cell(found, quantity="pair_gap", metric="accuracy")
    assert gap["low"] is not None
    assert gap["p_value"] is not None
    assert isinstance(GIVEN, World)
