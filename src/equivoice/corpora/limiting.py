"""Fewer utterances, chosen so that a trial says something."""

from __future__ import annotations

import hashlib

import polars as pl

__all__ = ["draw", "limited"]


def limited(utterances: pl.DataFrame, limit: int | None, *, seed: int) -> pl.DataFrame:
    """At most so many utterances, each label in its turn, chosen by hash.

    The choice depends on the seed and the ids, not on the order of the rows.
    """
    if limit is None or utterances.height <= limit:
        return utterances
    draws = [draw(seed, name) for name in utterances.get_column("utterance_id")]
    ranked = utterances.select(
        "utterance_id", "emotion", draw=pl.Series(draws, dtype=pl.String)
    ).with_columns(turn=pl.col("draw").rank("ordinal").over("emotion"))
    kept = ranked.sort("turn", "draw").head(limit).get_column("utterance_id")
    return utterances.filter(pl.col("utterance_id").is_in(kept.to_list()))


def draw(seed: int, utterance: str) -> str:
    """The place of an utterance in a draw without regard to the order of rows, as text."""
    return hashlib.blake2b(f"{seed}\n{utterance}".encode(), digest_size=8).hexdigest()
