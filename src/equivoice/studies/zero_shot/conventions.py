"""Where the choice of a convention changes what one would conclude."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.reports.formatting import count, percent, points
from equivoice.reports.wording import attribute, metric
from equivoice.studies.zero_shot.scoring import CONVENTIONS, OURS
from equivoice.studies.zero_shot.tables import AuditTables, model_of

__all__ = ["changes"]

_NAMES = {
    OURS: "our rules",
    "fairalm_paper": "the paper's formulas",
    "fairalm_code": "the released code",
}
_LEAST_POINTS = 0.005
"""Half a point: a smaller difference between conventions changes no sentence."""

Row = Mapping[str, Any]


def changes(tables: AuditTables) -> list[str]:
    """Sentences on where the conventions part; empty where they agree.

    Compared are: each macro-F1 with our interval, the order of systems, how far
    macro-F1 falls with the temperature, and which measure of unfairness is largest.
    """
    return [
        *_outside(tables.table_2),
        *_order(tables.table_2),
        *_falls(tables.figure_2),
        *_largest(tables.table_4),
        *_defined_elsewhere(tables.table_4),
    ]


def _outside(f1: pl.DataFrame) -> Iterator[str]:
    for row in _rows(f1, pl.col("mark") == "outside our interval"):
        ours = _ours(f1, row)
        yield (
            f"{_who(row)}: macro-F1 is {percent(row['value'])}% by {_NAMES[row['convention']]}, "
            f"which lies outside our interval [{percent(ours['low'])}, {percent(ours['high'])}]."
        )


def _order(f1: pl.DataFrame) -> Iterator[str]:
    """Whether another convention puts other systems first."""
    if f1.is_empty():
        return
    spoken = f1.filter(pl.col("value").is_not_null())
    for (corpus,), own in spoken.group_by("corpus", maintain_order=True):
        orders = {}
        for convention in CONVENTIONS:
            rows = [row for row in _rows(own, pl.col("convention") == convention) if _in_words(row)]
            ranked = sorted(rows, key=lambda row: -row["value"])
            orders[convention] = [_system(row) for row in ranked]
        for convention in CONVENTIONS[1:]:
            same = set(orders[convention]) == set(orders[OURS])
            if same and len(orders[OURS]) > 1 and orders[convention] != orders[OURS]:
                yield (
                    f"{corpus}: by macro-F1 the systems stand in the order "
                    f"{', '.join(orders[OURS])} by our rules, and "
                    f"{', '.join(orders[convention])} by {_NAMES[convention]}."
                )


def _falls(curves: pl.DataFrame) -> Iterator[str]:
    """The fall of macro-F1 from the lowest to the highest temperature, part of which is a rule."""
    if curves.is_empty():
        return
    f1 = curves.filter((pl.col("metric") == "macro_f1") & pl.col("value").is_not_null())
    for _, own in f1.group_by("corpus", "system", "prompt", "modality", maintain_order=True):
        falls = {}
        for convention in CONVENTIONS:
            rows = list(_rows(own.sort("temperature"), pl.col("convention") == convention))
            if len(rows) > 1:
                falls[convention] = rows[0]["value"] - rows[-1]["value"]
        if OURS not in falls:
            continue
        first = own.sort("temperature").row(0, named=True)
        ends = " to ".join(f"{each:g}" for each in own["temperature"].sort()[[0, -1]])
        for convention in CONVENTIONS[1:]:
            if abs(falls.get(convention, falls[OURS]) - falls[OURS]) >= _LEAST_POINTS:
                yield (
                    f"{_who(first)}: from temperature {ends} macro-F1 {_fall(falls[OURS])} by our "
                    f"rules and {_fall(falls[convention])} by {_NAMES[convention]}. The answers "
                    "are the same; the difference comes from the rules."
                )


def _fall(size: float) -> str:
    return f"{'falls' if size >= 0 else 'rises'} by {points(size)}"


def _largest(gaps: pl.DataFrame) -> Iterator[str]:
    """Which of the three measures is the largest: the paper's main finding is that it is OAE."""
    if gaps.is_empty():
        return
    keys = ("corpus", "system", "prompt", "modality", "groups")
    for _, own in gaps.group_by(keys, maintain_order=True):
        first = own.row(0, named=True)
        by_ours, ours = _ranked(own, OURS)
        for convention in CONVENTIONS[1:]:
            _, theirs = _ranked(own, convention)
            if not ours or not theirs or theirs[0] == ours[0]:
                continue
            # measures that are as large as each other by our rules have no order to change
            if by_ours.get(theirs[0], 0.0) <= by_ours[ours[0]] - _LEAST_POINTS:
                yield (
                    f"{_who(first)}, {attribute(str(first['groups']))}: the largest of the three "
                    f"gaps is {metric(ours[0])} by our rules and {metric(theirs[0])} by "
                    f"{_NAMES[convention]}{_recall_sum(convention, theirs[0])}."
                )


def _ranked(gaps: pl.DataFrame, convention: str) -> tuple[dict[str, float], list[str]]:
    """The gaps of a convention by measure, and the measures from the largest gap down."""
    known = {
        str(row["measure"]): float(row["value"])
        for row in _rows(gaps, pl.col("convention") == convention)
        if row["value"] is not None
    }
    return known, sorted(known, key=known.__getitem__, reverse=True) if len(known) > 1 else []


def _recall_sum(convention: str, measure: str) -> str:
    if convention == "fairalm_code" and measure == "overall_accuracy_equality":
        return ", which adds up the recalls of all emotions where Eq. 3 takes the accuracy"
    return ""


def _defined_elsewhere(gaps: pl.DataFrame) -> Iterator[str]:
    marked = list(_rows(gaps, pl.col("mark").str.starts_with("not defined by our rules")))
    for (who, groups), rows in itertools.groupby(
        marked, key=lambda row: (_who(row), row["groups"])
    ):
        several = list(rows)
        yield (
            f"{who}, {attribute(str(groups))}: {count(len(several), 'gap')} that our rules leave "
            f"undefined {'has a number' if len(several) == 1 else 'have numbers'} by other "
            "conventions."
        )


def _rows(frame: pl.DataFrame, wanted: pl.Expr) -> Iterator[Row]:
    if not frame.is_empty():
        yield from frame.filter(wanted).iter_rows(named=True)


def _ours(f1: pl.DataFrame, row: Row) -> Row:
    same = pl.lit(value=True)
    for name in ("corpus", "system", "prompt", "modality"):
        same = same & pl.col(name).eq_missing(pl.lit(row[name], dtype=pl.String))
    return f1.filter(same & (pl.col("convention") == OURS)).row(0, named=True)


def _in_words(row: Row) -> bool:
    return bool(row["system"] == model_of(row["system"]))


def _system(row: Row) -> str:
    prompt = f" ({row['prompt']})" if row["prompt"] else ""
    return f"{row['system']}{prompt}"


def _who(row: Row) -> str:
    return f"{_system(row)} on {row['corpus']}"


def named(convention: str | Sequence[str]) -> str:
    """A convention in words."""
    return _NAMES.get(str(convention), str(convention))
