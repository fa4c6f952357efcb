"""Which subject a describing word is said of.

Before its noun ("a high, quivering voice"), behind a verb ("the pitch of her
voice is high"), with a preposition ("a rise in pitch"), or beside it, without
a verb ("pitch: high").
"""

from __future__ import annotations

from collections.abc import Sequence

from equivoice.rationales.claims.units import COMMA, Unit

__all__ = ["bound_subjects", "is_attributive", "noun_behind", "target_behind"]

Sentence = Sequence[Unit]
_FARTHEST_NOUN = 6
_GENERAL = ("voice", "energy", "pauses")
_OF = ("of", "in", "to")
_CHANGING = ("raise", "raises", "raising", "raised", "lower", "lowers", "lowering", "lowered")


def bound_subjects(sentence: Sentence, place: int) -> tuple[int, ...]:
    """Places of the subjects that the word at a place describes; empty where there are none."""
    target = target_behind(sentence, place)
    if target is not None and sentence[target].roles.subject not in _GENERAL:
        return (target,)
    if place + 1 < len(sentence) and sentence[place + 1].roles.subject:
        return (place + 1,)
    if not is_attributive(sentence, place):
        return _predicated(sentence, place)
    noun = noun_behind(sentence, place)
    return () if noun is None or not sentence[noun].roles.subject else (noun,)


def target_behind(sentence: Sentence, place: int) -> int | None:
    """The subject in "rise *in* her *pitch*"; ``None`` where no such phrase follows."""
    at = place + 1
    if at >= len(sentence) or sentence[at].text not in _OF:
        return None
    at += 1
    while at < len(sentence) and sentence[at].has("determiners"):
        at += 1
    return at if at < len(sentence) and sentence[at].roles.subject else None


def is_attributive(sentence: Sentence, place: int) -> bool:
    """Whether a describing word stands before its noun and not behind a verb or a subject."""
    at = place - 1
    while at >= 0 and _transparent(sentence, at):
        at -= 1
    if at < 0:
        return True
    unit = sentence[at]
    if unit.text == ":":
        return not (at and sentence[at - 1].roles.subject)
    if unit.has("linking") and at and sentence[at - 1].text == "there":
        return True
    return not (unit.has("linking") or unit.has("growing") or unit.roles.subject)


def _transparent(sentence: Sentence, place: int) -> bool:
    """Whether the look back from a describing word goes on past this unit."""
    unit = sentence[place]
    if unit.has("linking") or unit.has("growing") or unit.roles.subject or unit.text == ":":
        return False
    if unit.text == COMMA or unit.has("joining"):
        before = sentence[place - 1] if place else None
        return before is not None and (before.roles.describes or before.text == COMMA)
    adverb = any(map(unit.has, ("degree_adverbs", "hedges", "negations", "less", "affirmations")))
    return adverb or unit.roles.describes


def noun_behind(sentence: Sentence, place: int) -> int | None:
    """The subject or word of speaking that a describing word stands before.

    Between them may stand further adjectives, known or unknown; an article
    only behind raising and lowering.
    """
    changing = sentence[place].text in _CHANGING
    for at in range(place + 1, min(place + 1 + _FARTHEST_NOUN, len(sentence))):
        unit = sentence[at]
        if unit.roles.subject or (unit.has("speaking") and not unit.has("functions")):
            return at
        passes = unit.text in (COMMA, "and") or unit.unknown or unit.roles.describes
        article = changing and unit.has("determiners")
        if not (passes or article or unit.has("degree_adverbs")):
            return None
    return None


def _predicated(sentence: Sentence, place: int) -> tuple[int, ...]:
    """The subjects before a verb: the nearest head, with those that are joined to it."""
    if _other_subject(sentence, place):
        return ()
    for at in range(place - 1, -1, -1):
        if sentence[at].roles.subject and not _within_phrase(sentence, at):
            return _joined(sentence, at)
    return ()


def _other_subject(sentence: Sentence, place: int) -> bool:
    """Whether somebody or something else stands before the verb: "and the mood is low"."""
    at = place - 1
    while at >= 0 and (_transparent(sentence, at) or sentence[at].has("linking")):
        at -= 1
    if at < 0:
        return False
    unit = sentence[at]
    if not unit.unknown and not unit.has("persons"):
        return False
    while at >= 0 and (_names(sentence[at]) or sentence[at].has("determiners")):
        at -= 1
    return at < 0 or not sentence[at].has("prepositions")


def _names(unit: Unit) -> bool:
    return unit.unknown or unit.has("persons")


def _within_phrase(sentence: Sentence, place: int) -> bool:
    """Whether a subject only belongs to another: "the pitch *of the voice*"."""
    at = place - 1
    while at >= 0 and (sentence[at].has("determiners") or sentence[at].unknown):
        at -= 1
    if at < 1 or sentence[at].text not in _OF:
        return False
    before = sentence[at - 1].roles
    return bool(before.subject or before.describes)


def _joined(sentence: Sentence, place: int) -> tuple[int, ...]:
    """A subject with those before it that an "and" or a comma joins: "the pitch and the volume"."""
    places = [place]
    while True:
        at = places[-1] - 1
        while at >= 0 and sentence[at].has("determiners"):
            at -= 1
        marks = at
        while at >= 0 and (sentence[at].text == COMMA or sentence[at].has("joining")):
            at -= 1
        if at < 0 or at == marks or not sentence[at].roles.subject:
            return tuple(reversed(places))
        if _within_phrase(sentence, at):
            return tuple(reversed(places))
        places.append(at)
