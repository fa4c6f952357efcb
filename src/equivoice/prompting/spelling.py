"""Misspelt and cut-off words, as a last resort."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import OSA

from equivoice.prompting.normalising import without_accents
from equivoice.prompting.outcome import Parsed
from equivoice.prompting.reading import read_units
from equivoice.prompting.units import Unit
from equivoice.prompting.vocabulary import Vocabulary

__all__ = ["read_misspelt"]

_LEAST_SIMILAR = 0.8
_SHORTEST, _LONGEST = 4, 24
_SHORTEST_CUT = 3
_MOST_WORDS = 30
# Words of their own that lie one letter beside an emotion.
_OTHER_WORDS = frozenset(
    {"angel", "angels", "neural", "natural", "abused", "accused", "exited", "sands", "saddle"}
    | {"happen", "happens", "clamp", "board", "bores", "discuss", "disguise", "feature", "fearing"}
)


def read_misspelt(units: Sequence[Unit], vocabulary: Vocabulary) -> Parsed | None:
    """Read an answer again with each unknown word as the option that it resembles.

    A word resembles an option by its first letter and 1 − distance / length ≥ 0.8
    (optimal string alignment: one edit is a letter added, left out, changed, or two
    swapped); the last word of an answer that stops without a stop may also be its
    beginning, as where ``max_new_tokens`` cut it.

    Returns:
        ``None`` where nothing resembles an option.
    """
    if sum(unit.kind == "word" for unit in units) > _MOST_WORDS:
        return None
    changed = list(units)
    notes: list[str] = []
    for place, unit in enumerate(units):
        if unit.kind != "word":
            continue
        label, note = _resembling(unit.text, vocabulary, last=place == len(units) - 1)
        if label is not None:
            changed[place] = Unit("label", unit.text, label)
            notes.append(note)
    if not notes:
        return None
    read = read_units(changed, vocabulary)
    if read.status == "unparsed":
        return None
    return Parsed(read.status, read.label, f"{'; '.join(notes)}")


def _resembling(word: str, vocabulary: Vocabulary, *, last: bool) -> tuple[str | None, str]:
    if word in _OTHER_WORDS or len(word) > _LONGEST:
        return None, ""
    if last and len(word) >= _SHORTEST_CUT:
        begun = {
            known: label for known, label in vocabulary.stems.items() if known.startswith(word)
        }
        if len(set(begun.values())) == 1:
            known, label = next(iter(begun.items()))
            return label, f"{word!r} is the beginning of {known!r}"
    if len(word) < _SHORTEST:
        return None, ""
    plain = without_accents(word)
    scores = [
        (OSA.normalized_similarity(plain, without_accents(known)), known, label)
        for known, label in vocabulary.stems.items()
        if without_accents(known[0]) == plain[0] and len(known) >= _SHORTEST
    ]
    best = max(scores, default=(0.0, "", ""))
    rivals = {label for score, _, label in scores if score == best[0]}
    if best[0] < _LEAST_SIMILAR or len(rivals) > 1:
        return None, ""
    return best[2], f"{word!r} resembles {best[1]!r} (score {best[0]:.2f})"
