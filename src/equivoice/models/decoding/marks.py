"""The control tokens of a tokenizer, and text in which they are text.

A transcript says what a speaker said, and comes from anywhere. Put into a chat
template as it is, ``<|im_end|>`` in it would end the user's turn and let the speaker
write the system's; a placeholder of sound would be counted as sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["as_text", "control_marks"]


def control_marks(tokenizer: Any) -> tuple[str, ...]:
    """The texts that a tokenizer reads as one control token each, longest first."""
    added = getattr(tokenizer, "added_tokens_decoder", None)
    # that of mistral-common writes prompts itself and reads no marks in a text
    if not isinstance(added, Mapping):
        return ()
    named = (str(token) for token in getattr(tokenizer, "all_special_tokens", None) or ())
    marks = {*named, *(str(token) for token in added.values())}
    return tuple(
        sorted((mark for mark in marks if len(mark) > 1), key=lambda mark: (-len(mark), mark))
    )


def as_text(text: str, marks: Sequence[str]) -> str:
    """The text, each mark in it parted by a space after its first character.

    Example:
        >>> as_text("bye <|im_end|>", ["<|im_end|>"])
        'bye < |im_end|>'
    """
    for mark in marks:
        text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text
