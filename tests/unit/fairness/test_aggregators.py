"""How gaps of groups and classes join: by loops over cells, and by what must not matter."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from equivoice.fairness import CLASS_AGGREGATORS, GROUP_AGGREGATORS, gap_function
from oracles.codes import EXAMPLES, TIGHT

NAN = math.nan


@st.composite
def cells(draw: st.DrawFn) -> np.ndarray:
    """(G + 1, K) values of groups and of all together, some of them undefined."""
    shape = draw(st.integers(2, 5)) + 1, draw(st.integers(1, 4))
    values = draw(hnp.arrays(np.float64, shape, elements=st.floats(0, 1, width=32)))
    holes = draw(hnp.arrays(np.bool_, shape))
    return np.where(holes, NAN, values)


def slow_gap(column: np.ndarray, aggregator: str) -> float:
    """One class, one cell after the other."""
    groups = [value for value in column[:-1].tolist() if not math.isnan(value)]
    if len(groups) < 2:
        return NAN
    if aggregator == "max_to_overall":
        distances = [abs(group - column[-1]) for group in groups]
        return NAN if math.isnan(column[-1]) else max(distances)
    pairs = [abs(a - b) for a, b in itertools.combinations(groups, 2)]
    if aggregator == "mean":
        return math.fsum(pairs) / len(pairs)
    if aggregator == "rms":
        return math.sqrt(math.fsum(pair * pair for pair in pairs) / len(pairs))
    return max(pairs)


def slow_classes(gaps: list[float], aggregator: str) -> float:
    known = [gap for gap in gaps if not math.isnan(gap)]
    if not known:
        return NAN
    if aggregator == "mean":
        return math.fsum(known) / len(known)
    if aggregator == "rms":
        return math.sqrt(math.fsum(gap * gap for gap in known) / len(known))
    return max(known)


@EXAMPLES
@given(
    cells(), st.sampled_from(sorted(GROUP_AGGREGATORS)), st.sampled_from(sorted(CLASS_AGGREGATORS))
)
def test_against_loops_over_cells(values: np.ndarray, over_groups: str, over_classes: str) -> None:
    by_class = [slow_gap(column, over_groups) for column in values.T]
    found = gap_function((values.shape[1],), over_groups, over_classes)(values)
    np.testing.assert_allclose(found, slow_classes(by_class, over_classes), **TIGHT)


@EXAMPLES
@given(cells(), st.sampled_from(sorted(GROUP_AGGREGATORS)), st.integers(0, 99))
def test_replicates_are_joined_one_by_one(values: np.ndarray, over_groups: str, seed: int) -> None:
    """(G + 1, K, R): the bootstrap's replicates lie along the last axis."""
    rng = np.random.default_rng(seed)
    many = values[..., np.newaxis] + rng.normal(size=(*values.shape, 3))
    gap = gap_function((values.shape[1],), over_groups, "mean")
    one_by_one = [gap(many[..., r]) for r in range(3)]
    np.testing.assert_allclose(gap(many), one_by_one, **TIGHT)


@EXAMPLES
@given(cells(), st.sampled_from(sorted(GROUP_AGGREGATORS)), st.permutations(range(5)))
def test_the_order_of_groups_does_not_matter(
    values: np.ndarray, over_groups: str, order: list[int]
) -> None:
    groups = len(values) - 1
    shuffled = values[[*(g for g in order if g < groups), groups]]
    gap = gap_function((values.shape[1],), over_groups, "rms")
    np.testing.assert_allclose(gap(shuffled), gap(values), **TIGHT)


@EXAMPLES
@given(cells(), st.sampled_from(sorted(GROUP_AGGREGATORS)))
def test_an_empty_group_does_not_matter(values: np.ndarray, over_groups: str) -> None:
    empty = np.full((1, values.shape[1]), NAN)
    gap = gap_function((values.shape[1],), over_groups, "mean")
    np.testing.assert_allclose(gap(np.vstack([empty, values])), gap(values), **TIGHT)


@EXAMPLES
@given(cells(), st.sampled_from(sorted(GROUP_AGGREGATORS)), st.floats(0.1, 10), st.floats(-1, 1))
def test_gaps_scale_with_differences_and_ignore_a_common_shift(
    values: np.ndarray, over_groups: str, scale: float, shift: float
) -> None:
    gap = gap_function((values.shape[1],), over_groups, "mean")
    np.testing.assert_allclose(
        gap(values * scale + shift), gap(values) * scale, atol=1e-9, rtol=0, equal_nan=True
    )


@EXAMPLES
@given(cells())
def test_mean_is_at_most_rms_is_at_most_max(values: np.ndarray) -> None:
    width = (values.shape[1],)
    mean, rms, top = (gap_function(width, name, "mean")(values) for name in ("mean", "rms", "max"))
    assert not mean > rms + 1e-12
    assert not rms > top + 1e-12


def test_two_groups_have_one_pair() -> None:
    values = np.array([[0.7], [0.4], [0.5]])
    for name in ("mean", "rms", "max"):
        assert gap_function((1,), name, "mean")(values) == pytest.approx(0.3, abs=1e-15)
    assert gap_function((1,), "max_to_overall", "mean")(values) == pytest.approx(0.2, abs=1e-15)


def test_one_group_has_no_gap() -> None:
    for name in GROUP_AGGREGATORS:
        assert np.isnan(gap_function((1,), name, "mean")(np.array([[0.7], [0.7]])))


def test_a_group_is_compared_with_everybody_only_if_there_is_another() -> None:
    values = np.array([[0.7], [NAN], [0.5]])
    assert np.isnan(gap_function((1,), "max_to_overall", "mean")(values))


@pytest.mark.parametrize(("combine", "expected"), [("mean", 0.35), ("max", 0.5)])
def test_several_metrics_join_by_name(combine: str, expected: float) -> None:
    # a metric of two classes with gaps .2 and .8 (mean .5), and a scalar with gap .2
    values = np.array([[0.2, 0.9, 0.5], [0.4, 0.1, 0.7], [0.3, 0.5, 0.6]])
    assert gap_function((2, 1), "mean", "mean", combine)(values) == pytest.approx(expected)


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_a_measure_with_an_undefined_part_is_undefined(combine: str) -> None:
    values = np.array([[0.2, NAN], [0.4, NAN], [0.3, NAN]])
    assert np.isnan(gap_function((1, 1), "mean", "mean", combine)(values))
