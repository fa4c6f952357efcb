"""Label spaces: which emotions there are, and by which words they are known.

A :class:`LabelSpace` is an ordered list of labels, each with synonyms and
adjective forms. Joins between tables are by label name, never by position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from equivoice.errors import LabelError

__all__ = ["Label", "LabelSpace"]


@dataclass(frozen=True)
class Label:
    """One emotion: its name, and the other words that mean it.

    Args:
        name: the canonical name, lower case.
        synonyms: further nouns and adjectives that stand for it.
    """

    name: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelSpace:
    """An ordered list of labels.

    Args:
        id: a short name, such as ``ravdess``.
        labels: the labels in order; a confusion table follows this order.

    Raises:
        LabelError: a label or a synonym stands for two labels.

    Example:
        >>> space = LabelSpace("demo", (Label("angry", ("anger",)), Label("happy", ("joy",))))
        >>> space.names
        ('angry', 'happy')
        >>> space.resolve("Anger")
        'angry'
    """

    id: str
    labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        if not self.labels:
            raise LabelError("a label space needs a label", value=self.id)
        seen: dict[str, str] = {}
        for label in self.labels:
            for word in dict.fromkeys(map(_fold, (label.name, *label.synonyms))):
                if word in seen:
                    raise LabelError(
                        f"in label space {self.id!r} one word stands for two labels, "
                        f"{seen[word]!r} and {label.name!r}",
                        value=word,
                    )
                seen[word] = label.name

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the labels in order."""
        return tuple(label.name for label in self.labels)

    @cached_property
    def words(self) -> Mapping[str, str]:
        """From each known word (case folded) to the label it stands for."""
        return {
            _fold(word): label.name
            for label in self.labels
            for word in (*label.synonyms, label.name)
        }

    def resolve(self, word: str) -> str | None:
        """The label that a word stands for, case ignored; ``None`` where none."""
        return self.words.get(_fold(word))

    def index(self, name: str) -> int:
        """The position of a label.

        Raises:
            LabelError: there is no such label.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise LabelError(
                f"not a label of {self.id!r}", value=name, choices=self.names
            ) from None

    def restrict(self, names: Iterable[str]) -> LabelSpace:
        """The same space with these labels only, in its own order."""
        kept = set(names)
        return LabelSpace(self.id, tuple(label for label in self.labels if label.name in kept))


def _fold(word: str) -> str:
    return " ".join(word.casefold().split())
