"""Label spaces: order, synonyms, and no word that stands for two labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import LabelError
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry", ("anger", "mad")), Label("sad", ("sadness",))))


def test_names_keep_their_order() -> None:
    assert SPACE.names == ("angry", "sad")
    assert [SPACE.index(name) for name in SPACE.names] == [0, 1]


@pytest.mark.parametrize(
    ("word", "label"),
    [("angry", "angry"), ("ANGER", "angry"), (" mad ", "angry"), ("Sadness", "sad"), ("joy", None)],
)
def test_words_resolve_whatever_their_case(word: str, label: str | None) -> None:
    assert SPACE.resolve(word) == label


def test_case_folding_reaches_beyond_ascii() -> None:
    assert LabelSpace("de", (Label("Süß"),)).resolve("SÜSS") == "Süß"


def test_an_unknown_label_is_an_error_with_the_choices() -> None:
    with pytest.raises(LabelError, match="not a label of 'demo'") as caught:
        SPACE.index("anger")
    assert caught.value.choices == ("angry", "sad")


@pytest.mark.parametrize(
    "labels",
    [
        (Label("angry"), Label("Angry")),
        (Label("angry", ("mad",)), Label("sad", ("MAD",))),
        (Label("angry", ("sad",)), Label("sad")),
    ],
)
def test_a_word_for_two_labels_is_refused(labels: tuple[Label, ...]) -> None:
    with pytest.raises(LabelError, match="one word stands for two labels"):
        LabelSpace("bad", labels)


def test_a_repeated_synonym_of_one_label_is_no_conflict() -> None:
    assert LabelSpace("ok", (Label("angry", ("anger", "Anger", "angry")),)).names == ("angry",)


def test_a_space_without_labels_is_refused() -> None:
    with pytest.raises(LabelError, match="needs a label"):
        LabelSpace("none", ())


def test_restricting_keeps_the_order_of_the_space_and_the_synonyms() -> None:
    small = SPACE.restrict(["sad", "nonsense"])
    assert small.names == ("sad",)
    assert small.resolve("sadness") == "sad"
    assert SPACE.restrict(["sad", "angry"]) == SPACE


def test_spaces_are_values() -> None:
    twin = LabelSpace("demo", (Label("angry", ("anger", "mad")), Label("sad", ("sadness",))))
    assert twin == SPACE
    assert hash(twin) == hash(SPACE)


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1))
def test_every_name_resolves_to_itself_or_the_space_is_refused(names: list[str]) -> None:
    try:
        space = LabelSpace("any", tuple(Label(name) for name in names))
    except LabelError:
        folded = [" ".join(name.casefold().split()) for name in names]
        assert len(set(folded)) < len(names)
        return
    assert [space.resolve(name) for name in names] == names
