"""Whether the words of a quotation were said."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz import fuzz

__all__ = ["similarity_to_transcript"]

_PARTS = re.compile(r"\.{2,}|…|\[[^\]]*\]")
_WORD = re.compile(r"[^\W_]+")
_FEWEST_FOR_SLIPS = 12  # letters; in less, one slip is another word
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")


def similarity_to_transcript(quotation: str, transcript: str) -> float:
    """How well the words of a quotation are found in a transcript, 0 to 1.

    Case, punctuation and accents' encoding do not count; an ellipsis stands
    for left-out words, so the parts around it are looked for one after
    another. Whole words are compared; longer parts may differ in some letters.

    Args:
        quotation: what the reason says was said.
        transcript: what was said.

    Returns:
        the mean over the parts, weighted by their length.

    Example:
        >>> similarity_to_transcript("forgot … anniversary", "You forgot our anniversary!")
        1.0
        >>> similarity_to_transcript("sad", "He sat in the saddle.")
        0.0
    """
    said = _words(transcript)
    parts = [words for part in _PARTS.split(quotation) if (words := _words(part)).strip()]
    if not parts:
        return 0.0
    total, place = 0.0, 0
    for part in parts:
        found, end = _found(part, said[place:])
        total += found * len(part)
        place += max(end - 1, 0)  # the space behind one part is the one before the next
    return total / sum(map(len, parts))


def _words(text: str) -> str:
    """Words in lower case with a space around each; none between characters of scripts without."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("'", "")
    joined = " ".join(_WORD.findall(plain))
    if _UNSPACED.search(joined):
        return joined.replace(" ", "")
    return f" {joined} " if joined else ""


def _found(part: str, said: str) -> tuple[float, int]:
    """How well one part is found, and where it ends."""
    place = said.find(part)
    if place >= 0:
        return 1.0, place + len(part)
    if len(part) < _FEWEST_FOR_SLIPS or not said:
        return 0.0, 0
    best = fuzz.partial_ratio_alignment(part, said)
    return (0.0, 0) if best is None else (best.score / 100, best.dest_end)
