"""The report of a listening study: a part for each question, in the words that were asked."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from equivoice.records import ESTIMATES, RunRecord
from equivoice.reports.listening import listening_page

RECORD = RunRecord(verb="study analyse", config={}, versions={"equivoice": "1"})


def rows(*given: dict[str, Any]) -> pl.DataFrame:
    common = {"quantity": "score", "unit": "rater x item", "n": 320, "clusters": 10, "level": 0.95}
    return ESTIMATES.validate(pl.DataFrame([{**common, **row} for row in given]))


def page(estimates: dict[str, pl.DataFrame]) -> str:
    asked = {"acceptance": "Is it <acceptable>?", "better": "Which is better?"}
    return listening_page("Demo & more", asked, estimates, RECORD, ("10 raters gave 320 votes.",))


ACCEPTED = rows({"metric": "acceptance", "value": 0.691, "low": 0.589, "high": 0.792})
PREFERRED = rows(
    {
        "metric": "win_rate",
        "system": "ours",
        "group_by": "against",
        "groups": "theirs",
        "value": 0.8,
        "low": 0.7,
        "high": 0.9,
    }
)
KNOWN = rows({"metric": "gold_accuracy", "value": 0.9, "unit": "rater"})


def test_each_question_has_its_part_in_the_words_that_were_asked() -> None:
    text = page({"acceptance": ACCEPTED, "better": PREFERRED, "gold": KNOWN})
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", text)
    assert titles[0] == "What can be concluded"
    assert titles[1:4] == [
        "Is it &lt;acceptable&gt;?",
        "Which is better?",
        "Answers that were known before",
    ]
    assert "10 raters gave 320 votes." in text
    assert "69.1%" in text
    assert "Demo &amp; more" in text


def test_a_clear_preference_is_a_conclusion() -> None:
    text = page({"better": PREFERRED})
    assert "Can be concluded" in text
    assert "more often than not" in text


def test_parts_of_several_questions_have_anchors_of_their_own() -> None:
    text = page({"acceptance": ACCEPTED, "better": ACCEPTED})
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_page_runs_no_script_and_loads_nothing() -> None:
    text = page({"acceptance": ACCEPTED})
    assert "<script" not in text
    assert not re.findall(r'(?:src|href)="https?:', text)
