"""The answers that a prompt offers: which labels, in which order, in which words."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from equivoice.errors import ConfigError, LabelError
from equivoice.records import LabelSpace

__all__ = ["Options", "make_options"]

_LETTERS = 26
_ORDERS = ("given", "alphabetical", "shuffled-K")


@dataclass(frozen=True)
class Options:
    """The options of a prompt.

    Args:
        space: the label space that the labels belong to.
        labels: the canonical names, in the order in which they are displayed.
        shown: the words displayed for them, in the same order.
        lettered: whether each has a letter (``A. Angry``), in the order displayed.
        beside: words displayed behind them that stand for no label, such as ``Other``; an
            answer that takes one of them names no label.
    """

    space: LabelSpace
    labels: tuple[str, ...]
    shown: tuple[str, ...]
    lettered: bool = False
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for label in self.labels:
            self.space.index(label)
        words = self.displayed
        if len(self.labels) != len(self.shown) or len(set(words)) != len(words):
            raise LabelError("each option is displayed in one word of its own", value=words)
        if self.lettered and len(words) > _LETTERS:
            raise ConfigError(
                f"there are letters for {_LETTERS} options only",
                value=len(words),
                hint="take a prompt without letters",
            )

    @property
    def displayed(self) -> tuple[str, ...]:
        """All words displayed, those that stand for no label at the end."""
        return (*self.shown, *self.beside)

    @property
    def text(self) -> str:
        """The options as the slot ``{labels}`` shows them."""
        if not self.lettered:
            return ", ".join(self.displayed)
        return "\n".join(f"{chr(65 + i)}. {word}" for i, word in enumerate(self.displayed))


def make_options(
    space: LabelSpace,
    *,
    order: str = "given",
    seed: int = 0,
    words: Mapping[str, str] | None = None,
    lettered: bool = False,
    beside: Sequence[str] = (),
) -> Options:
    """The labels of a space as options.

    Args:
        space: the labels.
        order: ``given`` (that of the space), ``alphabetical`` (of the words as
            displayed), or ``shuffled-K``: the K-th seeded permutation, K from 1.
        seed: the seed of the permutations; apart from any sampling seed.
        words: the word displayed for a label, where it is not the label capitalised.
        lettered: display letters.
        beside: words displayed behind the labels; those that stand for a label of the space
            are left out, since it is displayed anyhow.

    Raises:
        ConfigError: an unknown order.
        LabelError: a label of ``words`` is not in the space.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("sad"), Label("angry"), Label("happy")))
        >>> make_options(space).text
        'Sad, Angry, Happy'
        >>> make_options(space, order="alphabetical").labels
        ('angry', 'happy', 'sad')
    """
    given = dict(words or {})
    for label in given:
        space.index(label)
    shown = {name: given.get(name, name[:1].upper() + name[1:]) for name in space.names}
    labels = _ordered(space.names, shown, order, seed)
    others = tuple(word for word in beside if space.resolve(word) is None)
    return Options(space, labels, tuple(shown[name] for name in labels), lettered, others)


def _ordered(
    names: Sequence[str], shown: Mapping[str, str], order: str, seed: int
) -> tuple[str, ...]:
    if order == "given":
        return tuple(names)
    if order == "alphabetical":
        return tuple(sorted(names, key=lambda name: shown[name].casefold()))
    kind, _, number = order.partition("-")
    if kind != "shuffled" or not number.isdecimal() or int(number) < 1:
        raise ConfigError("unknown label order", value=order, choices=_ORDERS)
    # by hash of the text, so that it is the same on every machine
    mixed = list(names)
    random.Random(f"label order {seed} {int(number)}").shuffle(mixed)  # noqa: S311 - no secret
    return tuple(mixed)
