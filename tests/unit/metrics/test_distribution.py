"""Distances of distributions: sums worked by hand, and the known answers of methods.md §3."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.metrics import (
    FloatArray,
    chosen,
    distribution_metrics,
    distribution_statistics,
    smoothed,
)
from equivoice.metrics.distribution import check_distributions, cross_entropies
from oracles.shares import finished

LN2 = math.log(2)


def scored(human: list[list[float]], predicted: list[list[float]]) -> dict[str, FloatArray]:
    statistics = distribution_statistics(np.array(human), np.array(predicted))
    return finished(distribution_metrics(), statistics)


# ------------------------------------------------------------------- smoothing


def test_smoothing_nine_labels() -> None:
    """methods.md §3: C = 9, all votes for one label, ε = 0.05."""
    softer = smoothed(np.eye(9))
    assert softer[0, 0] == pytest.approx(0.95, abs=1e-15)
    assert softer[0, 1:] == pytest.approx([0.00625] * 8, abs=1e-15)
    assert softer.sum(-1) == pytest.approx(np.ones(9))


@pytest.mark.parametrize("classes", range(2, 17))
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.3])
def test_one_by_c_stays_as_it_is(classes: int, epsilon: float) -> None:
    uniform = np.full((1, classes), 1 / classes)
    np.testing.assert_allclose(smoothed(uniform, epsilon), uniform, rtol=0, atol=1e-15)


@pytest.mark.parametrize("classes", range(2, 17))
def test_smoothing_keeps_every_decision_that_five_votes_can_make(classes: int) -> None:
    """All ways in which five people can vote, up to which label is which."""
    splits = [
        split
        for split in itertools.combinations_with_replacement(range(5, -1, -1), min(classes, 5))
        if sum(split) == 5
    ]
    shares = np.zeros((len(splits), classes))
    shares[:, : min(classes, 5)] = np.array(splits) / 5
    before = chosen(shares, "1/C")
    np.testing.assert_array_equal(chosen(smoothed(shares), "1/C"), before)
    np.testing.assert_array_equal(before, shares * 5 * classes > 5.000001)


def test_another_threshold_can_be_crossed_by_smoothing() -> None:
    """Which is why only 1/C is promised: three of five votes are no longer more than half."""
    shares = np.array([[0.6, 0.4, 0.0]])
    assert chosen(shares, "0.5").any()
    assert not chosen(smoothed(shares, 0.3), "0.5").any()


def test_smoothing_makes_every_label_possible_and_so_the_divergence_defined() -> None:
    human, sure = np.array([[0.5, 0.5, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    hard = finished(distribution_metrics(), distribution_statistics(human, sure))
    soft = finished(distribution_metrics(), distribution_statistics(human, smoothed(sure)))
    assert np.isnan(hard["kld"])
    assert soft["kld"] == pytest.approx(0.5 * math.log(0.5 / 0.95) + 0.5 * math.log(0.5 / 0.025))


def test_rows_without_votes_stay_unknown() -> None:
    softer = smoothed(np.array([[np.nan, np.nan], [1.0, 0.0]]))
    assert np.isnan(softer[0]).all()
    assert softer[1].tolist() == [0.95, 0.05]


def test_a_single_label_has_no_other_to_give_to() -> None:
    shares = np.ones((3, 1))
    softer = smoothed(shares)
    assert softer.tolist() == [[1.0]] * 3
    softer[:] = 0  # and it is not the same array
    assert shares.tolist() == [[1.0]] * 3


@pytest.mark.parametrize(("classes", "epsilon"), [(4, -0.01), (4, 0.75), (2, 0.5), (4, math.nan)])
def test_smoothing_that_levels_or_turns_the_order_is_refused(classes: int, epsilon: float) -> None:
    with pytest.raises(ConfigError, match=r"less than \(C − 1\)/C"):
        smoothed(np.full((1, classes), 1 / classes), epsilon)


# --------------------------------------------------------------------- by hand


def test_divergence_from_the_uniform() -> None:
    """methods.md §3: KL((.2, .4, .4, 0) ‖ uniform) = 0.331374."""
    found = scored([[0.2, 0.4, 0.4, 0.0]], [[0.25] * 4])
    assert round(float(found["kld"]), 6) == 0.331374
    # it is ln 4 less the entropy of the votes
    entropy = -(0.2 * math.log(0.2) + 0.8 * math.log(0.4))
    assert found["kld"] == pytest.approx(math.log(4) - entropy, abs=1e-15)
    assert found["cross_entropy"] == pytest.approx(math.log(4), abs=1e-15)


def test_two_coins_by_hand() -> None:
    found = scored([[0.5, 0.5]], [[0.9, 0.1]])
    assert found["kld"] == pytest.approx(0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1))
    assert found["cross_entropy"] == pytest.approx(-0.5 * math.log(0.9) - 0.5 * math.log(0.1))
    half = 0.5 * math.log(0.5 / 0.7) + 0.5 * math.log(0.5 / 0.3)
    other = 0.9 * math.log(0.9 / 0.7) + 0.1 * math.log(0.1 / 0.3)
    assert found["jsd"] == pytest.approx((half + other) / 2)
    assert found["soft_brier"] == pytest.approx(0.16 + 0.16)
    assert found["total_variation"] == pytest.approx(0.4)


def test_the_divergence_has_a_direction_and_the_others_do_not() -> None:
    there, back = scored([[0.5, 0.5]], [[0.9, 0.1]]), scored([[0.9, 0.1]], [[0.5, 0.5]])
    assert there["kld"] != pytest.approx(float(back["kld"]), abs=1e-3)
    for name in ("jsd", "soft_brier", "total_variation"):
        assert there[name] == pytest.approx(float(back[name])), name


def test_means_are_over_items() -> None:
    found = scored([[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]])
    assert found["kld"] == pytest.approx(LN2 / 2)
    assert found["total_variation"] == pytest.approx(0.25)


def test_the_same_distribution_has_no_distance() -> None:
    votes = [[0.2, 0.4, 0.4, 0.0], [1.0, 0.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3, 0.0]]
    found = scored(votes, votes)
    for name in ("kld", "jsd", "soft_brier", "total_variation"):
        assert found[name] == 0.0, name
    assert found["cross_entropy"] > 0.5  # people do not agree, and nothing can mend that


def test_nothing_in_common_is_the_farthest() -> None:
    found = scored([[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]])
    assert found["jsd"] == pytest.approx(LN2, abs=1e-15)
    assert found["soft_brier"] == 2.0
    assert found["total_variation"] == 1.0
    assert np.isnan(found["kld"])
    assert np.isnan(found["cross_entropy"])


def test_one_item_without_bound_leaves_the_mean_without_one() -> None:
    """Not a large number that depends on a constant, and not the mean of the rest."""
    human, predicted = [[0.5, 0.5], [1.0, 0.0]], [[1.0, 0.0], [0.5, 0.5]]
    found = scored(human, predicted)
    assert np.isnan(found["kld"])
    assert np.isfinite(found["jsd"])
    metric = distribution_metrics()["kld"]
    assert metric.undefined.startswith("a label that people chose had probability 0")
    # the item alone that has a bound keeps its value: groups do not spoil each other
    by_item = distribution_statistics(np.array(human), np.array(predicted))
    assert np.isnan(metric.finish(by_item)).tolist() == [True, False]
    assert metric.finish(by_item)[1] == pytest.approx(LN2)


def test_probability_on_labels_that_nobody_chose_has_a_bound() -> None:
    found = scored([[1.0, 0.0, 0.0]], [[0.5, 0.5, 0.0]])
    assert found["kld"] == pytest.approx(LN2)


def test_the_smallest_probabilities_make_large_and_finite_numbers() -> None:
    tiny = 5e-324
    found = scored([[1.0, 0.0]], [[tiny, 1.0]])
    assert found["kld"] == pytest.approx(-math.log(tiny))
    assert scored([[tiny, 1.0]], [[0.0, 1.0]])["jsd"] == pytest.approx(0.0, abs=1e-300)


def test_rounding_makes_no_negative_divergence() -> None:
    """Shares of 32-bit floats sum to 1 within 1e-7 only."""
    human = np.full((1, 3), 1 / 3)
    larger = human + 1e-8
    sums = distribution_statistics(human, larger).sum(0)
    for name in ("kld", "jsd"):
        assert distribution_metrics()[name].finish(sums) >= 0, name


def test_cross_entropies_by_item() -> None:
    nats, unbounded = cross_entropies(np.array([[0.5, 0.5]] * 2), np.array([[0.5, 0.5], [1.0, 0]]))
    assert nats.tolist() == pytest.approx([LN2, 0.0])
    assert unbounded.tolist() == [0.0, 1.0]
    # 0 is 0 and not −0, which would be written "-0.0"
    assert math.copysign(1, nats[1]) == 1


# ------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "row",
    [[0.5, 0.6], [0.5, 0.4], [1.5, -0.5], [math.nan, math.nan], [math.inf, 0.0], [0.0, 0.0]],
)
def test_rows_that_are_no_distributions_are_refused_by_number(row: list[float]) -> None:
    good = np.array([[0.5, 0.5], [0.5, 0.5]])
    bad = np.array([[0.5, 0.5], row])
    with pytest.raises(ValueError, match="votes: row 1 is no distribution"):
        distribution_statistics(bad, good)
    with pytest.raises(ValueError, match="probabilities: row 1 is no distribution"):
        distribution_statistics(good, bad)


def test_tables_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="other shapes"):
        distribution_statistics(np.ones((1, 1)), np.full((1, 2), 0.5))
    with pytest.raises(ValueError, match="shape"):
        check_distributions(np.ones(3), "votes")


def test_no_items_leave_everything_undefined() -> None:
    nothing = distribution_statistics(np.zeros((0, 3)), np.zeros((0, 3)))
    assert nothing.shape == (0, 7)
    for name, value in finished(distribution_metrics(), nothing).items():
        assert np.isnan(value), name


def test_directions_and_ranges() -> None:
    metrics = distribution_metrics()
    assert list(metrics) == ["kld", "jsd", "cross_entropy", "soft_brier", "total_variation"]
    assert all(metric.higher_is_better is False for metric in metrics.values())
    assert metrics["jsd"].high == pytest.approx(0.693147, abs=1e-6)
