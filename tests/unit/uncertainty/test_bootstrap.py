"""The bootstrap: the same as copying rows of drawn speakers, whatever the machine."""

from __future__ import annotations

import os

import numpy as np
import pytest

from equivoice.metrics import FloatArray, classification_metrics
from equivoice.uncertainty import ClusteredSums, Stratum, bootstrap_sums, deviations
from oracles import resampling as slow
from oracles.worlds import World, world

METRICS = classification_metrics()
ACCURACY = METRICS["accuracy"].finish
SLOW = {"accuracy": slow.accuracy, "macro_f1": slow.macro_f1}


def interleaved(seed: int = 0) -> World:
    """Twelve speakers who all stand in both groups, such as two languages."""
    given = world([12], each=20, seed=seed)
    groups = np.random.default_rng(seed + 1).integers(0, 2, len(given.reference))
    return World(given.reference, given.predicted, groups, given.speakers, 3, 2)


def by_loops(given: World, name: str, replicates: int) -> FloatArray:
    return slow.row_bootstrap(
        given.reference,
        given.predicted,
        given.groups,
        given.speakers,
        score=SLOW[name],
        n_groups=given.n_groups,
        replicates=replicates,
        seed=7,
    )


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
@pytest.mark.parametrize(
    "given", [world([7, 12], skills=(0.5, 0.8)), interleaved()], ids=["apart", "in both groups"]
)
def test_in_distribution_the_same_as_copying_rows(given: World, name: str) -> None:
    """Mean, spread, covariance of the groups and tails, within Monte Carlo error."""
    expected = by_loops(given, name, 1500)
    found = METRICS[name].finish(bootstrap_sums(given.sums(), 20_000, seed=1))
    error = expected.std(0)
    np.testing.assert_allclose(found.mean(0), expected.mean(0), atol=5 * error.max() / 1500**0.5)
    np.testing.assert_allclose(found.std(0), error, rtol=0.09)  # 4.5 standard errors of a spread
    assert np.corrcoef(found.T)[0, 1] == pytest.approx(np.corrcoef(expected.T)[0, 1], abs=0.12)
    for share in (0.05, 0.5, 0.95):
        np.testing.assert_allclose(
            np.quantile(found, share, axis=0),
            np.quantile(expected, share, axis=0),
            atol=0.25 * error.max(),
        )


def test_speakers_in_both_groups_make_the_groups_go_together() -> None:
    correlation = np.corrcoef(ACCURACY(bootstrap_sums(interleaved().sums(), 4000, seed=0)).T)[0, 1]
    assert correlation > 0.4  # a speaker is understood well or badly in both
    apart = np.corrcoef(ACCURACY(bootstrap_sums(world([12, 12]).sums(), 4000, seed=0)).T)[0, 1]
    assert abs(apart) < 0.06  # four standard errors of a correlation of 0


def test_with_every_speaker_drawn_once_the_sums_are_the_totals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Weights forced to 1: the replicate is the sample itself, exactly."""
    from equivoice.uncertainty import bootstrap

    monkeypatch.setattr(bootstrap, "_draw", lambda stratum, r, _: np.ones((r, len(stratum.sums))))
    sample = interleaved().sums()
    for replicate in bootstrap_sums(sample, 3, seed=0):
        np.testing.assert_array_equal(replicate, sample.totals())


def test_a_replicate_is_the_sum_of_the_speakers_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights forced: speakers drawn 0, 1, 2, ... times equal rows copied so often."""
    from equivoice.uncertainty import bootstrap

    given = world([4, 3])
    weights = {(0,): [2, 0, 1, 1], (1,): [3, 0, 0]}
    monkeypatch.setattr(
        bootstrap, "_draw", lambda stratum, r, _: np.tile(weights[stratum.groups], (r, 1))
    )
    times = np.array([*weights[(0,)], *weights[(1,)]])[given.speakers]
    copied = World(
        *(np.repeat(part, times) for part in (given.reference, given.predicted, given.groups)),
        np.repeat(given.speakers, times),
        3,
        2,
    )
    np.testing.assert_array_equal(
        bootstrap_sums(given.sums(), 1, seed=0)[0], copied.sums().totals()
    )


def test_groups_keep_their_number_of_speakers() -> None:
    """Equal speakers of 9 utterances each: every replicate has as many utterances as the sample."""
    drawn = bootstrap_sums(world([5, 8], each=9).sums(), 500, seed=3)
    utterances = drawn[..., 3:6].sum(-1)
    assert (utterances == [45.0, 72.0]).all()


