"""Cells of tables."""

from __future__ import annotations

from equivoice.reports.cells import (
    Reasons,
    counted,
    coverage_cell,
    heading,
    interval_cell,
    level_heading,
    p_cells,
)
from equivoice.reports.rows import Estimate


def score(metric: str = "accuracy", **values: object) -> Estimate:
    """A score."""
    return Estimate("score", metric, **values)  # type: ignore[arg-type]


def test_the_same_reason_keeps_its_letter() -> None:
    reasons = Reasons()
    assert [reasons.letter(text) for text in ("x", "y", "x", None)] == ["a", "b", "a", "c"]
    assert reasons.note == "(a) x; (b) y; (c) no reason was recorded"


def test_the_prefix_of_an_interval_reason_is_not_repeated() -> None:
    reasons = Reasons()
    reasons.letter("interval: too few speakers: female: 3, male: 3")
    assert reasons.note == "(a) too few speakers: female: 3, male: 3"


def test_a_table_without_gaps_has_no_note() -> None:
    reasons = Reasons()
    assert reasons.cell("5.0", score()).text == "5.0"
    assert reasons.note == ""


def test_a_missing_side_number_without_reason_is_called_not_given() -> None:
    assert Reasons().cell(None, score(), what="none").text == "not given"
    assert Reasons().cell(None, score()).text == "not defined (a)"


def test_an_interval_needs_both_ends() -> None:
    reasons = Reasons()
    assert interval_cell(score(low=0.1, high=0.2), reasons).text == "[10.0, 20.0]"
    half = interval_cell(score(low=0.1, undefined="interval: unstable"), reasons)
    assert (half.text, half.quiet) == ("none (a)", True)
    signed = interval_cell(score(low=-0.1, high=0.2), reasons, difference=True)
    assert signed.text == "[−10.0, +20.0]"


def test_counts_are_numbers_or_not_given() -> None:
    assert (counted(1440).text, counted(1440).number) == ("1,440", True)
    assert counted(0).text == "0"
    assert (counted(None).text, counted(None).number) == ("not given", False)


def test_a_p_value_has_its_floor() -> None:
    assert [cell.text for cell in p_cells(score(p_value=0.02, p_floor=0.0005))] == [
        "0.020",
        "0.0005",
    ]
    assert [cell.text for cell in p_cells(score(p_value=0.02))] == ["0.020", "not given"]
    assert [cell.text for cell in p_cells(score(p_floor=0.1))] == ["not tested", "not tested"]


def test_coverage_is_that_of_the_same_group_and_fold() -> None:
    rows = [
        score("coverage", groups="female", fold="1", value=0.9),
        score("coverage", groups="female", fold="all", value=0.8),
        score("coverage", groups="male", fold="all", value=0.7),
    ]
    assert coverage_cell(score(groups="female", fold="all"), rows).text == "80.0"
    assert coverage_cell(score(groups="other", fold="all"), rows).text == "not given"


def test_headings_state_their_unit() -> None:
    assert heading("macro_f1") == "Macro-F1, %"
    assert heading("recall_sum") == "Sum of recalls"


def test_the_level_is_in_the_heading_where_it_is_one() -> None:
    assert level_heading([score(level=0.95), score()]) == "95% "
    assert level_heading([score(level=0.95), score(level=0.9)]) == ""
    assert level_heading([]) == ""


def test_coverage_of_all_answers_needs_no_interval_and_no_letter() -> None:
    reasons = Reasons()
    spotless = score("coverage", value=1.0, undefined="interval: all resamples gave the same value")
    assert interval_cell(spotless, reasons).text == "all read"
    assert reasons.note == ""
    for row in (
        score("coverage", value=0.9, undefined="interval: too few speakers"),
        score("accuracy", value=1.0, undefined="interval: too few speakers"),
        Estimate("comparison", "coverage", value=1.0, undefined="interval: too few speakers"),
    ):
        assert interval_cell(row, reasons).text == "none (a)"
