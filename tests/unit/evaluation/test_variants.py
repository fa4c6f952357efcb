"""Variants of the same items: agreement as scikit-learn counts it, spreads as numpy does."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score

from equivoice.errors import ConfigError
from equivoice.evaluation.variants import (
    VARIANT_COLUMNS,
    Resampling,
    Variants,
    agreement_rows,
    as_table,
    change_rows,
    difference_rows,
    score_rows,
    spread_rows,
    variant_values,
)
from equivoice.fairness import convention
from equivoice.metrics import UNPARSED

HOW = Resampling(replicates=100, level=0.9, seed=4)
RULES = convention("equivoice")
METRICS = ("macro_f1", "accuracy", "coverage")


def made(predicted: Any, reference: Any, *, speakers: int = 8, k: int = 3, **more: Any) -> Variants:
    table = np.asarray(predicted, dtype=np.int64)
    truth = np.asarray(reference, dtype=np.int64)
    names = tuple(f"prompt {place}" for place in range(len(table)))
    units = np.arange(len(truth)) % speakers
    return Variants(names, truth, table, units, "speaker", k, **more)


def drawn(seed: int, *, variants: int = 3, n: int = 96, right: float = 0.5) -> Variants:
    """Answers that are right so often; one in ten has no label."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    guess = rng.integers(0, 3, (variants, n))
    table = np.where(rng.random((variants, n)) < right, truth, guess)
    return made(np.where(rng.random((variants, n)) < 0.1, UNPARSED, table), truth)


def all_rows(variants: Variants, how: Resampling = HOW) -> list[dict[str, Any]]:
    values, metrics = variant_values(variants, METRICS, RULES, how)
    return [
        *score_rows(variants, values, metrics, how),
        *difference_rows(variants, values, metrics, how),
        *spread_rows(variants, values, metrics, how),
        *change_rows(variants, how),
        *agreement_rows(variants, how),
    ]


