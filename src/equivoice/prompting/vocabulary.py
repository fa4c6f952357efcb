"""Which words stand for which option."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources

import yaml

from equivoice.prompting.normalising import normalise
from equivoice.prompting.options import Options
from equivoice.prompting.units import Lexicon, make_lexicon
from equivoice.records import Label, LabelSpace

__all__ = ["Offered", "Vocabulary", "emotion_of", "vocabulary_of"]

Offered = Options | LabelSpace | Sequence[str]
"""What may be answered: options as displayed, a label space, or words."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of some options.

    Args:
        labels: K labels, in the order displayed.
        shown: the K words displayed.
        words: from each normalised word or phrase to its label.
        lettered: whether each option has a letter.
    """

    labels: tuple[str, ...]
    shown: tuple[str, ...]
    words: Mapping[str, str]
    lettered: bool

    @cached_property
    def letters(self) -> Mapping[str, str]:
        """From a letter, lower case, to the label displayed beside it."""
        pairs = zip("abcdefghijklmnopqrstuvwxyz", self.labels, strict=False)
        return dict(pairs) if self.lettered else {}

    @cached_property
    def lexicon(self) -> Lexicon:
        """What answers are cut into."""
        return make_lexicon(self.words)

    @cached_property
    def by_display(self) -> tuple[tuple[str, str], ...]:
        """The normalised words displayed, each with its label, in the order displayed."""
        return tuple(
            (normalise(word), label) for word, label in zip(self.shown, self.labels, strict=True)
        )

    @cached_property
    def stems(self) -> Mapping[str, str]:
        """The single words that a misspelt or cut word is compared with.

        Only words of the same stem as the label or the word displayed: a far
        synonym (scared) resembles too many other words (shared).
        """
        heads = {normalise(word)[:3] for word in (*self.shown, *self.labels)}
        return {
            word: label
            for word, label in self.words.items()
            if " " not in word and word[:3] in heads
        }


_KNOWN: dict[int, tuple[weakref.ref[Options | LabelSpace], Vocabulary]] = {}


def vocabulary_of(options: Offered) -> Vocabulary:
    """The words of some options; made once for the same options.

    Example:
        >>> vocabulary_of(["Angry", "Happy"]).words["joyful"]
        'Happy'
    """
    if not isinstance(options, (Options, LabelSpace)):
        return _of_words(tuple(options))
    known = _KNOWN.get(id(options))
    if known is not None and known[0]() is options:  # hashing a label space costs more than parsing
        return known[1]
    made = _of_options(options) if isinstance(options, Options) else _of_space(options)
    key = id(options)
    _KNOWN[key] = (weakref.ref(options, lambda _: _KNOWN.pop(key, None)), made)
    return made


@lru_cache(maxsize=64)
def _of_words(words: tuple[str, ...]) -> Vocabulary:
    return _of_space(LabelSpace("options", tuple(Label(word) for word in words)))


@lru_cache(maxsize=64)
def _of_space(space: LabelSpace) -> Vocabulary:
    return _made(space, space.names, space.names, lettered=False)


@lru_cache(maxsize=64)
def _of_options(options: Options) -> Vocabulary:
    return _made(options.space, options.labels, options.shown, lettered=options.lettered)


def _made(
    space: LabelSpace, labels: tuple[str, ...], shown: tuple[str, ...], *, lettered: bool
) -> Vocabulary:
    words: dict[str, str] = {}
    # what is displayed goes before any synonym, and that before a family
    for word, label in zip(shown, labels, strict=True):
        words.setdefault(normalise(word), label)
    for word, label in space.words.items():
        if label in labels:
            words.setdefault(normalise(word), label)
    for word, label in _from_families(space, labels, shown):
        words.setdefault(word, label)
    words.pop("", None)
    return Vocabulary(labels, shown, words, lettered)


def _from_families(
    space: LabelSpace, labels: tuple[str, ...], shown: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Words of the families that an option belongs to; none where two options claim it."""
    synonyms = {label.name: label.synonyms for label in space.labels}
    claims: dict[str, set[str]] = {}
    for word, label in zip(shown, labels, strict=True):
        for name in _families_of((word, label, *synonyms[label])):
            for each in _families()[name]:
                claims.setdefault(each, set()).add(label)
    for word, claimed in claims.items():
        if len(claimed) == 1:
            yield word, next(iter(claimed))


def _families_of(words: Iterable[str]) -> set[tuple[str, str]]:
    known = _families_by_word()
    return {name for word in words for name in known.get(normalise(word), ())}


@cache
def _families() -> Mapping[tuple[str, str], frozenset[str]]:
    """From (emotion, language) to its normalised words."""
    text = (resources.files("equivoice.prompting") / "words" / "families.yaml").read_text("utf-8")
    raw: dict[str, dict[str, list[str]]] = yaml.safe_load(text)
    return {
        (emotion, language): frozenset(map(normalise, words))
        for emotion, languages in raw.items()
        for language, words in languages.items()
    }


@cache
def _families_by_word() -> Mapping[str, tuple[tuple[str, str], ...]]:
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for name, words in _families().items():
        for word in words:
            found[word] = (*found.get(word, ()), name)
    return found


def emotion_of(word: str) -> str | None:
    """The emotion that a word in any known language stands for; ``None`` where several, or none.

    Example:
        >>> emotion_of("Traurig"), emotion_of("悲伤"), emotion_of("tense")
        ('sad', 'sad', None)
    """
    emotions = {emotion for emotion, _ in _families_by_word().get(normalise(word), ())}
    return emotions.pop() if len(emotions) == 1 else None
