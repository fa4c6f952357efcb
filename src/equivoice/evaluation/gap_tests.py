"""Which gaps are tested, and their permutation tests."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import partial

from equivoice.errors import ConfigError
from equivoice.evaluation.resampling import finish_columns
from equivoice.fairness import Convention, Measure, named_measures
from equivoice.metrics import Metric, Unparsed, classification_metrics, plugged_metrics
from equivoice.uncertainty import ClusteredSums, permutation_test

__all__ = ["all_measures", "all_metrics", "gap_tests", "pair_tests", "scalar_measures"]

_READING_OF_ANOTHER = "recall_sum"  # compared as overall accuracy equality, where it is asked for
_MOST_PAIRS_TESTED = 45


def all_metrics(unparsed: Unparsed, rules: Convention) -> dict[str, Metric]:
    """The metrics of the field under a convention, and those that other packages bring."""
    ours = classification_metrics(unparsed=unparsed, zero_support=rules.zero_support)
    theirs = plugged_metrics()
    taken = sorted(ours.keys() & theirs.keys())
    if taken:
        raise ConfigError("a package brings a metric under a name of ours", value=taken[0])
    return ours | theirs


def all_measures(metrics: Mapping[str, Metric], rules: Convention) -> tuple[Measure, ...]:
    """The gap of every scalar metric, and the named measures."""
    return (*scalar_measures(metrics), *named_measures(rules))


def scalar_measures(metrics: Mapping[str, Metric]) -> tuple[Measure, ...]:
    """The gap of every scalar metric."""
    return tuple(
        Measure(name, (name,), "mean", f"gap of {name}")
        for name, metric in metrics.items()
        if not metric.per_class and name != _READING_OF_ANOTHER
    )


def pair_tests(
    sample: ClusteredSums, metrics: Mapping[str, Metric], *, permutations: int, seed: int
) -> dict[tuple[int, int], dict[str, float]]:
    """P values of the scalar metrics for each pair of groups; none where pairs are too many."""
    pairs = list(itertools.combinations(range(sample.n_groups), 2))
    if len(pairs) > _MOST_PAIRS_TESTED:
        return {}
    plain = scalar_measures(metrics)
    if not plain:
        return {}
    return {
        pair: gap_tests(sample.select(pair), metrics, plain, permutations=permutations, seed=seed)
        for pair in pairs
    }


def gap_tests(
    sample: ClusteredSums,
    metrics: Mapping[str, Metric],
    measures: Sequence[Measure],
    *,
    permutations: int,
    seed: int,
) -> dict[str, float]:
    """P values by measure, with the floor of the test; empty where there is no test."""
    if sample.n_groups < 2 or not measures:
        return {}
    needed = dict.fromkeys(name for measure in measures for name in measure.metrics)
    result = permutation_test(
        sample,
        {name: partial(finish_columns, metrics[name]) for name in needed},
        {measure.name: measure.metrics for measure in measures},
        permutations=permutations,
        seed=seed,
    )
    return {} if result.undefined else {**result.p_values, "floor": result.floor}
