"""Sentences and units: phrases, marks, places."""

from __future__ import annotations

from equivoice.rationales.claims.lexicon import lexicon
from equivoice.rationales.claims.units import Unit, sentences


def cut(reason: str) -> list[list[str]]:
    return [[unit.text for unit in sentence] for sentence in sentences(reason, lexicon())]


def test_sentences_end_at_stops_semicolons_and_lines() -> None:
    assert cut("It is. Or not; well\nyes") == [["it", "is"], ["or", "not"], ["well"], ["yes"]]


def test_the_longest_phrase_is_one_unit() -> None:
    assert cut("at the top of her lungs it is a bit fast") == [
        ["at the top of her lungs", "it", "is", "a bit", "fast"]
    ]


def test_dashes_and_brackets_are_commas_and_hyphens_are_letters() -> None:
    assert cut("high-pitched (very) - so") == [["high-pitched", ",", "very", ",", ",", "so"]]


def test_tags_and_emphasis_are_passed_over_and_places_stay() -> None:
    reason = "<reason>**Loud**</reason>"
    ((unit,),) = sentences(reason, lexicon())
    assert reason[unit.start : unit.end] == "Loud"
    assert unit.text == "loud"


def test_curly_apostrophes_are_apostrophes() -> None:
    assert cut("isn’t") == [["isn't"]]


def test_units_know_whether_they_are_known() -> None:
    ((known, mark, unknown),) = sentences("voice, xyzzy", lexicon())
    assert known.roles.subject == "voice"
    assert not known.unknown
    assert mark.mark
    assert not mark.unknown
    assert unknown.unknown
    assert isinstance(unknown, Unit)
