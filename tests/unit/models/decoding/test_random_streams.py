"""Streams of uniform numbers: numpy's own Philox is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.models.decoding.random_streams import uniforms

SEEDS = [0, 1, 2, 7, 2**31, 2**32 + 5, 2**63 - 1, 2**64 - 1, 6853653963429318849]


@pytest.mark.parametrize("steps", [1, 4, 5, 13])
def test_the_numbers_are_those_of_numpy(steps: int) -> None:
    ours = uniforms(SEEDS, steps)
    for seed, row in zip(SEEDS, ours, strict=True):
        expected = np.random.Generator(np.random.Philox(key=seed)).random(steps)
        np.testing.assert_array_equal(row, expected)


def test_a_longer_stream_begins_like_a_shorter_one() -> None:
    np.testing.assert_array_equal(uniforms(SEEDS, 9)[:, :3], uniforms(SEEDS, 3))


def test_neighbouring_seeds_are_unrelated() -> None:
    numbers = uniforms(list(range(20_000)), 5)
    # the standard error of a correlation of 20,000 pairs is 0.007
    together = np.corrcoef(np.concatenate([numbers[:-1], numbers[1:]], axis=1).T)
    assert np.abs(together - np.eye(10)).max() < 0.032
    assert np.abs(numbers.mean(axis=0) - 0.5).max() < 4.5 * np.sqrt(1 / 12 / 20_000)


def test_no_seeds() -> None:
    assert uniforms([], 5).shape == (0, 5)
