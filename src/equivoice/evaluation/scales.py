"""Systems on scales: valence, arousal and dominance against given values, or raters' means."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from equivoice.annotators.table import counted_votes
from equivoice.evaluation.additive import Additive, rows_of
from equivoice.evaluation.by_label import Settings
from equivoice.evaluation.gap_tests import scalar_measures
from equivoice.evaluation.matching import CONDITIONS, unit_codes
from equivoice.evaluation.rows import Row
from equivoice.evaluation.spread import with_parts
from equivoice.fairness import group_items
from equivoice.metrics import ATTRIBUTES, IntArray, attribute_metrics, attribute_statistics
from equivoice.records import PREDICTIONS, UTTERANCES

__all__ = ["has_scales", "mean_ratings", "scale_rows"]

_SAID, _TRUE = "(said)", "(true)"


def has_scales(predictions: pl.DataFrame, reference: pl.DataFrame) -> bool:
    """Whether any attribute stands in both tables."""
    return any(_both(predictions, reference, name) for name in ATTRIBUTES)


def mean_ratings(votes: pl.DataFrame, *, channel: str | None) -> pl.DataFrame:
    """The mean of people's ratings of each utterance, a column an attribute.

    Args:
        votes: a table with the columns of ``records.VOTES``; a question is an attribute,
            ``number`` the point on its scale.
        channel: only these ratings; where they say none, all of those.

    Returns:
        ``utterance_id`` and those of valence, arousal and dominance that were rated.

    Example:
        >>> table = pl.DataFrame({"item": ["a", "a"], "question": ["valence"] * 2,
        ...                       "number": [2.0, 5.0], "count": [1, 2]})
        >>> mean_ratings(table, channel=None).rows()
        [('a', 4.0)]
    """
    table = counted_votes(votes)
    stated = table.get_column("channel").is_not_null()
    heard = pl.col("channel").eq_missing(channel) if stated.any() else pl.lit(True)
    people = pl.col("kind").fill_null("person") == "person"
    rated = table.filter(heard & people & pl.col("number").is_not_null() & (pl.col("count") > 0))
    made = pl.DataFrame({"utterance_id": table.get_column("item").unique(maintain_order=True)})
    for name in ATTRIBUTES:
        own = rated.filter(pl.col("question") == name)
        if own.height:
            mean = (pl.col("number") * pl.col("count")).sum() / pl.col("count").sum()
            means = own.group_by(pl.col("item").alias("utterance_id")).agg(mean.alias(name))
            made = made.join(means, on="utterance_id", how="left", maintain_order="left")
    return made


def scale_rows(
    predictions: pl.DataFrame, reference: pl.DataFrame, settings: Settings, against: str
) -> list[Row]:
    """Concordance, correlation and errors of every attribute that both tables have.

    Args:
        predictions: a PREDICTIONS table.
        reference: an UTTERANCES table with values on scales.
        settings: how to score.
        against: what the reference values are, one of ``records.REFERENCES``.
    """
    given = PREDICTIONS.validate(predictions).filter(pl.col("status").ne_missing("failed"))
    truth = UTTERANCES.validate(reference)
    rows: list[Row] = []
    for name in ATTRIBUTES:
        if _both(given, truth, name):
            rows += _attribute_rows(name, given, truth, settings, against)
    return rows


def _both(predictions: pl.DataFrame, reference: pl.DataFrame, name: str) -> bool:
    tables = (predictions, reference)
    return all(
        name in table.columns and table.get_column(name).null_count() < table.height
        for table in tables
    )


def _attribute_rows(
    name: str, given: pl.DataFrame, truth: pl.DataFrame, settings: Settings, against: str
) -> Iterator[Row]:
    answers = given.select(*PREDICTIONS.key, pl.col(name).alias(_SAID))
    attributes = [column for column in truth.columns if column not in ("emotion", *ATTRIBUTES)]
    known = truth.select(*attributes, pl.col(name).alias(_TRUE))
    shared = [column for column in known.columns if column not in PREDICTIONS.key[1:]]
    joined = answers.join(known.select(shared), on="utterance_id", maintain_order="left")
    frame = joined.with_columns(pl.col("options").list.join("|").alias("label_order"))
    stated = {"reference": against, "convention": settings.rules.name}
    for key, cell in frame.group_by(CONDITIONS, maintain_order=True):
        if cell.get_column(_SAID).null_count() < cell.height:  # a system that gives numbers
            conditions = dict(zip(CONDITIONS, key, strict=True))
            yield from (conditions | stated | row for row in _cell_rows(name, cell, settings))


def _cell_rows(name: str, cell: pl.DataFrame, settings: Settings) -> list[Row]:
    unsaid, unknown = (cell.get_column(column).is_null() for column in (_SAID, _TRUE))
    left_out = {
        f"prediction without {name}": int(unsaid.sum()),
        f"reference without {name}": int((unknown & ~unsaid).sum()),
    }
    cell = cell.filter(~unsaid & ~unknown)
    if cell.is_empty():
        return []
    statistics = attribute_statistics(
        cell.get_column(_TRUE).to_numpy(), cell.get_column(_SAID).to_numpy()
    )
    units, unit = unit_codes(cell)
    metrics = attribute_metrics(name)
    whole = Additive(
        statistics,
        metrics,
        units,
        unit,
        tuple(group_items(cell, grouping) for grouping in settings.group_by),
        left_out={why: n for why, n in left_out.items() if n},
        measures=scalar_measures(metrics),
    )

    def rows_at(positions: IntArray) -> Iterator[Row]:
        return rows_of(whole.subset(positions), settings.values_only)

    pooled = list(rows_of(whole, settings.certainty))
    return with_parts(cell, pooled, rows_at, settings.rules, folds=False)
