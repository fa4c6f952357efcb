"""What is known about a corpus, each fact with its source.

A :class:`Card` is data: the cards that come with Equivoice are YAML files under
``corpora/cards/``. A fact without a source cannot be written down; what nobody
looked up is ``unknown``, which is a statement too.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["FACTS", "UNKNOWN", "Card", "Fact"]

UNKNOWN = "unknown"
FactValue = str | int | float | list[str] | dict[str, str] | None


class Fact(BaseModel):
    """One statement about a corpus, and where it was read.

    Args:
        value: the statement; ``None`` where it is unknown.
        source: the page, file or paper it was read in; needed with a value.

    Raises:
        ValueError: a value without a source, or a source without a value.

    Example:
        >>> Fact(value="CC BY 4.0", source="https://example.org/licence").known
        True
        >>> str(Fact())
        'unknown'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: FactValue = None
    source: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_unknown(cls, given: Any) -> Any:
        return {} if given is None or given == UNKNOWN else given

    @model_validator(mode="after")
    def _needs_source(self) -> Fact:
        if (self.value is None) != (self.source is None):
            raise ValueError("a fact needs both a value and a source, or is 'unknown'")
        return self

    @property
    def known(self) -> bool:
        """Whether the fact was found out."""
        return self.value is not None

    def __str__(self) -> str:
        if self.value is None:
            return UNKNOWN
        if isinstance(self.value, list):
            return ", ".join(self.value)
        if isinstance(self.value, dict):
            return ", ".join(f"{key} = {value}" for key, value in self.value.items())
        return str(self.value)


FACTS = (
    "title",
    "languages",
    "licence",
    "obtain",
    "citation",
    "label_names",
    "size",
    "speakers",
    "recording",
    "scales",
    "folds",
    "votes",
)


class Card(BaseModel):
    """The facts about one corpus.

    Args:
        name: the short name, as in ``utterance_id``.
        title: the full name.
        languages: BCP 47 tags of the languages spoken.
        licence: the licence of the recordings.
        obtain: where to get the recordings.
        citation: the publication to cite.
        label_names: the corpus's own names of its emotions.
        size: how much there is.
        speakers: how many speak, and who.
        recording: acted or spontaneous, and where.
        scales: the scales of valence, arousal and dominance.
        folds: which folds are usual.
        votes: who judged the recordings, and how often.
        traps: what has misled people who used it.
        label_map: from the corpus's own names to canonical labels (ours, not a fact
            about the corpus).

    Example:
        >>> Card(name="mine").licence.known
        False
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: Fact = Fact()
    languages: Fact = Fact()
    licence: Fact = Fact()
    obtain: Fact = Fact()
    citation: Fact = Fact()
    label_names: Fact = Fact()
    size: Fact = Fact()
    speakers: Fact = Fact()
    recording: Fact = Fact()
    scales: Fact = Fact()
    folds: Fact = Fact()
    votes: Fact = Fact()
    traps: tuple[Fact, ...] = ()
    label_map: dict[str, str] = Field(default_factory=dict)

    def facts(self) -> dict[str, Fact]:
        """The named facts in their order, known or not; the traps stand apart."""
        return {name: getattr(self, name) for name in FACTS}

    @property
    def language_tags(self) -> tuple[str, ...]:
        """The languages as BCP 47 tags; empty where unknown."""
        value = self.languages.value
        if isinstance(value, list):
            return tuple(value)
        return (str(value),) if value is not None else ()
