"""How far raters agree, how far a judge agrees with people, and who meets known answers.

Nominal agreement is that of :mod:`equivoice.annotators`. For scales, Krippendorff's alpha
with the interval metric: with x the numbers said of an item by its m_u ≥ 2 raters and n all
such numbers,

    α = 1 − (1/n Σ_u Σ_{i≠j} (x_i − x_j)² / (m_u − 1)) / (1/(n (n − 1)) Σ_{i≠j} (x_i − x_j)²),

where the second double sum runs over all pairs of numbers. Intervals draw items anew.

Source: Krippendorff (2011), *Computing Krippendorff's alpha-reliability*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from equivoice.annotators import (
    Ratings,
    agreement_metrics,
    agreement_statistics,
    cohen_kappa,
    read_votes,
)
from equivoice.errors import VotesError
from equivoice.metrics.core import CodedStatistics, FloatArray, Metric, ratio
from equivoice.rating.analysis.comparisons import Comparisons, opinions
from equivoice.rating.analysis.rows import Uncertainty, estimate_table
from equivoice.records import VOTES, Label, LabelSpace
from equivoice.uncertainty import (
    FEWEST_UNITS,
    bootstrap_sums,
    clustered_sums,
    deviations,
    percentile_interval,
    stretch,
)

__all__ = [
    "choice_agreement",
    "comparison_votes",
    "gold_accuracy",
    "interval_alpha",
    "judge_agreement",
    "scale_agreement",
]

_NOMINAL = ("krippendorff_alpha", "fleiss_kappa", "top_share")
_NO_PAIR = "no item with two ratings, or all ratings are equal"
_SHARED = 10


def comparison_votes(comparisons: Comparisons) -> pl.DataFrame:
    """Votes on pairs as votes for a system, so that agreement is not about places.

    Args:
        comparisons: the votes as they were given.

    Returns:
        a table of ``records.VOTES``: the item is the pair, the value a system or ``tie``
        (also where a rater chose otherwise in each order).

    Example:
        >>> from equivoice.rating.analysis.comparisons import read_comparisons
        >>> items = {"item": ["x"], "utterance_id": ["a/1"], "system_a": ["p"],
        ...          "system_b": ["q"], "shown": [None]}
        >>> votes = {"item": ["x"], "rater": ["r"], "question": ["preference"], "value": ["b"]}
        >>> read = read_comparisons(pl.DataFrame(votes), pl.DataFrame(items))
        >>> comparison_votes(read).select("item", "value").rows()
        [('a/1 | p | q', 'q')]
    """
    said, _ = opinions(comparisons)
    chosen = (
        pl.when(pl.col("value") > 0.5)
        .then("system")
        .when(pl.col("value") < 0.5)
        .then("against")
        .otherwise(pl.lit("tie"))
    )
    question = pl.lit("preference")
    return VOTES.validate(said.select("item", "rater", "kind", question=question, value=chosen))


def choice_agreement(
    votes: pl.DataFrame,
    *,
    question: str,
    choices: Sequence[str],
    uncertainty: Uncertainty | None = None,
) -> pl.DataFrame:
    """Agreement on a question with choices.

    Args:
        votes: a table of ``records.VOTES``.
        question: which question.
        choices: all that may be answered.
        uncertainty: how intervals are made.

    Returns:
        rows of ``records.ESTIMATES``: Krippendorff's alpha, Fleiss' kappa and top share with
        intervals over items, and the mean of Cohen's kappa over pairs of raters.

    Raises:
        VotesError: an answer that is no choice, or two votes of a rater on an item.

    Example:
        >>> votes = {"item": ["x", "x", "y", "y"], "rater": ["r", "s"] * 2,
        ...          "question": ["acceptance"] * 4, "value": ["accept", "accept", "reject", "reject"]}
        >>> found = choice_agreement(pl.DataFrame(votes), question="acceptance",
        ...                          choices=["accept", "reject"])
        >>> found.filter(metric="krippendorff_alpha")["value"].to_list()
        [1.0]
    """
    how = uncertainty or Uncertainty()
    table = VOTES.validate(votes).filter(pl.col("question") == question).drop("channel")
    space = LabelSpace(question, tuple(Label(name) for name in choices))
    read = read_votes(table, space, question=question)
    counts = read.ratings.counts()
    metrics = agreement_metrics(counts.labels)
    statistics = agreement_statistics(counts)
    rows = [_row(metrics[name], statistics, how, question) for name in _NOMINAL]
    rows.append(_cohen_row(read.ratings, question))
    return estimate_table(rows)


def scale_agreement(
    votes: pl.DataFrame, *, question: str, uncertainty: Uncertainty | None = None
) -> pl.DataFrame:
    """Krippendorff's alpha with the interval metric for a question on a scale.

    Args:
        votes: a table of ``records.VOTES`` with ``number``.
        question: which question.
        uncertainty: how intervals are made.

    Example:
        >>> votes = {"item": ["x", "x", "y", "y"], "rater": ["r", "s"] * 2,
        ...          "question": ["fits"] * 4, "number": [1.0, 1.0, 5.0, 5.0]}
        >>> scale_agreement(pl.DataFrame(votes), question="fits")["value"].to_list()
        [1.0]
    """
    how = uncertainty or Uncertainty()
    asked = VOTES.validate(votes).filter(pl.col("question") == question).drop_nulls("number")
    statistics = _interval_statistics(asked)
    return estimate_table([_row(_INTERVAL_ALPHA, statistics, how, question)])


def interval_alpha(sums: FloatArray) -> FloatArray:
    """Krippendorff's alpha out of sums over items: n, Σx, Σx², Σ within; see the module."""
    n, total, square, within = (sums[..., column] for column in range(4))
    expected = 2 * (n * square - total**2)
    return 1.0 - ratio((n - 1) * within, np.where(expected > 1e-9 * square * n, expected, 0.0))


