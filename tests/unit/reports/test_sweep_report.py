"""The report of a model at several temperatures, from scripted answers to the page."""

from __future__ import annotations

import re
from html import unescape
from io import StringIO

import pytest

from equivoice.reports import main_table, render_report, verdict_lines
from equivoice.reports.rows import read_estimates
from equivoice.reports.sweep_sections import temperature_section
from oracles.sweeping import TEMPERATURES, chosen_on_test, swept_inputs


def text_of(page: str) -> str:
    body = re.sub(r"<(style|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(swept_inputs())


def headings(page: str) -> list[str]:
    return [unescape(found) for found in re.findall(r"<h2[^>]*>(.*?)</h2>", page)]


def test_sections_come_in_the_order_of_reading(page: str) -> None:
    found = headings(page)
    wanted = ["What can be concluded", "Scores", "Temperature", "Answers in words", "Calibration"]
    assert found[:5] == wanted
    assert found[5:7] == ["Llm on demo", "Llm/options on demo"]


def test_the_main_tables_hold_one_temperature_and_the_curves_all(page: str) -> None:
    # one run of rows a reading, not one a reading and temperature
    scores = page[page.index('id="scores"') : page.index('id="temperature"')]
    assert scores.count('<tr class="head">') == 2
    assert page.count("Differences by gender, first minus second, in points</figcaption>") == 2
    curves = page[page.index('id="temperature"') : page.index('id="answers"')]
    for temperature in TEMPERATURES:
        assert f'<th scope="row">{temperature:g}</th>' in curves


def test_every_point_of_a_curve_stands_in_the_table_below_it() -> None:
    inputs = swept_inputs()
    section = temperature_section(read_estimates(inputs.estimates))
    tables = [table for block in section.blocks if block.kind == "folded" for table in block.blocks]
    gap = next(table for table in tables if table.caption.startswith("Equal opportunity"))
    shown = [cell.text for body in gap.bodies for row in body.rows for cell in row[1:2]]
    own = inputs.estimates.filter(
        (inputs.estimates["metric"] == "equal_opportunity")
        & (inputs.estimates["group_aggregator"] == "mean")
        & (inputs.estimates["class_aggregator"] == "mean")
    ).sort("temperature")
    for system in ("llm", "llm/options"):
        for value in own.filter(own["system"] == system)["value"]:
            assert f"{value * 100:.1f}" in shown
    assert len(shown) == 2 * len(TEMPERATURES)


def test_spreads_over_runs_and_orders_have_columns_of_their_own(page: str) -> None:
    text = text_of(page)
    assert "Spread over folds Spread over runs Spread over label orders" in text
    once = render_report(swept_inputs(orders=1))
    # the word stands in the glossary; the column does not
    assert "Spread over label orders</th>" in page
    assert "Spread over label orders</th>" not in once


def test_answers_are_counted_as_answers_and_not_as_utterances(page: str) -> None:
    assert "576 answers of 12 speakers" in text_of(page)
    assert "576 utterances" not in text_of(page)


def test_ways_of_reading_are_told_apart_in_words(page: str) -> None:
    text = text_of(page)
    assert "NAME (sampled answers): The model answered in words" in text
    assert "NAME/options (most probable option): The model was not asked to answer" in text
    assert "NAME/expected" not in text.partition("How to read this")[0]


def test_refusals_are_counted_by_temperature_and_group(page: str) -> None:
    answers = page[page.index('id="answers"') : page.index('id="calibration"')]
    text = text_of(answers)
    assert "Refused, %" in text
    assert "by gender" in text
    assert '<th scope="row">female, 1.5</th>' in answers


def test_calibration_is_shown_where_there_are_probabilities(page: str) -> None:
    calibration = page[page.index('id="calibration"') : page.index('id="chapter-0"')]
    assert "Its noise floor" in calibration
    assert "Mass outside, %" in calibration
    assert "temperature 0.7" in calibration  # the one nearest to the model's own, 1


def test_unreadable_answers_and_choices_on_test_data_come_first() -> None:
    inputs = chosen_on_test(swept_inputs(readable=False))
    page = render_report(inputs)
    verdict = text_of(page[page.index('id="verdict"') : page.index('id="scores"')])
    first, second = (
        verdict.index("chosen by its score on the test data"),
        verdict.index("None of the answers of llm"),
    )
    assert first < second < verdict.index("Macro-F1 is")
    assert "llm/options does not depend on readable answers" in verdict


def test_the_terminal_says_the_same_and_keeps_to_one_temperature() -> None:
    from rich.console import Console

    inputs = chosen_on_test(swept_inputs(readable=False))
    console = Console(width=100, file=StringIO(), record=True)
    console.print(verdict_lines(inputs.estimates, selection=inputs.record.selection))
    console.print(main_table(inputs.estimates))
    said = " ".join(console.export_text().split())
    assert "chosen by its score on the test data" in said
    assert "at temperature 0; 0.7, 1.5 in the report" in said
    assert said.count("macro-F1 ") <= 4


def test_figures_have_text_alternatives(page: str) -> None:
    for svg in re.findall(r'<svg role="img".*?</desc>', page, flags=re.DOTALL):
        assert re.search(r"<desc[^>]*>\s*\S", svg)
    assert "sampled answers: 62.3 at temperature 0" in page


def test_a_report_without_a_sweep_has_none_of_these_sections(make_inputs) -> None:
    page = render_report(make_inputs(replicates=50))
    assert not {"Temperature", "Answers in words"} & set(headings(page))
    assert "Spread over runs</th>" not in page
