"""A typed reader of published numbers; a file that contradicts itself is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from equivoice.studies.published.files import read_published, standing_twice

__all__ = [
    "LeftOut",
    "Number",
    "PublishedDataset",
    "PublishedFigure",
    "PublishedGap",
    "PublishedModel",
    "PublishedScore",
    "PublishedSettings",
    "PublishedStudy",
    "Slip",
    "load_published",
]

Table = Literal["I", "II", "III", "IV"]
MEASURES = {
    "statistical_parity": "sp",
    "equal_opportunity": "eo",
    "overall_accuracy_equality": "oae",
}
"""From the name of a gap to its column in the table."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Number(_Closed):
    """A printed number in per cent, with its standard deviation where one is printed."""

    value: float = Field(ge=0)
    sd: float | None = Field(default=None, ge=0)


def _as_number(given: Any) -> Any:
    if isinstance(given, list) and 1 <= len(given) <= 2:
        return dict(zip(("value", "sd"), given, strict=False))
    return given


class PublishedModel(_Closed):
    """A model as the paper names it.

    Args:
        name: the name in the paper's tables.
        checkpoint: the weights that were run, such as ``Qwen/Qwen2-Audio-7B-Instruct``.
        trained: whether it was trained on the corpus; else it answers zero-shot.
    """

    name: str
    checkpoint: str | None = None
    trained: bool = False

    def is_run_by(self, described: str | None) -> bool:
        """Whether a system whose record names these weights is this model.

        A local folder counts where its last part is the checkpoint's name.

        Example:
            >>> qwen = PublishedModel(name="Qwen2-Audio", checkpoint="Qwen/Qwen2-Audio-7B-Instruct")
            >>> qwen.is_run_by("/weights/Qwen2-Audio-7B-Instruct"), qwen.is_run_by("tiny")
            (True, False)
        """
        if self.checkpoint is None or not described:
            return False
        wanted = self.checkpoint.rpartition("/")[2].casefold()
        return str(described).rstrip("/").rpartition("/")[2].casefold() == wanted


class PublishedDataset(_Closed):
    """A row of Table I; ``folds`` are those that the released code runs."""

    corpus: str
    name: str
    speakers: int
    men: int | None = None
    women: int | None = None
    attributes: tuple[str, ...]
    emotions: int
    folds: int


class PublishedScore(_Closed):
    """A row of macro-F1 values, by corpus.

    Args:
        table: the table it stands in.
        model: the model's key.
        post_processing: whether answers were repaired; ``None`` where the table does not vary it.
        values: from a corpus to its number.
    """

    table: Table
    model: str
    post_processing: bool | None = None
    values: Mapping[str, Annotated[Number, BeforeValidator(_as_number)]]


class PublishedGap(_Closed):
    """A row of Table IV: three gaps of one attribute on one corpus."""

    table: Table
    model: str
    attribute: str
    corpus: str
    sp: float = Field(ge=0)
    eo: float = Field(ge=0)
    oae: float = Field(ge=0)

    def value(self, measure: str) -> float | None:
        """The printed gap of a measure by its name; ``None`` where the table has no such column."""
        column = MEASURES.get(measure)
        return None if column is None else float(getattr(self, column))


class PublishedSettings(_Closed):
    """What was run, as far as paper and code say."""

    where: str
    prompt: str
    max_new_tokens: int
    min_new_tokens: int
    top_p: float
    temperatures: tuple[float, ...]
    runs: int
    selected: str
    spread: str


class PublishedFigure(_Closed):
    """The axes of a figure that prints no numbers."""

    where: str
    model: str
    across: str
    temperatures: tuple[float, ...]
    up: tuple[str, ...]
    attributes: tuple[str, ...]
    band: str
    claim: str


class LeftOut(_Closed):
    """A number that was computed and not printed."""

    what: str
    table: Table
    model: str
    corpus: str
    metric: str
    value: float
    sd: float | None = None
    attribute: str | None = None


class Slip(_Closed):
    """Something in the paper that is known to be otherwise.

    Args:
        id: a short name.
        table: where it stands.
        what: what is otherwise, as a sentence.
        corpus: the corpus it concerns; ``None`` for all.
        column: the column it concerns.
        true: the true values, where they are known, by row.
        evidence: what shows it.
    """

    id: str
    table: Table
    what: str
    corpus: str | None = None
    column: str | None = None
    true: Mapping[str, float] = Field(default_factory=dict)
    evidence: str


class PublishedStudy(_Closed):
    """All that a paper printed, with its slips."""

    id: str
    title: str
    authors: str
    venue: str
    source: str
    code: str
    settings: PublishedSettings
    models: Mapping[str, PublishedModel]
    datasets: tuple[PublishedDataset, ...]
    scores: tuple[PublishedScore, ...]
    gaps: tuple[PublishedGap, ...]
    figure: PublishedFigure
    left_out: tuple[LeftOut, ...]
    slips: tuple[Slip, ...]

    @model_validator(mode="after")
    def _names_agree(self) -> PublishedStudy:
        corpora = {each.corpus for each in self.datasets}
        models = [row.model for row in self.scores] + [row.model for row in self.gaps]
        models += [*(each.model for each in self.left_out), self.figure.model]
        places = [corpus for row in self.scores for corpus in row.values]
        places += [row.corpus for row in self.gaps] + [each.corpus for each in self.left_out]
        places += [each.corpus for each in self.slips if each.corpus is not None]
        problems = [f"unknown model {name!r}" for name in models if name not in self.models]
        problems += [f"unknown corpus {name!r}" for name in places if name not in corpora]
        problems += standing_twice(self._places())
        if problems:
            raise ValueError("; ".join(dict.fromkeys(problems)))
        return self

    def _places(self) -> list[str]:
        return [
            *(f"Table {row.table}, {row.model}, {row.post_processing}" for row in self.scores),
            *(f"Table {row.table}, {row.attribute}, {row.corpus}" for row in self.gaps),
            *(f"slip {slip.id}" for slip in self.slips),
        ]

    def score(
        self, table: Table, model: str, corpus: str, *, post_processing: bool | None = None
    ) -> Number | None:
        """A printed macro-F1; ``None`` where the table has no such cell."""
        for row in self.scores:
            if (row.table, row.model, row.post_processing) == (table, model, post_processing):
                return row.values.get(corpus)
        return None

    def gap(self, model: str, attribute: str, corpus: str) -> PublishedGap | None:
        """A row of Table IV; ``None`` where there is none."""
        wanted = (model, attribute, corpus)
        rows = (row for row in self.gaps if (row.model, row.attribute, row.corpus) == wanted)
        return next(rows, None)

    def slips_of(self, table: Table, corpus: str | None = None) -> tuple[Slip, ...]:
        """The slips of a table that concern a corpus."""
        return tuple(
            slip for slip in self.slips if slip.table == table and slip.corpus in (None, corpus)
        )

    def model_run_by(self, described: str | None) -> str | None:
        """The key of the model that a system's record names; ``None`` where it is another."""
        return next((key for key, model in self.models.items() if model.is_run_by(described)), None)


def load_published(name_or_path: str | Path = "fairalm") -> PublishedStudy:
    """Published numbers by the name of the study, or from a file of the same form.

    Raises:
        InputError: no such study, or a file that cannot be read or contradicts itself.

    Example:
        >>> fairalm = load_published()
        >>> fairalm.score("II", "qwen2-audio", "ravdess")
        Number(value=67.48, sd=5.34)
        >>> fairalm.gap("qwen2-audio", "gender", "ravdess").oae
        46.58
    """
    return read_published(PublishedStudy, name_or_path)
