"""Estimates as typed rows, and the questions a report asks of them.

A report formats and never computes. This module only reads, selects and
orders rows of ``records.ESTIMATES``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import polars as pl

from equivoice.annotators.names import is_human
from equivoice.records import ESTIMATES
from equivoice.reports.terms import GIVEN, reference

__all__ = [
    "POOLED",
    "Condition",
    "Estimate",
    "conditions",
    "fold_names",
    "in_order",
    "pick",
    "pooled",
    "primary_metric",
    "read_estimates",
    "repeated",
]

POOLED = "all"
_PRIMARY = ("macro_f1", "unweighted_accuracy", "accuracy", "weighted_f1")


@dataclass(frozen=True, slots=True)
class Estimate:
    """One row of ``records.ESTIMATES``; what is null there is ``None`` here.

    ``label`` stands for the column ``class``; ``left_out`` is parsed. Values are
    fractions of 1, as in the table.
    """

    quantity: str
    metric: str
    convention: str | None = None
    reference: str | None = None
    group_aggregator: str | None = None
    class_aggregator: str | None = None
    corpus: str | None = None
    fold: str | None = None
    system: str | None = None
    prompt: str | None = None
    label_order: str | None = None
    temperature: float | None = None
    modality: str | None = None
    run: str | None = None
    group_by: str | None = None
    groups: str | None = None
    label: str | None = None
    predicted_class: str | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    method: str | None = None
    unit: str | None = None
    n: int | None = None
    clusters: int | None = None
    sd_folds: float | None = None
    sd_runs: float | None = None
    sd_orders: float | None = None
    p_value: float | None = None
    p_floor: float | None = None
    detectable: float | None = None
    noise_floor: float | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    undefined: str | None = None

    @property
    def has_interval(self) -> bool:
        """Whether both ends of the interval are known."""
        return self.low is not None and self.high is not None

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval; false without one."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, order=True)
class Condition:
    """What distinguishes one set of scores from another: system, corpus, settings.

    Args:
        corpus: the corpus, or ``all`` where several were pooled.
        system: the system; ``A − B`` in a comparison.
        settings: further settings that differ, as (name, value).
        reference: what its answers were held against, by name; empty for the labels as given.
    """

    corpus: str
    system: str
    settings: tuple[tuple[str, str], ...] = ()
    reference: str = ""

    @property
    def people(self) -> bool:
        """Whether listeners answered, and no system."""
        return is_human(self.system)

    @property
    def title(self) -> str:
        """The condition in words, such as ``acoustic on ravdess``.

        Example:
            >>> Condition("ravdess", "acoustic").title
            'acoustic on ravdess'
        """
        corpus = "all corpora" if self.corpus == POOLED else self.corpus
        return self._with_reference(self._named(f"{' on ' if corpus else ''}{corpus}"))

    @property
    def short(self) -> str:
        """The condition in words without its corpus, for where one corpus is spoken of.

        Example:
            >>> Condition("ravdess", "acoustic", (("temperature", "0.5"),)).short
            'acoustic, temperature 0.5'
            >>> Condition("crema_d", "acoustic", reference="majority").short
            'acoustic, held against the majority of the votes'
        """
        return self._with_reference(self.name)

    @property
    def name(self) -> str:
        """The condition without its corpus and its reference; people are called so.

        Example:
            >>> Condition("crema_d", "one listener (voice)", reference="given").name
            'people: one listener (voice)'
        """
        return self._named()

    def _named(self, place: str = "") -> str:
        head = self.system or "the predictions"
        head = f"people: {head}" if self.people else head
        return ", ".join([head + place, *(f"{name} {value}" for name, value in self.settings)])

    def _with_reference(self, text: str) -> str:
        return f"{text}, held against {reference(self.reference)}" if self.reference else text


_COLUMNS = {each.name: {"label": "class"}.get(each.name, each.name) for each in fields(Estimate)}
_SETTINGS = ("prompt", "temperature", "modality")


def read_estimates(frame: pl.DataFrame) -> tuple[Estimate, ...]:
    """The rows of a table of estimates that a report can show, in their order.

    Rows of single classes within single folds are passed over where pooled ones
    exist: a report shows classes pooled and folds over all classes, and these
    rows are by far the most.

    Raises:
        SchemaError: the table breaks the schema of estimates.
    """
    checked = ESTIMATES.validate(frame)
    over_folds = pl.col("fold").is_null() | (pl.col("fold") == POOLED)
    has_pooled = over_folds.any().over("corpus", "system", "reference", *_SETTINGS)
    shown = checked.filter(over_folds | pl.col("class").is_null() | ~has_pooled)
    return tuple(_estimate(row) for row in shown.iter_rows(named=True))


def pick(rows: Iterable[Estimate], **wanted: Any) -> list[Estimate]:
    """The rows whose attributes equal what is wanted.

    Example:
        >>> rows = [Estimate("score", "accuracy"), Estimate("score", "macro_f1")]
        >>> [row.metric for row in pick(rows, metric="macro_f1")]
        ['macro_f1']
    """
    return [row for row in rows if all(getattr(row, name) == is_ for name, is_ in wanted.items())]


def pooled(rows: Iterable[Estimate]) -> list[Estimate]:
    """The rows over all folds; where a condition has one fold only, the rows of that fold.

    Example:
        >>> rows = [Estimate("score", "accuracy", fold="all"), Estimate("score", "accuracy", fold="1")]
        >>> [row.fold for row in pooled(rows)]
        ['all']
    """
    given = list(rows)
    over_all = {_whose(row) for row in given if row.fold in (None, POOLED)}
    return [row for row in given if row.fold in (None, POOLED) or _whose(row) not in over_all]


def repeated(row: Estimate) -> bool:
    """Whether utterances were answered several times, so that its n counts answers."""
    return POOLED in (row.run, row.label_order)


def fold_names(rows: Iterable[Estimate]) -> list[str]:
    """The single folds, numbers in the order of their value.

    Example:
        >>> fold_names(Estimate("score", "accuracy", fold=name) for name in ("10", "2", "all"))
        ['2', '10']
    """
    names = {row.fold for row in rows if row.fold not in (None, POOLED)}
    return sorted(map(str, names), key=lambda name: (not name.isdecimal(), len(name), name))


def in_order(values: Iterable[str | None]) -> list[str]:
    """The distinct values in the order of their first appearance, without nulls."""
    return [value for value in dict.fromkeys(values) if value is not None]


def primary_metric(rows: Sequence[Estimate]) -> str | None:
    """The metric that the verdict speaks of: macro-F1, or the next best that is there."""
    there = in_order(
        row.metric
        for row in rows
        if row.quantity in ("score", "comparison") and row.label is None and row.group_by is None
    )
    ranked = [name for name in _PRIMARY if name in there]
    return next(iter(ranked or there), None)


def conditions(rows: Sequence[Estimate]) -> dict[Condition, list[Estimate]]:
    """The rows of each condition, comparisons left out; in order of appearance.

    A setting is part of a condition's name only where it differs between rows. The
    reference is, where any row was held against another one than the labels as given.
    """
    scored = [row for row in rows if row.quantity != "comparison"]
    differing = [name for name in _SETTINGS if len({getattr(row, name) for row in scored}) > 1]
    told = any((row.reference or GIVEN) != GIVEN for row in scored)
    parts: dict[Condition, list[Estimate]] = {}
    for row in scored:
        parts.setdefault(_condition(row, differing, told), []).append(row)
    return parts


def _whose(row: Estimate) -> tuple[object, ...]:
    return (
        row.corpus,
        row.system,
        row.reference or GIVEN,
        *(getattr(row, name) for name in _SETTINGS),
    )


def _condition(row: Estimate, differing: Sequence[str], told: bool) -> Condition:
    settings = ((name.replace("_", " "), getattr(row, name)) for name in differing)
    return Condition(
        row.corpus or "",
        row.system or "",
        tuple((name, _plain(value)) for name, value in settings if value is not None),
        (row.reference or GIVEN) if told else "",
    )


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _estimate(row: dict[str, Any]) -> Estimate:
    given = {name: row[column] for name, column in _COLUMNS.items()}
    given["left_out"] = dict(_counts(row["left_out"]))
    return Estimate(**given)


def _counts(text: str | None) -> Iterator[tuple[str, int]]:
    """The counts in a JSON object; a text that is none is shown as a reason itself."""
    if not text:
        return
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        yield text, 0
        return
    for reason, count in given.items():
        yield str(reason), count if isinstance(count, int) else 0
