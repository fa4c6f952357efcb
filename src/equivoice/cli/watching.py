"""How a run shows on the terminal: a bar with rate and time left, and what is at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from equivoice.inference import Cell

__all__ = ["RunBar", "run_bar"]


class _Rate(ProgressColumn):
    """Utterances a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s", style="cyan")


class RunBar:
    """Progress of a run as one bar over all utterances of all cells.

    Args:
        bar: the bar that is moved.
    """

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("planning", total=None)
        self._listening: TaskID | None = None

    def planned(self, cells: int, utterances: int, done: int) -> None:
        """Show how much there is to do, and how much of it an earlier run has done."""
        self._bar.update(self._task, total=utterances, completed=done)
        if done:
            self._bar.console.print(
                f"going on where an earlier run stopped: {done} of {utterances} predictions "
                f"in {cells} cells are there"
            )

    def fitting(self, cell: Cell, utterances: int) -> None:
        """Say which system is being fitted."""
        self._say(f"{_named(cell)}: fitting to {utterances}")

    def listening(self, done: int, total: int) -> None:
        """Show a bar of its own until the last utterance has been listened to."""
        if self._listening is None:
            self._listening = self._bar.add_task("listening", total=total)
        self._bar.update(self._listening, completed=done, total=total, visible=done < total)

    def predicting(self, cell: Cell, utterances: int) -> None:
        """Say which system predicts."""
        self._say(f"{_named(cell)}: predicting {utterances}")

    def advanced(self, cell: Cell, utterances: int) -> None:  # noqa: ARG002 - the protocol has it
        """Move the bar."""
        self._bar.advance(self._task, utterances)

    def scoring(self, corpus: str) -> None:
        """Say what is being scored."""
        self._say(f"scoring {corpus}")

    def _say(self, text: str) -> None:
        self._bar.update(self._task, description=escape(text))


@contextmanager
def run_bar() -> Iterator[RunBar]:
    """A bar on standard error while a run goes on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield RunBar(bar)


def _named(cell: Cell) -> str:
    return f"{cell.system}, {cell.corpus}, fold {cell.fold}"
