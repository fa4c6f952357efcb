"""The rules by which published results read answers, as named conventions.

They are here to compare with published numbers, flaws included: ``fairalm_code``
reads "not angry but happy" as angry, if angry stands first among the options, and
"unhappy" as happy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rapidfuzz.distance import Indel, Levenshtein

from equivoice.prompting.normalising import fold, normalise
from equivoice.prompting.outcome import Parsed
from equivoice.prompting.structured import LONGEST_READ, shorten
from equivoice.prompting.vocabulary import Vocabulary

__all__ = ["PUBLISHED", "levenshtein_ratio"]

_LEAST = 0.57


def levenshtein_ratio(label: str, word: str) -> float:
    """FairALM's Eq. 8: 1 − distance / (sum of the lengths), with plain Levenshtein distance.

    A changed letter costs 1 of the *sum* of lengths, so quite different words pass
    0.57: sad and was do.

    Example:
        >>> round(levenshtein_ratio("sad", "was"), 3)
        0.667
    """
    lengths = len(label) + len(word)
    return 1.0 - Levenshtein.distance(label, word) / lengths if lengths else 1.0


def _exact(response: str, vocabulary: Vocabulary) -> Parsed:
    """The answer, normalised, is an option as displayed."""
    text = normalise(shorten(response))
    for word, label in vocabulary.by_display:
        if text == word and word:
            return Parsed("parsed", label, "the answer is an option")
    return Parsed("unparsed", None, "the answer is no option")


def _fairalm_paper(response: str, vocabulary: Vocabulary) -> Parsed:
    """Exact match; else, by option, the sum of Eq. 8 over the words, without scores < 0.57."""
    exact = _exact(response, vocabulary)
    if exact.label is not None:
        return exact
    words = normalise(shorten(response)).split()
    totals: dict[str, float] = {}
    for option, label in vocabulary.by_display:
        scores = [levenshtein_ratio(option, word) for word in words]
        totals[label] = sum(score for score in scores if score >= _LEAST)
    return _best(totals, "the highest sum of Levenshtein ratios")


def _fairalm_code(response: str, vocabulary: Vocabulary) -> Parsed:
    """The first option that is a substring; else the sum of indel similarities ≥ 0.57."""
    text = fold(shorten(response)).strip()
    for option, label in vocabulary.by_display:
        if option and option in text:
            return Parsed("parsed", label, f"{option!r} is the first option that is a part of it")
    words = normalise(text).split()
    totals: dict[str, float] = {}
    for option, label in vocabulary.by_display:
        scores = [Indel.normalized_similarity(option, word) for word in words]
        totals[label] = sum(score for score in scores if score >= _LEAST)
    return _best(totals, "the highest sum of indel similarities")


def _best(totals: Mapping[str, float], how: str) -> Parsed:
    """The label with the highest total; the first of them in the order displayed."""
    label = max(totals, key=lambda name: totals[name])
    if not totals[label]:
        return Parsed("unparsed", None, f"no word is similar to an option (all below {_LEAST})")
    return Parsed("parsed", label, f"{how}, {totals[label]:.3f}")


def _noted(rule: Callable[[str, Vocabulary], Parsed]) -> Callable[[str, Vocabulary], Parsed]:
    def read(response: str, vocabulary: Vocabulary) -> Parsed:
        parsed = rule(response, vocabulary)
        if len(response) <= LONGEST_READ:
            return parsed
        return parsed._replace(why=f"{parsed.why} (read in part: {len(response)} characters)")

    return read


PUBLISHED: Mapping[str, Callable[[str, Vocabulary], Parsed]] = {
    "fairalm_paper": _noted(_fairalm_paper),
    "fairalm_code": _noted(_fairalm_code),
    "exact": _noted(_exact),
}
"""From the name of a convention to its rule."""
