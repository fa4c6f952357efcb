"""Several parsers on the same answers: agreement and scores by independent oracles."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.parsers import compare_parsers, disagreements
from equivoice.evaluation.variants import VARIANT_COLUMNS
from equivoice.prompting import CONVENTIONS, reread
from equivoice.records import Label, LabelSpace

LABELS = ("angry", "happy", "sad")
SPACE = LabelSpace("demo", tuple(Label(name) for name in LABELS))
SAID = [
    "Angry", "happy.", "not angry but happy", "unhappy", "Sad and angry", "I cannot tell.", "", "was",
    "The speaker is sad", "surprise",
]  # fmt: skip


def tables(speakers: int = 8, each: int = 10, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    n = speakers * each
    truth = pl.DataFrame(
        {
            "utterance_id": [f"demo/{i:03d}" for i in range(n)],
            "corpus": ["demo"] * n,
            "speaker": [f"s{i // each}" for i in range(n)],
            "emotion": rng.choice(LABELS, n),
        }
    )
    said = pl.DataFrame(
        {
            "utterance_id": truth.get_column("utterance_id"),
            "system": ["model"] * n,
            "response": rng.choice(SAID, n),
            "options": [["Angry", "Happy", "Sad"]] * n,
        }
    )
    return said, truth


def value(table: pl.DataFrame, **wanted: str) -> float:
    rows = table.filter(**wanted)
    assert rows.height == 1
    return float(rows.get_column("value")[0])


def test_agreement_and_scores_are_those_of_scikit_learn() -> None:
    said, truth = tables()
    table = compare_parsers(said, truth, label_space=SPACE, replicates=200)
    assert table.columns == list(VARIANT_COLUMNS)
    read = {
        name: reread(said, SPACE, convention=name)
        .get_column("emotion")
        .fill_null("(none)")
        .to_list()
        for name in CONVENTIONS
    }
    gold = truth.get_column("emotion").to_list()
    for name, labels in read.items():
        got = value(table, quantity="score", metric="accuracy", variant=name)
        assert got == pytest.approx(accuracy_score(gold, labels))
        macro = f1_score(gold, labels, labels=list(LABELS), average="macro", zero_division=0)
        assert value(table, quantity="score", metric="macro_f1", variant=name) == pytest.approx(
            macro
        )
        covered = np.mean([label != "(none)" for label in labels])
        got = value(table, quantity="score", metric="coverage", variant=name)
        assert got == pytest.approx(covered)
    pairs = [(a, b) for i, a in enumerate(CONVENTIONS) for b in CONVENTIONS[i + 1 :]]
    for a, b in pairs:
        names = {"variant": a, "other": b}
        same = np.mean([x == y for x, y in zip(read[a], read[b], strict=True)])
        assert value(table, quantity="agreement", **names) == pytest.approx(same)
        kappa = cohen_kappa_score(read[a], read[b])
        assert value(table, quantity="kappa", **names) == pytest.approx(kappa)
        difference = accuracy_score(gold, read[a]) - accuracy_score(gold, read[b])
        got = value(table, quantity="difference", metric="accuracy", **names)
        assert got == pytest.approx(difference)
    assert table.get_column("undefined").is_null().all()
    assert (table.get_column("low") <= table.get_column("value")).all()
    assert (table.get_column("value") <= table.get_column("high")).all()
    assert set(table.get_column("clusters")) == {8}


def test_stored_labels_of_another_parser_do_not_matter() -> None:
    said, truth = tables()
    stored = said.with_columns(emotion=pl.lit("angry"), status=pl.lit("parsed"))
    first, second = (
        compare_parsers(each, truth, label_space=SPACE, replicates=50) for each in (said, stored)
    )
    assert first.equals(second)


def test_what_holds_no_answer_is_left_out_and_counted() -> None:
    said, truth = tables()
    said = said.with_columns(
        response=pl.when(pl.int_range(pl.len()) < 5).then(None).otherwise("response"),
        status=pl.when(pl.int_range(pl.len()) == 79).then(pl.lit("failed")).otherwise(None),
    )
    table = compare_parsers(said, truth, label_space=SPACE, replicates=50)
    assert set(table.get_column("n")) == {74}
    assert json.loads(table.get_column("left_out")[0]) == {"no answer to read": 6}


def test_parsers_that_always_agree_have_no_interval_and_no_kappa() -> None:
    said, truth = tables()
    said = said.with_columns(response=pl.lit("Angry"))
    table = compare_parsers(
        said, truth, label_space=SPACE, parsers=["equivoice", "exact"], replicates=50
    )
    agreement = table.filter(quantity="agreement").row(0, named=True)
    assert agreement["value"] == 1.0
    assert "all resamples gave the same value" in agreement["undefined"]
    kappa = table.filter(quantity="kappa").row(0, named=True)
    assert kappa["value"] is None
    assert kappa["undefined"] == "both variants give all items one and the same label"


def test_utterances_are_the_units_where_no_speaker_is_known() -> None:
    said, truth = tables()
    table = compare_parsers(said, truth.drop("speaker"), label_space=SPACE, replicates=50)
    assert set(table.get_column("unit")) == {"utterance"}
    assert set(table.get_column("clusters")) == {80}


def test_speakers_widen_the_interval_where_their_answers_are_alike() -> None:
    """All answers of a speaker are the same, so eight speakers are eight answers, not eighty."""
    said, truth = tables()
    alike = [SAID[speaker % 4] for speaker in range(8) for _ in range(10)]
    said = said.with_columns(response=pl.Series(alike))
    by_speaker, by_utterance = (
        compare_parsers(
            said, each, label_space=SPACE, parsers=["equivoice", "exact"], replicates=500
        )
        .filter(quantity="agreement")
        .select(pl.col("high") - pl.col("low"))
        .item()
        for each in (truth, truth.drop("speaker"))
    )
    assert by_speaker > 1.5 * by_utterance


def test_answers_that_are_read_differently_are_listed_by_frequency() -> None:
    said, _ = tables()
    listed = disagreements(said, SPACE)
    assert set(listed.get_column("response")) >= {"not angry but happy", "unhappy"}
    counts = listed.get_column("n").to_list()
    assert counts == sorted(counts, reverse=True)
    row = listed.filter(response="not angry but happy").row(0, named=True)
    assert (row["first"], row["second"]) == ("happy", "angry")
    assert row["n"] == (said.get_column("response") == "not angry but happy").sum()


def test_mistakes_are_named() -> None:
    said, truth = tables()
    with pytest.raises(ConfigError, match="needs two parsers"):
        compare_parsers(said, truth, parsers=["exact", "exact"])
    with pytest.raises(ConfigError, match="unknown parsing convention"):
        compare_parsers(said, truth, parsers=["exact", "x"])
    with pytest.raises(InputError, match="holds an answer"):
        compare_parsers(said.with_columns(response=pl.lit(None, pl.String)), truth)
