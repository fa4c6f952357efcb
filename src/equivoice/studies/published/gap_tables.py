"""A typed reader of published tables of scores and gaps by language and modality."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from equivoice.fairness import CLASS_AGGREGATORS
from equivoice.studies.published.files import read_published, standing_twice
from equivoice.studies.published.reading import PublishedModel

__all__ = [
    "ALL",
    "BLOCKS",
    "GAPS",
    "Ablation",
    "GapTables",
    "PrintedCount",
    "PrintedRow",
    "PrintedSlip",
    "Result",
    "load_gap_tables",
]

ALL = "all"
"""The cell that stands for all languages together."""

GAPS = ("tpr_gap", "fpr_gap", "w_f1_gap", "acc_gap")
"""The four gaps whose mean is AVG."""

Modality = Literal["speech", "speech+transcript"]
Aggregator = Literal["mean", "rms", "max"]
Block = Literal["components", "weight", "power"]
BLOCKS: tuple[Block, ...] = ("components", "weight", "power")

_Numbers = Annotated[tuple[float, ...], Field(min_length=7, max_length=7)]
_Columns = tuple[
    Literal["weighted_f1"],
    Literal["accuracy"],
    Literal["tpr_gap"],
    Literal["fpr_gap"],
    Literal["w_f1_gap"],
    Literal["acc_gap"],
    Literal["avg_gap"],
]
_FOLDER = "benchmarks"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PrintedCount(_Closed):
    """A row of Table 1: utterances of one group in one cell."""

    cell: str
    group: str
    train: int = Field(ge=0)
    validation: int = Field(ge=0)
    test: int = Field(ge=0)
    total: int = Field(ge=0)


class PrintedRow(_Closed):
    """Seven numbers without the transcript, seven with it, and the arrow between the AVGs.

    Args:
        speech: scores and gaps from speech alone, in per cent, as the columns name them.
        both: from speech and transcript.
        change: AVG of ``both`` minus AVG of ``speech`` as the arrow states it.
    """

    speech: _Numbers
    both: _Numbers
    change: float

    def numbers(self, modality: Modality) -> tuple[float, ...]:
        """The seven numbers of a modality."""
        return self.speech if modality == "speech" else self.both

    def mean_of_gaps(self, modality: Modality) -> float:
        """What AVG is by the four gaps beside it.

        Example:
            >>> row = PrintedRow(speech=(0, 0, 4, 2, 1, 1, 2), both=(0, 0, 1, 1, 1, 1, 1), change=-1)
            >>> row.mean_of_gaps("speech")
            2.0
        """
        return float(np.mean(self.numbers(modality)[2:6]))


class Result(PrintedRow):
    """A row of Table 2: a model in one language, or in all of them."""

    model: str
    cell: str


class Ablation(PrintedRow):
    """A row of Table 3.

    Args:
        block: what is varied: the components, the weight λ or the power p.
        key: the word by which a run of the user is put beside this row.
        name: the name in the paper.
    """

    block: Block
    key: str
    name: str


class PrintedSlip(_Closed):
    """Something in the paper that is known to be otherwise; see ``published.Slip``."""

    id: str
    table: Literal[1, 2, 3]
    what: str
    model: str | None = None
    cell: str | None = None
    column: str | None = None
    evidence: str


class GapTables(_Closed):
    """All that the paper printed, with its slips.

    Args:
        corpus: the corpus that the printed numbers are of.
        columns: what the seven numbers of a row are.
        aggregators: how each model's languages became one number, as the columns show it.
    """

    id: str
    title: str
    authors: str
    source: str
    corpus: str
    columns: _Columns
    models: Mapping[str, PublishedModel]
    datasets: tuple[PrintedCount, ...]
    results: tuple[Result, ...]
    ablations: tuple[Ablation, ...]
    aggregators: Mapping[str, Aggregator]
    slips: tuple[PrintedSlip, ...]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> GapTables:
        named = [row.model for row in self.results] + list(self.aggregators)
        named += [slip.model for slip in self.slips if slip.model is not None]
        problems = [f"unknown model {name!r}" for name in named if name not in self.models]
        problems += standing_twice(self._places())
        if problems:
            raise ValueError("; ".join(dict.fromkeys(problems)))
        return self

    def _places(self) -> list[str]:
        return [
            *(f"Table 1, {row.cell}, {row.group}" for row in self.datasets),
            *(f"Table 2, {row.model}, {row.cell}" for row in self.results),
            *(f"Table 3, {row.block}, {row.key}" for row in self.ablations),
            *(f"slip {slip.id}" for slip in self.slips),
        ]

    @property
    def languages(self) -> tuple[str, ...]:
        """The cells of Table 2 that are one language."""
        return tuple(dict.fromkeys(row.cell for row in self.results if row.cell != ALL))

    def result(self, model: str | None, cell: str) -> Result | None:
        """A row of Table 2; ``None`` where there is none."""
        rows = (row for row in self.results if (row.model, row.cell) == (model, cell))
        return next(rows, None)

    def ablation(self, block: str, key: str) -> Ablation | None:
        """A row of Table 3; ``None`` where there is none."""
        rows = (row for row in self.ablations if (row.block, row.key) == (block, key))
        return next(rows, None)

    def model_run_by(self, described: str | None) -> str | None:
        """The key of the model that a system's record names; ``None`` where it is another."""
        return next((key for key, model in self.models.items() if model.is_run_by(described)), None)

    def recomputed(
        self, model: str, modality: Modality, aggregator: Aggregator
    ) -> dict[str, float]:
        """A multilingual row out of the rows of the languages, by one named aggregator.

        Scores are means over the languages by any aggregator, as in the paper.

        Example:
            >>> paper = load_gap_tables()
            >>> round(paper.recomputed("erm-minmaxgap", "speech", "rms")["avg_gap"], 2)
            5.04
        """
        rows = [self.result(model, cell) for cell in self.languages]
        numbers = np.array([row.numbers(modality) for row in rows if row is not None])
        made = {
            name: float(
                CLASS_AGGREGATORS[aggregator if name in GAPS else "mean"](numbers[:, place])
            )
            for place, name in enumerate(self.columns)
        }
        return made | {"avg_gap": float(np.mean([made[name] for name in GAPS]))}


def load_gap_tables(name_or_path: str | Path = "erm_minmaxgap") -> GapTables:
    """Published tables by the name of the study, or from a file of the same form.

    Raises:
        InputError: no such study, or a file that cannot be read or contradicts itself.

    Example:
        >>> paper = load_gap_tables()
        >>> paper.result("gpt4o-mini-audio", "ja").speech[-1]
        2.59
    """
    return read_published(GapTables, name_or_path, kind=_FOLDER)
