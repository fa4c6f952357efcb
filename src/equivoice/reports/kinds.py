"""Which rows of the estimates belong where: labels, votes, listeners, scales.

Scores of single labels fill the tables and chapters that every report has. Rows
about the votes themselves, scores against all votes, and scores on scales stand
in sections of their own: they have other units, other references, or no system.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from equivoice.reports.rows import Estimate
from equivoice.reports.terms import (
    AGREEMENT,
    ANNOTATOR_AWARE,
    ATTRIBUTES,
    DISTRIBUTION,
    MULTILABEL,
    MULTILABEL_BY_CLASS,
)

__all__ = ["STRATA", "Kind", "by_agreement", "kind_of", "of_kind", "of_labels"]

Kind = Literal["labels", "votes", "listeners", "scales"]
STRATA = "agreement"
"""The grouping by how far listeners agree; it has scores and no gaps."""

_VOTES = frozenset({*ANNOTATOR_AWARE, *MULTILABEL, *MULTILABEL_BY_CLASS, *DISTRIBUTION})
_COUNTED = "votes"


def kind_of(row: Estimate) -> Kind:
    """What a row is about.

    Example:
        >>> kind_of(Estimate("score", "macro_f1", reference="majority"))
        'labels'
        >>> kind_of(Estimate("score", "brier", reference="votes"))
        'votes'
        >>> kind_of(Estimate("score", "kept", reference="majority"))
        'listeners'
    """
    if row.metric in AGREEMENT:
        return "listeners"
    if row.metric in ATTRIBUTES:
        return "scales"
    if row.metric in _VOTES or (row.reference or "").startswith(_COUNTED):
        return "votes"
    return "labels"


def of_kind(rows: Iterable[Estimate], kind: Kind) -> list[Estimate]:
    """The rows of one kind; those by agreement are left out, which :func:`by_agreement` gives."""
    return [row for row in rows if row.group_by != STRATA and kind_of(row) == kind]


def of_labels(rows: Iterable[Estimate]) -> list[Estimate]:
    """The rows about single labels: scores, groups, gaps, confusions, comparisons.

    Example:
        >>> rows = [Estimate("score", "accuracy"), Estimate("score", "kld", reference="votes"),
        ...         Estimate("group_score", "accuracy", group_by="agreement")]
        >>> [row.metric for row in of_labels(rows)]
        ['accuracy']
    """
    return of_kind(rows, "labels")


def by_agreement(rows: Iterable[Estimate]) -> list[Estimate]:
    """The scores of utterances on which listeners agree more and less."""
    return [row for row in rows if row.group_by == STRATA]
