"""Two scores of random listeners that are easily mixed up, each by its name.

The score of the expected table
    finish(E[sums]): one table in which each answer counts with its share. Exact,
    in closed form; what tables and intervals show.
The expected score
    E[finish(sums)]: the mean score of listeners drawn one an utterance. By
    simulation, with its Monte-Carlo error.

For accuracy, and for all that is linear in the table, they are equal if every
utterance has a reference. Macro-F1 is a ratio of two sums that both vary, so they
differ by a term of order 1 / n: about 0.03 with two utterances a class, below 0.001
with a hundred. In small groups the two must not be mixed up. Neither is wrong; the
name says which is meant.

The ``spread`` is the standard deviation between simulated listeners. A simulated
listener is drawn anew for each utterance, so real people scatter more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from equivoice.annotators.halves import HalfTables
from equivoice.errors import ConfigError
from equivoice.metrics import (
    FloatArray,
    IntArray,
    Metric,
    Unparsed,
    classification_statistics,
)

__all__ = ["ExpectedScores", "expected_score_by_simulation", "half_scores"]

_WHOLE = 1e-9


@dataclass(frozen=True)
class ExpectedScores:
    """Both scores, each (G,), or (G, K) for a metric a class. NaN where undefined.

    Args:
        of_expected_table: the score of the expected table.
        expected: the mean score over the draws; NaN as soon as one draw has no score.
        error: its Monte-Carlo standard error, spread / √draws; NaN with one draw.
        spread: standard deviation of the score between draws.
        draws: how many there were.
    """

    of_expected_table: FloatArray
    expected: FloatArray
    error: FloatArray
    spread: FloatArray
    draws: int


def expected_score_by_simulation(
    tables: FloatArray,
    metric: Metric,
    *,
    draws: int = 1_000,
    seed: int = 0,
    groups: IntArray | None = None,
    n_groups: int = 1,
    unparsed: Unparsed = "wrong",
) -> ExpectedScores:
    """Draw one listener an utterance and score them, many times; beside the closed form.

    Args:
        tables: (n, C, C + 1) weights [reference, answer] that sum to at most 1 an
            utterance; what is missing to 1 is how often it is out of the draw.
        metric: finishes sums of classification statistics.
        draws: how many listeners.
        seed: of the draws.
        groups: (n,) the group of each utterance, −1 for none; all are one group if
            not given.
        n_groups: G.
        unparsed: what an answer that is none of the labels counts as; the metric's policy.

    Returns:
        Both scores of each group.

    Raises:
        ConfigError: fewer than one draw.

    Example:
        >>> from equivoice.metrics import classification_metrics
        >>> half = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
        >>> tables = np.stack([half, half[::-1]])  # two utterances, one of each label
        >>> found = expected_score_by_simulation(tables, classification_metrics()["macro_f1"])
        >>> float(found.of_expected_table[0])
        0.5
        >>> exact = (1 + 0 + 1 / 3 + 1 / 3) / 4  # both right, both wrong, all one label
        >>> bool(abs(found.expected[0] - exact) < 4 * found.error[0])
        True
    """
    if draws < 1:
        raise ConfigError("at least one draw is needed", value=draws)
    places = np.zeros(len(tables), np.int64) if groups is None else groups
    size = tables.shape[1]
    sampled = _sampled(tables, draws, seed)
    return _scores(tables, sampled, metric, places, n_groups, _table(size, unparsed))


def half_scores(
    half: HalfTables,
    metric: Metric,
    *,
    groups: IntArray | None = None,
    n_groups: int = 1,
    unparsed: Unparsed = "wrong",
) -> ExpectedScores:
    """Scores of half the crowd against the other half: of the mean table, and their mean.

    Args:
        half: codes a draw and utterance.
        metric: finishes sums of classification statistics.
        groups: (n,) the group of each utterance, −1 for none.
        n_groups: G.
        unparsed: what an answer that is none of the labels counts as; the metric's policy.

    Returns:
        Both scores of each group. The mean table is itself a mean over the draws.

    Example:
        >>> from equivoice.metrics import classification_metrics
        >>> halves = HalfTables(np.array([[0, 1], [0, 0]]), np.array([[0, 1], [0, 1]]),
        ...                     np.array([True, True]), 2)
        >>> found = half_scores(halves, classification_metrics()["accuracy"])
        >>> float(found.expected[0]), round(float(found.spread[0]), 3)
        (0.75, 0.354)
    """
    n = half.predicted.shape[1]
    places = np.zeros(n, np.int64) if groups is None else groups
    size = half.n_labels
    answer = np.where(half.predicted < 0, size, half.predicted)
    cells = np.where(half.reference < 0, -1, half.reference * (size + 1) + answer)
    tables = half.tables()[0]
    return _scores(tables, iter(cells), metric, places, n_groups, _table(size, unparsed))


def _table(size: int, unparsed: Unparsed) -> FloatArray:
    """What one answer in each cell adds: (C (C + 1), S)."""
    none = np.zeros(0, dtype=np.int64)
    return classification_statistics(none, none, size, unparsed=unparsed).table


def _sampled(tables: FloatArray, draws: int, seed: int) -> Iterator[IntArray]:
    """One cell an utterance and draw, −1 where it is out of the draw.

    The used cells of all utterances stand in one line, utterance i from i to i + 1,
    so that one sorted search draws them all.
    """
    n = len(tables)
    flat = tables.reshape(n, -1)
    item, cell = np.nonzero(flat > 0)
    weight = flat[item, cell]
    line = weight.cumsum()
    first = np.searchsorted(item, np.arange(n))
    before = np.append(0.0, line)[first]
    ends = line - before[item]
    ends[np.abs(ends - 1.0) < _WHOLE] = 1.0
    line = item + ends
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        place = np.searchsorted(line, np.arange(n) + rng.random(n), side="right")
        inside = np.minimum(place, max(len(line) - 1, 0))
        yield (
            np.where((place < len(line)) & (item[inside] == np.arange(n)), cell[inside], -1)
            if len(line)
            else np.full(n, -1)
        )


def _scores(
    tables: FloatArray,
    sampled: Iterator[IntArray],
    metric: Metric,
    groups: IntArray,
    n_groups: int,
    each: FloatArray,
) -> ExpectedScores:
    known = groups >= 0
    flat = tables.reshape(len(tables), -1)
    summed = np.zeros((n_groups, flat.shape[1]))
    np.add.at(summed, groups[known], flat[known])
    found = [metric.finish(_counted(cells, groups, n_groups, each)) for cells in sampled]
    values = np.stack(found)
    draws = len(values)
    spread = values.std(0, ddof=1) if draws > 1 else np.full(values.shape[1:], np.nan)
    return ExpectedScores(
        of_expected_table=metric.finish(summed @ each),
        expected=values.mean(0),
        error=spread / np.sqrt(draws),
        spread=spread,
        draws=draws,
    )


def _counted(cells: IntArray, groups: IntArray, n_groups: int, each: FloatArray) -> FloatArray:
    used = (cells >= 0) & (groups >= 0)
    flat = np.bincount(groups[used] * len(each) + cells[used], minlength=n_groups * len(each))
    return flat.reshape(n_groups, len(each)).astype(np.float64) @ each
