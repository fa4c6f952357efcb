"""Facts that stand in file names: speaker, gender, sentence, repetition."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from equivoice.errors import CorpusError

__all__ = ["GENDERS", "fill_missing", "gender_of", "with_name_parts"]

GENDERS = {
    "female": "female",
    "f": "female",
    "woman": "female",
    "male": "male",
    "m": "male",
    "man": "male",
}
_NOT_KNOWN = {"", "unknown", "none", "nan", "n/a", "na", "unspecified"}


def gender_of(given: str | None) -> str | None:
    """``female``, ``male``, or as given in lower case; ``None`` where unknown.

    Example:
        >>> gender_of("F"), gender_of("Male"), gender_of("Unknown"), gender_of("nonbinary")
        ('female', 'male', None, 'nonbinary')
    """
    word = (given or "").strip().casefold()
    return None if word in _NOT_KNOWN else GENDERS.get(word, word)


def with_name_parts(
    utterances: pl.DataFrame,
    pattern: str,
    *,
    column: str = "audio",
    values: Mapping[str, Mapping[str, Any]] | None = None,
) -> pl.DataFrame:
    r"""The table with a column for each named part of a pattern.

    A part that a column holds already fills its nulls and leaves the rest.

    Args:
        utterances: the table.
        pattern: a regular expression with named groups, searched in ``column``.
        column: where the names stand.
        values: per part, from the code in the name to what it means.

    Raises:
        CorpusError: a name does not fit the pattern, or a code has no meaning.

    Example:
        >>> table = pl.DataFrame({"audio": ["f1/gio-f1-b2.wav"]})
        >>> with_name_parts(table, r"-(?P<speaker>[fm]\d)-(?P<sentence>\w+)\.").row(0)
        ('f1/gio-f1-b2.wav', 'f1', 'b2')
    """
    expression = re.compile(pattern)
    names = utterances.get_column(column).to_list()
    found = [_parts(expression, name, row, column) for row, name in enumerate(names, start=1)]
    result = utterances
    for part in expression.groupindex:
        meanings = (values or {}).get(part)
        given = [row[part] for row in found]
        if meanings is not None:
            given = [_meaning(meanings, code, part, names[i]) for i, code in enumerate(given)]
        result = fill_missing(result, pl.Series(part, given))
    return result


def fill_missing(table: pl.DataFrame, series: pl.Series) -> pl.DataFrame:
    """The table with a column's nulls filled from a series, or with the series added."""
    if series.name not in table.columns:
        return table.with_columns(series)
    held = table.get_column(series.name)
    if held.dtype == pl.Null:
        return table.with_columns(series)
    return table.with_columns(held.fill_null(series.cast(held.dtype)))


def _parts(expression: re.Pattern[str], name: str | None, row: int, column: str) -> dict[str, str]:
    found = expression.search(name or "")
    if found is None:
        raise CorpusError(
            "a name does not have the form that this corpus's names have",
            row=row,
            column=column,
            value=name,
            hint=f"the form is {expression.pattern}",
        )
    return found.groupdict()


def _meaning(meanings: Mapping[str, Any], code: str, part: str, name: str | None) -> Any:
    if code not in meanings:
        raise CorpusError(
            f"the name {name!r} holds an unknown code", column=part, value=code, choices=meanings
        )
    return meanings[code]