def test_without_speakers_groups_keep_their_number_of_utterances() -> None:
    drawn = bootstrap_sums(world([5, 8], each=9).sums(by_speaker=False), 500, seed=3)
    assert (drawn[..., 3:6].sum(-1) == [45.0, 72.0]).all()


def test_equal_units_as_multiplicity_or_one_by_one() -> None:
    """The multinomial over cells and the draw of rows are one distribution."""
    given = world([6, 9], each=12)
    packed = given.sums(by_speaker=False)
    unpacked = ClusteredSums(
        tuple(
            Stratum(
                stratum.groups,
                np.repeat(stratum.sums, stratum.multiplicity, axis=0),
                np.ones(stratum.units, dtype=np.int64),
            )
            for stratum in packed.strata
        ),
        packed.n_groups,
        packed.size,
        packed.unit,
    )
    one, other = (
        METRICS["macro_f1"].finish(bootstrap_sums(sample, 20_000, seed=5))
        for sample in (packed, unpacked)
    )
    error = one.std(0)
    np.testing.assert_allclose(other.mean(0), one.mean(0), atol=0.05 * error.max())
    np.testing.assert_allclose(other.std(0), error, rtol=0.03)


def test_the_error_of_an_accuracy_is_the_binomials_without_speakers() -> None:
    given = world([30], each=20)
    accuracy = float((given.reference == given.predicted).mean())
    drawn = ACCURACY(bootstrap_sums(given.sums(by_speaker=False), 20_000, seed=0))[:, 0]
    assert drawn.std() == pytest.approx((accuracy * (1 - accuracy) / 600) ** 0.5, rel=0.03)


def test_the_error_of_an_accuracy_is_the_standard_error_of_speaker_means() -> None:
    """Equal numbers of utterances: the bootstrap of n speakers has variance s² (n − 1) / n²."""
    given = world([15], each=12, spread=3.0)
    means = [
        (given.reference == given.predicted)[given.speakers == speaker].mean()
        for speaker in range(15)
    ]
    drawn = ACCURACY(bootstrap_sums(given.sums(), 20_000, seed=0))[:, 0]
    assert drawn.std() == pytest.approx(np.std(means) / 15**0.5, rel=0.03)
    mended = deviations(drawn, 15)
    assert mended.std() == pytest.approx(np.std(means, ddof=1) / 15**0.5, rel=0.03)


@pytest.mark.parametrize("replicates", [1, 499, 500, 501, 1300])
@pytest.mark.parametrize("cores", [1, 2, 64])
def test_the_number_of_cores_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, cores: int, replicates: int
) -> None:
    sample = world([4, 5]).sums()
    here = bootstrap_sums(sample, replicates, seed=11)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    np.testing.assert_array_equal(bootstrap_sums(sample, replicates, seed=11), here)


def test_seeds_decide() -> None:
    sample = world([4, 5]).sums()
    np.testing.assert_array_equal(
        bootstrap_sums(sample, 50, seed=1), bootstrap_sums(sample, 50, seed=1)
    )
    assert (bootstrap_sums(sample, 50, seed=1) != bootstrap_sums(sample, 50, seed=2)).any()


def test_chunks_are_drawn_apart() -> None:
    """The 500 replicates of one chunk are not those of the next."""
    drawn = bootstrap_sums(world([8]).sums(), 1000, seed=0)
    assert (drawn[:500] != drawn[500:]).any()


def test_an_empty_group_stays_empty() -> None:
    given = world([4, 5])
    lonely = World(given.reference, given.predicted, given.groups * 2, given.speakers, 3, 3)
    drawn = bootstrap_sums(lonely.sums(), 20, seed=0)
    assert (drawn[:, 1] == 0).all()
    assert np.isnan(ACCURACY(drawn)[:, 1]).all()


def test_speakers_in_their_own_sets_of_groups_still_vary() -> None:
    """Seven speakers, three groups, each speaker in another set of them: {0}, {0, 1}, ..."""
    sets = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    rng = np.random.default_rng(0)
    speakers = np.concatenate([np.full(12, s) for s in range(7)])
    groups = np.concatenate([np.resize(sets[s], 12) for s in range(7)])
    reference = rng.integers(0, 3, 84)
    predicted = np.where(rng.random(84) < 0.6, reference, (reference + 1) % 3)
    given = World(reference, predicted, groups, speakers, 3, 3)
    drawn = ACCURACY(bootstrap_sums(given.sums(), 500, seed=0))
    assert (np.nanstd(drawn, axis=0) > 0.02).all()
