"""The lexicon and the label spaces made of it."""

from __future__ import annotations

import pytest

from equivoice.corpora.labels import canonical, in_lexicon_order, label_space, lexicon
from equivoice.errors import LabelError


def test_no_word_of_the_lexicon_stands_for_two_labels() -> None:
    words = [w for label in lexicon().labels for w in (label.name, *label.synonyms)]
    assert len(words) == len(set(words))


def test_words_are_lower_case_and_without_outer_spaces() -> None:
    for word in lexicon().words:
        assert word == word.strip().casefold()


@pytest.mark.parametrize("word", ["upset", "annoyed", "nervous", "tense", "unhappily"])
def test_words_that_people_use_for_two_emotions_stand_for_none(word: str) -> None:
    assert lexicon().resolve(word) is None


@pytest.mark.parametrize(
    ("given", "label"),
    [("Anger", "angry"), ("JOY", "happy"), ("fearful", "fear"), ("no  emotion", "neutral"),
     ("unhappy", "sad"), ("Blah", "blah")],
)  # fmt: skip
def test_canonical(given: str, label: str) -> None:
    assert canonical(given) == label


def test_a_space_resolves_synonyms_of_its_own_labels_only() -> None:
    space = label_space(["happy", "fear"], id="two")
    assert space.id == "two"
    assert space.names == ("happy", "fear")
    assert space.resolve("terrified") == "fear"
    assert space.resolve("furious") is None


def test_a_name_that_is_a_synonym_keeps_its_spelling_and_gets_the_words() -> None:
    space = label_space(["Anger", "joy"])
    assert space.names == ("Anger", "joy")
    assert space.resolve("angry") == "Anger"
    assert space.resolve("happy") == "joy"


def test_two_names_for_one_emotion_get_no_synonyms() -> None:
    space = label_space(["joy", "happy", "sad"])
    assert space.resolve("glad") is None
    assert space.resolve("joy") == "joy"
    assert space.resolve("sorrow") == "sad"


def test_names_that_nobody_knows_are_labels_all_the_same() -> None:
    assert label_space(["wistful"]).resolve("Wistful") == "wistful"


def test_repeats_are_ignored_and_nothing_is_no_space() -> None:
    assert label_space(["sad", "sad"]).names == ("sad",)
    with pytest.raises(LabelError):
        label_space([])


def test_names_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(LabelError, match="two labels"):
        label_space(["sad", "Sad"])


def test_order_follows_the_lexicon_then_the_alphabet() -> None:
    given = ["zeal", "neutral", "awe", "Happiness", "angry"]
    assert in_lexicon_order(given) == ["angry", "Happiness", "neutral", "awe", "zeal"]
