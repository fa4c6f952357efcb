"""What the tables say, as sentences; and where the aggregator decides what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from equivoice.reports.formatting import interval, p_value, percent, points, signed
from equivoice.studies.gender_gap.measuring import CHANGE
from equivoice.studies.gender_gap.reading import BOTH, MODALITIES
from equivoice.studies.gender_gap.values import AGGREGATORS
from equivoice.studies.gender_gap.words import language, reason
from equivoice.studies.published.gap_tables import ALL

__all__ = ["findings", "one_corpus_a_language"]

Row = Mapping[str, Any]
_WORDS = {"mean": "mean", "rms": "root mean square", "max": "maximum"}
_LEAST = 0.0005
"""A smaller change is written as 0.0 points."""
_FROM = {MODALITIES[0]: "From speech", BOTH: "With the transcript"}


def findings(table_2: pl.DataFrame) -> list[str]:
    """Sentences on AVG: each system's, its change with the transcript, and the order of systems.

    Example:
        >>> findings(pl.DataFrame())
        []
    """
    if table_2.is_empty():
        return []
    average = table_2.filter(pl.col("metric") == "avg_gap")
    return [*_order(average), *_sizes(average), *_changes(average), *_worst(average)]


def one_corpus_a_language(table_1: pl.DataFrame) -> str:
    """A caution where a language is a corpus, so that the two cannot be told apart."""
    if table_1.is_empty():
        return ""
    by_cell = dict(table_1.select("cell", "corpora").unique(maintain_order=True).iter_rows())
    alone = len(by_cell) > 1 and len(set(by_cell.values())) == len(by_cell)
    if not alone or any("," in corpora for corpora in by_cell.values()):
        return ""
    return (
        "Each language is one corpus here, with its own speakers and recordings: what differs "
        "between languages may as well be the corpora's."
    )


def _order(average: pl.DataFrame) -> Iterator[str]:
    """Whether another aggregator puts another system first."""
    for modality in MODALITIES:
        own = average.filter((pl.col("modality") == modality) & (pl.col("cell") == ALL))
        ranked = {
            name: own.filter((pl.col("aggregator") == name) & pl.col("value").is_not_null()).sort(
                "value", maintain_order=True
            )
            for name in AGGREGATORS
        }
        if any(frame.height < 2 for frame in ranked.values()):
            continue
        orders = {name: [_who(row) for row in frame.to_dicts()] for name, frame in ranked.items()}
        for name in AGGREGATORS[1:]:
            if orders[name] != orders["mean"]:
                yield (
                    f"{_FROM[modality]} the aggregator decides: from the smallest AVG gap up, "
                    f"the systems stand in the order {', '.join(orders['mean'])} by the mean over "
                    f"languages, and {', '.join(orders[name])} by the {_WORDS[name]}."
                )


def _sizes(average: pl.DataFrame) -> Iterator[str]:
    whole = average.filter((pl.col("cell") == ALL) & (pl.col("modality") != CHANGE))
    for (system, prompt, modality), rows in whole.group_by(
        "system", "prompt", "modality", maintain_order=True
    ):
        by = {row["aggregator"]: row for row in rows.iter_rows(named=True)}
        told = [f"{_sized(by[name])} by the {_WORDS[name]}" for name in AGGREGATORS]
        first = by["mean"]
        p = first["p_value"]
        reads = "" if p is None else f"; p {p_value(p)} of the test that there is no gap"
        none = "" if first["low"] is not None else f"; no interval: {reason(first['undefined'])}"
        who = _who({"system": system, "prompt": prompt})
        yield f"{who}, {_FROM[str(modality)].casefold()}: AVG gap {', '.join(told)}{reads}{none}."


def _sized(row: Row) -> str:
    if row["value"] is None:
        return "not defined"
    ends = "" if row["low"] is None else f" {interval(row['low'], row['high'])}"
    return f"{percent(row['value'])}{ends}"


def _changes(average: pl.DataFrame) -> Iterator[str]:
    for row in average.filter(pl.col("modality") == CHANGE).iter_rows(named=True):
        if row["cell"] == ALL and row["aggregator"] != "mean":
            continue
        where = "over all languages (mean)" if row["cell"] == ALL else f"in {language(row['cell'])}"
        if row["value"] is None:
            continue
        head = f"{_who(row)}: with the transcript AVG {where} {_moved(row['value'])}"
        if row["low"] is None:
            yield f"{head}, without an interval ({reason(row['undefined'])})."
            continue
        ends = f"[{signed(row['low'])}, {signed(row['high'])}]"
        holds = row["low"] <= 0 <= row["high"]
        yield f"{head} {ends}{', which may as well be no change' if holds else ''}."


def _moved(change: float) -> str:
    if abs(change) < _LEAST:
        return "stays as it is"
    return f"{'falls' if change < 0 else 'rises'} by {points(change)}"


def _worst(average: pl.DataFrame) -> Iterator[str]:
    """The language with the largest gap."""
    single = average.filter(
        (pl.col("cell") != ALL) & (pl.col("modality") != CHANGE) & pl.col("value").is_not_null()
    )
    for (system, prompt, modality), rows in single.group_by(
        "system", "prompt", "modality", maintain_order=True
    ):
        if rows.height > 1:
            row = rows.sort("value", descending=True).row(0, named=True)
            who = _who({"system": system, "prompt": prompt})
            yield (
                f"{who}, {_FROM[str(modality)].casefold()}: the largest AVG gap of a language is "
                f"that of {language(row['cell'])}, {_sized(row)}."
            )


def _who(row: Row) -> str:
    prompt = f" ({row['prompt']})" if row["prompt"] else ""
    return f"{row['system']}{prompt}"
