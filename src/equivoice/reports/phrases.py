"""Parts of sentences that say how sure a number is and what went in."""

from __future__ import annotations

from equivoice.reports.formatting import count, interval, level, why
from equivoice.reports.rows import Estimate, repeated

__all__ = ["clusters", "items", "size", "with_interval"]


def with_interval(row: Estimate, *, sign: bool = False) -> str:
    """The interval of a value as a part of a sentence, or why there is none."""
    if row.low is None or row.high is None:
        return f", no interval ({why(row.undefined)})"
    return f", {level(row)} interval {interval(row.low, row.high, sign=sign)}"


def size(row: Estimate) -> str:
    """How many utterances of how many speakers went in."""
    utterances = items(row)
    if row.unit in (None, "utterance"):
        return f"{utterances}, taken as independent since speakers are unknown"
    return f"{utterances} of {clusters(row)}"


def items(row: Estimate) -> str:
    """What went in; several answers to an utterance are not as many utterances."""
    return count(row.n, "answer" if repeated(row) else "utterance")


def clusters(row: Estimate) -> str:
    """How many speakers went in."""
    return count(row.clusters, row.unit or "speaker")