_INTERVAL_ALPHA = Metric("krippendorff_alpha_interval", interval_alpha, -1.0, 1.0, None, _NO_PAIR)


def judge_agreement(
    votes: pl.DataFrame, *, question: str, choices: Sequence[str], fewest: int = _SHARED
) -> pl.DataFrame:
    """How far each judge agrees with people, beside how far people agree with each other.

    Args:
        votes: of people and models on the same items.
        question: which question.
        choices: all that may be answered.
        fewest: how many items a pair of raters must share.

    Returns:
        rows of ``records.ESTIMATES`` with the metric ``cohen_kappa``, the mean over pairs:
        ``groups`` is ``people`` or the judge's name, ``n`` the number of pairs.

    Example:
        >>> rows = [(f"i{i}", rater, "model" if rater == "j" else "person", "acceptance", value)
        ...         for i in range(10) for rater in "pqj"
        ...         for value in (["accept", "reject"][i % 2],)]
        >>> votes = pl.DataFrame(rows, orient="row",
        ...                      schema=["item", "rater", "kind", "question", "value"])
        >>> found = judge_agreement(votes, question="acceptance", choices=["accept", "reject"])
        >>> found.select("groups", "value", "n").rows()
        [('people', 1.0, 1), ('j', 1.0, 2)]
    """
    table = VOTES.validate(votes).filter(pl.col("question") == question).drop("channel")
    space = LabelSpace(question, tuple(Label(name) for name in choices))
    found = cohen_kappa(read_votes(table, space, question=question).ratings, fewest=fewest)
    models = set(table.filter(pl.col("kind") == "model").get_column("rater").drop_nulls())
    by_judge: dict[str, list[float]] = {"people": [], **{name: [] for name in sorted(models)}}
    for pair in found.pairs:
        own = {pair.first, pair.second} & models
        if len(own) < 2 and pair.undefined is None:
            by_judge[next(iter(own), "people")].append(pair.kappa)
    none = found.undefined or "no pair of raters of these kinds with a kappa"
    rows = [
        {
            "quantity": "score",
            "metric": "cohen_kappa",
            "convention": question,
            "group_by": "raters",
            "groups": name,
            "value": float(np.mean(kappas)) if kappas else None,
            "unit": "pair of raters",
            "n": len(kappas),
            "undefined": None if kappas else none,
        }
        for name, kappas in by_judge.items()
    ]
    return estimate_table(rows)


