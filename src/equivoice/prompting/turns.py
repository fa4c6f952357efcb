"""The turns of a conversation that is put to a model: text, and the place of the sound."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

__all__ = ["AUDIO", "Part", "Role", "Slot", "Turn"]

Role = Literal["system", "user", "assistant"]


class Slot(Enum):
    """What a turn holds besides text."""

    AUDIO = "audio"


AUDIO = Slot.AUDIO
"""The place of the utterance's sound in a turn."""

Part = str | Slot


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation.

    Args:
        role: who speaks.
        parts: texts and places of sound, in order.

    Example:
        >>> turn = Turn("user", (AUDIO, "Which emotion is it? Answer:"))
        >>> turn.text
        'Which emotion is it? Answer:'
    """

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The texts of the turn, joined."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def has_audio(self) -> bool:
        """Whether the sound has a place in this turn."""
        return AUDIO in self.parts
