"""What a chat server answered, read strictly: a reply is whole, or it is asked for again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Choice",
    "MalformedError",
    "Reply",
    "Usage",
    "read_models",
    "read_reply",
    "server_message",
]


class MalformedError(ValueError):
    """A reply is not what the protocol says; its text says how."""


@dataclass(frozen=True)
class Usage:
    """Tokens that a request took, as the server counted them; 0 where it does not say.

    Args:
        prompt: of the prompt, sound and cached ones included.
        completion: of the answers.
        audio: of the prompt, those of sound.
        cached: of the prompt, those taken from a cache.
    """

    prompt: int = 0
    completion: int = 0
    audio: int = 0
    cached: int = 0


@dataclass(frozen=True)
class Choice:
    """One answer of a reply.

    Args:
        text: the answer; ``None`` where there is none.
        reason: why there is none.
        finished: whether the model ended it by itself.
        logprob: the sum of its tokens' log-probabilities, where the server gave them.
    """

    text: str | None
    reason: str | None = None
    finished: bool | None = None
    logprob: float | None = None


@dataclass(frozen=True)
class Reply:
    """All answers of one request, in the order of their index.

    Args:
        choices: the answers.
        usage: tokens; ``None`` where the server does not count them.
    """

    choices: tuple[Choice, ...]
    usage: Usage | None


def read_reply(body: bytes, wanted: int) -> Reply:
    """The answers in the body of a reply.

    Args:
        body: as it came.
        wanted: how many answers were asked for.

    Raises:
        MalformedError: not JSON, not of the protocol, or another number of answers.

    Example:
        >>> body = b'{"choices": [{"message": {"content": "sad"}, "finish_reason": "stop"}]}'
        >>> read_reply(body, 1).choices[0].text
        'sad'
    """
    content = _object(_json(body), "the reply")
    given = content.get("choices")
    if not isinstance(given, list) or len(given) != wanted:
        found = len(given) if isinstance(given, list) else "no list of"
        raise MalformedError(
            f"{wanted} answers were asked for, and the reply holds {found} choices"
        )
    each = [_object(one, "a choice") for one in given]
    places = [one.get("index", place) for place, one in enumerate(each)]
    if sorted(map(str, places)) != sorted(map(str, range(wanted))):
        raise MalformedError(f"the indices of the choices are {places}")
    ordered = sorted(zip(places, each, strict=True), key=lambda pair: int(pair[0]))
    return Reply(tuple(_choice(one) for _, one in ordered), _usage(content.get("usage")))


def read_models(body: bytes) -> tuple[dict[str, Any], ...]:
    """What ``/v1/models`` lists, without what changes from call to call.

    Raises:
        MalformedError: it is not such a list.
    """
    listed = _object(_json(body), "the list of models").get("data")
    if not isinstance(listed, list):
        raise MalformedError("the list of models has no 'data'")
    kept = ("id", "owned_by", "root", "max_model_len")
    rows = [_object(one, "a model") for one in listed]
    return tuple({name: row[name] for name in kept if row.get(name) is not None} for row in rows)


def server_message(body: bytes) -> str:
    """What a server says of its own error, in one line."""
    try:
        content = _json(body)
    except MalformedError:
        content = body.decode("utf-8", "replace")
    return " ".join(_said(content).split())


def _said(content: Any) -> str:
    for name in ("error", "message", "detail"):
        if isinstance(content, Mapping) and content.get(name):
            return _said(content[name])
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"not JSON ({type(error).__name__})") from None


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not an object")
    return value


def _choice(choice: Mapping[str, Any]) -> Choice:
    message = _object(choice.get("message"), "the message of a choice")
    ended = choice.get("finish_reason")
    finished = {"stop": True, "length": False}.get(ended) if isinstance(ended, str) else None
    text = _text(message.get("content"))
    if text is None:
        text = _text(message.get("refusal"))
    if text is None:
        return Choice(None, _why_empty(ended), finished)
    if ended == "content_filter":
        return Choice(None, _why_empty(ended), finished)
    return Choice(_clean(text), None, finished, _logprob(choice.get("logprobs")))


def _why_empty(ended: Any) -> str:
    if ended == "content_filter":
        return "the server's content filter withheld the answer"
    if ended == "length":
        return "the answer holds no text: its tokens were used up before (by reasoning?)"
    return f"the answer holds no text (finish_reason {ended!r})"


def _text(content: Any) -> str | None:
    """The text of a content, which is a string or a list of parts."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [_object(part, "a part of the content") for part in content]
        texts = [part.get("text") for part in parts if part.get("type") == "text"]
        if all(isinstance(text, str) for text in texts):
            return "".join(texts)  # type: ignore[arg-type]
    raise MalformedError("the content of a message is not text")


def _clean(text: str) -> str:
    """Without halves of surrogate pairs, which JSON may hold and no table can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _logprob(given: Any) -> float | None:
    tokens = given.get("content") if isinstance(given, Mapping) else None
    if not isinstance(tokens, list) or not tokens:
        return None
    values = [token.get("logprob") if isinstance(token, Mapping) else None for token in tokens]
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values):
        return None
    return math.fsum(values)  # type: ignore[arg-type]


def _usage(given: Any) -> Usage | None:
    if not isinstance(given, Mapping):
        return None
    details = given.get("prompt_tokens_details")
    details = details if isinstance(details, Mapping) else {}
    return Usage(
        _count(given.get("prompt_tokens")),
        _count(given.get("completion_tokens")),
        _count(details.get("audio_tokens")),
        _count(details.get("cached_tokens")),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
