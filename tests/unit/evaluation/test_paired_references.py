"""Paired differences where each system has references of its own, as with credited answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.corpora.labels import label_space
from equivoice.evaluation.paired import compare_predictions

NAMES = ("angry", "happy", "sad")
SPACE = label_space(NAMES)
N = 60
IDS = [f"d/{n:02}" for n in range(N)]
RNG = np.random.default_rng(2)
QUICK: dict[str, Any] = {"label_space": SPACE, "replicates": 60, "permutations": 40}


def table(labels: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"utterance_id": IDS, "emotion": labels})


def spoken(labels: list[str]) -> pl.DataFrame:
    return table(labels).with_columns(speaker=pl.Series([f"s{n % 12}" for n in range(N)]))


def drawn() -> list[str]:
    return [str(label) for label in RNG.choice(NAMES, N)]


FIRST, SECOND, TRUTH, OTHER = drawn(), drawn(), drawn(), drawn()


def value(rows: pl.DataFrame, metric: str) -> dict[str, Any]:
    found = rows.filter(pl.col("metric") == metric, pl.col("class").is_null())
    assert found.height == 1
    return found.row(0, named=True)


def macro(truth: list[str], said: list[str]) -> float:
    return float(f1_score(truth, said, labels=NAMES, average="macro", zero_division=0))


def test_each_system_is_held_against_its_own_labels() -> None:
    rows = compare_predictions(
        table(FIRST), table(SECOND), spoken(TRUTH), second_reference=spoken(OTHER), **QUICK
    )
    assert value(rows, "macro_f1")["value"] == pytest.approx(
        macro(TRUTH, FIRST) - macro(OTHER, SECOND)
    )
    share = np.mean([a == b for a, b in zip(TRUTH, FIRST, strict=True)])
    other = np.mean([a == b for a, b in zip(OTHER, SECOND, strict=True)])
    assert value(rows, "accuracy")["value"] == pytest.approx(share - other)


def test_equal_references_are_one_reference() -> None:
    one = compare_predictions(table(FIRST), table(SECOND), spoken(TRUTH), **QUICK)
    two = compare_predictions(
        table(FIRST), table(SECOND), spoken(TRUTH), second_reference=spoken(TRUTH), **QUICK
    )
    assert one.equals(two)


def test_swapping_systems_with_their_references_turns_the_sign() -> None:
    there = compare_predictions(
        table(FIRST), table(SECOND), spoken(TRUTH), second_reference=spoken(OTHER), **QUICK
    )
    back = compare_predictions(
        table(SECOND), table(FIRST), spoken(OTHER), second_reference=spoken(TRUTH), **QUICK
    )
    assert value(there, "accuracy")["value"] == pytest.approx(-value(back, "accuracy")["value"])


def test_a_system_that_is_always_credited_is_ahead() -> None:
    rows = compare_predictions(
        table(FIRST), table(SECOND), spoken(FIRST), second_reference=spoken(TRUTH), **QUICK
    )
    found = value(rows, "accuracy")
    assert found["value"] > 0.4
    assert found["low"] > 0
    assert found["p_value"] < 0.1


def test_utterances_that_lack_one_reference_are_left_out_of_both() -> None:
    fewer = spoken(OTHER).with_columns(
        emotion=pl.when(pl.col("utterance_id") >= "d/10").then("emotion")
    )
    rows = compare_predictions(
        table(FIRST), table(SECOND), spoken(TRUTH), second_reference=fewer, **QUICK
    )
    assert value(rows, "accuracy")["n"] == N - 10
    share = np.mean([a == b for a, b in zip(TRUTH[10:], FIRST[10:], strict=True)])
    other = np.mean([a == b for a, b in zip(OTHER[10:], SECOND[10:], strict=True)])
    assert value(rows, "accuracy")["value"] == pytest.approx(share - other)
