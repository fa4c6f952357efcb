"""Label spaces for corpora: canonical labels and the words that stand for them.

The words stand in ``lexicon.yaml``. A corpus's own names are mapped to canonical
labels by its card, explicitly; the lexicon is for names that nobody mapped, and
for reading answers in words.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

import yaml

from equivoice.errors import LabelError
from equivoice.records import Label, LabelSpace

__all__ = ["canonical", "in_lexicon_order", "label_space", "lexicon"]


@cache
def lexicon() -> LabelSpace:
    """All canonical labels with their synonyms and adjective forms.

    Example:
        >>> lexicon().resolve("Furious")
        'angry'
        >>> lexicon().resolve("upset") is None   # stands for two emotions
        True
    """
    text = resources.files("equivoice.corpora").joinpath("lexicon.yaml").read_text("utf-8")
    entries: dict[str, list[str]] = yaml.safe_load(text)
    return LabelSpace("lexicon", tuple(Label(name, tuple(w)) for name, w in entries.items()))


def canonical(name: str) -> str:
    """The canonical label of a name; the name itself, lower case, where none is known.

    Example:
        >>> canonical("Happiness"), canonical("Wistful")
        ('happy', 'wistful')
    """
    return lexicon().resolve(name) or " ".join(name.casefold().split())


def label_space(names: Iterable[str], *, id: str = "labels") -> LabelSpace:  # noqa: A002
    """A label space of these labels, each with the lexicon's words for it.

    A name keeps its spelling. Where two of the names mean the same emotion
    (``happy`` and ``joy``), neither gets synonyms, as those would be ambiguous.

    Args:
        names: the labels in order, repeats ignored.
        id: the name of the label space.

    Raises:
        LabelError: there is no name, or two names differ in case only.

    Example:
        >>> space = label_space(["angry", "happy"], id="demo")
        >>> space.resolve("joyful"), space.resolve("sad")
        ('happy', None)
        >>> label_space(["happy", "joy"]).resolve("glad") is None
        True
    """
    ordered = list(dict.fromkeys(names))
    if not ordered:
        raise LabelError("a label space needs a label", value=id)
    meanings = [lexicon().resolve(name) for name in ordered]
    by_label = {label.name: label for label in lexicon().labels}
    labels = []
    for name, meaning in zip(ordered, meanings, strict=True):
        if meaning is None or meanings.count(meaning) > 1:
            labels.append(Label(name))
            continue
        words = (meaning, *by_label[meaning].synonyms)
        labels.append(Label(name, tuple(w for w in words if w != name.casefold())))
    return LabelSpace(id, tuple(labels))


def in_lexicon_order(names: Iterable[str]) -> list[str]:
    """The distinct names in the lexicon's order of their meanings, unknown ones last.

    Example:
        >>> in_lexicon_order(["wistful", "sad", "angry", "sad"])
        ['angry', 'sad', 'wistful']
    """
    order = {name: place for place, name in enumerate(lexicon().names)}
    distinct = sorted(set(names))
    return sorted(distinct, key=lambda name: order.get(canonical(name), len(order)))
