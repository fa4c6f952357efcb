"""What scoring found: a table, what was left out of it, and what to know before reading it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from equivoice.evaluation.rows import Row

__all__ = ["Part", "Scores"]


@dataclass(frozen=True)
class Scores:
    """What scoring found.

    Args:
        estimates: an ESTIMATES table.
        left_out: how many rows were left out, by reason.
        notes: what a reader must know before reading the numbers.
    """

    estimates: pl.DataFrame
    left_out: Mapping[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Rows of one part of what is asked for.

    Args:
        rows: of an ESTIMATES table.
        left_out: how many rows of the input were left out, by reason.
        notes: what a reader must know.
    """

    rows: Sequence[Row]
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
