"""How long work tells whoever waits for it how far it is."""

from __future__ import annotations

from typing import Protocol

from equivoice.inference.plan import Cell

__all__ = ["Progress", "Silence"]


class Progress(Protocol):
    """Is told of every step of a run. Implementations draw bars, log, or count."""

    def planned(self, cells: int, predictions: int, done: int) -> None:
        """The run begins: so many cells and predictions in all, so many in cells that are whole."""

    def working(self, processes: int) -> None:
        """So many other processes do the work from here on."""

    def fitting(self, cell: Cell, utterances: int) -> None:
        """A system is being fitted to so many utterances."""

    def listening(self, done: int, total: int) -> None:
        """A system has listened to so many of the utterances that it needs at this step."""

    def training(self, step: int, steps: int) -> None:
        """A classifier that is being fitted has made so many of at most so many steps."""

    def predicting(self, cell: Cell, predictions: int) -> None:
        """A cell is begun that has so many predictions."""

    def found(self, cell: Cell | None, predictions: int) -> None:
        """So many predictions (of a cell) were there already."""

    def advanced(self, cell: Cell | None, predictions: int) -> None:
        """So many further predictions (of a cell) have been made and stored."""

    def scoring(self, corpus: str) -> None:
        """The predictions on a corpus are being scored."""


class Silence:
    """Progress that nobody watches."""

    def planned(self, cells: int, predictions: int, done: int) -> None:
        """Say nothing."""

    def working(self, processes: int) -> None:
        """Say nothing."""

    def fitting(self, cell: Cell, utterances: int) -> None:
        """Say nothing."""

    def listening(self, done: int, total: int) -> None:
        """Say nothing."""

    def training(self, step: int, steps: int) -> None:
        """Say nothing."""

    def predicting(self, cell: Cell, predictions: int) -> None:
        """Say nothing."""

    def found(self, cell: Cell | None, predictions: int) -> None:
        """Say nothing."""

    def advanced(self, cell: Cell | None, predictions: int) -> None:
        """Say nothing."""

    def scoring(self, corpus: str) -> None:
        """Say nothing."""
