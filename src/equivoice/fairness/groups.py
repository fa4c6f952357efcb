"""Who belongs to which group: attributes, their crossings, and bins of numbers.

A grouping is written as text::

    gender                       an attribute
    gender x language            a crossing of attributes
    age[25,33,46]                a number cut at given points, upper edge included
    age[speakers:4]              cut at quantiles of speakers (each counts once)
    age[samples:4]               cut at quantiles of utterances (as FairALM does)

A number without brackets is cut at the quartiles of speakers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.metrics import IntArray

__all__ = ["CROSSING", "Grouping", "group_items"]

CROSSING = " x "
_DEFAULT_BINS = "speakers:4"
_PART = re.compile(r"(?P<name>[^\[\]]+?)\s*(\[(?P<bins>[^\[\]]*)\])?")


@dataclass(frozen=True)
class Grouping:
    """The groups of a table's rows.

    Args:
        name: the grouping as written, with the cut points filled in.
        groups: the names of the groups, in order.
        codes: (n,) the group of each row; −1 where an attribute is unknown.
        unknown: how many rows have no group.
    """

    name: str
    groups: tuple[str, ...]
    codes: IntArray
    unknown: int

    def subset(self, rows: IntArray) -> Grouping:
        """The groups of these rows only, under the same codes.

        Example:
            >>> every = Grouping("gender", ("female", "male"), np.array([0, -1, 1]), 1)
            >>> every.subset(np.array([2, 0])).codes.tolist()
            [1, 0]
        """
        codes = self.codes[rows]
        return Grouping(self.name, self.groups, codes, int((codes < 0).sum()))


def group_items(items: pl.DataFrame, grouping: str) -> Grouping:
    """The group of each row.

    Args:
        items: a table with the attributes as columns, and ``speaker`` where
            quantiles of speakers are asked for and known.
        grouping: as the module's docstring describes.

    Raises:
        ConfigError: the text cannot be read.
        InputError: the table has no such column; names the choices.

    Example:
        >>> import polars as pl
        >>> items = pl.DataFrame({"gender": ["female", "male", None], "age": [20.0, 40.0, 60.0]})
        >>> group_items(items, "gender").codes.tolist()
        [0, 1, -1]
        >>> group_items(items, "gender x age[30]").groups
        ('female x ≤ 30', 'male x > 30')
    """
    parts = [_labels(items, part.strip()) for part in grouping.split(CROSSING)]
    labels = parts[0][1] if len(parts) == 1 else _cross([part[1] for part in parts])
    orders = [part[2] for part in parts]
    present = set(labels.drop_nulls().unique().to_list())
    names = tuple(name for name in _crossed_names(orders) if name in present)
    position = {name: code for code, name in enumerate(names)}
    codes = labels.replace_strict(position, default=-1, return_dtype=pl.Int64).fill_null(-1)
    name = CROSSING.join(part[0] for part in parts)
    return Grouping(name, names, codes.to_numpy(), int((codes == -1).sum()))


def _cross(labels: Sequence[pl.Series]) -> pl.Series:
    frame = pl.DataFrame([series.alias(str(i)) for i, series in enumerate(labels)])
    return frame.select(pl.concat_str(pl.all(), separator=CROSSING)).to_series()


def _crossed_names(orders: Sequence[Sequence[str]]) -> list[str]:
    names = list(orders[0])
    for order in orders[1:]:
        names = [f"{left}{CROSSING}{right}" for left in names for right in order]
    return names


def _labels(items: pl.DataFrame, part: str) -> tuple[str, pl.Series, list[str]]:
    """Name, label of each row and order of labels of one attribute."""
    match = _PART.fullmatch(part)
    if match is None:
        raise ConfigError(
            "this grouping cannot be read",
            value=part,
            hint="write gender, 'gender x language', age[25,33,46], age[speakers:4]",
        )
    name, bins = match["name"], match["bins"]
    if name not in items.columns:
        raise InputError(
            "there is no such attribute to group by", value=name, choices=_attributes(items)
        )
    values = items.get_column(name)
    if values.dtype.is_nested():
        raise InputError("lists are no attribute to group by", column=name)
    if values.dtype.is_numeric():
        return _binned(items, name, bins if bins is not None else _DEFAULT_BINS)
    if bins is not None:
        raise ConfigError("only numbers can be cut into bins", value=part)
    labels = values.cast(pl.String)
    return name, labels, sorted(labels.drop_nulls().unique().to_list())


def _attributes(items: pl.DataFrame) -> list[str]:
    """The columns that hold anything."""
    return [name for name in items.columns if items.get_column(name).null_count() < items.height]


def _binned(items: pl.DataFrame, name: str, bins: str) -> tuple[str, pl.Series, list[str]]:
    cuts = _cuts(items, name, bins)
    labels = _bin_names(cuts)
    values = items.get_column(name).cast(pl.Float64).fill_nan(None)
    index = np.searchsorted(cuts, values.fill_null(0.0).to_numpy(), side="left")
    named = pl.Series(name, labels).gather(index)
    named = named.zip_with(values.is_not_null(), pl.Series(name, [None], dtype=pl.String))
    return f"{name}[{','.join(map(_shown, cuts))}]", named, labels


def _cuts(items: pl.DataFrame, name: str, bins: str) -> list[float]:
    method, colon, count = bins.partition(":")
    try:
        if not colon:
            return sorted({_cut(text) for text in bins.split(",")})
        number = int(count)
    except ValueError:
        number = 0
    if method not in ("speakers", "samples") or number < 2:
        raise ConfigError(
            "these bins cannot be read",
            value=f"{name}[{bins}]",
            choices=[f"{name}[25,33,46]", f"{name}[speakers:4]", f"{name}[samples:4]"],
        )
    values = items.get_column(name)
    if method == "speakers" and "speaker" in items.columns:
        first_known = pl.col(name).drop_nulls().first()
        values = items.group_by("speaker").agg(first_known).get_column(name)
    known = values.cast(pl.Float64).fill_nan(None).drop_nulls()
    if known.is_empty():
        raise InputError("no row has a value to cut into bins", column=name)
    shares = np.linspace(0, 1, number + 1)[1:-1]
    return sorted({float(cut) for cut in np.quantile(known.to_numpy(), shares)})


def _cut(text: str) -> float:
    cut = float(text)
    if not math.isfinite(cut):
        raise ValueError(text)
    return cut


def _bin_names(cuts: Sequence[float]) -> list[str]:
    middle = [f"{_shown(low)}–{_shown(high)}" for low, high in pairwise(cuts)]
    return [f"≤ {_shown(cuts[0])}", *middle, f"> {_shown(cuts[-1])}"]


def _shown(number: float) -> str:
    """As short as can be without losing a digit that tells two cuts apart."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)
