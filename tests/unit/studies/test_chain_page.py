"""The page of the chain: every step with its numbers, escaped, and complete in itself."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import cast

import polars as pl
import pytest

from equivoice.reports.document import Facts, Section, Table
from equivoice.store.rationale_folder import RationaleFolder
from equivoice.studies.chain.found import Chain
from equivoice.studies.chain.page import chain_chapter, chain_sections
from equivoice.studies.rationale_chain import write_rationale_chain
from unit.studies.chain_by_hand import SETTINGS, TAKES, WrittenReasons, chain_by_hand

ATTACK = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return chain_by_hand(tmp_path_factory.mktemp("chain"))


def tables(section: Section) -> dict[str, Table]:
    """All tables of a section by their captions, those of the sections below included."""
    own = {block.caption: block for block in section.blocks if isinstance(block, Table)}
    for below in section.sections:
        own |= tables(below)
    return own


def lines(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for body in table.bodies for row in body.rows]


def test_a_chapter_has_every_step_in_turn(chain: Chain) -> None:
    titles = [section.title for section in chain_chapter(chain).sections]
    assert titles == [
        "What was done",
        "What the filters dropped",
        "With and without reasons",
        "Open and closed form, seed by seed",
        "What was heard",
        "What the recordings support",
        "Judged: the student of seed 0 against its reasons for other utterances",
        "Judged: the student of seed 0 against the scripted listener",
        "Some of the student's reasons",
        "How little this proves",
    ]


def test_the_anchors_of_several_corpora_are_different(chain: Chain) -> None:
    other = replace(chain, corpus=replace(chain.corpus, name="other"))
    anchors = [
        below.anchor
        for section in chain_sections([chain, other])
        for below in (section, *section.sections)
    ]
    assert len(set(anchors)) == len(anchors)


def test_the_parts_of_the_fold_are_counted(chain: Chain) -> None:
    found = lines(tables(chain_chapter(chain))["The parts of fold 1"])
    assert found == [
        ["training", str(6 * TAKES), "6"],
        ["validation", str(TAKES), "1"],
        ["test", str(5 * TAKES), "5"],
    ]


def facts(section: Section) -> dict[str, tuple[str, ...]]:
    """What is told by name in what was done."""
    (done,) = (each for each in section.sections if each.title == "What was done")
    (block,) = (each for each in done.blocks if isinstance(each, Facts))
    return dict(block.facts)


def test_reasons_and_wrong_claims_are_counted_where_the_teacher_was_asked(chain: Chain) -> None:
    table = chain.rationales.rationales()
    few = replace(chain, rationales=cast("RationaleFolder", WrittenReasons(table.head(3))))
    asked = chain.written.filter(
        pl.col("utterance_id").is_in(table.head(3)["utterance_id"].to_list())
    )
    kept = (table.head(3)["status"] == "kept").sum()
    assert table.height > 3
    told = facts(chain_chapter(few))
    assert told["Reasons asked for, and kept"] == (f"3, {kept}",)
    assert told["Claims that are wrong on purpose"] == (str(asked["slips"].sum()),)


def test_the_trainings_are_told_with_their_losses(chain: Chain) -> None:
    found = lines(tables(chain_chapter(chain))["The trainings"])
    assert found == [
        ["with reasons", "0", "2", "7.25", "0.50"],
        ["without reasons", "0", "2", "7.25", "0.50"],
        ["with reasons", "3", "2", "7.25", "0.50"],
        ["without reasons", "3", "2", "7.25", "0.50"],
    ]


def test_filters_and_planted_faults_stand_side_by_side(chain: Chain) -> None:
    found = tables(chain_chapter(chain))
    dropped = {row[0]: row[1] for row in lines(found["The teacher's reasons, filter by filter"])}
    planted = lines(found["Faults that were planted, and what became of them"])
    assert sum(map(int, dropped.values())) == chain.written.height
    for _, number, expected, met in planted:
        assert number == met
        assert int(dropped[expected]) >= int(met)


def test_without_planted_faults_there_is_no_table_of_them(chain: Chain) -> None:
    clean = replace(chain, written=chain.written.with_columns(fault=pl.lit(None, pl.String)))
    assert "Faults that were planted, and what became of them" not in tables(chain_chapter(clean))


def test_the_ablation_has_both_arms_and_their_difference_in_each_form(chain: Chain) -> None:
    (table,) = [
        table
        for caption, table in tables(chain_chapter(chain)).items()
        if caption.startswith("Macro-F1 with and without reasons")
    ]
    assert [body.title for body in table.bodies] == ["open form", "closed form"]
    for body in table.bodies:
        assert [row[0].text for row in body.rows] == [
            "with reasons",
            "without reasons",
            "with reasons − without reasons",
        ]
        assert body.rows[2][1].text.startswith("+")
        assert {row[3].text for row in body.rows} == {str(5 * TAKES)}
        assert {row[4].text for row in body.rows} == {"5"}


def test_each_seed_stands_for_itself(chain: Chain) -> None:
    (table,) = [
        table
        for caption, table in tables(chain_chapter(chain)).items()
        if caption.startswith("Macro-F1 of single students")
    ]
    assert [body.title for body in table.bodies] == [f"seed {seed}" for seed in SETTINGS.seeds]
    names = [row[0].text for row in table.bodies[0].rows]
    assert names.count("with reasons minus without reasons") == 2
    assert names.count("with reasons") == names.count("without reasons") == 2


def test_word_error_rates_have_their_number(chain: Chain) -> None:
    found = lines(tables(chain_chapter(chain))["Word error rate over all words"])
    assert len(found) == 2 * 2 * len(SETTINGS.seeds)
    assert {row[3] for row in found} == {"30.0"}
    assert {row[4] for row in found} == {str(5 * TAKES)}


def test_nobody_who_transcribes_makes_no_section(chain: Chain) -> None:
    mute = {seed: replace(each, transcripts=pl.DataFrame()) for seed, each in chain.forms.items()}
    titles = [section.title for section in chain_chapter(replace(chain, forms=mute)).sections]
    assert "What was heard" not in titles


def test_a_judging_without_pairs_says_what_was_left_out(chain: Chain) -> None:
    none = replace(
        chain.judged[0],
        folder=None,
        estimates=pl.DataFrame(),
        left_out={"no pair of reasons for the same label": 7},
    )
    chapter = chain_chapter(replace(chain, judged=(none,)))
    (section,) = [each for each in chapter.sections if each.title.startswith("Judged")]
    (bullets,) = section.blocks
    assert "no pair of reasons for the same label (7)" in str(bullets)


class Tags(HTMLParser):
    """The tags of a page, and what they point to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.outside += [
            value
            for name, value in attrs
            if name in ("src", "href") and value and value.startswith(("http", "//", "file"))
        ]


