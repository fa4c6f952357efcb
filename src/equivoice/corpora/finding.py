"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import polars as pl

__all__ = ["SEVERITIES", "Finding", "Severity", "counted", "finding", "listed"]

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
_MOST_LISTED = 5


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Args:
        severity: ``error`` (the utterances cannot be used), ``warning`` (results will
            mislead unless it is dealt with), ``note`` (good to know).
        code: a short stable name, such as ``missing-audio``.
        message: one or two sentences for people, with the numbers.
        ids: the utterances, or speakers, that it is about.
        count: how many it is about.
    """

    severity: Severity
    code: str
    message: str
    ids: tuple[str, ...] = ()
    count: int = 0


def finding(
    severity: Severity, code: str, message: str, ids: Iterable[str] | pl.Series = ()
) -> Finding:
    """A finding about these utterances, counted.

    Example:
        >>> finding("error", "empty-audio", "1 sound file is empty", ["demo/1"]).count
        1
    """
    held = tuple(str(name) for name in ids)
    return Finding(severity, code, message, held, len(held))


def counted(number: int, noun: str) -> str:
    """A number with its noun in the plural where one is meant.

    Example:
        >>> counted(1, "speaker"), counted(4, "utterance")
        ('1 speaker', '4 utterances')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Iterable[str], most: int = _MOST_LISTED) -> str:
    """Names in a row, the rest counted.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    held = list(names)
    shown = ", ".join(held[:most])
    return shown if len(held) <= most else f"{shown} and {len(held) - most} more"
