"""Values of groups with their noise: shapes, the group of all, and the correction for few units."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.evaluation.resampling import finish_columns, group_values
from equivoice.metrics import classification_metrics
from oracles import resampling as slow
from oracles.worlds import world

METRICS = classification_metrics()
CHOSEN = {name: METRICS[name] for name in ("accuracy", "macro_f1", "recall")}


def test_points_are_those_of_the_rows() -> None:
    given = world([5, 7], seed=1)
    found = group_values(given.sums(), CHOSEN, replicates=0, seed=0).point
    for name, score in (("accuracy", slow.accuracy), ("macro_f1", slow.macro_f1)):
        by_group = [
            score(given.reference[given.groups == g], given.predicted[given.groups == g])
            for g in (0, 1)
        ]
        everybody = score(given.reference, given.predicted)
        np.testing.assert_allclose(found[name], np.c_[[*by_group, everybody]], atol=1e-12)


def test_shapes() -> None:
    found = group_values(world([5, 7, 6]).sums(), CHOSEN, replicates=40, seed=0)
    assert found.point["accuracy"].shape == (4, 1)
    assert found.point["recall"].shape == (4, 3)
    assert found.noise is not None
    assert found.noise["accuracy"].shape == (4, 1, 40)
    assert found.noise["recall"].shape == (4, 3, 40)
    assert found.units.tolist() == [5, 7, 6, 18]


def test_no_noise_was_asked_for() -> None:
    assert group_values(world([5]).sums(), CHOSEN, replicates=0, seed=0).noise is None


def test_noise_is_centred_and_has_the_spread_of_n_minus_1() -> None:
    """Against the analytic standard error of a mean over speakers with equal shares."""
    given = world([6, 14], each=18, spread=4.0, seed=2)
    found = group_values(given.sums(), CHOSEN, replicates=20_000, seed=0)
    assert found.noise is not None
    noise = found.noise["accuracy"][:, 0]
    assert (np.abs(noise.mean(-1)) < 0.1 * noise.std(-1)).all()
    assert (np.abs(np.median(noise, -1)) < 0.1 * noise.std(-1)).all()
    right = (given.reference == given.predicted).reshape(20, 18).mean(1)
    for group, own in enumerate((right[:6], right[6:])):
        assert noise[group].std() == pytest.approx(own.std(ddof=1) / len(own) ** 0.5, rel=0.03)


def test_the_noise_of_all_is_that_of_the_groups_together() -> None:
    """Groups of equal size: everybody's accuracy moves by the mean of the groups' moves."""
    found = group_values(world([8, 8]).sums(), CHOSEN, replicates=100, seed=0)
    assert found.noise is not None
    drawn = found.noise["accuracy"][:, 0] / np.sqrt([[8 / 7], [8 / 7], [16 / 15]])
    drawn -= drawn.mean(-1, keepdims=True)
    np.testing.assert_allclose(drawn[2], drawn[:2].mean(0), atol=1e-12)


def test_a_speaker_in_two_groups_is_counted_once_among_all() -> None:
    from oracles.worlds import World

    given = world([6], each=12)
    groups = np.tile(np.arange(12) % 2, 6)
    both = World(given.reference, given.predicted, groups, given.speakers, 3, 2)
    assert group_values(both.sums(), CHOSEN, replicates=0, seed=0).units.tolist() == [6, 6, 6]


@pytest.mark.parametrize(("name", "shape"), [("accuracy", (4, 1)), ("recall", (4, 3))])
def test_scalars_get_a_class_axis(name: str, shape: tuple[int, ...]) -> None:
    assert finish_columns(METRICS[name], np.ones((4, 10))).shape == shape
