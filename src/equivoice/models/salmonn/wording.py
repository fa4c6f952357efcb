"""SALMONN's prompt: how turns are written, and where the sound stands in them.

As released: ``USER: <Speech>`` sound ``</Speech> `` text, a line break, ``ASSISTANT:``.
What stands before and after the sound is tokenised apart, as in training. Further turns
follow as in Vicuna, whose template this is.
"""

from __future__ import annotations

from collections.abc import Sequence

from equivoice.models.decoding.marks import as_text
from equivoice.prompting.turns import Part, Slot, Turn

__all__ = ["written"]


def written(turns: Sequence[Turn], *, end: str, marks: Sequence[str] = ()) -> list[str]:
    r"""A conversation as text, parted where sound stands; the assistant speaks next.

    Args:
        turns: with at most one place of sound.
        end: the token that ends a turn of the assistant.
        marks: the tokenizer's control tokens, which are text where a turn holds them.

    Returns:
        One text, or that before the sound and that after it.

    Example:
        >>> from equivoice.prompting.turns import AUDIO
        >>> written([Turn("user", (AUDIO, "Which emotion?"))], end="</s>")
        ['USER: <Speech>', '</Speech> Which emotion?\nASSISTANT:']
    """
    pieces = [""]
    for turn in turns:
        _write_turn(pieces, turn, end, marks)
    return pieces


def _write_turn(pieces: list[str], turn: Turn, end: str, marks: Sequence[str]) -> None:
    if turn.role == "user":
        pieces[-1] += "USER: "
    elif turn.role == "assistant":
        pieces[-1] += " "
    for part in turn.parts:
        _write_part(pieces, part, marks)
    pieces[-1] += {"user": "\nASSISTANT:", "assistant": end, "system": " "}[turn.role]


def _write_part(pieces: list[str], part: Part, marks: Sequence[str]) -> None:
    if isinstance(part, Slot):
        pieces[-1] += f"{_gap(pieces[-1])}<Speech>"
        pieces.append("</Speech>")
        return
    text = as_text(part, marks)
    after_sound = pieces[-1] == "</Speech>" and not text[:1].isspace()
    pieces[-1] += f" {text}" if after_sound else text


def _gap(before: str) -> str:
    """A space between text and sound, where there is none."""
    return "" if not before or before[-1].isspace() else " "
