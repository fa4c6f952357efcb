"""Group-fairness measures: which metrics are compared, and how gaps combine.

A measure is a metric (or several) whose values are compared between groups.
Which aggregator joins the pairs of groups, and which the classes, is chosen
apart (:mod:`equivoice.fairness.aggregators`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from equivoice.fairness.aggregators import (
    CLASS_AGGREGATORS,
    GROUP_AGGREGATORS,
    ClassAggregator,
    GroupAggregator,
)
from equivoice.fairness.conventions import Convention
from equivoice.metrics import FloatArray

__all__ = ["NAMED_MEASURES", "Measure", "gap_function", "named_measures"]


@dataclass(frozen=True)
class Measure:
    """A named comparison of groups.

    Args:
        name: the name in the field.
        metrics: the metrics whose values are compared.
        combine: how the gaps of several metrics join: their mean, or the largest.
        definition: the formula, with its source.
    """

    name: str
    metrics: tuple[str, ...]
    combine: Literal["mean", "max"]
    definition: str


NAMED_MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            "statistical_parity",
            ("selection_rate",),
            "mean",
            "gap of P(ŷ = c | a) (Dwork et al. 2012; FairALM Eq. 1)",
        ),
        Measure(
            "equal_opportunity",
            ("recall",),
            "mean",
            "gap of P(ŷ = c | y = c, a) (Hardt et al. 2016; FairALM Eq. 2)",
        ),
        Measure(
            "overall_accuracy_equality",
            ("accuracy",),
            "mean",
            "gap of P(ŷ = y | a) (Berk et al. 2021; FairALM Eq. 3); with the convention "
            "fairalm_code of the sum over classes of P(ŷ = c | y = c, a)",
        ),
        Measure("tpr_gap", ("recall",), "mean", "gap of one-vs-rest recall (ERM-MinMaxGAP)"),
        Measure(
            "fpr_gap",
            ("false_positive_rate",),
            "mean",
            "gap of one-vs-rest false positive rate (ERM-MinMaxGAP)",
        ),
        Measure("w_f1_gap", ("weighted_f1",), "mean", "gap of weighted F1 (ERM-MinMaxGAP)"),
        Measure("acc_gap", ("accuracy",), "mean", "gap of accuracy (ERM-MinMaxGAP)"),
        Measure(
            "avg_gap",
            ("recall", "false_positive_rate", "weighted_f1", "accuracy"),
            "mean",
            "mean of the TPR, FPR, weighted-F1 and accuracy gaps (ERM-MinMaxGAP, AVG)",
        ),
        Measure(
            "equalised_odds",
            ("recall", "false_positive_rate"),
            "max",
            "larger of the TPR and the FPR gap (Hardt et al. 2016; fairlearn's worst case)",
        ),
        Measure(
            "treatment_equality",
            ("error_ratio",),
            "mean",
            "gap of FPR / FNR (Berk et al. 2021; Purificato et al. 2024)",
        ),
    )
}


def named_measures(rules: Convention) -> tuple[Measure, ...]:
    """The named measures, overall accuracy equality read as the convention reads it.

    Example:
        >>> from equivoice.fairness import convention
        >>> measures = {m.name: m for m in named_measures(convention("fairalm_code"))}
        >>> measures["overall_accuracy_equality"].metrics
        ('recall_sum',)
    """
    read = NAMED_MEASURES["overall_accuracy_equality"]
    chosen = Measure(read.name, (rules.overall_accuracy,), read.combine, read.definition)
    return tuple(
        chosen if name == read.name else measure for name, measure in NAMED_MEASURES.items()
    )


def gap_function(
    widths: tuple[int, ...],
    group_aggregator: GroupAggregator,
    class_aggregator: ClassAggregator,
    combine: Literal["mean", "max"] = "mean",
) -> Callable[[FloatArray], FloatArray]:
    """The gap as a function of group values.

    Args:
        widths: how many classes each metric of the measure has (1 for a scalar);
            their values lie side by side in the class axis.
        group_aggregator: joins the groups, class by class.
        class_aggregator: joins the classes of a metric.
        combine: joins the metrics.

    Returns:
        A function from values (G + 1, sum of widths, ...), whose last group is all
        groups together, to gaps (...). It does not change when all groups move
        together, and it scales with the differences.

    Example:
        >>> import numpy as np
        >>> recall = np.array([[1.0, 1.0], [0.5, 1.0], [0.75, 1.0]])  # two groups and all
        >>> float(gap_function((2,), "rms", "rms")(recall))
        0.3535533905932738
    """
    over_groups = GROUP_AGGREGATORS[group_aggregator]
    over_classes = CLASS_AGGREGATORS[class_aggregator]
    ends = np.cumsum(widths)

    def gap(values: FloatArray) -> FloatArray:
        by_class = over_groups(values)
        parts = [
            over_classes(by_class[end - width : end])
            for width, end in zip(widths, ends, strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        stacked = np.stack(parts)
        return np.asarray(stacked.mean(0) if combine == "mean" else stacked.max(0))

    return gap
