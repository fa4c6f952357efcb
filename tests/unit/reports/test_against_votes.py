"""Scores against all votes, and on scales."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from equivoice.reports import ReportInputs
from equivoice.reports.against_votes import against_votes_section, scales_section
from equivoice.reports.document import Block, Folded, Section, Table, Text
from equivoice.reports.rows import Estimate, read_estimates
from equivoice.reports.wording import CREDITED

WHO = "one listener, left out (voice)"


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """All blocks, those that are folded away among them."""
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from flat(block.blocks)


def tables(section: Section) -> list[Table]:
    """All tables of a section."""
    return [block for block in flat(section.blocks) if isinstance(block, Table)]


def texts(table: Table) -> list[list[str]]:
    """The texts of all cells, row by row."""
    return [[cell.text for cell in row] for body in table.bodies for row in body.rows]


@pytest.fixture(scope="module")
def parts(crowd: ReportInputs) -> dict[str, Section]:
    """The sections by their heading."""
    section = against_votes_section(read_estimates(crowd.estimates))
    return {part.title: part for part in section.sections}


def row(metric: str, **given: Any) -> Estimate:
    """A score of the model against all votes."""
    base: dict[str, Any] = {"system": "model", "reference": "votes", "value": 0.5, "n": 9}
    return Estimate("score", metric, **(base | given))


def test_each_kind_of_score_has_a_section(parts: dict[str, Section]) -> None:
    assert list(parts) == [
        "Any vote counts",
        "Sets of labels",
        "Distributions",
        "Calibration against the votes",
    ]


def test_without_such_scores_there_is_no_section(inputs: ReportInputs) -> None:
    rows = read_estimates(inputs.estimates)
    assert against_votes_section(rows).empty
    assert scales_section(rows).empty


def test_supports_that_depend_on_the_system_are_warned_of(parts: dict[str, Section]) -> None:
    assert parts["Any vote counts"].blocks[0] == Text(CREDITED)
    assert "depends on the answers" in CREDITED


def test_the_reading_is_named_and_people_stand_beside(parts: dict[str, Section]) -> None:
    table = tables(parts["Any vote counts"])[0]
    assert [(body.title, body.people) for body in table.bodies] == [
        ("model", False),
        (f"people: {WHO}", True),
    ]
    assert texts(table)[0][:4] == [
        "Annotator-aware macro-F1 (credited)", "70.0", "%", "[66.0, 74.0]",
    ]  # fmt: skip
    assert table.caption.endswith("held against all votes")


def test_people_held_against_others_are_told_from_systems_held_against_votes() -> None:
    rows = [row("jsd"), row("jsd", system=WHO, reference="other listeners")]
    (section,) = against_votes_section(rows).sections
    assert [body.title for body in tables(section)[0].bodies] == [
        "model, held against all votes",
        f"people: {WHO}, held against the other listeners",
    ]


def test_people_come_after_systems_whatever_their_order() -> None:
    rows = [row("jsd", system=WHO), row("jsd")]
    (section,) = against_votes_section(rows).sections
    assert [body.people for body in tables(section)[0].bodies] == [False, True]


def test_thresholds_are_columns(parts: dict[str, Section]) -> None:
    table = tables(parts["Sets of labels"])[0]
    assert table.columns[1:4] == (
        "Labels with more than 1/C of the votes",
        "Labels with more than half of the votes",
        "Labels with more than 1/(C−1) of the votes",
    )
    assert texts(table)[0][:4] == ["Multi-label macro-F1, %", "60.0", "60.0", "60.0"]
    assert "Held against" not in table.columns


def test_scores_by_emotion_keep_thresholds_apart(parts: dict[str, Section]) -> None:
    table = tables(parts["Sets of labels"])[1]
    assert len(set(table.columns)) == len(table.columns)
    assert "Multi-label F1, %: labels with more than half of the votes" in table.columns


def test_divergences_are_in_nats_and_say_why_they_are_missing(parts: dict[str, Section]) -> None:
    table = tables(parts["Distributions"])[0]
    lines = {line[0]: line for line in texts(table)}
    assert lines["Jensen–Shannon divergence"][1:3] == ["0.200", "nats"]
    assert lines["KL divergence"][1] == "not defined (a)"
    assert table.note.startswith("(a) probability 0")


def test_groups_have_scores_and_differences(parts: dict[str, Section]) -> None:
    section = parts["Any vote counts"]
    captions = [table.caption for table in tables(section)]
    assert "Any vote counts by gender on crowd, held against all votes" in captions
    (table,) = [each for each in tables(section) if each.caption.startswith("Differences")]
    assert [line[0] for line in texts(table)] == [
        "model: female − male",
        f"people: {WHO}: female − male",
    ]


def test_a_metric_without_a_name_is_shown_all_the_same() -> None:
    (section,) = against_votes_section([row("of_a_plugin")]).sections
    assert section.title == "Further scores"
    assert texts(tables(section)[0])[0][:2] == ["Of a plugin", "50.0"]


def test_scales_have_their_units(crowd: ReportInputs) -> None:
    (table,) = tables(scales_section(read_estimates(crowd.estimates)))
    assert [line[:4] for line in texts(table)] == [
        ["Valence: CCC", "0.510", "no unit", "[0.470, 0.550]"],
        ["Valence: RMSE", "0.934", "points of the scale", "[0.894, 0.974]"],
    ]


def test_models_asked_at_several_temperatures_stand_at_their_lowest() -> None:
    rows = [row("jsd", temperature=t, value=t / 10) for t in (1.0, 0.5)]
    (section,) = against_votes_section(rows).sections
    assert [line[1] for line in texts(tables(section)[0])] == ["0.050"]
