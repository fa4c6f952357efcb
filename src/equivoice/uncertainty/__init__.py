"""Honest intervals and tests for metrics and gaps, with speakers as units."""

from equivoice.uncertainty.bootstrap import bootstrap_sums
from equivoice.uncertainty.clusters import ClusteredSums, Stratum, Unit, clustered_sums
from equivoice.uncertainty.intervals import (
    FEWEST_UNITS,
    deviations,
    percentile_interval,
    quantiles,
    smallest_detectable,
    standard_error,
    stretch,
    welch_degrees_of_freedom,
)
from equivoice.uncertainty.inversion import invert_gap, noise_floor
from equivoice.uncertainty.mcnemar import mcnemar
from equivoice.uncertainty.paired_change import invert_change
from equivoice.uncertainty.permutation import PermutationResult, permutation_test

__all__ = [
    "FEWEST_UNITS",
    "ClusteredSums",
    "PermutationResult",
    "Stratum",
    "Unit",
    "bootstrap_sums",
    "clustered_sums",
    "deviations",
    "invert_change",
    "invert_gap",
    "mcnemar",
    "noise_floor",
    "percentile_interval",
    "permutation_test",
    "quantiles",
    "smallest_detectable",
    "standard_error",
    "stretch",
    "welch_degrees_of_freedom",
]
