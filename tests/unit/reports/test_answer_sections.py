"""Answers in words and calibration, as tables and figures made from a few rows."""

from __future__ import annotations

from typing import Any

import pytest

from equivoice.reports.answer_sections import answers_section, calibration_section
from equivoice.reports.document import Figure, Folded, Section, Table
from equivoice.reports.rows import Estimate


def share(status: str, value: float | None, **given: Any) -> Estimate:
    fixed = {"system": "llm", "corpus": "c", "temperature": 0.0, "n": 100, "unit": "speaker"}
    reason = None if value is not None else "no answers"
    interval = {"low": 0.1, "high": 0.2} if value else {}
    quantity = "group_score" if "groups" in given else "score"
    return Estimate(quantity, status, value=value, undefined=reason, **(fixed | interval | given))


def shares(**given: Any) -> list[Estimate]:
    """Nine of ten answers read, one refused."""
    return [
        share("parsed", 0.9, **given),
        share("ambiguous", 0.0, **given),
        share("refused", 0.1, **given),
        share("unparsed", 0.0, **given),
        share("failed", 0.0, **given),
    ]


def found_tables(section: Section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def lines(table: Table) -> dict[str, list[str]]:
    return {
        row[0].text: [f"{cell.text} {cell.small}".strip() for cell in row[1:]]
        for body in table.bodies
        for row in body.rows
    }


def test_only_statuses_that_occurred_have_a_column() -> None:
    (table,) = found_tables(answers_section(shares()))
    assert table.columns == ("Temperature", "Read as a label, %", "Refused, %", "Answers")
    assert lines(table) == {"0": ["90.0 [10.0, 20.0]", "10.0 [10.0, 20.0]", "100"]}


def test_each_temperature_and_prompt_has_a_line_named_by_what_differs() -> None:
    rows = [
        row
        for temperature in (0.0, 1.5)
        for prompt in ("direct", "user_labels")
        for row in shares(temperature=temperature, prompt=prompt, modality="speech")
    ]
    (table,) = found_tables(answers_section(rows))
    assert table.columns[0] == "Prompt, temperature"
    assert list(lines(table)) == ["direct, 0", "user_labels, 0", "direct, 1.5", "user_labels, 1.5"]


def test_groups_stand_at_the_lowest_temperature_and_folded_at_all() -> None:
    by = {"group_by": "gender"}
    rows = [
        row
        for temperature in (0.0, 1.5)
        for row in [
            *shares(temperature=temperature),
            *shares(temperature=temperature, groups="female", **by),
            *shares(temperature=temperature, groups="male", **by),
        ]
    ]
    section = answers_section(rows)
    groups = found_tables(section)[1]
    assert groups.caption == "What became of the answers of llm on c by gender, temperature 0"
    assert list(lines(groups)) == ["female, 0", "male, 0"]
    (folded,) = [block for block in section.blocks if isinstance(block, Folded)]
    (whole,) = folded.blocks
    assert isinstance(whole, Table)
    assert list(lines(whole)) == ["female, 0", "male, 0", "female, 1.5", "male, 1.5"]


def test_groups_are_not_shown_where_everything_was_read() -> None:
    read = [share("parsed", 1.0), share("refused", 0.0)]
    own = [
        share("parsed", 1.0, groups="female", group_by="gender"),
        share("refused", 0.0, groups="female", group_by="gender"),
    ]
    assert len(found_tables(answers_section([*read, *own]))) == 1


def test_a_share_that_is_not_defined_gives_its_reason() -> None:
    rows = [share("parsed", None), share("refused", 0.1)]
    (table,) = found_tables(answers_section(rows))
    assert lines(table)["0"][0] == "not defined (a)"
    assert table.note == "(a) no answers"


def test_no_answers_in_words_no_section() -> None:
    assert answers_section([]).empty
    assert calibration_section([]).empty


def probability(metric: str, value: float | None, **given: Any) -> Estimate:
    fixed = {"system": "llm/options", "corpus": "c", "temperature": 1.0, "n": 200, "clusters": 20}
    return Estimate("score", metric, value=value, unit="speaker", **(fixed | given))


def calibrated(temperature: float | None, **given: Any) -> list[Estimate]:
    own = {"temperature": temperature} | given
    bins = [
        row
        for label, sure, right, part in (
            ("0.4 to 0.5", 0.45, 0.4, 0.25),
            ("0.9 to 1", 0.95, 0.8, 0.75),
        )
        for row in (
            probability(
                "reliability", right, label=label, low=right - 0.1, high=right + 0.1, **own
            ),
            probability("bin_confidence", sure, label=label, **own),
            probability("bin_share", part, label=label, **own),
        )
    ]
    empty = [
        probability(name, None, label="0 to 0.1", undefined="no answer in this bin", **own)
        for name in ("reliability", "bin_confidence", "bin_share")
    ]
    return [
        probability("brier", 0.31, low=0.28, high=0.34, level=0.95, **own),
        probability("ece", 0.12, noise_floor=0.03, undefined="interval: none", **own),
        probability("mean_confidence", 0.82, **own),
        probability("outside", 0.2, **own),
        *empty,
        *bins,
    ]


def test_the_diagram_is_drawn_nearest_to_the_models_own_temperature() -> None:
    section = calibration_section([*calibrated(0.0), *calibrated(0.7), *calibrated(1.5)])
    (figure,) = [block for block in section.blocks if isinstance(block, Figure)]
    assert "temperature 0.7" in figure.title
    assert figure.description == (
        "50 answers with mean probability 45.0%: 40.0% right. "
        "150 answers with mean probability 95.0%: 80.0% right."
    )
    assert str(figure.body).count("<circle") == 2  # the empty bin has no dot


def test_errors_stand_beside_their_noise_floor_at_each_temperature() -> None:
    section = calibration_section([*calibrated(0.0), *calibrated(1.0)])
    (table,) = found_tables(section)
    found = lines(table)
    assert list(found) == ["0", "1"]
    assert found["1"] == ["12.0", "3.0", "0.31", "[0.28, 0.34]", "82.0", "20.0", "200", "20"]


def test_what_was_left_out_stands_below_the_table() -> None:
    rows = calibrated(1.0, left_out={"all probability outside the options": 7})
    (table,) = found_tables(calibration_section(rows))
    assert "7 left out: all probability outside the options" in table.note


def test_a_classifier_has_no_temperature_and_no_options() -> None:
    section = calibration_section(calibrated(None, system="acoustic"))
    (table,) = found_tables(section)
    assert list(lines(table)) == ["not set"]
    texts = [block.text for block in section.blocks if block.kind == "text"]
    assert not any("among the options" in text for text in texts)
    with_options = calibration_section(calibrated(1.0))
    assert with_options.blocks[0].kind == "text"


@pytest.mark.parametrize("prompts", [("a",), ("a", "b")])
def test_each_prompt_has_a_diagram(prompts: tuple[str, ...]) -> None:
    rows = [row for prompt in prompts for row in calibrated(1.0, prompt=prompt)]
    section = calibration_section(rows)
    assert sum(isinstance(block, Figure) for block in section.blocks) == len(prompts)


def test_the_reference_is_named_where_other_parts_of_the_report_have_others() -> None:
    rows = [*calibrated(1.0), *calibrated(1.0, reference="majority")]
    captions = [table.caption for table in found_tables(calibration_section(rows, told=True))]
    assert captions == [
        "Calibration of llm/options on c, held against the labels as given",
        "Calibration of llm/options on c, held against the majority of the votes",
    ]
    assert "held against" not in found_tables(calibration_section(calibrated(1.0)))[0].caption
