"""The worst gap, its penalty and its gradient, by sums worked by hand."""

from __future__ import annotations

import itertools
import math

import pytest

from equivoice.errors import ConfigError, RunError
from equivoice.objectives.minmax_gap import (
    Gap,
    GapPenalty,
    Stratum,
    cell_gaps,
    penalty_coefficients,
    worst_gap,
)

# means: de f 4, de m 8 (gap −4); en f 10, en m 3 (gap +7)
SUMS: dict[Stratum, float] = {
    ("de", "f"): 8.0,
    ("de", "m"): 8.0,
    ("en", "f"): 10.0,
    ("en", "m"): 6.0,
}
COUNTS: dict[Stratum, int] = {("de", "f"): 2, ("de", "m"): 1, ("en", "f"): 1, ("en", "m"): 2}


def equal_means(*names: Stratum) -> tuple[dict[Stratum, float], dict[Stratum, int]]:
    return dict.fromkeys(names, 1.0), dict.fromkeys(names, 1)


# ------------------------------------------------------------------------------- gaps


def test_the_gap_of_each_cell() -> None:
    assert cell_gaps(SUMS, COUNTS) == {
        "de": Gap("de", ("f", "m"), -4.0),
        "en": Gap("en", ("f", "m"), 7.0),
    }


def test_a_gap_has_a_size_and_a_sign() -> None:
    gaps = cell_gaps(SUMS, COUNTS)
    assert [(gap.size, gap.sign) for gap in gaps.values()] == [(4.0, -1), (7.0, 1)]


def test_the_worst_gap_is_the_largest_whatever_its_sign() -> None:
    assert worst_gap(SUMS, COUNTS) == Gap("en", ("f", "m"), 7.0)
    turned = {**SUMS, ("de", "m"): 20.0}
    assert worst_gap(turned, COUNTS) == Gap("de", ("f", "m"), -16.0)


def test_the_order_of_the_strata_changes_nothing() -> None:
    for order in itertools.permutations(SUMS):
        sums, counts = {k: SUMS[k] for k in order}, {k: COUNTS[k] for k in order}
        assert cell_gaps(sums, counts) == cell_gaps(SUMS, COUNTS)
        assert list(cell_gaps(sums, counts)) == ["de", "en"]


def test_a_missing_group_leaves_the_cell_without_a_gap() -> None:
    counts = {stratum: n for stratum, n in COUNTS.items() if stratum != ("en", "m")}
    assert list(cell_gaps(SUMS, counts)) == ["de"]
    assert worst_gap(SUMS, counts) == Gap("de", ("f", "m"), -4.0)


def test_a_group_of_no_items_is_a_missing_one() -> None:
    assert list(cell_gaps(SUMS, {**COUNTS, ("en", "m"): 0})) == ["de"]


def test_a_missing_cell_is_no_gap_of_zero() -> None:
    counts = {stratum: n for stratum, n in COUNTS.items() if stratum[0] == "de"}
    assert list(cell_gaps(SUMS, counts)) == ["de"]


def test_items_without_a_group_take_no_part() -> None:
    sums = {**SUMS, ("en", None): 1e6, ("it", None): 1.0, ("it", "f"): 5.0}
    counts = {**COUNTS, ("en", None): 3, ("it", None): 1, ("it", "f"): 1}
    assert cell_gaps(sums, counts) == cell_gaps(SUMS, COUNTS)


def test_no_cell_with_two_groups_has_no_worst_gap() -> None:
    assert worst_gap({}, {}) is None
    assert worst_gap({("de", "f"): 1.0, ("en", "m"): 2.0}, {("de", "f"): 1, ("en", "m"): 1}) is None


def test_ties_go_to_the_first_cell_by_name() -> None:
    sums, counts = equal_means(("de", "f"), ("de", "m"), ("en", "f"), ("en", "m"))
    sums["de", "f"] = sums["en", "m"] = 3.0
    assert worst_gap(sums, counts) == Gap("de", ("f", "m"), 2.0)
    backwards = dict(reversed(sums.items()))
    assert worst_gap(backwards, counts) == Gap("de", ("f", "m"), 2.0)


def test_equal_groups_have_a_gap_of_zero() -> None:
    assert cell_gaps(*equal_means(("de", "f"), ("de", "m"))) == {"de": Gap("de", ("f", "m"), 0.0)}
    assert cell_gaps(*equal_means(("de", "f"), ("de", "m")))["de"].sign == 0


def test_of_more_groups_the_largest_pair_gap_counts() -> None:
    sums = {("de", "a"): 2.0, ("de", "b"): 9.0, ("de", "c"): 1.0, ("de", "d"): 5.0}
    gap = worst_gap(sums, dict.fromkeys(sums, 1))
    assert gap == Gap("de", ("b", "c"), 8.0)
    # no pair is wider
    widest = max(abs(x - y) for x, y in itertools.combinations(sums.values(), 2))
    assert gap is not None
    assert gap.size == widest


def test_ties_of_groups_go_to_the_first_by_name() -> None:
    sums = {("de", "d"): 4.0, ("de", "c"): 1.0, ("de", "b"): 4.0, ("de", "a"): 1.0}
    assert worst_gap(sums, dict.fromkeys(sums, 1)) == Gap("de", ("a", "b"), -3.0)
    even, counts = equal_means(("de", "c"), ("de", "a"), ("de", "b"))
    assert worst_gap(even, counts) == Gap("de", ("a", "b"), 0.0)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_named(wrong: float) -> None:
    with pytest.raises(RunError, match=r"mean loss of m in de is (nan|inf)"):
        worst_gap({**SUMS, ("de", "m"): wrong}, COUNTS)


