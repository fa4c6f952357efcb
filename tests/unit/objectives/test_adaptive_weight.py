"""λ as a state: the sequence that a series of gaps gives, its borders and its keeping."""

from __future__ import annotations

import json
import math
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.objectives.adaptive_weight import AdaptiveWeight, fixed_weight

GAPS = st.one_of(st.none(), st.floats(0, 100))


def after(weight: AdaptiveWeight, gaps: list[float | None]) -> list[float]:
    found = []
    for gap in gaps:
        weight = weight.updated(gap)
        found.append(weight.value)
    return found


def test_the_defaults_are_the_paper_s() -> None:
    weight = AdaptiveWeight()
    assert weight == AdaptiveWeight(0.0, rate=0.5, tolerance=0.02, maximum=10.0)


def test_the_sequence_for_a_series_of_gaps() -> None:
    # λ + 0.5 (Δ − 0.02): +0.24, +0.04, unchanged, 0, −0.01, and down to the border
    series: list[float | None] = [0.5, 0.1, None, 0.02, 0.0, 0.0]
    assert after(AdaptiveWeight(), series) == pytest.approx([0.24, 0.28, 0.28, 0.28, 0.27, 0.26])


def test_it_stays_within_its_borders() -> None:
    assert after(AdaptiveWeight(), [0.0, 0.01]) == [0.0, 0.0]
    assert after(AdaptiveWeight(9.9), [0.42, 30.0]) == [10.0, 10.0]
    assert after(AdaptiveWeight(0.005), [0.0]) == [0.0]


def test_it_comes_back_from_its_borders() -> None:
    assert after(AdaptiveWeight(maximum=1.0), [9.0, 0.0]) == pytest.approx([1.0, 0.99])
    assert after(AdaptiveWeight(), [0.0, 0.04]) == pytest.approx([0.0, 0.01])


def test_at_the_tolerance_it_does_not_move() -> None:
    assert AdaptiveWeight(3.0, tolerance=0.25).updated(0.25).value == 3.0


def test_without_a_gap_it_is_the_same_state() -> None:
    weight = AdaptiveWeight(3.0)
    assert weight.updated(None) is weight


def test_an_update_keeps_all_but_the_value() -> None:
    weight = AdaptiveWeight(1.0, rate=0.25, tolerance=0.1, maximum=4.0)
    assert weight.updated(0.5) == AdaptiveWeight(1.1, rate=0.25, tolerance=0.1, maximum=4.0)
    assert weight.value == 1.0


@given(st.lists(GAPS, max_size=20), st.floats(0, 10), st.floats(0, 5), st.floats(0, 1))
def test_no_series_leaves_the_borders(
    gaps: list[float | None], value: float, rate: float, tolerance: float
) -> None:
    found = after(AdaptiveWeight(value, rate=rate, tolerance=tolerance), gaps)
    assert all(0 <= each <= 10 for each in found)


@given(st.lists(GAPS, max_size=10), st.lists(GAPS, max_size=10))
def test_a_series_may_be_interrupted_anywhere(
    first: list[float | None], second: list[float | None]
) -> None:
    def go(weight: AdaptiveWeight, gaps: list[float | None]) -> AdaptiveWeight:
        return reduce(AdaptiveWeight.updated, gaps, weight)

    kept = json.loads(json.dumps(go(AdaptiveWeight(), first).as_dict()))
    assert go(AdaptiveWeight.from_dict(kept), second) == go(AdaptiveWeight(), [*first, *second])


@pytest.mark.parametrize("gap", [-0.01, math.nan, -math.inf])
def test_what_is_no_gap_is_refused(gap: float) -> None:
    with pytest.raises(ConfigError, match="a gap is a number from 0"):
        AdaptiveWeight().updated(gap)


def test_all_wrong_numbers_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        AdaptiveWeight(-1.0, rate=math.nan, tolerance=-0.1, maximum=math.inf)
    assert all(name in str(caught.value) for name in ("value", "rate", "tolerance", "maximum"))
    assert "4 problems" in str(caught.value)


def test_a_value_above_the_maximum_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"12\.0 lies above the maximum, 10\.0"):
        AdaptiveWeight(12.0)


@pytest.mark.parametrize("value", [0.0, 1.0, 50.0])
def test_a_fixed_weight_stays(value: float) -> None:
    assert after(fixed_weight(value), [0.0, 5.0, None, 1e9]) == [value] * 4


@pytest.mark.parametrize("state", [{"value": 1.0}, {**AdaptiveWeight().as_dict(), "speed": 1.0}])
def test_a_state_that_is_not_whole_is_refused(state: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"not whole(.|\n)*choices: value, rate"):
        AdaptiveWeight.from_dict(state)