def pick(rows: list[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def only(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (row,) = pick(rows, **wanted)
    return row


# --------------------------------------------------------------------------- values


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_agreement_and_kappa_are_scikit_learns(seed: int) -> None:
    """An answer without a label is one more label, the code −1, for both."""
    variants = drawn(seed)
    rows = list(agreement_rows(variants, HOW))
    for i, j in itertools.combinations(range(3), 2):
        pair = {"variant": variants.names[i], "other": variants.names[j]}
        a, b = variants.predicted[i], variants.predicted[j]
        assert only(rows, quantity="agreement", **pair)["value"] == pytest.approx((a == b).mean())
        assert only(rows, quantity="kappa", **pair)["value"] == pytest.approx(
            cohen_kappa_score(a, b)
        )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_scores_are_scikit_learns_where_every_answer_has_a_label(seed: int) -> None:
    variants = drawn(seed)
    labelled = np.where(variants.predicted == UNPARSED, 0, variants.predicted)
    variants = made(labelled, variants.reference)
    rows = all_rows(variants)
    for place, name in enumerate(variants.names):
        f1 = f1_score(variants.reference, labelled[place], average="macro", zero_division=0)
        found = only(rows, quantity="score", metric="macro_f1", variant=name)
        assert found["value"] == pytest.approx(f1)
        assert only(rows, quantity="score", metric="coverage", variant=name)["value"] == 1.0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_differences_ranges_and_deviations_follow_from_the_scores(seed: int, count: int) -> None:
    variants = drawn(seed, variants=count)
    rows = all_rows(variants)
    for metric in METRICS:
        scores = {
            row["variant"]: row["value"] for row in pick(rows, quantity="score", metric=metric)
        }
        values = np.array([scores[name] for name in variants.names])
        assert only(rows, quantity="range", metric=metric)["value"] == pytest.approx(np.ptp(values))
        assert only(rows, quantity="sd", metric=metric)["value"] == pytest.approx(
            np.std(values, ddof=1)
        )
        differences = pick(rows, quantity="difference", metric=metric)
        assert len(differences) == count * (count - 1) // 2
        for row in differences:
            assert row["value"] == pytest.approx(scores[row["variant"]] - scores[row["other"]])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_what_changes_at_all_is_at_least_what_any_pair_disagrees_on(seed: int) -> None:
    variants = drawn(seed)
    (changed,) = change_rows(variants, HOW)
    expected = sum(len(set(labels)) > 1 for labels in variants.predicted.T.tolist())
    assert changed["value"] == pytest.approx(expected / 96)
    agreements = pick(list(agreement_rows(variants, HOW)), quantity="agreement")
    apart = [1 - row["value"] for row in agreements]
    assert max(apart) - 1e-12 <= changed["value"] <= sum(apart) + 1e-12


def test_counts_by_hand() -> None:
    reference = [0, 0, 1, 1, 2, 2] * 4
    first = [0, 0, 1, 1, 2, 2] * 4
    second = [0, 1, 1, 1, 2, UNPARSED] * 4
    rows = all_rows(made([first, second], reference))
    assert only(rows, quantity="score", metric="accuracy", variant="prompt 1")["value"] == (
        pytest.approx(4 / 6)
    )
    assert only(rows, quantity="changed")["value"] == pytest.approx(2 / 6)
    assert only(rows, quantity="agreement")["value"] == pytest.approx(4 / 6)
    # chance: 0 at 2/6 · 1/6, 1 at 2/6 · 3/6, 2 at 2/6 · 1/6, none at 0
    chance = (2 * 1 + 2 * 3 + 2 * 1) / 36
    assert only(rows, quantity="kappa")["value"] == pytest.approx((4 / 6 - chance) / (1 - chance))
    assert only(rows, quantity="range", metric="accuracy")["value"] == pytest.approx(2 / 6)


# ------------------------------------------------------------------------ intervals


def test_intervals_hold_their_value_and_stay_where_a_metric_can_be() -> None:
    rows = all_rows(drawn(1, right=0.95))
    told = [row for row in rows if row.get("low") is not None]
    assert len(told) > 10
    for row in told:
        assert row["low"] <= row["high"]
        if row["quantity"] in ("score", "changed", "agreement"):
            assert row["low"] <= row["value"] <= row["high"]
            assert row["low"] >= 0
            assert row["high"] <= 1
        if row["quantity"] in ("range", "sd"):
            assert row["low"] >= 0
            assert row["noise_floor"] > 0


def test_a_higher_level_gives_wider_intervals_of_the_same_values() -> None:
    variants = drawn(2)
    narrow = all_rows(variants, Resampling(400, 0.5, 4))
    wide = all_rows(variants, Resampling(400, 0.99, 4))
    for one, two in zip(narrow, wide, strict=True):
        assert one["value"] == two["value"]
        if one["quantity"] in ("score", "difference") and one.get("low") is not None:
            assert two["low"] <= one["low"]
            assert two["high"] >= one["high"]
            assert two["high"] - two["low"] > one["high"] - one["low"]


def test_what_is_hard_for_every_variant_cancels_in_a_difference() -> None:
    """Speakers differ much, prompts hardly: the difference is known far better than the scores."""
    rng = np.random.default_rng(0)
    truth = np.tile(np.arange(3), 160)
    easy = np.repeat(rng.random(24) < 0.5, 20)
    first = np.where(easy, truth, (truth + 1) % 3)
    second = first.copy()
    flipped = rng.random(480) < 0.05
    second[flipped] = (second[flipped] + 1) % 3
    variants = made([first, second], truth)
    units = np.repeat(np.arange(24), 20)
    variants = Variants(variants.names, truth, variants.predicted, units, "speaker", 3)
    rows = all_rows(variants)
    difference = only(rows, quantity="difference", metric="accuracy")
    score = only(rows, quantity="score", metric="accuracy", variant="prompt 0")
    assert difference["high"] - difference["low"] < 0.5 * (score["high"] - score["low"])


def test_the_same_seed_gives_the_same_rows_and_another_seed_other_intervals() -> None:
    variants = drawn(5)
    assert all_rows(variants) == all_rows(variants)
    others = all_rows(variants, Resampling(100, 0.9, 5))
    assert [row["value"] for row in others] == [row["value"] for row in all_rows(variants)]
    assert [row.get("low") for row in others] != [row.get("low") for row in all_rows(variants)]


# ----------------------------------------------------------------- what is not defined


def test_few_speakers_have_values_and_no_intervals() -> None:
    variants = made([[0, 1, 2, 0], [0, 1, 2, 1]], [0, 1, 2, 0], speakers=2)
    for row in all_rows(variants):
        assert row["value"] is not None, row
        assert row.get("low") is None
        assert row["undefined"].startswith("interval: too few speakers: 2 (at least ")


def test_variants_that_never_differ_have_an_interval_of_no_width_refused() -> None:
    variants = drawn(6)
    same = made(np.tile(variants.predicted[0], (2, 1)), variants.reference)
    rows = all_rows(same)
    for wanted in ({"quantity": "difference"}, {"quantity": "range"}, {"quantity": "changed"}):
        for row in pick(rows, **wanted):
            assert row["value"] == 0.0
            assert "all resamples gave the same value" in row["undefined"], row
    assert only(rows, quantity="agreement")["value"] == 1.0


def test_kappa_of_one_label_only_is_not_defined() -> None:
    rows = all_rows(made([[0] * 24, [0] * 24], [0, 1, 2] * 8))
    kappa = only(rows, quantity="kappa")
    assert kappa["value"] is None
    assert kappa["undefined"] == "both variants give all items one and the same label"


def test_answers_without_any_label_agree_and_cover_nothing() -> None:
    rows = all_rows(made([[UNPARSED] * 24] * 2, [0, 1, 2] * 8))
    assert only(rows, quantity="agreement")["value"] == 1.0
    for row in pick(rows, quantity="score", metric="coverage"):
        assert row["value"] == 0.0


@pytest.mark.parametrize("name", ["recall", "no_such", ""])
def test_a_metric_without_one_value_is_refused_with_those_that_have_one(name: str) -> None:
    with pytest.raises(ConfigError, match="no metric with one value") as caught:
        variant_values(drawn(0), (name,), RULES, HOW)
    assert "macro_f1" in str(caught.value)


def test_intervals_without_replicates_are_refused() -> None:
    variants = drawn(0)
    none = Resampling(0, 0.9, 0)
    values, metrics = variant_values(variants, ("accuracy",), RULES, none)
    with pytest.raises(ConfigError, match="intervals need replicates"):
        list(score_rows(variants, values, metrics, none))


# ---------------------------------------------------------------------------- rows


def test_every_row_says_what_it_is_of_and_what_was_left_out() -> None:
    variants = drawn(7)
    shared = {"system": "llm", "factor": "prompt"}
    left_out = {"größer: not asked": 3}
    whole = Variants(
        variants.names,
        variants.reference,
        variants.predicted,
        variants.units,
        "speaker",
        3,
        left_out,
        shared,
    )
    for row in all_rows(whole):
        assert (row["system"], row["factor"], row["n"], row["clusters"]) == ("llm", "prompt", 96, 8)
        assert json.loads(row["left_out"]) == left_out
        assert "größer" in row["left_out"]
    assert all(row["left_out"] is None for row in all_rows(variants))


def test_the_table_has_its_columns_whatever_the_rows() -> None:
    assert as_table([]).schema == dict(VARIANT_COLUMNS)
    table = as_table(all_rows(drawn(8)))
    assert table.schema == dict(VARIANT_COLUMNS)
    assert table.filter(quantity="changed")["variant"].to_list() == [None]
    # where there is no value there is a reason
    assert table.filter(table["value"].is_null())["undefined"].null_count() == 0
