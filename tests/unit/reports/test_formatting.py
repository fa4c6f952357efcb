"""Numbers as text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from equivoice.reports.formatting import (
    MINUS,
    count,
    interval,
    level,
    missing,
    p_floor,
    p_value,
    percent,
    points,
    signed,
    why,
    why_briefly,
)
from equivoice.reports.rows import Estimate

fractions = st.floats(min_value=-5, max_value=5, allow_nan=False)


@given(fractions)
def test_percent_reads_back_to_one_digit(value: float) -> None:
    shown = percent(value)
    assert "-" not in shown
    assert abs(float(shown.replace(MINUS, "-")) / 100 - value) <= 0.00051


@given(fractions)
def test_zero_has_no_sign_and_others_have_one(value: float) -> None:
    shown = signed(value)
    if float(percent(value).replace(MINUS, "-")) == 0:
        assert shown == "0.0"
    else:
        assert shown[0] == ("+" if value > 0 else MINUS)


@given(fractions)
def test_points_never_have_a_sign(value: float) -> None:
    assert re.fullmatch(r"\d+\.\d points", points(value))


def test_intervals_stand_in_brackets() -> None:
    assert interval(0.1, 0.25) == "[10.0, 25.0]"
    assert interval(-0.1, 0.25, sign=True) == f"[{MINUS}10.0, +25.0]"


def test_small_p_values_are_bounded_and_others_have_three_digits() -> None:
    assert p_value(0.00099) == "< 0.001"
    assert p_value(0.001) == "0.001"
    assert p_value(0.1) == "0.100"
    assert p_value(1.0) == "1.000"


def test_the_floor_of_p_has_one_digit() -> None:
    assert p_floor(1 / 2001) == "0.0005"
    assert p_floor(0.1) == "0.1"
    assert p_floor(1e-12) == "< 0.0001"


def test_counts_have_their_noun() -> None:
    assert count(0, "speaker") == "0 speakers"
    assert count(1, "speaker") == "1 speaker"
    assert count(1_000_000) == "1,000,000"
    assert count(None) == "unknown"


def test_level_is_written_without_needless_digits() -> None:
    assert level(Estimate("score", "accuracy", level=0.9)) == "90%"
    assert level(Estimate("score", "accuracy", level=0.995)) == "99.5%"
    assert level(Estimate("score", "accuracy")) == "unstated level"


def test_what_is_missing_says_why() -> None:
    assert "class without support" in missing(
        Estimate("score", "recall", undefined="class without support")
    )


def few(*counts: int) -> str:
    groups = ", ".join(f"female x g{at}: {number}" for at, number in enumerate(counts))
    return f"interval: too few speakers: {groups} (at least 5 each are needed)"


def test_of_many_small_groups_the_smallest_are_named_and_the_others_counted() -> None:
    assert why(few(9, 4, 3, 8, 2, 4)) == (
        "too few speakers: female × g4: 2, female × g2: 3, female × g1: 4 and 3 more groups "
        "(at least 5 each are needed)"
    )
    assert why(few(4, 3)).startswith("too few speakers: female × g0: 4, female × g1: 3 (at")
    odd = "too few speakers: a, b, c, d: 1, e: 2 (at least 5 each are needed)"
    assert why(odd).startswith("too few speakers: d: 1, e: 2, a and 2 more groups")


def test_a_reason_in_few_words_is_one_for_all_groups() -> None:
    assert (
        why_briefly(few(4))
        == why_briefly(few(3, 9))
        == ("too few speakers (at least 5 each are needed)")
    )
    assert why_briefly(None) == why(None) == "no reason was recorded"