# ---------------------------------------------------------------------------- penalty


@pytest.mark.parametrize(("power", "value", "slope"), [(1, 7.0, 1.0), (2, 49.0, 14.0)])
def test_the_penalty_and_its_slope(power: int, value: float, slope: float) -> None:
    penalty = GapPenalty(power)
    assert (penalty.value(7.0), penalty.slope(7.0)) == (value, slope)


@pytest.mark.parametrize("power", [1, 2])
def test_no_gap_is_no_penalty(power: int) -> None:
    assert GapPenalty(power).value(None) == 0.0
    assert GapPenalty(power).value(0.0) == 0.0
    assert math.isfinite(GapPenalty(power).slope(0.0))


def test_the_paper_s_power_is_the_default() -> None:
    assert GapPenalty() == GapPenalty(2)


@pytest.mark.parametrize("power", [0, 3, -1, 1.5])
def test_other_powers_are_refused(power: int) -> None:
    with pytest.raises(ConfigError, match=r"power of the gap(.|\n)*choices: 1, 2"):
        GapPenalty(power)


# ----------------------------------------------------------------------- coefficients


def test_the_coefficients_for_power_one() -> None:
    # Δ = 7 in en, f above m: 1/6 + 0.6·1/1 for en f, 1/6 − 0.6/2 for en m
    found = penalty_coefficients(SUMS, COUNTS, penalty=GapPenalty(1), weight=0.6)
    assert found == pytest.approx(
        {
            ("de", "f"): 1 / 6,
            ("de", "m"): 1 / 6,
            ("en", "f"): 1 / 6 + 0.6,
            ("en", "m"): 1 / 6 - 0.3,
        }
    )


def test_the_coefficients_for_power_two() -> None:
    # the slope is 2·7 = 14: 1/6 + 0.1·14/1 and 1/6 − 0.1·14/2
    found = penalty_coefficients(SUMS, COUNTS, penalty=GapPenalty(2), weight=0.1)
    assert found["en", "f"] == pytest.approx(1 / 6 + 1.4)
    assert found["en", "m"] == pytest.approx(1 / 6 - 0.7)
    assert found["de", "f"] == found["de", "m"] == 1 / 6


def test_the_sign_follows_the_group_that_loses_more() -> None:
    sums, counts = {("de", "f"): 1.0, ("de", "m"): 3.0}, {("de", "f"): 1, ("de", "m"): 1}
    found = penalty_coefficients(sums, counts, penalty=GapPenalty(1), weight=0.25)
    assert found == {("de", "f"): 0.25, ("de", "m"): 0.75}


@pytest.mark.parametrize("power", [1, 2])
def test_a_gap_of_zero_has_a_finite_gradient(power: int) -> None:
    sums, counts = equal_means(("de", "f"), ("de", "m"))
    found = penalty_coefficients(sums, counts, penalty=GapPenalty(power), weight=10.0)
    assert found == {("de", "f"): 0.5, ("de", "m"): 0.5}


@pytest.mark.parametrize(
    ("penalty", "weight"), [(None, 3.0), (GapPenalty(1), 0.0), (GapPenalty(2), 0.0)]
)
def test_without_penalty_or_weight_it_is_the_plain_mean(
    penalty: GapPenalty | None, weight: float
) -> None:
    found = penalty_coefficients(SUMS, COUNTS, penalty=penalty, weight=weight)
    assert found == dict.fromkeys(COUNTS, 1 / 6)


def test_without_a_gap_it_is_the_plain_mean() -> None:
    sums = {("de", "f"): 8.0, ("en", "m"): 3.0, ("en", None): 1.0}
    counts = {("de", "f"): 2, ("en", "m"): 1, ("en", None): 1}
    found = penalty_coefficients(sums, counts, penalty=GapPenalty(1), weight=5.0)
    assert found == dict.fromkeys(counts, 0.25)


def test_items_without_a_group_are_learnt_from() -> None:
    sums, counts = {**SUMS, ("en", None): 3.0}, {**COUNTS, ("en", None): 2}
    found = penalty_coefficients(sums, counts, penalty=GapPenalty(1), weight=0.6)
    assert found["en", None] == 1 / 8
    assert found["en", "f"] == pytest.approx(1 / 8 + 0.6)


def test_the_middle_of_three_groups_is_only_learnt_from() -> None:
    sums = {("de", "a"): 2.0, ("de", "b"): 9.0, ("de", "c"): 1.0}
    found = penalty_coefficients(sums, dict.fromkeys(sums, 1), penalty=GapPenalty(2), weight=0.5)
    assert found == pytest.approx(
        {("de", "a"): 1 / 3, ("de", "b"): 1 / 3 + 8.0, ("de", "c"): 1 / 3 - 8.0}
    )


@pytest.mark.parametrize("power", [1, 2])
def test_the_coefficients_are_the_derivative_of_the_objective(power: int) -> None:
    """By differences: how J moves when the sum of one stratum does."""

    def value(sums: dict[Stratum, float]) -> float:
        gap = worst_gap(sums, COUNTS)
        assert gap is not None
        return sum(sums.values()) / 6 + 0.3 * gap.size**power

    found = penalty_coefficients(SUMS, COUNTS, penalty=GapPenalty(power), weight=0.3)
    for stratum, total in SUMS.items():
        up, down = ({**SUMS, stratum: total + step} for step in (1e-4, -1e-4))
        assert found[stratum] == pytest.approx((value(up) - value(down)) / 2e-4, abs=1e-6)
