"""A system's gap beside people's own."""

from __future__ import annotations

from typing import Any

import pytest

from equivoice.annotators.names import HALF, LEFT_OUT, LISTENER, PLURALITY, human_system
from equivoice.reports import ReportInputs
from equivoice.reports.beside_people import (
    nearest,
    people_blocks,
    people_statements,
    stand_beside,
)
from equivoice.reports.chapter import chapter_sections
from equivoice.reports.document import Figure, Table, Text
from equivoice.reports.rows import Condition, Estimate, read_estimates
from equivoice.reports.sections import chapters
from equivoice.reports.wording import RATERS

MODEL = Condition("c", "model", reference="majority")
ONE = Condition("c", human_system(LISTENER, "voice"), reference="given")
OUT = Condition("c", human_system(LEFT_OUT, "voice"), reference="other listeners")
CROWD = Condition("c", human_system(PLURALITY, "voice"), reference="given")
HALVES = Condition("c", human_system(HALF, "voice"), reference="the other half")


def pair(value: float | None = -0.12, **given: Any) -> Estimate:
    """A signed difference between women and men."""
    base: dict[str, Any] = {
        "group_by": "gender", "groups": "female − male", "n": 90, "clusters": 9, "unit": "speaker",
        "level": 0.95,
    }  # fmt: skip
    ends = {} if value is None else {"low": value - 0.04, "high": value + 0.04}
    return Estimate("pair_gap", "macro_f1", value=value, **(base | ends | given))


def score(**given: Any) -> Estimate:
    """An overall score, by which the main metric is found."""
    return Estimate("score", "macro_f1", value=0.5, **given)


def rows(value: float | None, reference: str, **given: Any) -> list[Estimate]:
    """The rows of somebody with one difference of groups."""
    return [score(reference=reference), pair(value, reference=reference, **given)]


def test_held_against_votes_one_who_is_left_out_comes_first() -> None:
    parts = {each: [] for each in (CROWD, HALVES, ONE, MODEL, OUT)}
    assert nearest(MODEL, parts) == [OUT, ONE, HALVES, CROWD]


def test_held_against_given_labels_those_with_the_same_reference_come_first() -> None:
    parts = {each: [] for each in (HALVES, OUT, CROWD, ONE)}
    model = Condition("c", "model", reference="given")
    assert nearest(model, parts) == [ONE, CROWD, OUT, HALVES]


def test_people_on_another_corpus_are_not_near() -> None:
    assert nearest(MODEL, {Condition("other", OUT.system): []}) == []


def test_the_system_comes_first_and_then_people() -> None:
    parts = {MODEL: rows(-0.12, "majority"), OUT: rows(0.03, "other listeners")}
    found = stand_beside(MODEL, parts[MODEL], parts, "gender", "macro_f1")
    assert [each.condition for each in found] == [MODEL, OUT]


@pytest.mark.parametrize("missing", ["system", "people"])
def test_where_one_side_is_missing_nothing_is_compared(missing: str) -> None:
    parts = {MODEL: rows(-0.12, "majority"), OUT: rows(0.03, "other listeners")}
    parts[MODEL if missing == "system" else OUT] = [score()]
    assert stand_beside(MODEL, parts[MODEL], parts, "gender", "macro_f1") == []
    assert list(people_statements(MODEL, parts[MODEL], parts)) == []
    assert list(people_blocks(MODEL, parts[MODEL], parts, "gender")) == []


def test_the_verdict_describes_both_with_intervals_and_concludes_nothing() -> None:
    parts = {
        MODEL: rows(-0.12, "majority"),
        OUT: rows(0.03, "other listeners", n=80, clusters=8),
        ONE: rows(0.02, "given"),
        CROWD: rows(0.01, "given"),
    }
    (found,) = people_statements(MODEL, parts[MODEL], parts)
    assert not found.supported
    assert found.about == "people"
    assert found.text == (
        "Beside people, macro-F1 by gender (female − male): model, held against the majority of "
        "the votes: −12.0 points, 95% interval [−16.0, −8.0], 90 utterances of 9 speakers; "
        "people: one listener, left out (voice), held against the other listeners: +3.0 points, "
        "95% interval [−1.0, +7.0], 80 utterances of 8 speakers; people: one listener (voice), "
        "held against the labels as given: +2.0 points, 95% interval [−2.0, +6.0]. No test says "
        "whether the gap of the system is larger or smaller than that of people. They were held "
        "against different references."
    )


def test_the_same_reference_is_not_called_different() -> None:
    model = Condition("c", "model", reference="given")
    parts = {model: rows(-0.1, "given"), ONE: rows(0.02, "given")}
    (found,) = people_statements(model, parts[model], parts)
    assert "different references" not in found.text


