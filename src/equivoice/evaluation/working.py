"""The work of a benchmark, cell by cell: fit, predict or ask, store; take over what shards did."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.evaluation.classifiers import ClassifierTraining, trained_classifier
from equivoice.evaluation.recording import save_cuts, save_generation
from equivoice.evaluation.task import Parts, Task
from equivoice.inference import Cell, Progress, run_cell
from equivoice.models import (
    Classifiable,
    EmotionRecognizer,
    LanguageBackend,
    Trainable,
    Watchable,
    cuts_of,
)
from equivoice.records import PREDICTIONS
from equivoice.store import RunFolder

__all__ = ["run_cells", "save_selection"]


def run_cells(
    task: Task, run: RunFolder, progress: Progress, *, shards: Sequence[RunFolder] = ()
) -> None:
    """Run every cell of a task that is not finished.

    Args:
        task: what is run; of a shard, its part of the cells.
        run: where the predictions go.
        progress: is told how far the work is.
        shards: whose predictions are taken over before anything is computed.
    """
    if run.gathered or run.record.finished is not None:
        return
    finished = run.finished_cells()
    cells = [cell for cell in task.plan.cells if cell.prompt is not None or task.plan.owns(cell)]
    sizes = {cell: task.predictions(cell) for cell in cells}
    done = sum(size for cell, size in sizes.items() if cell.name in finished)
    progress.planned(len(sizes), _share(task, sum(sizes.values())), _share(task, done))
    for cell in cells:
        if cell.name in finished:
            continue
        for shard in shards:
            _take_over(run, cell, shard)
        if cell.name not in run.finished_cells():
            _run_one(task, cell, run, progress)
    run.drop_sounds()


def _share(task: Task, predictions: int) -> int:
    """About what falls to a shard; batches are dealt out evenly."""
    return predictions if task.plan.shard is None else -(-predictions // task.plan.shard.of)


def _take_over(run: RunFolder, cell: Cell, shard: RunFolder) -> None:
    """Store what a shard predicted of a cell; a cell that it did whole is then finished."""
    rows = shard.cell_predictions(cell.name)
    if not rows.is_empty():
        stored = run.cell_predictions(cell.name)
        run.append_predictions(cell.name, _not_in(rows, stored))
    if cell.prompt is None and cell.name in shard.finished_cells():
        place = _place(cell)
        choices = [
            each
            for each in shard.record.selection
            if all(each.get(key) == value for key, value in place.items())
        ]
        save_selection(run, cell, choices)
        run.finish_cell(cell.name)


def _not_in(rows: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    if stored.is_empty():
        return rows
    key = [name for name in PREDICTIONS.key if name != "options"]  # one cell, one order
    return rows.join(stored.select(key), on=key, how="anti", nulls_equal=True)


def _run_one(task: Task, cell: Cell, run: RunFolder, progress: Progress) -> None:
    parts = task.parts(cell)
    asking = task.asking(cell)
    system = _fitted(task, cell, parts, run, progress)
    before = Counter(cuts_of(system))
    begun = time.perf_counter()
    predicted = run_cell(
        system,
        parts.test,
        cell,
        plan=task.plan,
        run=run,
        label_space=task.corpora[cell.corpus].label_space,
        progress=progress,
        asking=asking,
    )
    save_cuts(run, cell, Counter(cuts_of(system)) - before)
    if isinstance(system, LanguageBackend):
        save_generation(run, cell.system, system)
    else:
        run.append_timings(_timing(cell, "predict", predicted, time.perf_counter() - begun))


def _fitted(
    task: Task, cell: Cell, parts: Parts, run: RunFolder, progress: Progress
) -> EmotionRecognizer | LanguageBackend:
    system = task.systems[cell.system]
    if isinstance(system, Classifiable):
        return _classifier(task, cell, system, run, progress)
    if not isinstance(system, Trainable):
        return system
    progress.fitting(cell, parts.train.height)
    if isinstance(system, Watchable):
        system = system.watched(progress.listening)
    seed = task.plan.fit_seed(cell)
    begun = time.perf_counter()
    fitted = system.fit(
        parts.train,
        parts.validation,
        label_space=task.corpora[cell.corpus].label_space,
        seed=seed,
    )
    run.append_timings(_timing(cell, "fit", parts.train.height, time.perf_counter() - begun))
    shown = {"seed": seed, "test_speakers": speakers_of(parts.test)}
    save_selection(run, cell, [_place(cell) | dict(each) | shown for each in fitted.selection])
    return fitted


def _classifier(
    task: Task, cell: Cell, system: Classifiable, run: RunFolder, progress: Progress
) -> EmotionRecognizer:
    parts, settings = task.parts(cell), task.settings
    progress.fitting(cell, parts.train.height)
    seed = task.plan.fit_seed(cell)
    begun = time.perf_counter()
    how = ClassifierTraining(
        system,
        task.corpora[cell.corpus],
        settings.training.get(cell.system, {}),
        settings.options.get(cell.system, {}),
        seed,
        settings.limit,
    )
    recognizer, choices = trained_classifier(how, cell, run, progress)
    run.append_timings(_timing(cell, "fit", parts.train.height, time.perf_counter() - begun))
    shown = {"seed": seed, "test_speakers": speakers_of(parts.test)}
    save_selection(run, cell, [_place(cell) | each | shown for each in choices])
    return recognizer


def save_selection(run: RunFolder, cell: Cell, entries: Sequence[Mapping[str, Any]]) -> None:
    """Put the choices of a cell into the record, in place of those of a run that was cut off."""
    place = _place(cell)
    record = run.record
    others = [
        each for each in record.selection if any(each.get(key) != place[key] for key in place)
    ]
    selection = [*others, *map(dict, entries)]
    run.save_record(record.model_copy(update={"selection": selection}))


def _place(cell: Cell) -> dict[str, str]:
    return {"system": cell.system, "corpus": cell.corpus, "fold": cell.fold}


def speakers_of(utterances: pl.DataFrame) -> list[str]:
    """The speakers of utterances, sorted."""
    return [str(name) for name in utterances.get_column("speaker").drop_nulls().unique().sort()]


def _timing(cell: Cell, stage: str, utterances: int, seconds: float) -> pl.DataFrame:
    row = _place(cell) | {"stage": stage, "utterances": utterances, "seconds": seconds}
    return pl.DataFrame([row])
