"""Answers by letter, where the options are displayed with letters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from equivoice.prompting.outcome import Parsed
from equivoice.prompting.reading import read_text
from equivoice.prompting.vocabulary import Vocabulary

__all__ = ["read_letter"]

_ALONE = re.compile(r"\W*([A-Za-z])\W*")
_SEVERAL = re.compile(r"\W*[A-Za-z](?:(?:\s*[,/&|]\s*|\s+(?:or|and)\s+)[A-Za-z])+\W*")
_PAIR = re.compile(
    r"\b(?i:options?|answers?|letters?|between|either|both)\s+\(?([A-Z])\)?\s*(?:,|/|&|(?i:and|or))\s*\(?([A-Z])\b"
)
# "B. Happy", "(b) happy", "D" on a line of its own; not "A happy voice" nor "I think"
_FIRST = re.compile(
    r"[\s\"'(\[*]*([A-Za-z])(?:[.):\]]+(?=\s|$|\w)|\s*\n|\s+[-–—]\s|,\s)(?P<rest>.*)", re.DOTALL
)
_LISTED = re.compile(r"(?:^|\s)[(\[]?([A-Z])[.):\]]\s")
_CUED = re.compile(
    r"\b(?i:option|answer|choice|choose|letter|select|pick|category|go(?:ing)?\s+(?:with|for))(?i:\s+is|\s+would\s+be)?\s*:?\s*(?i:option\s+)?"
    r"[\"'(\[]*([A-Z])\b(?!')(?=(?P<after>.{0,40}))"
    r"|\b(?i:it'?s|is)\s+(?:(?:an?|option)\s+)?[\"'(\[]*([A-Z])(?=[\"')\].,;:!]|\s*$)(?=(?P<then>.{0,40}))",
    re.DOTALL,
)
_DENIED = re.compile(r"[\"')\]]*\s*(?:is|seems)?\s*(?:not|wrong|incorrect|false|out)\b")


def read_letter(text: str, vocabulary: Vocabulary) -> Parsed | None:
    """The option whose letter is the answer; ``None`` where no letter is.

    Example:
        >>> from equivoice.prompting.options import make_options
        >>> from equivoice.prompting.vocabulary import vocabulary_of
        >>> from equivoice.records import Label, LabelSpace
        >>> space = LabelSpace("demo", (Label("sad"), Label("angry")))
        >>> words = vocabulary_of(make_options(space, lettered=True))
        >>> read_letter("(b)", words).label, read_letter("A sad voice", words)
        ('angry', None)
    """
    if _SEVERAL.fullmatch(text) or _PAIR.search(text):
        return Parsed("ambiguous", None, "several letters stand in the answer")
    if len(set(_LISTED.findall(text))) >= min(3, len(vocabulary.labels)):
        return None  # the options repeated
    first = _ALONE.fullmatch(text) or _FIRST.match(text)
    if first is not None and first[1].casefold() in vocabulary.letters:
        return _chosen(first[1], first.groupdict().get("rest") or "", vocabulary)
    cued = dict(_cued(text))
    if len(cued) > 1:
        return Parsed("ambiguous", None, f"several letters stand in the answer: {', '.join(cued)}")
    return next((_chosen(letter, after, vocabulary) for letter, after in cued.items()), None)


def _cued(text: str) -> Iterator[tuple[str, str]]:
    for match in _CUED.finditer(text):
        letter = match[1] or match[3]
        after = match["after"] or match["then"] or ""
        # "the answer is A happy voice": an article, not a letter
        article = letter in "AI" and re.match(r"\s+[a-z]", after) and not _DENIED.match(after)
        if not article and not _DENIED.match(after):
            yield letter, after


def _chosen(letter: str, after: str, vocabulary: Vocabulary) -> Parsed | None:
    label = vocabulary.letters.get(letter.casefold())
    if label is None:
        return None
    said = read_text(after, vocabulary) if after else None
    if said is not None and said.label not in {None, label}:
        return Parsed(
            "ambiguous",
            None,
            f"the letter {letter} stands for {label!r}, the words for {said.label!r}",
        )
    return Parsed("parsed", label, f"the letter {letter.upper()} stands for {label!r}")
