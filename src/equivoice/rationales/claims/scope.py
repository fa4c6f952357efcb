"""How far words reach within a sentence: denial, reserve, and what is only imagined.

Scopes are found per place: a sentence of n units gives flags of length n. The
clauses of a sentence end at turning words (but, while, because) and at a comma
or an "and" behind which a new subject has its own verb.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from equivoice.rationales.claims.units import COMMA, Unit

__all__ = ["Scopes", "scopes_of"]

Sentence = Sequence[Unit]
_INTERPRETED_WITHIN = 4


@dataclass(frozen=True)
class Scopes:
    """What holds at each place of a sentence.

    Args:
        clause: the number of the clause.
        negated: whether what stands here is denied.
        hedged: whether it is said with reserve.
        silent: whether nothing is claimed here: imagined, or of others.
        interpreted: whether the meaning of the voice is told here.
    """

    clause: tuple[int, ...]
    negated: tuple[bool, ...]
    hedged: tuple[bool, ...]
    silent: tuple[bool, ...]
    interpreted: tuple[bool, ...]


def scopes_of(sentence: Sentence) -> Scopes:
    """The scopes in one sentence."""
    clause = _clauses(sentence)
    return Scopes(
        clause,
        _negated(sentence, clause),
        _hedged(sentence, clause),
        _silent(sentence, clause),
        _interpreted(sentence, clause),
    )


def _clauses(sentence: Sentence) -> tuple[int, ...]:
    numbers, number = [], 0
    for place, unit in enumerate(sentence):
        if place and (unit.has("turning") or _opens_clause(sentence, place)):
            number += 1
        numbers.append(number)
    return tuple(numbers)


def _opens_clause(sentence: Sentence, place: int) -> bool:
    """Whether a comma or an "and" here is followed by a subject with a verb of its own."""
    unit = sentence[place]
    if unit.text != COMMA and not unit.has("joining"):
        return False
    stretch = list(
        takewhile(
            lambda each: each.text != COMMA and not each.has("turning"),
            _behind_marks(sentence, place),
        )
    )
    nouns = [at for at, each in enumerate(stretch) if _can_be_subject(each)]
    return bool(nouns) and any(_is_verb(each) for each in stretch[nouns[0] + 1 :])


def _behind_marks(sentence: Sentence, place: int) -> Sentence:
    while place < len(sentence) and (sentence[place].mark or sentence[place].has("joining")):
        place += 1
    return sentence[place:]


def _can_be_subject(unit: Unit) -> bool:
    return bool(unit.roles.subject) or unit.has("persons")


def _is_verb(unit: Unit) -> bool:
    verbal = unit.has("linking") or unit.roles.degree in ("rise", "fall") or bool(unit.roles.of)
    return verbal or (unit.has("speaking") and unit.text.startswith(("s", "t", "u", "d")))


def _negated(sentence: Sentence, clause: Sequence[int]) -> tuple[bool, ...]:
    flags = [False] * len(sentence)
    for place, unit in enumerate(sentence):
        if unit.has("negations"):
            _mark(flags, place, clause, end=lambda at: _ends_denial(sentence, at))
    return tuple(flags)


def _mark(
    flags: list[bool], place: int, clause: Sequence[int], *, end: Callable[[int], bool]
) -> None:
    """Mark what stands behind a place, to the end of its clause or to where ``end`` holds."""
    for reached in range(place + 1, len(flags)):
        if clause[reached] != clause[place] or end(reached):
            return
        flags[reached] = True


def _ends_denial(sentence: Sentence, place: int) -> bool:
    """A comma or an "and" before an article or a verb: "no pauses and a loud voice"."""
    unit = sentence[place]
    if unit.text != COMMA and not unit.has("joining"):
        return False
    if unit.text in ("or", "nor"):
        return False
    behind = _behind_marks(sentence, place)
    if not behind:
        return True
    first = behind[0]
    return (
        first.has("determiners")
        or first.has("prepositions")
        or _is_verb(first)
        or _can_be_subject(first)
    )


def _hedged(sentence: Sentence, clause: Sequence[int]) -> tuple[bool, ...]:
    flags = [False] * len(sentence)
    for place, unit in enumerate(sentence):
        if not unit.has("hedges"):
            continue
        near = sentence[place + 1 : place + _INTERPRETED_WITHIN]
        before_clause_ends = [each for each in near if not each.has("turning")]
        if _about_meaning(before_clause_ends):
            continue
        _mark(flags, place, clause, end=lambda _: False)
    return tuple(flags)


def _about_meaning(near: Sentence) -> bool:
    """Whether reserve is about the meaning and not about the sound: might indicate anger."""
    for unit in near:
        if unit.has("interpreting"):
            return True
        if not unit.has("degree_adverbs") and not unit.has("hedges"):
            return False
    return False


def _silent(sentence: Sentence, clause: Sequence[int]) -> tuple[bool, ...]:
    flags = [False] * len(sentence)
    for place, unit in enumerate(sentence):
        if unit.has("asserting"):
            continue
        if unit.text == "would":
            for at, number in enumerate(clause):
                flags[at] = flags[at] or number == clause[place]
        elif unit.has("imagined"):
            _silence(flags, sentence, place, past_relatives=True)
        elif unit.has("comparing"):
            _silence(flags, sentence, place, past_relatives=False)
    return tuple(flags)


def _silence(flags: list[bool], sentence: Sentence, place: int, *, past_relatives: bool) -> None:
    """Nothing is claimed from behind this place to the end of the comparison or condition."""
    for reached in range(place + 1, len(sentence)):
        unit = sentence[reached]
        if unit.text == COMMA:
            behind = _behind_marks(sentence, reached)
            if not (past_relatives and behind and behind[0].has("relative")):
                return
        if not past_relatives and (unit.has("joining") or unit.text in ("he", "she", "it", "they")):
            return
        if unit.has("turning"):
            return
        flags[reached] = True


def _interpreted(sentence: Sentence, clause: Sequence[int]) -> tuple[bool, ...]:
    flags = [False] * len(sentence)
    for place, unit in enumerate(sentence):
        if unit.has("interpreting"):
            _mark(flags, place, clause, end=lambda at: sentence[at].text == COMMA)
    return tuple(flags)
