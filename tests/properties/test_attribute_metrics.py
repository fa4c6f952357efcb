"""Valence, arousal and dominance: audmetric, scipy, scikit-learn and fractions agree."""

from __future__ import annotations

import warnings

import audmetric
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ConstantInputWarning, NearConstantInputWarning, pearsonr
from sklearn import metrics as sk

from equivoice.metrics import FloatArray, attribute_metrics, attribute_statistics
from oracles.codes import EXAMPLES, TIGHT
from oracles.shares import Rated, exact_ccc, exact_pearson, finished, rated, resampled


def values(given_: Rated) -> dict[str, FloatArray]:
    statistics = attribute_statistics(given_.reference, given_.predicted)
    found = finished(attribute_metrics("arousal"), statistics)
    return {name.removeprefix("arousal_"): value for name, value in found.items()}


@EXAMPLES
@given(rated())
def test_agreement_is_audmetrics(given_: Rated) -> None:
    """But for references of one value: audmetric then says 0 or NaN, ours is undefined."""
    ours = values(given_)["ccc"]
    if np.ptp(given_.reference) == 0:
        assert np.isnan(ours)
        return
    theirs = audmetric.concordance_cc(given_.reference, given_.predicted)
    np.testing.assert_allclose(ours, theirs, **TIGHT)


@EXAMPLES
@given(rated(fewest=2))
def test_correlation_is_audmetrics_and_scipys(given_: Rated) -> None:
    ours = values(given_)["pearson"]
    if np.ptp(given_.reference) == 0:  # there audmetric divides by 0
        assert np.isnan(ours)
        return
    theirs = audmetric.pearson_cc(given_.reference, given_.predicted)
    np.testing.assert_allclose(ours, theirs, **TIGHT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        warnings.simplefilter("ignore", NearConstantInputWarning)
        found = pearsonr(given_.reference, given_.predicted).statistic
    np.testing.assert_allclose(ours, found, rtol=0, atol=1e-12, equal_nan=True)


@EXAMPLES
@given(rated())
def test_both_are_those_of_fractions(given_: Rated) -> None:
    ours = values(given_)
    pair = given_.reference.tolist(), given_.predicted.tolist()
    np.testing.assert_allclose(ours["ccc"], exact_ccc(*pair), **TIGHT)
    np.testing.assert_allclose(ours["pearson"], exact_pearson(*pair), **TIGHT)


@EXAMPLES
@given(rated())
def test_errors_are_scikit_learns(given_: Rated) -> None:
    ours, pair = values(given_), (given_.reference, given_.predicted)
    np.testing.assert_allclose(ours["rmse"], sk.root_mean_squared_error(*pair), **TIGHT)
    np.testing.assert_allclose(ours["mae"], sk.mean_absolute_error(*pair), **TIGHT)
    assert ours["bias"] == pytest.approx(given_.predicted.mean() - given_.reference.mean())


@EXAMPLES
@given(rated())
def test_agreement_is_never_more_than_correlation_and_never_of_another_sign(given_: Rated) -> None:
    ours = values(given_)
    assume(not np.isnan(ours["pearson"]))
    assert abs(ours["ccc"]) <= abs(ours["pearson"]) + 1e-12
    assert ours["ccc"] * ours["pearson"] >= -1e-15


@EXAMPLES
@given(rated())
def test_swapping_the_sides_turns_the_bias_only(given_: Rated) -> None:
    ours, turned = values(given_), values(Rated(given_.predicted, given_.reference))
    assert turned["bias"] == pytest.approx(-ours["bias"])
    for name in ("pearson", "rmse", "mae"):
        np.testing.assert_allclose(turned[name], ours[name], **TIGHT)
    if np.ptp(given_.reference) and np.ptp(given_.predicted):
        np.testing.assert_allclose(turned["ccc"], ours["ccc"], **TIGHT)


@EXAMPLES
@given(rated(), st.sampled_from([-1e6, -3.0, 1e3, 1e6]), st.sampled_from([0.25, 8.0, 1024.0]))
def test_another_scale_changes_errors_only(given_: Rated, shift: float, scale: float) -> None:
    """Quarters shifted and scaled by powers of two are exact, so the answers must be equal."""
    other = Rated(*(each * scale + shift for each in (given_.reference, given_.predicted)))
    ours, found = values(given_), values(other)
    for name in ("ccc", "pearson"):
        np.testing.assert_allclose(found[name], ours[name], rtol=0, atol=1e-9, equal_nan=True)
    for name in ("rmse", "mae", "bias"):
        assert found[name] == pytest.approx(ours[name] * scale, abs=1e-9), name


@EXAMPLES
@given(rated(), st.integers(0, 1_000))
def test_the_order_of_items_does_not_count(given_: Rated, seed: int) -> None:
    mixed = np.random.default_rng(seed).permutation(len(given_.reference))
    found = values(Rated(given_.reference[mixed], given_.predicted[mixed]))
    for name, value in values(given_).items():
        np.testing.assert_allclose(found[name], value, **TIGHT)


@EXAMPLES
@given(rated())
def test_everything_twice_changes_nothing(given_: Rated) -> None:
    found = values(Rated(np.tile(given_.reference, 2), np.tile(given_.predicted, 2)))
    for name, value in values(given_).items():
        np.testing.assert_allclose(found[name], value, **TIGHT)


@EXAMPLES
@given(rated(), st.integers(0, 1_000))
def test_a_resample_is_scored_by_its_weights(given_: Rated, seed: int) -> None:
    """Its own mean is not the centre, and nothing changes by that."""
    n = len(given_.reference)
    drawn = np.random.default_rng(seed).integers(0, n, n)
    sums = resampled(attribute_statistics(given_.reference, given_.predicted), drawn)
    expected = values(Rated(given_.reference[drawn], given_.predicted[drawn]))
    for name, metric in attribute_metrics("arousal").items():
        found = metric.finish(sums)
        np.testing.assert_allclose(found, expected[name.removeprefix("arousal_")], **TIGHT)


@EXAMPLES
@given(rated(fewest=2), st.integers(0, 1_000))
def test_calls_with_the_same_centres_add_up(given_: Rated, seed: int) -> None:
    cut = int(np.random.default_rng(seed).integers(1, len(given_.reference)))
    parts = [
        attribute_statistics(given_.reference[part], given_.predicted[part], centres=(4.0, 4.0))
        for part in (slice(None, cut), slice(cut, None))
    ]
    sums = parts[0].sum(0) + parts[1].sum(0)
    expected = values(given_)
    for name, metric in attribute_metrics("arousal").items():
        found = metric.finish(sums)
        np.testing.assert_allclose(found, expected[name.removeprefix("arousal_")], **TIGHT)


@EXAMPLES
@given(rated())
def test_values_lie_in_their_range(given_: Rated) -> None:
    found = values(given_)
    for name, metric in attribute_metrics("arousal").items():
        value = found[name.removeprefix("arousal_")]
        assert np.isnan(value) or metric.low <= value <= metric.high, name
