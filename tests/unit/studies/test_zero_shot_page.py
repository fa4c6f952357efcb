"""The page and the terminal, on tables written by hand."""

from __future__ import annotations

import re
from html import unescape
from io import StringIO

import pytest
from rich.console import Console

from equivoice.reports import render_page
from equivoice.reports.document import Section, Table
from equivoice.studies.published import load_published
from equivoice.studies.zero_shot.page import paper_sections
from equivoice.studies.zero_shot.summary import summary_tables
from equivoice.studies.zero_shot.tables import AuditTables
from oracles.audit_rows import corpus, gap, score, tables

PRINTED = {"printed": 67.48, "printed_sd": 5.34, "printed_for": "Qwen2-Audio"}


def section(made: AuditTables, anchor: str) -> Section:
    (found,) = [each for each in paper_sections(made, load_published()) if each.anchor == anchor]
    return found


def table(made: AuditTables, anchor: str) -> Table:
    return next(block for block in section(made, anchor).blocks if isinstance(block, Table))


def lines(made: Table) -> dict[str, list[str]]:
    """From each line, named by its run of rows and its head, to its cells."""
    return {
        f"{body.title} | {row[0].text}": [f"{cell.text} {cell.small}".strip() for cell in row[1:]]
        for body in made.bodies
        for row in body.rows
    }


def test_table_ii_shows_every_convention_beside_the_printed_number() -> None:
    made = tables(
        corpora=[corpus()],
        scores=[
            score(same_model=True, **PRINTED),
            score(
                convention="fairalm_code",
                value=0.45,
                undefined="interval: this convention averages folds and runs",
                same_model=True,
                mark="outside our interval",
                **PRINTED,
            ),
        ],
    )
    found = lines(table(made, "table-2"))
    assert found["llm, user_labels, temperature 0 | our rules"] == [
        "60.0",
        "[50.0, 70.0]",
        "2.0",
        "100 24 speakers",
        "67.48 ± 5.34",
        "none",
    ]
    other = found["llm, user_labels, temperature 0 | the released code"]
    assert other[0] == "45.0"
    assert other[1] == "none (a)"
    assert other[-1] == "outside our interval"
    assert "averages folds and runs" in table(made, "table-2").note


def test_a_number_of_another_model_stands_in_brackets_with_its_name() -> None:
    made = tables(corpora=[corpus()], scores=[score(**PRINTED)])
    found = lines(table(made, "table-2"))["llm, user_labels, temperature 0 | our rules"]
    assert found[-2] == "(67.48 ± 5.34) Qwen2-Audio"
    texts = [block.text for block in section(made, "table-2").blocks if block.kind == "text"]
    assert any(text.startswith("In brackets: printed for another model") for text in texts)
    same = tables(corpora=[corpus()], scores=[score(same_model=True, **PRINTED)])
    texts = [block.text for block in section(same, "table-2").blocks if block.kind == "text"]
    assert not any(text.startswith("In brackets") for text in texts)


def test_spreads_have_columns_only_where_there_are_some() -> None:
    plain = table(tables(corpora=[corpus()], scores=[score()]), "table-2")
    assert [name for name in plain.columns if "Spread" in name] == ["Spread over folds"]
    spread = score(sd_runs=0.01, sd_orders=0.03)
    both = table(tables(corpora=[corpus()], scores=[spread]), "table-2")
    assert [name for name in both.columns if "Spread" in name] == [
        "Spread over folds",
        "Spread over runs",
        "Spread over label orders",
    ]


def test_trained_models_stand_below_with_true_values_where_the_paper_slipped() -> None:
    made = tables(corpora=[corpus(corpus="meld")], scores=[score(corpus="meld")])
    facts = next(block for block in section(made, "table-2").blocks if block.kind == "facts")
    assert dict(facts.facts)["WavLM large"] == ("29.11 (printed: 99.78)",)
    made = tables(corpora=[corpus()], scores=[score()])
    facts = next(block for block in section(made, "table-2").blocks if block.kind == "facts")
    assert dict(facts.facts)["WavLM large"] == ("71.42",)


