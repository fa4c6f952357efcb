"""Selecting conditions: the temperature or prompt that did best where it may be looked for.

For each system, corpus and fold the selected conditions are those of the highest
score on *validation* utterances: the corpus's own, or speakers taken out of the
training part. They are asked about like test utterances and stored apart, in
``OUT/validation``. The test answers under the conditions so chosen are then
scored as one more system, ``NAME (selected)``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.corpora.folds import split
from equivoice.errors import ConfigError
from equivoice.evaluation.gap_tests import all_metrics
from equivoice.evaluation.recording import begin
from equivoice.evaluation.score import score
from equivoice.evaluation.task import Task
from equivoice.evaluation.working import run_cells, save_selection, speakers_of
from equivoice.fairness import convention as convention_named
from equivoice.inference import Cell, Progress, seed_for
from equivoice.records import RunRecord
from equivoice.store import RunFolder

__all__ = ["SELECTED_SUFFIX", "check_selection", "select", "selected_rows", "selection_notes"]

SELECTED_SUFFIX = " (selected)"
"""What follows a system's name where its conditions were selected."""

_VERB = "benchmark validation"
_ORDER = "order"
_WHERE = ("temperature", "prompt", "modality")


@dataclass(frozen=True)
class _Choice:
    """What was chosen for one fold."""

    chosen: dict[str, Any]
    where: dict[str, Any]
    candidates: list[dict[str, Any]]


def check_selection(task: Task) -> None:
    """Refuse what cannot select, before anything is asked.

    Raises:
        ConfigError: no such metric, or one with a value a class.
        CorpusError: a fold has no validation part and none can be made.
    """
    settings = task.settings
    if not settings.select:
        return
    rules = convention_named(settings.convention)
    known = all_metrics(rules.unparsed_in_scores, rules)
    scalar = [name for name, metric in known.items() if not metric.per_class]
    if settings.select_by not in scalar:
        raise ConfigError("no such metric to select by", value=settings.select_by, choices=scalar)
    if not settings.select_on_test:
        _validation_task(task)


def select(task: Task, run: RunFolder, progress: Progress, record: RunRecord) -> None:
    """Choose the conditions of each system, corpus and fold, and put that into the record.

    Args:
        task: the benchmark.
        run: whose cells are all done.
        progress: is told how far the asking about validation utterances is.
        record: of this run, as it was begun.
    """
    settings = task.settings
    if not settings.select or run.gathered:
        return
    if settings.select_on_test:
        _choose(task, task, run, run.predictions(), on="test")
        return
    apart = _validation_task(task)
    with RunFolder.open(run.validation_path) as validation:
        begin(validation, record.model_copy(update={"verb": _VERB}))
        _reuse(apart, task, validation, run)
        run_cells(apart, validation, progress)
        predictions = validation.predictions()
    _choose(task, apart, run, predictions, on="validation")


def selected_rows(task: Task, run: RunFolder, predictions: pl.DataFrame) -> pl.DataFrame:
    """The test answers under the conditions chosen, as the system ``NAME (selected)``.

    What was chosen may differ from fold to fold, so the chosen conditions are
    null in these rows.
    """
    found = [predictions.clear()]
    hidden = [name for name in _WHERE if name in task.settings.select]
    for entry in run.record.selection:
        stem = str(entry.get("system", "")).removesuffix(SELECTED_SUFFIX)
        if stem not in task.asked or stem == entry.get("system"):
            continue
        conditions = {**entry["where"], **entry["chosen"]}
        place = {"system": stem, "fold": entry["fold"]}
        cells = _cells(task, stem, entry["corpus"], entry["fold"])
        rows = _under(task, predictions.filter(**place), cells, conditions)
        ids = task.corpora[entry["corpus"]].utterances.select("utterance_id")
        found.append(rows.join(ids, on="utterance_id", how="semi"))
    return pl.concat(found).with_columns(
        pl.col("system") + SELECTED_SUFFIX,
        *(pl.lit(None, dtype=predictions.schema[name]).alias(name) for name in hidden),
    )


def selection_notes(task: Task) -> Iterator[str]:
    """What a reader must know of the selection."""
    settings = task.settings
    if not settings.select:
        return
    what = " and ".join(settings.select)
    for name in task.asked:
        if settings.select_on_test:
            yield (
                f"{name}{SELECTED_SUFFIX}: {what} SELECTED ON THE TEST UTTERANCES, by "
                f"{settings.select_by}, in each fold (--select-on-test). Its scores are too good: "
                "they say what a lucky choice would have reached, not what to expect of new speech."
            )
        else:
            yield (
                f"{name}{SELECTED_SUFFIX}: {what} selected by {settings.select_by} on validation "
                "utterances in each fold, of which none is tested in that fold."
            )


def _validation_task(task: Task) -> Task:
    """The same grid, of which the validation utterances are asked about."""
    corpora = {name: _validated(task, corpus) for name, corpus in task.corpora.items()}
    cells = tuple(cell for cell in task.plan.cells if cell.prompt is not None)
    plan = replace(task.plan, cells=cells, shard=None)
    return replace(task, systems=dict(task.asked), corpora=corpora, plan=plan)


