"""The learning rate, against sums made by hand."""

from __future__ import annotations

import math

import pytest

from equivoice.training.schedule import rate_factor


def factors(total: int, **how: object) -> list[float]:
    return [rate_factor(step, total, **how) for step in range(1, total + 1)]  # type: ignore[arg-type]


def test_it_rises_in_equal_parts_and_falls_in_equal_parts() -> None:
    found = factors(10, schedule="linear", warmup=0.2)
    assert found == pytest.approx(
        [1 / 3, 2 / 3, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]
    )


def test_a_cosine_by_hand() -> None:
    found = factors(4, schedule="cosine", warmup=0.0)
    half = math.sqrt(0.5)
    assert found == pytest.approx([1, (1 + half) / 2, 0.5, (1 - half) / 2])


def test_a_constant_rate_after_its_warm_up() -> None:
    assert factors(4, schedule="constant", warmup=0.25) == [0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.99])
@pytest.mark.parametrize("total", [1, 2, 7])
def test_no_step_is_without_a_rate(schedule: str, warmup: float, total: int) -> None:
    found = factors(total, schedule=schedule, warmup=warmup)
    assert all(0 < factor <= 1 for factor in found)
