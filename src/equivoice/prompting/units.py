"""An answer in units: labels, words that say how a label is meant, and all the rest.

Punctuation matters for what a negation reaches, so it stays as units of its own.
Chinese and Japanese put no spaces between words: there, known words are cut out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import yaml

from equivoice.prompting.normalising import fold, word_pattern

__all__ = ["PUNCTUATION", "VERBS", "Lexicon", "Unit", "make_lexicon", "signals", "to_units"]

VERBS = "inability_verbs"
"""Words that are no signal of their own: they make a refusal of an inability."""

_CONTRACTIONS = (
    (re.compile(r"\bcan(?:not\b|'t\b)"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bain't\b"), "is not"),
    (re.compile(r"n't\b"), " not"),
)
PUNCTUATION = {
    **dict.fromkeys(".!?;\n。！？；।۔…¿¡", "stop"),
    **dict.fromkeys(":：", "colon"),
    **dict.fromkeys(",，、،", "comma"),
    **dict.fromkeys("—–→", "dash"),
    **dict.fromkeys("(（[【", "open"),
    **dict.fromkeys(")）]】", "close"),
    **dict.fromkeys("/|＝=", "slash"),
    **dict.fromkeys('"“”„«»「」', "quote"),
}
"""The kind of a unit that is one mark of punctuation; other marks are no units."""

_SPACED_HYPHEN = re.compile(r"(?<=\s)-+(?=\s)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
# scripts without spaces between words
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"


class Unit(NamedTuple):
    """A piece of an answer.

    Args:
        kind: ``label``, ``word``, ``number``, a kind of :data:`PUNCTUATION`, or one of
            the signals (``negation``, ``contrast`` and so on).
        text: as it stands, normalised.
        label: what it names, where it is a label.
    """

    kind: str
    text: str
    label: str = ""


@dataclass(frozen=True)
class Lexicon:
    """The phrases that an answer is cut into.

    Args:
        phrases: from the first word of a phrase to all phrases that start with it, the
            longest first: its words, its kind, and its label.
        pattern: what one token is.
    """

    phrases: Mapping[str, tuple[tuple[tuple[str, ...], str, str], ...]]
    pattern: re.Pattern[str]


@cache
def signals() -> Mapping[str, tuple[str, ...]]:
    """From each kind of signal to its words and phrases, in all languages."""
    text = (resources.files("equivoice.prompting") / "words" / "signals.yaml").read_text("utf-8")
    entries: dict[str, list[str]] = yaml.safe_load(text)
    return {kind: tuple(words) for kind, words in entries.items()}


def make_lexicon(labels: Mapping[str, str]) -> Lexicon:
    """The phrases for these words of labels, with all signals.

    Args:
        labels: from a word or phrase to its label. Where a word is a signal as well
            (``no emotion``), the label goes first.
    """
    entries: dict[tuple[str, ...], tuple[str, str]] = {}
    everything = [("label", word, label) for word, label in labels.items()]
    everything += [
        (kind, word, "") for kind, words in signals().items() if kind != VERBS for word in words
    ]
    # first only whole words, to find out what there is to cut unspaced scripts by
    pattern = _pattern(word for _, word, _ in everything)
    for kind, word, label in everything:
        tokens = tuple(pattern.findall(fold(word)))
        if tokens:
            entries.setdefault(tokens, (kind, label))
    phrases: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
    for tokens, (kind, label) in sorted(entries.items(), key=lambda item: -len(item[0])):
        phrases.setdefault(tokens[0], []).append((tokens, kind, label))
    return Lexicon({first: tuple(known) for first, known in phrases.items()}, pattern)


def _pattern(known: Iterable[str]) -> re.Pattern[str]:
    unspaced = re.compile(rf"[{_UNSPACED}]+")
    cut = {part for word in known for part in unspaced.findall(fold(word))}
    by_length = sorted(cut, key=lambda part: (-len(part), part))
    spaced = word_pattern().replace(r"[^\W_]", rf"[^\W_{_UNSPACED}]")
    marks = "".join(map(re.escape, PUNCTUATION))
    alternatives = [
        *map(re.escape, by_length),
        rf"[{_UNSPACED}]",
        _NUMBER.pattern,
        spaced,
        f"[{marks}]",
    ]
    return re.compile("|".join(alternatives))


def to_units(text: str, lexicon: Lexicon) -> list[Unit]:
    """Cut an answer into units.

    Example:
        >>> [unit.kind for unit in to_units("It isn't sad.", make_lexicon({"sad": "sad"}))]
        ['word', 'word', 'negation', 'label', 'stop']
    """
    folded = fold(text)
    if "'" in folded or "cannot" in folded:
        for pattern, plain in _CONTRACTIONS:
            folded = pattern.sub(plain, folded)
    if "-" in folded:
        folded = _SPACED_HYPHEN.sub("—", folded)
    return _grouped(lexicon.pattern.findall(folded), lexicon)


def _grouped(tokens: list[str], lexicon: Lexicon) -> list[Unit]:
    units: list[Unit] = []
    place, phrases = 0, lexicon.phrases
    while place < len(tokens):
        token = tokens[place]
        for phrase, kind, label in phrases.get(token, ()):
            if len(phrase) == 1 or tuple(tokens[place : place + len(phrase)]) == phrase:
                units.append(Unit(kind, " ".join(phrase), label))
                place += len(phrase)
                break
        else:
            kind = PUNCTUATION.get(token) or ("number" if token[0].isdigit() else "word")
            units.append(Unit(kind, token))
            place += 1
    return units
