"""What a run folder says of a benchmark besides its results: record, inputs, reference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from equivoice.corpora.check import check
from equivoice.corpora.corpus import Corpus
from equivoice.corpora.fingerprint import input_hashes
from equivoice.evaluation.described import describe, save_descriptions
from equivoice.evaluation.task import Task
from equivoice.inference import Cell, seed_for
from equivoice.models import LanguageBackend
from equivoice.records import RunRecord
from equivoice.store import RunFolder
from equivoice.store.provenance import begun_record

__all__ = ["begin", "fold_source", "new_record", "save_cuts", "save_generation", "store_reference"]

_PROMPTS = "prompts.json"


def new_record(task: Task, command: str, *, verb: str = "benchmark") -> RunRecord:
    """The record of a run that begins now.

    Args:
        task: what is done.
        command: the command line as typed.
        verb: ``benchmark``, or a part of it that is no run of its own.
    """
    settings = task.settings
    seeds = {"root": settings.seed}
    seeds |= {
        f"folds of {name}": seed_for(settings.seed, "folds", name) for name in task.folds_made
    }
    return begun_record(
        verb,
        settings.as_config(),
        command=command,
        inputs=input_hashes(task.corpora) | _prompt_hashes(task),
        seeds=seeds,
        left_out=_left_out_before(task),
    )


def begin(run: RunFolder, record: RunRecord) -> None:
    """Start a run, or go on with the same one.

    Raises:
        ConfigError: another run stands in the folder; what differs is named.
    """
    run.begin(record, instead=" (equivoice score scores finished predictions in another way)")


def store_reference(task: Task, run: RunFolder) -> None:
    """Store what predictions are scored against, the corpora's cards, and the prompts."""
    if run.record.finished is not None:
        return
    tested = [_tested(task, name) for name in task.corpora]
    run.write_utterances(pl.concat(tested, how="diagonal_relaxed"))
    descriptions = [
        describe(corpus, findings=check(corpus, audio=False), folds=fold_source(task, corpus))
        for corpus in task.corpora.values()
    ]
    save_descriptions(run, descriptions)
    if task.asked:
        prompts = task.grid.described(task.asked, task.corpora.values())
        run.write_text(_PROMPTS, json.dumps(prompts, ensure_ascii=False, indent=2) + "\n")


def fold_source(task: Task, corpus: Corpus) -> str:
    """Where the folds of a corpus come from, as a sentence."""
    made = task.folds_made.get(corpus.name)
    if made is None:
        return f"{corpus.name}: its own folds ({len(corpus.fold_names)})."
    if made == 1:
        return (
            f"{corpus.name} has no folds of its own and speakers that are not all known: as "
            "nothing is fitted, all of it is one test part."
        )
    return (
        f"{corpus.name} has no folds of its own: {made} were made, which keep speakers apart, "
        f"with seed {task.settings.seed}."
    )


def save_generation(run: RunFolder, name: str, system: LanguageBackend) -> None:
    """Put what a language system says of itself and its settings into the record."""
    known: dict[str, Any] = json.loads(json.dumps(dict(system.describe()), default=str))
    record = run.record
    if record.generation.get(name) != known:
        generation = {**record.generation, name: known}
        run.save_record(record.model_copy(update={"generation": generation}))


def save_cuts(run: RunFolder, cell: Cell, cut: Mapping[str, int]) -> None:
    """Put what a system cut of what it was given into the record, among what was left out.

    Args:
        run: open for writing.
        cell: after which the system says so.
        cut: from what it was to how often.
    """
    if not cut:
        return
    record = run.record
    place = f"{cell.corpus}, fold {cell.fold}: {cell.system}"
    own = {f"{place}: {what}": number for what, number in cut.items()}
    run.save_record(record.model_copy(update={"left_out": {**record.left_out, **own}}))


def _prompt_hashes(task: Task) -> dict[str, str]:
    """A prompt is known by what each system is shown, not by the layout of its file."""
    shown = task.grid.described(task.asked, task.corpora.values())
    return {
        f"prompt {name}": hashlib.sha256(json.dumps(text, sort_keys=True).encode()).hexdigest()
        for name, text in shown.items()
    }


def _left_out_before(task: Task) -> dict[str, int]:
    """What was left out before anything was predicted, by corpus and fold."""
    counts: dict[str, int] = {}
    for name, corpus in task.corpora.items():
        for reason, number in corpus.left_out.items():
            counts[f"{name}: {reason}"] = number
    for fold in {
        (cell.corpus, cell.fold, cell.modality): cell for cell in task.plan.cells
    }.values():
        for reason, number in task.parts(fold).left_out.items():
            counts[f"{fold.corpus}, fold {fold.fold}: {reason}"] = number
    return counts


def _tested(task: Task, corpus: str) -> pl.DataFrame:
    """The utterances of a corpus that are tested in any cell, each once."""
    own = [cell for cell in task.plan.cells if cell.corpus == corpus]
    cells = {(cell.fold, cell.modality): cell for cell in own}
    tests = [task.parts(cell).test for cell in cells.values()]
    return (
        pl.concat(tests)
        .unique("utterance_id", maintain_order=True)
        .with_columns(corpus=pl.lit(corpus))
    )
