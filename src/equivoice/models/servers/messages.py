"""Turns as the messages of a chat request, with the sound inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Literal

from equivoice.audio import decode
from equivoice.audio.encode import Coding as AudioCoding
from equivoice.audio.encode import encode
from equivoice.errors import AudioError, InputError
from equivoice.models.language import Clip, Question
from equivoice.prompting.turns import Turn

__all__ = ["AudioCoding", "AudioPart", "chat_messages", "encode_clip", "sound_part"]

AudioPart = Literal["input_audio", "audio_url"]
Message = dict[str, Any]

_MEGABYTE = 1_000_000


def chat_messages(question: Question, sound: Mapping[str, Any] | None) -> list[Message]:
    """The messages of a request.

    A turn of text alone is sent as a plain string: some servers join the texts of a
    list by blanks. Text and sound keep their order.

    Args:
        question: what is asked.
        sound: the part that stands for the sound, where there is one.

    Raises:
        InputError: the turns leave a place for a sound, and the question has none.

    Example:
        >>> chat_messages(Question("a/1", (Turn("user", ("Which emotion?",)),)), None)
        [{'role': 'user', 'content': 'Which emotion?'}]
    """
    return [_message(turn, question, sound) for turn in question.turns]


def _message(turn: Turn, question: Question, sound: Mapping[str, Any] | None) -> Message:
    if not turn.has_audio:
        return {"role": turn.role, "content": turn.text}
    if sound is None:
        raise InputError(
            "the prompt has a place for sound, and the question comes without",
            value=question.utterance_id,
            hint="ask with the modality 'transcript', or give the utterance its sound",
        )
    parts: list[Mapping[str, Any]] = []
    for part in turn.parts:
        if not isinstance(part, str):
            parts.append(sound)
        elif part:
            parts.append({"type": "text", "text": part})
    return {"role": turn.role, "content": parts}


def sound_part(data: bytes, *, form: AudioPart, coding: AudioCoding) -> Message:
    """A sound as one part of a message.

    Args:
        data: the sound file.
        form: ``input_audio``, which is OpenAI's, or ``audio_url``, which is vLLM's.
        coding: what kind of file it is.

    Example:
        >>> sound_part(b"RIFF", form="audio_url", coding="wav")
        {'type': 'audio_url', 'audio_url': {'url': 'data:audio/wav;base64,UklGRg=='}}
    """
    text = base64.b64encode(data).decode("ascii")
    if form == "input_audio":
        return {"type": form, form: {"data": text, "format": coding}}
    return {"type": form, form: {"url": f"data:audio/{coding};base64,{text}"}}


def encode_clip(
    clip: Clip, *, coding: AudioCoding, rate: int, longest: float, most_megabytes: float
) -> bytes:
    """The piece of sound as a 16-bit mono file.

    Args:
        clip: which piece of which file.
        coding: ``wav`` or ``flac``.
        rate: samples per second.
        longest: a longer piece, in seconds, is refused before it is read.
        most_megabytes: a larger file is refused.

    Raises:
        AudioError: the sound cannot be used, or is too long or too large.
        MissingDependencyError: soundfile is not installed.
    """
    samples = decode(clip.path, start=clip.start, end=clip.end, rate=rate, longest=longest)
    data = encode(samples, rate, coding)
    if len(data) > most_megabytes * _MEGABYTE:
        raise AudioError(
            f"too large to be sent ({len(data) / _MEGABYTE:.1f} MB as {coding}; the limit is "
            f"{most_megabytes:g} MB)",
            file=clip.path,
            hint="cut it, or raise the option most_megabytes if the server takes more",
        )
    return data
