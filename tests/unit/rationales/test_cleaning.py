"""Openings and questions to the reader are stripped; nothing else of a reason is touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.rationales.cleaning import clean_reason, last_sentence, opens_with
from equivoice.rationales.filters import evidence_words

WORDS = evidence_words()
PITCH = "The pitch is high."


def cleaned(text: str) -> str:
    return clean_reason(text, openings=WORDS.openings, invitations=WORDS.invitations)


@pytest.mark.parametrize(
    "text",
    [
        # the paper's own forbidden phrases, in the places that it names
        "Well, you know, the pitch is high.",
        "Well, the pitch is high.",
        "The pitch is high. What do you think about this?",
        "The pitch is high. What do you think?",
        "The pitch is high. If you want to talk more about this or have other thoughts, feel free to share.",
        "Well, you know, the pitch is high. What do you think? Feel free to share.",
        "Sure! The pitch is high.",
        "Certainly: The pitch is high.",
        "**Reasoning:** The pitch is high.",
        "The pitch is high. Does that help?\n",
        "  The pitch is high.  ",
        "Well — the pitch is high.",
    ],
)
def test_what_addresses_the_reader_is_stripped(text: str) -> None:
    assert cleaned(text) == PITCH


@pytest.mark.parametrize(
    "text",
    [
        PITCH,
        "Well-paced speech with a high pitch.",
        "Wellington is named in a high pitch.",
        'She asks "how did I miss that?" in a high voice.',
        'The pitch rises at "what do you think?"',
        "Surely the pitch is high.",
        "The words ask what? The pitch is high.",
    ],
)
def test_what_belongs_to_the_reason_stays(text: str) -> None:
    assert cleaned(text) == text


def test_a_reason_that_only_asks_is_left_to_the_filters() -> None:
    assert cleaned("What do you think?") == "What do you think?"
    assert cleaned("Well, you know,") == ""


@settings(deadline=None)
@given(st.text())
def test_cleaning_shortens_only_and_ends(text: str) -> None:
    made = cleaned(text)
    assert len(made) <= len(text) + 2  # a first letter may have a longer capital form
    assert cleaned(made) == made or len(cleaned(made)) < len(made)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["It falls.", "Why?", '"No!"', "So it is…"]), min_size=1))
def test_the_last_sentence_is_the_last(sentences: list[str]) -> None:
    assert last_sentence(" ".join(sentences)) == sentences[-1]


@settings(deadline=None)
@given(st.text())
def test_a_last_sentence_ends_its_text(text: str) -> None:
    assert text.rstrip().endswith(last_sentence(text))


def test_the_longest_opening_is_named() -> None:
    assert opens_with("Well, you know what", ["well", "well you know"]) == "well you know"
    assert opens_with("", ["well"]) is None
    assert opens_with("Hello", []) is None
