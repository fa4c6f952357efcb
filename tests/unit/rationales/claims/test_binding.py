"""Which subject a word is said of."""

from __future__ import annotations

import pytest

from equivoice.rationales.claims.binding import bound_subjects, is_attributive
from equivoice.rationales.claims.lexicon import lexicon
from equivoice.rationales.claims.units import Unit, sentences


def parse(reason: str) -> tuple[Unit, ...]:
    (sentence,) = sentences(reason, lexicon())
    return sentence


def subjects_of(reason: str, word: str) -> list[str]:
    sentence = parse(reason)
    place = [unit.text for unit in sentence].index(word)
    return [sentence[at].text for at in bound_subjects(sentence, place)]


@pytest.mark.parametrize(
    ("reason", "word", "subjects"),
    [
        ("a high pitch", "high", ["pitch"]),
        ("a high, quivering, sorrowful voice", "high", ["voice"]),
        ("the pitch of the voice is high", "high", ["pitch"]),
        ("the pitch and the volume are high", "high", ["pitch", "volume"]),
        ("pitch: high", "high", ["pitch"]),
        ("tone: sad, in a high pitch", "high", ["pitch"]),
        ("a sudden rise in her pitch", "rise", ["pitch"]),
        ("raising her voice", "raising", ["voice"]),
        ("there are frequent pauses", "frequent", ["pauses"]),
        ("the voice is lower in pitch", "lower", ["pitch"]),
        ("high hopes and a pitch", "high", []),
        ("the pitch tells that the sky is high", "high", []),
        ("the pitch and the man is high", "high", []),
        ("high", "high", []),
    ],
)
def test_subjects(reason: str, word: str, subjects: list[str]) -> None:
    assert subjects_of(reason, word) == subjects


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("a loud voice", True), ("the voice is loud", False), ("loud", True), ("voice: loud", False)],
)
def test_before_the_noun_or_behind_the_verb(reason: str, expected: bool) -> None:
    sentence = parse(reason)
    place = [unit.text for unit in sentence].index("loud")
    assert is_attributive(sentence, place) is expected
