"""Quotations in a reason: the words that it says were spoken."""

from __future__ import annotations

import re

from equivoice.rationales.claims.claim import Claim
from equivoice.rationales.claims.lexicon import Lexicon

__all__ = ["quotations"]

_MARKS = re.compile(
    r"“(?P<curly>[^”“]+)”|\"(?P<straight>[^\"]+)\"|«\s*(?P<angle>[^»«]+?)\s*»|„(?P<low>[^“”„]+)[“”]"
    r"|「(?P<corner>[^」「]+)」|『(?P<white>[^』『]+)』"
    r"|(?<![\w'’])['‘](?P<single>(?:[^'‘’\n]|(?<=\w)['’](?=\w))+)['’](?!\w)"
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NEAR = 4


def quotations(reason: str, words: Lexicon) -> tuple[tuple[Claim, ...], str]:
    """The quotations of a reason, and the reason with everything in quotation marks blanked.

    One word in marks is a quotation only near a word of saying; what is called
    an emotion, a label or an option is none.

    Args:
        reason: any text.
        words: the lexicon.

    Returns:
        claims of the measure ``quote``, and a text of the same length.

    Example:
        >>> from equivoice.rationales.claims.lexicon import lexicon
        >>> claims, rest = quotations('She says "so be it" loudly.', lexicon())
        >>> claims[0].text, rest
        ('so be it', 'She says            loudly.')
    """
    found = []
    rest = reason
    for match in _MARKS.finditer(reason):
        group = str(match.lastgroup)
        start, end = match.span(group)
        if _is_quotation(match.group(group), reason[: match.start()], words):
            found.append(Claim("quote", "present", reason[start:end], start, end))
        rest = rest[: match.start()] + " " * (match.end() - match.start()) + rest[match.end() :]
    return tuple(found), rest


def _is_quotation(content: str, before: str, words: Lexicon) -> bool:
    sentence = re.split(r"[.!?;]", before)[-1].lower().replace("’", "'")
    near = _WORD.findall(sentence)[-_NEAR:]
    flags = [words.roles[(word,)].flags for word in near if (word,) in words.roles]
    said = any("quoting" in each for each in flags)
    labelled = any("labelling" in each for each in flags)
    return said or (not labelled and len(_WORD.findall(content)) > 1)
