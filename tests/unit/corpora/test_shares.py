"""Numbers of votes out of published shares."""

from __future__ import annotations

from itertools import product
from math import gcd

import numpy as np
import pytest

from equivoice.corpora.shares import fewest_votes, is_smoothed, unsmoothed
from equivoice.errors import ConfigError
from equivoice.metrics.distribution import smoothed


def test_the_known_answer_of_smoothing_is_undone() -> None:
    one_hot = np.array([[0.95] + [0.00625] * 8])  # methods.md, section 3: C = 9
    np.testing.assert_allclose(unsmoothed(one_hot), np.eye(9)[:1], atol=1e-12)
    assert is_smoothed(one_hot)


@pytest.mark.parametrize("classes", range(2, 17))
def test_smoothing_and_back(classes: int) -> None:
    shares = np.random.default_rng(classes).dirichlet(np.ones(classes), size=50)
    shares[0] = np.eye(classes)[0]
    there = smoothed(shares)
    np.testing.assert_allclose(unsmoothed(there), shares, atol=1e-12)
    assert is_smoothed(there)
    assert not is_smoothed(shares)


def test_every_number_of_votes_is_found_again_without_its_common_factor() -> None:
    counts = np.array([row for row in product(range(6), repeat=4) if sum(row)])
    shares = np.round(counts / counts.sum(axis=1, keepdims=True), 6)
    factors = np.array([gcd(*row) for row in counts.tolist()])
    np.testing.assert_array_equal(fewest_votes(shares), counts // factors[:, np.newaxis])


def test_published_digits_are_enough() -> None:
    # Six digits, as in EMO-SUPERB's files: 1/6, 1/2 and 1/3 of the votes among nine.
    row = np.full((1, 9), 0.00625)
    row[0, [0, 3, 5]] = 0.163542, 0.478125, 0.320833
    assert fewest_votes(unsmoothed(row))[0].tolist() == [1, 0, 0, 3, 0, 2, 0, 0, 0]


def test_what_no_number_of_votes_has_is_left_at_zero() -> None:
    shares = np.array([[0.123456, 0.876544], [0.25, 0.75]])
    assert fewest_votes(shares, most=12).tolist() == [[0, 0], [1, 3]]
    assert fewest_votes(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("epsilon", [-0.1, 0.5])
def test_smoothing_that_leaves_nothing_cannot_be_undone(epsilon: float) -> None:
    with pytest.raises(ConfigError, match="smoothing"):
        unsmoothed(np.array([[0.5, 0.5]]), epsilon)
