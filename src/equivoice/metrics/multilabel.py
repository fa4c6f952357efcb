"""Metrics of label *sets*: each item may have several labels, or none.

A set is what lies above a threshold (:func:`chosen`), for people's votes and
for a system's probabilities alike. The statistics of an item are counts, so
groups, gaps and intervals come as for any metric; macro averages are over the
whole test set, never means of batches.

One choice changes the numbers and is therefore named:

``zero_support``
    ``exclude``: a class that is in no reference set is undefined and left out
    of macro averages; ``present``: it counts 0 as soon as it is predicted;
    ``undefined``: it makes the average undefined; ``zero``: 0/0 is 0 in every
    rate (EMO-Debias' code, and scikit-learn's default), also for a class that
    nobody has.

Sources: thresholds of Chou's thesis and EMO-SUPERB [code]; rates and gaps of
EMO-Debias [code].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np

from equivoice.errors import ConfigError
from equivoice.metrics.core import BoolArray, FloatArray, Metric, ratio

__all__ = [
    "THRESHOLDS",
    "TOLERANCE",
    "MultilabelZeroSupport",
    "chosen",
    "multilabel_metrics",
    "multilabel_statistics",
]

MultilabelZeroSupport = Literal["exclude", "present", "undefined", "zero"]

TOLERANCE = 1e-9
"""How far above a threshold a share must lie, so that 1/3 is not above 1/3 by rounding."""

THRESHOLDS: Mapping[str, Callable[[int], float]] = {
    "1/C": lambda classes: 1.0 / classes,
    "0.5": lambda _: 0.5,
    "1/(C-1)": lambda classes: 1.0 / max(classes - 1, 1),
}
"""The thresholds in use, by name, as functions of the number of classes C.

