"""The section about listeners: agreement, rules, agreement strata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from equivoice.records import RunRecord
from equivoice.reports import ReportInputs
from equivoice.reports.document import Block, Clips, Figure, Folded, Section, Table, Text
from equivoice.reports.listeners import listeners_section
from equivoice.reports.rows import Estimate, read_estimates
from equivoice.reports.wording import RATERS

VOICE = "listeners (voice)"


def made(*rows: Estimate, source: ReportInputs | None = None) -> dict[str, Section]:
    """The sections below "Listeners" by their heading."""
    inputs = source or ReportInputs("x", RunRecord(verb="score", config={}), pl.DataFrame())
    return {part.title: part for part in listeners_section(inputs, rows, players="none").sections}


@pytest.fixture(scope="module")
def parts(crowd: ReportInputs) -> dict[str, Section]:
    """The sections of a run with everything."""
    return made(*read_estimates(crowd.estimates), source=crowd)


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """All blocks, those that are folded away among them."""
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from flat(block.blocks)


def tables(section: Section) -> dict[str, Table]:
    """The tables of a section by their caption."""
    return {block.caption: block for block in flat(section.blocks) if isinstance(block, Table)}


def texts(table: Table) -> list[list[str]]:
    """The texts of all cells, row by row."""
    return [[cell.text for cell in row] for body in table.bodies for row in body.rows]


def kept(rule: str, value: float | None, **given: Any) -> Estimate:
    """The share that a rule keeps of 200 utterances."""
    base = {"n": 200, "clusters": 10, "unit": "speaker", "corpus": "c"}
    return Estimate("score", "kept", reference=rule, value=value, **(base | given))


def test_the_sections_stand_in_their_order(parts: dict[str, Section]) -> None:
    assert list(parts) == [
        "How far they agree",
        "What the rules keep",
        "Scores by agreement",
        "Siding with a minority",
    ]


def test_without_votes_there_is_no_section(inputs: ReportInputs) -> None:
    section = listeners_section(inputs, read_estimates(inputs.estimates), players="none")
    assert section.empty
    assert section.blocks == ()


def test_what_intervals_do_not_contain_is_said_first(crowd: ReportInputs) -> None:
    section = listeners_section(crowd, read_estimates(crowd.estimates), players="none")
    assert section.blocks == (Text(RATERS),)


def test_agreement_has_unit_interval_counts_and_a_reason_for_what_is_missing(
    parts: dict[str, Section],
) -> None:
    table = tables(parts["How far they agree"])["Agreement of listeners on crowd"]
    assert table.bodies[0].title == VOICE
    assert not table.bodies[0].people
    lines = {line[0]: line for line in texts(table)}
    assert lines["Krippendorff's alpha"][1:6] == ["0.412", "no unit", "[0.372, 0.452]", "480", "24"]
    assert lines["Entropy of the votes"][1:3] == ["0.800", "nats"]
    assert lines["Top share"][1:3] == ["66.0", "%"]
    assert lines["Fleiss' kappa"][1] == "not defined (a)"
    assert table.note == "(a) numbers of votes differ. Nothing was left out."


def test_votes_by_emotion_are_drawn_and_told(parts: dict[str, Section]) -> None:
    (figure,) = [b for b in parts["How far they agree"].blocks if isinstance(b, Figure)]
    assert figure.description == (
        "Listeners (voice). neutral: 50.0 [46.0, 54.0]. happy: 33.3 [29.3, 37.3]. "
        "angry: 16.7 [12.7, 20.7]."
    )
    assert figure.body.count('class="bar"') == 3
    assert figure.title.endswith("in per cent of the votes on an utterance")


def test_agreement_by_group_has_its_differences_in_its_own_unit(parts: dict[str, Section]) -> None:
    found = tables(parts["How far they agree"])
    (caption,) = [each for each in found if each.startswith("Differences of agreement")]
    (line,) = texts(found[caption])
    assert line[:3] == ["Krippendorff's alpha, no unit", "+0.080", "[+0.040, +0.120]"]
    assert "in points" not in caption


def test_rules_say_what_they_keep_in_shares_and_in_numbers(parts: dict[str, Section]) -> None:
    table = tables(parts["What the rules keep"])["What each rule keeps on crowd"]
    assert texts(table)[0] == [
        "Majority", "75.0", "[71.0, 79.0]", "360", "480", "24", "120 no label above half",
    ]  # fmt: skip
    assert [line[0] for line in texts(table)] == ["Majority", "Plurality", "All-inclusive"]


def test_rules_stand_side_by_side_by_emotion_and_by_group(parts: dict[str, Section]) -> None:
    found = tables(parts["What the rules keep"])
    emotions, groups = found["Kept by emotion on crowd"], found["Kept by gender on crowd"]
    rules = ("Majority, %", "Plurality, %", "All-inclusive, %")
    assert emotions.columns[1:4] == groups.columns[1:4] == rules
    assert [line[0] for line in texts(emotions)] == ["neutral", "happy", "angry"]
    assert [line[1] for line in texts(groups)] == ["67.0", "75.0"]
    (gaps,) = [each for caption, each in found.items() if caption.startswith("Differences")]
    assert gaps.caption.endswith(": female − male")
    assert [line[0] for line in texts(gaps)] == ["majority", "plurality", "all-inclusive"]
    assert texts(gaps)[0][1:3] == ["−8.0", "[−12.0, −4.0]"]
    assert "Held against" not in gaps.columns


def test_rules_of_several_channels_are_told_apart() -> None:
    rows = [kept("majority", 0.5, system=f"listeners ({each})") for each in ("voice", "face")]
    table = tables(made(*rows)["What the rules keep"])["What each rule keeps on c"]
    assert [body.title for body in table.bodies] == ["listeners (voice)", "listeners (face)"]


def test_an_undefined_share_has_no_number_of_kept() -> None:
    rows = [kept("majority", None, undefined="no votes")]
    (line,) = texts(tables(made(*rows)["What the rules keep"])["What each rule keeps on c"])
    assert line[1:4] == ["not defined (a)", "none (a)", "not given"]
    assert line[-1] == "nothing stated"


def test_more_than_two_groups_have_their_largest_gap() -> None:
    by: dict[str, Any] = {"group_by": "race"}
    rows = [
        *(Estimate("group_score", "kept", reference="majority", groups=g, value=0.5, **by)
          for g in "abc"),
        *(Estimate("pair_gap", "kept", reference="majority", groups=f"{g} − {h}", value=0.1, **by)
          for g, h in ("ab", "ac", "bc")),
        Estimate("gap", "kept", reference="majority", group_aggregator="max", value=0.2, **by),
    ]  # fmt: skip
    found = tables(made(*rows)["What the rules keep"])
    (line,) = texts(found["Aggregated gaps by race"])
    assert line[:4] == ["majority", "Kept", "largest pair of groups", "20.0"]


def test_many_pairs_are_folded_away() -> None:
    rows = [
        Estimate("pair_gap", "kept", reference="majority", group_by="race", value=0.1,
                 groups=f"a − {other}")
        for other in "bcdef"
    ]  # fmt: skip
    (folded,) = made(*rows)["What the rules keep"].blocks
    assert isinstance(folded, Folded)
    assert folded.long


def test_scores_by_agreement_name_people_and_references(parts: dict[str, Section]) -> None:
    section = parts["Scores by agreement"]
    table = tables(section)["Scores by agreement of the listeners on crowd"]
    assert [(body.title, body.people) for body in table.bodies] == [
        ("model, held against the majority of the votes", False),
        ("people: one listener, left out (voice), held against the other listeners", True),
        ("people: one listener (voice), held against the majority of the votes", True),
    ]
    first = [cell.text for cell in table.bodies[0].rows[0]]
    assert first[:4] == ["all agree", "82.0", "120", "24"]
    (figure,) = [b for b in section.blocks if isinstance(b, Figure)]
    assert "Model. all agree, held against the majority of the votes: 82.0" in figure.description
    assert figure.body.count("mark narrow people") == 8
    (text,) = [block.text for block in section.blocks if isinstance(block, Text)]
    assert "left out meets a label made without the own vote" in text


def test_other_scores_by_agreement_are_folded_and_not_lost() -> None:
    rows = [
        Estimate("group_score", name, group_by="agreement", groups="a tie", value=0.3,
                 system="model", reference=held)
        for name, held in (("macro_f1", "majority"), ("jsd", "votes"), ("recall_sum", "majority"))
    ]  # fmt: skip
    blocks = made(*rows)["Scores by agreement"].blocks
    (folded,) = [block for block in blocks if isinstance(block, Folded)]
    (table,) = folded.blocks
    assert isinstance(table, Table)
    told = [cell for line in texts(table) for cell in line]
    assert "0.300" in told
    assert "0.30" in told


def test_corpora_stand_apart() -> None:
    rows = [kept("majority", 0.5, corpus=name) for name in ("one", "two", "all")]
    assert list(tables(made(*rows)["What the rules keep"])) == [
        "What each rule keeps on one",
        "What each rule keeps on two",
        "What each rule keeps",
    ]


def test_anchors_begin_as_asked(crowd: ReportInputs) -> None:
    rows = read_estimates(crowd.estimates)
    section = listeners_section(crowd, rows, players="none", prefix="second")
    assert section.anchor == "second"
    assert all(part.anchor.startswith("second-") for part in section.sections)


def test_only_pooled_rows_are_shown() -> None:
    rows = [kept("majority", 0.5, fold="all"), kept("majority", 0.1, fold="1")]
    table = tables(made(*rows)["What the rules keep"])["What each rule keeps on c"]
    assert [line[1] for line in texts(table)] == ["50.0"]


def test_minorities_are_examples_with_their_votes(parts: dict[str, Section]) -> None:
    blocks = parts["Siding with a minority"].blocks
    (clips,) = [block for block in blocks if isinstance(block, Clips)]
    assert len(clips.clips) == 6
    facts = dict(clips.clips[0].facts)
    assert facts["system said"] == "happy"
    assert facts["votes for it"] == "4 of 10"
    assert facts["the crowd said"] == "neutral 6, happy 4"
    said = " ".join(block.text for block in blocks if isinstance(block, Text))
    assert "model: 9 utterances; 6 of them are shown." in said
    assert "nothing follows from them about groups" in said


def test_without_minorities_nothing_is_listed(crowd: ReportInputs) -> None:
    rows = read_estimates(crowd.estimates)
    for nothing in (None, crowd.minority.head(0) if crowd.minority is not None else None):
        assert "Siding with a minority" not in made(*rows, source=replace(crowd, minority=nothing))


def test_systems_share_the_clips(crowd: ReportInputs) -> None:
    assert crowd.minority is not None
    both = pl.concat(
        crowd.minority.with_columns(system=pl.lit(name)) for name in ("model", "other")
    )
    blocks = made(source=replace(crowd, minority=both))["Siding with a minority"].blocks
    assert [len(block.clips) for block in blocks if isinstance(block, Clips)] == [3, 3]


def test_of_many_people_the_figure_draws_some_and_the_table_all() -> None:
    people = [f"{who} ({how})" for who in ("one listener", "half the crowd")
              for how in ("voice", "face", "both", "text")]  # fmt: skip
    rows = [
        Estimate("group_score", "macro_f1", group_by="agreement", groups=stratum, value=0.3,
                 system=name)
        for name in [*people, "model"]
        for stratum in ("all agree", "two thirds or more", "more than half", "a plurality")
    ]  # fmt: skip
    section = made(*rows)["Scores by agreement"]
    (figure,) = [block for block in section.blocks if isinstance(block, Figure)]
    assert figure.description.startswith("Model. all agree")
    assert figure.description.count("all agree") == 6
    (table,) = tables(section).values()
    assert len(table.bodies) == 9
