"""Losses over classes written out item by item with ``math``, in no one's vocabulary of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Row = Sequence[float]
Loss = Callable[[Row, Row], float]


def softmax(scores: Row) -> list[float]:
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    return [power / sum(powers) for power in powers]


def log(p: float) -> float:
    return math.log(p) if p > 0 else 0.0  # always times a share of 0


def weights_of(counts: Sequence[int]) -> list[float]:
    return [sum(counts) / (count * len(counts)) for count in counts]


def cross_entropy(scores: Row, shares: Row) -> float:
    return -sum(t * math.log(p) for t, p in zip(shares, softmax(scores), strict=True))


def weighted(counts: Sequence[int]) -> Loss:
    def loss(scores: Row, shares: Row) -> float:
        each = zip(shares, weights_of(counts), softmax(scores), strict=True)
        return -sum(t * w * math.log(p) for t, w, p in each)

    return loss


def focal(counts: Sequence[int], gamma: float) -> Loss:
    def loss(scores: Row, shares: Row) -> float:
        each = zip(shares, weights_of(counts), softmax(scores), strict=True)
        return -sum(t * w * (1 - p) ** gamma * math.log(p) for t, w, p in each)

    return loss


def vector_scaling(counts: Sequence[int], gamma: float, tau: float) -> Loss:
    most, total = max(counts), sum(counts)

    def loss(scores: Row, shares: Row) -> float:
        moved = [
            (n / most) ** gamma * z + tau * math.log(n / total)
            for n, z in zip(counts, scores, strict=True)
        ]
        return weighted(counts)(moved, shares)

    return loss


def divergence(scores: Row, shares: Row) -> float:
    each = zip(shares, softmax(scores), strict=True)
    return sum(t * (log(t) - math.log(p)) for t, p in each)


def class_balanced(counts: Sequence[int], items: int) -> Loss:
    beta = (items - 1) / items
    raw = [(1 - beta) / (1 - beta ** (n or 1)) for n in counts]
    scaled = [len(raw) * weight / sum(raw) for weight in raw]

    def loss(scores: Row, shares: Row) -> float:
        mean = sum(w * t for w, t in zip(scaled, shares, strict=True))
        return mean * cross_entropy(scores, shares)

    return loss


def generalised(q: float) -> Loss:
    def loss(scores: Row, shares: Row) -> float:
        return sum(t * (1 - p**q) / q for t, p in zip(shares, softmax(scores), strict=True))

    return loss


def penalised(matrix: Sequence[Row], form: str) -> Loss:
    def loss(scores: Row, shares: Row) -> float:
        given = softmax(scores)
        places = range(len(given))
        terms = [shares[j] * (log(shares[j]) - math.log(given[j])) for j in places]
        if form == "thesis":
            return sum(matrix[j][z] * terms[j] for j in places for z in places)
        cost = sum(shares[j] * matrix[j][z] * given[z] for j in places for z in places)
        return sum(terms) + cost

    return loss
