"""Questions as the chat templates of transformers take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from equivoice.errors import ConfigError
from equivoice.models.decoding.marks import as_text
from equivoice.models.language import Question
from equivoice.prompting.turns import Part, Slot

__all__ = ["check_question", "expanded", "messages", "rendering"]


def check_question(question: Question) -> None:
    """See that a question has one place for its clip, or neither.

    Raises:
        ConfigError: a clip without a place, a place without a clip, several places.
    """
    places = sum(part_is_sound(part) for turn in question.turns for part in turn.parts)
    if places > 1:
        raise ConfigError(
            "the prompt has several places for sound, and a question has one clip",
            value=question.utterance_id,
        )
    if places != (question.clip is not None):
        problem = (
            "the prompt has a place for sound, and the question has no clip"
            if places
            else "the question has a clip, and the prompt has no place for it"
        )
        raise ConfigError(
            problem,
            value=question.utterance_id,
            hint="modality speech or speech+transcript goes with sound, transcript without",
        )


def messages(question: Question, marks: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The turns as messages whose contents are lists of parts.

    Args:
        question: with its turns.
        marks: the tokenizer's control tokens, which are text where a turn holds them.
    """
    return [
        {
            "role": turn.role,
            "content": [
                {"type": "audio"}
                if isinstance(part, Slot)
                else {"type": "text", "text": as_text(part, marks)}
                for part in turn.parts
            ],
        }
        for turn in question.turns
    ]


@contextmanager
def rendering(*also: type[Exception]) -> Iterator[None]:
    """Errors of a chat template in words that say what to do next.

    Args:
        also: further errors that a template's own library raises.

    Raises:
        ConfigError: the template refuses the turns: no system turn, perhaps.
    """
    from jinja2 import TemplateError

    refusals: tuple[type[Exception], ...] = (TemplateError, ValueError, TypeError, *also)
    try:
        yield
    except refusals as error:
        said = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"the model's chat template does not take the prompt: {said}",
            hint="put the system turn's text into the user's turn, or take another prompt",
        ) from error


def part_is_sound(part: Part) -> bool:
    """Whether a part of a turn is the place of the sound."""
    return not isinstance(part, str)


def expanded(text: str, token: str, counts: Sequence[int], *, whose: str) -> str:
    """A rendered prompt with each place of sound widened to as many tokens as it needs.

    Args:
        text: as the chat template rendered it.
        token: the placeholder.
        counts: how many tokens the clip of each place makes.
        whose: the utterance, for the error.

    Raises:
        ConfigError: there are more or fewer placeholders than clips: the text itself
            holds one (a transcript, perhaps), or the template dropped it.

    Example:
        >>> expanded("<a>Which?", "<a>", [3], whose="demo/1")
        '<a><a><a>Which?'
    """
    pieces = text.split(token)
    if len(pieces) - 1 != len(counts):
        raise ConfigError(
            f"the rendered prompt has {len(pieces) - 1} placeholders for {len(counts)} clips",
            value=whose,
            hint=f"does its text or transcript hold {token!r}, or the chat template drop sound?",
        )
    widened = [token * count for count in counts]
    return "".join(piece + more for piece, more in zip(pieces, [*widened, ""], strict=True))
