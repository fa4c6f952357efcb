"""Several ways to read the same answers: how far they agree, and what they do to scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.matching import label_space_of, match, to_items
from equivoice.evaluation.variants import (
    Resampling,
    Row,
    Variants,
    agreement_rows,
    as_table,
    difference_rows,
    score_rows,
    variant_values,
)
from equivoice.fairness import convention as convention_named
from equivoice.metrics import IntArray
from equivoice.prompting import CONVENTIONS, reread
from equivoice.records import PREDICTIONS, LabelSpace

__all__ = ["compare_parsers", "disagreements"]

_METRICS = ("accuracy", "macro_f1", "coverage")


def compare_parsers(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    parsers: Sequence[str] = CONVENTIONS,
    label_space: LabelSpace | None = None,
    metrics: Sequence[str] = _METRICS,
    convention: str = "equivoice",
    lettered: bool | None = None,
    replicates: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Read the same answers in several ways and compare labels and scores.

    Args:
        predictions: PREDICTIONS with ``response`` of one or several systems; with
            ``options`` as displayed where they are known. Rows without a response
            (option scores, failed answers) are left out and counted.
        reference: UTTERANCES with labels, of one label space.
        parsers: ways to read; of ``equivoice.prompting.CONVENTIONS``, two at least.
        label_space: the declared labels; those of the reference where none is given.
        metrics: metrics with one value.
        convention: how labels become numbers; the same for all parsers.
        lettered: as for :func:`~equivoice.prompting.reread`.
        replicates: bootstrap replicates.
        level: nominal coverage of the intervals.
        seed: of the bootstrap.

    Returns:
        A table with the columns of ``VARIANT_COLUMNS``, where a variant is a parser; for
        each system rows of the quantities ``score`` (each parser and metric),
        ``difference`` (``variant`` minus ``other``), ``agreement`` (share of answers that two
        parsers give the same label, or both none) and ``kappa`` (Cohen's).

    Raises:
        ConfigError: fewer than two parsers, or an unknown parser, metric or convention.
        InputError: no prediction holds a response, or none has a reference.

    Example:
        >>> import polars as pl
        >>> ids = [f"demo/{i}" for i in range(4)]
        >>> reference = pl.DataFrame({"utterance_id": ids, "emotion": ["happy", "sad"] * 2})
        >>> answers = ["not sad but happy", "sad", "happy", "unhappy"]
        >>> said = pl.DataFrame({"utterance_id": ids, "response": answers})
        >>> rows = compare_parsers(said, reference, parsers=["equivoice", "exact"], replicates=100)
        >>> rows.filter(quantity="agreement")["value"].to_list()
        [0.5]
        >>> rows.filter(quantity="score", metric="accuracy")["value"].to_list()
        [1.0, 0.5]
    """
    names = tuple(dict.fromkeys(parsers))
    if len(names) < 2:
        raise ConfigError("a comparison needs two parsers", value=names, choices=CONVENTIONS)
    labels = label_space or label_space_of(reference)
    checked = PREDICTIONS.validate(_without_labels(predictions))
    answered = checked.filter(
        pl.col("response").is_not_null() & pl.col("status").ne_missing("failed")
    )
    if answered.is_empty():
        raise InputError("no prediction holds an answer to read", column="response")
    how = Resampling(replicates, level, seed)
    rows: list[Row] = []
    for (system,), part in answered.group_by("system", maintain_order=True):
        silent = checked.filter(pl.col("system").eq_missing(system)).height - part.height
        variants = _variants(part, reference, labels, names, lettered, silent)
        values, chosen = variant_values(variants, metrics, convention_named(convention), how)
        rows += score_rows(variants, values, chosen, how)
        rows += difference_rows(variants, values, chosen, how)
        rows += agreement_rows(variants, how)
    return as_table(rows)


def disagreements(
    predictions: pl.DataFrame,
    label_space: LabelSpace,
    *,
    first: str = "equivoice",
    second: str = "fairalm_code",
    lettered: bool | None = None,
) -> pl.DataFrame:
    """The answers that two parsers read differently, the most frequent first.

    Args:
        predictions: a table with ``response``, and ``options`` where they are known.
        label_space: the labels.
        first: a parser.
        second: another one.
        lettered: as for :func:`~equivoice.prompting.reread`.

    Returns:
        A table with ``response``, ``first`` and ``second`` (labels; null where none),
        ``why`` (of the first) and ``n``.

    Example:
        >>> import polars as pl
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("happy")))
        >>> said = pl.DataFrame({"response": ["not angry but happy"] * 2 + ["angry"]})
        >>> disagreements(said, space).select("response", "first", "second", "n").rows()
        [('not angry but happy', 'happy', 'angry', 2)]
    """
    answered = predictions.filter(pl.col("response").is_not_null())
    a, b = (
        reread(answered, label_space, convention=name, lettered=lettered)
        for name in (first, second)
    )
    table = pl.DataFrame(
        {
            "response": answered.get_column("response").cast(pl.String),
            "first": a.get_column("emotion"),
            "second": b.get_column("emotion"),
            "why": a.get_column("why"),
        }
    )
    differ = table.filter(pl.col("first").ne_missing(pl.col("second")))
    counted = differ.group_by(table.columns, maintain_order=True).agg(n=pl.len().cast(pl.Int64))
    return counted.sort("n", descending=True, maintain_order=True)


def _without_labels(predictions: pl.DataFrame) -> pl.DataFrame:
    """The table without what an earlier parser made of it."""
    return predictions.drop("emotion", "emotions", "probabilities", "outside", strict=False)


def _variants(
    part: pl.DataFrame,
    reference: pl.DataFrame,
    labels: LabelSpace,
    names: tuple[str, ...],
    lettered: bool | None,
    silent: int,
) -> Variants:
    """The labels of all answers by each parser; each reading keeps the rows in their order."""
    predicted = []
    for name in names:
        read = reread(part, labels, convention=name, lettered=lettered)
        again = part.with_columns(read.get_column("status"), read.get_column("emotion"))
        matched = match(again, reference, labels)
        items = to_items(matched.frame, labels, ())
        predicted.append(items.predicted)
    left_out = dict(matched.left_out) | ({"no answer to read": silent} if silent else {})
    system = part.get_column("system")[0]
    return Variants(
        names,
        items.reference,
        np.stack(predicted),
        items.units if items.units is not None else _each_its_own(len(items.reference)),
        items.unit,
        items.n_classes,
        left_out,
        {"system": system, "factor": "parser"},
    )


def _each_its_own(count: int) -> IntArray:
    return np.arange(count, dtype=np.int64)
