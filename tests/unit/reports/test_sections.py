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
from equivoice.reports.wording import CAUSES, PEOPLE


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


def many(inputs: ReportInputs, *names: str) -> list[Block]:
    """The scores of many conditions with three metrics each."""
    rows = tuple(
        Estimate("score", metric, system=name, corpus="c", value=0.5, n=3)
        for name in names
        for metric in ("macro_f1", "weighted_f1", "coverage")
    )
    return list(scores_section(chapters([(inputs, rows)])).blocks)


def test_of_many_conditions_further_metrics_are_folded_and_none_is_lost(
    inputs: ReportInputs,
) -> None:
    blocks = many(inputs, *"abcdefgh")
    (table,) = [block for block in blocks if isinstance(block, Table)]
    (folded,) = [block for block in blocks if isinstance(block, Folded)]
    (further,) = folded.blocks
    assert isinstance(further, Table)
    assert {row[0].text for body in table.bodies for row in body.rows} == {"macro-F1", "coverage"}
    assert [row[0].text for body in further.bodies for row in body.rows] == ["weighted F1"] * 8
    (few,) = [block for block in many(inputs, *"ab") if isinstance(block, Table)]
    assert len([row for body in few.bodies for row in body.rows]) == 6


def test_people_come_after_systems_and_the_figure_says_who_is_drawn(inputs: ReportInputs) -> None:
    people = ("one listener (voice)", "half the crowd (voice)")
    both = many(inputs, people[0], "model", people[1])
    (table,) = [block for block in both if isinstance(block, Table)]
    assert [body.people for body in table.bodies] == [False, True, True]
    assert [each.title for each in figures(both)] == [
        "Scores of the systems and of people on c, in per cent"
    ]
    assert [each.title for each in figures(many(inputs, *people))] == [
        "Scores of people on c, in per cent"
    ]
    assert Text(PEOPLE, quiet=True) in both
    assert Text(PEOPLE, quiet=True) not in many(inputs, "a", "b")


def test_systems_held_against_different_references_share_no_plot_of_gaps(
    inputs: ReportInputs,
) -> None:
    def rows(name: str, held: str) -> list[Estimate]:
        given = {"system": name, "corpus": "c", "reference": held, "value": 0.5}
        return [
            Estimate("score", "macro_f1", **given),  # type: ignore[arg-type]
            Estimate("gap", "macro_f1", group_by="gender", group_aggregator="max", **given),  # type: ignore[arg-type]
        ]

    def plots(*made: list[Estimate]) -> list[Figure]:
        flat = tuple(row for each in made for row in each)
        drawn = figures(scores_section(chapters([(inputs, flat)])).blocks)
        return [each for each in drawn if "against its largest gap" in each.title]

    apart = plots(rows("a", "given"), rows("b", "majority"))
    assert apart == []
    people = rows("one listener, left out (voice)", "other listeners")
    (plot,) = plots(rows("a", "majority"), rows("b", "majority"), people)
    assert plot.title.endswith("held against the majority of the votes")
    assert "C: people: one listener, left out (voice), held against the other" in plot.description
    assert plot.body.count('class="front"') <= 1
