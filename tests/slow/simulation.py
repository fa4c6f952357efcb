"""How often intervals hold the truth: data sets with known gaps, scored and counted.

A speaker has a skill, drawn from a beta distribution around the group's mean;
an answer is right with that probability, and else any other class. Accuracy,
recall and, with balanced labels, macro-F1 are then equal to the group's mean
skill in the population, so every gap is known. Intervals come from the
functions that write the estimates table, not from a second implementation.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from unittest.mock import patch

import numpy as np

from equivoice.evaluation import rows as estimate_rows
from equivoice.evaluation.resampling import GroupValues, group_values
from equivoice.evaluation.rows import Context, gap_rows, pair_rows
from equivoice.fairness import NAMED_MEASURES, Grouping, Measure
from equivoice.metrics import (
    FloatArray,
    IntArray,
    Metric,
    classification_metrics,
    classification_statistics,
)
from equivoice.uncertainty import clustered_sums

BASE = 0.6
METRICS = classification_metrics()
MEASURES = (
    Measure("accuracy", ("accuracy",), "mean", ""),
    Measure("macro_f1", ("macro_f1",), "mean", ""),
    Measure("equal_opportunity", ("recall",), "mean", ""),
)
OTHERS = tuple(
    NAMED_MEASURES[name] for name in ("statistical_parity", "fpr_gap", "avg_gap", "equalised_odds")
)
"""Further measures with a value a class, for the harder populations."""
KINDS = ("signed", "mean", "rms", "max", "max_to_overall")


@dataclass(frozen=True)
class Design:
    """A population of speakers.

    Args:
        speakers: how many in each group.
        skills: the mean skill of each group.
        concentration: of each group's beta distribution; large: equal speakers.
        utterances: fewest and most of one speaker.
        labels: the share of each class in each group.
        by_class: whether a speaker has a skill of their own for each class.
        pattern: how much of the groups' distance from the mean skill each class
            has; equal classes where empty.
        arrangement: ``apart``: a speaker stands in one group; ``shared``: every
            speaker stands in all, as in a comparison of two systems;
            ``scattered``: each utterance falls into any group.
    """

    speakers: tuple[int, ...]
    skills: tuple[float, ...]
    concentration: tuple[float, ...]
    utterances: tuple[int, int]
    labels: tuple[tuple[float, ...], ...]
    by_class: bool = False
    pattern: tuple[float, ...] = ()
    arrangement: Literal["apart", "shared", "scattered"] = "apart"

    @property
    def classes(self) -> int:
        return len(self.labels[0])

    @property
    def skill_table(self) -> FloatArray:
        """(G, K) mean skills by group and class."""
        skills = np.asarray(self.skills)[:, None]
        pattern = np.asarray(self.pattern or (1.0,) * self.classes)
        return np.asarray(skills.mean() + (skills - skills.mean()) * pattern)


def spread_design(groups: int, speakers: int, gap: float, classes: int = 6) -> Design:
    """Groups of nearly equal size whose skills lie evenly over a range of ``gap``."""
    sizes = tuple(speakers // groups + (g < speakers % groups) for g in range(groups))
    skills = tuple(BASE + gap * (0.5 - g / (groups - 1)) for g in range(groups))
    balanced = ((1.0 / classes,) * classes,) * groups
    return Design(sizes, skills, (15.0,) * groups, (4 * classes, 4 * classes), balanced)


@dataclass(frozen=True)
class Sample:
    """What was heard, and what was answered: codes, one entry an utterance."""

    reference: IntArray
    predicted: IntArray
    groups: IntArray
    speakers: IntArray


def draw(design: Design, rng: np.random.Generator) -> Sample:
    """One data set."""
    group_of = np.repeat(np.arange(len(design.speakers)), design.speakers)
    mean = np.asarray(design.skills)[group_of]
    spread = np.asarray(design.concentration)[group_of]
    columns = design.classes if design.by_class else 1
    shape = (len(group_of), columns)
    skill = rng.beta(
        np.broadcast_to((mean * spread)[:, None], shape), ((1 - mean) * spread)[:, None]
    )
    fewest, most = design.utterances
    counts = rng.integers(fewest, most + 1, len(group_of))
    speakers = np.repeat(np.arange(len(group_of)), counts)
    groups = group_of[speakers]
    reference = _references(design, counts, groups, rng)
    moved = design.skill_table - np.asarray(design.skills)[:, None]
    chance = skill[speakers, reference % columns] + moved[groups, reference]
    right = rng.random(len(speakers)) < chance
    other = (reference + rng.integers(1, design.classes, len(speakers))) % design.classes
    if design.arrangement == "shared":
        speakers = speakers % design.speakers[0]
    if design.arrangement == "scattered":
        groups = rng.integers(0, len(design.speakers), len(speakers))
    return Sample(reference, np.where(right, reference, other), groups, speakers)


def _references(
    design: Design, counts: IntArray, groups: IntArray, rng: np.random.Generator
) -> IntArray:
    """As in an acted corpus each speaker says every class equally often, if labels are balanced."""
    if all(len(set(shares)) == 1 for shares in design.labels):
        return np.concatenate([np.arange(count) % design.classes for count in counts])
    edges = np.cumsum(np.asarray(design.labels), axis=1)[:, :-1]
    return np.asarray((rng.random(len(groups))[:, None] > edges[groups]).sum(1), dtype=np.int64)


def true_values(design: Design, metric: str) -> FloatArray:
    """Values in the population, group by group and class by class.

    Returns:
        (G + 1, K) values, or (G + 1, 1) of a scalar metric; the last row holds
        all groups together, as large as they are in the sample.
    """
    shares = np.asarray(design.labels)
    hits = shares * design.skill_table
    wrong = shares - hits
    chosen = hits + (wrong.sum(1, keepdims=True) - wrong) / (design.classes - 1)
    weights = np.asarray(design.speakers) / sum(design.speakers)
    shares, hits, chosen = (np.vstack([part, weights @ part]) for part in (shares, hits, chosen))
    f1 = 2 * hits / (shares + chosen)
    return {
        "accuracy": hits.sum(1, keepdims=True),
        "macro_f1": f1.mean(1, keepdims=True),
        "weighted_f1": (shares * f1).sum(1, keepdims=True),
        "recall": hits / shares,
        "selection_rate": chosen,
        "false_positive_rate": (chosen - hits) / (1 - shares),
    }[metric]


def true_gap(design: Design, kind: str, measure: Measure) -> float:
    """The gap in the population; ``kind`` is signed or names an aggregator of groups."""
    parts = [_true_gap(*true_values(design, metric), kind=kind) for metric in measure.metrics]
    return max(parts) if measure.combine == "max" else sum(parts) / len(parts)


def _true_gap(*values: FloatArray, kind: str) -> float:
    *groups, together = values
    if kind == "signed":
        return float((groups[0] - groups[1]).mean())
    if kind == "max_to_overall":
        return float(np.max([np.abs(group - together) for group in groups], axis=0).mean())
    pairs = np.array([np.abs(a - b) for a, b in itertools.combinations(groups, 2)])
    joined = {
        "mean": pairs.mean(0),
        "rms": np.sqrt(np.square(pairs).mean(0)),
        "max": pairs.max(0),
    }[kind]
    return float(joined.mean())


def intervals(
    sample: Sample,
    design: Design,
    *,
    replicates: int,
    seed: int,
    kinds: Sequence[str] = KINDS,
    measures: Sequence[Measure] = MEASURES,
) -> Iterator[tuple[tuple[str, str], float, float]]:
    """(kind, measure), low and high of each gap; NaN where the interval is refused.

    Signed are the scalar measures only; classes are joined by their mean only.
    """
    values = _values(sample, design, measures, replicates, seed)
    context = _context(values, sample, design, measures)
    scalars = {m.name: METRICS[m.name] for m in measures if m.name in ("accuracy", "macro_f1")}
    if "signed" in kinds:
        signed = pair_rows(values, replace(context, metrics=scalars), {})
        for row in itertools.islice(signed, len(scalars)):
            yield ("signed", row["metric"]), *_ends(row)
    unsigned = tuple(kind for kind in kinds if kind != "signed")
    if not unsigned:
        return
    with (
        patch.object(estimate_rows, "CLASS_AGGREGATORS", ("mean",)),
        patch.object(estimate_rows, "GROUP_AGGREGATORS", unsigned),
    ):
        for row in gap_rows(values, context, measures, {}):
            yield (row["group_aggregator"], row["metric"]), *_ends(row)


def _metrics(measures: Sequence[Measure]) -> dict[str, Metric]:
    return {name: METRICS[name] for measure in measures for name in measure.metrics}


def _values(
    sample: Sample, design: Design, measures: Sequence[Measure], replicates: int, seed: int
) -> GroupValues:
    statistics = classification_statistics(sample.reference, sample.predicted, design.classes)
    sums = clustered_sums(statistics, sample.groups, len(design.speakers), sample.speakers)
    return group_values(sums, _metrics(measures), replicates=replicates, seed=seed)


def _context(
    values: GroupValues, sample: Sample, design: Design, measures: Sequence[Measure]
) -> Context:
    groups, classes = len(design.speakers), design.classes
    n = np.bincount(sample.groups, minlength=groups)
    names = tuple(f"group {g}" for g in range(groups))
    return Context(
        _metrics(measures),
        [f"class {k}" for k in range(classes)],
        0.95,
        np.append(n, n.sum()),
        np.zeros((groups + 1, classes), dtype=bool),
        Grouping("group", names, sample.groups, 0),
    )


def _ends(row: dict[str, Any]) -> tuple[float, float]:
    low, high = row.get("low"), row.get("high")
    return (math.nan, math.nan) if low is None or high is None else (low, high)


@dataclass(frozen=True)
class Coverage:
    """What the intervals of one gap did.

    Args:
        truth: the gap in the population.
        covered: the share of the data sets whose interval holds it.
        refused: the share without an interval.
        width: the mean length of the intervals.
    """

    truth: float
    covered: float
    refused: float
    width: float


def coverage(
    design: Design,
    *,
    data_sets: int,
    replicates: int,
    seed: int,
    kinds: Sequence[str] = KINDS,
    measures: Sequence[Measure] = MEASURES,
) -> dict[tuple[str, str], Coverage]:
    """Score many data sets of one design and count, gap by gap."""
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    options = {"replicates": replicates, "kinds": kinds, "measures": measures}
    for _ in range(data_sets):
        sample = draw(design, rng)
        resampling = int(rng.integers(2**31))
        for key, low, high in intervals(sample, design, seed=resampling, **options):
            found.setdefault(key, []).append((low, high))
    named = {measure.name: measure for measure in measures}
    return {
        (kind, name): _counted(true_gap(design, kind, named[name]), np.array(ends))
        for (kind, name), ends in found.items()
    }


def _counted(truth: float, ends: FloatArray) -> Coverage:
    given = ends[~np.isnan(ends[:, 0])]
    if not len(given):
        return Coverage(truth, math.nan, 1.0, math.nan)
    slack = 1e-12
    inside = (given[:, 0] - slack <= truth) & (truth <= given[:, 1] + slack)
    refused = 1.0 - len(given) / len(ends)
    return Coverage(truth, float(inside.mean()), refused, float(np.ptp(given, axis=1).mean()))


def refusals(design: Design, *, seed: int) -> Counter[str]:
    """Which reasons the rows of one data set give for the intervals that they lack."""
    sample = draw(design, np.random.default_rng(seed))
    values = _values(sample, design, MEASURES, 200, 0)
    context = _context(values, sample, design, MEASURES)
    rows = [*pair_rows(values, context, {}), *gap_rows(values, context, MEASURES, {})]
    return Counter(str(row["undefined"]) for row in rows)
