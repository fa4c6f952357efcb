"""The acoustic claims and quotations of a reason, found by a small documented grammar of English.

``docs/grounding.md`` describes the grammar; its words stand in ``words.yaml``.
It is total: any text yields claims, or none. It knows English only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from equivoice.rationales.claims.binding import (
    bound_subjects,
    is_attributive,
    noun_behind,
    target_behind,
)
from equivoice.rationales.claims.claim import Claim
from equivoice.rationales.claims.lexicon import Lexicon, Meaning, lexicon
from equivoice.rationales.claims.quotations import quotations
from equivoice.rationales.claims.scope import Scopes, scopes_of
from equivoice.rationales.claims.units import COMMA, Unit, sentences

__all__ = ["find_claims"]

_MOVING = {"high": "rising", "low": "falling"}
_COURSES = {"pitch": "pitch_course", "loudness": "loudness", "rate": "rate"}
# words that are a degree only right before what they are said of
_BEFORE_ONLY = frozenset({"more", "little", "several", "small", "big", "strong", "plenty of"})
_ADVERBS_TOO = frozenset({"even", "level"})
# "she lowers her voice" is about loudness, "the voice lowers" may be about pitch
_TRANSITIVE = frozenset({"lowers", "lowering", "raises", "raising", "raise"})
_TEXTURES = {"up": "vary", "vary": "vary", "down": "level", "level": "level"}


@dataclass(frozen=True)
class _Found:
    """A claim by places in its sentence: first and last unit, and the one whose scopes hold."""

    meaning: Meaning
    first: int
    last: int
    place: int


def find_claims(reason: str) -> tuple[Claim, ...]:
    """What a reason claims about the sound and the words, in order of place.

    Args:
        reason: any text.

    Example:
        >>> [(c.measure, c.direction, c.hedged) for c in find_claims("The pitch may be low.")]
        [('pitch', 'low', True)]
        >>> find_claims("He is not loud.")[0].negated
        True
    """
    words = lexicon()
    quoted, rest = quotations(reason, words)
    claims = list(quoted)
    for sentence in sentences(rest, words):
        scopes = scopes_of(sentence)
        for found in _claims_in(sentence, scopes, words):
            start, end = sentence[found.first].start, sentence[found.last].end
            measure, direction = found.meaning
            flags = scopes.hedged[found.place], scopes.negated[found.place]
            claims.append(Claim(measure, direction, reason[start:end], start, end, *flags))
    return tuple(sorted(claims, key=lambda claim: (claim.start, claim.end, claim.measure)))


def _claims_in(sentence: Sequence[Unit], scopes: Scopes, words: Lexicon) -> Iterator[_Found]:
    described: set[int] = set()
    for place, unit in enumerate(sentence):
        if scopes.silent[place] or not unit.roles.describes:
            continue
        quality = _quality(sentence, place, words)
        if quality is not None:
            yield quality
            continue
        for found, subject in _degree(sentence, place, scopes, words):
            described.add(subject)
            yield found
    for place, unit in enumerate(sentence):
        family = unit.roles.subject
        if family in words.unsaid and place not in described and not scopes.silent[place]:
            yield from _unsaid(sentence, place, words)


def _quality(sentence: Sequence[Unit], place: int, words: Lexicon) -> _Found | None:
    """The claim of a word that carries its measure itself."""
    meaning = _own_meaning(sentence, place)
    if meaning is None:
        return None
    first = place
    if place and sentence[place - 1].has("less"):
        meaning = (meaning[0], words.opposites[meaning[1]])
        first = place - 1
    return _Found(_moving(sentence, first, meaning), first, place, place)


def _own_meaning(sentence: Sequence[Unit], place: int) -> Meaning | None:
    roles = sentence[place].roles
    if roles.strong is not None:
        return roles.strong
    for subject in bound_subjects(sentence, place) if roles.of else ():
        family = sentence[subject].roles.subject
        if family in roles.of:
            return roles.of[str(family)]
    if roles.weak is None or not _of_a_voice(sentence, place):
        return None
    if sentence[place].text == "clearly" and not _ends_stretch(sentence, place):
        return None  # "clearly upset" is about certainty
    return roles.weak


def _ends_stretch(sentence: Sequence[Unit], place: int) -> bool:
    behind = sentence[place + 1] if place + 1 < len(sentence) else None
    return behind is None or behind.text == COMMA or behind.has("joining")


def _of_a_voice(sentence: Sequence[Unit], place: int) -> bool:
    """Whether a word like loud is said of a voice or of one who speaks, not of a party."""
    behind = sentence[place + 1] if place + 1 < len(sentence) else None
    adverb = sentence[place].text.endswith("ly")
    if behind is not None and behind.unknown and not adverb and is_attributive(sentence, place):
        noun = noun_behind(sentence, place)
        if noun is None or any(_preposition_between(sentence, place, noun)):
            return False
    heard = any(
        unit.roles.subject or unit.has("persons") or unit.has("speaking")
        for unit in sentence
        if unit.text != "it" or len(sentence) < 12
    )
    return heard or not any(unit.unknown for unit in sentence)


def _preposition_between(sentence: Sequence[Unit], place: int, noun: int) -> Iterator[bool]:
    return (unit.has("functions") for unit in sentence[place + 1 : noun])


def _moving(sentence: Sequence[Unit], place: int, meaning: Meaning) -> Meaning:
    """The claim as a movement where the word before says so: getting louder."""
    measure, direction = meaning
    growing = place > 0 and sentence[place - 1].has("growing")
    if not growing or measure not in _COURSES or direction not in _MOVING:
        return meaning
    return _COURSES[measure], _MOVING[direction]


def _degree(
    sentence: Sequence[Unit], place: int, scopes: Scopes, words: Lexicon
) -> Iterator[tuple[_Found, int]]:
    """The claims of a word like high, which mean what its subject makes of them."""
    unit = sentence[place]
    if unit.roles.degree is None or not _is_degree_here(sentence, place):
        return
    for subject in bound_subjects(sentence, place):
        meaning = _meaning_of(sentence, place, subject, words)
        if sentence[subject].roles.subject == "energy" and not _vocal_energy(
            sentence, subject, scopes
        ):
            meaning = None
        if meaning is None:
            continue
        first = place
        if place and sentence[place - 1].has("less") and meaning[1] in words.opposites:
            meaning = (meaning[0], words.opposites[meaning[1]])
            first = place - 1
        meaning = _moving(sentence, first, meaning)
        yield _Found(meaning, min(first, subject), max(place, subject), place), subject


def _is_degree_here(sentence: Sequence[Unit], place: int) -> bool:
    text = sentence[place].text
    behind = sentence[place + 1] if place + 1 < len(sentence) else None
    if text in _ADVERBS_TOO:  # "hesitant or even shaky"
        return (
            behind is None
            or behind.text == COMMA
            or bool(behind.roles.subject or behind.has("functions") or behind.has("joining"))
        )
    if text in _BEFORE_ONLY:
        return behind is not None and bool(behind.roles.subject)
    return True


def _meaning_of(
    sentence: Sequence[Unit], place: int, subject: int, words: Lexicon
) -> Meaning | None:
    unit, family = sentence[place], str(sentence[subject].roles.subject)
    degree = str(unit.roles.degree)
    if family == "voice":
        transitive = place < subject or unit.text not in _TRANSITIVE
        return words.voice.get(unit.text) if transitive else None
    if family == "variation":
        return _varied(sentence, subject, _TEXTURES.get(degree), words)
    return words.meanings.get((family, degree))


def _varied(
    sentence: Sequence[Unit], subject: int, texture: str | None, words: Lexicon
) -> Meaning | None:
    """What a variation is of: "variation in volume", "volume fluctuations", or of the pitch."""
    if texture is None:
        return None
    unit = sentence[subject]
    target = target_behind(sentence, subject)
    if target is None and subject and sentence[subject - 1].roles.subject:
        target = subject - 1
    if target is not None and sentence[target].roles.subject != "voice":
        return words.meanings.get((str(sentence[target].roles.subject), texture))
    if unit.text.startswith("pitch") or target is not None or _hears(sentence, subject):
        return words.meanings["variation", texture]
    return None


def _hears(sentence: Sequence[Unit], place: int) -> bool:
    return any(unit.roles.subject for at, unit in enumerate(sentence) if at != place)


def _vocal_energy(sentence: Sequence[Unit], place: int, scopes: Scopes) -> bool:
    """Whether energy is that of the voice and not that of the person."""
    vocal = any(unit.roles.subject in ("voice", "tone") for unit in sentence)
    own = sentence[place].text != "energy"
    return own or (vocal and not scopes.interpreted[place])


def _unsaid(sentence: Sequence[Unit], place: int, words: Lexicon) -> Iterator[_Found]:
    """A subject that claims by being named: pauses, variation in pitch."""
    family = str(sentence[place].roles.subject)
    meaning: Meaning | None = words.unsaid[family]
    last = place
    if family == "variation":
        meaning = _varied(sentence, place, "vary", words)
        last = target_behind(sentence, place) or place
    if meaning is not None:
        yield _Found(meaning, place, last, place)