@pytest.mark.parametrize("word", ["better", "worse", "best", "fairer", "human-level", "superhuman"])
def test_nobody_is_ranked(word: str) -> None:
    parts = {MODEL: rows(-0.12, "majority"), OUT: rows(0.03, "other listeners")}
    (found,) = people_statements(MODEL, parts[MODEL], parts)
    assert word not in found.text.lower()


def test_an_undefined_gap_of_people_keeps_its_reason() -> None:
    parts = {
        MODEL: rows(-0.12, "majority"),
        OUT: rows(None, "other listeners", undefined="too few speakers: female: 3"),
    }
    (found,) = people_statements(MODEL, parts[MODEL], parts)
    assert "not defined (too few speakers: female: 3)" in found.text


def test_an_interval_that_is_missing_says_why() -> None:
    why = {"low": None, "high": None, "undefined": "interval: too few speakers: female: 3"}
    parts = {MODEL: rows(-0.12, "majority"), OUT: rows(0.03, "other listeners", **why)}
    (found,) = people_statements(MODEL, parts[MODEL], parts)
    assert "+3.0 points, no interval (too few speakers: female: 3)" in found.text


def test_the_same_reason_is_not_told_twice() -> None:
    why = {"low": None, "high": None, "undefined": "interval: too few speakers: female: 3"}
    parts = {MODEL: rows(-0.12, "majority", **why), OUT: rows(0.03, "other listeners", **why)}
    (found,) = people_statements(MODEL, parts[MODEL], parts)
    assert found.text.count("too few speakers") == 1
    assert "+3.0 points, no interval for the same reason. No test" in found.text


def largest(value: float, reference: str) -> list[Estimate]:
    """The rows of somebody with three groups."""
    by: dict[str, Any] = {"group_by": "race", "reference": reference, "n": 90}
    pairs = [
        Estimate("pair_gap", "macro_f1", groups=f"{one} − {two}", value=value, **by)
        for one, two in ("ab", "ac", "bc")
    ]
    gap = Estimate(
        "gap", "macro_f1", group_aggregator="max", value=value, low=0.0, high=0.3, level=0.95, **by
    )
    return [score(reference=reference), *pairs, gap]


def test_of_several_groups_the_largest_gap_stands_beside_with_its_aggregator() -> None:
    parts = {MODEL: largest(0.2, "majority"), OUT: largest(0.1, "other listeners")}
    (found,) = people_statements(MODEL, parts[MODEL], parts)
    assert "by race (largest pair of groups): model" in found.text
    assert "20.0 points, 95% interval [0.0, 30.0]" in found.text
    (table, text) = people_blocks(MODEL, parts[MODEL], parts, "race")
    assert isinstance(table, Table)
    assert [row[0].text for row in table.bodies[0].rows] == [
        "model",
        "people: one listener, left out (voice)",
    ]
    assert table.columns[2] == "Held against"
    assert isinstance(text, Text)


def test_figure_and_table_name_whose_and_against_what() -> None:
    parts = {MODEL: rows(-0.12, "majority"), OUT: rows(0.03, "other listeners")}
    figure, table, text = people_blocks(MODEL, parts[MODEL], parts, "gender")
    assert isinstance(figure, Figure)
    assert figure.description.startswith(
        "model, held against the majority of the votes: −12.0 [−16.0, −8.0]."
    )
    assert isinstance(table, Table)
    assert [[cell.text for cell in row[:3]] for row in table.bodies[0].rows] == [
        ["model", "the majority of the votes", "−12.0"],
        ["people: one listener, left out (voice)", "the other listeners", "+3.0"],
    ]
    assert isinstance(text, Text)
    assert text.text.endswith(RATERS)


def test_squares_are_drawn_for_people_alone() -> None:
    model, out = pair(system="model"), pair(0.03, system=OUT.system)
    parts = {MODEL: [score(), model], OUT: [score(), out]}
    figure, *_ = people_blocks(MODEL, parts[MODEL], parts, "gender")
    assert isinstance(figure, Figure)
    assert figure.body.count(" people") == 1
    assert figure.body.count("<circle") == 1
    assert figure.key[-1].startswith("Square: people")


def test_a_chapter_of_a_system_has_people_beside_and_one_of_people_has_not(
    crowd: ReportInputs,
) -> None:
    for part in chapters([(crowd, read_estimates(crowd.estimates))]):
        sections = chapter_sections(part, "", players="none", clips=1)
        (by,) = [section for section in sections if section.title == "By gender"]
        beside = [b for b in by.blocks if isinstance(b, Figure) and "beside people" in b.title]
        assert len(beside) == (0 if part.condition.people else 1)
