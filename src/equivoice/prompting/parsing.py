"""Read a free answer as a label of a label space, or say why that cannot be done.

The parser is deterministic and total: any text yields a status. It reads an
answer as exactly one known word, or as running text in which the words of
exactly one label stand. It does not yet understand negation ("not angry"),
letters ("B.") or misspellings; an answer with two labels is ambiguous.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import polars as pl

from equivoice.records import Label, LabelSpace

__all__ = ["Parsed", "Status", "parse", "parse_responses"]

Status = Literal["parsed", "ambiguous", "refused", "unparsed"]

# What an answer says that declines to answer; looked for only where no label stands.
_REFUSAL = re.compile(
    r"\b(?:i am sorry|i m sorry|sorry i|i cannot|i can not|i can t|i am unable|i m unable|unable to"
    r"|i am not able|i m not able|i won t|as an ai|cannot determine|can t determine|can not determine"
    r"|not possible to|impossible to|no audio|cannot hear|can t hear)\b"
)


class Parsed(NamedTuple):
    """What became of an answer.

    Args:
        status: ``parsed``, ``ambiguous``, ``refused`` or ``unparsed``.
        label: the label, where the status is ``parsed``; else ``None``.
        why: one phrase for people.
    """

    status: Status
    label: str | None
    why: str


def parse(response: str | None, options: LabelSpace | Sequence[str]) -> Parsed:
    """Read one answer.

    Args:
        response: the raw answer; ``None`` reads like an empty one.
        options: a label space (its synonyms count), or the labels as displayed.

    Returns:
        The status, the label as ``options`` names it, and why.

    Example:
        >>> parse("The speaker sounds ANGRY!", ["angry", "happy"])
        Parsed(status='parsed', label='angry', why="the word 'angry' stands in the answer")
        >>> parse("Angry or happy.", ["angry", "happy"]).status
        'ambiguous'
        >>> parse("I cannot hear any audio.", ["angry", "happy"]).status
        'refused'
    """
    text = normalise(response or "")
    if not text:
        return Parsed("unparsed", None, "the answer is empty")
    words = _words_of(options)
    if text in words:
        return Parsed("parsed", words[text], "the answer is a label or its synonym")
    found = _labels_within(text, words)
    labels = sorted(set(found.values()))
    if len(labels) == 1:
        return Parsed("parsed", labels[0], f"the word {next(iter(found))!r} stands in the answer")
    if labels:
        return Parsed("ambiguous", None, f"several labels stand in the answer: {', '.join(labels)}")
    if _REFUSAL.search(text):
        return Parsed("refused", None, "the answer declines to name an emotion")
    return Parsed("unparsed", None, "no label stands in the answer")


def parse_responses(
    responses: pl.Series | Iterable[str | None], options: LabelSpace | Sequence[str]
) -> pl.DataFrame:
    """Read many answers.

    Args:
        responses: the raw answers, (n,).
        options: as for :func:`parse`.

    Returns:
        A table of n rows in the same order with ``status``, ``emotion`` and ``why``.
    """
    answers = [None if each is None else str(each) for each in responses]
    # Models repeat themselves: each distinct answer is read once.
    read = {answer: parse(answer, options) for answer in dict.fromkeys(answers)}
    rows = [read[answer] for answer in answers]
    schema = {"status": pl.String, "emotion": pl.String, "why": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def normalise(text: str) -> str:
    r"""Lower-case words and digits in NFKC form, separated by single spaces.

    Example:
        >>> normalise("  **Angry**,\nI’d say. ")
        'angry i d say'
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(re.findall(r"[^\W_]+", folded))


def _words_of(options: LabelSpace | Sequence[str]) -> dict[str, str]:
    if isinstance(options, LabelSpace):
        return _words_of_space(options)
    return _words_of_space(LabelSpace("options", tuple(Label(name) for name in options)))


@lru_cache(maxsize=64)
def _words_of_space(space: LabelSpace) -> dict[str, str]:
    """From each normalised word or phrase to its label."""
    return {normalise(word): label for word, label in space.words.items() if normalise(word)}


def _labels_within(text: str, words: dict[str, str]) -> dict[str, str]:
    """The known words that stand in a text as whole words, with their labels."""
    padded = f" {text} "
    return {word: label for word, label in words.items() if f" {word} " in padded}
