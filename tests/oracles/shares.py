"""Random votes, probabilities, label sets and ratings on scales, and loops that score them.

The loops are written from the definitions, item by item, in plain Python (with
exact fractions where rounding matters). They share no line with the source.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from equivoice.metrics import BoolArray, FloatArray, IntArray, Metric


def finished(metrics: Mapping[str, Metric], statistics: FloatArray) -> dict[str, FloatArray]:
    """Every metric of all items together."""
    sums = statistics.sum(0)
    return {name: np.asarray(metric.finish(sums)) for name, metric in metrics.items()}


def resampled(statistics: FloatArray, drawn: IntArray) -> FloatArray:
    """Sums of a resample as the bootstrap makes them: how often each item was drawn, times rows."""
    weights = np.bincount(drawn, minlength=len(statistics)).astype(np.float64)
    return np.asarray(weights @ statistics)


# ------------------------------------------------------------------ label sets


@dataclass(frozen=True)
class Sets:
    """Reference and predicted sets, and groups of the items."""

    reference: BoolArray
    predicted: BoolArray
    groups: IntArray
    n_groups: int

    @property
    def classes(self) -> int:
        return self.reference.shape[1]


@st.composite
def label_sets(
    draw: st.DrawFn, *, fewest_classes: int = 2, most_classes: int = 6, fewest_groups: int = 1
) -> Sets:
    """Sets with empty ones, full ones, classes that nobody has, and empty groups."""
    classes = draw(st.integers(fewest_classes, most_classes))
    n_groups = draw(st.integers(fewest_groups, 4))
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shares = st.sampled_from([0.0, 0.1, 0.5, 1.0])
    heard = rng.random((n, classes)) < [draw(shares) for _ in range(classes)]
    said = rng.random((n, classes)) < [draw(shares) for _ in range(classes)]
    right = rng.random((n, 1)) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    return Sets(heard, np.where(right, heard, said), rng.integers(0, n_groups, n), n_groups)


def rates_with_zeros(sets: Sets) -> dict[str, list[list[float]]]:
    """TPR, FPR and F1 by group and class, and the selection rate by group; 0/0 is 0.

    As EMO-Debias counts them (methods.md §1); the last row is everybody.
    """
    found: dict[str, list[list[float]]] = {"tpr": [], "fpr": [], "f1": [], "selected": []}
    rows = list(zip(sets.reference.tolist(), sets.predicted.tolist(), strict=True))
    groups = sets.groups.tolist()
    for group in [*range(sets.n_groups), None]:
        own = [pair for pair, where in zip(rows, groups, strict=True) if group in (where, None)]
        per_class: dict[str, list[float]] = {name: [] for name in found}
        for c in range(sets.classes):
            pairs = [(truth[c], answer[c]) for truth, answer in own]
            tp = pairs.count((True, True))
            fp = pairs.count((False, True))
            fn = pairs.count((True, False))
            tn = pairs.count((False, False))
            per_class["tpr"].append(tp / (tp + fn) if tp + fn else 0.0)
            per_class["fpr"].append(fp / (fp + tn) if fp + tn else 0.0)
            per_class["f1"].append(2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0)
            per_class["selected"].append((tp + fp) / len(own) if own else math.nan)
        for name, values in per_class.items():
            found[name].append(values)
    return found


def rms_and_max_gap(by_group: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Root mean square and maximum over classes and pairs of groups; the last row is no group."""
    gaps = [
        abs(one - other)
        for first, second in itertools.combinations(by_group[:-1], 2)
        for one, other in zip(first, second, strict=True)
    ]
    return math.sqrt(sum(gap**2 for gap in gaps) / len(gaps)), max(gaps)


# --------------------------------------------------------------- distributions


@dataclass(frozen=True)
class Judged:
    """Vote shares and probabilities over the same labels."""

    human: FloatArray
    predicted: FloatArray


@st.composite
def judged(
    draw: st.DrawFn, *, zeros: bool = True, fewest_classes: int = 1, most_items: int = 30
) -> Judged:
    """Votes of 1 to 12 people an item; probabilities with and without zeros."""
    classes = draw(st.integers(fewest_classes, 7))
    n = draw(st.integers(1, most_items))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    votes = np.stack(
        [rng.multinomial(rng.integers(1, 13), rng.dirichlet(np.ones(classes))) for _ in range(n)]
    )
    sharp = draw(st.sampled_from([0.2, 1.0, 20.0]))
    predicted = rng.dirichlet(np.full(classes, sharp), n) + 1e-6
    if zeros and draw(st.booleans()):
        lost = rng.random((n, classes)) < 0.3
        lost[np.arange(n), predicted.argmax(-1)] = False
        predicted[lost] = 0.0
    return Judged(
        votes / votes.sum(-1, keepdims=True), predicted / predicted.sum(-1, keepdims=True)
    )


# ---------------------------------------------------------- numbers on a scale


@dataclass(frozen=True)
class Rated:
    """References and predictions on a scale from 1 to 7."""

    reference: FloatArray
    predicted: FloatArray


@st.composite
def rated(draw: st.DrawFn, *, fewest: int = 1) -> Rated:
    """Ratings in quarters, so that ties, constants and equal values are common."""
    n = draw(st.integers(fewest, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0, 1, 4, 12]))
    reference = 4 + rng.integers(-spread, spread + 1, n) / 4
    kind = draw(st.sampled_from(["same", "shifted", "other", "mixed", "constant"]))
    other = 4 + rng.integers(-12, 13, n) / 4
    predicted = {
        "same": reference,
        "shifted": reference + 0.75,
        "other": other,
        "mixed": (reference + other) / 2,
        "constant": np.full(n, 3.25),
    }[kind]
    return Rated(reference, predicted)


@dataclass(frozen=True)
class Moments:
    """Exact means, variances and covariance (over n) of two columns."""

    mean_x: Fraction
    mean_y: Fraction
    var_x: Fraction
    var_y: Fraction
    cov: Fraction


def exact_moments(reference: Iterable[float], predicted: Iterable[float]) -> Moments:
    """Two passes in fractions: no digit is lost, whatever the offset."""
    x, y = [Fraction(each) for each in reference], [Fraction(each) for each in predicted]
    n = len(x)
    mean_x, mean_y = sum(x, Fraction()) / n, sum(y, Fraction()) / n
    pairs = list(zip(x, y, strict=True))
    return Moments(
        mean_x,
        mean_y,
        sum(((a - mean_x) ** 2 for a in x), Fraction()) / n,
        sum(((b - mean_y) ** 2 for b in y), Fraction()) / n,
        sum(((a - mean_x) * (b - mean_y) for a, b in pairs), Fraction()) / n,
    )


def exact_ccc(reference: Iterable[float], predicted: Iterable[float]) -> float:
    """Lin's coefficient in fractions; NaN where the references are one value."""
    m = exact_moments(reference, predicted)
    if m.var_x == 0:
        return math.nan
    return float(2 * m.cov / (m.var_x + m.var_y + (m.mean_y - m.mean_x) ** 2))


def exact_pearson(reference: Iterable[float], predicted: Iterable[float]) -> float:
    """The correlation, rounded once at the root; NaN where either is one value."""
    m = exact_moments(reference, predicted)
    if m.var_x == 0 or m.var_y == 0:
        return math.nan
    sign = -1 if m.cov < 0 else 1
    return sign * math.sqrt(float(m.cov**2 / (m.var_x * m.var_y)))
