"""Quotations: which marks, which words, and what is no quotation."""

from __future__ import annotations

import pytest

from equivoice.rationales.claims.lexicon import lexicon
from equivoice.rationales.claims.quotations import quotations


def texts(reason: str) -> list[str]:
    return [claim.text for claim in quotations(reason, lexicon())[0]]


@pytest.mark.parametrize(
    "reason",
    ["“come in”", '"come in"', "«come in»", "„come in“", "「come in」", "'come in'", "‘come in’"],
)
def test_all_marks_of_quotation_are_known(reason: str) -> None:
    assert texts(f"It is said {reason} twice") == ["come in"]


def test_an_apostrophe_opens_and_closes_nothing() -> None:
    assert texts("It's the speaker's voice, isn't it") == []
    assert texts("She says 'I can't go on' and stops") == ["I can't go on"]


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ('The word "never" is stressed.', ["never"]),
        ('This is "great".', []),
        ('The emotion is "very sad".', []),
        ('I label it "angry".', []),
        ('So "many words" here.', ["many words"]),
        ('The phrase "sad".', ["sad"]),
    ],
)
def test_one_word_needs_a_word_of_saying_and_labels_are_none(reason: str, found: list[str]) -> None:
    assert texts(reason) == found


def test_what_stands_in_marks_is_blanked_and_places_stay() -> None:
    reason = 'The words "he was loud" are calm, "loud" or not.'
    claims, rest = quotations(reason, lexicon())
    assert len(rest) == len(reason)
    assert "loud" not in rest
    assert rest.endswith("or not.")
    assert reason[claims[0].start : claims[0].end] == "he was loud"
