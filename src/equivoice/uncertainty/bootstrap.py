"""The cluster bootstrap: speakers drawn anew, within their groups.

A replicate gives each unit a weight (how often it was drawn); its sums are
weights times sums, so thousands of replicates of every metric are one matrix
product. Field & Welsh (2007) for resampling clusters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from equivoice.metrics import FloatArray
from equivoice.uncertainty.clusters import ClusteredSums, Stratum

__all__ = ["bootstrap_sums"]

_CHUNK = 500


def bootstrap_sums(sample: ClusteredSums, replicates: int, *, seed: int) -> FloatArray:
    """Sums of each group in each bootstrap replicate.

    Units are drawn with replacement within their stratum. The result depends
    on the seed alone, not on the number of cores.

    Args:
        sample: the units.
        replicates: R.
        seed: of the draws.

    Returns:
        (R, G, S) sums.

    Example:
        >>> import numpy as np
        >>> from equivoice.metrics import classification_statistics
        >>> from equivoice.uncertainty import clustered_sums
        >>> codes = np.array([0, 1, 0, 1])
        >>> stats = classification_statistics(codes, codes, 2)
        >>> sample = clustered_sums(stats, np.zeros(4, dtype=np.int64), 1, codes)
        >>> bootstrap_sums(sample, 100, seed=1).shape
        (100, 1, 7)
    """
    result = np.zeros((replicates, sample.n_groups, sample.size))

    def fill(chunk: tuple[int, int, np.random.SeedSequence]) -> None:
        first, last, seed_sequence = chunk
        rng = np.random.default_rng(seed_sequence)
        for stratum in sample.strata:
            drawn = _draw(stratum, last - first, rng)
            shape = (last - first, len(stratum.groups), sample.size)
            sums = drawn @ stratum.sums.reshape(len(stratum.sums), -1)
            result[first:last, list(stratum.groups)] += sums.reshape(shape)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(fill, _chunks(replicates, seed)))
    return result


def _chunks(replicates: int, seed: int) -> Iterator[tuple[int, int, np.random.SeedSequence]]:
    starts = range(0, replicates, _CHUNK)
    seeds = np.random.SeedSequence(seed).spawn(len(starts))
    for first, seed_sequence in zip(starts, seeds, strict=True):
        yield first, min(first + _CHUNK, replicates), seed_sequence


def _draw(stratum: Stratum, replicates: int, rng: np.random.Generator) -> FloatArray:
    """How often each row was drawn: (replicates, rows)."""
    rows, units = len(stratum.sums), stratum.units
    if units > rows:
        shares = stratum.multiplicity / units
        return rng.multinomial(units, shares, size=replicates).astype(np.float64)
    drawn = rng.integers(0, rows, size=(replicates, rows))
    drawn += rows * np.arange(replicates)[:, np.newaxis]
    counts = np.bincount(drawn.ravel(), minlength=replicates * rows)
    return counts.reshape(replicates, rows).astype(np.float64)
