"""The sections of one condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from equivoice.reports import ReportInputs
from equivoice.reports.chapter import Chapter, chapter_sections
from equivoice.reports.document import (
    Block,
    Clips,
    Facts,
    Figure,
    Folded,
    Section,
    Table,
    Text,
)
from equivoice.reports.rows import Estimate, read_estimates
from equivoice.reports.sections import chapters


def whole(inputs: ReportInputs) -> list[Chapter]:
    """The chapters of one run."""
    return chapters([(inputs, read_estimates(inputs.estimates))])


def sections_of(part: Chapter, *, clips: int = 6) -> dict[str, Section]:
    """The sections by their heading."""
    made = chapter_sections(part, "", players="none", clips=clips)
    return {section.title: section for section in made}


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """All blocks, those that are folded away among them."""
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from flat(block.blocks)


def made_of(inputs: ReportInputs, *rows: Estimate) -> Chapter:
    """A chapter of hand-made rows."""
    (part,) = whole(inputs)
    return replace(part, rows=tuple(rows))


@pytest.fixture(scope="module")
def sections(inputs: ReportInputs) -> dict[str, Section]:
    """The sections of one system with six folds."""
    (part,) = whole(inputs)
    return sections_of(part)


def test_the_sections_stand_in_their_order(sections: dict[str, Section]) -> None:
    assert list(sections) == [
        "By gender",
        "Each emotion",
        "Confusions",
        "Each fold",
        "Hardest utterances",
    ]


def test_anchors_are_distinct_between_chapters(two_systems: ReportInputs) -> None:
    anchors = [
        section.anchor
        for at, part in enumerate(whole(two_systems))
        for section in chapter_sections(part, f"chapter-{at}-", players="none", clips=1)
    ]
    assert len(anchors) == len(set(anchors))


def test_a_grouping_has_scores_differences_and_gaps(sections: dict[str, Section]) -> None:
    blocks = sections["By gender"].blocks
    assert [block.title.split(",")[0] for block in blocks if isinstance(block, Figure)] == [
        "Scores by gender",
        "Differences by gender",
        "Aggregated gaps by gender",
    ]
    captions = [block.caption for block in blocks if isinstance(block, Table)]
    assert captions[0] == "Scores by gender"
    assert captions[1].startswith("Differences by gender, first group minus second")
    assert captions[2] == "Aggregated gaps by gender"


def test_every_aggregated_gap_can_be_looked_up(
    inputs: ReportInputs, sections: dict[str, Section]
) -> None:
    gaps = inputs.estimates.filter((pl.col("quantity") == "gap") & (pl.col("fold") == "all"))
    (table,) = [
        block
        for block in flat(sections["By gender"].blocks)
        if isinstance(block, Table) and len(block.bodies[0].rows) == gaps.height
    ]
    assert all(row[1].text != "aggregator not stated" for row in table.bodies[0].rows)


def test_each_group_has_its_confusions(sections: dict[str, Section]) -> None:
    tables = [block for block in flat(sections["Confusions"].blocks) if isinstance(block, Table)]
    assert [table.caption for table in tables] == ["All speakers", "female", "male"]
    for table in tables:
        assert len(table.bodies[0].rows) == 8
        assert table.columns[-1] == "(unparsed)"


def test_confusions_of_the_groups_add_up_to_those_of_all(sections: dict[str, Section]) -> None:
    everyone, women, men = [
        [[int(cell.small) for cell in row[1:]] for row in block.bodies[0].rows]
        for block in flat(sections["Confusions"].blocks)
        if isinstance(block, Table)
    ]
    for row, of_women, of_men in zip(everyone, women, men, strict=True):
        assert row == [one + other for one, other in zip(of_women, of_men, strict=True)]


def test_more_than_two_groups_name_the_lowest(two_systems: ReportInputs) -> None:
    part = whole(two_systems)[0]
    made = sections_of(part)
    (facts,) = [block for block in made["By gender × age[25]"].blocks if isinstance(block, Facts)]
    assert facts.facts[0][0] == "lowest macro-F1"
    assert not [block for block in made["By gender"].blocks if isinstance(block, Facts)]


def test_many_pairs_by_class_are_pointed_to_and_not_listed(two_systems: ReportInputs) -> None:
    made = sections_of(whole(two_systems)[0])
    texts = [b.text for b in made["By gender × age[25]"].blocks if isinstance(b, Text)]
    assert any("6 pairs of groups, stand in estimates.parquet" in text for text in texts)


def test_one_group_has_no_differences_and_says_so(inputs: ReportInputs) -> None:
    row = Estimate(
        "group_score", "macro_f1", group_by="gender", groups="female", value=0.5, fold="all"
    )
    blocks = sections_of(made_of(inputs, row))["By gender"].blocks
    assert [b.text for b in blocks if isinstance(b, Text)] == [
        "No differences: 1 group with scores."
    ]


def test_one_fold_has_no_table_of_folds(inputs: ReportInputs) -> None:
    row = Estimate("score", "macro_f1", fold="1", value=0.5)
    assert "Each fold" not in sections_of(made_of(inputs, row))


def test_what_holds_nothing_is_no_section(inputs: ReportInputs) -> None:
    bare = replace(inputs, predictions=None)
    part = replace(made_of(inputs, Estimate("score", "macro_f1", value=0.5)), source=bare)
    assert sections_of(part) == {}


def test_clips_are_of_the_own_system_and_as_many_as_asked(two_systems: ReportInputs) -> None:
    predictions = two_systems.predictions
    utterances = two_systems.utterances
    assert predictions is not None
    assert utterances is not None
    references = dict(utterances.select("utterance_id", "emotion").iter_rows())
    for part in whole(two_systems):
        (clips,) = [
            b
            for b in sections_of(part, clips=2)["Hardest utterances"].blocks
            if isinstance(b, Clips)
        ]
        assert len(clips.clips) == 2
        own = predictions.filter(pl.col("system") == part.condition.system)
        given = dict(own.select("utterance_id", "emotion").iter_rows())
        for clip in clips.clips:
            facts = dict(clip.facts)
            assert facts["reference"] == references[clip.name]
            assert facts["answered"] in (given[clip.name], "unparsed")
            assert facts["answered"] != facts["reference"]


def test_hardest_utterances_warn_against_conclusions(sections: dict[str, Section]) -> None:
    (text,) = [b.text for b in sections["Hardest utterances"].blocks if isinstance(b, Text)]
    assert "nothing follows from them about groups" in text


def test_refusals_reach_the_tables(make_inputs: Callable[..., ReportInputs]) -> None:
    (part,) = whole(make_inputs(speakers=6))
    tables = [b for b in flat(sections_of(part)["By gender"].blocks) if isinstance(b, Table)]
    assert any("too few speakers (at least 5 each are needed)" in table.note for table in tables)


def test_figures_repeat_only_what_the_rows_say(inputs: ReportInputs) -> None:
    values: dict[str, Any] = {"group_by": "gender", "fold": "all", "low": 0.4, "high": 0.6}
    rows = [
        Estimate("group_score", "macro_f1", groups="female", value=0.5, **values),
        Estimate("group_score", "macro_f1", groups="male", undefined="no predictions", fold="all",
                 group_by="gender"),
    ]  # fmt: skip
    (figure,) = [
        b for b in sections_of(made_of(inputs, *rows))["By gender"].blocks if isinstance(b, Figure)
    ]
    assert figure.description == (
        "Macro-F1. female: 50.0 [40.0, 60.0]. male: not defined: no predictions."
    )


def against_majority(inputs: ReportInputs, labels: pl.DataFrame | None) -> Section | None:
    """The hardest utterances of a system whose labels a rule made."""
    estimates = inputs.estimates.with_columns(reference=pl.lit("majority"))
    made = replace(inputs, estimates=estimates, labels=labels)
    (part,) = chapters([(made, read_estimates(estimates))])
    return sections_of(part).get("Hardest utterances")


def test_hardest_utterances_are_held_against_the_labels_of_the_rule(inputs: ReportInputs) -> None:
    assert inputs.predictions is not None
    answered = inputs.predictions.filter(pl.col("emotion").is_not_null()).head(40)
    said = answered.select("utterance_id", pl.col("emotion"))
    right = against_majority(inputs, said)  # all of these are right by this rule
    assert right is None
    first = said.with_row_index().with_columns(
        emotion=pl.when(pl.col("index") == 0).then(pl.lit("no such")).otherwise("emotion")
    )
    wrong = against_majority(inputs, first.drop("index"))
    assert wrong is not None
    (clips,) = [block for block in wrong.blocks if isinstance(block, Clips)]
    assert [clip.name for clip in clips.clips] == [said["utterance_id"][0]]
    assert dict(clips.clips[0].facts)["reference"] == "no such"


def test_without_the_labels_of_the_rule_none_are_listed_and_it_says_so(
    inputs: ReportInputs,
) -> None:
    section = against_majority(inputs, None)
    assert section is not None
    (text,) = section.blocks
    assert isinstance(text, Text)
    assert "the majority of the votes" in text.text


def test_captions_say_what_was_held_against(inputs: ReportInputs) -> None:
    estimates = inputs.estimates.with_columns(reference=pl.lit("plurality"))
    (part,) = chapters([(inputs, read_estimates(estimates))])
    end = ", held against the plurality of the votes"
    captions = [
        block.caption
        for section in sections_of(part).values()
        for block in flat(section.blocks)
        if isinstance(block, Table)
    ]
    assert len(captions) > 8
    assert not [caption for caption in captions if end not in caption]
