"""Estimates laid out as tables."""

from __future__ import annotations

from typing import Any

from equivoice.reports import ReportInputs
from equivoice.reports.cells import written
from equivoice.reports.class_tables import class_table, confusion_table, folds_table
from equivoice.reports.document import Table
from equivoice.reports.rows import Condition, Estimate, pick, pooled, read_estimates
from equivoice.reports.tables import (
    aggregated_table,
    class_gaps_table,
    comparison_table,
    groups_table,
    left_out_table,
    pairs_table,
    scores_table,
)


def texts(table: Table) -> list[list[str]]:
    """The texts of all cells, row by row."""
    return [[cell.text for cell in row] for body in table.bodies for row in body.rows]


def pair(groups: str = "female − male", **values: Any) -> Estimate:
    """A signed difference."""
    return Estimate("pair_gap", "macro_f1", group_by="gender", groups=groups, **values)


def test_every_row_is_as_wide_as_the_heading(inputs: ReportInputs) -> None:
    rows = read_estimates(inputs.estimates)
    whole = pooled(rows)
    tables = [
        scores_table({Condition("ravdess", "acoustic"): whole}, caption="Scores"),
        groups_table(whole, "gender", ["macro_f1", "accuracy"]),
        pairs_table(whole, "gender", ["macro_f1"]),
        aggregated_table(pick(whole, quantity="gap", group_by="gender"), "gender"),
        class_table(whole),
        class_gaps_table(whole, "gender"),
        confusion_table(pick(whole, quantity="confusion", group_by=None), caption="All"),
        folds_table(rows, ["macro_f1", "accuracy"]),
        left_out_table({"missing": 3}, caption="Left out"),
    ]
    for table in tables:
        found = texts(table)
        assert found, table.caption
        assert {len(row) for row in found} == {len(table.columns)}, table.caption
        assert all(text for row in found for text in row), f"a blank cell in {table.caption}"


def test_scores_are_the_estimates_times_a_hundred(inputs: ReportInputs) -> None:
    whole = pooled(read_estimates(inputs.estimates))
    table = scores_table({Condition("ravdess", "acoustic"): whole}, caption="Scores")
    (row,) = pick(whole, quantity="score", metric="macro_f1", label=None)
    shown = {line[0]: line for line in texts(table)}["macro-F1"]
    assert row.value is not None
    assert row.low is not None
    assert row.high is not None
    assert row.sd_folds is not None
    assert shown[1] == f"{row.value * 100:.1f}"
    assert shown[2] == f"[{row.low * 100:.1f}, {row.high * 100:.1f}]"
    assert shown[3] == f"{row.sd_folds * 100:.1f}"
    assert shown[5] == f"{row.n:,}"
    assert shown[6] == "24"


def test_headline_metrics_come_first_and_plain_sums_last(inputs: ReportInputs) -> None:
    whole = pooled(read_estimates(inputs.estimates))
    names = [line[0] for line in texts(scores_table({Condition("", ""): whole}, caption="Scores"))]
    assert names[:3] == ["macro-F1", "unweighted accuracy", "accuracy"]
    assert names[-1] == "sum of recalls"


def test_what_is_set_aside_is_told_below() -> None:
    row = Estimate(
        "score",
        "accuracy",
        value=0.5,
        low=0.4,
        high=0.6,
        left_out={"unparsed (counted as wrong)": 2},
    )
    table = scores_table({Condition("", ""): [row]}, caption="Scores")
    assert texts(table)[0][-1] == "see (a)"
    assert "(a) 2 unparsed (counted as wrong)" in table.note


def test_a_missing_value_is_a_letter_with_its_reason_and_never_zero() -> None:
    rows = [
        pair("a − b", value=None, undefined="no predictions (b)"),
        pair("a − c", value=0.1, undefined="interval: too few speakers: a: 3, c: 3"),
        pair("b − c", value=None, undefined="no predictions (b)"),
    ]
    table = pairs_table(rows, "gender", ["macro_f1"])
    first, second, third = texts(table)
    assert first[1] == "not defined (a)"
    assert second[1:3] == ["+10.0", "none (b)"]
    assert third[1] == "not defined (a)"
    assert table.note == "(a) no predictions (b); (b) too few speakers: a: 3, c: 3"
    assert "0.0" not in first + third


