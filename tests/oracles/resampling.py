"""A cluster bootstrap and clustered tests written over rows, one loop after the other.

Slow on purpose and made without our sums: rows are copied, not weighted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from equivoice.metrics import FloatArray, IntArray

Score = Callable[[IntArray, IntArray], float]
"""From reference and predicted codes to a number."""


def accuracy(reference: IntArray, predicted: IntArray) -> float:
    return float((reference == predicted).mean())


def macro_f1(reference: IntArray, predicted: IntArray) -> float:
    """Mean F1 over the classes that have references."""
    scores = []
    for label in np.unique(reference):
        hits = ((reference == label) & (predicted == label)).sum()
        scores.append(2 * hits / ((reference == label).sum() + (predicted == label).sum()))
    return float(np.mean(scores))


def strata(groups: IntArray, speakers: IntArray) -> list[list[int]]:
    """Speakers who are drawn from together: those of a group, or all if any stands in several."""
    groups_of = {
        speaker: sorted(set(groups[speakers == speaker].tolist()))
        for speaker in sorted(set(speakers.tolist()))
    }
    if any(len(where) > 1 for where in groups_of.values()):
        return [list(groups_of)]
    return [
        [speaker for speaker, where in groups_of.items() if where == [group]]
        for group in sorted(set(groups.tolist()))
    ]


def row_bootstrap(
    reference: IntArray,
    predicted: IntArray,
    groups: IntArray,
    speakers: IntArray,
    *,
    score: Score,
    n_groups: int,
    replicates: int,
    seed: int,
) -> FloatArray:
    """(R, G): scores of groups after drawing speakers, with all their rows, within strata."""
    rng = np.random.default_rng(seed)
    rows_of = {speaker: np.flatnonzero(speakers == speaker) for speaker in set(speakers.tolist())}
    drawn_together = strata(groups, speakers)
    result = np.full((replicates, n_groups), np.nan)
    for replicate in range(replicates):
        drawn = [
            rows_of[speaker]
            for members in drawn_together
            for speaker in rng.choice(members, len(members)).tolist()
        ]
        rows = np.concatenate(drawn)
        for group in range(n_groups):
            own = rows[groups[rows] == group]
            if len(own):
                result[replicate, group] = score(reference[own], predicted[own])
    return result


def leave_one_out(
    reference: IntArray,
    predicted: IntArray,
    speakers: IntArray,
    members: tuple[int, ...],
    score: Score,
) -> tuple[float, float]:
    """Score of some speakers together, and its delete-one-speaker jackknife variance."""
    own = np.isin(speakers, members)
    value = score(reference[own], predicted[own])
    without = [
        score(reference[own & (speakers != member)], predicted[own & (speakers != member)])
        for member in members
    ]
    n = len(members)
    return value, float((n - 1) / n * np.square(np.array(without) - np.mean(without)).sum())


def two_groups_of(units: list[int], size: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every way to split units into a group of this size and the rest."""
    for first in itertools.combinations(units, size):
        yield first, tuple(unit for unit in units if unit not in first)


def studentised_p(
    reference: IntArray,
    predicted: IntArray,
    speakers: IntArray,
    first: tuple[int, ...],
    second: tuple[int, ...],
    score: Score,
) -> float:
    """Exact p of the squared jackknife t statistic over all splits of the speakers."""

    def statistic(one: tuple[int, ...], other: tuple[int, ...]) -> float:
        a, va = leave_one_out(reference, predicted, speakers, one, score)
        b, vb = leave_one_out(reference, predicted, speakers, other, score)
        return (a - b) ** 2 / (va + vb)

    observed = statistic(first, second)
    splits = list(two_groups_of(sorted((*first, *second)), len(first)))
    exceeding = sum(statistic(*split) >= observed * (1 - 1e-9) for split in splits)
    return exceeding / len(splits)
