"""From what the model said of the validation part to scores, gaps and rows of tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from equivoice.errors import ConfigError
from equivoice.metrics import (
    FloatArray,
    IntArray,
    Metric,
    classification_metrics,
    classification_statistics,
)
from equivoice.objectives.minmax_gap import Stratum, worst_gap
from equivoice.records import TRAINING_EVALUATIONS, TRAINING_LOSSES, LabelSpace
from equivoice.training.data import Example
from equivoice.training.learner import Heard

__all__ = [
    "LOSS",
    "WORST_GAP",
    "WORST_GROUP",
    "Evaluation",
    "better",
    "check_metric",
    "evaluate",
    "stratum_rows",
]

LOSS = "loss"
WORST_GAP = "worst_gap"
WORST_GROUP = "worst_group"
_GROUPS_SCORE = "macro_f1"
_SHOWN = (_GROUPS_SCORE, "unweighted_accuracy", "weighted_f1", "accuracy")

Values = dict[tuple[str | None, str | None], float | None]
"""By cell and group; ``None`` for all of them together."""


@dataclass(frozen=True)
class Evaluation:
    """Scores on the validation part.

    Args:
        values: from each metric to its values by cell and group; ``loss`` among them.
        counts: how many examples each cell and group has.
        labelled: how many of them have one label, which metrics are of; a distribution
            with a tie has none, and takes part in losses only.
        sums: of the losses, by stratum.
        gap: Δ_dev, the worst cell's gap in what ``weight.gap`` names; ``None`` where no
            cell has two groups.
    """

    values: Mapping[str, Values]
    counts: Mapping[tuple[str | None, str | None], int]
    labelled: Mapping[tuple[str | None, str | None], int]
    sums: Mapping[Stratum, float]
    gap: float | None

    def value(self, metric: str) -> float | None:
        """The value of a metric over everything, the worst gap, or the worst group's score."""
        if metric == WORST_GROUP:
            return _least(self.values[_GROUPS_SCORE])
        return self.gap if metric == WORST_GAP else self.values[metric][None, None]

    def rows(self, *, step: int, epoch: int, metric: str, best: bool) -> pl.DataFrame:
        """As rows of the evaluations table.

        Args:
            step: the number of the step.
            epoch: epochs that are whole.
            metric: that by which the best checkpoint is known.
            best: whether this is the best one so far, which only ``metric``'s row says.
        """
        place = {"step": step, "epoch": epoch}
        found: list[dict[str, Any]] = [
            {**place, "metric": name, "cell": cell, "group": group, "value": value}
            | {"n": self._size(name)[cell, group], "best": False}
            for name, by_place in self.values.items()
            for (cell, group), value in by_place.items()
        ]
        n = self.counts[None, None]
        for name in (WORST_GAP, *([WORST_GROUP] if metric == WORST_GROUP else [])):
            value = self.value(name)
            found.append({**place, "metric": name, "value": value, "n": n, "best": False})
        for row in found:
            if row["metric"] == metric and row.get("cell") is None and row.get("group") is None:
                row["best"] = best
        return TRAINING_EVALUATIONS.validate(_frame(found, TRAINING_EVALUATIONS))

    def _size(self, metric: str) -> Mapping[tuple[str | None, str | None], int]:
        return self.counts if metric == LOSS else self.labelled

    def loss_rows(self, *, step: int) -> pl.DataFrame:
        """The losses by stratum, as rows of the losses table."""
        return stratum_rows(step, "validation", self.sums, _counted(self.counts, self.sums))


def evaluate(
    examples: Sequence[Example],
    heard: Heard,
    shown: Mapping[str, Sequence[str]],
    labels: LabelSpace,
    *,
    metrics: Sequence[str],
    gap: str,
) -> Evaluation:
    """Scores by cell and group.

    Args:
        examples: n examples.
        heard: what the model said of them.
        shown: from each corpus to its labels, in the order of the log-probabilities.
        labels: of all corpora.
        metrics: further ones than those that are always had.
        gap: in what Δ_dev is taken: ``loss``, or a metric.
    """
    strata = [example.item.stratum for example in examples]
    by_place = _places(strata)
    known = classification_metrics()
    names = dict.fromkeys((*_SHOWN, *metrics, gap))
    wanted = [name for name in names if name not in (LOSS, WORST_GAP, WORST_GROUP)]
    reference, predicted = _codes(examples, heard, shown, labels)
    statistics = classification_statistics(reference, predicted, len(labels.names))
    values: dict[str, Values] = {LOSS: _means(by_place, heard.losses)}
    labelled = {
        place: [row for row in rows if examples[row].item.label is not None]
        for place, rows in by_place.items()
    }
    for name in wanted:
        values[name] = _finished(known[name], labelled, statistics.sums, len(examples))
    counts = {place: len(rows) for place, rows in by_place.items()}
    sums = {
        stratum: math.fsum(heard.losses[row] for row, own in enumerate(strata) if own == stratum)
        for stratum in sorted(set(strata), key=str)
    }
    graded = {place: len(rows) for place, rows in labelled.items()}
    return Evaluation(values, counts, graded, sums, _gap(values[gap], counts))


