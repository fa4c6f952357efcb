"""Questions as messages, and placeholders widened."""

from __future__ import annotations

import pytest
from jinja2 import TemplateError

from equivoice.errors import ConfigError
from equivoice.models import Clip, Question
from equivoice.models.hearing.chat import check_question, expanded, messages, rendering
from equivoice.prompting.turns import AUDIO, Turn


def test_parts_keep_their_order() -> None:
    turns = (Turn("system", ("Be brief.",)), Turn("user", ("First", AUDIO, "last")))
    assert messages(Question("a", turns, Clip("/a.wav"))) == [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "First"},
                {"type": "audio"},
                {"type": "text", "text": "last"},
            ],
        },
    ]


def test_one_clip_one_place() -> None:
    check_question(Question("a", (Turn("user", (AUDIO, "Which?")),), Clip("/a.wav")))
    check_question(Question("a", (Turn("user", ("Which?",)),)))
    with pytest.raises(ConfigError, match="several places for sound"):
        check_question(Question("a", (Turn("user", (AUDIO, AUDIO)),), Clip("/a.wav")))


def test_placeholders_of_the_text_itself_are_found_out() -> None:
    assert expanded("x<a>y<a>z", "<a>", [2, 1], whose="u") == "x<a><a>y<a>z"
    assert expanded("no sound", "<a>", [], whose="u") == "no sound"
    with pytest.raises(ConfigError, match=r"2 placeholders for 1 clips: 'corpus/7'"):
        expanded("<a> she said <a>", "<a>", [3], whose="corpus/7")
    with pytest.raises(ConfigError, match="0 placeholders for 1 clips"):
        expanded("dropped", "<a>", [3], whose="u")


@pytest.mark.parametrize("error", [TemplateError("System role not supported"), ValueError("no")])
def test_a_template_that_refuses_is_explained(error: Exception) -> None:
    with pytest.raises(ConfigError, match="does not take the prompt") as told, rendering():
        raise error
    assert str(error) in str(told.value)
    assert told.value.__cause__ is error
    with pytest.raises(RuntimeError), rendering():
        raise RuntimeError("another matter")
