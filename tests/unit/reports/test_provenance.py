"""Corpora, what was left out, and how the report was made."""

from __future__ import annotations

from dataclasses import replace

from equivoice.records import RunRecord
from equivoice.reports import ReportInputs
from equivoice.reports.document import Block, Bullets, Code, Facts, Folded, Section, Table, Text
from equivoice.reports.provenance import corpora_section, left_out_section, made_section
from equivoice.reports.rows import Estimate, read_estimates


def flat(section: Section) -> list[Block]:
    """All parts of a section, those that are folded away among them."""
    found: list[Block] = []
    waiting: list[Block] = list(section.blocks)
    for below in section.sections:
        waiting += flat(below)
    while waiting:
        block = waiting.pop(0)
        found.append(block)
        if isinstance(block, Folded):
            waiting = [*block.blocks, *waiting]
    return found


def tables(section: Section) -> dict[str, dict[str, str]]:
    """From each table's caption to its two columns."""
    return {
        block.caption: {row[0].text: row[1].text for body in block.bodies for row in body.rows}
        for block in flat(section)
        if isinstance(block, Table)
    }


def test_grave_findings_come_first(inputs: ReportInputs) -> None:
    (findings,) = [b for b in flat(corpora_section([inputs])) if isinstance(b, Bullets)]
    assert [mark for mark, _ in findings.items] == ["warning", "note"]


def test_facts_carry_their_sources_and_the_unknown_says_so(inputs: ReportInputs) -> None:
    (card,) = [b for b in flat(corpora_section([inputs])) if isinstance(b, Facts)]
    facts = dict(card.facts)
    assert facts["licence"][0] == "CC BY-NC-SA 4.0"
    assert facts["licence"][1].startswith("source: https://")
    assert facts["languages"] == ("unknown",)
    assert facts["trap"][0] == "One pair of recordings is identical."


def test_unchecked_data_are_called_unchecked(inputs: ReportInputs) -> None:
    texts = [
        b.text for b in flat(corpora_section([replace(inputs, findings=())])) if isinstance(b, Text)
    ]
    assert texts == ["No checks of the corpora were handed to this report."]


def test_everything_left_out_is_counted(inputs: ReportInputs) -> None:
    found = tables(left_out_section([inputs], read_estimates(inputs.estimates)))
    assert found["Left out of the data"]["audio file missing"] == "3"
    single = found["Left out of single numbers, or set aside: the most that any number states"]
    assert int(single["unparsed (counted as wrong)"]) > 0


def test_nothing_left_out_is_said(inputs: ReportInputs) -> None:
    bare = replace(inputs, record=RunRecord(verb="score", config={}), left_out={})
    texts = [b.text for b in flat(left_out_section([bare], [])) if isinstance(b, Text)]
    assert texts == ["Nothing was left out of the data."]


def test_undefined_numbers_are_counted_by_reason(inputs: ReportInputs) -> None:
    rows = [
        Estimate("score", "recall", undefined="class without support"),
        Estimate("score", "f1", undefined="class without support"),
        Estimate("score", "accuracy", undefined="no predictions"),
    ]
    found = tables(left_out_section([inputs], rows))
    reasons = found["Numbers or intervals that are not defined, and why"]
    assert list(reasons.items()) == [("class without support", "2"), ("no predictions", "1")]


def test_the_command_versions_seeds_and_citations_are_there(inputs: ReportInputs) -> None:
    section = made_section([inputs], read_estimates(inputs.estimates))
    codes = {b.label: b.text for b in flat(section) if isinstance(b, Code)}
    assert codes["Command"].startswith("equivoice benchmark")
    assert "0.1.0.dev0" in codes["How to cite Equivoice"]
    assert "Livingstone" in codes["How to cite ravdess"]
    assert '"chosen": "svm C=10"' in codes["Choices made from data (selection)"]
    facts = {
        name: values for b in flat(section) if isinstance(b, Facts) for name, values in b.facts
    }
    assert facts["seeds"] == ("root 0", "bootstrap 7")
    assert facts["convention"] == ("equivoice",)
    assert "polars 2.1.0" in facts["versions"]


def test_what_is_not_recorded_is_not_blank() -> None:
    inputs = ReportInputs("x", RunRecord(verb="score", config={}), None)  # type: ignore[arg-type]
    section = made_section([inputs], [])
    facts = [values for b in flat(section) if isinstance(b, Facts) for _, values in b.facts]
    assert all(value for values in facts for value in values)
    assert ("not recorded",) in facts


def test_choices_without_a_split_are_pointed_out(inputs: ReportInputs) -> None:
    def warned(selection: list[dict[str, str]]) -> bool:
        record = inputs.record.model_copy(update={"selection": selection})
        section = made_section([replace(inputs, record=record)], [])
        return any(
            "did not state" in block.text for block in flat(section) if isinstance(block, Text)
        )

    assert not warned([{"what": "C", "split": "train"}])
    assert warned([{"what": "C", "split": "test"}])
    assert warned([{"what": "C"}])


def test_several_runs_have_a_part_each(inputs: ReportInputs) -> None:
    section = made_section([inputs, replace(inputs, title="again")], [])
    assert [part.title for part in section.sections] == [inputs.title, "again"]
