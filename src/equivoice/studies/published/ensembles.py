"""A typed reader of ABHINAYA's printed tables: systems, losses, emotions, combinations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from equivoice.studies.published.files import read_published
from equivoice.studies.published.reading import PublishedModel

__all__ = [
    "Combination",
    "PrintedSlip",
    "PrintedSystem",
    "PublishedEnsemble",
    "load_published_ensemble",
]

_ROUNDING = 0.02


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PrintedSystem(PublishedModel):
    """A row of Table 1.

    Args:
        modality: what it is given.
        loss: what it was trained with, in small letters; ``None`` where it was not.
        validation: macro-F1 on the balanced validation data, in per cent.
        test: the same on the challenge's test data; ``None`` where it was not submitted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    modality: str | None = None
    loss: str | None = None
    validation: float | None = Field(default=None, ge=0)
    test: float | None = Field(default=None, ge=0)


class Combination(_Closed):
    """A row of Table 4: who votes, who breaks ties, and the scores in per cent."""

    name: str
    members: tuple[str, ...]
    breaker: str
    validation: float = Field(ge=0)
    test: float | None = Field(default=None, ge=0)


class Further(_Closed):
    """A number of the prose."""

    what: str
    value: float


class PrintedSlip(_Closed):
    """Something in the paper that is known to be otherwise, or that it does not say."""

    id: str
    table: str
    what: str
    evidence: str


class PublishedEnsemble(_Closed):
    """All that the paper printed.

    Args:
        corpus: the corpus that the printed numbers are of.
        emotions: the classes.
        per_class: how many utterances of each emotion the balanced validation set holds.
        breaker: who breaks ties.
        systems: Table 1 by the paper's short names.
        losses: Table 2: by system, from a loss to macro-F1.
        by_emotion: Table 3: by emotion, from a system (or ``ABHINAYA``) to F1.
        combinations: Table 4.
        zero_shot: from a model to its zero-shot macro-F1.
    """

    id: str
    title: str
    authors: str
    source: str
    code: str
    corpus: str
    emotions: tuple[str, ...]
    per_class: int
    breaker: str
    systems: Mapping[str, PrintedSystem]
    baseline: PrintedSystem
    submitted: PrintedSystem
    losses: Mapping[str, Mapping[str, float]]
    by_emotion: Mapping[str, Mapping[str, float]]
    combinations: tuple[Combination, ...]
    zero_shot: Mapping[str, float]
    further: tuple[Further, ...]
    slips: tuple[PrintedSlip, ...]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PublishedEnsemble:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        if tuple(self.by_emotion) != self.emotions:
            yield "Table 3 and the list of emotions differ"
        named = [*self.losses, *(name for each in self.combinations for name in each.members)]
        yield from (f"unknown system {name!r}" for name in named if name not in self.systems)
        for each in self.combinations:
            if each.breaker not in each.members:
                yield f"{each.name}: {each.breaker} breaks its ties and is no member"
        for name, system in self.systems.items():
            mean = self.mean_over_emotions(name)
            if system.validation is not None and abs(mean - system.validation) > _ROUNDING:
                yield f"Table 3 gives {name} {mean:.2f}, Table 1 {system.validation:.2f}"

    def mean_over_emotions(self, system: str) -> float:
        """Macro-F1 out of Table 3.

        Example:
            >>> round(load_published_ensemble().mean_over_emotions("ABHINAYA"), 2)
            42.31
        """
        values = [row[system] for row in self.by_emotion.values()]
        return sum(values) / len(values)

    def combination(self, members: tuple[str, ...]) -> Combination | None:
        """The row of Table 4 with exactly these members; ``None`` where there is none."""
        wanted = set(members)
        return next((each for each in self.combinations if set(each.members) == wanted), None)

    @property
    def whole(self) -> Combination:
        """The ensemble of all systems."""
        return next(each for each in self.combinations if set(each.members) == set(self.systems))


def load_published_ensemble(name_or_path: str | Path = "abhinaya") -> PublishedEnsemble:
    """Published tables by the name of the study, or from a file of the same form.

    Raises:
        InputError: no such study, or a file that cannot be read or contradicts itself.

    Example:
        >>> paper = load_published_ensemble()
        >>> paper.combination(("ST1", "T2", "S2")).validation
        40.36
    """
    return read_published(PublishedEnsemble, name_or_path, kind="votes")
