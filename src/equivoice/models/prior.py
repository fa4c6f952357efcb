"""Baselines that do not listen: what can be had from the training labels alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from equivoice.errors import InputError
from equivoice.models.protocols import FloatArray
from equivoice.records import LabelSpace

__all__ = ["ConstantRecognizer", "PriorBaseline"]


@dataclass(frozen=True)
class ConstantRecognizer:
    """Gives every utterance the same probabilities.

    Args:
        name: the name of the system.
        label_space: its labels.
        probabilities: one number a label; they sum to 1.
        selection: how they were found.
    """

    name: str
    label_space: LabelSpace
    probabilities: tuple[float, ...]
    selection: list[dict[str, Any]] = field(default_factory=list)

    def predict(self, utterances: pl.DataFrame) -> FloatArray:
        """The same row for each utterance: shape (n, K)."""
        row = np.asarray(self.probabilities, dtype=np.float64)
        return np.tile(row, (utterances.height, 1))


@dataclass(frozen=True)
class PriorBaseline:
    """Answers with the distribution of the training labels: the majority label.

    The floor that any system which listens has to beat. Equally frequent labels
    are decided by the order of the label space.

    Args:
        name: ``prior``.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("happy")))
        >>> train = pl.DataFrame({"utterance_id": ["a/1", "a/2", "a/3", "a/4"],
        ...                       "emotion": ["happy", "happy", "angry", "happy"]})
        >>> fitted = PriorBaseline().fit(train, None, label_space=space, seed=0)
        >>> fitted.predict(pl.DataFrame({"utterance_id": ["a/5"]})).tolist()
        [[0.25, 0.75]]
    """

    name: str = "prior"

    def fit(
        self,
        train: pl.DataFrame,
        validation: pl.DataFrame | None,  # noqa: ARG002 - nothing is chosen
        *,
        label_space: LabelSpace,
        seed: int,  # noqa: ARG002 - nothing is random
    ) -> ConstantRecognizer:
        """Count the training labels.

        Raises:
            InputError: there is no labelled utterance to count.
        """
        counts = dict(train.get_column("emotion").drop_nulls().value_counts().iter_rows())
        total = sum(counts.get(name, 0) for name in label_space.names)
        if total == 0:
            raise InputError("there is no labelled utterance to learn from", column="emotion")
        shares = tuple(counts.get(name, 0) / total for name in label_space.names)
        chosen = {
            "what": "label distribution",
            "candidates": [],
            "chosen": dict(zip(label_space.names, shares, strict=True)),
            "split": "train",
            "speakers": _speakers(train),
        }
        return ConstantRecognizer(self.name, label_space, shares, [chosen])


def _speakers(train: pl.DataFrame) -> list[str]:
    if "speaker" not in train.columns:
        return []
    return [str(name) for name in train.get_column("speaker").drop_nulls().unique().sort()]
