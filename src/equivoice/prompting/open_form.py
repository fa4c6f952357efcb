"""Read an answer in any words: which class does the emotion fall into that it decides on?

In the open form a model is not told what it may answer, so it says "annoyed" or "a sense
of unease". Two steps, as in the published chain, here without a language model: find the
emotion that the answer decides on, and sort the word into a class. Both by the parser of
:mod:`equivoice.prompting.parsing`, over a vocabulary that is wider than the labels:
``words/clusters.yaml`` sorts shades into classes, and "other" holds emotions that are none.

From the surest to the least sure: what stands in tags, JSON or after "Answer:"; a sentence
that says what the emotion is; the whole answer. Total: any text yields a status. The
lexicon is English; answers in other languages want a language model
(:mod:`equivoice.evaluation.open_answers`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib import resources

import polars as pl
import yaml

from equivoice.prompting.normalising import normalise
from equivoice.prompting.outcome import Parsed
from equivoice.prompting.parsing import parse
from equivoice.prompting.structured import (
    clean,
    json_value,
    marked,
    shorten,
    tagged,
    without_reasoning,
)
from equivoice.prompting.vocabulary import emotion_of, vocabulary_of
from equivoice.records import Label, LabelSpace

__all__ = ["OTHER", "class_of", "read_open", "read_open_responses", "shades"]

OTHER = "other"
"""The class of emotions that are no label; where it is a label, that label."""

# No answer holds this as a word, so "no other emotion" names nothing.
_OTHER_LABEL = "(an emotion that is no label)"
_SAYS_OTHER = "none of the above"
_BARE_OTHER = re.compile(
    r"(^|>|[:：])[\s\"'*(]*(?:[A-Z][.):]\s*)?others?[\s\"'*.!)]*(?=$|<|\n)", re.IGNORECASE
)

_REST = r"\b\s*:?([^.!?\n]*)"
_SUBJECT = (
    r"\b(?:emotion|feeling|mood|sentiment)s?\b(?:\s+(?!and\b|or\b|is\b|was\b)[\w']+){0,8}?\s+"
)
_SPEAKER = r"\b(?:audio|voice|speaker|recording|clip|speech)\s+(?:\w+ly\s+)?"
_STATEMENTS = (
    # "I think the emotion is sad", "the emotion expressed in the audio seems to be one of fear"
    (re.compile(_SUBJECT + r"(?:is|was|are|seems|appears)" + _REST, re.IGNORECASE), "is"),
    (
        re.compile(
            _SPEAKER
            + r"(?:expresses|conveys|sounds|feels|seems|appears|is\s+(?:feeling|expressing))"
            + _REST,
            re.IGNORECASE,
        ),
        "is",
    ),
    (
        re.compile(
            _SUBJECT + r"(?:as|to\s+be|would\s+be|could\s+be|might\s+be|may\s+be)" + _REST,
            re.IGNORECASE,
        ),
        "may be",
    ),
)
"""Sentences that say what the emotion is: what follows, up to the end of the sentence."""


def read_open(response: str | None, space: LabelSpace) -> Parsed:
    """Read one answer in any words.

    Args:
        response: the raw answer; ``None`` reads like an empty one.
        space: the labels; their own words go before the lexicon's.

    Returns:
        The status; the label, or :data:`OTHER` for an emotion that is none of the labels;
        and why. Only the status ``parsed`` has a label.

    Example:
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad"), Label("fear")))
        >>> read_open("The audio expresses a sense of unease.", space).label
        'fear'
        >>> read_open("I think the emotion is curiosity.", space).label
        'other'
        >>> read_open("It could be either anger or fear.", space).status
        'ambiguous'
    """
    read = _read(response or "", _widened(space))
    return read._replace(label=OTHER) if read.label == _OTHER_LABEL else read


def read_open_responses(
    responses: pl.Series | Iterable[str | None], space: LabelSpace
) -> pl.DataFrame:
    """Read many answers in any words.

    Args:
        responses: the raw answers, (n,).
        space: the labels.

    Returns:
        A table of n rows in the same order with ``status``, ``emotion`` (a label, or
        :data:`OTHER`) and ``why``.

    Example:
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> read_open_responses(["annoyed", "proud", "hm"], space)["emotion"].to_list()
        ['angry', 'other', None]
    """
    answers = [None if each is None else str(each) for each in responses]
    read = {answer: read_open(answer, space) for answer in dict.fromkeys(answers)}
    schema = {"status": pl.String, "emotion": pl.String, "why": pl.String}
    return pl.DataFrame([read[answer] for answer in answers], schema=schema, orient="row")


def class_of(word: str, space: LabelSpace) -> str | None:
    """The class that a word for an emotion falls into; ``None`` for a word that is not known.

    Example:
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> [class_of(word, space) for word in ("Irritation", "glee", "table")]
        ['angry', 'other', None]
    """
    label = vocabulary_of(_widened(space)).words.get(normalise(word))
    return OTHER if label == _OTHER_LABEL else label


@cache
def shades() -> Mapping[str, tuple[str, ...]]:
    """From each class of the lexicon to the words that are shades of it.

    Example:
        >>> "annoyed" in shades()["angry"]
        True
    """
    text = (resources.files("equivoice.prompting") / "words" / "clusters.yaml").read_text("utf-8")
    raw: dict[str, list[str]] = yaml.safe_load(text)
    return {name: tuple(words) for name, words in raw.items()}


def _read(response: str, wide: LabelSpace) -> Parsed:
    text = without_reasoning(clean(shorten(_BARE_OTHER.sub(rf"\1 {_SAYS_OTHER} ", response))))
    whole = parse(text, wide)
    if whole.status == "refused" or _structured(text):
        return whole
    for pattern, how in _STATEMENTS:
        said = [parse(match[1], wide) for match in pattern.finditer(text)]
        found = [each for each in said if each.status == "parsed"]
        if len({each.label for each in found}) == 1:
            return found[-1]._replace(why=f"a sentence says what it {how}: {found[-1].why}")
    return whole


def _structured(text: str) -> bool:
    """Whether the answer says itself which part of it is the answer."""
    return bool(tagged(text) or marked(text)) or json_value(text) is not None


@lru_cache(maxsize=64)
def _widened(space: LabelSpace) -> LabelSpace:
    """A label space with the lexicon's words, and a label for all others."""
    own = vocabulary_of(space).words
    other = space.resolve(OTHER) or _OTHER_LABEL
    added: dict[str, dict[str, None]] = {name: {} for name in (*space.names, other)}
    known: set[str] = {*map(normalise, space.words), *own}
    for word, name in _lexicon():
        if word not in known:
            known.add(word)
            added[own.get(name, other)][word] = None
    by_name = {label.name: label.synonyms for label in space.labels}
    labels = (Label(name, (*by_name.get(name, ()), *words)) for name, words in added.items())
    return LabelSpace(f"{space.id}, in any words", tuple(labels))


@cache
def _lexicon() -> tuple[tuple[str, str], ...]:
    """Each word, normalised, with the name of its class; the basic words too."""
    return tuple(
        (word, name)
        for name, words in shades().items()
        for listed in (name, *words)
        if listed != OTHER
        for word in _forms(normalise(listed))
    )


def _forms(word: str) -> Iterator[str]:
    """A word, and where it is the name of a family of words, all of these."""
    yield word
    if emotion_of(word) == word:
        yield from vocabulary_of([word]).words
