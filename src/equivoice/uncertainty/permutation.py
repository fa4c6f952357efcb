"""Permutation tests of "the groups do not differ", with speakers as units.

Speakers change groups as wholes; those who stand in both of two groups swap
their halves. The statistic is *studentised*: differences are divided by their
clustered standard error in the same arrangement, so the test keeps its level
when groups differ in spread or size as well (Janssen 1997; Chung & Romano
2013), and it is exact where speakers are exchangeable. For two groups it is
the squared t statistic, for more the Wald statistic of equal values, summed
over classes where the metric has one value a class.

Few speakers have few arrangements: then all are enumerated, and the smallest
p that they allow (3 against 3: 2/20 = .10) is stated as the floor.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from equivoice.metrics import FloatArray, IntArray
from equivoice.uncertainty.clusters import ClusteredSums, Stratum

__all__ = ["PermutationResult", "permutation_test"]

Finish = Callable[[FloatArray], FloatArray]

_JACKKNIFE_CELLS = 5_000_000
"""Above this many numbers the leave-one-out sums give way to a linearisation."""

_CHUNK_CELLS = 4_000_000
_TINY = 1e-12
_SLACK = 1.0 - 1e-9  # arrangements that tie with the observed one but for rounding


@dataclass(frozen=True)
class PermutationResult:
    """What a permutation test found.

    Args:
        p_values: by metric; NaN where the metric is undefined in some group.
        floor: the smallest p that the test could have given.
        exact: whether all arrangements were enumerated.
        undefined: why there is no test at all; empty where there is one.
    """

    p_values: Mapping[str, float]
    floor: float
    exact: bool
    undefined: str = ""


def permutation_test(
    sample: ClusteredSums,
    finishes: Mapping[str, Finish],
    measures: Mapping[str, tuple[str, ...]],
    *,
    permutations: int,
    seed: int,
) -> PermutationResult:
    """Test for each measure whether all groups of the sample have the same values.

    Args:
        sample: units of two or more groups; select the groups first.
        finishes: metrics by name, from sums (..., S) to values (..., K).
        measures: by name, the metrics that are tested together.
        permutations: how many random arrangements to draw; as many or fewer in
            all are enumerated instead.
        seed: of the draws.

    Example:
        >>> import numpy as np
        >>> from equivoice.metrics import classification_statistics
        >>> from equivoice.uncertainty import clustered_sums
        >>> ones = np.ones(12, dtype=np.int64)
        >>> stats = classification_statistics(ones, np.repeat([1, 0], 6), 2)
        >>> speakers = np.repeat(np.arange(6), 2)
        >>> sample = clustered_sums(stats, np.repeat([0, 1], 6), 2, speakers)
        >>> accuracy = lambda sums: sums[..., [1]] / sums[..., [3]]
        >>> result = permutation_test(
        ...     sample, {"accuracy": accuracy}, {"accuracy": ("accuracy",)}, permutations=999, seed=0)
        >>> result.exact, result.floor, result.p_values["accuracy"]
        (True, 0.1, 0.1)
    """
    nothing = dict.fromkeys(measures, math.nan)
    columns = _Columns.of(finishes, measures, sample.totals()[0])
    if int(sample.units().min()) < 2:
        return PermutationResult(nothing, math.nan, False, "a group has fewer than two units")
    if all(len(stratum.groups) == 1 for stratum in sample.strata):
        return _test_between(sample, columns, permutations, seed)
    if sample.n_groups > 2:
        why = "speakers stand in several of more than two groups"
        return PermutationResult(nothing, math.nan, False, why)
    if not sample.strata[0].present.all():
        why = "some speakers stand in both groups and some in one"
        return PermutationResult(nothing, math.nan, False, why)
    return _test_within(sample.strata[0], columns, permutations, seed)


@dataclass(frozen=True)
class _Columns:
    """All metrics side by side, so that each arrangement is summed and finished once.

    Args:
        finish: from sums (..., S) to the values of all metrics (..., C).
        measures: by name, which columns are tested together.
    """

    finish: Finish
    measures: Mapping[str, IntArray]

    @classmethod
    def of(
        cls,
        finishes: Mapping[str, Finish],
        measures: Mapping[str, tuple[str, ...]],
        example: FloatArray,
    ) -> _Columns:
        span: dict[str, IntArray] = {}
        width = 0
        for name, part in finishes.items():
            span[name] = width + np.arange(part(example).shape[-1])
            width += len(span[name])

        def finish(sums: FloatArray) -> FloatArray:
            return np.concatenate([part(sums) for part in finishes.values()], axis=-1)

        tested = {
            name: np.concatenate([span[part] for part in parts]) for name, parts in measures.items()
        }
        return cls(finish, tested)

    def summed(self, statistics: FloatArray) -> dict[str, FloatArray]:
        """Statistics a column (P, C) to one a measure (P,).

        A column that some group lacks is left out; all lacking makes NaN.
        """
        undefined = np.isnan(statistics)
        known = np.where(undefined, 0.0, statistics)
        return {
            name: np.where(undefined[:, own].all(-1), np.nan, known[:, own].sum(-1))
            for name, own in self.measures.items()
        }


# --- speakers who stand in one group each: labels are permuted -----------------------------


def _test_between(
    sample: ClusteredSums, columns: _Columns, permutations: int, seed: int
) -> PermutationResult:
    sums = np.concatenate([stratum.sums[:, 0] for stratum in sample.strata])
    multiplicity = np.concatenate([stratum.multiplicity for stratum in sample.strata])
    labels = np.concatenate(
        [np.full(len(stratum.sums), stratum.groups[0]) for stratum in sample.strata]
    )
    sizes = sample.units()
    single = bool((multiplicity == 1).all())
    arrangements = _count_arrangements(sizes) if single else math.inf
    exact = arrangements <= permutations
    small = single and permutations * sums.size <= _JACKKNIFE_CELLS
    observed_counts = (_one_hot(labels, sample.n_groups) * multiplicity)[np.newaxis]
    influence = sums @ _gradient(columns.finish, multiplicity @ sums)
    observe = _jackknife if small else _linearised_by_group
    found = _first(columns.summed(_wald(*observe(observed_counts, sums, columns.finish))))
    exceeding = dict.fromkeys(columns.measures, 0)
    for counts in _arrangements(labels, multiplicity, sizes, permutations, seed, exact=exact):
        if small:
            drawn = _jackknife(counts, sums, columns.finish)
        else:
            drawn = _linearised(counts, sums, influence, columns.finish)
        for name, statistic in columns.summed(_wald(*drawn)).items():
            exceeding[name] += _exceeding(statistic, found[name])
    total = int(arrangements) if exact else permutations
    floor = _same_partition(sizes) / arrangements if exact else 1.0 / (permutations + 1)
    return _result(exceeding, found, total, floor, exact=exact)


def _first(statistics: Mapping[str, FloatArray]) -> dict[str, float]:
    return {name: float(values[0]) for name, values in statistics.items()}


def _count_arrangements(sizes: IntArray) -> int:
    total = math.factorial(int(sizes.sum()))
    for size in sizes:
        total //= math.factorial(int(size))
    return total


def _same_partition(sizes: IntArray) -> int:
    """How many arrangements only rename groups of equal size: their statistic is the same."""
    return math.prod(math.factorial(count) for count in Counter(sizes.tolist()).values())


def _arrangements(
    labels: IntArray,
    multiplicity: IntArray,
    sizes: IntArray,
    permutations: int,
    seed: int,
    *,
    exact: bool,
) -> Iterator[FloatArray]:
    """Chunks of (P, G, U): how many units of each row stand in each group."""
    rng = np.random.default_rng(seed)
    groups, rows = len(sizes), len(labels)
    chunk = max(1, _CHUNK_CELLS // (groups * rows))
    if exact:
        every = _enumerate_labels(sizes)
        while block := list(itertools.islice(every, chunk)):
            yield _one_hot(np.array(block), groups)
        return
    for first in range(0, permutations, chunk):
        size = min(chunk, permutations - first)
        if (multiplicity == 1).all():
            shuffled = rng.permuted(np.tile(labels, (size, 1)), axis=1)
            yield _one_hot(shuffled, groups)
        else:
            yield _hypergeometric(multiplicity, sizes, size, rng)


def _one_hot(labels: IntArray, groups: int) -> FloatArray:
    """(..., U) labels to (..., G, U) indicators."""
    each = np.arange(groups).reshape(groups, 1)
    return np.asarray(labels[..., np.newaxis, :] == each, dtype=np.float64)


def _enumerate_labels(sizes: IntArray) -> Iterator[list[int]]:
    """Every way to hand out the group labels."""

    def fill(free: tuple[int, ...], group: int) -> Iterator[dict[int, int]]:
        if group == len(sizes) - 1:
            yield dict.fromkeys(free, group)
            return
        for chosen in itertools.combinations(free, int(sizes[group])):
            rest = tuple(unit for unit in free if unit not in chosen)
            for tail in fill(rest, group + 1):
                yield {**dict.fromkeys(chosen, group), **tail}

    units = int(sizes.sum())
    for labels in fill(tuple(range(units)), 0):
        yield [labels[unit] for unit in range(units)]


def _hypergeometric(
    multiplicity: IntArray, sizes: IntArray, permutations: int, rng: np.random.Generator
) -> FloatArray:
    """Random arrangements of units of which many are equal."""
    counts = np.zeros((permutations, len(sizes), len(multiplicity)))
    for permutation in range(permutations):
        left = multiplicity.copy()
        for group in range(len(sizes) - 1):
            taken = rng.multivariate_hypergeometric(left, int(sizes[group]), method="marginals")
            counts[permutation, group] = taken
            left = left - taken
        counts[permutation, -1] = left
    return counts


def _jackknife(
    counts: FloatArray, sums: FloatArray, finish: Finish
) -> tuple[FloatArray, FloatArray]:
    """Values and delete-one-speaker variances of each group: (P, G, K) each."""
    totals = counts @ sums
    own = np.matmul(np.swapaxes(counts, 1, 2), totals)
    left_out = finish(own - sums)
    n = counts.sum(-1)[..., np.newaxis]
    mean = counts @ left_out / n
    squares = counts @ left_out**2 / n - mean**2
    return finish(totals), np.maximum(squares, 0.0) * (n - 1)


def _linearised(
    counts: FloatArray, sums: FloatArray, influence: FloatArray, finish: Finish
) -> tuple[FloatArray, FloatArray]:
    """The same to first order, with the influence of each unit on the sum of all groups.

    In a random arrangement every group resembles the whole, so one gradient
    serves all; the observed arrangement gets each group's own gradient.
    """
    n = counts.sum(-1)[..., np.newaxis]
    scale = n.sum(1, keepdims=True) / n
    return finish(counts @ sums), _influence_variance(counts, influence, n) * scale**2


def _linearised_by_group(
    counts: FloatArray, sums: FloatArray, finish: Finish
) -> tuple[FloatArray, FloatArray]:
    totals = (counts @ sums)[0]
    variances = []
    for group, total in enumerate(totals):
        influence = sums @ _gradient(finish, total)
        own = counts[:, [group]]
        variances.append(_influence_variance(own, influence, own.sum(-1)[..., np.newaxis]))
    return finish(totals)[np.newaxis], np.concatenate(variances, axis=1)


def _influence_variance(counts: FloatArray, influence: FloatArray, n: FloatArray) -> FloatArray:
    mean = counts @ influence / n
    squares = counts @ influence**2 - n * mean**2
    return np.asarray(np.maximum(squares, 0.0) * n / np.maximum(n - 1, 1))


def _gradient(finish: Finish, total: FloatArray) -> FloatArray:
    """Central differences of finish at one vector of sums: (S, K).

    Counts are not moved below 0; a sum that is negative is none of a count.
    """
    step = 1e-5 * max(float(total.max()), 1.0)
    down = np.where(total < 0, step, np.minimum(step, total))
    upper, lower = total + step * np.eye(len(total)), total - np.diag(down)
    slopes = (finish(upper) - finish(lower)) / (step + down)[:, np.newaxis]
    return np.asarray(np.nan_to_num(slopes))


def _wald(values: FloatArray, variances: FloatArray) -> FloatArray:
    """Wald statistic of equal values over groups, column by column: (P, C)."""
    weights = 1.0 / np.maximum(variances, _TINY)
    centre = (weights * values).sum(1, keepdims=True) / weights.sum(1, keepdims=True)
    return np.asarray((weights * (values - centre) ** 2).sum(1))


def _exceeding(drawn: FloatArray, observed: float) -> int:
    """Undefined arrangements count as exceeding: that can only make p larger."""
    return int((np.isnan(drawn) | (drawn >= observed * _SLACK - _TINY)).sum())


def _result(
    exceeding: Mapping[str, int],
    observed: Mapping[str, float],
    total: int,
    floor: float,
    *,
    exact: bool,
) -> PermutationResult:
    p_values = {
        name: math.nan
        if np.isnan(observed[name])
        else (count / total if exact else (count + 1) / (total + 1))
        for name, count in exceeding.items()
    }
    return PermutationResult(p_values, floor, exact)


# --- speakers who stand in both groups: their halves are swapped ---------------------------


def _test_within(
    stratum: Stratum, columns: _Columns, permutations: int, seed: int
) -> PermutationResult:
    units = len(stratum.sums)
    exact = 2.0**units <= permutations
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_CELLS // stratum.sums.size)
    total = 2**units if exact else permutations
    found = _first(columns.summed(_paired(stratum.sums[np.newaxis], columns.finish)))
    exceeding = dict.fromkeys(columns.measures, 0)
    for first in range(0, total, chunk):
        size = min(chunk, total - first)
        if exact:
            swap = (np.arange(first, first + size)[:, np.newaxis] >> np.arange(units)) & 1
        else:
            swap = rng.integers(0, 2, size=(size, units))
        swapped = np.where(
            swap[..., np.newaxis, np.newaxis] == 1, stratum.sums[:, ::-1], stratum.sums
        )
        for name, statistic in columns.summed(_paired(swapped, columns.finish)).items():
            exceeding[name] += _exceeding(statistic, found[name])
    floor = 2.0 / total if exact else 1.0 / (total + 1)
    return _result(exceeding, found, total, floor, exact=exact)


def _paired(sums: FloatArray, finish: Finish) -> FloatArray:
    """Squared studentised difference, from (P, U, 2, S) sums: (P, C)."""
    totals = sums.sum(1)
    values = finish(totals)
    difference = values[:, 0] - values[:, 1]
    left_out = finish(totals[:, np.newaxis] - sums)
    differences = left_out[:, :, 0] - left_out[:, :, 1]
    variance = differences.var(axis=1) * (sums.shape[1] - 1)
    return np.asarray(difference**2 / np.maximum(variance, _TINY))
