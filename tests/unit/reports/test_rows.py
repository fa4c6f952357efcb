"""Estimates as rows, and what is asked of them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.errors import SchemaError
from equivoice.records import ESTIMATES
from equivoice.reports import ReportInputs
from equivoice.reports.rows import (
    Condition,
    Estimate,
    conditions,
    fold_names,
    in_order,
    pick,
    pooled,
    primary_metric,
    read_estimates,
)


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    """A table of estimates; what a row does not say is null."""
    base = {"quantity": "score", "metric": "accuracy"}
    return ESTIMATES.validate(pl.DataFrame([base | row for row in rows], infer_schema_length=None))


def test_rows_keep_the_values_and_null_becomes_none() -> None:
    (row,) = read_estimates(table({"value": 0.5, "low": None, "n": 3, "class": "sad"}))
    assert (row.value, row.low, row.n, row.label) == (0.5, None, 3, "sad")


def test_a_table_that_breaks_its_schema_is_refused() -> None:
    with pytest.raises(SchemaError, match="quantity"):
        read_estimates(pl.DataFrame({"quantity": ["guess"], "metric": ["accuracy"]}))


def test_left_out_is_parsed_and_a_broken_text_is_shown_as_it_is() -> None:
    good, broken, listed, none = read_estimates(
        table(
            {"left_out": '{"unparsed": 3}'},
            {"left_out": "{broken"},
            {"left_out": "[1]"},
            {"left_out": None},
        )
    )
    assert good.left_out == {"unparsed": 3}
    assert list(broken.left_out) == ["{broken"]
    assert list(listed.left_out) == ["[1]"]
    assert none.left_out == {}


def test_pooled_prefers_all_folds_and_else_takes_the_single_fold() -> None:
    rows = [
        Estimate("score", "accuracy", corpus="a", fold="all", value=0.1),
        Estimate("score", "accuracy", corpus="a", fold="1", value=0.2),
        Estimate("score", "accuracy", corpus="b", fold="1", value=0.3),
        Estimate("score", "accuracy", corpus="c", value=0.4),
    ]
    assert [row.value for row in pooled(rows)] == [0.1, 0.3, 0.4]


def test_only_class_rows_of_single_folds_are_passed_over() -> None:
    given = table(
        {"fold": "all", "class": "sad", "value": 0.1},
        {"fold": "1", "class": "sad", "value": 0.2},
        {"fold": "1", "value": 0.3},
        {"fold": "1", "class": "sad", "corpus": "single", "value": 0.4},
    )
    assert [row.value for row in read_estimates(given)] == [0.1, 0.3, 0.4]


def test_folds_are_ordered_by_number_then_by_name() -> None:
    rows = [Estimate("score", "accuracy", fold=name) for name in ("10", "b", "9", "all", "a", None)]
    assert fold_names(rows) == ["9", "10", "a", "b"]


def test_conditions_name_only_settings_that_differ() -> None:
    rows = [
        Estimate("score", "accuracy", corpus="a", system="s", temperature=0.0, prompt="p"),
        Estimate("score", "accuracy", corpus="a", system="s", temperature=0.5, prompt="p"),
        Estimate("comparison", "accuracy", corpus="a", system="s − t"),
    ]
    assert list(conditions(rows)) == [
        Condition("a", "s", (("temperature", "0"),)),
        Condition("a", "s", (("temperature", "0.5"),)),
    ]


def test_pooled_and_fold_rows_share_a_condition(inputs: ReportInputs) -> None:
    rows = read_estimates(inputs.estimates)
    assert list(conditions(rows)) == [Condition("ravdess", "acoustic")]


def test_titles_are_words() -> None:
    assert Condition("", "").title == "the predictions"
    assert Condition("all", "s").title == "s on all corpora"
    assert Condition("a", "s", (("run", "x"),)).title == "s on a, run x"


def test_the_primary_metric_is_the_best_known_one() -> None:
    names = ["accuracy", "macro_f1", "mine"]
    assert primary_metric([Estimate("score", name) for name in names]) == "macro_f1"
    assert primary_metric([Estimate("score", "mine")]) == "mine"
    assert primary_metric([Estimate("score", "macro_f1", label="sad")]) is None


def test_pick_and_order() -> None:
    rows = [Estimate("score", "b"), Estimate("score", "a"), Estimate("score", "b")]
    assert in_order(row.metric for row in rows) == ["b", "a"]
    assert pick(rows, metric="a") == [rows[1]]


def test_an_interval_excludes_zero_only_on_one_side() -> None:
    def row(low: float | None, high: float | None) -> Estimate:
        return Estimate("pair_gap", "accuracy", low=low, high=high)

    assert row(0.1, 0.2).excludes_zero
    assert row(-0.2, -0.1).excludes_zero
    assert not row(-0.1, 0.1).excludes_zero
    assert not row(None, 0.1).excludes_zero
    assert not row(0.0, 0.1).excludes_zero


def test_people_and_references_are_part_of_a_name() -> None:
    people = Condition("c", "one listener (voice)", reference="given")
    assert people.people
    assert people.name == "people: one listener (voice)"
    assert people.short == "people: one listener (voice), held against the labels as given"
    assert people.title == "people: one listener (voice) on c, held against the labels as given"
    assert not Condition("c", "one listener too many").people


def test_references_tell_conditions_apart_where_any_is_not_given() -> None:
    def found(*references: str | None) -> list[str]:
        rows = [Estimate("score", "accuracy", system="s", reference=name) for name in references]
        return [condition.reference for condition in conditions(rows)]

    assert found(None, "given", None) == [""]
    assert found("majority") == ["majority"]
    assert found("majority", None, "given") == ["majority", "given"]


def test_a_single_fold_of_one_reference_is_not_hidden_by_all_folds_of_another() -> None:
    rows = [
        Estimate("score", "accuracy", fold="all", reference="votes", value=0.1),
        Estimate("score", "accuracy", fold="1", reference="given", value=0.2),
    ]
    assert [row.value for row in pooled(rows)] == [0.1, 0.2]


def test_the_reference_is_read_from_the_table() -> None:
    given, none = read_estimates(table({"reference": "votes > 0.5"}, {}))
    assert (given.reference, none.reference) == ("votes > 0.5", None)
