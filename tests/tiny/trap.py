"""A pickle with code in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["Trap"]


class Trap:
    """Writes a file when it is unpickled.

    Args:
        place: the file.
    """

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)
