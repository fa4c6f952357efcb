"""What becomes of an answer."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Parsed", "Status"]

Status = Literal["parsed", "ambiguous", "refused", "unparsed"]


class Parsed(NamedTuple):
    """What became of an answer.

    Args:
        status: ``parsed``, ``ambiguous``, ``refused`` or ``unparsed``.
        label: the label, where the status is ``parsed``; else ``None``.
        why: one phrase for people.
    """

    status: Status
    label: str | None
    why: str