def gold_accuracy(votes: pl.DataFrame, gold: pl.DataFrame, *, level: float = 0.95) -> pl.DataFrame:
    """How often each rater gives the known right answer.

    Args:
        votes: a table of ``records.VOTES``.
        gold: ``item``, ``question`` and ``value``; several right answers are joined by
            ``|``, and a scale's answer is written as a number.
        level: nominal coverage.

    Returns:
        rows of ``records.ESTIMATES`` with the metric ``gold_accuracy``: all raters together
        (no interval: their answers share items), and each in ``groups`` with Clopper and
        Pearson's exact interval.

    Raises:
        VotesError: ``gold`` lacks a column.

    Example:
        >>> votes = {"item": ["x", "y"], "rater": ["r"] * 2, "question": ["acceptance"] * 2,
        ...          "value": ["accept", "reject"]}
        >>> gold = {"item": ["x", "y"], "question": ["acceptance"] * 2, "value": ["accept"] * 2}
        >>> gold_accuracy(pl.DataFrame(votes), pl.DataFrame(gold))["value"].to_list()
        [0.5, 0.5]
    """
    missing = {"item", "question", "value"} - set(gold.columns)
    if missing:
        raise VotesError(
            "a table of known answers has the columns item, question and value",
            column=min(missing),
            choices=gold.columns,
        )
    known = gold.select("item", "question", right=pl.col("value").cast(pl.String))
    said = VOTES.validate(votes).join(known, on=["item", "question"], how="inner")
    right = [
        _is_right(value, number, answers)
        for value, number, answers in said.select("value", "number", "right").iter_rows()
    ]
    table = said.select("rater").with_columns(right=pl.Series(right, dtype=pl.Boolean))
    rows = [_gold_row(table, None, level)]
    for (rater,), own in sorted(table.partition_by("rater", as_dict=True).items(), key=str):
        rows.append(_gold_row(own, str(rater), level))
    return estimate_table(rows)


# ------------------------------------------------------------------------- inside


def _row(metric: Metric, statistics: FloatArray, how: Uncertainty, question: str) -> dict[str, Any]:
    """A measure with its interval over items."""
    items = len(statistics)
    row: dict[str, Any] = {
        "quantity": "score",
        "metric": metric.name,
        "convention": question,
        "unit": "item",
        "n": items,
        "clusters": items,
        "level": how.level,
    }
    value = float(metric.finish(statistics.sum(0))) if items else float("nan")
    if np.isnan(value):
        return {**row, "value": None, "undefined": metric.undefined}
    if items < FEWEST_UNITS:
        return {**row, "value": value, "undefined": f"fewer than {FEWEST_UNITS} items"}
    codes = np.arange(items)
    everything = np.zeros(items, dtype=np.int64)
    sample = clustered_sums(CodedStatistics(codes, statistics), everything, 1, codes)
    replicates = metric.finish(bootstrap_sums(sample, how.replicates, seed=how.seed)[:, 0])
    noise = deviations(replicates, items) * stretch(float(items - 1), how.level)
    if np.isnan(noise).any():
        return {**row, "value": value, "undefined": "not defined in too many replicates"}
    low, high = percentile_interval(np.asarray(value), noise, level=how.level)
    ends = (max(float(low), metric.low), min(float(high), metric.high))
    return {**row, "value": value, "low": ends[0], "high": ends[1], "method": "bootstrap of items"}


def _interval_statistics(asked: pl.DataFrame) -> FloatArray:
    """By item with two ratings or more: n, Σx, Σx², and pairs of squares over m − 1."""
    by_item = (
        asked.group_by("item", maintain_order=True)
        .agg(
            m=pl.len().cast(pl.Float64),
            total=pl.col("number").sum(),
            square=(pl.col("number") ** 2).sum(),
        )
        .filter(pl.col("m") > 1)
    )
    within = 2 * (pl.col("m") * pl.col("square") - pl.col("total") ** 2) / (pl.col("m") - 1)
    return by_item.select("m", "total", "square", within.alias("within")).to_numpy()


def _cohen_row(ratings: Ratings, question: str) -> dict[str, Any]:
    found = cohen_kappa(ratings, fewest=_SHARED)
    return {
        "quantity": "score",
        "metric": "cohen_kappa",
        "convention": question,
        "unit": "pair of raters",
        "value": None if np.isnan(found.mean) else found.mean,
        "n": len(found.pairs),
        "undefined": found.undefined,
    }


def _is_right(value: str | None, number: float | None, answers: str) -> bool:
    right = {each.strip().casefold() for each in answers.split("|")}
    if value is not None:
        return value.strip().casefold() in right
    return number is not None and any(_equals(each, number) for each in right)


def _equals(written: str, number: float) -> bool:
    try:
        return float(written) == number
    except ValueError:
        return False


def _gold_row(table: pl.DataFrame, rater: str | None, level: float) -> dict[str, Any]:
    row: dict[str, Any] = {"quantity": "score", "metric": "gold_accuracy", "n": table.height}
    if rater is not None:
        row |= {"quantity": "group_score", "group_by": "rater", "groups": rater}
    if table.is_empty():
        return {**row, "value": None, "undefined": "no votes on items with known answers"}
    right = int(table.get_column("right").sum())
    row["value"] = right / table.height
    if rater is None:
        return {**row, "undefined": "answers of several raters share items"}
    low, high = stats.binomtest(right, table.height).proportion_ci(level, "exact")
    return {
        **row,
        "low": float(low),
        "high": float(high),
        "level": level,
        "method": "Clopper–Pearson",
        "unit": "answer",
    }
