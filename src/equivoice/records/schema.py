"""What a table promises, and the check that it keeps the promise.

A :class:`Schema` lists columns with type, unit and constraints. Tables are
checked at every border, so that a room may rely on what it is handed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from equivoice.errors import SchemaError

__all__ = ["Column", "Schema"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: the name in the table.
        dtype: the polars type that the column has after validation.
        doc: what it means, with the unit where it has one.
        required: whether a table without it is refused (else it is filled with null).
        nullable: whether null is a legal value.
        choices: the legal values of a text column, where they are few.
        low: smallest legal number.
        high: largest legal number.
    """

    name: str
    dtype: pl.DataType
    doc: str
    required: bool = False
    nullable: bool = True
    choices: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Schema:
    """A named, versioned list of columns with a key.

    Args:
        name: what the table is called in messages and file metadata.
        version: raised when a column changes its meaning.
        columns: the columns in their canonical order.
        key: the columns that together identify a row; empty where rows may repeat.
        open: whether further columns (attributes to group by) may follow.

    Example:
        >>> import polars as pl
        >>> schema = Schema("points", 1, (Column("x", pl.Float64(), "metres", required=True),))
        >>> schema.validate(pl.DataFrame({"x": [1, 2]})).dtypes
        [Float64]
    """

    name: str
    version: int
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    open: bool = False
    _by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {column.name: column for column in self.columns})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns in their canonical order."""
        return tuple(column.name for column in self.columns)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The names of the columns that hold text, whatever it looks like."""
        return tuple(column.name for column in self.columns if not column.dtype.is_numeric())

    def column(self, name: str) -> Column:
        """The column of this name; ``KeyError`` where there is none."""
        return self._by_name[name]

    def empty(self) -> pl.DataFrame:
        """A table of this schema without rows."""
        return pl.DataFrame(schema={column.name: column.dtype for column in self.columns})

    def validate(self, frame: pl.DataFrame, *, file: str | Path | None = None) -> pl.DataFrame:
        """The table in canonical order and types, or an error that names the first fault.

        Missing optional columns are filled with null; further columns are kept
        behind the known ones where the schema is open and refused where not.

        Raises:
            SchemaError: names file, row, column, value and choices.
        """
        self._check_names(frame, file)
        known = [_conform(frame, column, self, file) for column in self.columns]
        extra = [frame.get_column(name) for name in frame.columns if name not in self._by_name]
        result = pl.DataFrame(known + extra)
        self._check_key(result, file)
        return result

    def _check_names(self, frame: pl.DataFrame, file: str | Path | None) -> None:
        missing = [c.name for c in self.columns if c.required and c.name not in frame.columns]
        if missing:
            raise SchemaError(
                f"the {self.name} table lacks the column {missing[0]!r}",
                file=file,
                column=missing[0],
                choices=frame.columns,
                hint=f"rename one of its columns; {self.name} needs {', '.join(self._required())}",
            )
        unknown = [name for name in frame.columns if name not in self._by_name]
        if unknown and not self.open:
            raise SchemaError(
                f"the {self.name} table has an unknown column",
                file=file,
                column=unknown[0],
                value=unknown[0],
                choices=self.names,
            )

    def _required(self) -> list[str]:
        return [column.name for column in self.columns if column.required]

    def _check_key(self, frame: pl.DataFrame, file: str | Path | None) -> None:
        if not self.key or frame.is_empty():
            return
        used = [name for name in self.key if frame.get_column(name).null_count() < frame.height]
        if frame.select(pl.struct(used).n_unique()).item() == frame.height:
            return
        duplicated = frame.select(pl.struct(self.key).is_duplicated()).to_series()
        first = int(duplicated.arg_true()[0])
        key = frame.select(self.key)
        same = key.select(pl.all_horizontal(pl.all().eq_missing(pl.all().get(first)))).to_series()
        twin = int(same.arg_true()[1])
        shown = {
            name: part for name, part in key.row(first, named=True).items() if part is not None
        }
        raise SchemaError(
            f"the {self.name} table repeats a key first seen in row {first + 1}",
            file=file,
            row=twin + 1,
            column=", ".join(self.key),
            value=next(iter(shown.values())) if len(shown) == 1 else shown,
            hint=f"each {' + '.join(self.key)} may stand once; remove or rename the repeats",
        )


