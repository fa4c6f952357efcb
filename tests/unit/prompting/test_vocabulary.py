"""Which words stand for which option, and the word lists themselves."""

from __future__ import annotations

import gc

import pytest

from equivoice.corpora.labels import label_space, lexicon
from equivoice.prompting import Options, make_options
from equivoice.prompting import vocabulary as module
from equivoice.prompting.units import VERBS, signals
from equivoice.prompting.vocabulary import emotion_of, vocabulary_of
from equivoice.records import Label, LabelSpace


def test_what_is_displayed_goes_before_a_synonym_of_another_label() -> None:
    space = LabelSpace("odd", (Label("low", ("sad",)), Label("down")))
    options = Options(space, ("low", "down"), ("Low", "Sad"))
    assert vocabulary_of(options).words["sad"] == "down"


def test_english_words_count_beside_those_of_the_language_displayed() -> None:
    options = make_options(
        label_space(["angry", "sad"]), words={"angry": "wütend", "sad": "traurig"}
    )
    words = vocabulary_of(options).words
    assert {words[w] for w in ("wütend", "wut", "zornig", "angry", "furious")} == {"angry"}
    assert {words[w] for w in ("trauer", "sorrow")} == {"sad"}
    assert "triste" not in words  # no option is displayed in French


def test_a_family_that_two_options_claim_counts_for_neither() -> None:
    words = vocabulary_of(["happy", "joy", "sad"]).words
    assert (words["happy"], words["joy"]) == ("happy", "joy")
    assert "cheerful" not in words
    assert words["sorrow"] == "sad"


def test_labels_that_are_not_displayed_lend_no_words() -> None:
    space = label_space(["angry", "happy", "sad"])
    options = Options(space, ("angry", "sad"), ("Angry", "Sad"))
    assert "joyful" not in vocabulary_of(options).words


def test_the_same_options_are_prepared_once_and_forgotten_with_them() -> None:
    space = LabelSpace("unique to this test", (Label("angry"), Label("qualm")))
    first = vocabulary_of(space)
    assert vocabulary_of(space) is first
    key = id(space)
    assert key in module._KNOWN
    equal = LabelSpace("unique to this test", (Label("angry"), Label("qualm")))
    assert vocabulary_of(equal) is first  # equal options share it, whichever object they are
    module._of_space.cache_clear()
    del space
    gc.collect()
    assert key not in module._KNOWN


def test_letters_go_to_the_end_of_the_alphabet() -> None:
    labels = tuple(Label(f"label {i}") for i in range(26))
    letters = vocabulary_of(make_options(LabelSpace("many", labels), lettered=True)).letters
    assert len(letters) == 26
    assert letters["z"] == "label 25"


@pytest.mark.parametrize(
    ("word", "emotion"),
    [
        ("WÜTEND", "angry"),
        ("难过", "sad"),
        ("paura", "fear"),
        ("surprise", "surprise"),
        ("table", None),
    ],
)
def test_the_emotion_of_a_word_in_any_language(word: str, emotion: str | None) -> None:
    assert emotion_of(word) == emotion


def test_no_word_of_a_language_stands_in_two_families() -> None:
    seen: dict[tuple[str, str], str] = {}
    for (emotion, language), words in module._families().items():
        for word in words:
            other = seen.setdefault((language, word), emotion)
            assert other == emotion, f"{language} {word}: {other} and {emotion}"


def test_families_and_lexicon_agree_on_english_words() -> None:
    for (emotion, language), words in module._families().items():
        if language == "en":
            assert {lexicon().resolve(word) or emotion for word in words} == {emotion}


def test_word_lists_are_texts_and_each_signal_is_of_one_kind() -> None:
    """YAML reads a bare no as false, which would lose the most frequent negation."""
    kinds: dict[str, str] = {}
    for kind, words in signals().items():
        for word in words:
            assert isinstance(word, str), f"{kind}: {word!r}"
            if kind != VERBS:
                assert kinds.setdefault(word, kind) == kind, word
    assert kinds["no"] == kinds["not"] == "negation"
