"""Sums by unit and group: nothing lost, nothing twice, strata as they are."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.metrics import classification_statistics
from equivoice.uncertainty import clustered_sums
from oracles.resampling import strata
from oracles.worlds import World, world


def mixed(seed: int = 0) -> World:
    """Utterances whose group has nothing to do with the speaker; some in no group."""
    rng = np.random.default_rng(seed)
    n = 120
    return World(
        rng.integers(0, 3, n),
        rng.integers(-1, 3, n),
        rng.integers(-1, 3, n),
        rng.integers(0, 25, n),
        3,
        3,
    )


@pytest.mark.parametrize("by_speaker", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_totals_are_the_sums_over_items(by_speaker: bool, seed: int) -> None:
    given = mixed(seed)
    known = given.groups >= 0
    statistics = classification_statistics(given.reference[known], given.predicted[known], 3)
    expected = statistics.sums(given.groups[known], 3)
    np.testing.assert_array_equal(given.sums(by_speaker=by_speaker).totals(), expected)


def test_units_are_the_speakers_of_each_group() -> None:
    given = mixed()
    expected = [len(set(given.speakers[given.groups == group].tolist())) for group in range(3)]
    assert given.sums().units().tolist() == expected


def test_without_speakers_utterances_are_units() -> None:
    given = mixed()
    sums = given.sums(by_speaker=False)
    assert sums.unit == "utterance"
    assert sums.units().tolist() == [int((given.groups == group).sum()) for group in range(3)]


def test_equal_utterances_are_one_row_with_a_multiplicity() -> None:
    given = world([40, 40], classes=3, each=30)
    sums = given.sums(by_speaker=False)
    assert all(len(stratum.sums) <= 12 for stratum in sums.strata)  # K (K + 1) cells
    assert sum(stratum.units for stratum in sums.strata) == 2400


def test_each_group_is_a_stratum_where_speakers_stand_in_one() -> None:
    sums = world([3, 5, 4]).sums()
    assert {stratum.groups: stratum.units for stratum in sums.strata} == {(0,): 3, (1,): 5, (2,): 4}


def test_one_speaker_in_two_groups_makes_one_stratum_of_all() -> None:
    """Sets of groups as strata would hold a speaker each, and nothing would vary."""
    given = mixed()
    known = given.groups >= 0
    assert len(strata(given.groups[known], given.speakers[known])) == 1
    (only,) = given.sums().strata
    assert only.groups == (0, 1, 2)
    assert only.units == len(set(given.speakers[known].tolist()))


def test_strata_of_a_selection_are_made_anew() -> None:
    """Groups 0 and 1 share no speaker, though some of their speakers stand in 2 as well."""
    codes = np.zeros(6, dtype=np.int64)
    statistics = classification_statistics(codes, codes, 1)
    sums = clustered_sums(
        statistics, np.array([0, 2, 1, 2, 0, 1]), 3, np.array([10, 10, 11, 11, 12, 13])
    )
    assert len(sums.strata) == 1
    chosen = sums.select((0, 1))
    assert [(stratum.groups, stratum.units) for stratum in chosen.strata] == [((0,), 2), ((1,), 2)]


def test_a_speaker_in_several_groups_is_one_unit_with_a_part_in_each() -> None:
    codes = np.array([0, 0, 0, 1])
    statistics = classification_statistics(codes, codes, 2)
    sums = clustered_sums(statistics, np.array([0, 1, 1, 0]), 2, np.array([5, 5, 5, 6]))
    (both,) = sums.strata
    assert both.groups == (0, 1)
    assert both.units == 2
    assert sorted(both.sums[:, :, 2].tolist()) == [[0, 0], [1, 2]]  # references of class 0
    assert sums.units().tolist() == [2, 1]


def test_items_without_a_group_are_left_out() -> None:
    codes = np.zeros(4, dtype=np.int64)
    statistics = classification_statistics(codes, codes, 1)
    sums = clustered_sums(statistics, np.array([0, -1, -1, 0]), 1, np.array([1, 1, 2, 3]))
    assert sums.units().tolist() == [2]
    assert sums.totals()[0].tolist() == [2, 2, 2, 0]


def test_a_group_without_units_has_zero_sums() -> None:
    given = world([3, 3])
    with_empty = World(
        given.reference, given.predicted, given.groups * 2, given.speakers, 3, 4
    ).sums()
    assert with_empty.units().tolist() == [3, 0, 3, 0]
    assert (with_empty.totals()[[1, 3]] == 0).all()


@pytest.mark.parametrize("by_speaker", [True, False])
def test_selecting_groups_keeps_their_sums(by_speaker: bool) -> None:
    sums = mixed().sums(by_speaker=by_speaker)
    chosen = sums.select((2, 0))
    np.testing.assert_array_equal(chosen.totals(), sums.totals()[[2, 0]])
    np.testing.assert_array_equal(chosen.units(), sums.units()[[2, 0]])
    assert chosen.n_groups == 2


def test_speaker_codes_need_not_be_dense() -> None:
    given = mixed()
    far = World(
        given.reference, given.predicted, given.groups, given.speakers * 1_000_003, 3, 3
    ).sums()
    near = given.sums()
    for one, other in zip(near.strata, far.strata, strict=True):
        assert one.groups == other.groups
        np.testing.assert_array_equal(one.sums, other.sums)


def test_nobody() -> None:
    empty = np.zeros(0, dtype=np.int64)
    statistics = classification_statistics(empty, empty, 2)
    for speakers in (empty, None):
        sums = clustered_sums(statistics, empty, 2, speakers)
        assert sums.strata == ()
        assert sums.units().tolist() == [0, 0]
        assert sums.totals().shape == (2, 7)


def test_everybody_without_a_group() -> None:
    codes = np.zeros(3, dtype=np.int64)
    statistics = classification_statistics(codes, codes, 2)
    sums = clustered_sums(statistics, np.full(3, -1), 2, codes)
    assert sums.units().tolist() == [0, 0]
