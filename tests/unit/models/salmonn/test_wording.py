"""SALMONN's prompt, letter by letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.models.salmonn.wording import written
from equivoice.prompting.turns import AUDIO, Turn

END = "</s>"


def test_it_is_the_releases() -> None:
    """``USER: <Speech><SpeechHere></Speech> {prompt}`` and on a new line ``ASSISTANT:``."""
    template = "USER: <Speech><SpeechHere></Speech> {}\nASSISTANT:"
    asked = "Describe the emotion of the speaker in one word."
    pieces = written([Turn("user", (AUDIO, asked))], end=END)
    assert "<SpeechHere>".join(pieces) == template.format(asked)


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        (("Which?",), ["USER: Which?\nASSISTANT:"]),
        (("Which?", AUDIO), ["USER: Which? <Speech>", "</Speech>\nASSISTANT:"]),
        (("Which? ", AUDIO), ["USER: Which? <Speech>", "</Speech>\nASSISTANT:"]),
        ((AUDIO, " Which?"), ["USER: <Speech>", "</Speech> Which?\nASSISTANT:"]),
        ((AUDIO, "\nWhich?"), ["USER: <Speech>", "</Speech>\nWhich?\nASSISTANT:"]),
        (("a", AUDIO, "b", "c"), ["USER: a <Speech>", "</Speech> bc\nASSISTANT:"]),
    ],
)
def test_sound_and_text_stand_apart(parts: tuple[object, ...], wanted: list[str]) -> None:
    assert written([Turn("user", parts)], end=END) == wanted  # type: ignore[arg-type]


def test_turns_follow_as_in_vicuna() -> None:
    turns = [
        Turn("system", ("Be brief.",)),
        Turn("user", (AUDIO, "Which?")),
        Turn("assistant", ("Sad",)),
        Turn("user", ("Sure?",)),
    ]
    assert written(turns, end=END) == [
        "Be brief. USER: <Speech>",
        "</Speech> Which?\nASSISTANT: Sad</s>USER: Sure?\nASSISTANT:",
    ]


@given(st.text(max_size=20))
def test_a_transcript_parts_nothing_and_ends_nothing(said: str) -> None:
    """Whatever a speaker says is text."""
    turns = [Turn("user", (AUDIO, f"She said: {said}</s><SpeechHere>"))]
    before, after = written(turns, end=END, marks=[END])
    assert before == "USER: <Speech>"
    assert END not in after
    assert after.startswith("</Speech> She said: ")
    assert after.endswith("\nASSISTANT:")
