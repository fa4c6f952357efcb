"""What is stripped from a reason before it is judged: openings, questions to the reader."""

from __future__ import annotations

import re
from collections.abc import Sequence

from equivoice.prompting.normalising import normalise

__all__ = ["clean_reason", "last_sentence", "opens_with"]

_OUTER = " \t\r\n*_#`>"
_HEAD = re.compile(r"[^\W_]+(?:[’'][^\W_]+)?")
_AFTER_OPENING = " \t\r\n,.:;!—–-*_"
# the end of a sentence: its marks, the quotes and brackets that close behind them
_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s|$)")


def clean_reason(text: str, *, openings: Sequence[str], invitations: Sequence[str]) -> str:
    """A reason without disallowed openings, and without what addresses the reader at its end.

    Args:
        text: as the teacher wrote it.
        openings: normalised phrases that may not open it; the longest that fits goes.
        invitations: normalised phrases that a last sentence may not hold.

    Example:
        >>> clean_reason("Well, you know, the pitch is high. What do you think?",
        ...              openings=["well", "well you know"], invitations=[])
        'The pitch is high.'
    """
    kept = _without_opening(text.strip(_OUTER), openings)
    while (last := last_sentence(kept)) and last != kept and _invites(last, invitations):
        kept = kept[: -len(last)].rstrip(_OUTER)
    return kept


def opens_with(text: str, openings: Sequence[str]) -> str | None:
    """The longest of some phrases that a text opens with; ``None`` where none.

    Example:
        >>> opens_with("Well, you know: it is.", ["well", "well you know", "sure"])
        'well you know'
        >>> opens_with("Wellington speaks.", ["well"]) is None
        True
    """
    longest = max((len(opening.split()) for opening in openings), default=0)
    words = [normalise(match[0]) for match in _first_words(text, longest)]
    found = [opening for opening in openings if words[: len(opening.split())] == opening.split()]
    return max(found, key=len, default=None)


def last_sentence(text: str) -> str:
    """The last sentence of a text, which may have no end.

    Example:
        >>> last_sentence('It falls. She says "why?" and stops. What now?')
        'What now?'
    """
    stripped = text.rstrip()
    ends = [match.end() for match in _END.finditer(stripped)]
    inner = [end for end in ends if end < len(stripped)]
    return stripped[inner[-1] :].strip() if inner else stripped


def _without_opening(text: str, openings: Sequence[str]) -> str:
    opening = opens_with(text, openings)
    if opening is None:
        return text
    last = _first_words(text, len(opening.split()))[-1]
    rest = text[last.end() :]
    # "well" opens "Well-paced speech" and "Sure words"; only a mark or a second phrase parts it
    if rest.lstrip()[:1] not in (",", ".", ":", ";", "!", "—", "–", "*") and " " not in opening:
        return text
    rest = rest.lstrip(_AFTER_OPENING)
    return rest[:1].upper() + rest[1:]


def _first_words(text: str, number: int) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    for match in _HEAD.finditer(text):
        if len(found) == number:
            break
        found.append(match)
    return found


def _invites(sentence: str, invitations: Sequence[str]) -> bool:
    """Whether a sentence asks the reader something; a quoted question does not."""
    said = f" {normalise(sentence)} "
    return sentence.endswith(("?", "？")) or any(f" {each} " in said for each in invitations)
