"""Whatever the speakers and groups: sums, draws and tests keep their promises."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from equivoice.metrics import FloatArray, classification_metrics
from equivoice.uncertainty import bootstrap_sums, permutation_test
from oracles.codes import EXAMPLES
from oracles.worlds import World

ACCURACY = classification_metrics()["accuracy"].finish


@st.composite
def worlds(draw: st.DrawFn, *, one_group_each: bool = False, most_groups: int = 4) -> World:
    """Any speakers in any groups; utterances without a group; groups without utterances."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 80))
    classes, groups = draw(st.integers(1, 4)), draw(st.integers(1, most_groups))
    speakers = rng.integers(0, draw(st.integers(1, 15)), n)
    lowest = draw(st.sampled_from([-1, 0]))
    if one_group_each:
        where = rng.integers(lowest, groups, 15)[speakers]
    else:
        where = rng.integers(lowest, groups, n)
    return World(
        rng.integers(0, classes, n),
        rng.integers(-1, classes, n),
        where,
        speakers,
        classes,
        groups,
    )


def accuracy(sums: FloatArray) -> FloatArray:
    return ACCURACY(sums)[..., np.newaxis]


@EXAMPLES
@given(worlds(), st.booleans())
def test_every_unit_is_in_one_stratum(asked: World, by_speaker: bool) -> None:
    sums = asked.sums(by_speaker=by_speaker)
    known = asked.groups >= 0
    expected = len(set(asked.speakers[known].tolist())) if by_speaker else int(known.sum())
    assert sum(stratum.units for stratum in sums.strata) == expected
    assert sums.units_in(tuple(range(asked.n_groups))) == expected


@EXAMPLES
@given(worlds(), st.integers(0, 99))
def test_draws_keep_the_number_of_units(asked: World, seed: int) -> None:
    """References drawn never exceed what the largest unit, drawn every time, would give."""
    sums = asked.sums()
    drawn = bootstrap_sums(sums, 20, seed=seed)
    assert drawn.shape == (20, asked.n_groups, sums.size)
    assert (drawn == np.round(drawn)).all()
    assert (drawn >= 0).all()
    k = asked.classes
    for stratum in sums.strata:
        largest = stratum.sums[..., k : 2 * k].sum(-1).max(0) * stratum.units
        assert (drawn[:, list(stratum.groups), k : 2 * k].sum(-1) <= largest).all()


@EXAMPLES
@given(worlds(one_group_each=True), st.integers(0, 99))
def test_a_group_with_equal_speakers_is_always_as_large(asked: World, seed: int) -> None:
    sums = asked.sums()
    k = asked.classes
    drawn = bootstrap_sums(sums, 10, seed=seed)[..., k : 2 * k].sum(-1)
    for stratum in sums.strata:
        sizes = stratum.sums[:, 0, k : 2 * k].sum(-1)
        low, high = sizes.min() * stratum.units, sizes.max() * stratum.units
        assert ((low <= drawn[:, stratum.groups[0]]) & (drawn[:, stratum.groups[0]] <= high)).all()


@EXAMPLES
@given(worlds(), st.data())
def test_a_selection_of_groups_is_the_sample_of_their_items(
    asked: World, data: st.DataObject
) -> None:
    chosen = tuple(
        data.draw(st.lists(st.integers(0, asked.n_groups - 1), min_size=1, max_size=3, unique=True))
    )
    place = {group: new for new, group in enumerate(chosen)}
    groups = np.array([place.get(group, -1) for group in asked.groups.tolist()])
    anew = World(
        asked.reference, asked.predicted, groups, asked.speakers, asked.classes, len(chosen)
    ).sums()
    found = asked.sums().select(chosen)
    np.testing.assert_array_equal(found.totals(), anew.totals())
    np.testing.assert_array_equal(found.units(), anew.units())
    strata = [
        sorted((tuple(sorted(s.groups)), s.units) for s in sample.strata)
        for sample in (found, anew)
    ]
    assert strata[0] == strata[1]


@EXAMPLES
@given(worlds(most_groups=3), st.integers(0, 9))
def test_p_is_between_its_floor_and_1_or_there_is_a_reason(asked: World, seed: int) -> None:
    sums = asked.sums()
    if asked.n_groups < 2:
        return
    result = permutation_test(sums, {"a": accuracy}, {"a": ("a",)}, permutations=60, seed=seed)
    p_value = result.p_values["a"]
    if result.undefined:
        assert np.isnan(p_value)
        return
    assert 0 < result.floor <= 1
    assert np.isnan(p_value) or result.floor - 1e-12 <= p_value <= 1
