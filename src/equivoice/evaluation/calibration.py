"""How far the probabilities of a system can be taken at their word."""

from __future__ import annotations

import numpy as np
import polars as pl

from equivoice.evaluation.additive import Additive, Certainty, overall_rows
from equivoice.evaluation.answers import as_estimates
from equivoice.evaluation.matching import CONDITIONS, label_space_of, match, to_items
from equivoice.evaluation.probabilities import AmongOptions, among_options
from equivoice.evaluation.rows import Row
from equivoice.metrics import FloatArray, Metric
from equivoice.metrics.calibration import (
    BIN_NAMES,
    CALIBRATION_BINS,
    binned_calibration_metrics,
    calibration_metrics,
    equal_width_bins,
    reliability_metrics,
)
from equivoice.records import PREDICTIONS, UTTERANCES, LabelSpace

__all__ = ["calibration"]

_SHOWN = (
    *("brier", "ece", "mean_confidence", "outside"),
    *("reliability", "bin_confidence", "bin_share"),
)
_FLOOR_DRAWS = 500
_NO_ECE_INTERVAL = (
    "interval: chance alone makes this error larger than zero; compare it with its noise floor"
)


def calibration(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    label_space: LabelSpace | None = None,
    replicates: int = 1_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Brier score, expected calibration error and reliability of every system with probabilities.

    Probabilities are taken among the options: where some mass lies outside, they are divided by
    their sum. The error compares, in ten bins of equal width, the mean probability of the chosen
    label with the share that was right (Guo et al. 2017).

    Args:
        predictions: a PREDICTIONS table; rows without probabilities are passed over.
        reference: an UTTERANCES table with labels.
        label_space: what the probabilities are over; the labels of the reference by default.
        replicates: bootstrap replicates; 0 for values without intervals.
        level: nominal coverage of the intervals.
        seed: of the resampling.

    Returns:
        An ESTIMATES table with the metrics ``brier``, ``ece`` (its noise floor is what a
        calibrated system of the same probabilities would get), ``mean_confidence``, ``outside``,
        and by bin (the column class) ``reliability``, ``bin_confidence`` and ``bin_share``.

    Raises:
        InputError: probabilities of another length than the label space.

    Example:
        >>> given = pl.DataFrame({"utterance_id": ["a", "b"], "emotion": ["sad", "sad"],
        ...                       "probabilities": [[0.2, 0.8], [0.2, 0.8]]})
        >>> truth = pl.DataFrame({"utterance_id": ["a", "b"], "emotion": ["sad", "happy"]})
        >>> found = calibration(given, truth, replicates=0)
        >>> round(found.filter(pl.col("metric") == "ece")["value"][0], 3)
        0.3
    """
    labels = label_space or label_space_of(reference)
    labelled = UTTERANCES.validate(reference).filter(pl.col("emotion").is_not_null())
    given = PREDICTIONS.validate(predictions).filter(pl.col("probabilities").is_not_null())
    given = given.join(labelled.select("utterance_id"), on="utterance_id", how="semi")
    rows: list[Row] = []
    if given.is_empty():
        return as_estimates(rows)
    matched = match(given, labelled, labels, expected=True)
    for key, cell in matched.frame.group_by(CONDITIONS, maintain_order=True):
        conditions = dict(zip(CONDITIONS, key, strict=True))
        inside = among_options(to_items(cell, labels, (), expected=True))
        if len(inside.shares):
            made = _cell_rows(inside, replicates=replicates, level=level, seed=seed)
            rows += [conditions | {"reference": "given"} | row for row in made]
    return as_estimates(rows)


def _cell_rows(inside: AmongOptions, *, replicates: int, level: float, seed: int) -> list[Row]:
    items = inside.items
    binned = Additive(
        inside.statistics,
        _metrics(),
        items.units,
        items.unit,
        classes=BIN_NAMES,
        left_out=inside.left_out,
    )
    rows = list(overall_rows(binned, Certainty(replicates, level=level, seed=seed)))
    for row in rows:
        if row["metric"] == "ece":
            row |= {"low": None, "high": None, "method": None, "undefined": _NO_ECE_INTERVAL}
            row["noise_floor"] = _noise_floor(inside.shares, seed)
    return rows


def _metrics() -> dict[str, Metric]:
    every = calibration_metrics() | binned_calibration_metrics() | reliability_metrics()
    return {name: every[name] for name in _SHOWN}


def _noise_floor(shares: FloatArray, seed: int) -> float:
    """The mean error of a system that is right exactly as often as it says."""
    sure = shares.max(-1)
    place = equal_width_bins(sure)
    says = np.bincount(place, weights=sure, minlength=CALIBRATION_BINS)
    rng = np.random.default_rng(seed)
    drawn = [
        np.abs(
            np.bincount(place, weights=rng.random(len(sure)) < sure, minlength=CALIBRATION_BINS)
            - says
        ).sum()
        for _ in range(_FLOOR_DRAWS)
    ]
    return float(np.mean(drawn) / len(sure))
