"""How a training tells whoever waits for it how far it is."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Quiet", "TrainingProgress"]


class TrainingProgress(Protocol):
    """Is told of every step. Implementations draw bars, log, or count."""

    def planned(self, steps: int, done: int) -> None:
        """So many steps at most, of which an earlier run has made so many."""

    def stepped(self, step: int, *, loss: float, weight: float, gap: float | None) -> None:
        """A step was made: its mean loss, λ, and the largest gap in loss."""

    def validating(self, done: int, total: int) -> None:
        """So many of the validation part's examples have been heard."""

    def evaluated(
        self, step: int, *, metric: str, value: float | None, gap: float | None, best: bool
    ) -> None:
        """The validation part was evaluated: the selecting metric, and the worst gap."""


class Quiet:
    """Progress that nobody watches."""

    def planned(self, steps: int, done: int) -> None:
        """Say nothing."""

    def stepped(self, step: int, *, loss: float, weight: float, gap: float | None) -> None:
        """Say nothing."""

    def validating(self, done: int, total: int) -> None:
        """Say nothing."""

    def evaluated(
        self, step: int, *, metric: str, value: float | None, gap: float | None, best: bool
    ) -> None:
        """Say nothing."""
