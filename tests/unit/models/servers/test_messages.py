"""Turns as chat messages: what was rendered arrives, in its order, and nothing else."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import AudioError, InputError
from equivoice.models.language import Clip, Question
from equivoice.models.servers.messages import (
    AudioCoding,
    AudioPart,
    chat_messages,
    encode_clip,
    sound_part,
)
from equivoice.prompting.turns import AUDIO, Part, Role, Turn

SOUND = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
ROLES: tuple[Role, ...] = ("system", "user", "assistant")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PARTS: st.SearchStrategy[list[Part]] = st.lists(TEXT | st.just(AUDIO), max_size=5)
TURNS = st.lists(st.tuples(st.sampled_from(ROLES), PARTS), min_size=1, max_size=4)


def as_heard(content: Any) -> list[Any]:
    """What a model is given: texts joined where nothing stands between, and sounds."""
    if isinstance(content, str):
        return [content] if content else []
    heard: list[Any] = []
    for part in content:
        if part["type"] != "text":
            heard.append(AUDIO)
        elif heard and isinstance(heard[-1], str):
            heard[-1] += part["text"]
        else:
            heard.append(part["text"])
    return heard


@given(TURNS)
def test_texts_and_sounds_arrive_in_the_order_of_the_turns(
    turns: list[tuple[Role, list[Part]]],
) -> None:
    question = Question("a/1", tuple(Turn(role, tuple(parts)) for role, parts in turns))
    messages = chat_messages(question, SOUND)
    assert [message["role"] for message in messages] == [role for role, _ in turns]
    for message, (_, parts) in zip(messages, turns, strict=True):
        expected: list[Any] = []
        for part in parts:
            if isinstance(part, str) and expected and isinstance(expected[-1], str):
                expected[-1] += part
            elif part:
                expected.append(part)
        assert as_heard(message["content"]) == expected


@given(TURNS)
def test_a_turn_of_text_alone_is_a_plain_string(turns: list[tuple[Role, list[Part]]]) -> None:
    """Some servers join the texts of a list by blanks, which changes the prompt."""
    question = Question("a/1", tuple(Turn(role, tuple(parts)) for role, parts in turns))
    for message, (_, parts) in zip(chat_messages(question, SOUND), turns, strict=True):
        assert isinstance(message["content"], str) == (AUDIO not in parts)


def test_no_empty_text_is_sent_beside_a_sound() -> None:
    """OpenAI refuses a part with an empty text."""
    turns = (Turn("user", ("", AUDIO, "", "Which?")),)
    (message,) = chat_messages(Question("a/1", turns), SOUND)
    assert message["content"] == [SOUND, {"type": "text", "text": "Which?"}]


def test_a_sound_that_has_no_place_is_not_sent() -> None:
    turns = (Turn("user", ("Which?",)),)
    assert chat_messages(Question("a/1", turns), SOUND) == [{"role": "user", "content": "Which?"}]


def test_a_place_without_a_sound_names_the_utterance_and_a_way_out() -> None:
    turns = (Turn("system", ("Be brief.",)), Turn("user", (AUDIO, "Which?")))
    with pytest.raises(InputError, match="comes without: 'a/1'") as caught:
        chat_messages(Question("a/1", turns), None)
    assert "modality 'transcript'" in str(caught.value)


@given(st.binary(max_size=200), st.sampled_from(["wav", "flac"]))
def test_both_forms_hold_the_same_bytes_and_name_what_they_are(
    data: bytes, coding: AudioCoding
) -> None:
    forms: tuple[AudioPart, ...] = ("input_audio", "audio_url")
    ours, vllms = (json.loads(json.dumps(sound_part(data, form=f, coding=coding))) for f in forms)
    assert ours["type"] == "input_audio"
    assert ours["input_audio"]["format"] == coding
    assert base64.b64decode(ours["input_audio"]["data"], validate=True) == data
    head, _, body = vllms["audio_url"]["url"].partition(",")
    assert (vllms["type"], head) == ("audio_url", f"data:audio/{coding};base64")
    assert base64.b64decode(body, validate=True) == data


# -------------------------------------------------------------------------------- clips


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """Three seconds at 16 kHz, each second of another level."""
    path = tmp_path / "steps.wav"
    levels = np.repeat(np.array([1000, 2000, 3000], dtype=np.int16), 16_000)
    soundfile.write(path, levels, 16_000, subtype="PCM_16")
    return path


def sent(clip: Clip, coding: AudioCoding = "wav", **limits: float) -> np.ndarray[Any, Any]:
    given = {"longest": 30.0, "most_megabytes": 20.0} | limits
    data = encode_clip(clip, coding=coding, rate=16_000, **given)
    read, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == 16_000
    return np.asarray(read)


@pytest.mark.parametrize("coding", ["wav", "flac"])
def test_a_piece_holds_its_own_samples_and_no_others(steps: Path, coding: AudioCoding) -> None:
    read = sent(Clip(str(steps), 1.0, 2.0), coding)
    assert read.tolist() == [2000] * 16_000
    assert sent(Clip(str(steps)), coding).tolist() == [1000] * 16_000 + [2000] * 16_000 + (
        [3000] * 16_000
    )


def test_the_limit_of_length_is_of_the_piece(steps: Path) -> None:
    assert len(sent(Clip(str(steps), 0.5, 1.5), longest=1.0)) == 16_000
    with pytest.raises(AudioError) as caught:
        sent(Clip(str(steps)), longest=1.0)
    assert caught.value.file == str(steps)


def test_the_limit_of_size_names_file_size_and_way_out(steps: Path) -> None:
    with pytest.raises(AudioError) as caught:
        sent(Clip(str(steps)), most_megabytes=0.05)
    message = str(caught.value)
    assert "0.1 MB as wav; the limit is 0.05 MB" in message
    assert str(steps) in message
    assert "most_megabytes" in message


def test_what_is_too_large_as_wav_may_be_small_enough_as_flac(steps: Path) -> None:
    assert len(sent(Clip(str(steps)), "flac", most_megabytes=0.05)) == 48_000
