"""How far denial, reserve and imagination reach."""

from __future__ import annotations

import pytest

from equivoice.rationales.claims.lexicon import lexicon
from equivoice.rationales.claims.scope import scopes_of
from equivoice.rationales.claims.units import sentences


def words_where(reason: str, flag: str) -> list[str]:
    (sentence,) = sentences(reason, lexicon())
    flags = getattr(scopes_of(sentence), flag)
    return [unit.text for unit, on in zip(sentence, flags, strict=True) if on and not unit.mark]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("not loud or harsh", ["loud", "or", "harsh"]),
        ("no pauses and a loud voice", ["pauses"]),
        ("not loud but harsh", ["loud"]),
        ("loud", []),
        ("no pauses, in a low voice", ["pauses"]),
    ],
)
def test_denial(reason: str, words: list[str]) -> None:
    assert words_where(reason, "negated") == words


def test_a_clause_of_its_own_ends_reserve() -> None:
    assert words_where("it may be loud, and the pitch is high", "hedged") == ["be", "loud"]
    assert words_where("it may be loud and high", "hedged") == ["be", "loud", "and", "high"]


def test_reserve_about_the_meaning_is_none_about_the_sound() -> None:
    assert words_where("a voice that may suggest joy", "hedged") == []


def test_conditions_and_comparisons_are_silent_to_their_comma() -> None:
    assert words_where("if it is loud, it is high", "silent") == ["it", "is", "loud"]
    assert words_where("louder than a loud train and fast", "silent") == ["a", "loud", "train"]
    assert words_where("unlike joy, which is loud, it is low", "silent") == [
        "joy", "which", "is", "loud",
    ]  # fmt: skip


def test_would_silences_its_clause_unless_it_is_said() -> None:
    assert "loud" in words_where("joy would be loud", "silent")
    assert words_where("i would call it loud", "silent") == []


def test_what_the_voice_means_is_marked() -> None:
    assert words_where("a low voice showing a lack of energy", "interpreted") == [
        "a", "lack of", "energy",
    ]  # fmt: skip


def test_clauses_are_numbered() -> None:
    (sentence,) = sentences("the voice is low but the pitch is high", lexicon())
    assert scopes_of(sentence).clause == (0, 0, 0, 0, 1, 1, 1, 1, 1)
