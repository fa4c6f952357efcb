"""Where conventions part, sentence by sentence, on tables written by hand."""

from __future__ import annotations

import pytest

from equivoice.studies.zero_shot.conventions import changes, named
from oracles.audit_rows import gap, point, score, tables

PARITY, OPPORTUNITY, ACCURACY = (
    "statistical_parity",
    "equal_opportunity",
    "overall_accuracy_equality",
)


def test_equal_numbers_change_nothing() -> None:
    rows = [score(), score(convention="fairalm_paper"), score(convention="fairalm_code")]
    gaps = [
        gap(measure, value, convention=convention)
        for convention in ("equivoice", "fairalm_paper", "fairalm_code")
        for measure, value in ((PARITY, 0.02), (OPPORTUNITY, 0.1), (ACCURACY, 0.2))
    ]
    curves = [
        point(t, value, convention=convention)
        for convention in ("equivoice", "fairalm_paper", "fairalm_code")
        for t, value in ((0.0, 0.7), (1.5, 0.4))
    ]
    assert changes(tables(scores=rows, gaps=gaps, curves=curves)) == []
    assert changes(tables()) == []


def test_a_score_outside_our_interval_is_said_with_the_interval() -> None:
    rows = [
        score(),
        score(convention="fairalm_code", value=0.45, mark="outside our interval"),
        score(convention="fairalm_paper", value=0.65),
    ]
    (said,) = changes(tables(scores=rows))
    assert said == (
        "llm (user_labels) on ravdess: macro-F1 is 45.0% by the released code, which lies outside "
        "our interval [50.0, 70.0]."
    )


def test_the_interval_is_that_of_the_same_prompt() -> None:
    rows = [
        score(prompt="direct", low=0.1, high=0.2),
        score(),
        score(convention="fairalm_code", value=0.45, mark="outside our interval"),
    ]
    (said,) = changes(tables(scores=rows))
    assert "[50.0, 70.0]" in said


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ((0.6, 0.5), False),
        ((0.5, 0.6), True),
    ],
)
def test_another_order_of_the_systems_is_said(code: tuple[float, float], parts: bool) -> None:
    rows = [
        score(system="a", value=0.6),
        score(system="b", value=0.5),
        score(system="a", convention="fairalm_code", value=code[0]),
        score(system="b", convention="fairalm_code", value=code[1]),
    ]
    said = changes(tables(scores=rows))
    assert [("b (user_labels), a (user_labels) by the released code" in each) for each in said] == (
        [True] if parts else []
    )


def test_option_scores_take_no_part_in_the_order() -> None:
    """They are not re-read, so the other conventions do not have them."""
    rows = [
        score(system="a", value=0.6),
        score(system="b", value=0.5),
        score(system="b/options", value=0.9),
        score(system="a", convention="fairalm_code", value=0.6),
        score(system="b", convention="fairalm_code", value=0.5),
    ]
    assert changes(tables(scores=rows)) == []


def test_systems_of_different_corpora_are_not_ordered_against_each_other() -> None:
    rows = [
        score(system="a", value=0.6, corpus="x"),
        score(system="b", value=0.5, corpus="y"),
        score(system="a", value=0.4, corpus="x", convention="fairalm_code"),
        score(system="b", value=0.5, corpus="y", convention="fairalm_code"),
    ]
    assert changes(tables(scores=rows)) == []


def test_a_fall_that_is_partly_a_rule_is_told_apart() -> None:
    curves = [
        point(0.0, 0.7),
        point(0.7, 0.1),  # the ends count, not what lies between
        point(1.5, 0.5),
        point(0.0, 0.7, convention="fairalm_code"),
        point(1.5, 0.4, convention="fairalm_code"),
        point(0.0, 0.7, convention="fairalm_paper"),
        point(1.5, 0.504, convention="fairalm_paper"),
    ]
    (said,) = changes(tables(curves=curves))
    assert "from temperature 0 to 1.5 macro-F1 falls by 20.0 points by our rules" in said
    assert "falls by 30.0 points by the released code" in said


def test_a_rise_is_called_a_rise() -> None:
    curves = [
        point(0.0, 0.5),
        point(1.0, 0.6),
        point(0.0, 0.5, convention="fairalm_code"),
        point(1.0, 0.45, convention="fairalm_code"),
    ]
    (said,) = changes(tables(curves=curves))
    assert "rises by 10.0 points by our rules and falls by 5.0 points" in said


def test_an_undefined_end_is_no_fall() -> None:
    curves = [
        point(0.0, 0.5),
        point(1.0, None),
        point(0.0, 0.5, convention="fairalm_code"),
        point(1.0, 0.2, convention="fairalm_code"),
    ]
    assert changes(tables(curves=curves)) == []


def three(values: tuple[float | None, float | None, float | None], convention: str) -> list[dict]:
    return [
        gap(measure, value, convention=convention)
        for measure, value in zip((PARITY, OPPORTUNITY, ACCURACY), values, strict=True)
    ]


def test_the_papers_main_finding_may_hang_on_the_sum_of_recalls() -> None:
    rows = three((0.02, 0.12, 0.05), "equivoice") + three((0.02, 0.12, 0.47), "fairalm_code")
    (said,) = changes(tables(gaps=rows))
    assert said == (
        "llm (user_labels) on ravdess, gender: the largest of the three gaps is equal opportunity "
        "by our rules and overall accuracy equality by the released code, which adds up the "
        "recalls of all emotions where Eq. 3 takes the accuracy."
    )


def test_measures_that_tie_by_our_rules_have_no_order_to_change() -> None:
    rows = three((0.02, 0.120, 0.118), "equivoice") + three((0.02, 0.12, 0.47), "fairalm_code")
    assert changes(tables(gaps=rows)) == []


def test_an_undefined_gap_is_not_the_largest() -> None:
    rows = three((0.02, None, 0.05), "equivoice") + three((0.01, 0.3, 0.2), "fairalm_paper")
    (said,) = changes(tables(gaps=rows))
    assert "is overall accuracy equality by our rules and equal opportunity by the paper" in said


def test_numbers_that_we_leave_undefined_are_counted() -> None:
    mark = "not defined by our rules: only one group: female"
    rows = [
        gap(PARITY, 0.0, convention="fairalm_code", mark=mark),
        gap(OPPORTUNITY, 0.1, convention="fairalm_code", mark=mark),
    ]
    said = changes(tables(gaps=rows))
    assert said[-1] == (
        "llm (user_labels) on ravdess, gender: 2 gaps that our rules leave undefined have numbers "
        "by other conventions."
    )


def test_conventions_have_names_in_words() -> None:
    assert named("fairalm_code") == "the released code"
    assert named("my_rules") == "my_rules"
