"""Misspelt and cut words: every small slip is mended, and no other word is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.prompting.outcome import Parsed
from equivoice.prompting.spelling import read_misspelt
from equivoice.prompting.units import to_units
from equivoice.prompting.vocabulary import vocabulary_of

LABELS = ("angry", "happy", "neutral", "surprised", "disgusted")
WORDS = vocabulary_of(LABELS)
OTHER = ("angel", "neural", "natural", "happen", "discuss", "disguise")
LONG = st.sampled_from(["neutral", "surprised", "disgusted"])


def read(text: str) -> Parsed | None:
    return read_misspelt(to_units(text, WORDS.lexicon), WORDS)


def label(text: str) -> str | None:
    parsed = read(text)
    return None if parsed is None else parsed.label


def slip(word: str, kind: str, place: int, letter: str) -> str:
    if kind == "added":
        return word[:place] + letter + word[place:]
    if kind == "left out":
        return word[:place] + word[place + 1 :]
    if kind == "changed":
        return word[:place] + letter + word[place + 1 :]
    return word[:place] + word[place + 1 : place + 2] + word[place] + word[place + 2 :]


@given(
    LONG,
    st.sampled_from(["added", "left out", "changed", "swapped"]),
    st.data(),
)
def test_one_slip_after_the_first_letter_is_mended(
    word: str, kind: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(1, len(word) - 1))
    written = slip(word, kind, place, data.draw(st.sampled_from("xqz")))
    if written in WORDS.words or written in OTHER:  # "neural" is a word of its own
        return
    assert label(f"it is {written}.") == word


@given(LONG, st.data())
def test_an_answer_that_stops_within_a_word_is_known_by_its_beginning(
    word: str, data: st.DataObject
) -> None:
    """As where max_new_tokens cut it."""
    cut = word[: data.draw(st.integers(4, len(word) - 1))]
    if cut in WORDS.words:  # "neutra" is Spanish
        return
    parsed = read(f"The speaker sounds {cut}")
    assert parsed is not None
    assert parsed.label == word
    assert cut in parsed.why


@pytest.mark.parametrize("word", OTHER)
def test_other_words_are_not_mended(word: str) -> None:
    assert label(f"it is {word}.") is None


@pytest.mark.parametrize("word", ["hap", "ang", "sur"])
def test_a_short_word_in_the_middle_is_no_beginning(word: str) -> None:
    assert read(f"it is {word} today.") is None


@pytest.mark.parametrize("word", ["jappy", "xngry", "meutral"])
def test_another_first_letter_is_another_word(word: str) -> None:
    assert label(f"it is {word}.") is None


def test_two_slips_in_a_short_word_are_too_many() -> None:
    assert label("it is hxpqy.") is None


def test_a_long_answer_is_not_searched_for_slips() -> None:
    filler = "word " * 40
    assert read(f"{filler} neutrl.") is None
    assert label("neutrl.") == "neutral"


def test_a_word_beyond_all_words_is_left_alone() -> None:
    assert read("surprised" * 4) is None


def test_two_slips_of_two_labels_are_no_choice() -> None:
    parsed = read("neutrl or surprized.")
    assert parsed is not None
    assert (parsed.status, parsed.label) == ("ambiguous", None)


def test_a_slip_that_is_denied_is_no_answer() -> None:
    assert label("not neutrl.") is None
    assert label("not neutrl but surprized.") == "surprised"


def test_the_reason_names_the_word_the_option_and_the_score() -> None:
    parsed = read("neutrl.")
    assert parsed == Parsed("parsed", "neutral", "'neutrl' resembles 'neutral' (score 0.86)")


@given(st.text(max_size=80))
def test_any_text_is_read_or_left(text: str) -> None:
    parsed = read(text)
    if parsed is not None:
        assert parsed.status != "unparsed"
        assert (parsed.label in LABELS) == (parsed.status == "parsed")