def check_metric(name: str, *, setting: str) -> None:
    """Refuse a metric that cannot be had on the validation part.

    Args:
        name: of the metric.
        setting: which names it.

    Raises:
        ConfigError: there is no such metric, or it has a value a class.
    """
    scalar = [known for known, metric in classification_metrics().items() if not metric.per_class]
    own = (LOSS, WORST_GAP, WORST_GROUP) if setting == "selection.metric" else (LOSS,)
    if name not in (*own, *scalar):
        raise ConfigError(f"no such metric for {setting}", value=name, choices=(*own, *scalar))


def better(metric: str, new: float | None, old: float | None) -> bool:
    """Whether a value is better than the best before it.

    Example:
        >>> better("macro_f1", 0.5, None), better("loss", 0.5, 0.4), better("worst_gap", 0.1, 0.2)
        (True, False, True)
    """
    if new is None or math.isnan(new):
        return False
    if old is None:
        return True
    return new < old if metric in (LOSS, WORST_GAP) else new > old


def stratum_rows(
    step: int, split: str, sums: Mapping[Stratum, float], counts: Mapping[Stratum, int]
) -> pl.DataFrame:
    """Mean losses by cell and group, as rows of the losses table."""
    found = [
        {"step": step, "split": split, "cell": cell, "group": group}
        | {"loss": sums[cell, group] / counts[cell, group], "n": counts[cell, group]}
        for cell, group in sorted(sums, key=lambda place: (place[0], place[1] or ""))
        if counts[cell, group]
    ]
    return TRAINING_LOSSES.validate(_frame(found, TRAINING_LOSSES))


# ------------------------------------------------------------------------ inner part


def _places(strata: Sequence[Stratum]) -> dict[tuple[str | None, str | None], list[int]]:
    """The rows of everything, of each cell, and of each group of each cell."""
    found: dict[tuple[str | None, str | None], list[int]] = {(None, None): []}
    for cell in sorted({cell for cell, _ in strata}):
        found[cell, None] = []
    for stratum in sorted((c, g) for c, g in set(strata) if g is not None):
        found[stratum] = []
    for row, (cell, group) in enumerate(strata):
        for place in dict.fromkeys([(None, None), (cell, None), (cell, group)]):
            found[place].append(row)
    return found


def _codes(
    examples: Sequence[Example],
    heard: Heard,
    shown: Mapping[str, Sequence[str]],
    labels: LabelSpace,
) -> tuple[IntArray, IntArray]:
    """Right labels and most probable ones; what has no label is given the first one."""
    right = [each.item.label or labels.names[0] for each in examples]
    reference = np.array([labels.index(label) for label in right])
    displayed = {corpus: [labels.index(label) for label in own] for corpus, own in shown.items()}
    best = heard.logprobs.argmax(axis=1)
    pairs = zip(examples, best.tolist(), strict=True)
    predicted = np.array([displayed[example.corpus][place] for example, place in pairs])
    return reference, predicted


def _means(
    by_place: Mapping[tuple[str | None, str | None], list[int]], losses: FloatArray
) -> Values:
    return {place: math.fsum(losses[rows]) / len(rows) for place, rows in by_place.items()}


def _finished(
    metric: Metric,
    by_place: Mapping[tuple[str | None, str | None], list[int]],
    sums: Callable[[IntArray, int], FloatArray],
    size: int,
) -> Values:
    """A metric at each place."""
    found: Values = {}
    for place, rows in by_place.items():
        inside = np.zeros(size, dtype=np.int64)
        inside[rows] = 1
        value = float(metric.finish(sums(inside, 2)[1]))
        found[place] = None if math.isnan(value) else value
    return found


def _least(values: Values) -> float | None:
    """The smallest value of a group within a cell; ``None`` where a group has none."""
    groups = [value for (_, group), value in values.items() if group is not None]
    known = [value for value in groups if value is not None]
    return min(known) if known and len(known) == len(groups) else None


def _gap(values: Values, counts: Mapping[tuple[str | None, str | None], int]) -> float | None:
    """The largest difference between two groups of a cell."""
    strata: dict[Stratum, float] = {
        (cell, group): value
        for (cell, group), value in values.items()
        if cell is not None and group is not None and value is not None
    }
    # a mean as the sum of one item: the objective's own rule for ties and missing groups
    found = worst_gap(strata, {place: int(counts[place] > 0) for place in strata})
    return None if found is None else found.size


def _counted(
    counts: Mapping[tuple[str | None, str | None], int], sums: Mapping[Stratum, float]
) -> dict[Stratum, int]:
    """From each stratum to its size; what has no group is the rest of its cell."""
    found: dict[Stratum, int] = {}
    for cell, group in sums:
        grouped = sum(n for (c, g), n in counts.items() if c == cell and g is not None)
        own = counts[cell, group] if group is not None else counts[cell, None] - grouped
        found[cell, group] = own
    return found


def _frame(rows: list[dict[str, Any]], schema: Any) -> pl.DataFrame:
    types = {column.name: column.dtype for column in schema.columns}
    return pl.DataFrame(rows, schema=types)
