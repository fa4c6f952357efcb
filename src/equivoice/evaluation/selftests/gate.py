"""The result of a self-test."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Gate", "Outcome"]

Outcome = Literal["passed", "failed", "not applicable", "undefined"]


@dataclass(frozen=True)
class Gate:
    """One self-test of one system.

    Args:
        name: a short name.
        checks: what it checks, in one sentence.
        outcome: ``not applicable`` where the system has nothing to check, ``undefined``
            where it could not be found out.
        why: what was seen, in one sentence.
        measured: the number that decided; ``None`` where none did.
        threshold: what it was compared with.
        switches_off: the optimisation that is switched off where the gate failed.
    """

    name: str
    checks: str
    outcome: Outcome
    why: str
    measured: float | None = None
    threshold: float | None = None
    switches_off: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can hold it."""
        return asdict(self)
