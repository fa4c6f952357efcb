"""One form for the many ways to write the same words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

__all__ = ["fold", "normalise", "without_accents", "word_pattern"]

# Marks of direction, soft hyphens and joiners: nothing that a reader sees.
_INVISIBLE = dict.fromkeys(
    [
        0xAD,
        0x34F,
        0x61C,
        0xFEFF,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2065),
    ]
)
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ＇`´"), "'")
_FOLDS = _INVISIBLE | _APOSTROPHES
_BACKTICK = "`"  # the only one of them that ASCII has


def fold(text: str) -> str:
    """Lower case in NFKC form, without what cannot be seen; punctuation stays.

    Example:
        >>> fold("ＨＡＰＰＹ – I’m sure")
        "happy – i'm sure"
    """
    if text.isascii():
        return text.replace(_BACKTICK, "'").lower()
    plain = unicodedata.normalize("NFKC", text.translate(_FOLDS))
    folded = plain.casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFKC", folded)


@cache
def word_pattern() -> str:
    """A regular expression of one word: letters and digits, with the marks that belong to them."""
    # re knows no category of marks; without them, Hindi and vowelled Urdu fall to pieces
    blocks = (
        range(0x300, 0x1E00),
        range(0x20D0, 0x2100),
        range(0xA600, 0xAC00),
        range(0xFE20, 0xFE30),
    )
    marks = [c for block in blocks for c in map(chr, block) if unicodedata.category(c)[0] == "M"]
    return rf"[^\W_](?:[^\W_]|[{''.join(marks)}])*"


@cache
def _words() -> re.Pattern[str]:
    return re.compile(word_pattern())


def normalise(text: str) -> str:
    r"""Lower-case words and digits in NFKC form, separated by single spaces.

    Example:
        >>> normalise("  **Angry**,\nI’d say. ")
        'angry i d say'
    """
    return " ".join(_words().findall(fold(text)))


def without_accents(text: str) -> str:
    """Letters without their accents.

    Example:
        >>> without_accents("überrascht")
        'uberrascht'
    """
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return "".join(c for c in apart if unicodedata.category(c) != "Mn") or text
