"""Commands as typed."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Typed"]

Typed = Callable[..., tuple[int, str, str]]
"""From the words of a command to its exit code, standard output and standard error."""
