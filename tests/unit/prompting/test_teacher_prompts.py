"""A teacher's prompt is the published one, letter by letter; elsewhere nobody is told a label."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.errors import ConfigError, InputError
from equivoice.prompting import AUDIO, load_prompt, make_options, prompt_names
from equivoice.prompting.teacher_prompts import load_teacher_prompt, teacher_prompt_names
from equivoice.records import Label, LabelSpace

OPTIONS = make_options(LabelSpace("demo", (Label("sad"), Label("happy"))))

# The box "Prompt for Reasoning Generation" of the paper, with $CONTENT and $EMOTION filled in.
PUBLISHED = """Given the Content: Oh {no}.
Emotion: sad
Provide a detailed reasoning that explains how the emotion and its intensity relate to the spoken content and the audio's characteristics, such as tone, pitch, speaking style, clarity, and other acoustic properties.
## Here are some rules you should follow:
- DO NOT use the word sad in your reasoning.
- DO NOT use open-ended questions or follow-up invitations in the reasoning. For example, "What do you think about this?", "What do you think?" or "If you want to talk more about this or have other thoughts, feel free to share."
- DO NOT use "Well, you know" or "Well" in the reasoning."""


def render(name: str, **more: str | None) -> tuple[object, ...]:
    turns = load_teacher_prompt(name).render(
        OPTIONS,
        family="qwen2_5_omni",
        modality="speech+transcript",
        transcript="Oh {no}.",
        **more,  # type: ignore[arg-type]
    )
    return tuple(part for turn in turns for part in turn.parts)


def test_the_published_prompt_is_the_papers() -> None:
    assert render("published", emotion="sad") == (AUDIO, PUBLISHED)


@pytest.mark.parametrize("name", teacher_prompt_names())
def test_each_tells_words_and_label_and_leaves_a_place_for_the_sound(name: str) -> None:
    parts = render(name, emotion="sad")
    text = "".join(part for part in parts if isinstance(part, str))
    assert parts.count(AUDIO) == 1
    assert "Oh {no}." in text
    assert "sad" in text
    assert "{emotion}" not in text


def test_a_teacher_must_be_told_a_label() -> None:
    with pytest.raises(ConfigError, match="tells the label, which is for teachers only"):
        render("published")


def test_no_question_tells_the_label(tmp_path: Path) -> None:
    assert not set(prompt_names()) & set(teacher_prompt_names())
    for name in prompt_names():
        assert all("emotion" not in each.places for each in load_prompt(name).wordings)
    file = tmp_path / "leak.yaml"
    file.write_text('wordings: [{turns: [{user: "{audio}It is {emotion}. Which?"}]}]')
    with pytest.raises(ConfigError, match=r"unknown slot \{emotion\}"):
        load_prompt(file)
    assert load_teacher_prompt(file).name == "leak"


@pytest.mark.parametrize("text", ["{audio}Why?", "{transcript} is {emotion}: why?"])
def test_a_teacher_that_is_not_told_or_does_not_hear_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f'wordings: [{{turns: [{{user: "{text}"}}]}}]')
    with pytest.raises(ConfigError, match="has no place"):
        load_teacher_prompt(file)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown prompt for a teacher") as caught:
        load_teacher_prompt("publisht")
    assert caught.value.choices == teacher_prompt_names()
    with pytest.raises(InputError, match="cannot be read"):
        load_teacher_prompt(tmp_path / "nowhere.yaml")
