"""Metrics as additive statistics and a finish."""

from equivoice.metrics.attributes import ATTRIBUTES, attribute_metrics, attribute_statistics
from equivoice.metrics.classification import (
    UNPARSED,
    Unparsed,
    ZeroSupport,
    classification_metrics,
    classification_statistics,
    confusion_table,
)
from equivoice.metrics.core import (
    BoolArray,
    CodedStatistics,
    FloatArray,
    IntArray,
    Metric,
    ratio,
)
from equivoice.metrics.distribution import (
    distribution_metrics,
    distribution_statistics,
    smoothed,
)
from equivoice.metrics.multilabel import (
    THRESHOLDS,
    MultilabelZeroSupport,
    chosen,
    multilabel_metrics,
    multilabel_statistics,
)
from equivoice.metrics.plugged import plugged_metrics

__all__ = [
    "ATTRIBUTES",
    "THRESHOLDS",
    "UNPARSED",
    "BoolArray",
    "CodedStatistics",
    "FloatArray",
    "IntArray",
    "Metric",
    "MultilabelZeroSupport",
    "Unparsed",
    "ZeroSupport",
    "attribute_metrics",
    "attribute_statistics",
    "chosen",
    "classification_metrics",
    "classification_statistics",
    "confusion_table",
    "distribution_metrics",
    "distribution_statistics",
    "multilabel_metrics",
    "multilabel_statistics",
    "plugged_metrics",
    "ratio",
    "smoothed",
]
