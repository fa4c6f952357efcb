r"""Read the verdict out of a judge's answer.

``read_verdict(text, rubric) -> Verdict`` is total: any string has a status. In this order,
the first that is there decides: the last line that begins with "Verdict:" (or "Final
verdict", "Answer", "Choice", "Rating", "Score"), a verdict in tags, double square brackets
or ``\boxed{}``, a JSON object's ``verdict``, the answer as a whole, and, where there are
choices, one sentence that calls one of the two the better. Different verdicts of one kind
are ambiguous; nothing is guessed from words in passing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from equivoice.prompting.structured import clean, shorten, without_reasoning
from equivoice.rating.rubrics import Rubric

__all__ = ["Verdict", "read_verdict"]

Status = Literal["parsed", "ambiguous", "refused", "unparsed"]

_MARK = re.compile(
    r"^[ \t\-•]*(?:(?:my|the|final|overall)[ \t]+){0,2}"
    r"(?:verdict|answer|choice|decision|judge?ment|preference|rating|score|grade)\b"
    r"\s*(?:is\b\s*)?(?:[:：=]\s*)?(?P<said>\S[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_TAGGED = re.compile(
    r"<\s*(?:verdict|answer|choice|rating|score)\s*>(?P<tag>[^<]{1,80})"
    r"|\[\[(?P<bracket>[^\[\]\n]{1,80})\]\]|\\boxed\{(?:\\text\{)?(?P<box>[^{}\n]{1,80})\}",
    re.IGNORECASE,
)
_MARKED, _IN_TAGS = "a marked line", "tags or brackets"
_LAST_COUNTS = (_MARKED, _IN_TAGS)
_KEYS = ("verdict", "answer", "choice", "preference", "winner", "rating", "score", "grade")
_BETTER = re.compile(
    r"\b(?i:explanation|reason|option|model|response|candidate)\s+(?P<side>[AB])\s+"
    r"(?:is|was|seems|provides|gives|offers|wins|explains)\b(?P<rest>[^.\n]{0,60})"
)
_IS_BETTER = re.compile(r"\b(?:better|more\s+\w+|best|stronger|superior|wins)\b", re.IGNORECASE)
_IS_WORSE = re.compile(
    r"\b(?:not|n't|no|less|worse|weaker|isn)\b|\bmore\s+(?:generic|vague)", re.IGNORECASE
)
_NOISE = re.compile(r"[\s\"'“”‘’`*_()\[\]{}<>.,;:!]+")
_NUMBER = re.compile(
    r"(?P<point>[-+]?\d{1,6}(?:[.,]\d{1,6})?)\s*(?:(?:/|out of|of)\s*(?P<top>\d{1,6}(?:\.\d{1,6})?))?"
    r"(?:\s*(?:points?|stars?))?\s*(?:$|because\b|[-–—](?!\s*\d)|[^\w\s–—-])",
    re.IGNORECASE,
)
_LIST = re.compile(r"[,;/|]|\bor\b|\band\b", re.IGNORECASE)
_EXPLAINED = re.compile(r"[,;:(]|\s[-–—]\s|\.\s|\bbecause\b", re.IGNORECASE)
_LEADING = re.compile(
    r"^(?:is |it is |i (?:choose|prefer) |choose |prefer )?"
    r"(?:(?:the )?(?:model|option|reason|response|candidate) (?=[ab]$))?"
)
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am)? (?:cannot|can't|can not|unable to|not able to|won't)"
    r"|sorry, but|as an ai)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Verdict:
    """What a judge said.

    Args:
        status: ``parsed``, ``ambiguous`` (several verdicts), ``refused`` or ``unparsed``.
        value: the choice; ``None`` unless parsed, or where the rubric has a scale.
        number: the point on the scale; ``None`` unless parsed, or where there are choices.
        why: how it was found, or why there is none.
    """

    status: Status
    value: str | None = None
    number: float | None = None
    why: str = ""


def read_verdict(text: str | None, rubric: Rubric) -> Verdict:
    r"""The verdict of one answer.

    Args:
        text: the answer as it came.
        rubric: what was asked.

    Example:
        >>> from equivoice.rating.rubrics import load_rubric
        >>> pairwise = load_rubric("pairwise")
        >>> read_verdict("A hears the tremor; B is generic.\nVerdict: A", pairwise).value
        'a'
        >>> read_verdict("Both are fine.", pairwise).status
        'unparsed'
        >>> read_verdict("**Verdict:** 4/5", load_rubric("plausibility")).number
        4.0
    """
    if not text or not text.strip():
        return Verdict("unparsed", why="there is no answer")
    cleaned = without_reasoning(clean(shorten(text)))
    for how, found in _candidates(cleaned, rubric):
        if len(found) == 1:
            return _verdict(found[0], how)
        if found:
            return Verdict("ambiguous", why=f"{how}: {' and '.join(map(str, found))}")
    if _REFUSAL.search(cleaned):
        return Verdict("refused", why="a refusal")
    return Verdict("unparsed", why="no verdict found")


def _candidates(text: str, rubric: Rubric) -> Iterator[tuple[str, list[str | float]]]:
    """The distinct verdicts of each kind of place, the most decided kind first."""
    for how, pieces in _pieces(text):
        found = list(dict.fromkeys(_points(pieces, rubric)))
        yield how, found[-1:] if how in _LAST_COUNTS else found
    if rubric.kind == "pairwise":
        yield "a sentence that prefers it", list(dict.fromkeys(_preferred(text)))


def _verdict(found: str | float, how: str) -> Verdict:
    if isinstance(found, str):
        return Verdict("parsed", found, None, how)
    return Verdict("parsed", None, found, how)


def _pieces(text: str) -> Iterator[tuple[str, list[str]]]:
    """What may be the verdict, the most decided first."""
    yield _MARKED, [match["said"] for match in _MARK.finditer(text)]
    yield (
        _IN_TAGS,
        [
            next(part for part in match.groups() if part is not None)
            for match in _TAGGED.finditer(text)
        ],
    )
    yield "JSON", [str(value) for value in _json_values(text)]
    yield "the whole answer", [text] if len(text.strip()) <= 40 else []
    lines = text.strip().splitlines()
    yield "the last line", lines[-1:] if lines and len(lines[-1].strip()) <= 20 else []


def _points(pieces: list[str], rubric: Rubric) -> Iterator[str | float]:
    for piece in pieces:
        found = _choice(piece, rubric.choices) if rubric.choices else _number(piece, rubric)
        if found is not None:
            yield found


def _choice(piece: str, choices: Mapping[str, tuple[str, ...]]) -> str | None:
    """The choice that a piece names; none where it lists several, as the question does."""
    listed = {_named(part, choices) for part in _LIST.split(piece)} - {None}
    if len(listed) > 1:
        return None
    # "A, because ..." decides; what follows the comma explains it
    return _named(piece, choices) or _named(_EXPLAINED.split(piece, maxsplit=1)[0], choices)


def _named(part: str, choices: Mapping[str, tuple[str, ...]]) -> str | None:
    """The choice whose name or word the text is, marks and a leading phrase aside."""
    said = _LEADING.sub("", _NOISE.sub(" ", part).strip().casefold())
    for name, words in choices.items():
        if said in {word.casefold() for word in (name, *words)}:
            return name
    return None


def _number(piece: str, rubric: Rubric) -> float | None:
    """The point that a piece begins with, where it lies on the scale; of '1 to 5' none."""
    match = _NUMBER.match(piece.strip(" \t\n\"'“”`*_([{<"))
    if match is None or rubric.low is None or rubric.high is None:
        return None
    point = float(match["point"].replace(",", "."))
    if match["top"] is not None and float(match["top"]) != rubric.high:
        return None
    return point if rubric.low <= point <= rubric.high else None


def _preferred(text: str) -> Iterator[str]:
    """The sides that a sentence calls better; a sentence with a negation says nothing."""
    for match in _BETTER.finditer(text):
        said = match[0]
        if _IS_BETTER.search(said) and not _IS_WORSE.search(said):
            yield match["side"].lower()


def _json_values(text: str) -> Iterator[Any]:
    start = text.find("{")
    if start < 0:
        return
    try:
        value = json.JSONDecoder().raw_decode(text, start)[0]
    except (ValueError, RecursionError):  # broken, or nested beyond reason
        return
    if isinstance(value, Mapping):
        folded = {str(key).casefold(): each for key, each in value.items()}
        named = [folded[key] for key in _KEYS if key in folded]
        yield from (each for each in named[:1] if isinstance(each, str | int | float))
