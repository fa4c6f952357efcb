"""How far the probabilities of a system can be taken at their word."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from equivoice.errors import InputError
from equivoice.evaluation.answers import CONDITIONS, as_estimates
from equivoice.evaluation.matching import label_space_of, unit_codes
from equivoice.evaluation.resampling import group_values
from equivoice.evaluation.rows import Context, Row, score_rows
from equivoice.metrics import CodedStatistics, FloatArray, IntArray, Metric
from equivoice.records import PREDICTIONS, UTTERANCES, LabelSpace
from equivoice.uncertainty import clustered_sums

__all__ = ["BINS", "calibration"]

BINS = 10
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
    rows: list[Row] = []
    for key, cell in _joined(predictions, reference, labels).group_by(
        CONDITIONS, maintain_order=True
    ):
        conditions = dict(zip(CONDITIONS, key, strict=True))
        made = _cell_rows(cell, replicates=replicates, level=level, seed=seed)
        rows += [conditions | row for row in made]
    return as_estimates(rows)


def _joined(predictions: pl.DataFrame, reference: pl.DataFrame, labels: LabelSpace) -> pl.DataFrame:
    """Rows with probabilities and a reference label, both over the label space."""
    given = PREDICTIONS.validate(predictions).select(*PREDICTIONS.key, "probabilities", "outside")
    given = given.filter(pl.col("probabilities").is_not_null())
    lengths = given.get_column("probabilities").list.len().unique().to_list()
    if lengths and lengths != [len(labels.names)]:
        raise InputError(
            "probabilities are not over the label space",
            column="probabilities",
            value=lengths[0],
            hint=f"there are {len(labels.names)} labels: {', '.join(labels.names)}",
        )
    known = UTTERANCES.validate(reference).filter(pl.col("emotion").is_not_null())
    codes = {name: code for code, name in enumerate(labels.names)}
    meaning = {word: labels.resolve(word) for word in known.get_column("emotion").unique()}
    coded = {word: codes[name] for word, name in meaning.items() if name is not None}
    truth = known.select(
        "utterance_id",
        "corpus",
        "speaker",
        code=pl.col("emotion").replace_strict(coded, default=None, return_dtype=pl.Int64),
    ).drop_nulls("code")
    return given.join(truth, on="utterance_id", how="inner", maintain_order="left")


def _cell_rows(cell: pl.DataFrame, *, replicates: int, level: float, seed: int) -> list[Row]:
    given = np.array(cell.get_column("probabilities").to_list(), dtype=np.float64)
    mass = given.sum(-1)
    usable = np.isfinite(mass) & (mass > 0)
    lost = {"all probability outside the options": int((~usable).sum())}
    if not usable.any():
        return []
    kept = cell.filter(pl.Series(usable))
    shares = given[usable] / mass[usable, np.newaxis]
    truth = kept.get_column("code").to_numpy()
    outside = kept.get_column("outside").fill_null(0.0).to_numpy()
    statistics = _statistics(shares, truth, outside)
    units, unit = unit_codes(kept)
    everybody = np.zeros(kept.height, dtype=np.int64)
    sample = clustered_sums(statistics, everybody, 1, units, unit=unit)
    values = group_values(sample, _METRICS, replicates=replicates, seed=seed)
    n: IntArray = np.array([kept.height, kept.height], dtype=np.int64)
    left_out = {why: number for why, number in lost.items() if number}
    context = Context(_METRICS, _BIN_NAMES, level, n, np.zeros((2, BINS), bool), None, left_out)
    rows = [row | {"unit": sample.unit} for row in score_rows(values, context)]
    floor = _noise_floor(shares, seed)
    for row in rows:
        if row["metric"] == "ece":
            row |= {"low": None, "high": None, "method": None, "undefined": _NO_ECE_INTERVAL}
            row["noise_floor"] = floor
    return rows


def _statistics(shares: FloatArray, truth: IntArray, outside: FloatArray) -> CodedStatistics:
    """By item: count, Brier, confidence, outside; then by bin count, confidence, right."""
    n, size = shares.shape
    chosen = shares.argmax(-1)
    sure = shares[np.arange(n), chosen]
    right = (chosen == truth).astype(np.float64)
    brier = ((shares - np.eye(size)[truth]) ** 2).sum(-1)
    table = np.zeros((n, 4 + 3 * BINS))
    table[:, :4] = np.stack([np.ones(n), brier, sure, outside], axis=-1)
    place = 4 + _bins(sure)
    rows = np.arange(n)
    table[rows, place] = 1.0
    table[rows, place + BINS] = sure
    table[rows, place + 2 * BINS] = right
    return CodedStatistics(np.arange(n, dtype=np.int64), table)


def _bins(sure: FloatArray) -> IntArray:
    return np.minimum((sure * BINS).astype(np.int64), BINS - 1)


def _noise_floor(shares: FloatArray, seed: int) -> float:
    """The mean error of a system that is right exactly as often as it says."""
    sure = shares.max(-1)
    place = _bins(sure)
    says = np.bincount(place, weights=sure, minlength=BINS)
    rng = np.random.default_rng(seed)
    drawn = [
        np.abs(
            np.bincount(place, weights=rng.random(len(sure)) < sure, minlength=BINS) - says
        ).sum()
        for _ in range(_FLOOR_DRAWS)
    ]
    return float(np.mean(drawn) / len(sure))


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(above / below)


def _mean(column: int) -> Callable[[FloatArray], FloatArray]:
    return lambda sums: _ratio(sums[..., column], sums[..., 0])


def _error(sums: FloatArray) -> FloatArray:
    says, right = sums[..., 4 + BINS : 4 + 2 * BINS], sums[..., 4 + 2 * BINS :]
    return _ratio(np.abs(right - says).sum(-1), sums[..., 0])


def _by_bin(part: int) -> Callable[[FloatArray], FloatArray]:
    start = 4 + part * BINS
    return lambda sums: _ratio(sums[..., start : start + BINS], sums[..., 4 : 4 + BINS])


_EMPTY = "no answer in this bin"
_BIN_NAMES = tuple(f"{low / BINS:g} to {(low + 1) / BINS:g}" for low in range(BINS))
_METRICS = {
    metric.name: metric
    for metric in (
        Metric("brier", _mean(1), 0.0, 2.0, False, "no predictions"),
        Metric("ece", _error, 0.0, 1.0, False, "no predictions"),
        Metric("mean_confidence", _mean(2), 0.0, 1.0, None, "no predictions"),
        Metric("outside", _mean(3), 0.0, 1.0, None, "no predictions"),
        Metric("reliability", _by_bin(2), 0.0, 1.0, None, _EMPTY, per_class=True),
        Metric("bin_confidence", _by_bin(1), 0.0, 1.0, None, _EMPTY, per_class=True),
        Metric(
            "bin_share",
            lambda sums: _ratio(sums[..., 4 : 4 + BINS], sums[..., :1]),
            0.0,
            1.0,
            None,
            _EMPTY,
            per_class=True,
        ),
    )
}