With two labels 1/(C-1) is 1, and nothing is above it.
"""

_PLAIN = 4
_ITEMS, _EXACT, _EMPTY_PREDICTED, _EMPTY_REFERENCE = range(-_PLAIN, 0)
_NO_ITEMS = "no predictions"
_NO_SUPPORT = "no reference of this class"
_NEVER = "this class was never predicted"
_NO_CLASS = "no class has a reference"
_MISSING_CLASS = "a class has no reference"
_NOTHING = "no label in any set"
_ALWAYS = "every reference has this class"


def chosen(shares: FloatArray, threshold: str) -> BoolArray:
    """The set of labels that each row chooses: those strictly above a threshold.

    Formula: q_c > t + 1e-9. At ``1/C`` a uniform row is the empty set [code].

    Args:
        shares: (n, C) vote shares or probabilities.
        threshold: a name of :data:`THRESHOLDS`.

    Returns:
        (n, C), whether a label is in the set.

    Raises:
        ConfigError: an unknown threshold.
        ValueError: a share is not a number; rows without votes are taken out before.

    Example:
        >>> import numpy as np
        >>> chosen(np.array([[0.2, 0.4, 0.4, 0.0], [0.25] * 4]), "1/C").astype(int).tolist()
        [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    if threshold not in THRESHOLDS:
        raise ConfigError("unknown threshold", value=threshold, choices=THRESHOLDS)
    if np.isnan(shares).any():
        raise ValueError("a share is not a number; take out rows without votes before")
    return np.asarray(shares > THRESHOLDS[threshold](shares.shape[-1]) + TOLERANCE)


def multilabel_statistics(reference: BoolArray, predicted: BoolArray) -> FloatArray:
    """What each item adds to the sums.

    Args:
        reference: (n, C) whether a label is in the reference set.
        predicted: (n, C) whether it is in the predicted set.

    Returns:
        (n, 3 C + 4): labels in both sets (C), in the reference (C), predicted (C), then
        1, whether the sets are equal, whether nothing is predicted, whether the reference
        is empty.

    Raises:
        ValueError: other than truth values, or of other shapes.

    Example:
        >>> import numpy as np
        >>> reference, predicted = np.array([[True, False]]), np.array([[True, True]])
        >>> multilabel_statistics(reference, predicted).tolist()
        [[1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]
    """
    if reference.dtype != np.bool_ or predicted.dtype != np.bool_:
        raise ValueError("sets of labels are tables of truth values")
    if reference.shape != predicted.shape or reference.ndim != 2:
        raise ValueError(f"sets of other shapes: {reference.shape} and {predicted.shape}")
    plain = [
        np.ones(len(reference), dtype=np.bool_),
        (reference == predicted).all(-1),
        ~predicted.any(-1),
        ~reference.any(-1),
    ]
    parts = [reference & predicted, reference, predicted, np.stack(plain, axis=-1)]
    return np.asarray(np.concatenate(parts, axis=-1), dtype=np.float64)


def multilabel_metrics(
    zero_support: MultilabelZeroSupport = "exclude",
) -> dict[str, Metric]:
    """The metrics of label sets by name, under a named policy.

    Sums are as :func:`multilabel_statistics` gives them. With b = in both sets, r = in the
    reference, p = predicted (a class) and n items:

    ==============================  ==============================================
    multilabel_macro_f1             mean over classes of 2b / (r + p)
    multilabel_micro_f1             2 Σ b / Σ (r + p)
    exact_match                     share of items whose two sets are equal, also both empty
    empty_prediction                share of items for which nothing was predicted
    empty_reference                 share of items whose reference has no label
    multilabel_f1                   2b / (r + p), a class
    multilabel_recall               b / r, a class (true positive rate)
    multilabel_precision            b / p, a class
    multilabel_selection_rate       p / n, a class (demographic parity compares it)
    multilabel_false_positive_rate  (p − b) / (n − r), a class
    ==============================  ==============================================

    All range from 0 to 1. The gaps of EMO-Debias [code] are the aggregators ``rms`` and
    ``max`` over groups and classes of recall, false positive rate and F1, and
    ``max_to_overall`` over groups of the selection rate, with ``zero_support="zero"``.

    Args:
        zero_support: what a class without references does.

    Raises:
        ConfigError: an unknown policy.

    Example:
        >>> import numpy as np
        >>> reference = np.array([[True, False], [True, True]])
        >>> predicted = np.array([[True, False], [True, False]])
        >>> sums = multilabel_statistics(reference, predicted).sum(0)
        >>> metrics = multilabel_metrics()
        >>> float(metrics["multilabel_macro_f1"].finish(sums))
        0.5
        >>> round(float(metrics["multilabel_micro_f1"].finish(sums)), 3)
        0.8
    """
    choices = get_args(MultilabelZeroSupport)
    if zero_support not in choices:
        raise ConfigError("unknown policy for zero_support", value=zero_support, choices=choices)
    rates = _Rates(zero_support)
    no_average = _MISSING_CLASS if zero_support == "undefined" else _NO_CLASS
    metrics = (
        Metric("multilabel_macro_f1", rates.macro_f1, 0.0, 1.0, True, no_average),
        Metric("multilabel_micro_f1", rates.micro_f1, 0.0, 1.0, True, _NOTHING),
        Metric("exact_match", _share(_EXACT), 0.0, 1.0, True, _NO_ITEMS),
        Metric("empty_prediction", _share(_EMPTY_PREDICTED), 0.0, 1.0, None, _NO_ITEMS),
        Metric("empty_reference", _share(_EMPTY_REFERENCE), 0.0, 1.0, None, _NO_ITEMS),
        _by_class("multilabel_f1", rates.f1, True, _NO_SUPPORT),
        _by_class("multilabel_recall", rates.recall, True, _NO_SUPPORT),
        _by_class("multilabel_precision", rates.precision, True, _NEVER),
        _by_class("multilabel_selection_rate", rates.selection_rate, None, _NO_ITEMS),
        _by_class("multilabel_false_positive_rate", rates.false_positive_rate, False, _ALWAYS),
    )
    return {metric.name: metric for metric in metrics}


def _by_class(
    name: str, finish: Callable[[FloatArray], FloatArray], better: bool | None, why: str
) -> Metric:
    return Metric(name, finish, 0.0, 1.0, better, why, per_class=True)


class _Rates:
    """Rates of sums (..., 3 C + 4) under a policy for 0/0."""

    def __init__(self, zero_support: MultilabelZeroSupport) -> None:
        self.zero_support = zero_support

    def recall(self, sums: FloatArray) -> FloatArray:
        both, references, _ = _parts(sums)
        return self._rate(both, references, sums)

    def precision(self, sums: FloatArray) -> FloatArray:
        both, _, predictions = _parts(sums)
        return self._rate(both, predictions, sums)

    def selection_rate(self, sums: FloatArray) -> FloatArray:
        return ratio(_parts(sums)[2], _items(sums))

    def false_positive_rate(self, sums: FloatArray) -> FloatArray:
        both, references, predictions = _parts(sums)
        return self._rate(predictions - both, _items(sums) - references, sums)

    def f1(self, sums: FloatArray) -> FloatArray:
        both, references, predictions = _parts(sums)
        f1 = self._rate(2 * both, references + predictions, sums)
        if self.zero_support in ("present", "zero"):
            return f1
        return np.where(references > 0, f1, np.nan)

    def macro_f1(self, sums: FloatArray) -> FloatArray:
        f1 = self.f1(sums)
        if self.zero_support == "undefined":
            return np.asarray(f1.mean(-1))
        defined = ~np.isnan(f1)
        return ratio(np.where(defined, f1, 0.0).sum(-1), defined.sum(-1).astype(np.float64))

    def micro_f1(self, sums: FloatArray) -> FloatArray:
        both, references, predictions = (part.sum(-1, keepdims=True) for part in _parts(sums))
        return self._rate(2 * both, references + predictions, sums)[..., 0]

    def _rate(self, above: FloatArray, below: FloatArray, sums: FloatArray) -> FloatArray:
        """Above / below; where there are no items at all, nothing is a 0 either."""
        rate = ratio(above, below)
        if self.zero_support != "zero":
            return rate
        return np.where(np.isnan(rate) & (_items(sums) > 0), 0.0, rate)


def _parts(sums: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """In both sets, in the reference, predicted: (..., C) each."""
    classes = (sums.shape[-1] - _PLAIN) // 3
    return (
        sums[..., :classes],
        sums[..., classes : 2 * classes],
        sums[..., 2 * classes : 3 * classes],
    )


def _items(sums: FloatArray) -> FloatArray:
    return sums[..., _ITEMS, np.newaxis]


def _share(column: int) -> Callable[[FloatArray], FloatArray]:
    def finish(sums: FloatArray) -> FloatArray:
        return ratio(sums[..., column], sums[..., _ITEMS])

    return finish
