"""What a benchmark would do, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from equivoice.evaluation.task import Task
from equivoice.inference import Cell
from equivoice.models import PrefixBackend

__all__ = ["plan_tables"]


def plan_tables(task: Task) -> Iterator[Table | str]:
    """The cells of systems that are fitted, then the grid of those that are asked in words."""
    fitted = [cell for cell in task.plan.cells if cell.prompt is None]
    asked = [cell for cell in task.plan.cells if cell.prompt is not None]
    if fitted:
        yield _fitted(task, fitted)
    if fitted and asked:
        yield ""
    if asked:
        yield _asked(task, asked)
        yield _sum(task, asked)


def _fitted(task: Task, cells: list[Cell]) -> Table:
    table = Table("system", "corpus", "fold", "train", "test", box=None, pad_edge=False)
    for cell in cells:
        parts = task.parts(cell)
        counts = (str(parts.train.height), str(parts.test.height))
        table.add_row(cell.system, cell.corpus, cell.fold, *counts)
    return table


def _asked(task: Task, cells: list[Cell]) -> Table:
    """A row a system, corpus, prompt and modality, over folds and label orders."""
    heads = ("system", "corpus", "prompt", "modality", "folds", "orders", "test", "each")
    table = Table(*heads, "answers", "passes", box=None, pad_edge=False)
    each = len(task.settings.temperatures) * task.settings.runs
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        group = (cell.system, cell.corpus, str(cell.prompt), str(cell.modality))
        groups.setdefault(group, []).append(cell)
    for key, own in groups.items():
        folds, orders = {cell.fold for cell in own}, {cell.order for cell in own}
        utterances = sum(task.parts(cell).test.height for cell in own if cell.order == own[0].order)
        counts = (len(folds), len(orders), utterances, each)
        answers = sum(task.predictions(cell) for cell in own)
        passes = sum(_passes(task, cell) for cell in own)
        table.add_row(*key, *map(str, counts), f"{answers:,}", f"{passes:,}")
    return table


def _passes(task: Task, cell: Cell) -> int:
    """How often sound and prompt are run: once an utterance, or once an answer."""
    utterances = task.parts(cell).test.height
    if isinstance(task.systems[cell.system], PrefixBackend):
        return utterances
    greedy = 0.0 in task.settings.temperatures
    sampled = (len(task.settings.temperatures) - greedy) * task.settings.runs
    return utterances * (sampled + greedy)


def _sum(task: Task, cells: list[Cell]) -> str:
    answers = sum(task.predictions(cell) for cell in cells)
    passes = sum(_passes(task, cell) for cell in cells)
    settings = task.settings
    return (
        f"{answers:,} answers, {len(settings.temperatures)} temperatures x {settings.runs} runs "
        f"each, from {passes:,} passes over sound and prompt (a system that can only answer is "
        "asked anew for each answer, greedy ones apart)"
    )