def test_table_iv_has_a_noise_floor_and_says_what_is_not_defined() -> None:
    made = tables(
        corpora=[corpus()],
        gaps=[
            gap("equal_opportunity", 0.124, noise_floor=0.05),
            gap(
                "statistical_parity", None, low=None, high=None, undefined="only one group: female"
            ),
        ],
    )
    shown = table(made, "table-4")
    assert "Noise floor" in shown.columns
    found = lines(shown)
    assert found["equal opportunity, gender | our rules"][:1] == ["12.4"]
    assert "5.0" in found["equal opportunity, gender | our rules"]
    assert found["statistical parity, gender | our rules"][0] == "not defined (a)"
    assert "only one group: female" in shown.note


def test_table_iii_shows_coverage_beside_each_way_of_reading() -> None:
    rows = [
        score() | {"parser": parser, "coverage": coverage}
        for parser, coverage in (("exact", 0.5), ("equivoice", 0.97))
    ]
    for row in rows:
        del row["mark"]
    found = lines(table(tables(corpora=[corpus()], parsers=rows), "table-3"))
    assert "50.0" in found["Scored by our rules | exact"]
    assert "97.0" in found["Scored by our rules | equivoice"]


def test_table_i_says_what_is_not_printed_and_repeats_its_slips() -> None:
    rows = [
        corpus(corpus="cremad", speakers=91, slip="CREMA-D has 91 actors."),
        corpus(
            corpus="own",
            printed_speakers=None,
            printed_women=None,
            printed_men=None,
            printed_emotions=None,
        ),
    ]
    made = tables(corpora=rows)
    shown = lines(table(made, "table-1"))
    assert shown[" | own"].count("not printed") == 4
    (slips,) = [block for block in section(made, "table-1").blocks if block.kind == "bullets"]
    assert slips.items == ((None, "CREMA-D has 91 actors."),)


@pytest.mark.parametrize(
    ("name", "shown", "hidden"),
    [
        ("ravdess", "are all women", "Hispanic"),
        ("cremad", "Hispanic", "are all women"),
        ("own", "macro-F1", "Hispanic"),
    ],
)
def test_the_slips_are_those_of_the_corpora_at_hand(name: str, shown: str, hidden: str) -> None:
    page = render_page("t", [section(tables(corpora=[corpus(corpus=name)]), "paper")])
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2])).split())
    assert shown.casefold() in text.casefold()
    assert hidden not in text


def test_conventions_that_agree_are_said_to_agree() -> None:
    (_, text) = section(tables(corpora=[corpus()], scores=[score()]), "conventions").blocks
    assert text.kind == "text"
    assert text.text.startswith("Nowhere does another convention change")


def printed(made: AuditTables) -> str:
    console = Console(width=120, file=StringIO(), record=True)
    for each in summary_tables(made):
        console.print(each)
    return " ".join(console.export_text().split())


def test_the_terminal_has_a_line_a_number_with_all_conventions() -> None:
    made = tables(
        scores=[
            score(same_model=True, **PRINTED),
            score(convention="fairalm_paper", value=0.55),
            score(convention="fairalm_code", value=0.45),
        ],
        gaps=[gap("equal_opportunity", 0.124, printed=12.39, printed_for="Qwen2-Audio")],
    )
    said = printed(made)
    assert "llm on ravdess, user_labels 60.0 [50.0, 70.0] 100 55.0 45.0 67.48" in said
    assert "equal opportunity, gender 12.4 [50.0, 70.0] 100 (12.39)" in said
    assert "printed for another model" not in said


def test_the_terminal_says_what_brackets_mean_and_what_is_undefined() -> None:
    made = tables(scores=[score(value=None, low=None, high=None, **PRINTED)])
    said = printed(made)
    assert "not defined none 100 (67.48)" in said
    assert "(…) printed for another model than the one that was run here." in said
