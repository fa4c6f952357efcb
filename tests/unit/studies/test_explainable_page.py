"""The page of open and closed form, out of tables written by hand: no scoring takes part."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.evaluation.forms import COLUMNS, FormScores
from equivoice.evaluation.open_answers import FormReading
from equivoice.reports import render_page
from equivoice.reports.document import Bullets, Code, Section, Table, Text
from equivoice.studies.explainable.measuring import FormSettings, Measured
from equivoice.studies.explainable.page import differences_in_words, study_sections
from equivoice.studies.published.open_closed import PublishedForms, load_published_forms


def row(system: str, value: float | None, **other: Any) -> dict[str, Any]:
    """A score of 100 utterances with an interval of five points to either side."""
    around = {} if value is None else {"low": value - 0.05, "high": value + 0.05}
    plain = {
        "quantity": "score",
        "system": system,
        "form": "open",
        "subset": "all",
        "labels": "majority",
        "metric": "macro_f1",
        "value": value,
        "n": 1234,
    }
    return plain | around | other


def difference(system: str, value: float | None, **other: Any) -> dict[str, Any]:
    made = {"quantity": "difference", "other": "Q2A", "p_value": 0.02, "p_floor": 0.001}
    return row(system, value) | made | other


def measured(*rows: dict[str, Any], corpus: str = "msp_podcast", **other: Any) -> Measured:
    table = pl.DataFrame(list(rows), schema=dict(COLUMNS), infer_schema_length=None)
    plain = {"readings": {}, "transcripts": pl.DataFrame()} | other
    return Measured(corpus, FormScores(table, plain.pop("notes", ())), **plain)


@pytest.fixture(scope="module")
def paper() -> PublishedForms:
    return load_published_forms()


def sections(found: Measured, paper: PublishedForms, **how: Any) -> dict[str, Section]:
    return {section.anchor: section for section in study_sections(found, paper, **how)}


def table_of(section: Section) -> Table:
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    return table


def line(table: Table, name: str) -> tuple[Any, ...]:
    (found,) = [cells for body in table.bodies for cells in body.rows if cells[0].text == name]
    return found


# ------------------------------------------------------------------ Table 1


def test_rows_stand_in_the_paper_s_order_and_others_after(paper: PublishedForms) -> None:
    table = table_of(sections(measured(row("mine", 0.2), row("Q2A", 0.21)), paper)["table-open"])
    names = [cells[0].text for body in table.bodies for cells in body.rows]
    printed = [each.name for each in paper.rows if each.open is not None]
    assert names == [*printed, "mine"]
    assert len(table.columns) == 5


def test_a_cell_has_value_interval_number_and_what_was_printed(paper: PublishedForms) -> None:
    table = table_of(sections(measured(row("Q2A", 0.21)), paper)["table-open"])
    name, whole, every, *_ = line(table, "Q2A")
    assert name.small == "row 5, zero-shot"
    assert whole.text == "21.0"
    assert whole.small == "[16.0, 26.0]; 1,234; 19.53 printed"
    assert (every.text, every.small, every.quiet) == ("not run", "39.49 printed", True)


def test_a_system_of_no_paper_has_nothing_beside(paper: PublishedForms) -> None:
    table = table_of(sections(measured(row("mine", 0.2)), paper)["table-open"])
    name, whole, every, *_ = line(table, "mine")
    assert (name.small, whole.small) == ("", "[15.0, 25.0]; 1,234")
    assert (every.text, every.small) == ("not run", "")


def test_on_another_corpus_printed_numbers_are_no_comparison(paper: PublishedForms) -> None:
    found = measured(row("Q2A", 0.21), corpus="ravdess")
    section = sections(found, paper)["table-open"]
    assert line(table_of(section), "Q2A")[1].small.endswith("(19.53)")
    (said,) = [block for block in section.blocks if isinstance(block, Text)]
    assert "say nothing about what was run here" in said.text
    own = sections(measured(row("Q2A", 0.21)), paper)["table-open"]
    assert not [block for block in own.blocks if isinstance(block, Text)]


def test_what_is_not_defined_says_why(paper: PublishedForms) -> None:
    found = measured(
        row("a", None, undefined="class without support"), row("b", 0.3, low=None, high=None)
    )
    table = table_of(sections(found, paper)["table-open"])
    assert line(table, "a")[1].text == "not defined"
    assert line(table, "a")[1].small == "class without support"
    assert line(table, "b")[1].small.startswith("no interval")


def test_classifiers_stand_in_the_closed_form_alone(paper: PublishedForms) -> None:
    found = measured(row("Q2A", 0.2), row("Q2A", 0.2, form="closed"))
    made = sections(found, paper)
    open_, closed = (table_of(made[name]) for name in ("table-open", "table-closed"))
    assert line(closed, "WavLM")[1].small == "29.70 printed"
    assert line(closed, "WavLM")[2].small == ""
    with pytest.raises(ValueError, match="not enough values"):
        line(open_, "WavLM")


def test_a_form_that_was_not_run_has_no_table(paper: PublishedForms) -> None:
    assert "table-closed" not in sections(measured(row("Q2A", 0.2)), paper)


# ------------------------------------------------------------------ differences


@pytest.mark.parametrize(
    ("value", "ends", "said"),
    [
        (0.041, (0.01, 0.07), "+4.1 points of macro-F1, [+1.0, +7.0], which tells them apart."),
        (-0.03, (-0.08, 0.02), "−3.0 points of macro-F1, [−8.0, +2.0], which does not tell"),
        (0.02, (0.0, 0.04), "which does not tell them apart."),
        (0.05, (None, None), "+5.0 points of macro-F1, without an interval."),
    ],
)
def test_differences_are_told_without_saying_more_than_they_show(
    value: float, ends: tuple[float | None, float | None], said: str
) -> None:
    made = measured(difference("mine", value, low=ends[0], high=ends[1]))
    (told,) = differences_in_words(made.scores.table)
    assert told.startswith("mine minus Q2A, open form, majority labels: ")
    assert said in told


def test_only_macro_f1_on_all_utterances_is_told(paper: PublishedForms) -> None:
    made = measured(
        difference("mine", 0.1, metric="accuracy"),
        difference("mine", 0.1, subset="agreement > 0.5"),
        difference("mine", None),
    )
    assert differences_in_words(made.scores.table) == []
    assert "found" not in sections(made, paper)


def test_differences_stand_by_form_subset_and_labels(paper: PublishedForms) -> None:
    made = measured(
        row("Q2A", 0.2),
        difference("mine", 0.1),
        difference("mine", 0.1, metric="accuracy", p_mcnemar=0.0001),
        difference("mine", None, labels="all", p_value=None),
    )
    table = table_of(sections(made, paper)["differences"])
    assert [body.title for body in table.bodies] == [
        "open form, all utterances, majority labels",
        "open form, all utterances, all labels",
    ]
    assert "from Q2A" in table.caption
    first, second = table.bodies[0].rows
    assert [cell.text for cell in first] == ["mine", "macro-F1", "+10.0", "0.020", "–", "1,234"]
    assert second[4].text == "< 0.001"
    (undefined,) = table.bodies[1].rows
    assert [cell.text for cell in undefined[2:5]] == ["not defined", "–", "–"]


# ------------------------------------------------------------------ what else is on the page


def test_readings_are_counted_by_system_and_form(paper: PublishedForms) -> None:
    counts = {"read as a label": 1200, "an emotion that is no label": 30, "failed": 4}
    reading = FormReading(pl.DataFrame(), counts)
    made = measured(row("Q2A", 0.2), readings={("Q2A", "open"): reading})
    table = table_of(sections(made, paper)["read"])
    assert table.columns == ("System", *counts)
    (cells,) = table.bodies[0].rows
    assert cells[0].small == "open form"
    assert [cell.text for cell in cells[1:]] == ["1,200", "30", "4"]


def test_word_error_rates_stand_with_their_intervals(paper: PublishedForms) -> None:
    rates = pl.DataFrame(
        {
            "quantity": ["score", "score", "score"],
            "metric": ["word_error_rate", "word_error_rate", "deletion_rate"],
            "system": ["a", "b", "a"],
            "prompt": ["open", "closed", "open"],
            "value": [0.123, None, 0.1],
            "low": [0.1, None, 0.0],
            "high": [0.15, None, 0.2],
            "n": [10, 10, 10],
        }
    )
    table = table_of(sections(measured(row("a", 0.2), transcripts=rates), paper)["heard"])
    (cells,) = table.bodies[0].rows
    assert [cell.text for cell in cells] == ["a", "12.3", "10"]
    assert cells[1].small == "[10.0, 15.0]"


def test_notes_and_slips_and_the_command_are_on_the_page(paper: PublishedForms) -> None:
    made = measured(row("Q2A", 0.2), notes=("There is a note.",))
    found = sections(made, paper, command="equivoice study explainable")
    bullets = [block for block in found["found"].blocks if isinstance(block, Bullets)]
    assert (None, "There is a note.") in bullets[0].items
    (slips,) = [block for block in found["paper"].blocks if isinstance(block, Bullets)]
    assert len(slips.items) == len(paper.slips)
    assert found["made"].blocks == (Code("Command", "equivoice study explainable"),)
    assert "made" not in sections(made, paper)


def test_the_page_renders_and_no_name_is_markup(paper: PublishedForms) -> None:
    made = measured(row("<script>x</script>", 0.2), difference("<b>", 0.1))
    page = render_page("Forms", study_sections(made, paper))
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_settings_hand_on_how_certain_numbers_are() -> None:
    settings = FormSettings(replicates=7, permutations=8, level=0.9, seed=3)
    assert settings.certainty == {"replicates": 7, "permutations": 8, "level": 0.9, "seed": 3}
