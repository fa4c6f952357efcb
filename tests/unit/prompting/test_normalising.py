"""One form for the many ways to write a word, in every script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.prompting import parse
from equivoice.prompting.normalising import fold, normalise, without_accents, word_pattern

INVISIBLE = "\u00ad\u200b\u200d\u200e\u202a\u2060\ufeff"
WORDS = ("angry", "traurig", "überrascht", "zły", "غمگین", "उदास", "悲しい", "ärgerlich")


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Happy", "happy"),
        ("ＨＡＰＰＹ", "happy"),
        ("ha\u00adppy", "happy"),
        ("\u200bhappy\ufeff", "happy"),
        ("ﬁne", "fine"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("I’m", "i m"),
        ("u\u0308berrascht", "überrascht"),
        ("**happy**_sad", "happy sad"),
        ("happy\n\t sad", "happy sad"),
        ("4th option", "4th option"),
        ("…!?", ""),
        ("", ""),
        ("उदास", "उदास"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
    ],
)
def test_ways_to_write_the_same(written: str, plain: str) -> None:
    assert normalise(written) == plain


@given(st.text())
def test_what_is_normal_is_made_of_words_and_single_blanks(text: str) -> None:
    normal = normalise(text)
    assert normal == " ".join(normal.split())
    assert normal == normal.casefold()
    assert all(c == " " or unicodedata.category(c)[0] in "LNM" for c in normal)


@given(st.sampled_from(WORDS), st.data())
def test_what_cannot_be_seen_parts_no_word(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word)))
    mark = data.draw(st.sampled_from(INVISIBLE))
    assert normalise(word[:place] + mark + word[place:]) == normalise(word)


@given(st.sampled_from(WORDS), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_composed_and_decomposed_letters_are_one(word: str, form: str) -> None:
    written = unicodedata.normalize(form, word)  # type: ignore[arg-type]
    assert normalise(written) == normalise(word)
    assert fold(written) == fold(word)


@given(st.lists(st.sampled_from(WORDS), max_size=5), st.sampled_from([", ", "\n", " - ", " / "]))
def test_words_stay_whole_and_in_order(words: list[str], between: str) -> None:
    assert normalise(between.join(words)).split() == [normalise(word) for word in words]


@given(st.text(st.characters(max_codepoint=127)))
def test_folding_ascii_is_lower_case_and_nothing_else(text: str) -> None:
    assert fold(text) == text.lower().replace("`", "'")


@pytest.mark.parametrize("apostrophe", "’‘ʼ＇`´'")
def test_every_apostrophe_is_one(apostrophe: str) -> None:
    assert fold(f"can{apostrophe}t") == "can't"


@pytest.mark.parametrize("apostrophe", "’`'")
def test_a_negation_is_one_by_whatever_apostrophe(apostrophe: str) -> None:
    assert parse(f"It isn{apostrophe}t angry but happy", ["angry", "happy"]).label == "happy"
    assert parse(f"I can{apostrophe}t hear anything.", ["angry", "happy"]).status == "refused"


@given(st.sampled_from(WORDS))
def test_without_accents_a_word_is_no_shorter_than_its_letters(word: str) -> None:
    plain = without_accents(word)
    assert plain
    assert without_accents(plain) == plain
    assert all(unicodedata.category(c) != "Mn" for c in unicodedata.normalize("NFD", plain))


def test_accents_go_and_letters_stay() -> None:
    assert without_accents("émotion überrascht zły") == "emotion uberrascht zły"
    # marks alone are kept, or nothing would be left
    assert without_accents("\u0308") == "\u0308"


def test_a_word_of_hindi_is_one_word() -> None:
    """Without its marks it would fall into its consonants."""
    import re

    assert re.findall(word_pattern(), "वह दुखी है") == ["वह", "दुखी", "है"]
