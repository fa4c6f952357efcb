"""Estimates out of ratings: a row for each kind of interval."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from equivoice.errors import ConfigError
from equivoice.rating.analysis.crossed import Crossed, Range, ranges
from equivoice.records import ESTIMATES

__all__ = ["Uncertainty", "estimate_table", "mean_rows"]


@dataclass(frozen=True)
class Uncertainty:
    """How intervals are made.

    Args:
        level: nominal coverage.
        replicates: of the bootstrap.
        seed: of its draws.

    Raises:
        ConfigError: a level outside 0 and 1, or fewer than 20 replicates.
    """

    level: float = 0.95
    replicates: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = {
            f"level: {self.level} is not between 0 and 1": not 0 < self.level < 1,
            f"replicates: {self.replicates} is below 20": self.replicates < 20,
        }
        problems = [problem for problem, found in wrong.items() if found]
        if problems:
            raise ConfigError.from_problems(problems)


def mean_rows(
    frame: pl.DataFrame,
    uncertainty: Uncertainty,
    *,
    low: float = 0.0,
    high: float = 1.0,
    left_out: Mapping[str, int] | None = None,
    **told: Any,
) -> list[dict[str, Any]]:
    """The mean of ratings as rows of ``records.ESTIMATES``, one a kind of interval.

    Args:
        frame: with ``item``, ``rater`` and ``value``.
        uncertainty: how intervals are made.
        low: the smallest value there can be.
        high: the largest.
        left_out: what does not count, by reason.
        told: the other columns, such as ``metric`` and ``system``.

    Returns:
        three rows: over items, over raters, over both. One without interval says why. No
        ratings give one row without a value.

    Example:
        >>> rows = {"item": list("abcd"), "rater": ["j"] * 4, "value": [1.0, 0.5, 0.0, 1.0]}
        >>> made = mean_rows(pl.DataFrame(rows), Uncertainty(), metric="win_rate")
        >>> [(row["unit"], row["value"], row["undefined"]) for row in made][:2]
        [('item', 0.625, None), ('rater', 0.625, 'only one rater')]
    """
    fixed = {"quantity": "score", "level": uncertainty.level, **told}
    if left_out:
        fixed["left_out"] = json.dumps(dict(left_out), ensure_ascii=False)
    if frame.is_empty():
        return [{**fixed, "value": None, "n": 0, "undefined": "no votes"}]
    ratings = Crossed.of(frame, low=low, high=high)
    found = ranges(
        ratings,
        level=uncertainty.level,
        replicates=uncertainty.replicates,
        seed=uncertainty.seed,
    )
    return [{**fixed, **_range(ratings, each)} for each in found.values()]


def _range(ratings: Crossed, found: Range) -> dict[str, Any]:
    return {
        "value": ratings.mean,
        "low": found.low,
        "high": found.high,
        "unit": found.unit,
        "clusters": found.clusters,
        "method": found.method,
        "n": len(ratings.value),
        "undefined": found.undefined,
    }


def estimate_table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a table of ``records.ESTIMATES``.

    Raises:
        SchemaError: a row has an unknown column.
    """
    frame = pl.DataFrame(rows, infer_schema_length=None) if rows else ESTIMATES.empty()
    return ESTIMATES.validate(frame)
