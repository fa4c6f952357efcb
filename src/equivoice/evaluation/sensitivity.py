"""How much a score hangs on the prompt, the order of the labels, or another condition.

A benchmark with one prompt says nothing of how much that prompt did. Here the same
utterances are compared under all prompts (or orders): how far the score ranges, and how
many utterances are given another label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from equivoice.errors import ConfigError, LabelError
from equivoice.evaluation.matching import label_space_of, match, to_items
from equivoice.evaluation.variants import (
    Resampling,
    Row,
    Variants,
    as_table,
    change_rows,
    score_rows,
    spread_rows,
    variant_values,
)
from equivoice.fairness import convention as convention_named
from equivoice.prompting import options_as_shown
from equivoice.records import LabelSpace

__all__ = ["FACTORS", "sensitivity"]

FACTORS = ("prompt", "label_order", "temperature", "run", "modality")
"""The conditions whose effect can be asked about."""

_METRICS = ("accuracy", "macro_f1")
_CONDITIONS = ("prompt", "label_order", "temperature", "run", "fold", "modality")


def sensitivity(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    factor: str = "prompt",
    label_space: LabelSpace | None = None,
    metrics: Sequence[str] = _METRICS,
    convention: str = "equivoice",
    replicates: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """How scores and labels change over the prompts, or the orders of the labels.

    Only what was answered under every prompt takes part: an utterance at one
    temperature, in one run, with one order of the labels is one item. What was
    not is counted in ``left_out``. At temperatures above 0 labels change by
    sampling alone; ``factor="run"`` says how often.

    Args:
        predictions: PREDICTIONS of one or several systems.
        reference: UTTERANCES with labels, of one label space.
        factor: one of :data:`FACTORS`.
        label_space: the declared labels; those of the reference where none is given.
        metrics: metrics with one value.
        convention: how answers become numbers.
        replicates: bootstrap replicates.
        level: nominal coverage of the intervals.
        seed: of the bootstrap.

    Returns:
        A table with the columns of ``VARIANT_COLUMNS``; for each system rows of the
        quantities ``score`` (each variant), ``range`` and ``sd`` (over the variants; with
        ``noise_floor``, what to expect if they did not differ) and ``changed`` (the share
        of items that are not given the same label, or none, by all variants).

    Raises:
        ConfigError: an unknown factor, metric or convention.
        InputError: predictions and reference have nothing in common.

    Example:
        >>> import polars as pl
        >>> ids = [f"demo/{i}" for i in range(4)]
        >>> reference = pl.DataFrame({"utterance_id": ids, "emotion": ["happy", "sad"] * 2})
        >>> first = reference.with_columns(prompt=pl.lit("a"))
        >>> second = first.with_columns(prompt=pl.lit("b"), emotion=pl.lit("sad"))
        >>> rows = sensitivity(pl.concat([first, second]), reference, replicates=100)
        >>> rows.filter(quantity="changed")["value"].to_list()
        [0.5]
        >>> rows.filter(quantity="range", metric="accuracy")["value"].to_list()
        [0.5]
    """
    if factor not in FACTORS:
        raise ConfigError("no factor of a benchmark", value=factor, choices=FACTORS)
    labels = label_space or label_space_of(reference)
    matched = match(predictions, reference, labels)
    frame = matched.frame.with_columns(label_order=_orders(matched.frame, labels))
    rows: list[Row] = []
    for (system,), part in frame.group_by("system", maintain_order=True):
        shared = {"system": None if system is None else str(system), "factor": factor}
        variants = _variants(part, labels, factor, matched.left_out_of(part, ("system",)), shared)
        rows += _rows(variants, metrics, convention, Resampling(replicates, level, seed))
    return as_table(rows)


def _rows(
    variants: Variants, metrics: Sequence[str], convention: str, how: Resampling
) -> list[Row]:
    missing = _why_nothing(variants)
    if missing is not None:
        nothing = [variants.row("changed", np.nan, how.level)]
        nothing += [
            variants.row(quantity, np.nan, how.level, metric=name)
            for name in metrics
            for quantity in ("range", "sd")
        ]
        return [row | {"undefined": missing} for row in nothing]
    values, chosen = variant_values(variants, metrics, convention_named(convention), how)
    return [
        *score_rows(variants, values, chosen, how),
        *spread_rows(variants, values, chosen, how),
        *change_rows(variants, how),
    ]


def _why_nothing(variants: Variants) -> str | None:
    name = str(variants.shared["factor"]).replace("_", " ")
    if len(variants.names) < 2:
        return f"only one {name}: {', '.join(variants.names)}"
    if not len(variants.reference):
        return f"no utterance was answered under every {name}"
    return None


def _orders(frame: pl.DataFrame, labels: LabelSpace) -> pl.Series:
    """The order of the labels by their canonical names, so that translated prompts match."""

    def order(words: list[str] | None) -> str | None:
        if words is None:
            return None
        try:
            return "|".join(options_as_shown(labels, words).labels)
        except LabelError:  # words that nobody mapped: an order of their own
            return "|".join(words)

    options = frame.get_column("options").to_list()
    known = {key: order(list(key)) for key in {tuple(words) for words in options if words}}
    texts = [known[tuple(words)] if words else None for words in options]
    return pl.Series("label_order", texts, dtype=pl.String)


def _variants(
    part: pl.DataFrame,
    labels: LabelSpace,
    factor: str,
    left_out: dict[str, int],
    shared: dict[str, str | None],
) -> Variants:
    """The items that stand under every value of the factor."""
    keys = ["utterance_id", *(name for name in _CONDITIONS if name != factor)]
    levels = part.select(factor).unique(maintain_order=True).with_row_index("variant")
    items = part.select(keys).unique(maintain_order=True).with_row_index("item")
    placed = part.join(levels, on=factor, how="left", nulls_equal=True, maintain_order="left")
    placed = placed.join(items, on=keys, how="left", nulls_equal=True, maintain_order="left")
    coded = to_items(placed, labels, ())
    where = placed.get_column("variant").to_numpy(), placed.get_column("item").to_numpy()
    rows = np.full((levels.height, items.height), -1, dtype=np.int64)
    rows[where] = np.arange(placed.height)
    complete = (rows >= 0).all(0)
    lost = placed.height - int(complete.sum()) * levels.height
    if lost:
        left_out[f"not answered under every {factor.replace('_', ' ')}"] = lost
    kept = rows[:, complete]
    first = kept[0]
    units = coded.units if coded.units is not None else _utterances(placed)
    return Variants(
        tuple("(none)" if name is None else str(name) for name in levels.get_column(factor)),
        coded.reference[first],
        coded.predicted[kept],
        units[first],
        coded.unit,
        coded.n_classes,
        left_out,
        shared,
    )


def _utterances(frame: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    ranks = frame.get_column("utterance_id").rank("dense").cast(pl.Int64)
    return np.asarray(ranks.to_numpy(), dtype=np.int64)
