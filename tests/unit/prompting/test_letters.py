"""Answers by letter: which letter was chosen, and when a letter is none."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.prompting.letters import read_letter
from equivoice.prompting.options import make_options
from equivoice.prompting.outcome import Parsed
from equivoice.prompting.vocabulary import Vocabulary, vocabulary_of
from equivoice.records import Label, LabelSpace

LABELS = ("sad", "angry", "happy", "neutral")
SPACE = LabelSpace("demo", tuple(map(Label, LABELS)))
WORDS = vocabulary_of(make_options(SPACE, lettered=True))
LETTERS = dict(zip("ABCD", LABELS, strict=True))
LETTER = st.sampled_from("ABCD")


def read(text: str, vocabulary: Vocabulary = WORDS) -> Parsed | None:
    return read_letter(text, vocabulary)


def label(text: str) -> str | None:
    parsed = read(text)
    return None if parsed is None else parsed.label


@given(
    LETTER,
    st.sampled_from(
        [
            "{}",
            "({})",
            "[{}]",
            "{}.",
            "{})",
            " **{}** ",
            '"{}"',
            "{}\n",
            "{}: because",
            "{}.\nThe voice is slow.",
            "The answer is {}.",
            "Answer: {}",
            "answer: ({})",
            "Option {}",
            "option {}.",
            "I choose {}",
            "I would pick option {}.",
            "My choice is {}",
            "I'd go with {}.",
            "I am going for {}!",
            "It is {}.",
            "It's ({})",
        ]
    ),
)
def test_every_way_to_name_a_letter_names_its_option(letter: str, way: str) -> None:
    assert label(way.format(letter)) == LETTERS[letter]


@given(LETTER)
def test_a_lower_case_letter_counts_where_it_stands_alone(letter: str) -> None:
    assert label(letter.lower()) == label(f"({letter.lower()})") == LETTERS[letter]


@given(
    LETTER, st.sampled_from(["{0}. {1}", "({0}) {1}", "{0}: {1}", "{0} - {1}", "Answer: {0}. {1}"])
)
def test_a_letter_with_its_own_word_is_sure_and_with_anothers_is_not(letter: str, way: str) -> None:
    for other, word in LETTERS.items():
        parsed = read(way.format(letter, word.title()))
        assert parsed is not None
        if other == letter:
            assert (parsed.status, parsed.label) == ("parsed", word)
        else:
            assert (parsed.status, parsed.label) == ("ambiguous", None)
            assert repr(word) in parsed.why


@given(
    LETTER, LETTER, st.sampled_from(["{} or {}", "{}, {}", "{}/{}", "either {} or {}", "{} & {}"])
)
def test_two_letters_are_no_choice(one: str, other: str, way: str) -> None:
    parsed = read(way.format(one, other))
    assert parsed is not None
    assert parsed.status == "ambiguous"
    assert "several letters" in parsed.why


@pytest.mark.parametrize(
    "text",
    [
        "A happy voice.",
        "a sad speaker",
        "I think she is sad",
        "The answer is A happy voice.",
        "Despair",
        "Because",
        "sad",
        "",
        "...",
        "12",
    ],
)
def test_words_and_articles_are_no_letters(text: str) -> None:
    assert read(text) is None


@given(st.sampled_from(sorted(set(string.ascii_uppercase) - set("ABCDI"))))
def test_a_letter_of_no_option_is_no_answer(letter: str) -> None:
    assert read(letter) is None
    assert read(f"Answer: {letter}") is None


def test_the_options_repeated_are_no_choice() -> None:
    assert read("A. Sad\nB. Angry\nC. Happy\nD. Neutral") is None


def test_a_letter_that_is_denied_is_not_chosen() -> None:
    assert label("Option A is wrong, the answer is B.") == "angry"
    assert read("Option A is wrong.") is None


def test_two_letters_that_are_both_cued_are_told() -> None:
    parsed = read("The answer is A. My choice is B.")
    assert parsed == Parsed("ambiguous", None, "several letters stand in the answer: A, B")


def test_letters_follow_the_order_displayed() -> None:
    other = vocabulary_of(make_options(SPACE, order="alphabetical", lettered=True))
    parsed = read("A", other)
    assert parsed is not None
    assert parsed.label == "angry"


@given(st.text(max_size=200))
def test_any_text_gives_an_option_a_reason_or_nothing(text: str) -> None:
    parsed = read(text)
    if parsed is not None:
        assert (parsed.label in LABELS) == (parsed.status == "parsed")
        assert parsed.why
