"""Find the part of an answer that is the answer: tags, boxes, JSON, "Answer:".

Nothing here knows labels. Searches are by ``str.find`` or by patterns that run in
linear time, so that no answer, however odd, takes long.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "LONGEST_READ",
    "clean",
    "json_value",
    "marked",
    "shorten",
    "tagged",
    "without_reasoning",
]

LONGEST_READ = 8_000
"""Of a longer answer, the beginning and the end of together so many characters are read."""

_CONTROL = re.compile(
    r"<\|[^|<>\n]{0,40}\|>|</?s>|<(?:pad|unk|bos|eos|start_of_turn|end_of_turn)>|\[/?INST\]|<0x[0-9A-F]{2}>"
)
_NEXT_TURN = re.compile(
    r"<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|\n[ \t]*(?:human|user)[ \t]*:",
    re.IGNORECASE,
)
_ROLE = re.compile(r"^\s*(?:assistant|model)\s*[:\n]", re.IGNORECASE)
_MARKDOWN = re.compile(
    r"\*\*|__|```(?:json)?|^[ \t]*[#>]+[ \t]|(?<=\w)_(?=\w)", re.MULTILINE | re.IGNORECASE
)

_ANSWER_TAGS = "answer|final_answer|final|emotion|label|response|output|result|prediction"
_OPENING = re.compile(rf"<\s*({_ANSWER_TAGS})\s*>", re.IGNORECASE)
_REASONING_TAGS = ("think", "thinking", "thought", "reasoning", "reason", "rationale", "analysis")
_REASONING = re.compile(
    rf"<\s*({'|'.join((*_REASONING_TAGS, 'asr', 'transcript', 'transcription', 'scratchpad'))})\s*>",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\\boxed\{(?:\\text\{)?([^{}]*)\}")

# The last of the first kind that stands in an answer counts.
_MARKERS = tuple(
    re.compile(
        rf"(?:^|[\s{{(\"'*,])(?:{names})\b[\"'*_]*(?:\s+is)?\s*[:：=]\s*(?:\"([^\"\n]*)|'([^'\n]*)|([^\n]*))",
        re.IGNORECASE,
    )
    for names in (
        r"final[ _]answer",
        r"answer|antwort|réponse|respuesta|risposta|odpowiedź|resposta|جواب|答案|回答|答え",
        r"(?:predicted[ _])?emotion|label|prediction|category|class|tone|result|emoción|émotion|情感|感情",
    )
)
_KEYS = (
    "final_answer", "answer", "emotion", "predicted_emotion", "label", "prediction", "emotions", "labels",
    "category", "classification", "class", "tone", "result", "response", "output",
)  # fmt: skip


def shorten(text: str) -> str:
    """The beginning and the end of a long answer."""
    if len(text) <= LONGEST_READ:
        return text
    half = LONGEST_READ // 2
    return f"{text[:half]}\n…\n{text[-half:]}"


def clean(text: str) -> str:
    r"""Without control tokens, HTML entities, markdown and turns that the model made up.

    Example:
        >>> clean("assistant\n**Sad**<|im_end|>\n<|im_start|>user\nAngry?").strip()
        'Sad'
    """
    if "&" in text:
        text = html.unescape(text)
    next_turn = next((m for m in _NEXT_TURN.finditer(text) if text[: m.start()].strip()), None)
    if next_turn is not None:
        text = text[: next_turn.start()]
    return _MARKDOWN.sub(" ", _ROLE.sub("", _CONTROL.sub(" ", text)))


def without_reasoning(text: str) -> str:
    """Without what stands in tags for reasoning or transcripts, closed or not.

    Example:
        >>> without_reasoning("<think>Angry?</think> Sad <reason>no joy").strip()
        'Sad'
    """
    folded = text.casefold() if text.isascii() else text.lower()
    if "<" not in text or len(folded) != len(text):
        return text
    kept, start = "", 0
    while (opening := _REASONING.search(text, start)) is not None:
        kept += text[start : opening.start()] + " "
        closing = f"</{opening[1].lower()}>"
        end = folded.find(closing, opening.end())
        if end < 0:
            # an unclosed tag ends where an answer is opened, or nowhere
            answer = _OPENING.search(text, opening.end())
            return kept + (text[answer.start() :] if answer else " ")
        start = end + len(closing)
    return kept + text[start:]


def tagged(text: str) -> tuple[str, ...]:
    r"""What stands in answer tags or boxes; a closing tag may be missing.

    Example:
        >>> tagged("<answer>Sad</answer>"), tagged("so \\boxed{happy}"), tagged("<answer>Sad")
        (('Sad',), ('happy',), ('Sad',))
    """
    found = [text[m.end() :].split("<", 1)[0] for m in _OPENING.finditer(text)]
    found += _BOXED.findall(text)
    return tuple(dict.fromkeys(piece.strip() for piece in found if piece.strip()))


def marked(text: str) -> str | None:
    r"""What follows the last "Answer:", or else the last "Emotion:", on its line.

    Example:
        >>> marked("Options: Sad, Happy. Answer: Sad\nReason: ...")
        'Sad'
    """
    if not any(mark in text for mark in ":=："):
        return None
    for pattern in _MARKERS:
        values = ["".join(match.groups("")).strip() for match in pattern.finditer(text)]
        if values:
            return values[-1] or None
    return None


def json_value(text: str) -> Any:
    """The value of the answer's key in the first JSON object, or the object itself.

    Returns:
        ``None`` where there is no valid JSON, or it holds nothing.

    Example:
        >>> json_value('Here: {"emotion": "sad", "confidence": 0.8}')
        'sad'
        >>> json_value('{"sad": 0.7, "happy": 0.3}')
        {'sad': 0.7, 'happy': 0.3}
    """
    for value in _objects(text):
        if isinstance(value, Mapping):
            folded = {str(key).casefold().replace(" ", "_"): each for key, each in value.items()}
            named = [folded[key] for key in _KEYS if key in folded]
            return named[0] if named else (value or None)
        if isinstance(value, list) and value:
            return [
                json_value(json.dumps(each)) if isinstance(each, Mapping) else each
                for each in value
            ]
    return None


def _objects(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    for start in sorted(starts):
        try:
            yield decoder.raw_decode(text, start)[0]
        except (ValueError, RecursionError):  # broken, or nested beyond reason
            continue
