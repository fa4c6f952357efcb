"""Labels, groups and speakers that cannot be told apart are named."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats.contingency import association as scipy_association

from equivoice.corpora import Corpus, Finding, label_space
from equivoice.corpora.balance import association, check_balance

Cross = Callable[..., pl.DataFrame]
Rows = Callable[..., pl.DataFrame]
LABELS = ["angry", "happy", "sad"]


def findings(table: pl.DataFrame, labels: list[str] | None = None) -> dict[str, Finding]:
    corpus = Corpus("demo", label_space(labels or LABELS), table)
    return {one.code: one for one in check_balance(corpus)}


def test_a_balanced_corpus_is_not_remarkable(cross: Cross) -> None:
    speakers = {f"{g}{i}": g for g in ("female", "male") for i in range(5)}
    assert findings(cross(speakers, LABELS)) == {}


@pytest.mark.parametrize(("most", "severity"), [(5, None), (6, "note"), (20, "warning")])
def test_uneven_labels(cross: Cross, most: int, severity: str | None) -> None:
    speakers = {f"{g}{i}": g for g in ("female", "male") for i in range(5)}
    table = pl.concat([cross(speakers, ["angry", "happy"]), cross(speakers, ["sad"], each=most)])
    found = findings(table).get("label-imbalance")
    assert (None if found is None else found.severity) == severity


def test_a_label_that_nobody_shows(cross: Cross) -> None:
    speakers = {f"{g}{i}": g for g in ("female", "male") for i in range(5)}
    assert "sad" in findings(cross(speakers, ["angry", "happy"]))["label-absent"].message


def test_rows_without_a_label_are_counted(six_speakers: pl.DataFrame) -> None:
    hidden = pl.when(pl.col("emotion") != "sad").then("emotion")
    found = findings(six_speakers.with_columns(emotion=hidden), ["angry", "happy"])
    assert "12 utterances" in found["no-label"].message


def test_nothing_labelled_at_all(six_speakers: pl.DataFrame) -> None:
    empty = six_speakers.with_columns(emotion=pl.lit(None, dtype=pl.String))
    assert set(findings(empty)) == {"no-label", "label-absent"}


def test_a_small_group_is_named_with_its_share(cross: Cross) -> None:
    speakers = {f"f{i}": "female" for i in range(5)} | {f"m{i}": "male" for i in range(15)}
    message = findings(cross(speakers, LABELS))["group-imbalance"].message
    assert "female" in message
    assert "25%" in message


def test_few_speakers(six_speakers: pl.DataFrame) -> None:
    found = findings(six_speakers)
    assert "3 speakers" in found["few-speakers"].message


def test_a_speaker_with_two_genders(rows: Rows) -> None:
    table = rows(("1", "x", "female", "sad"), ("2", "x", "male", "sad"))
    assert findings(table)["speaker-two-genders"].ids == ("x",)


def test_unknown_gender_is_counted(six_speakers: pl.DataFrame) -> None:
    hidden = pl.when(pl.col("speaker") != "f1").then("gender")
    assert "6 of 36" in findings(six_speakers.with_columns(gender=hidden))["gender-unknown"].message


class TestConfounding:
    def test_empty_cells_are_named(self, cross: Cross) -> None:
        table = pl.concat(
            [
                cross({f"f{i}": "female" for i in range(6)}, ["happy"]),
                cross({f"m{i}": "male" for i in range(6)}, ["happy", "angry"]),
            ]
        )
        found = findings(table, ["happy", "angry"])["confounded-group"]
        assert "empty: female × angry" in found.message
        assert found.severity == "warning"

    def test_emotions_that_come_from_few_people_are_named(self, rows: Rows) -> None:
        table = rows(
            *((f"{s}{i}", s, "male", "angry") for s in ("m1", "m2") for i in range(3)),
            *((f"f{i}", f"f{i}", "female", "sad") for i in range(8)),
        )
        message = findings(table, ["angry", "sad"])["confounded-group"].message
        assert "and with speaker" in message
        assert "angry × male: 6 utterances by 2 speakers (m1, m2)" in message

    def test_a_strong_association_without_empty_cells(self, cross: Cross) -> None:
        women = {f"f{i}": "female" for i in range(5)}
        men = {f"m{i}": "male" for i in range(5)}
        table = pl.concat(
            [
                cross(women, ["sad"], each=6),
                cross(women, ["angry"], each=2),
                cross(men, ["sad"], each=2),
                cross(men, ["angry"], each=6),
            ]
        )
        table = table.with_columns(utterance_id=pl.int_range(pl.len()).cast(pl.String))
        message = findings(table, ["angry", "sad"])["confounded-group"].message
        assert "V 0.50" in message
        assert "no cell is empty" in message
        assert "with speaker" not in message

    def test_one_gender_cannot_be_confounded(self, cross: Cross) -> None:
        assert "confounded-group" not in findings(cross({"a": "male", "b": "male"}, ["sad"]))

    def test_other_attributes_can_be_looked_at(self, demo: Corpus) -> None:
        table = demo.utterances.with_columns(
            region=pl.when(pl.col("emotion") == "sad")
            .then(pl.lit("north"))
            .otherwise(pl.lit("south"))
        )
        found = check_balance(replace(demo, utterances=table), groups=("region",))
        assert any("region is confounded" in one.message for one in found)


@pytest.mark.parametrize("seed", range(5))
def test_association_equals_scipy_s(seed: int) -> None:
    generator = np.random.default_rng(seed)
    table = pl.DataFrame(
        {
            "a": generator.integers(0, 3, 80).astype(str),
            "b": generator.integers(0, 4, 80).astype(str),
        }
    )
    counts = (
        table.pivot("b", index="a", values="a", aggregate_function="len").drop("a").fill_null(0)
    )
    expected = scipy_association(counts.to_numpy().astype(int), method="cramer")
    assert association(table, "a", "b") == pytest.approx(float(expected), abs=1e-12)


def test_association_of_a_constant_is_undefined() -> None:
    assert math.isnan(association(pl.DataFrame({"a": ["x", "x"], "b": ["s", "t"]}), "a", "b"))
