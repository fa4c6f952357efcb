"""Valence, arousal and dominance: sums worked by hand, constants, and offsets that eat digits."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.metrics import ATTRIBUTES, FloatArray, attribute_metrics, attribute_statistics
from oracles.shares import exact_ccc, exact_pearson, finished

NAMES = ("ccc", "pearson", "rmse", "mae", "bias")


def scored(
    reference: object, predicted: object, centres: tuple[float, float] | None = None
) -> dict[str, float]:
    """The metrics of valence, without its name."""
    statistics = attribute_statistics(
        np.asarray(reference, dtype=np.float64),
        np.asarray(predicted, dtype=np.float64),
        centres=centres,
    )
    found = finished(attribute_metrics("valence"), statistics)
    return {name: float(found[f"valence_{name}"]) for name in NAMES}


# --------------------------------------------------------------------- by hand


def test_a_shift_by_one() -> None:
    """methods.md §7: CCC([1..4], [2..5]) = .714286; variances and covariance are 1.25."""
    found = scored([1, 2, 3, 4], [2, 3, 4, 5])
    assert round(found["ccc"], 6) == 0.714286
    assert found["ccc"] == pytest.approx(2 * 1.25 / (1.25 + 1.25 + 1), abs=1e-15)
    assert found["pearson"] == pytest.approx(1.0, abs=1e-15)
    assert found["rmse"] == found["mae"] == found["bias"] == 1.0


def test_numbers_that_go_both_ways() -> None:
    # x: mean 2, variance 2/3; y: mean 3, variance 8/3; covariance 2/3; differences 0, 2, 1
    found = scored([1, 2, 3], [1, 5, 3])
    cov = ((1 - 2) * (1 - 3) + 0 + (3 - 2) * (3 - 3)) / 3
    assert found["ccc"] == pytest.approx(2 * cov / (2 / 3 + 8 / 3 + 1))
    assert found["pearson"] == pytest.approx(cov / (2 / 3 * 8 / 3) ** 0.5)
    assert found["rmse"] == pytest.approx((9 / 3) ** 0.5)
    assert found["mae"] == pytest.approx(1.0)
    assert found["bias"] == pytest.approx(1.0)


def test_a_mirror_is_full_disagreement() -> None:
    found = scored([-1, 0, 1], [1, 0, -1])
    assert found["ccc"] == found["pearson"] == -1.0
    assert found["bias"] == 0.0


def test_the_bias_is_prediction_less_reference() -> None:
    assert scored([5.0, 6.0], [4.0, 5.5])["bias"] == -0.75


def test_statistics_of_one_item() -> None:
    row = attribute_statistics(np.array([4.0]), np.array([2.5]), centres=(3.0, 2.0))[0]
    assert row.tolist() == [1.0, 1.0, 0.5, 1.0, 0.25, 0.5, -1.5, 2.25, 1.5]


# ------------------------------------------------------------ what is undefined


@pytest.mark.parametrize("value", [3.0, 0.1, 3.7, 1e6 + 0.1, -0.3])
@pytest.mark.parametrize("n", [1, 2, 7, 1_000])
def test_references_of_one_value_leave_agreement_undefined(value: float, n: int) -> None:
    """Also where the value has no exact binary form, so that its mean is off by rounding."""
    predicted = value + np.linspace(-1, 1, n)
    found = scored(np.full(n, value), predicted)
    assert np.isnan(found["ccc"])
    assert np.isnan(found["pearson"])
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - value) ** 2)))


@pytest.mark.parametrize("value", [3.0, 0.1, 3.7, 1e6 + 0.1])
def test_a_system_that_says_one_value_has_no_agreement_and_no_correlation(value: float) -> None:
    found = scored(np.linspace(1, 7, 500), np.full(500, value))
    assert found["ccc"] == 0.0
    assert np.isnan(found["pearson"])
    assert np.isfinite(found["bias"])


@pytest.mark.parametrize("value", [3.25, 0.1, 1 / 3])
def test_one_value_in_a_group_whose_others_lie_elsewhere(value: float) -> None:
    """The centre is everybody's, so the group's sums are those of an offset."""
    rng = np.random.default_rng(0)
    reference = rng.uniform(1, 7, 2_000)
    predicted = rng.uniform(1, 7, 2_000)
    predicted[:700] = value
    statistics = attribute_statistics(reference, predicted)
    metrics = attribute_metrics("arousal")
    group = statistics[:700].sum(0)
    assert np.isnan(metrics["arousal_pearson"].finish(group))
    assert metrics["arousal_ccc"].finish(group) == 0.0
    flipped = attribute_statistics(predicted, reference)[:700].sum(0)
    assert np.isnan(metrics["arousal_ccc"].finish(flipped))


@pytest.mark.parametrize(
    ("n", "value", "centre"), [(2_979, 5.36, 4.37), (2_726, 6.55, 5.68), (1_000_000, 0.1, 4.2)]
)
def test_rounding_of_long_sums_is_no_variation(n: int, value: float, centre: float) -> None:
    """Added up one by one these leave a variance other than 0: some ten times 1e-14 to 1e-11."""
    reference = np.linspace(1, 7, n)
    statistics = attribute_statistics(reference, np.full(n, value), centres=(4.0, centre))
    sums = np.array([np.cumsum(column)[-1] for column in statistics.T])
    left = sums[4] / n - (sums[2] / n) ** 2
    assert left != 0.0
    assert np.isnan(attribute_metrics("valence")["valence_pearson"].finish(sums))
    assert attribute_metrics("valence")["valence_ccc"].finish(sums) == 0.0


def test_little_variation_is_still_variation() -> None:
    """A system that moves by a ten-thousandth of the scale does move."""
    reference = np.linspace(1, 7, 1_000)
    found = scored(reference, 3.7 + 6e-4 * reference)
    assert found["pearson"] == pytest.approx(1.0, abs=1e-6)
    assert 0 < found["ccc"] < 1e-2


def test_one_item_has_errors_and_no_agreement() -> None:
    found = scored([2.0], [3.5])
    assert np.isnan([found["ccc"], found["pearson"]]).all()
    assert (found["rmse"], found["mae"], found["bias"]) == (1.5, 1.5, 1.5)


def test_one_item_drawn_twice_has_no_agreement_either() -> None:
    statistics = attribute_statistics(np.array([2.1, 3.3]), np.array([2.6, 3.9]))
    sums = np.array([7.0, 0.0]) @ statistics
    for name in ("ccc", "pearson"):
        assert np.isnan(attribute_metrics("valence")[f"valence_{name}"].finish(sums)), name


def test_nothing_is_undefined_and_never_zero() -> None:
    nothing = attribute_statistics(np.zeros(0), np.zeros(0))
    assert nothing.shape == (0, 9)
    assert np.isnan(list(scored([], []).values())).all()


def test_every_metric_says_why_it_can_be_undefined() -> None:
    reasons = {name: metric.undefined for name, metric in attribute_metrics("dominance").items()}
    assert reasons == {
        "dominance_ccc": "fewer than two different references",
        "dominance_pearson": "fewer than two different references or predictions",
        "dominance_rmse": "no predictions",
        "dominance_mae": "no predictions",
        "dominance_bias": "no predictions",
    }


# ------------------------------------------------------------------------ digits


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, -1e6, 1e9])
def test_a_large_offset_costs_no_digits(offset: float) -> None:
    """Against fractions of the very numbers that were handed in: 1e6 and 1e9 round them."""
    rng = np.random.default_rng(4)
    reference = offset + rng.normal(0, 1, 400)
    predicted = reference + rng.normal(0.2, 0.7, 400)
    found = scored(reference, predicted)
    assert found["ccc"] == pytest.approx(exact_ccc(reference, predicted), rel=1e-12)
    assert found["pearson"] == pytest.approx(exact_pearson(reference, predicted), rel=1e-12)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - reference) ** 2)))


def test_two_offsets_cost_no_digits_either() -> None:
    """A system on another scale: no agreement, and the correlation all the same."""
    rng = np.random.default_rng(5)
    reference = rng.normal(0, 1, 300)
    predicted = 1e6 + reference + rng.normal(0, 0.5, 300)
    found = scored(reference, predicted)
    assert found["pearson"] == pytest.approx(exact_pearson(reference, predicted), rel=1e-11)
    assert found["ccc"] == pytest.approx(exact_ccc(reference, predicted), rel=1e-11)
    assert found["bias"] == pytest.approx(1e6, rel=1e-5)


def test_sums_without_centres_do_lose_them() -> None:
    """What the centres are for: variances of 1 under squares of 1e12 keep four digits or so."""
    rng = np.random.default_rng(4)
    reference = 1e6 + rng.normal(0, 1, 400)
    predicted = reference + rng.normal(0.2, 0.7, 400)
    truth = exact_pearson(reference, predicted)
    assert abs(scored(reference, predicted)["pearson"] - truth) < 1e-12
    lossy = scored(reference, predicted, centres=(0.0, 0.0))["pearson"]
    assert np.isnan(lossy) or abs(lossy - truth) > 1e-9


def test_small_numbers_keep_their_digits() -> None:
    rng = np.random.default_rng(6)
    reference = 1e-8 * rng.normal(0, 1, 300)
    predicted = reference + 1e-8 * rng.normal(0, 1, 300)
    found = scored(reference, predicted)
    assert found["ccc"] == pytest.approx(exact_ccc(reference, predicted), rel=1e-12)


def test_full_agreement_is_one_and_no_more() -> None:
    for seed in range(50):
        values = np.random.default_rng(seed).uniform(1, 7, 37)
        found = scored(values, values)
        assert found["ccc"] == pytest.approx(1.0, abs=1e-12)
        assert max(found["ccc"], found["pearson"]) <= 1.0


# ------------------------------------------------------------------- bad input


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        scored([1.0, bad], [1.0, 2.0])
    with pytest.raises(ValueError, match="not finite"):
        scored([1.0, 2.0], [bad, 2.0])


@pytest.mark.parametrize("shape", [(3,), (2, 1), ()])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="other shapes"):
        attribute_statistics(np.zeros(2), np.zeros(shape))


def test_an_unknown_attribute_names_the_choices() -> None:
    with pytest.raises(ConfigError) as caught:
        attribute_metrics("pleasure")
    assert "choices: valence, arousal, dominance" in str(caught.value)


def test_names_carry_the_attribute() -> None:
    for attribute in ATTRIBUTES:
        metrics: dict[str, object] = dict(attribute_metrics(attribute))
        assert list(metrics) == [f"{attribute}_{name}" for name in NAMES]


def test_centres_change_nothing_but_the_sums() -> None:
    rng = np.random.default_rng(7)
    reference: FloatArray = rng.uniform(1, 7, 60)
    predicted: FloatArray = rng.uniform(1, 7, 60)
    expected = scored(reference, predicted)
    for centres in [(0.0, 0.0), (4.0, 4.0), (2.0, 5.5)]:
        assert scored(reference, predicted, centres) == pytest.approx(expected, abs=1e-12)