def test_the_page_is_written_with_its_numbers(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "hand").mkdir()
    page = write_rationale_chain([chain], tmp_path, command=f"equivoice {ATTACK}")
    text = page.read_text(encoding="utf-8")
    read = Tags()
    read.feed(text)
    assert "script" not in read.names
    assert read.outside == []
    assert "&lt;script&gt;" in text
    assert "Teacher and judge are scripted" in text
    rows = pl.read_csv(tmp_path / "hand" / "ablation.csv")
    assert set(rows["form"]) == {"open", "closed"}
    for seed in SETTINGS.seeds:
        assert pl.read_csv(tmp_path / "hand" / f"forms-seed-{seed}.csv").height > 0
    assert pl.read_csv(tmp_path / "hand" / "claims.csv").height > 0


def test_what_a_student_says_is_text_and_no_markup(chain: Chain, tmp_path: Path) -> None:
    grounded = replace(
        chain.grounded,
        reasons=chain.grounded.reasons.with_columns(reason=pl.col("reason") + ATTACK),
    )
    told = chain.rationales.rationales().with_columns(reason=pl.lit(ATTACK))
    spoilt = replace(
        chain, grounded=grounded, rationales=cast("RationaleFolder", WrittenReasons(told))
    )
    (tmp_path / "hand").mkdir()
    read = Tags()
    read.feed(write_rationale_chain([spoilt], tmp_path).read_text(encoding="utf-8"))
    assert "script" not in read.names
