"""Classification metrics over a declared label space.

All of them are functions of the *margins* of the confusion table: correct
answers a class, references a class, predictions a class, and answers that
could not be parsed. Margins add up over items, so each metric is a sum and a
finish (:mod:`equivoice.metrics.core`).

Two choices change the numbers and are therefore named:

``unparsed``
    ``wrong``: an answer that could not be parsed is an error of its class;
    ``drop``: it is taken out;
    ``extra_class``: it is an error, and macro-F1 is averaged over K + 1
    classes as soon as there is one (FairALM's released code).

``zero_support``
    ``exclude``: a class without references is undefined and left out of macro
    averages; ``present``: it counts 0 as soon as it is predicted
    (scikit-learn's default); ``undefined``: it makes the average undefined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from equivoice.errors import ConfigError
from equivoice.metrics.core import CodedStatistics, FloatArray, IntArray, Metric, ratio

__all__ = [
    "UNPARSED",
    "Unparsed",
    "ZeroSupport",
    "classification_metrics",
    "classification_statistics",
    "confusion_table",
]

Unparsed = Literal["wrong", "drop", "extra_class"]
ZeroSupport = Literal["exclude", "present", "undefined"]

UNPARSED = -1
"""The predicted code of an answer that could not be parsed."""

_NO_SUPPORT = "no reference of this class"
_NO_ITEMS = "no predictions"


def confusion_table(reference: IntArray, predicted: IntArray, n_classes: int) -> IntArray:
    """How often each reference class was given each label.

    Args:
        reference: (n,) codes from 0 to K − 1.
        predicted: (n,) codes from 0 to K − 1, or :data:`UNPARSED`.
        n_classes: K.

    Returns:
        (K, K + 1) counts; the last column holds the unparsed answers.

    Example:
        >>> import numpy as np
        >>> confusion_table(np.array([0, 0, 1]), np.array([0, 1, -1]), 2).tolist()
        [[1, 1, 0], [0, 0, 1]]
    """
    cells = _cells(reference, predicted, n_classes)
    counts = np.bincount(cells, minlength=n_classes * (n_classes + 1))
    return counts.reshape(n_classes, n_classes + 1)


def classification_statistics(
    reference: IntArray, predicted: IntArray, n_classes: int, *, unparsed: Unparsed = "wrong"
) -> CodedStatistics:
    """The margins that each item adds to: correct (K), references (K), predictions (K), unparsed.

    Args:
        reference: (n,) codes from 0 to K − 1.
        predicted: (n,) codes from 0 to K − 1, or :data:`UNPARSED`.
        n_classes: K.
        unparsed: with ``drop``, unparsed answers add nothing but to the count of unparsed.

    Returns:
        Statistics of size S = 3 K + 1 over K (K + 1) cells.
    """
    k = n_classes
    table = np.zeros((k, k + 1, 3 * k + 1))
    each = np.arange(k)
    table[each, each, each] = 1.0
    table[each, :, k + each] = 1.0
    table[:, each, 2 * k + each] = 1.0
    if unparsed == "drop":
        table[:, k, :] = 0.0
    table[:, k, 3 * k] = 1.0
    return CodedStatistics(_cells(reference, predicted, k), table.reshape(k * (k + 1), 3 * k + 1))


def classification_metrics(
    *, unparsed: Unparsed = "wrong", zero_support: ZeroSupport = "exclude"
) -> dict[str, Metric]:
    """The classification metrics by name, under named policies.

    Sums are margins as :func:`classification_statistics` gives them. With
    c = correct, r = references, p = predictions a class and n = Σ r:

    =====================  ==============================================
    accuracy               Σ c / n (WA, weighted accuracy)
    unweighted_accuracy    mean over classes of c / r (UA, macro recall)
    macro_f1               mean over classes of 2c / (r + p)
    weighted_f1            Σ r · 2c / (r + p) / n
    micro_f1               2 Σ c / (n + Σ p)
    recall_sum             Σ over classes of c / r, range 0 to K
    coverage               share of the answers that could be parsed
    recall                 c / r, a class
    precision              c / p, a class
    f1                     2c / (r + p), a class
    selection_rate         p / n, a class (statistical parity compares it)
    false_positive_rate    (p − c) / (n − r), a class
    false_negative_rate    1 − c / r, a class
    error_ratio            false positive rate / false negative rate, a class
    =====================  ==============================================

    Args:
        unparsed: what an answer that could not be parsed counts as.
        zero_support: what a class without references does to macro averages.

    Raises:
        ConfigError: an unknown policy.

    Example:
        >>> import numpy as np
        >>> reference = np.array([0] * 8 + [1] * 2)
        >>> predicted = np.array([0] * 8 + [1, 0])
        >>> stats = classification_statistics(reference, predicted, 2)
        >>> sums = stats.sums(np.zeros(10, dtype=np.int64), 1)[0]
        >>> metrics = classification_metrics()
        >>> float(metrics["accuracy"].finish(sums)), float(metrics["recall_sum"].finish(sums))
        (0.9, 1.5)
    """
    _check_choice("unparsed", unparsed, get_args(Unparsed))
    _check_choice("zero_support", zero_support, get_args(ZeroSupport))

    def f1(sums: FloatArray) -> FloatArray:
        return _f1(sums, zero_support)

    def macro_f1(sums: FloatArray) -> FloatArray:
        average = _mean_over_classes(f1(sums), zero_support)
        return (
            _with_extra_class(average, sums, zero_support) if unparsed == "extra_class" else average
        )

    def unweighted_accuracy(sums: FloatArray) -> FloatArray:
        return _mean_over_classes(_recall(sums), "exclude")

    scalars: list[tuple[str, Callable[[FloatArray], FloatArray], float]] = [
        ("accuracy", _accuracy, 1.0),
        ("unweighted_accuracy", unweighted_accuracy, 1.0),
        ("macro_f1", macro_f1, 1.0),
        ("weighted_f1", _weighted_f1, 1.0),
        ("micro_f1", _micro_f1, 1.0),
        ("recall_sum", _recall_sum, np.inf),
        ("coverage", _coverage(unparsed), 1.0),
    ]
    per_class: list[tuple[str, Callable[[FloatArray], FloatArray], float, bool | None, str]] = [
        ("recall", _recall, 1.0, True, _NO_SUPPORT),
        ("precision", _precision, 1.0, True, "this class was never predicted"),
        ("f1", f1, 1.0, True, _NO_SUPPORT),
        ("selection_rate", _selection_rate, 1.0, None, _NO_ITEMS),
        ("false_positive_rate", _false_positive_rate, 1.0, False, "no reference of another class"),
        ("false_negative_rate", _false_negative_rate, 1.0, False, _NO_SUPPORT),
        ("error_ratio", _error_ratio, np.inf, None, "no false negatives to divide by"),
    ]
    metrics = [Metric(name, finish, 0.0, top, True, _NO_ITEMS) for name, finish, top in scalars]
    metrics += [
        Metric(name, finish, 0.0, top, better, why, per_class=True)
        for name, finish, top, better, why in per_class
    ]
    return {metric.name: metric for metric in metrics}


def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"unknown policy for {option}", value=value, choices=choices)


def _cells(reference: IntArray, predicted: IntArray, n_classes: int) -> IntArray:
    column = np.where(predicted == UNPARSED, n_classes, predicted)
    return np.asarray(reference * (n_classes + 1) + column, dtype=np.int64)


def _correct(sums: FloatArray) -> FloatArray:
    return sums[..., : _n_classes(sums)]


def _references(sums: FloatArray) -> FloatArray:
    k = _n_classes(sums)
    return sums[..., k : 2 * k]


def _predictions(sums: FloatArray) -> FloatArray:
    k = _n_classes(sums)
    return sums[..., 2 * k : 3 * k]


def _unparsed_count(sums: FloatArray) -> FloatArray:
    return sums[..., -1]


def _n_classes(sums: FloatArray) -> int:
    return int(sums.shape[-1] - 1) // 3


def _accuracy(sums: FloatArray) -> FloatArray:
    return ratio(_correct(sums).sum(-1), _references(sums).sum(-1))


def _recall(sums: FloatArray) -> FloatArray:
    return ratio(_correct(sums), _references(sums))


def _precision(sums: FloatArray) -> FloatArray:
    return ratio(_correct(sums), _predictions(sums))


def _f1(sums: FloatArray, zero_support: ZeroSupport) -> FloatArray:
    references = _references(sums)
    f1 = ratio(2 * _correct(sums), references + _predictions(sums))
    if zero_support == "present":
        return f1
    return np.where(references > 0, f1, np.nan)


def _mean_over_classes(values: FloatArray, zero_support: ZeroSupport) -> FloatArray:
    if zero_support == "undefined":
        return np.asarray(values.mean(-1))
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(-1), defined.sum(-1).astype(np.float64))


def _with_extra_class(
    average: FloatArray, sums: FloatArray, zero_support: ZeroSupport
) -> FloatArray:
    """One more class with F1 = 0, as soon as one answer could not be parsed."""
    classes = (~np.isnan(_f1(sums, zero_support))).sum(-1)
    spoilt = _unparsed_count(sums) > 0
    return np.where(spoilt, average * classes / (classes + 1), average)


def _weighted_f1(sums: FloatArray) -> FloatArray:
    references = _references(sums)
    f1 = ratio(2 * _correct(sums), references + _predictions(sums))
    return ratio(np.nansum(references * f1, axis=-1), references.sum(-1))


def _micro_f1(sums: FloatArray) -> FloatArray:
    answered = _references(sums).sum(-1) + _predictions(sums).sum(-1)
    return ratio(2 * _correct(sums).sum(-1), answered)


def _recall_sum(sums: FloatArray) -> FloatArray:
    recall = _recall(sums)
    none = np.isnan(recall).all(-1)
    return np.where(none, np.nan, np.nansum(recall, axis=-1))


def _coverage(unparsed: Unparsed) -> Callable[[FloatArray], FloatArray]:
    def coverage(sums: FloatArray) -> FloatArray:
        lost = _unparsed_count(sums)
        asked = _references(sums).sum(-1) + (lost if unparsed == "drop" else 0.0)
        return ratio(asked - lost, asked)

    return coverage


def _selection_rate(sums: FloatArray) -> FloatArray:
    return ratio(_predictions(sums), _references(sums).sum(-1, keepdims=True))


def _false_positive_rate(sums: FloatArray) -> FloatArray:
    references = _references(sums)
    others = references.sum(-1, keepdims=True) - references
    return ratio(_predictions(sums) - _correct(sums), others)


def _false_negative_rate(sums: FloatArray) -> FloatArray:
    return 1.0 - _recall(sums)


def _error_ratio(sums: FloatArray) -> FloatArray:
    return ratio(_false_positive_rate(sums), np.nan_to_num(_false_negative_rate(sums)))
