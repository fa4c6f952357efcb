"""Findings, page and terminal, on rows written by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from io import StringIO
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from equivoice.reports import render_page
from equivoice.reports.document import Section, Table
from equivoice.studies.gender_gap.findings import findings, one_corpus_a_language
from equivoice.studies.gender_gap.measuring import CHANGE
from equivoice.studies.gender_gap.page import study_sections
from equivoice.studies.gender_gap.reading import BOTH, MODALITIES, SPEECH
from equivoice.studies.gender_gap.summary import runs_section, summary_tables
from equivoice.studies.gender_gap.tables import StudyTables
from equivoice.studies.gender_gap.values import AGGREGATORS, MEASURES, SCORES
from equivoice.studies.published.gap_tables import load_gap_tables

NONE: dict[str, Any] = {"low": None, "high": None, "p_value": None, "p_floor": None}


def row(metric: str = "avg_gap", value: float | None = 0.05, **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "system": "llm",
        "prompt": "direct",
        "model": None,
        "temperature": 0.0,
        "level": 0.95,
        "unit": "speaker",
        "modality": SPEECH,
        "cell": "de",
        "aggregator": None,
        "metric": metric,
        "value": value,
        "low": None if value is None else value - 0.02,
        "high": None if value is None else value + 0.02,
        "method": "cluster bootstrap, test inversion",
        "n": 200,
        "clusters": 24,
        "noise_floor": 0.02,
        "p_value": 0.02,
        "p_floor": 0.001,
        "undefined": None,
        "printed": None,
        "printed_by": None,
        "printed_for": None,
        "comparable": None,
    }
    return made | given


def whole(
    values: Sequence[float] = (0.05, 0.06, 0.08), *, system: str = "llm", modality: str = SPEECH
) -> list[dict[str, Any]]:
    """AVG of all languages by each aggregator."""
    return [
        row(value=value, cell="all", aggregator=name, system=system, modality=modality)
        for name, value in zip(AGGREGATORS, values, strict=True)
    ]


def full(**given: Any) -> list[dict[str, Any]]:
    """All numbers of one language in both modalities, and their change."""
    return [
        row(name, 0.05, modality=modality, **given)
        for modality, name in itertools.product((*MODALITIES, CHANGE), (*SCORES, *MEASURES))
    ]


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def tables(table_2: pl.DataFrame, table_3: pl.DataFrame | None = None) -> StudyTables:
    none = pl.DataFrame()
    return StudyTables(none, table_2, none if table_3 is None else table_3, none)


def section(made: StudyTables, anchor: str) -> Section:
    (found,) = [each for each in study_sections(made, load_gap_tables()) if each.anchor == anchor]
    return found


def lines(table: Table) -> dict[str, list[str]]:
    return {
        f"{body.title} | {line[0].text}": [f"{cell.text} {cell.small}".strip() for cell in line[1:]]
        for body in table.bodies
        for line in body.rows
    }


# -------------------------------------------------------------------------------- findings


def test_where_the_aggregator_decides_it_is_said_first() -> None:
    """As in the paper: by the mean one system is ahead, by the root mean square the other."""
    said = findings(frame(*whole((0.04, 0.06, 0.09)), *whole((0.05, 0.052, 0.055), system="other")))
    assert said[0].startswith("From speech the aggregator decides")
    assert "llm (direct), other (direct) by the mean over languages" in said[0]
    assert "other (direct), llm (direct) by the root mean square" in said[0]
    assert "other (direct), llm (direct) by the maximum" in said[1]


def test_where_the_order_is_the_same_nothing_is_said_of_it() -> None:
    said = findings(frame(*whole((0.04, 0.05, 0.06)), *whole((0.05, 0.06, 0.07), system="other")))
    assert not any("aggregator decides" in text for text in said)


def test_one_system_has_no_order() -> None:
    assert not any("decides" in text for text in findings(frame(*whole())))


def test_all_three_aggregators_are_said_with_their_intervals() -> None:
    (said,) = findings(frame(*whole((0.05, 0.06, 0.08))))
    assert said == (
        "llm (direct), from speech: AVG gap 5.0 [3.0, 7.0] by the mean, 6.0 [4.0, 8.0] by the root "
        "mean square, 8.0 [6.0, 10.0] by the maximum; p 0.020 of the test that there is no gap."
    )


def test_gaps_without_intervals_say_why() -> None:
    why = "interval: too few speakers: it female: 3, it male: 3 (at least 5 each are needed)"
    (said,) = findings(frame(*(each | NONE | {"undefined": why} for each in whole())))
    assert said == (
        "llm (direct), from speech: AVG gap 5.0 by the mean, 6.0 by the root mean square, 8.0 by the "
        "maximum; no interval: too few speakers: it female: 3, it male: 3 (at least 5 each are "
        "needed)."
    )


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (-0.05, -0.08, -0.02, "AVG in German falls by 5.0 points [−8.0, −2.0]."),
        (0.05, 0.02, 0.08, "AVG in German rises by 5.0 points [+2.0, +8.0]."),
        (-0.01, -0.03, 0.01, "[−3.0, +1.0], which may as well be no change."),
    ],
)
def test_a_change_is_said_with_its_interval(
    value: float, low: float, high: float, said: str
) -> None:
    (found,) = findings(frame(row(value=value, modality=CHANGE, low=low, high=high)))
    assert found.endswith(said)


def test_a_change_without_an_interval_says_why() -> None:
    why = "interval: too few speakers: female: 3, male: 3 (at least 5 each are needed)"
    (found,) = findings(frame(row(value=-0.05, modality=CHANGE, undefined=why, **NONE)))
    assert "falls by 5.0 points, without an interval" in found
    assert "female: 3, male: 3" in found


def test_no_change_is_no_fall() -> None:
    (found,) = findings(frame(row(value=0.0, modality=CHANGE, low=-0.01, high=0.01)))
    assert "AVG in German stays as it is [−1.0, +1.0]" in found


def test_the_language_with_the_largest_gap_is_named() -> None:
    (said,) = findings(frame(row(value=0.02), row(value=0.09, cell="ja")))
    assert said == (
        "llm (direct), from speech: the largest AVG gap of a language is that of Japanese, "
        "9.0 [7.0, 11.0]."
    )


def test_what_is_not_defined_is_not_ranked() -> None:
    said = findings(frame(row(value=None), row(value=0.09, cell="ja")))
    assert said == []


def test_languages_that_are_corpora_are_cautioned_about() -> None:
    def counts(*corpora: str) -> pl.DataFrame:
        cells = ("en", "it", "pl")
        return pl.DataFrame(
            [
                {"cell": cell, "group": group, "corpora": corpus}
                for cell, corpus in zip(cells, corpora, strict=True)
                for group in ("female", "male")
            ]
        )

    assert "may as well be the corpora's" in one_corpus_a_language(
        counts("ravdess", "emovo", "nemo")
    )
    assert one_corpus_a_language(counts("meld_st", "meld_st", "meld_st")) == ""
    assert one_corpus_a_language(counts("ravdess, cremad", "emovo", "nemo")) == ""
    assert one_corpus_a_language(pl.DataFrame()) == ""


# ------------------------------------------------------------------------------------ page


def test_table_2_has_the_papers_columns() -> None:
    averages, wide = (
        block
        for block in section(tables(frame(*full())), "table-2").blocks
        if isinstance(block, Table)
    )
    heads = [
        "W-F1, % ↑",
        "ACC, % ↑",
        "TPR gap ↓",
        "FPR gap ↓",
        "W-F1 gap ↓",
        "ACC gap ↓",
        "AVG gap ↓",
    ]
    assert wide.columns == (
        "System",
        *(f"Speech: {head}" for head in heads),
        *(f"With transcript: {head}" for head in heads),
        "Change of AVG",
    )
    assert len(averages.columns) == 4


def test_numbers_stand_with_intervals_and_p_values() -> None:
    (averages, *_) = section(tables(frame(*full())), "table-2").blocks
    assert isinstance(averages, Table)
    assert lines(averages) == {
        "German | llm, direct": [
            "5.0 [3.0, 7.0], p 0.020",
            "5.0 [3.0, 7.0], p 0.020",
            "↑5.0 [+3.0, +7.0], p 0.020",
        ]
    }


def test_a_test_that_cannot_give_a_small_p_says_so() -> None:
    rows = [each | {"p_value": 0.1, "p_floor": 0.1} for each in full()]
    (averages, *_) = section(tables(frame(*rows)), "table-2").blocks
    assert isinstance(averages, Table)
    assert "p 0.100 (floor 0.1)" in lines(averages)["German | llm, direct"][0]


def test_what_has_no_interval_is_explained_below() -> None:
    why = "interval: too few speakers: female: 3, male: 3 (at least 5 each are needed)"
    rows = [each | NONE | {"undefined": why} for each in full()]
    wide = section(tables(frame(*rows)), "table-2").blocks[1]
    assert isinstance(wide, Table)
    assert lines(wide)["German | llm, direct"][0] == "5.0 no interval"
    assert wide.note.startswith("No interval: too few speakers: female: 3, male: 3")


def test_an_undefined_number_is_neither_0_nor_blank() -> None:
    rows = [each | NONE | {"value": None, "undefined": "a class is missing"} for each in full()]
    wide = section(tables(frame(*rows)), "table-2").blocks[1]
    assert isinstance(wide, Table)
    assert set(lines(wide)["German | llm, direct"]) == {"not defined"}


@pytest.mark.parametrize(("comparable", "shown"), [(True, "6.38"), (False, "(6.38)")])
def test_printed_numbers_of_another_corpus_are_in_brackets(comparable: bool, shown: str) -> None:
    printed = {
        "printed": 6.38,
        "printed_by": "printed",
        "printed_for": "Qwen2-Audio",
        "comparable": comparable,
    }
    rows = [each | printed for each in full()]
    wide = section(tables(frame(*rows)), "table-2").blocks[1]
    assert isinstance(wide, Table)
    found = lines(wide)["German | printed for Qwen2-Audio"]
    assert found[0] == shown
    assert found[-1] == ("↑6.38" if comparable else "(↑6.38)")


def test_a_system_of_one_modality_beside_one_of_both() -> None:
    alone = [each | {"system": "deaf"} for each in full() if each["modality"] == BOTH]
    averages, wide = (
        block
        for block in section(tables(frame(*full(), *alone)), "table-2").blocks
        if isinstance(block, Table)
    )
    assert lines(averages)["German | deaf, direct"] == [
        "not asked",
        "5.0 [3.0, 7.0], p 0.020",
        "not asked",
    ]
    row_ = lines(wide)["German | deaf, direct"]
    assert row_[:7] == ["not asked"] * 7
    assert row_[7] == "5.0 [3.0, 7.0], p 0.020"


def test_speech_alone_has_no_column_of_changes() -> None:
    only = [each for each in full() if each["modality"] == SPEECH]
    wide = section(tables(frame(*only)), "table-2").blocks[1]
    assert isinstance(wide, Table)
    assert len(wide.columns) == 8


def test_the_ablation_is_sorted_by_what_is_varied() -> None:
    rows = [
        each | {"block": block, "label": label, "cell": "all"}
        for block, label in (("power", "1"), ("components", "erm"))
        for each in full()
    ]
    table = section(tables(pl.DataFrame(), frame(*rows)), "table-3").blocks[0]
    assert isinstance(table, Table)
    assert [body.title for body in table.bodies] == ["Main components", "Power p of the penalty"]
    assert [line[0].text for body in table.bodies for line in body.rows] == ["erm", "1"]


def test_the_papers_own_table_shows_how_the_claim_turns_round() -> None:
    turned = next(
        block
        for block in section(tables(pl.DataFrame()), "paper").blocks
        if isinstance(block, Table) and "each aggregator" in block.caption
    )
    found = lines(turned)
    assert found[" | ERM-MinMaxGAP (Ours)"][:4] == ["4.34", "4.34 the printed one", "5.04", "7.30"]
    assert found[" | gpt4o-mini-audio"][:4] == ["4.43", "4.12", "4.43 the printed one", "6.07"]


def test_the_page_can_be_rendered_without_any_run() -> None:
    page = render_page("Study", study_sections(tables(pl.DataFrame()), load_gap_tables()))
    assert "Tables 2 and 3 as printed" in page


# -------------------------------------------------------------------------------- terminal


def shown(table_2: pl.DataFrame) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(*summary_tables(table_2))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return str(text)


def test_the_terminal_shows_every_cell_in_eighty_columns() -> None:
    rows = [
        *whole(),
        *whole((0.03, 0.04, 0.05), modality=BOTH),
        *(each | {"modality": CHANGE, "value": -0.02} for each in whole()),
    ]
    text = shown(frame(*rows, *full()))
    assert "llm, direct: AVG gap, points" in text
    assert "all, mean   5.0 [3.0, 7.0]   3.0 [1.0, 5.0]" in text
    assert "all, max" in text
    assert "↓2.0 [+3.0, +7.0]" in text  # the ends are those of the row
    assert "German" in text
    assert "…" not in text


def test_the_terminal_says_what_was_not_asked() -> None:
    text = shown(frame(*(each for each in full() if each["modality"] == BOTH)))
    assert "not asked" in text


def test_the_terminal_says_what_is_not_defined() -> None:
    assert "not defined" in shown(frame(*(each | {"value": None} for each in full())))


def test_what_was_left_out_stands_with_the_runs() -> None:
    made = runs_section([], {"llm: gender unknown": 12}, command="equivoice study")
    (table,) = [block for block in made.blocks if isinstance(block, Table)]
    assert lines(table) == {" | llm: gender unknown": ["12"]}
    nothing = runs_section([], {})
    assert [block.kind for block in nothing.blocks] == ["text"]
