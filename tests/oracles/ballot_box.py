"""Votes counted one by one, with the standard library alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl

from equivoice.corpora import label_space
from equivoice.evaluation.ensemble.ballots import Ballots, ballots_of
from equivoice.records import LabelSpace


def votes(
    rows: Sequence[Sequence[str | None]],
    labels: Sequence[str] = ("angry", "happy", "sad"),
    *,
    members: Sequence[str] = (),
    probabilities: dict[tuple[int, int], Sequence[float]] | None = None,
) -> Ballots:
    """Ballots from a row of answers an utterance; ``None`` is an answer without a label."""
    names = list(members) or [f"m{column}" for column in range(len(rows[0]))]
    ids = [f"demo/{row:03d}" for row in range(len(rows))]
    given = probabilities or {}
    tables = [
        (
            name,
            pl.DataFrame(
                {
                    "utterance_id": ids,
                    "predicted": [row[column] for row in rows],
                    "probabilities": [
                        list(given[row, column]) if (row, column) in given else None
                        for row in range(len(rows))
                    ],
                },
                schema={
                    "utterance_id": pl.String,
                    "predicted": pl.String,
                    "probabilities": pl.List(pl.Float64),
                },
            ),
        )
        for column, name in enumerate(names)
    ]
    return ballots_of(tables, ids, space(labels))


def space(labels: Sequence[str]) -> LabelSpace:
    """A label space in the order given."""
    return label_space(list(labels), id="demo")


def most_votes(
    row: Sequence[str | None], weights: Sequence[int] | None = None
) -> tuple[set[str], dict[str, int]]:
    """The labels that share the top, and every label's votes."""
    counts: Counter[str] = Counter()
    for label, weight in zip(row, weights or [1] * len(row), strict=True):
        if label is not None:
            counts[label] += weight
    top = max(counts.values(), default=0)
    return {label for label, number in counts.items() if number == top and top}, dict(counts)
