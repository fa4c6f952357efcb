"""How a run shows on the terminal: a bar with rate and time left, and what is at work.

Rate and time left come from what this process did itself: what an earlier run
did is in the bar, and never in the rate.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
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
)
from rich.text import Text

from equivoice.inference import Cell

__all__ = ["Pace", "RunBar", "columns", "run_bar"]

_REMEMBERED = 30


class Pace:
    """How fast work goes, over the last steps of it.

    Args:
        clock: tells the time in seconds.

    Example:
        >>> times = iter([0.0, 10.0, 20.0])
        >>> pace = Pace(clock=lambda: next(times))
        >>> pace.begin()
        >>> pace.step(50)
        >>> pace.step(50)
        >>> pace.rate, pace.left(400)
        (5.0, 80.0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)

    def begin(self) -> None:
        """The clock starts; a second beginning changes nothing."""
        if not self._steps:
            self._steps.append((self._clock(), 0))

    def step(self, number: int) -> None:
        """So much was done just now."""
        self.begin()
        self._steps.append((self._clock(), number))

    @property
    def rate(self) -> float | None:
        """How much is done a second; ``None`` where that is not known yet."""
        if len(self._steps) < 2:
            return None
        seconds = self._steps[-1][0] - self._steps[0][0]
        done = sum(number for _, number in list(self._steps)[1:])
        return done / seconds if seconds > 0 and done else None

    def left(self, remaining: float) -> float | None:
        """How many seconds so much will take; ``None`` where that is not known yet."""
        rate = self.rate
        return None if rate is None else remaining / rate


class _Rate(ProgressColumn):
    """Predictions a second."""

    def render(self, task: Task) -> Text:
        pace = task.fields.get("pace")
        rate = None if pace is None else pace.rate
        return Text("" if rate is None else f"{rate:.1f}/s", style="cyan")


class _Left(ProgressColumn):
    """Time left, as hours, minutes and seconds."""

    def render(self, task: Task) -> Text:
        pace = task.fields.get("pace")
        left = None if pace is None or task.remaining is None else pace.left(task.remaining)
        if left is None:
            return Text("-:--:--", style="cyan")
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours}:{minutes:02}:{seconds:02}", style="cyan")


class RunBar:
    """Progress of a run as one bar over all predictions of all cells.

    Args:
        bar: the bar that is moved.
        pace: what rate and time left come from.
    """

    def __init__(self, bar: Progress, pace: Pace | None = None) -> None:
        self._bar = bar
        self._pace = pace or Pace()
        self._task = bar.add_task("planning", total=None, pace=self._pace)
        self._within: dict[str, TaskID] = {}

    def planned(self, cells: int, predictions: int, done: int) -> None:
        """Show how much there is to do, and how much of it an earlier run has done."""
        self._bar.update(self._task, total=predictions, completed=done)
        if done:
            self._bar.console.print(
                f"going on where an earlier run stopped: {done} of {predictions} predictions "
                f"in {cells} cells are there"
            )

    def working(self, processes: int) -> None:
        """Say that other processes do the work."""
        self._pace.begin()
        self._say(f"{processes} workers")

    def fitting(self, cell: Cell, utterances: int) -> None:
        """Say which system is being fitted."""
        self._pace.begin()
        self._say(f"{_named(cell)}: fitting to {utterances}")

    def listening(self, done: int, total: int) -> None:
        """Show a bar of its own until the last utterance has been listened to."""
        self._show("listening", done, total)

    def training(self, step: int, steps: int) -> None:
        """Show a bar of its own until the last step of a training."""
        self._show("training", step, steps)

    def predicting(self, cell: Cell, predictions: int) -> None:
        """Say which system predicts."""
        self._pace.begin()
        self._say(f"{_named(cell)}: predicting {predictions}")

    def found(self, cell: Cell | None, predictions: int) -> None:  # noqa: ARG002 - the protocol has it
        """Move the bar by what was there already."""
        self._bar.advance(self._task, predictions)

    def advanced(self, cell: Cell | None, predictions: int) -> None:  # noqa: ARG002 - the protocol has it
        """Move the bar."""
        self._pace.step(predictions)
        self._bar.advance(self._task, predictions)

    def scoring(self, corpus: str) -> None:
        """Say what is being scored."""
        self._say(f"scoring {corpus}")

    def _show(self, work: str, done: int, total: int) -> None:
        """A bar within the bar, while something is left to do."""
        if work not in self._within:
            self._within[work] = self._bar.add_task(work, total=total)
        self._bar.update(self._within[work], completed=done, total=total, visible=done < total)

    def _say(self, text: str) -> None:
        self._bar.update(self._task, description=escape(text))


def columns() -> tuple[ProgressColumn, ...]:
    """What stands beside the bar."""
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        _Left(),
    )


@contextmanager
def run_bar() -> Iterator[RunBar]:
    """A bar on standard error while a run goes on."""
    with Progress(*columns(), console=Console(stderr=True), transient=True) as bar:
        yield RunBar(bar)


def _named(cell: Cell) -> str:
    asked = (cell.prompt, cell.order, cell.modality)
    rest = [part for part in asked if part is not None]
    return ", ".join([cell.system, cell.corpus, f"fold {cell.fold}", *rest])