def _validated(task: Task, corpus: Corpus) -> Corpus:
    seed = seed_for(task.settings.seed, "validation", corpus.name)
    wanted = {cell.fold for cell in task.plan.cells if cell.corpus == corpus.name}
    folds = []
    for fold in corpus.fold_names:
        if fold in wanted:
            part = split(corpus, fold, make_validation=True, seed=seed).validation
            if part is None:
                raise AssertionError("split makes a validation part or raises")
            labelled = part.filter(pl.col("emotion").is_not_null())
            folds.append(labelled.select("utterance_id", fold=pl.lit(fold), split=pl.lit("test")))
    return replace(corpus, folds=pl.concat(folds))


def _reuse(apart: Task, task: Task, validation: RunFolder, run: RunFolder) -> None:
    """Take over answers about utterances that are tested in another fold.

    An answer does not depend on the fold, so it need not be asked for again.
    """
    if validation.gathered:
        return
    finished = validation.finished_cells()
    for cell in apart.plan.cells:
        if cell.name in finished or not validation.cell_predictions(cell.name).is_empty():
            continue
        wanted = apart.parts(cell).test.select("utterance_id")
        others = [replace(cell, fold=fold) for fold in apart.corpora[cell.corpus].fold_names]
        known = [run.cell_predictions(other.name) for other in others if other in task.plan.cells]
        rows = pl.concat(known, how="diagonal").join(wanted, on="utterance_id", how="semi")
        if not rows.is_empty():
            validation.append_predictions(
                cell.name, rows.with_columns(fold=pl.lit(cell.fold)).sort("utterance_id")
            )


def _choose(task: Task, apart: Task, run: RunFolder, answers: pl.DataFrame, *, on: str) -> None:
    """Choose fold by fold, on the test parts of ``apart``."""
    asked = [cell for cell in apart.plan.cells if cell.prompt is not None]
    for place in dict.fromkeys((cell.system, cell.corpus, cell.fold) for cell in asked):
        _choose_one(task, apart, run, answers, _cells(apart, *place), on)


def _cells(task: Task, system: str, corpus: str, fold: str) -> list[Cell]:
    place = (system, corpus, fold)
    return [cell for cell in task.plan.cells if (cell.system, cell.corpus, cell.fold) == place]


def _choose_one(
    task: Task, apart: Task, run: RunFolder, answers: pl.DataFrame, cells: Sequence[Cell], on: str
) -> None:
    first = cells[0]
    reference = pl.concat([apart.parts(cell).test for cell in cells]).unique(
        "utterance_id", maintain_order=True
    )
    own = answers.filter(system=first.system, fold=first.fold).join(
        reference.select("utterance_id"), on="utterance_id", how="semi"
    )
    shown = {
        "what": ", ".join(task.settings.select),
        "by": task.settings.select_by,
        "split": on,
        "speakers": speakers_of(reference),
        "test_speakers": speakers_of(task.parts(first).test),
    }
    place = Cell(f"{first.system}{SELECTED_SUFFIX}", first.corpus, first.fold)
    fixed = {"system": place.system, "corpus": place.corpus, "fold": place.fold}
    choices = [
        fixed | shown | {"where": each.where, "candidates": each.candidates, "chosen": each.chosen}
        for each in _choices(apart, own, reference, cells)
    ]
    save_selection(run, place, choices)


def _choices(
    task: Task, answers: pl.DataFrame, reference: pl.DataFrame, cells: Sequence[Cell]
) -> Iterator[_Choice]:
    """The best candidate for each combination of the conditions that are not selected."""
    values: dict[str, list[Any]] = {
        "temperature": list(task.settings.temperatures),
        "prompt": _distinct(cell.prompt for cell in cells),
        "modality": _distinct(cell.modality for cell in cells),
        _ORDER: _distinct(cell.order for cell in cells),
    }
    selected = {str(name): values[name] for name in task.settings.select}
    fixed = {name: values[name] for name in _WHERE if name not in selected}
    for where in _combined(fixed):
        candidates = [
            {**chosen, "score": _score(task, answers, reference, cells, {**where, **chosen})}
            for chosen in _combined(selected)
        ]
        reached = [-math.inf if each["score"] is None else each["score"] for each in candidates]
        best = dict(candidates[reached.index(max(reached))])
        best.pop("score")
        yield _Choice(best, where, candidates)


def _distinct(values: Iterator[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _combined(values: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for each in itertools.product(*values.values()):
        yield dict(zip(values, each, strict=True))


def _score(
    task: Task,
    answers: pl.DataFrame,
    reference: pl.DataFrame,
    cells: Sequence[Cell],
    conditions: dict[str, Any],
) -> float | None:
    """The score under some conditions, pooled over the others; ``None`` where undefined."""
    rows = _under(task, answers, cells, conditions)
    if rows.filter(pl.col("status") != "failed").is_empty():
        return None
    found = score(
        rows,
        reference,
        label_space=task.corpora[cells[0].corpus].label_space,
        convention=task.settings.convention,
        replicates=0,
    ).estimates.filter(quantity="score", metric=task.settings.select_by)
    value = found.get_column("value").item()  # one fold under one condition
    return None if value is None else float(value)


def _under(
    task: Task, answers: pl.DataFrame, cells: Sequence[Cell], conditions: dict[str, Any]
) -> pl.DataFrame:
    """The answers under some conditions; a label order is known by the options displayed."""
    plain = {name: value for name, value in conditions.items() if name != _ORDER}
    rows = answers.filter(**plain)
    if _ORDER not in conditions:
        return rows
    shown = [
        asking.options.shown
        for cell in cells
        if cell.order == conditions[_ORDER] and (asking := task.asking(cell)) is not None
    ]
    texts = ["|".join(each) for each in shown]
    return rows.filter(pl.col("options").list.join("|").is_in(texts))
