"""Random answers, and how other people's libraries are asked about them.

Codes are 0 to K − 1; an answer without a label is :data:`UNPARSED` here and
K ("no label that was asked for") in the libraries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from equivoice.metrics import (
    UNPARSED,
    FloatArray,
    IntArray,
    classification_metrics,
    classification_statistics,
)

TIGHT = {"rtol": 0.0, "atol": 1e-12, "equal_nan": True}
"""Agreement to 1e-12, undefined with undefined."""


EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)
"""Enough tables to meet every special case; nothing depends on how fast the machine is."""


@dataclass(frozen=True)
class Answers:
    """What was asked and answered.

    Args:
        classes: K.
        reference: (n,) codes.
        predicted: (n,) codes or UNPARSED.
        groups: (n,) group codes.
        n_groups: G; some groups may be empty.
    """

    classes: int
    reference: IntArray
    predicted: IntArray
    groups: IntArray
    n_groups: int

    @property
    def labels(self) -> list[int]:
        return list(range(self.classes))

    @property
    def outside(self) -> IntArray:
        """Predictions as a library takes them: unparsed is a label that is not asked for."""
        return np.where(self.predicted == UNPARSED, self.classes, self.predicted)

    @property
    def unparsed(self) -> int:
        return int((self.predicted == UNPARSED).sum())

    def where(self, kept: np.ndarray) -> Answers:
        return Answers(
            self.classes,
            self.reference[kept],
            self.predicted[kept],
            self.groups[kept],
            self.n_groups,
        )


@st.composite
def answers(
    draw: st.DrawFn,
    *,
    most_classes: int = 6,
    most_groups: int = 4,
    most_items: int = 60,
    fewest_classes: int = 1,
    fewest_groups: int = 1,
    unparsed: bool = True,
) -> Answers:
    """Answers with classes that nobody said or heard, empty groups, and answers without a label."""
    classes = draw(st.integers(fewest_classes, most_classes))
    n_groups = draw(st.integers(fewest_groups, most_groups))
    n = draw(st.integers(1, most_items))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    heard = rng.permutation(classes)[: draw(st.integers(1, classes))]
    said = rng.permutation(classes)[: draw(st.integers(1, classes))]
    reference = rng.choice(heard, n)
    right = rng.random(n) < draw(st.sampled_from([0.0, 0.3, 0.7, 1.0]))
    predicted = np.where(right, reference, rng.choice(said, n))
    if unparsed:
        lost = rng.random(n) < draw(st.sampled_from([0.0, 0.2, 1.0]))
        predicted = np.where(lost, UNPARSED, predicted)
    groups = rng.integers(0, n_groups, n)
    return Answers(classes, reference, predicted, groups, n_groups)


def values(
    asked: Answers, *, unparsed: str = "wrong", zero_support: str = "exclude"
) -> dict[str, FloatArray]:
    """Every metric of all answers together, by name: () or (K,)."""
    everybody = np.zeros(len(asked.reference), dtype=np.int64)
    return _finished(asked, everybody, 1, unparsed, zero_support, 0)


def group_values(
    asked: Answers, *, unparsed: str = "wrong", zero_support: str = "exclude"
) -> dict[str, FloatArray]:
    """Every metric of each group, by name: (G,) or (G, K)."""
    return _finished(asked, asked.groups, asked.n_groups, unparsed, zero_support, slice(None))


def _finished(
    asked: Answers,
    index: IntArray,
    size: int,
    unparsed: str,
    zero_support: str,
    part: int | slice,
) -> dict[str, FloatArray]:
    statistics = classification_statistics(
        asked.reference, asked.predicted, asked.classes, unparsed=unparsed
    )
    sums = statistics.sums(index, size)[part]
    metrics = classification_metrics(unparsed=unparsed, zero_support=zero_support)
    return {name: np.asarray(metric.finish(sums)) for name, metric in metrics.items()}
