"""A typed reader of the explainable SpeechLM's printed table: systems in open and closed form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from equivoice.studies.published.ensembles import PrintedSlip
from equivoice.studies.published.files import read_published

__all__ = ["PrintedForm", "PrintedRow", "PublishedForms", "load_published_forms"]

_READINGS = (
    ("all", "majority"),
    ("all", "all"),
    ("agreement > 0.5", "majority"),
    ("agreement > 0.5", "all"),
)
"""The columns of one form, in the paper's order: which utterances, against which labels."""

PrintedForm = tuple[float | None, float | None, float | None, float | None]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PrintedRow(_Closed):
    """A system of the table.

    Args:
        id: the number of the row.
        name: as printed.
        kind: how it came to answer.
        checkpoint: the weights, where the paper says them.
        starred: whether its values bear the mark of significance.
        open: the four values of the open form, in per cent; ``None`` for dashes.
        closed: those of the closed form.
    """

    id: int
    name: str
    kind: Literal["classifier", "zero-shot", "chain-of-thought", "fine-tuned"]
    checkpoint: str | None = None
    starred: bool = False
    open: PrintedForm | None
    closed: PrintedForm | None

    def value(self, form: str, subset: str, labels: str) -> float | None:
        """A printed value in per cent; ``None`` where the table has a dash or no such column."""
        values = {"open": self.open, "closed": self.closed}.get(form)
        if values is None or (subset, labels) not in _READINGS:
            return None
        return values[_READINGS.index((subset, labels))]


class Slip(PrintedSlip):
    """Something in the table or its prose that is otherwise, or that the paper does not say."""

    table: str = "1"


class PublishedForms(_Closed):
    """All that the table printed, with its slips."""

    id: str
    title: str
    authors: str
    source: str
    corpus: str
    split: str
    metric: str
    emotions: tuple[str, ...]
    rows: tuple[PrintedRow, ...] = Field(min_length=1)
    slips: tuple[Slip, ...]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PublishedForms:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        names = [row.name for row in self.rows]
        yield from (f"{name!r} stands twice" for name in set(names) if names.count(name) > 1)
        if [row.id for row in self.rows] != list(range(1, len(names) + 1)):
            yield "the rows are not numbered from 1"
        values = [
            value
            for row in self.rows
            for form in (row.open, row.closed)
            if form is not None
            for value in form
            if value is not None
        ]
        yield from (f"{value} is no share in per cent" for value in values if not 0 <= value <= 100)

    def row(self, name: str) -> PrintedRow | None:
        """The row of a system by its printed name; ``None`` where there is none."""
        return next((row for row in self.rows if row.name == name), None)


def load_published_forms(name_or_path: str | Path = "explainable") -> PublishedForms:
    """The published table by the name of the study, or from a file of the same form.

    Raises:
        InputError: no such study, or a file that cannot be read or contradicts itself.

    Example:
        >>> row = load_published_forms().row("Q2A-lora-SFT w/ reasoning")
        >>> row.value("open", "agreement > 0.5", "all")
        59.32
    """
    return read_published(PublishedForms, name_or_path, kind="forms")
