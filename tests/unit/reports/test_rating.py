"""Win rates, acceptance and agreement on a page: what is said, drawn, and not concluded."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.records import RunRecord
from equivoice.reports.document import Figure, Table
from equivoice.reports.rating import judging_page, rating_lines, rating_sections, rating_statements
from equivoice.reports.rows import read_estimates

WIN: dict[str, Any] = {
    "quantity": "score",
    "metric": "win_rate",
    "system": "ours",
    "group_by": "against",
    "groups": "q2a",
    "value": 0.62,
    "low": 0.55,
    "high": 0.69,
    "unit": "item",
    "n": 200,
    "clusters": 200,
    "level": 0.95,
}
NONE: dict[str, Any] = {**WIN, "low": None, "high": None, "unit": "rater", "clusters": 1}
NONE["undefined"] = "only one rater"


def statements(*rows: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return rating_statements(read_estimates(pl.DataFrame(list(rows), infer_schema_length=None)))


def figures(*rows: dict[str, Any]) -> list[Figure]:
    sections = rating_sections(pl.DataFrame(list(rows), infer_schema_length=None))
    return [block for each in sections for block in each.blocks if isinstance(block, Figure)]


def test_an_interval_beyond_one_half_is_a_preference() -> None:
    can, cannot = statements(WIN, NONE)
    (text,) = can
    assert text == (
        "ours against q2a: preferred in 62.0% [55.0, 69.0] of 200 judged pairs, over items: more "
        "often than not."
    )
    assert any("not to be true" in text for text in cannot)
    less, _ = statements({**WIN, "value": 0.3, "low": 0.2, "high": 0.4})
    assert "less often than not" in less[0]


def test_an_interval_around_one_half_is_none() -> None:
    can, cannot = statements({**WIN, "low": 0.49})
    assert can == ()
    assert "cannot be told" in cannot[0]
    _, without = statements({**NONE})
    assert "(no interval)" in without[0]


def test_the_interval_over_both_units_is_the_one_that_concludes() -> None:
    both = {**WIN, "unit": "rater x item", "low": 0.45, "high": 0.8}
    can, cannot = statements(WIN, both)
    assert can == ()
    assert "over raters and items" in cannot[0]


def test_a_liking_for_a_place_is_said() -> None:
    place = {**WIN, "metric": "first_chosen", "value": 0.3, "low": 0.2, "high": 0.4}
    can, _ = statements(WIN, place)
    assert "shown second" in can[1]
    assert "30.0% [20.0, 40.0]" in can[1]


def test_plots_name_every_value_in_words() -> None:
    emotions = [
        {**WIN, "class": name, "value": value} for name, value in (("sad", 0.6), ("angry", 0.4))
    ]
    drawn = figures(WIN, NONE, *emotions)
    assert [figure.title for figure in drawn] == ["Win rates", "Win rates by emotion"]
    assert "ours against q2a, over items: 62.0 [55.0, 69.0]" in drawn[0].description
    assert "over raters" not in drawn[0].description  # it has no interval
    assert "angry: 40.0" in drawn[1].description
    assert any("50%" in text for text in drawn[0].key)


def test_tables_show_why_an_interval_is_missing() -> None:
    (wins, *_) = rating_sections(pl.DataFrame([WIN, NONE], infer_schema_length=None))
    (table,) = [block for block in wins.blocks if isinstance(block, Table)]
    assert "only one rater" in table.note
    assert [row[3].text for row in table.bodies[0].rows] == ["items", "raters"]


def test_points_of_a_scale_are_not_per_cent() -> None:
    mean = {**WIN, "metric": "mean fits", "group_by": None, "groups": None, "value": 3.4}
    mean |= {"low": 3.1, "high": 3.7}
    lines = rating_lines(pl.DataFrame([mean]))
    assert lines[0] == "ours, fits: 3.40 [3.10, 3.70] of 200 votes."
    sections = {each.title: each for each in rating_sections(pl.DataFrame([mean]))}
    (table,) = sections["Points on scales"].blocks
    assert isinstance(table, Table)
    assert table.bodies[0].rows[0][1].text == "3.40"


def test_acceptance_agreement_and_known_answers_have_their_sections() -> None:
    accepted = {**WIN, "metric": "acceptance", "group_by": None, "groups": None, "system": None}
    matched = {**accepted, "quantity": "group_score", "group_by": "match", "groups": "match"}
    alpha = {**accepted, "metric": "krippendorff_alpha", "convention": "acceptance", "value": 0.3}
    gold = {**accepted, "metric": "gold_accuracy", "group_by": "rater", "groups": "r7"}
    read = {**accepted, "metric": "verdicts_read", "left_out": '{"refused": 3}'}
    given = pl.DataFrame([accepted, matched, alpha, gold, read], infer_schema_length=None)
    shown = [each.title for each in rating_sections(given) if not each.empty]
    assert shown == [
        "What is accepted",
        "How far raters agree",
        "Known answers",
        "What could be read",
    ]
    page = judging_page(given, RunRecord(verb="judge", config={"judge": "<b>j</b>"}), "Is it so?")
    assert "<b>j</b>" not in page
    assert "3 answers: refused" in page
    assert "r7" in page
    assert "Shares of votes by match" in page


def test_nothing_rated_is_an_empty_page_and_no_error() -> None:
    nothing = {"quantity": "score", "metric": "verdicts_read", "n": 0, "undefined": "no votes"}
    page = judging_page(pl.DataFrame([nothing]), RunRecord(verb="judge", config={}), "")
    assert page.startswith("<!doctype html>")


@pytest.mark.parametrize("metric", ["win_rate", "acceptance"])
def test_every_metric_has_its_meaning_on_the_page(metric: str) -> None:
    row = {**WIN, "metric": metric}
    page = judging_page(pl.DataFrame([row]), RunRecord(verb="judge", config={}), "?")
    assert "How to read this" in page
    assert "Share of" in page
