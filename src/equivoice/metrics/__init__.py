"""Metrics as additive statistics and a finish."""

from equivoice.metrics.classification import (
    UNPARSED,
    Unparsed,
    ZeroSupport,
    classification_metrics,
    classification_statistics,
    confusion_table,
)
from equivoice.metrics.core import CodedStatistics, FloatArray, IntArray, Metric
from equivoice.metrics.plugged import plugged_metrics

__all__ = [
    "UNPARSED",
    "CodedStatistics",
    "FloatArray",
    "IntArray",
    "Metric",
    "Unparsed",
    "ZeroSupport",
    "classification_metrics",
    "classification_statistics",
    "confusion_table",
    "plugged_metrics",
]
