"""Sections as Markdown: structure, and texts that stay texts whatever stands in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from equivoice.reports.document import (
    Body,
    Bullets,
    Cell,
    Clip,
    Clips,
    Code,
    Facts,
    Figure,
    Folded,
    Section,
    Statements,
    Table,
    Text,
)
from equivoice.reports.markdown import escaped, fenced, markdown, one_line

anything = st.text(max_size=60)


def plain(markup: str) -> str:
    """What a reader of the Markdown sees: escapes taken back."""
    return re.sub(r"\\([\\`*_{}\[\]<>|#~$&])", r"\1", markup)


def of(*blocks: object) -> str:
    return markdown([Section("Title", "t", tuple(blocks))])  # type: ignore[arg-type]


def test_headings_go_down_a_level_with_each_section() -> None:
    inner = Section("Inner", "i", (Text("deep"),))
    made = markdown([Section("Outer", "o", (Text("shallow"),), (inner,))])
    assert made.split("\n\n") == ["## Outer", "shallow", "### Inner", "deep\n"]


def test_no_heading_is_deeper_than_markdown_has() -> None:
    part = Section("x", "x", (Text("end"),))
    for _ in range(8):
        part = Section("x", "x", (), (part,))
    assert "####### " not in markdown([part])


def test_empty_sections_are_left_out() -> None:
    made = markdown([Section("Nothing", "n"), Section("Some", "s", (Text("here"),))])
    assert "Nothing" not in made
    assert "## Some" in made


def test_tables_keep_rows_columns_and_the_side_of_numbers() -> None:
    body = Body((((Cell("en")), Cell("54.2", number=True), Cell("[49.8, 58.6]", number=True)),))
    table = Table("Scores", ("Cell", "%", "95% interval"), (body,), "(a) few speakers")
    lines = of(table).splitlines()
    start = lines.index("**Scores**") + 2
    assert lines[start] == "| Cell | % | 95% interval |"
    assert lines[start + 1] == "| --- | ---: | ---: |"
    assert lines[start + 2] == r"| en | 54.2 | \[49.8, 58.6\] |"
    assert "(a) few speakers" in lines


def test_the_title_of_a_run_of_rows_is_a_row_of_its_own() -> None:
    table = Table("t", ("A", "B"), (Body(((Cell("x"), Cell("y")),), "Train"),))
    assert "| **Train** |  |" in of(table)


def test_a_bar_in_a_label_makes_no_further_column() -> None:
    table = Table("t", ("A",), (Body(((Cell("a|b\nc"),),)),))
    assert r"| a\|b c |" in of(table)


def test_blocks_of_all_kinds_have_a_form() -> None:
    made = of(
        Text("a sentence", quiet=True),
        Bullets(((None, "plain"), ("warning", "grave"))),
        Statements("ravdess", ("can",), ("cannot",)),
        Facts((("licence", ("CC BY", "source: x")),)),
        Code("Command", "equivoice rerun RUN"),
        Figure("Curves", "Loss: 1 at step 1.", Markup("<circle/>"), 100),
        Folded("more", (Text("inside"),)),
        Clips((Clip("u/1", (("said", "happy"),)),)),
    )
    for piece in (
        "a sentence",
        "- plain\n- **warning:** grave",
        "**ravdess: Can be concluded**\n\n- can",
        "**ravdess: Cannot be concluded**\n\n- cannot",
        "- **licence:** CC BY; source: x",
        "Command:\n\n```\nequivoice rerun RUN\n```",
        "**Curves**\n\nLoss: 1 at step 1.",
        "inside",
        "- u/1: said happy",
    ):
        assert piece in made
    assert "circle" not in made


def test_what_has_no_form_is_an_error_and_no_silence() -> None:
    with pytest.raises(TypeError, match="no form in Markdown"):
        of("a bare string")


@given(anything)
def test_texts_come_back_as_they_were_but_for_white_space(text: str) -> None:
    assert plain(escaped(text)) == one_line(text)


@given(anything)
def test_no_text_opens_a_tag_a_link_an_entity_or_a_cell(text: str) -> None:
    made = escaped(text)
    bare = re.sub(r"\\.", "", made)
    assert not re.search(r"[<>\[\]|`*_&]", bare)
    assert "\n" not in made


@given(anything)
def test_code_cannot_end_its_own_fence(text: str) -> None:
    code = text.replace("\r", "")
    first, *_, last = fenced(code).split("\n")
    assert first == last
    assert set(first) == {"`"}
    assert len(first) >= 3
    assert first not in code
