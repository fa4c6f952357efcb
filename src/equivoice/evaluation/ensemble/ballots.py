"""What the members of an ensemble say, as codes: one row an utterance, one column a member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from equivoice.annotators import OTHER, Ratings
from equivoice.metrics import UNPARSED, BoolArray, FloatArray, IntArray
from equivoice.records import LabelSpace

__all__ = ["Ballots", "ballots_of", "complete"]


@dataclass(frozen=True, eq=False)
class Ballots:
    """The votes of M members on n utterances.

    Args:
        utterance_ids: (n,) the utterances, sorted.
        members: (M,) the members in the order given.
        labels: the C labels.
        choices: (n, M) position of the label that a member says; ``UNPARSED`` where it
            gave none (refused, not readable, failed) or was not there.
        present: (n, M) whether a member has an answer to the utterance, readable or not.
        probabilities: (n, M, C) over the labels; NaN where a member gave none.
    """

    utterance_ids: tuple[str, ...]
    members: tuple[str, ...]
    labels: LabelSpace
    choices: IntArray
    present: BoolArray
    probabilities: FloatArray

    def of(self, members: Sequence[str]) -> Ballots:
        """The votes of some members only, in the order named."""
        places = [self.members.index(name) for name in members]
        return Ballots(
            self.utterance_ids,
            tuple(members),
            self.labels,
            self.choices[:, places],
            self.present[:, places],
            self.probabilities[:, places],
        )

    def rows(self, rows: IntArray | BoolArray) -> Ballots:
        """The votes on some utterances only."""
        return Ballots(
            tuple(np.array(self.utterance_ids, dtype=object)[rows].tolist()),
            self.members,
            self.labels,
            self.choices[rows],
            self.present[rows],
            self.probabilities[rows],
        )

    @property
    def ratings(self) -> Ratings:
        """The members as raters; an answer without a label is a vote for none of the labels."""
        item, rater = np.nonzero(self.present)
        said = self.choices[item, rater]
        return Ratings(
            self.utterance_ids,
            self.labels.names,
            self.members,
            item.astype(np.int64),
            rater.astype(np.int64),
            np.where(said == UNPARSED, OTHER, said),
            np.ones(len(item), dtype=np.int64),
        )


def ballots_of(
    tables: Sequence[tuple[str, pl.DataFrame]], utterances: Sequence[str], labels: LabelSpace
) -> Ballots:
    """Predictions of several members as codes.

    Args:
        tables: each member's name with its answers: ``utterance_id``, ``predicted`` (a
            label of the space, or null) and ``probabilities``, an utterance once.
        utterances: whose answers count, in any order.
        labels: the label space.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> said = pl.DataFrame({"utterance_id": ["a/1", "a/2"], "predicted": ["sad", None],
        ...                      "probabilities": [[0.2, 0.8], None]})
        >>> made = ballots_of([("m", said)], ["a/1", "a/2", "a/3"], space)
        >>> made.choices.T.tolist(), made.present.T.tolist()
        ([[1, -1, -1]], [[True, True, False]])
    """
    ids = sorted(utterances)
    size = (len(ids), len(tables))
    choices = np.full(size, UNPARSED, dtype=np.int64)
    present = np.zeros(size, dtype=np.bool_)
    probabilities = np.full((*size, len(labels.names)), np.nan)
    place = {name: row for row, name in enumerate(ids)}
    code = {name: position for position, name in enumerate(labels.names)}
    for column, (_, table) in enumerate(tables):
        said = table.select("utterance_id", "predicted", "probabilities")
        for utterance, label, shares in said.iter_rows():
            row = place.get(utterance)
            if row is None:
                continue
            present[row, column] = True
            if label is not None:
                choices[row, column] = code[label]
            if shares is not None:
                probabilities[row, column] = shares
    names = tuple(name for name, _ in tables)
    return Ballots(tuple(ids), names, labels, choices, present, probabilities)


def complete(shares: FloatArray) -> BoolArray:
    """Where all shares of the last axis are known: (..., C) to (...)."""
    return np.asarray(np.isfinite(shares).all(axis=-1))
