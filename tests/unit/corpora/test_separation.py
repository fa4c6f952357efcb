"""Whether folds share speakers is computed, not believed."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from equivoice.corpora import Corpus, Finding
from equivoice.corpora.separation import check_folds, shared_speakers


def findings(corpus: Corpus) -> dict[str, Finding]:
    return {one.code: one for one in check_folds(corpus)}


def with_test(demo: Corpus, condition: pl.Expr) -> Corpus:
    folds = demo.utterances.select(
        "utterance_id",
        fold=pl.lit("1"),
        split=pl.when(condition).then(pl.lit("test")).otherwise(pl.lit("train")),
    )
    return replace(demo, folds=folds)


def test_disjoint_folds_are_noted(demo: Corpus) -> None:
    assert shared_speakers(demo, "1") == []
    assert set(findings(demo)) == {"speaker-disjoint"}


def test_shared_speakers_are_named_and_counted(demo: Corpus) -> None:
    mixed = with_test(demo, pl.col("utterance_id").str.ends_with("-0"))
    assert shared_speakers(mixed, "1") == ["f1", "f2", "f3", "m1", "m2", "m3"]
    found = findings(mixed)["shared-speakers"]
    assert "6 of 6 test speakers" in found.message
    assert (found.severity, found.count) == ("warning", 6)
    assert "speaker-disjoint" not in findings(mixed)


def test_speakers_of_validation_and_test_count_too(demo: Corpus) -> None:
    third = pl.col("utterance_id").str.ends_with("f3-sad-0")
    folds = demo.folds.with_columns(
        split=pl.when(third).then(pl.lit("validation")).otherwise("split")
    )
    assert shared_speakers(replace(demo, folds=folds), "1") == ["f3"]


def test_a_test_part_of_one_gender(demo: Corpus) -> None:
    found = findings(with_test(demo, pl.col("speaker").is_in(["f1", "f2"])))["single-group-fold"]
    assert "the test part holds women only (12 utterances; speakers f1, f2)" in found.message
    assert found.ids == ("f1", "f2")


def test_a_training_part_of_one_gender(demo: Corpus) -> None:
    found = findings(with_test(demo, pl.col("gender") == "male"))
    assert found["single-group-fold"].severity == "warning"
    messages = [f.message for f in check_folds(with_test(demo, pl.col("gender") == "male"))]
    assert any("train part holds women only" in message for message in messages)


def test_a_corpus_of_one_gender_has_no_single_group_folds(demo: Corpus) -> None:
    table = demo.utterances.with_columns(gender=pl.lit("female"))
    assert "single-group-fold" not in findings(replace(demo, utterances=table))


def test_a_label_that_is_not_trained(demo: Corpus) -> None:
    found = findings(with_test(demo, pl.col("emotion") == "sad"))
    assert "label-missing" in found


def test_unknown_speakers_are_counted_and_nothing_is_claimed(demo: Corpus) -> None:
    table = demo.utterances.with_columns(speaker=pl.lit(None, dtype=pl.String))
    found = findings(replace(demo, utterances=table))
    assert "36 of 36" in found["speaker-unknown"].message
    assert "speaker-disjoint" not in found


def test_utterances_outside_the_folds(demo: Corpus) -> None:
    found = findings(replace(demo, folds=demo.folds.head(30)))
    assert found["not-in-folds"].count == 6


def test_no_folds(demo: Corpus) -> None:
    assert set(findings(replace(demo, folds=demo.folds.clear()))) == {"no-folds"}
