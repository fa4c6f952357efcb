"""How a training shows on the terminal: a bar of steps with loss, λ and the largest gap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from equivoice.training.progress import Quiet, TrainingProgress

__all__ = ["TrainingBar", "training_bar"]


class TrainingBar:
    """Progress of a training: one bar over all steps, and one while it is validated.

    Args:
        bar: the bar that is moved.
        lines: whether each evaluation leaves a line.
    """

    def __init__(self, bar: Progress, *, lines: bool = True) -> None:
        self._bar = bar
        self._lines = lines
        self._steps = bar.add_task("training", total=None)
        self._validating: TaskID | None = None

    def planned(self, steps: int, done: int) -> None:
        """Show how much there is to do, and how much of it an earlier run has done."""
        self._bar.update(self._steps, total=steps, completed=done)
        if done:
            self._bar.console.print(
                f"going on where an earlier run stopped: {done} of {steps} steps are made"
            )

    def stepped(self, step: int, *, loss: float, weight: float, gap: float | None) -> None:
        """Move the bar and show the step's numbers."""
        shown = f"loss {loss:.3f}  λ {weight:.3f}  gap {_number(gap)}"
        self._bar.update(self._steps, completed=step, description=shown)

    def validating(self, done: int, total: int) -> None:
        """Show a bar of its own until the last example has been heard."""
        if self._validating is None:
            self._validating = self._bar.add_task("validating", total=total)
        self._bar.update(self._validating, completed=done, total=total, visible=done < total)

    def evaluated(
        self, step: int, *, metric: str, value: float | None, gap: float | None, best: bool
    ) -> None:
        """A line for each evaluation, which stays, where lines are wanted."""
        if not self._lines:
            return
        mark = "  (best so far)" if best else ""
        self._bar.console.print(
            f"step {step}: validation {metric} {_number(value)}, worst gap {_number(gap)}{mark}"
        )


@contextmanager
def training_bar(*, shown: bool, lines: bool = True) -> Iterator[TrainingProgress]:
    """A bar on standard error while a training goes on.

    Args:
        shown: whether there is one; of several processes, the first shows it.
        lines: whether each evaluation leaves a line.
    """
    if not shown:
        yield Quiet()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        yield TrainingBar(bar, lines=lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
