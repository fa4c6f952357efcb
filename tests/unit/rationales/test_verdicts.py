"""Where the lines are drawn: high, low, usual, rising, and no pause at all."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.rationales.measurements import standing
from equivoice.rationales.verdicts import (
    CHECKS,
    GroundingRules,
    outcome_of,
    strengths,
    value_and_share,
)
from equivoice.records.rationales import CLAIM_DIRECTIONS, CLAIM_MEASURES
from unit.rationales.measured import ladder, measured

YES, NO, OPEN = "supported", "contradicted", "not testable"


def outcomes(rows: list[dict[str, object]], measure: str, direction: str) -> list[str]:
    found = standing(measured(rows), fewest=2)
    return [
        outcome_of(value)
        for value in strengths(found, CHECKS[measure, direction], GroundingRules())
    ]


def test_high_and_low_are_mirrored_with_a_band_between_them() -> None:
    rows = ladder("pitch")
    assert outcomes(rows, "pitch", "high") == [NO] * 5 + [OPEN] + [YES] * 5
    assert outcomes(rows, "pitch", "low") == [YES] * 5 + [OPEN] + [NO] * 5


def test_usual_is_the_middle_and_a_fifth_at_either_end_is_not() -> None:
    # places 0, .1, … 1: within .2 of the median, between, from .3 on
    expected = [NO] * 3 + [YES] * 5 + [NO] * 3
    assert outcomes(ladder("loudness"), "loudness", "normal") == expected


def test_a_course_is_held_against_its_own_sign() -> None:
    rows = [{"pitch_course": value} for value in (-3.0, -0.5, 0.5, 1.0, 3.0)]
    assert outcomes(rows, "pitch_course", "rising") == [NO, OPEN, OPEN, YES, YES]
    assert outcomes(rows, "pitch_course", "falling") == [YES, OPEN, OPEN, NO, NO]


def test_without_any_pause_nobody_pauses_much() -> None:
    rows = [{"pauses": value} for value in (0.0, 0.0, 0.0, 0.1)]
    assert outcomes(rows, "pauses", "many") == [NO, NO, NO, YES]
    assert outcomes(rows, "pauses", "few") == [YES, YES, YES, NO]


def test_rates_are_in_letters_where_every_transcript_is_known() -> None:
    known = [{"rate": float(3 - n), "letter_rate": float(n)} for n in range(3)]
    found = standing(measured(known), fewest=2)
    assert value_and_share(found, 0, "rate") == (0.0, 0.0)
    known[1]["letter_rate"] = np.nan
    found = standing(measured(known), fewest=2)
    assert value_and_share(found, 0, "rate") == (3.0, 1.0)


def test_what_was_not_measured_has_no_strength() -> None:
    found = standing(measured([{"pitch": np.nan}, {"pitch": 1.0}, {"pitch": 2.0}]), fewest=2)
    strength = strengths(found, CHECKS["pitch", "high"], GroundingRules())
    assert np.isnan(strength[0])
    assert outcome_of(float(strength[0])) == OPEN


def test_the_lines_can_be_moved() -> None:
    found = standing(measured(ladder("pitch")), fewest=2)
    wide = strengths(found, CHECKS["pitch", "high"], GroundingRules(clear=0.4))
    assert [outcome_of(value) for value in wide] == [NO] * 2 + [OPEN] * 7 + [YES] * 2


def test_every_check_is_of_a_claim_that_a_table_may_hold() -> None:
    assert {measure for measure, _ in CHECKS} <= set(CLAIM_MEASURES)
    assert {direction for _, direction in CHECKS} <= set(CLAIM_DIRECTIONS)


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ({"clear": 0.0}, "rules.clear"),
        ({"clear": 0.5}, "rules.clear"),
        ({"usual": 0.3}, "rules.usual"),
        ({"pitch_course": 0.0}, "rules.pitch_course"),
        ({"fewest": 1}, "rules.fewest"),
        ({"quote": 1.1}, "rules.quote"),
    ],
)
def test_lines_out_of_range_are_refused(rules: dict[str, float], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        GroundingRules(**rules)


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        GroundingRules(clear=1.0, quote=2.0)
    assert "rules.clear" in str(caught.value)
    assert "rules.quote" in str(caught.value)
