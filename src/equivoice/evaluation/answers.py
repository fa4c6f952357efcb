"""What became of answers in words: read, ambiguous, refused, unread, failed; by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from equivoice.evaluation.matching import CONDITIONS, unit_codes
from equivoice.evaluation.resampling import group_values
from equivoice.evaluation.rows import Context, Row, group_rows, score_rows
from equivoice.fairness import group_items
from equivoice.metrics import CodedStatistics, FloatArray, Metric
from equivoice.records import ESTIMATES, PREDICTIONS, STATUSES, UTTERANCES
from equivoice.uncertainty import clustered_sums

__all__ = ["answer_shares"]


def answer_shares(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    group_by: Sequence[str] = (),
    replicates: int = 1_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """The shares of each status among all answers, overall and by group of speakers.

    Args:
        predictions: a PREDICTIONS table; systems that answer in no words are passed over.
        reference: an UTTERANCES table; its labels are not needed.
        group_by: groupings, as for :func:`~equivoice.evaluation.score`.
        replicates: bootstrap replicates; 0 for shares without intervals.
        level: nominal coverage of the intervals.
        seed: of the resampling.

    Returns:
        An ESTIMATES table whose metrics are the statuses; empty where nobody answered in words.

    Example:
        >>> said = pl.DataFrame({"utterance_id": ["a", "b"], "response": ["sad", "I cannot tell"],
        ...                      "status": ["parsed", "refused"]})
        >>> shares = answer_shares(said, said.select("utterance_id"), replicates=0)
        >>> shares.filter(pl.col("metric") == "refused")["value"].to_list()
        [0.5]
    """
    rows: list[Row] = []
    for cell, conditions in _cells(predictions, reference):
        units, unit = unit_codes(cell)
        codes = cell.get_column("status").replace_strict(_CODES, return_dtype=pl.Int64).to_numpy()
        statistics = CodedStatistics(codes.astype(np.int64), _table())
        for grouping in (None, *(group_items(cell, name) for name in group_by)):
            groups = np.zeros(cell.height, dtype=np.int64) if grouping is None else grouping.codes
            size = 1 if grouping is None else len(grouping.groups)
            sample = clustered_sums(statistics, groups, size, units, unit=unit)
            values = group_values(sample, _METRICS, replicates=replicates, seed=seed)
            context = Context(
                _METRICS, (), level, _counts(groups, size), np.zeros((size + 1, 0), bool), grouping
            )
            made = score_rows if grouping is None else group_rows
            rows += [conditions | row | {"unit": sample.unit} for row in made(values, context)]
    return as_estimates(rows)


def as_estimates(rows: Sequence[Row]) -> pl.DataFrame:
    """Rows as an ESTIMATES table.

    Raises:
        SchemaError: the rows break the schema.
    """
    present: set[str] = set().union(*(row.keys() for row in rows)) if rows else set()
    names = [name for name in ESTIMATES.names if name in present or name in ("quantity", "metric")]
    schema = {name: ESTIMATES.column(name).dtype for name in names}
    return ESTIMATES.validate(pl.DataFrame(list(rows), schema=schema, infer_schema_length=None))


def _cells(predictions: pl.DataFrame, reference: pl.DataFrame) -> list[tuple[pl.DataFrame, Row]]:
    """Answers in words with their utterances, condition by condition."""
    said = PREDICTIONS.validate(predictions).select(
        *PREDICTIONS.key, "response", status=pl.col("status").fill_null("parsed")
    )
    spoken = said.filter(pl.col("response").is_not_null().any().over("system"))
    known = UTTERANCES.validate(reference)
    shared = [name for name in known.columns if name == "utterance_id" or name not in said.columns]
    joined = spoken.join(known.select(shared), on="utterance_id", maintain_order="left")
    return [
        (cell, dict(zip(CONDITIONS, key, strict=True)))
        for key, cell in joined.group_by(CONDITIONS, maintain_order=True)
    ]


def _share(number: int) -> Callable[[FloatArray], FloatArray]:
    def finish(sums: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[..., number] / sums[..., -1])

    return finish


_CODES = {status: code for code, status in enumerate(STATUSES)}
_METRICS = {
    status: Metric(status, _share(code), 0.0, 1.0, None, "no answers")
    for status, code in _CODES.items()
}


def _table() -> FloatArray:
    size = len(STATUSES)
    return np.concatenate([np.eye(size), np.ones((size, 1))], axis=1)


def _counts(groups: np.ndarray, size: int) -> np.ndarray:
    counts = np.bincount(groups[groups >= 0], minlength=size)
    return np.append(counts, counts.sum())