def _conform(
    frame: pl.DataFrame, column: Column, schema: Schema, file: str | Path | None
) -> pl.Series:
    if column.name not in frame.columns:
        return pl.Series(column.name, [None] * frame.height, dtype=column.dtype)
    given = frame.get_column(column.name)
    series = _cast(given, column, schema, file)
    for check in (_check_null, _check_choices, _check_number):
        check(series, column, schema, file)
    return series


def _cast(given: pl.Series, column: Column, schema: Schema, file: str | Path | None) -> pl.Series:
    if given.dtype == column.dtype:
        return given
    if given.dtype == pl.String and isinstance(column.dtype, pl.List):
        return _from_json_lists(given, column, schema, file)
    cast = given.cast(column.dtype, strict=False)
    lost = (cast.is_null() & given.is_not_null()).arg_true()
    if len(lost):
        raise _fault(f"not a {_type_name(column.dtype)}", given, int(lost[0]), column, schema, file)
    if given.dtype.is_float() and column.dtype.is_integer():
        broken = (given != given.floor()).fill_null(value=False).arg_true()
        if len(broken):
            raise _fault("not a whole number", given, int(broken[0]), column, schema, file)
    return cast


def _from_json_lists(
    given: pl.Series, column: Column, schema: Schema, file: str | Path | None
) -> pl.Series:
    """Lists travel through CSV as JSON text: ``["Happy", "Sad"]``."""
    try:
        return given.str.json_decode(column.dtype).alias(column.name)
    except pl.exceptions.PolarsError:
        first = int(given.is_not_null().arg_true()[0])
        raise _fault(
            "a list column must hold JSON lists", given, first, column, schema, file
        ) from None


def _check_null(series: pl.Series, column: Column, schema: Schema, file: str | Path | None) -> None:
    if column.nullable or not series.null_count():
        return
    row = int(series.is_null().arg_true()[0])
    raise _fault("empty where a value is needed", series, row, column, schema, file)


def _check_choices(
    series: pl.Series, column: Column, schema: Schema, file: str | Path | None
) -> None:
    if column.choices is None:
        return
    wrong = (series.is_not_null() & ~series.is_in(list(column.choices))).arg_true()
    if len(wrong):
        raise _fault(
            "not one of the choices",
            series,
            int(wrong[0]),
            column,
            schema,
            file,
            choices=column.choices,
        )


def _check_number(
    series: pl.Series, column: Column, schema: Schema, file: str | Path | None
) -> None:
    if not series.dtype.is_numeric():
        return
    wrong = pl.Series([False]).new_from_index(0, len(series))
    if series.dtype.is_float():
        wrong = wrong | ~series.is_finite().fill_null(value=True)
    if column.low is not None:
        wrong = wrong | (series < column.low).fill_null(value=False)
    if column.high is not None:
        wrong = wrong | (series > column.high).fill_null(value=False)
    rows = wrong.arg_true()
    if len(rows):
        limits = f"not a finite number within [{_limit(column.low)}, {_limit(column.high)}]"
        raise _fault(limits, series, int(rows[0]), column, schema, file)


def _limit(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"


def _type_name(dtype: pl.DataType) -> str:
    if dtype.is_numeric():
        return "number"
    return {"String": "text", "Boolean": "truth value"}.get(str(dtype), str(dtype))


def _fault(
    problem: str,
    series: pl.Series,
    row: int,
    column: Column,
    schema: Schema,
    file: str | Path | None,
    *,
    choices: Sequence[str] | None = None,
) -> SchemaError:
    return SchemaError(
        f"{schema.name}.{column.name}: {problem}",
        file=file,
        row=row + 1,
        column=column.name,
        value=series[row],
        choices=choices,
        hint=f"{column.name} is {column.doc}",
    )
