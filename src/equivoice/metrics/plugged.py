"""Metrics that other packages bring, by entry points of the group ``equivoice.metrics``.

Each names a :class:`~equivoice.metrics.core.Metric` whose finish reads the sums
of :func:`~equivoice.metrics.classification.classification_statistics`. It then
gets groups, gaps, intervals and tests like any other.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from equivoice.errors import ConfigError
from equivoice.metrics.core import Metric

__all__ = ["plugged_metrics"]

_GROUP = "equivoice.metrics"


def plugged_metrics() -> dict[str, Metric]:
    """The metrics of installed packages, by their own name.

    Raises:
        ConfigError: an entry point names something else than a metric, or two
            packages bring metrics of one name.

    Example:
        >>> plugged_metrics()
        {}
    """
    found: dict[str, Metric] = {}
    for point in entry_points(group=_GROUP):
        metric = point.load()
        if not isinstance(metric, Metric):
            raise ConfigError(
                f"the entry point {point.name!r} of {_GROUP} names no metric", value=point.value
            )
        if metric.name in found:
            raise ConfigError("two packages bring a metric of one name", value=metric.name)
        found[metric.name] = metric
    return found
