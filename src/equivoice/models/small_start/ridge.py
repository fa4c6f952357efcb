"""Ridge regression of labels on what units answer, its strength chosen on speakers left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from equivoice.metrics import IntArray, classification_metrics, classification_statistics

if TYPE_CHECKING:
    import torch

__all__ = ["LabelRidge", "Readout", "macro_f1"]

STRENGTHS = (0.3, 1.0, 3.0)
"""The strengths that are tried: penalties on weights of units that have variance 1 / units."""

_PARTS = 5
_SHARPNESS = tuple(0.5 * 1.15**step for step in range(25))


@dataclass(frozen=True)
class Readout:
    """What a regression came to.

    Args:
        weights: (labels, units).
        shift: (labels,).
        strength: of the ridge.
        sharpness: times this, scores are log-probabilities but for a constant; fitted on
            the speakers left out.
        macro_f1: of the largest score, on the speakers left out in turn; the best of
            several strengths, so a little too good.
        nll: the mean negative log-likelihood there, in nats.
    """

    weights: torch.Tensor
    shift: torch.Tensor
    strength: float
    sharpness: float
    macro_f1: float
    nll: float


class LabelRidge:
    """Ridge regression of (1[label = k] - p_k) / √p_k, p_k the share of label k.

    Args:
        means: (copies × clips, units); the clips as they are first, changed copies after.
        labels: (clips,) from 0.
        speakers: of the clips.
    """

    def __init__(self, means: torch.Tensor, labels: IntArray, speakers: Sequence[str]) -> None:
        import torch

        self.clips = len(labels)
        copies = len(means) // self.clips
        self.centre, self.spread = means.mean(0), means.std(0) + 1e-6
        self.spread = self.spread * math.sqrt(means.shape[1])
        self.given = (means - self.centre) / self.spread
        one_hot = torch.nn.functional.one_hot(torch.as_tensor(labels)).float()
        share = one_hot.mean(0)
        self.wanted = ((one_hot - share) / share.sqrt()).repeat(copies, 1)
        self.labels = labels
        distinct = sorted(set(speakers))
        parts = [distinct.index(each) % _PARTS for each in speakers]
        self.parts = torch.as_tensor(parts).repeat(copies)

    def fitted(self) -> Readout:
        """The regression on all clips, of the strength that is best on speakers left out.

        Speakers are left out in up to five parts, with all copies of their clips.
        """
        import torch

        truth = torch.as_tensor(self.labels)
        found = {strength: self._left_out(strength) for strength in STRENGTHS}
        scores = {
            strength: macro_f1(self.labels, each.argmax(1).numpy())
            for strength, each in found.items()
        }
        best = max(scores, key=lambda each: scores[each])
        losses = {
            factor: float(torch.nn.functional.cross_entropy(factor * found[best], truth))
            for factor in _SHARPNESS
        }
        sharpness = min(losses, key=lambda each: losses[each])
        everything = torch.ones(len(self.given), dtype=torch.bool)
        weights = self._weights(everything, best) / self.spread
        return Readout(
            weights, -weights @ self.centre, best, sharpness, scores[best], losses[sharpness]
        )

    def _left_out(self, strength: float) -> torch.Tensor:
        """(clips, labels) scores of each clip by the regression without its speaker."""
        import torch

        own = torch.arange(len(self.given)) < self.clips
        scores = torch.zeros(self.clips, self.wanted.shape[1])
        for part in sorted(set(self.parts.tolist())):
            inside, outside = self.parts != part, (self.parts == part) & own
            weights = self._weights(inside, strength)
            scores[outside[: self.clips]] = self.given[outside] @ weights.T
        return scores

    def _weights(self, inside: torch.Tensor, strength: float) -> torch.Tensor:
        """(labels, units), by whichever of the two equal systems is smaller."""
        import torch

        rows, wanted = self.given[inside], self.wanted[inside]
        fewer = len(rows) <= rows.shape[1]
        gram = rows @ rows.T if fewer else rows.T @ rows
        gram.diagonal().add_(strength)
        factor = torch.linalg.cholesky(gram)
        if fewer:
            return (rows.T @ torch.cholesky_solve(wanted, factor)).T
        return torch.cholesky_solve(rows.T @ wanted, factor).T


def macro_f1(reference: IntArray, predicted: IntArray) -> float:
    """Macro-F1 over the labels of the reference.

    Example:
        >>> macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
        0.733...
    """
    classes = int(max(reference.max(), predicted.max())) + 1
    statistics = classification_statistics(reference, predicted, classes)
    everything = statistics.sums(np.zeros(len(reference), dtype=np.int64), 1)[0]
    return float(classification_metrics()["macro_f1"].finish(everything))
