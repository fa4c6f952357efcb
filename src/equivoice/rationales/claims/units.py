"""A reason cut into sentences, and these into words and phrases that the grammar knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from equivoice.rationales.claims.lexicon import ANY_WORD, NO_ROLES, Lexicon, Roles

__all__ = ["COMMA", "Unit", "sentences"]

COMMA = ","
_TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[.!?;\n]|[,:()–—]|(?<=\s)-(?=\s)")
_ENDS = frozenset(".!?;\n")
_AS_COMMA = frozenset("()–—-,")
# apostrophes of one length, so that places stay; tags and marks of emphasis are no words
_SAME_LENGTH = str.maketrans({"’": "'", "‘": "'", "`": "'", "*": " ", "_": " "})
_TAG = re.compile(r"</?[a-zA-Z]{1,12}>")


@dataclass(frozen=True)
class Unit:
    """A word, a known phrase, or a mark.

    Args:
        text: lower case, straight apostrophes; ``,`` also for dashes and brackets.
        start: where it starts in the reason.
        end: where it ends.
        roles: what it can be.
    """

    text: str
    start: int
    end: int
    roles: Roles

    def has(self, flag: str) -> bool:
        """Whether it stands in a word list of the lexicon."""
        return flag in self.roles.flags

    @property
    def mark(self) -> bool:
        """Whether it is a comma or a colon."""
        return self.text in (COMMA, ":")

    @property
    def unknown(self) -> bool:
        """Whether it is a word that the grammar does not know: most often a noun or a verb."""
        return not self.mark and not self.roles.known


def sentences(reason: str, words: Lexicon) -> Iterator[tuple[Unit, ...]]:
    """The sentences of a reason; a semicolon and a new line end one too.

    Args:
        reason: any text; places in it are kept.
        words: what is known.

    Example:
        >>> from equivoice.rationales.claims.lexicon import lexicon
        >>> [len(sentence) for sentence in sentences("It is loud. A bit fast", lexicon())]
        [3, 2]
    """
    plain = _TAG.sub(lambda tag: " " * len(tag.group()), reason).translate(_SAME_LENGTH)
    tokens: list[re.Match[str]] = []
    for token in _TOKEN.finditer(plain):
        if token.group() in _ENDS:
            yield tuple(_units(tokens, words))
            tokens = []
        else:
            tokens.append(token)
    yield tuple(_units(tokens, words))


def _units(tokens: Sequence[re.Match[str]], words: Lexicon) -> Iterator[Unit]:
    place = 0
    texts = [token.group().lower() for token in tokens]
    while place < len(tokens):
        count, roles = _longest(texts, place, words)
        first, last = tokens[place], tokens[place + count - 1]
        text = " ".join(texts[place : place + count])
        yield Unit(COMMA if text in _AS_COMMA else text, first.start(), last.end(), roles)
        place += count


def _longest(texts: Sequence[str], place: int, words: Lexicon) -> tuple[int, Roles]:
    """How many words from here are one entry, and its roles."""
    for count in range(min(words.longest, len(texts) - place), 0, -1):
        entry = tuple(texts[place : place + count])
        if entry in words.roles:
            return count, words.roles[entry]
        for open_place in range(1, count - 1):
            pattern = (*entry[:open_place], ANY_WORD, *entry[open_place + 1 :])
            if pattern in words.roles:
                return count, words.roles[pattern]
    return 1, NO_ROLES
