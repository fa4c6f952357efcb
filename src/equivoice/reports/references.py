"""What answers were held against, in words, so that no table mixes references silently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from equivoice.reports.rows import Estimate, in_order
from equivoice.reports.terms import GIVEN, reference

__all__ = [
    "HELD_AGAINST",
    "against",
    "differ",
    "references",
]

HELD_AGAINST = "Held against"
"""The heading of the column that names the reference."""


def references(rows: Iterable[Estimate]) -> list[str]:
    """The references of these rows, by name, in their order.

    Example:
        >>> references([Estimate("score", "f1"), Estimate("score", "f1", reference="majority")])
        ['given', 'majority']
    """
    return in_order(row.reference or GIVEN for row in rows)


def differ(rows: Iterable[Estimate]) -> bool:
    """Whether rows were held against more than one reference."""
    return len(references(rows)) > 1


def against(rows: Sequence[Estimate]) -> str:
    """The one reference of all rows as an end of a caption; empty where nothing needs saying.

    Rows against several references have a column instead, and rows against the
    labels as given are what every reader expects.

    Example:
        >>> against([Estimate("score", "f1", reference="majority")])
        ', held against the majority of the votes'
        >>> against([Estimate("score", "f1")])
        ''
    """
    found = references(rows)
    if len(found) != 1 or found[0] == GIVEN:
        return ""
    return f", held against {reference(found[0])}"
