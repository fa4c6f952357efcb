"""What the verbs say: results on standard output, progress and notes on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["finish", "note", "note_left_out", "progress", "say"]


def say(*lines: object) -> None:
    """Print lines (text, or anything that rich can draw) to standard output."""
    console = Console(highlight=False)
    for line in lines:
        if isinstance(line, str):
            console.print(escape(line), soft_wrap=True)  # paths are copied whole
        else:
            console.print(line)


def note(*lines: str) -> None:
    """Print notes to standard error, where they do not mix with results."""
    console = Console(stderr=True, highlight=False)
    for line in lines:
        console.print(escape(line), soft_wrap=True)


def note_left_out(left_out: Mapping[str, int]) -> None:
    """Say what was left out and how many, one line a reason; nothing where nothing was."""
    note(*(f"left out: {reason} ({count})" for reason, count in left_out.items() if count))


def finish(results: str | Path | Iterable[str | Path]) -> None:
    """Say, as the last line, where the result is."""
    places = [results] if isinstance(results, (str, Path)) else list(results)
    say(f"Result: {', '.join(str(place) for place in places)}")


@contextmanager
def progress(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error while long work goes on.

    Args:
        title: what is being done.

    Yields:
        ``report(what, done, total)``: say what is at work, and how far.
    """
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(title), total=None)

        def report(what: str, done: int, total: int) -> None:
            bar.update(
                task, description=f"{escape(title)}: {escape(what)}", completed=done, total=total
            )

        yield report
