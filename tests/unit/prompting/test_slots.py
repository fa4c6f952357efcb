"""Templates against a reader written another way, letter by letter."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.prompting.slots import SLOTS, Place, read_template, render_parts
from equivoice.prompting.turns import AUDIO

BRACED = st.lists(
    st.sampled_from(["{", "}", "{{", "}}", " ", "labels", "audio", "a", '"', ":", "é", "{labels}"]),
    max_size=14,
).map("".join)
VALUES = {name: f"<{name}>" for name in SLOTS if name != "audio"}


def word_at(text: str, start: int) -> str:
    """The letters, digits and underscores from a place on."""
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return text[start:end]


def by_letters(text: str) -> list[str | Place]:
    """The same as ``read_template``, without regular expressions."""
    found: list[str | Place] = [""]
    place = 0
    while place < len(text):
        for opening, closing in (("{{", "}}"), ("{", "}")):
            word = word_at(text, place + len(opening)) if text.startswith(opening, place) else ""
            if word and text.startswith(closing, place + len(opening) + len(word)):
                break
        else:
            found[-1] = f"{found[-1]}{text[place]}"
            place += 1
            continue
        if opening == "{":
            found += [Place(word), ""]
        else:
            found[-1] = f"{found[-1]}{{{word}}}"
        place += len(opening) + len(word) + len(closing)
    return [piece for piece in found if piece != ""]


@given(BRACED)
def test_texts_and_places_are_those_of_a_plain_reader(text: str) -> None:
    assert list(read_template(text)) == by_letters(text)


@given(st.text())
def test_a_text_without_braces_is_itself(text: str) -> None:
    plain = text.replace("{", "(").replace("}", ")")
    assert read_template(plain) == ((plain,) if plain else ())


@pytest.mark.parametrize(
    "text",
    ['{"emotion": "sad"}', "{}", "{ labels }", "{a b}", "{labels", "labels}", "\\boxed{}", "{-}"],
)
def test_other_braces_are_braces(text: str) -> None:
    assert read_template(text) == (text,)


@pytest.mark.parametrize("name", sorted(SLOTS))
def test_a_place_can_be_written_literally(name: str) -> None:
    assert read_template(f"{{{{{name}}}}}") == (f"{{{name}}}",)
    assert read_template(f"{{{name}}}") == (Place(name),)


def test_an_unknown_place_is_left_to_validation() -> None:
    assert read_template("{lable}") == (Place("lable"),)


@given(BRACED, BRACED)
def test_a_template_of_two_joined_by_a_blank_is_both(one: str, other: str) -> None:
    def filled(text: str) -> str:
        values = VALUES | {"a": "<a>", "labelsa": "", "alabels": ""}
        pieces = read_template(text)
        return "".join(
            piece if isinstance(piece, str) else values.get(piece.name, f"<{piece.name}>")
            for piece in pieces
        )

    assert filled(f"{one} {other}") == f"{filled(one)} {filled(other)}"


@given(st.text(), st.text())
def test_what_is_filled_in_is_never_read_again(labels: str, transcript: str) -> None:
    template = read_template("A {labels} B {transcript} C")
    values = VALUES | {"labels": labels, "transcript": transcript}
    assert "".join(map(str, render_parts(template, values))) == f"A {labels} B {transcript} C"


@given(st.lists(st.sampled_from(["{audio}", "{labels}", "{number}", "x", " "]), max_size=9))
def test_sounds_part_texts_and_texts_are_never_parted_otherwise(pieces: list[str]) -> None:
    parts = list(render_parts(read_template("".join(pieces)), VALUES))
    assert parts.count(AUDIO) == pieces.count("{audio}")
    assert "" not in parts
    texts = [isinstance(part, str) for part in parts]
    assert not any(one and other for one, other in pairwise(texts))
    spoken = "".join(part if isinstance(part, str) else "{audio}" for part in parts)
    expected = "".join(pieces).replace("{labels}", "<labels>").replace("{number}", "<number>")
    assert spoken == expected


def test_a_place_that_nothing_fills_is_an_error() -> None:
    with pytest.raises(KeyError, match="labels"):
        list(render_parts(read_template("{labels}"), {}))


def test_an_empty_template_has_no_parts() -> None:
    assert list(render_parts(read_template(""), VALUES)) == []
    assert list(render_parts(read_template("{labels}"), {"labels": ""})) == []
