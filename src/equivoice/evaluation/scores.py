"""What scoring found: a table, what was left out of it, and what to know before reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

__all__ = ["Scores"]


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
