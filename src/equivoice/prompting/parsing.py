"""Read a free answer as one of the options, or say why that cannot be done.

Deterministic, pure and total: any text yields a status. From the surest to the
least sure: the answer is exactly a word for an option; it stands in tags, in JSON or
after "Answer:"; it is a letter; running text names a label, with negation,
contrast and repeated options understood; at last a misspelt or cut-off word.

Published rules can be chosen instead by name: ``fairalm_paper``, ``fairalm_code``,
``exact``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from equivoice.errors import ConfigError
from equivoice.prompting.letters import read_letter
from equivoice.prompting.normalising import normalise
from equivoice.prompting.outcome import Parsed, Status
from equivoice.prompting.published import PUBLISHED
from equivoice.prompting.reading import read_units
from equivoice.prompting.spelling import read_misspelt
from equivoice.prompting.structured import (
    LONGEST_READ,
    clean,
    json_value,
    marked,
    shorten,
    tagged,
    without_reasoning,
)
from equivoice.prompting.units import to_units
from equivoice.prompting.vocabulary import Offered, Vocabulary, vocabulary_of

__all__ = ["CONVENTIONS", "Parsed", "Status", "normalise", "parse", "parse_responses"]

CONVENTIONS = ("equivoice", *PUBLISHED)
"""The rules by which an answer may be read; the first is ours."""

_EDGES = " \t\r\n.,!*\"'`"
_EMPTY = Parsed("unparsed", None, "the answer is empty")


def parse(response: str | None, options: Offered, *, convention: str = "equivoice") -> Parsed:
    """Read one answer.

    Args:
        response: the raw answer; ``None`` reads like an empty one.
        options: the options as displayed; or a label space (its synonyms count); or words.
        convention: one of :data:`CONVENTIONS`.

    Returns:
        The status, the label as ``options`` names it (for :class:`~equivoice.prompting.Options`
        the canonical one, not the word displayed), and why.

    Raises:
        ConfigError: an unknown convention.

    Example:
        >>> parse("The speaker sounds ANGRY!", ["angry", "happy"])
        Parsed(status='parsed', label='angry', why="the word 'angry' stands in the answer")
        >>> parse("Not angry but happy.", ["angry", "happy"]).label
        'happy'
        >>> parse("Not angry but happy.", ["angry", "happy"], convention="fairalm_code").label
        'angry'
        >>> parse("Angry or happy.", ["angry", "happy"]).status
        'ambiguous'
        >>> parse("I cannot hear any audio.", ["angry", "happy"]).status
        'refused'
    """
    if convention not in CONVENTIONS:
        raise ConfigError("unknown parsing convention", value=convention, choices=CONVENTIONS)
    return _parse(response or "", vocabulary_of(options), convention)


def parse_responses(
    responses: pl.Series | Iterable[str | None], options: Offered, *, convention: str = "equivoice"
) -> pl.DataFrame:
    """Read many answers to the same options.

    Args:
        responses: the raw answers, (n,).
        options: as for :func:`parse`.
        convention: one of :data:`CONVENTIONS`.

    Returns:
        A table of n rows in the same order with ``status``, ``emotion`` and ``why``.

    Raises:
        ConfigError: an unknown convention.
    """
    answers = [None if each is None else str(each) for each in responses]
    # Models repeat themselves: each distinct answer is read once.
    distinct = dict.fromkeys(answers)
    read = {answer: parse(answer, options, convention=convention) for answer in distinct}
    rows = [read[answer] for answer in answers]
    schema = {"status": pl.String, "emotion": pl.String, "why": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _parse(response: str, vocabulary: Vocabulary, convention: str) -> Parsed:
    rule = PUBLISHED.get(convention)
    if rule is not None:
        return rule(response, vocabulary)
    label = vocabulary.words.get(response.strip(_EDGES).casefold())
    if label is not None:
        return Parsed("parsed", label, "the answer is a label or its synonym")
    if len(response) <= LONGEST_READ:
        return _whole(response, vocabulary)
    parsed = _whole(shorten(response), vocabulary)
    note = f"(read in part: {len(response)} characters)"
    return parsed._replace(why=f"{parsed.why} {note}")


def _whole(response: str, vocabulary: Vocabulary) -> Parsed:
    text = without_reasoning(clean(response))
    exact = _exact(text, vocabulary)
    if exact is not None:
        return exact
    if not normalise(text):
        thought = bool(normalise(clean(response)))
        return Parsed("unparsed", None, "reasoning without an answer") if thought else _EMPTY
    return _structured(text, vocabulary) or _piece(text, vocabulary)


def _exact(text: str, vocabulary: Vocabulary) -> Parsed | None:
    label = vocabulary.words.get(normalise(text))
    if label is None:
        return None
    return Parsed("parsed", label, "the answer is a label or its synonym")


def _structured(text: str, vocabulary: Vocabulary) -> Parsed | None:
    """What stands in tags, in JSON or after "Answer:", where that is an answer."""
    places = (
        ("in the answer's tags", tagged(text) if "<" in text or "\\" in text else ()),
        ("in JSON", _from_json(text)),
        ("after the answer's mark", (marked(text) or "",)),
    )
    for where, pieces in places:
        read = [_piece(piece, vocabulary) for piece in pieces if piece]
        found = [each for each in read if each.status in {"parsed", "ambiguous"}]
        labels = list(dict.fromkeys(each.label for each in found))
        if len(labels) > 1:
            named = ", ".join(label or "?" for label in labels)
            return Parsed("ambiguous", None, f"several answers stand {where}: {named}")
        if found:
            return found[0]._replace(why=f"{where}: {found[0].why}")
    return None


def _from_json(text: str) -> tuple[str, ...]:
    """The answers in JSON as texts; an object of numbers as one list of them."""
    if "{" not in text and "[" not in text:
        return ()
    value = json_value(text)
    if isinstance(value, Mapping):
        return (", ".join(f"{key}: {_plain(each)}" for key, each in value.items()),)
    if isinstance(value, list):
        return tuple(_plain(each) for each in value)
    return () if value is None else (_plain(value),)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else f"{value}"


def _piece(text: str, vocabulary: Vocabulary) -> Parsed:
    """Read what is taken for the answer: a word, a letter, or running text."""
    exact = _exact(text, vocabulary)
    if exact is not None:
        return exact
    if vocabulary.lettered:
        lettered = read_letter(text, vocabulary)
        if lettered is not None:
            return lettered
    units = to_units(text, vocabulary.lexicon)
    read = read_units(units, vocabulary)
    if read.status != "unparsed":
        return read
    return read_misspelt(units, vocabulary) or read
