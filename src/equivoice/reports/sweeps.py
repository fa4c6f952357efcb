"""Which rows belong to one model at several temperatures, and which of them come first.

A language model that is asked at six temperatures, and whose answers are read in
three ways, would fill a report with eighteen copies of each table. So one
temperature, the lowest, stands for the model in verdict, tables and chapters; the
others are drawn as curves. Nothing is chosen by its score here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from equivoice.reports.kinds import of_labels
from equivoice.reports.rows import Estimate, in_order, pick, pooled
from equivoice.reports.terms import GIVEN, reference

__all__ = [
    "EXPECTED",
    "OPTIONS",
    "READINGS",
    "Family",
    "Reading",
    "at_main_temperature",
    "families",
    "main_temperatures",
    "model_of",
    "reading_of",
]

_MOST = 0.5
OPTIONS = "options"
EXPECTED = "expected"


@dataclass(frozen=True)
class Reading:
    """One of the ways in which the answers of a model are read.

    Args:
        name: in few words.
        meaning: in sentences, for a reader who does not know it.
    """

    name: str
    meaning: str


READINGS = {
    "": Reading(
        "sampled answers",
        "The model answered in words, and each answer was read as a label or set aside as unread.",
    ),
    OPTIONS: Reading(
        "most probable option",
        "The model was not asked to answer: for each option it was computed how probable the "
        "model finds it as its whole answer, and the most probable option is taken as the label. "
        "So an utterance has a label whatever the model would have said, unless no option has "
        "any probability, as happens at temperature 0.",
    ),
    EXPECTED: Reading(
        "expected confusion table",
        "Each utterance is counted under every option by its probability. This is the score of "
        "the expected confusion table, not the expected score of sampled answers; for rates "
        "such as recall both are the same, for F1 they differ.",
    ),
}


@dataclass(frozen=True)
class Family:
    """One model on one corpus under one prompt, at all its temperatures, read in all ways.

    Args:
        model: the name of the system without the way of reading.
        corpus: the corpus.
        settings: prompt and modality, where they differ within a report.
        rows: pooled over folds.
    """

    model: str
    corpus: str
    settings: tuple[str, ...]
    rows: tuple[Estimate, ...]

    @property
    def title(self) -> str:
        """The family in words."""
        corpus = "all corpora" if self.corpus == "all" else self.corpus
        return ", ".join([f"{self.model} on {corpus}", *self.settings])

    @property
    def temperatures(self) -> list[float]:
        """All of them, ascending."""
        return sorted({row.temperature for row in self.rows if row.temperature is not None})

    @property
    def readings(self) -> list[str]:
        """The ways of reading that there are, in the order of :data:`READINGS`."""
        there = {reading_of(row.system) for row in self.rows}
        return [name for name in READINGS if name in there]


def reading_of(system: str | None) -> str:
    """How the answers of a system were read: a key of :data:`READINGS`.

    Example:
        >>> reading_of("qwen2-audio/options"), reading_of("acoustic"), reading_of("a/b")
        ('options', '', '')
    """
    _, found, end = (system or "").rpartition("/")
    return end if found and end in (OPTIONS, EXPECTED) else ""


def model_of(system: str | None) -> str:
    """The name of a system without the way of reading.

    Example:
        >>> model_of("qwen2-audio/options"), model_of("org/model"), model_of(None)
        ('qwen2-audio', 'org/model', 'the predictions')
    """
    name = system or "the predictions"
    reading = reading_of(system)
    return name.removesuffix(f"/{reading}") if reading else name


def main_temperatures(rows: Sequence[Estimate]) -> dict[tuple[object, ...], float]:
    """The lowest temperature of each model, corpus, prompt, modality and way of reading.

    At temperature 0 a model gives all probability to one answer; where that is none of the
    options, none of them has any, and the lowest temperature at which most utterances have a
    probable option stands for that way of reading.
    """
    empty = {
        (_read_as(row), row.temperature)
        for row in rows
        if row.metric == "coverage"
        and row.quantity == "score"
        and reading_of(row.system)
        and row.value is not None
        and row.value < _MOST
    }
    lowest: dict[tuple[object, ...], float] = {}
    spare: dict[tuple[object, ...], float] = {}
    for row in rows:
        if row.temperature is not None:
            key = _read_as(row)
            found = spare if (key, row.temperature) in empty else lowest
            found[key] = min(found.get(key, row.temperature), row.temperature)
    return spare | lowest


def at_main_temperature(rows: Sequence[Estimate]) -> tuple[Estimate, ...]:
    """The rows of each model at its lowest temperature, and those without one.

    Example:
        >>> rows = [Estimate("score", "f1", temperature=t) for t in (0.7, 0.0, 1.0)]
        >>> [row.temperature for row in at_main_temperature(rows)]
        [0.0]
    """
    lowest = main_temperatures(rows)
    return tuple(
        row for row in rows if row.temperature is None or row.temperature == lowest[_read_as(row)]
    )


def families(rows: Sequence[Estimate]) -> list[Family]:
    """The models that were asked at two temperatures or more, in order of appearance.

    Curves are of single labels; of each reference there is a family of its own.
    """
    own = [row for row in of_labels(pooled(rows)) if row.quantity != "comparison"]
    found: dict[tuple[object, ...], list[Estimate]] = {}
    for row in own:
        if row.temperature is not None:
            found.setdefault((*_whose(row), row.reference), []).append(row)
    several = {key: rows for key, rows in found.items() if len({r.temperature for r in rows}) > 1}
    differing = [
        name
        for name in ("prompt", "modality")
        if len({getattr(rows[0], name) for rows in several.values()}) > 1
    ]
    told = any((key[-1] or GIVEN) != GIVEN for key in several)
    return [
        Family(
            model_of(rows[0].system),
            rows[0].corpus or "all",
            (
                *(f"{name} {getattr(rows[0], name)}" for name in differing),
                *([f"held against {reference(rows[0].reference)}"] if told else []),
            ),
            tuple(rows),
        )
        for rows in several.values()
    ]


def by_reading(rows: Sequence[Estimate]) -> Iterator[tuple[str, list[Estimate]]]:
    """The rows of each way of reading, each from its lowest temperature on."""
    for name in READINGS:
        own = [row for row in rows if reading_of(row.system) == name]
        if own:
            yield name, sorted(own, key=lambda row: row.temperature or 0.0)


def gap_rows(family: Family, group_by: str, measure: str) -> list[Estimate]:
    """The gaps of a measure: mean over pairs of groups and over classes, as FairALM's Eqs. 4 and 6."""
    own = pick(family.rows, quantity="gap", metric=measure, group_by=group_by, label=None)
    return [
        row
        for row in own
        if row.group_aggregator == "mean" and row.class_aggregator in (None, "mean")
    ]


def groupings(family: Family) -> list[str]:
    """What groups were compared by."""
    return in_order(row.group_by for row in family.rows)


def _whose(row: Estimate) -> tuple[object, ...]:
    return (model_of(row.system), row.corpus, row.prompt, row.modality)


def _read_as(row: Estimate) -> tuple[object, ...]:
    return (*_whose(row), reading_of(row.system))
