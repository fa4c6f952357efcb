"""Intervals of gaps between two groups hold the truth in 93 to 97 of 100 data sets."""

from __future__ import annotations

import pytest

from slow.populations import GAPS, SPEAKERS, check_accuracy_and_macro_f1, check_equal_opportunity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("gap", GAPS),
    pytest.mark.parametrize("speakers", SPEAKERS),
]


def test_accuracy_and_macro_f1(speakers: int, gap: float) -> None:
    check_accuracy_and_macro_f1(2, speakers, gap)


def test_equal_opportunity(speakers: int, gap: float) -> None:
    check_equal_opportunity(2, speakers, gap)
