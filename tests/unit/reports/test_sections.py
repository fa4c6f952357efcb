"""The sections over all systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from equivoice.reports import ReportInputs
from equivoice.reports.document import Block, Figure, Folded, Statements, Table, Text
from equivoice.reports.rows import Condition, Estimate, read_estimates
from equivoice.reports.sections import (
    Run,
    chapters,
    comparisons_section,
    scores_section,
    verdict_section,
)
from equivoice.reports.wording import CAUSES


def run_of(inputs: ReportInputs) -> Run:
    """A run with its rows."""
    return inputs, read_estimates(inputs.estimates)


def figures(blocks: Sequence[Block]) -> list[Figure]:
    """The figures among the parts."""
    return [block for block in blocks if isinstance(block, Figure)]


def comparison(groups: str | None = None, **values: object) -> Estimate:
    """A difference of two systems."""
    given = {"metric": "macro_f1", "value": 0.04, "low": 0.01, "high": 0.07} | values
    return Estimate(
        "comparison", system="a − b", corpus="c", groups=groups,
        group_by=None if groups is None else "gender", **given,  # type: ignore[arg-type]
    )  # fmt: skip


def test_one_run_needs_no_name_and_several_do(inputs: ReportInputs) -> None:
    (alone,) = chapters([run_of(inputs)])
    assert alone.condition == Condition("ravdess", "acoustic")
    both = chapters([run_of(inputs), run_of(replace(inputs, title="again"))])
    assert [part.condition.settings for part in both] == [
        (("run", inputs.title),),
        (("run", "again"),),
    ]


def test_a_single_card_holds_the_word_about_causes(inputs: ReportInputs) -> None:
    (card,) = verdict_section([run_of(inputs)]).blocks
    assert isinstance(card, Statements)
    assert card.cannot[-1] == CAUSES


def test_several_cards_share_the_word_about_causes(two_systems: ReportInputs) -> None:
    *cards, last = verdict_section([run_of(two_systems)]).blocks
    assert [card.subject for card in cards if isinstance(card, Statements)] == [
        "acoustic on ravdess",
        "prior on ravdess",
    ]
    assert last == Text(CAUSES)


def test_without_groups_nothing_is_said_of_causes(inputs: ReportInputs) -> None:
    rows = (Estimate("score", "accuracy", value=0.5, low=0.4, high=0.6, n=3),)
    (card,) = verdict_section([(inputs, rows)]).blocks
    assert isinstance(card, Statements)
    assert card.cannot == ()


def test_every_statement_stands_on_one_side(two_systems: ReportInputs) -> None:
    for card in verdict_section([run_of(two_systems)]).blocks:
        if isinstance(card, Statements):
            assert card.can or card.cannot
            assert not set(card.can) & set(card.cannot)


def test_one_system_has_no_plot_of_systems(inputs: ReportInputs) -> None:
    section = scores_section(chapters([run_of(inputs)]))
    assert figures(section.blocks) == []
    assert [block.caption for block in section.blocks if isinstance(block, Table)] == [
        "Scores on ravdess"
    ]


def test_two_systems_are_plotted_and_set_against_their_gaps(two_systems: ReportInputs) -> None:
    titles = [
        each.title for each in figures(scores_section(chapters([run_of(two_systems)])).blocks)
    ]
    assert titles == [
        "Scores of the systems on ravdess, in per cent",
        "Macro-F1 against its largest gap by gender on ravdess",
        "Macro-F1 against its largest gap by gender × age[25] on ravdess",
    ]


def test_a_pareto_plot_repeats_score_and_largest_gap(two_systems: ReportInputs) -> None:
    rows = read_estimates(two_systems.estimates)
    plot = figures(scores_section(chapters([run_of(two_systems)])).blocks)[1]
    for name in ("acoustic", "prior"):
        (score,) = [
            row.value for row in rows
            if (row.quantity, row.metric, row.fold, row.system) == ("score", "macro_f1", "all", name)
        ]  # fmt: skip
        (largest,) = [
            row.value for row in rows
            if (row.quantity, row.metric, row.fold, row.system) == ("gap", "macro_f1", "all", name)
            and (row.group_by, row.group_aggregator) == ("gender", "max")
        ]  # fmt: skip
        assert score is not None
        assert largest is not None
        assert f"{name}, macro-F1 {score * 100:.1f}%" in plot.description
        assert f"{largest * 100:.1f} points" in plot.description


def test_a_system_without_a_gap_is_not_drawn_at_zero(inputs: ReportInputs) -> None:
    rows = (
        *(Estimate("score", "macro_f1", system=name, corpus="c", value=0.5) for name in "ab"),
        Estimate("gap", "macro_f1", system="a", corpus="c", group_by="gender",
                 group_aggregator="max", value=0.1),
        Estimate("gap", "macro_f1", system="b", corpus="c", group_by="gender",
                 group_aggregator="max", undefined="only one group: female"),
    )  # fmt: skip
    made = figures(scores_section(chapters([(inputs, rows)])).blocks)
    assert [each.title for each in made] == ["Scores of the systems on c, in per cent"]


def test_corpora_have_a_table_each(inputs: ReportInputs) -> None:
    rows = tuple(
        Estimate("score", "macro_f1", system="a", corpus=corpus, value=0.5)
        for corpus in ("one", "two", "all")
    )
    section = scores_section(chapters([(inputs, rows)]))
    captions = [block.caption for block in section.blocks if isinstance(block, Table)]
    assert captions == ["Scores on one", "Scores on two", "Scores"]


def test_no_comparison_makes_no_section() -> None:
    assert comparisons_section([]).empty


def test_comparisons_overall_within_groups_and_by_emotion() -> None:
    rows = [
        comparison(),
        comparison(metric="coverage"),
        comparison("female"),
        comparison("male"),
        comparison(metric="recall", label="sad"),
    ]
    blocks = comparisons_section(rows).blocks
    assert [each.title for each in figures(blocks)] == [
        "Differences between systems, first minus second, in points",
        "Differences between systems within groups by gender, first minus second, in points",
    ]
    assert "a − b, female: +4.0" in figures(blocks)[1].description
    summaries = [block.summary for block in blocks if isinstance(block, Folded)]
    assert summaries[0].endswith("further metrics")
    assert summaries[1].endswith("each emotion")


@pytest.mark.parametrize("groups", [None, "female"])
def test_an_undefined_comparison_keeps_its_reason(groups: str | None) -> None:
    row = comparison(groups, value=None, low=None, high=None, undefined="no predictions (a)")
    (table,) = comparisons_section([row]).blocks
    assert isinstance(table, Table)
    assert table.note == "(a) no predictions (a)"
