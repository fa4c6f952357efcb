"""Splits keep speakers apart and genders together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from equivoice.corpora import Corpus, make_folds, most_folds, split, validation_split
from equivoice.errors import CorpusError

Cross = Callable[..., pl.DataFrame]
Rows = Callable[..., pl.DataFrame]


class TestSplit:
    def test_the_parts_are_the_fold_s(self, demo: Corpus) -> None:
        parts = split(demo, "1")
        assert set(parts.test["speaker"]) == {"f3", "m3"}
        assert parts.train.height + parts.test.height == demo.utterances.height
        assert parts.validation is None
        assert not parts.validation_made
        assert "split" not in parts.train.columns

    def test_a_validation_part_is_made_on_request(self, demo: Corpus) -> None:
        parts = split(demo, "1", make_validation=True, seed=4)
        assert parts.validation is not None
        assert parts.validation_made
        assert sorted(parts.validation["gender"].unique()) == ["female", "male"]
        names = [set(part["speaker"]) for part in (parts.train, parts.validation, parts.test)]
        assert sum(map(len, names)) == len(set().union(*names)) == 6

    def test_an_official_one_stays(self, demo: Corpus) -> None:
        folds = demo.folds.with_columns(
            split=pl.when(pl.col("utterance_id").str.starts_with("demo/f1"))
            .then(pl.lit("validation"))
            .otherwise("split")
        )
        parts = split(replace(demo, folds=folds), "1", make_validation=True)
        assert parts.validation is not None
        assert set(parts.validation["speaker"]) == {"f1"}
        assert not parts.validation_made

    def test_no_such_fold(self, demo: Corpus) -> None:
        with pytest.raises(CorpusError, match="no such fold") as caught:
            split(demo, "2")
        assert caught.value.choices == ("1",)

    def test_a_fold_without_a_test_part(self, demo: Corpus) -> None:
        folds = demo.folds.with_columns(split=pl.lit("train"))
        with pytest.raises(CorpusError, match="no test part"):
            split(replace(demo, folds=folds), "1")


class TestValidation:
    def test_sizes_by_gender(self, cross: Cross) -> None:
        speakers = {f"f{i}": "female" for i in range(10)} | {f"m{i}": "male" for i in range(5)}
        train, held = validation_split(cross(speakers, ["sad"]), seed=0)
        assert held.group_by("gender").agg(pl.col("speaker").n_unique()).sort("gender").rows() == [
            ("female", 2),
            ("male", 1),
        ]
        assert train["speaker"].n_unique() == 12

    def test_labels_are_spread_like_the_whole(self, rows: Rows) -> None:
        """One speaker of four has all emotions; only taking him keeps the shares."""
        entries = [("a", "s1", "male", "sad"), ("b", "s2", "male", "angry")]
        entries += [(f"c{e}", "s3", "male", e) for e in ("sad", "angry")]
        _, held = validation_split(rows(*entries), seed=0, share=0.3)
        assert held["speaker"].unique().to_list() == ["s3"]

    def test_one_speaker_of_each_gender(self, cross: Cross) -> None:
        train, held = validation_split(cross({"f": "female", "m": "male"}, ["sad"]), seed=0)
        assert {train["speaker"].n_unique(), held["speaker"].n_unique()} == {1}

    def test_the_only_speaker_of_a_gender_stays_in_training(self, cross: Cross) -> None:
        speakers = {"f1": "female", "f2": "female", "m": "male"}
        for seed in range(5):
            train, _ = validation_split(cross(speakers, ["sad"]), seed=seed)
            assert "m" in set(train["speaker"])

    def test_unknown_gender_is_a_group(self, cross: Cross) -> None:
        table = cross({"a": "female", "b": "female"}, ["sad"]).with_columns(gender=pl.lit(None))
        train, held = validation_split(table, seed=0)
        assert train.height == held.height == 2

    def test_another_column_can_be_kept_apart(self, six_speakers: pl.DataFrame) -> None:
        table = six_speakers.with_columns(
            speaker=pl.lit(None, dtype=pl.String), dialogue=pl.col("utterance_id").str.slice(5, 2)
        )
        train, held = validation_split(table, seed=0, by="dialogue")
        assert not set(train["dialogue"]) & set(held["dialogue"])

    def test_one_speaker_is_too_few(self, cross: Cross) -> None:
        with pytest.raises(CorpusError, match="too few"):
            validation_split(cross({"a": "male"}, ["sad"]), seed=0)

    def test_unknown_speakers_are_counted(self, six_speakers: pl.DataFrame) -> None:
        hidden = pl.when(pl.col("speaker") != "f1").then("speaker")
        with pytest.raises(CorpusError, match="6 of 36 utterances have no speaker"):
            validation_split(six_speakers.with_columns(speaker=hidden), seed=0)

    @pytest.mark.parametrize("share", [0, 1, -0.2])
    def test_a_share_that_is_none(self, six_speakers: pl.DataFrame, share: float) -> None:
        with pytest.raises(CorpusError, match="share"):
            validation_split(six_speakers, seed=0, share=share)

    def test_a_column_that_is_not_there(self, six_speakers: pl.DataFrame) -> None:
        with pytest.raises(CorpusError, match="no column 'scene'"):
            validation_split(six_speakers, seed=0, by="scene")


class TestMakeFolds:
    def test_each_gender_in_each_test_part(self, six_speakers: pl.DataFrame) -> None:
        folds = make_folds(six_speakers, n_folds=3, seed=0)
        tested = folds.filter(pl.col("split") == "test").join(six_speakers, on="utterance_id")
        assert (
            tested.group_by("fold").agg(pl.col("gender").n_unique())["gender"].to_list() == [2] * 3
        )

    def test_labels_decide_between_places(self, rows: Rows) -> None:
        """Two speakers are only sad, two only angry: each fold gets one of both."""
        entries = [(f"{s}{i}", s, "male", e) for s, e in
                   (("a", "sad"), ("b", "sad"), ("c", "angry"), ("d", "angry")) for i in range(3)]  # fmt: skip
        table = rows(*entries)
        for seed in range(6):
            folds = make_folds(table, n_folds=2, seed=seed).filter(pl.col("split") == "test")
            shares = (
                folds.join(table, on="utterance_id")
                .group_by("fold")
                .agg(pl.col("emotion").n_unique())
            )
            assert shares["emotion"].to_list() == [2, 2], seed

    def test_seeds_differ(self, six_speakers: pl.DataFrame) -> None:
        tests = {
            tuple(make_folds(six_speakers, n_folds=3, seed=seed)["split"]) for seed in range(8)
        }
        assert len(tests) > 1

    @pytest.mark.parametrize("number", [1, 7])
    def test_more_folds_than_speakers(self, six_speakers: pl.DataFrame, number: int) -> None:
        with pytest.raises(CorpusError, match="6 speakers cannot"):
            make_folds(six_speakers, n_folds=number, seed=0)

    def test_most_folds(self, cross: Cross, six_speakers: pl.DataFrame) -> None:
        assert most_folds(six_speakers) == 3
        assert most_folds(six_speakers, at_most=2) == 2
        many = {f"{g}{i}": g for g in ("female", "male") for i in range(12)}
        assert most_folds(cross(many, ["sad"])) == 5
        # One woman cannot stand in every test part, so folds are counted by speakers.
        assert most_folds(cross({"f": "female", "a": "male", "b": "male"}, ["sad"])) == 3
