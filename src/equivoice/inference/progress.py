"""How long work tells whoever waits for it how far it is."""

from __future__ import annotations

from typing import Protocol

from equivoice.inference.plan import Cell

__all__ = ["Progress", "Silence"]


class Progress(Protocol):
    """Is told of every step of a run. Implementations draw bars, log, or count."""

    def planned(self, cells: int, utterances: int, done: int) -> None:
        """The run begins: so many cells and utterances in all, so many done before."""

    def fitting(self, cell: Cell, utterances: int) -> None:
        """A system is being fitted to so many utterances."""

    def listening(self, done: int, total: int) -> None:
        """A system has listened to so many of the utterances that it needs at this step."""

    def predicting(self, cell: Cell, utterances: int) -> None:
        """Predicting begins on so many utterances of a cell."""

    def advanced(self, cell: Cell, utterances: int) -> None:
        """So many further utterances of a cell have been predicted and stored."""

    def scoring(self, corpus: str) -> None:
        """The predictions on a corpus are being scored."""


class Silence:
    """Progress that nobody watches."""

    def planned(self, cells: int, utterances: int, done: int) -> None:
        """Say nothing."""

    def fitting(self, cell: Cell, utterances: int) -> None:
        """Say nothing."""

    def listening(self, done: int, total: int) -> None:
        """Say nothing."""

    def predicting(self, cell: Cell, utterances: int) -> None:
        """Say nothing."""

    def advanced(self, cell: Cell, utterances: int) -> None:
        """Say nothing."""

    def scoring(self, corpus: str) -> None:
        """Say nothing."""
