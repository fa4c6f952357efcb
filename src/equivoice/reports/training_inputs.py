"""What the report of a training run is made from, and its points as typed rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import polars as pl

from equivoice.records import RunRecord
from equivoice.reports.formatting import count
from equivoice.reports.wording import attribute, metric

__all__ = [
    "WORST_GAP",
    "Point",
    "TrainingInputs",
    "measure_name",
    "over_cells",
    "read_points",
    "select",
]

WORST_GAP = "worst_gap"
"""What a checkpoint can be chosen by beside loss and metrics: the largest gap over the cells."""

_ALL = "all"
_CROSSING = " x "
_PLURALS = {
    "all": "all the data",
    "language": "languages",
    "corpus": "corpora",
    "modality": "modalities",
}


@dataclass(frozen=True)
class TrainingInputs:
    """One training run, with all that a report and a model card may show of it.

    Args:
        title: the heading; names the run where several are shown.
        record: what was trained, with what, and where.
        progress: the points of the curves
            (:func:`equivoice.evaluation.training_progress.training_progress`).
        data: ``split``, ``cell``, ``group``, ``utterances``, ``speakers``: who was trained on
            (:func:`equivoice.evaluation.training_progress.training_data`).
        chosen: the step of the chosen checkpoint; ``None`` where none was chosen yet.
        estimates: scores and gaps of the chosen checkpoint on the validation part
            (:func:`equivoice.evaluation.trade_off.trade_off`).
        attribute: what groups were told apart by.
        cell: what groups were compared within.
        objective: what was minimised, such as ``minmaxgap``.
        base_model: what was trained further: a name on the Hugging Face hub, or a folder.
        system: the system that asks the model, such as ``qwen2-audio``.
        labels: the labels it was trained to answer.
        prompt: the name of the prompt.
        tolerance: the gap that the penalty's weight lets pass.
        maximum: the largest weight.
        compared: what the weight is driven by: the gap in ``loss`` or in ``metric``.
        tuning: ``lora`` where an adapter was trained; ``classifier`` where a network over
            labels was; else ``partial`` or ``full``.
        modalities: what the model is given, such as ``speech`` and ``speech+transcript``.
        trainable: how many parameters were trained.
        parameters: how many the model has.
        stopped: where training stopped and why, as one sentence; empty while it goes on.
        cards: from a corpus name to its :class:`~equivoice.corpora.card.Card`.
        findings: what the checks of the corpora found.
        notes: further sentences that a reader should know.
    """

    title: str
    record: RunRecord
    progress: pl.DataFrame
    data: pl.DataFrame | None = None
    chosen: int | None = None
    estimates: pl.DataFrame | None = None
    attribute: str = "gender"
    cell: str = "language"
    objective: str = ""
    base_model: str = ""
    system: str = ""
    labels: Sequence[str] = ()
    prompt: str = ""
    tolerance: float | None = None
    maximum: float | None = None
    compared: str = "loss"
    tuning: str = "lora"
    modalities: Sequence[str] = ("speech",)
    trainable: int | None = None
    parameters: int | None = None
    stopped: str = ""
    cards: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Any] = ()
    notes: Sequence[str] = ()

    @property
    def selection(self) -> Mapping[str, Any]:
        """What the record says of the choice of the checkpoint; empty where it says nothing."""
        own = [each for each in self.record.selection if each.get("what") == "checkpoint"]
        return own[-1] if own else {}

    @property
    def place(self) -> str:
        """What tells utterances apart by cell: an utterance can be put in several modalities."""
        parts = [part for part in self.cell.split(_CROSSING) if part != "modality"]
        return _CROSSING.join(parts) or _ALL

    @property
    def measure(self) -> str:
        """What the checkpoint was chosen by; empty where the record does not say."""
        return str(self.selection.get("metric") or "")

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return self.record.finished is not None


@dataclass(frozen=True, slots=True)
class Point:
    """One row of ``progress``; what is null there is ``None`` here."""

    step: int
    split: str
    measure: str
    kind: str
    epoch: int | None = None
    cell: str | None = None
    groups: str | None = None
    value: float | None = None
    n: int | None = None
    undefined: str | None = None


def read_points(progress: pl.DataFrame) -> tuple[Point, ...]:
    """The points of a training run, by step."""
    names = [each.name for each in fields(Point)]
    rows = progress.sort("step", maintain_order=True).select(names).iter_rows(named=True)
    return tuple(Point(**row) for row in rows)


def select(points: Iterable[Point], **wanted: Any) -> list[Point]:
    """The points whose attributes equal what is wanted.

    Example:
        >>> points = [Point(1, "train", "loss", "level"), Point(2, "validation", "loss", "level")]
        >>> [point.step for point in select(points, split="train")]
        [1]
    """
    return [
        point
        for point in points
        if all(getattr(point, name) == value for name, value in wanted.items())
    ]


def measure_name(name: str) -> str:
    """What was measured during training, in words; the loss is no metric of ours.

    Example:
        >>> measure_name("loss"), measure_name("macro_f1")
        ('loss', 'macro-F1')
    """
    return name if name == "loss" else metric(name)


def over_cells(cell: str, number: int | None = None) -> str:
    """The cells as a plural, with their number where it is given.

    Example:
        >>> over_cells("language"), over_cells("corpus", 3), over_cells("language x modality")
        ('languages', '3 corpora', 'cells of language × modality')
    """
    plural = _PLURALS.get(cell, f"cells of {attribute(cell)}")
    return plural if number is None else count(number, attribute(cell), plural)
