"""McNemar's exact test against scipy's binomial test, and by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from equivoice.uncertainty import mcnemar


def test_worked_by_hand() -> None:
    assert mcnemar(3, 0) == pytest.approx(2 / 8)
    assert mcnemar(0, 1) == 1.0
    assert mcnemar(5, 1) == pytest.approx(2 * (1 + 6) / 64)


@given(st.integers(0, 300), st.integers(0, 300))
def test_it_is_the_sign_test_and_knows_no_order(first: int, second: int) -> None:
    p = mcnemar(first, second)
    assert p == mcnemar(second, first)
    assert 0 <= p <= 1
    if first + second:
        assert p == pytest.approx(binomtest(first, first + second).pvalue, rel=1e-9)


def test_no_difference_and_impossible_numbers() -> None:
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1.0
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)
