"""Options: every label once, in an order that seed and number alone decide."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError, LabelError
from equivoice.prompting import Options, make_options, options_as_shown
from equivoice.records import Label, LabelSpace

NAMES = st.lists(st.text("abcdefghij", min_size=1, max_size=6), min_size=1, max_size=9, unique=True)
ORDER = st.sampled_from(["given", "alphabetical"]) | st.integers(1, 30).map("shuffled-{}".format)
FOUR = ("neutral", "happy", "sad", "angry")


def space_of(*names: str) -> LabelSpace:
    return LabelSpace("demo", tuple(map(Label, names)))


@given(NAMES, ORDER, st.integers(0, 9))
def test_every_label_stands_once_with_its_own_word(names: list[str], order: str, seed: int) -> None:
    options = make_options(space_of(*names), order=order, seed=seed)
    assert sorted(options.labels) == sorted(names)
    assert [word.casefold() for word in options.shown] == list(options.labels)
    assert all(word[0].isupper() for word in options.shown)


@given(NAMES, ORDER, st.integers(0, 9))
def test_the_order_is_the_same_each_time_and_whatever_the_words(
    names: list[str], order: str, seed: int
) -> None:
    space = space_of(*names)
    options = make_options(space, order=order, seed=seed, lettered=True)
    assert options.labels == make_options(space, order=order, seed=seed).labels
    if order != "alphabetical":
        words = {name: f"w{place}" for place, name in enumerate(names)}
        other = make_options(space, order=order, seed=seed, words=words)
        assert other.labels == options.labels
        assert other.shown == tuple(words[label] for label in options.labels)


def test_alphabetical_is_of_the_words_displayed_and_blind_to_case() -> None:
    words = {"neutral": "zero", "happy": "Yes", "sad": "xylo"}
    options = make_options(space_of(*FOUR), order="alphabetical", words=words)
    assert options.shown == ("Angry", "xylo", "Yes", "zero")


def test_permutations_are_the_same_for_ever() -> None:
    """A study that is repeated in ten years must display what it displayed."""
    shown = [make_options(space_of(*FOUR), order=f"shuffled-{k}").labels for k in (1, 2, 3)]
    assert len(set(shown)) == 3
    assert shown[0] == make_options(space_of(*FOUR), order="shuffled-01").labels
    assert make_options(space_of(*FOUR), order="shuffled-1", seed=1).labels != shown[0]


def test_permutations_prefer_no_label_at_any_place() -> None:
    shown = [make_options(space_of(*FOUR), order=f"shuffled-{k}").labels for k in range(1, 1201)]
    for place in range(4):
        counts = Counter(labels[place] for labels in shown)
        # each is due 300 times, with a standard deviation of 15
        assert all(abs(counts[name] - 300) < 60 for name in FOUR), counts
    assert len(set(shown)) == 24


@pytest.mark.parametrize(
    "order", ["", "shuffled", "shuffled-", "shuffled-0", "shuffled--1", "shuffled-x", "random-1"]
)
def test_an_unknown_order_is_told_with_the_choices(order: str) -> None:
    with pytest.raises(ConfigError, match="unknown label order") as caught:
        make_options(space_of(*FOUR), order=order)
    assert caught.value.choices == ("given", "alphabetical", "shuffled-K")


def test_a_word_for_a_label_that_is_not_there_is_refused() -> None:
    with pytest.raises(LabelError, match="not a label of 'demo': 'bored'") as caught:
        make_options(space_of(*FOUR), words={"bored": "Bored"})
    assert caught.value.choices == FOUR


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (("sad", "angry"), ("Sad",)),
        (("sad",), ("Sad", "Angry")),
        (("sad", "angry"), ("Bad", "Bad")),
    ],
)
def test_each_option_has_one_word_of_its_own(
    labels: tuple[str, ...], shown: tuple[str, ...]
) -> None:
    with pytest.raises(LabelError, match="one word of its own"):
        Options(space_of(*FOUR), labels, shown)


def test_an_option_that_is_no_label_is_refused() -> None:
    with pytest.raises(LabelError, match="'bored'"):
        Options(space_of(*FOUR), ("bored",), ("Bored",))


def test_letters_stand_in_the_order_of_display() -> None:
    options = make_options(space_of(*FOUR), order="alphabetical", lettered=True)
    assert options.text == "A. Angry\nB. Happy\nC. Neutral\nD. Sad"
    assert make_options(space_of(*FOUR)).text == "Neutral, Happy, Sad, Angry"


@given(NAMES, ORDER, st.integers(0, 3), st.booleans())
def test_options_are_known_again_from_what_was_shown(
    names: list[str], order: str, seed: int, lettered: bool
) -> None:
    space = space_of(*names)
    options = make_options(space, order=order, seed=seed, lettered=lettered)
    assert options_as_shown(space, options.shown, lettered=lettered) == options
    if lettered:
        assert options_as_shown(space, options.text.split("\n")) == options


def test_letters_out_of_order_are_no_letters() -> None:
    with pytest.raises(LabelError, match="stands for no label"):
        options_as_shown(space_of(*FOUR), ["B. Sad", "A. Angry"])


@pytest.mark.parametrize("size", [26, 27])
def test_there_are_letters_for_26_options_and_no_more(size: int) -> None:
    """The 27th would be "[", which no answer can be known by."""
    space = space_of(*(f"label {place}" for place in range(size)))
    assert len(make_options(space).shown) == size
    if size == 26:
        assert make_options(space, lettered=True).text.endswith("\nZ. Label 25")
        return
    with pytest.raises(ConfigError, match="letters for 26 options only: 27") as caught:
        make_options(space, lettered=True)
    assert caught.value.hint == "take a prompt without letters"