def test_an_untested_difference_says_so() -> None:
    (row,) = texts(pairs_table([pair(value=0.1, low=0.0, high=0.2)], "gender", ["macro_f1"]))
    assert row[3:5] == ["not tested", "not tested"]


def test_one_pair_becomes_one_row_a_metric() -> None:
    rows = [pair(value=0.1), Estimate(**{**as_values(pair(value=0.2)), "metric": "accuracy"})]
    table = pairs_table(rows, "gender", ["macro_f1", "accuracy"])
    assert [row[0] for row in texts(table)] == ["Macro-F1", "Accuracy"]
    assert table.caption.endswith("female − male")


def as_values(row: Estimate) -> dict[str, Any]:
    """The values of a row by name."""
    return {name: getattr(row, name) for name in Estimate.__dataclass_fields__}


def test_the_aggregator_is_always_named() -> None:
    rows = [
        Estimate("gap", "tpr_gap", group_by="g", group_aggregator=over, class_aggregator=classes)
        for over in ("mean", "rms", "max", "max_to_overall", None)
        for classes in ("mean", "rms", "max", None)
    ]
    names = [row[1] for row in texts(aggregated_table(rows, "g"))]
    assert len(set(names)) == len(rows)
    assert "aggregator not stated" in names


def test_the_convention_is_told_where_it_differs() -> None:
    rows = [
        Estimate("gap", "tpr_gap", group_by="g", convention=name, value=0.1)
        for name in ("equivoice", "fairalm_code")
    ]
    (body,) = aggregated_table(rows, "g").bodies
    assert [row[1].small for row in body.rows] == ["equivoice", "fairalm_code"]
    (alone,) = aggregated_table(rows[:1], "g").bodies
    assert alone.rows[0][1].small == ""


def test_ratios_are_not_per_cent() -> None:
    row = Estimate("score", "error_ratio", value=0.5)
    assert written(row, row.value) == "0.50"
    assert written(row, None) is None
    table = class_table([Estimate("score", "error_ratio", label="sad", value=0.5)])
    assert table.columns == ("Emotion", "Error ratio")


def test_confusions_keep_the_order_and_put_unparsed_last() -> None:
    rows = [
        Estimate("confusion", "confusion", label=reference, predicted_class=given, value=0.5, n=2)
        for reference in ("sad", "happy")
        for given in ("(unparsed)", "happy", "sad")
    ]
    table = confusion_table(rows, caption="All")
    assert table.columns == ("Reference", "sad", "happy", "(unparsed)")
    cell = table.bodies[0].rows[0][1]
    assert (cell.text, cell.small, cell.shade) == ("50", "2", 0.5)


def test_a_class_without_references_is_not_zero_in_a_confusion() -> None:
    row = Estimate(
        "confusion", "confusion", label="sad", predicted_class="sad", n=0,
        undefined="no reference of this class",
    )  # fmt: skip
    table = confusion_table([row], caption="All")
    assert texts(table)[0][1] == "not defined (a)"
    assert table.note == "(a) no reference of this class"


def test_a_fold_with_one_group_says_so(inputs: ReportInputs) -> None:
    table = folds_table(read_estimates(inputs.estimates), ["macro_f1", "accuracy"])
    lines = {row[0]: row for row in texts(table)}
    assert list(lines) == ["1", "2", "3", "4", "5", "6"]
    assert lines["1"][3] == "not defined (a)"
    assert "the fold holds one group only: female" in table.note
    assert "not defined" not in lines["2"][3]


def test_comparisons_name_the_corpus_where_there_are_several() -> None:
    rows = [
        Estimate("comparison", "macro_f1", system="a − b", corpus=corpus, value=0.1)
        for corpus in ("one", "two")
    ]
    assert [row[0] for row in texts(comparison_table(rows))] == ["a − b on one", "a − b on two"]


def test_more_reasons_than_letters_stay_apart() -> None:
    rows = [pair(f"a − {number}", undefined=f"reason {number}") for number in range(60)]
    shown = [row[1] for row in texts(pairs_table(rows, "gender", ["macro_f1"]))]
    assert len(set(shown)) == 60
