"""``benchmark``: systems × corpora × folds, fitted, predicted, scored, stored.

The work goes cell by cell. Every cell ends as predictions in the run folder;
what is there is not done again. No system sees a label of a test utterance, and
the run record holds each choice that a system made from data, with the speakers
it was made on beside the speakers it was tested on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from equivoice.corpora.check import check
from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError
from equivoice.evaluation.described import describe, save_descriptions
from equivoice.evaluation.score import Scores, score
from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.evaluation.task import Parts, System, Task, load_task, supported_groupings
from equivoice.inference import Cell, Progress, Silence, run_cell, seed_for
from equivoice.models import EmotionRecognizer, Trainable, Watchable
from equivoice.records import RunRecord
from equivoice.store import RunFolder
from equivoice.store.provenance import (
    differences,
    git_revision,
    hash_audio,
    hash_file,
    hash_frame,
    machine,
    now,
    package_versions,
)

__all__ = ["Render", "benchmark", "plan_benchmark", "run_task"]

Render = Callable[[RunFolder], str]
"""Makes the text of the report from a finished run; handed in by the layer above."""

_NOTES = "notes.json"
_REPORT = "report.html"
_PREPARED = ("corpus.json", "utterances.parquet", "folds.parquet", "votes.parquet")


def benchmark(
    systems: str | System | Sequence[str | System],
    corpora: str | Path | Corpus | Sequence[str | Path | Corpus],
    *,
    out: str | Path,
    overwrite: bool = False,
    progress: Progress | None = None,
    render: Render | None = None,
    command: str = "",
    **settings: Any,
) -> RunFolder:
    """Run systems on corpora, fold by fold, and score what they say.

    A run that was cut off goes on where it stopped when the same call is made
    again, and ends with the same tables as one that was not.

    Args:
        systems: names of systems (``equivoice models`` lists them) or objects.
        corpora: prepared corpora: folders, or objects. Where one has no folds,
            speaker-disjoint ones are made.
        out: the run folder.
        overwrite: begin anew, whatever stands in the run folder.
        progress: is told how far the work is.
        render: makes a report, stored as ``report.html``.
        command: the command line as typed, for the record.
        settings: the further arguments of :class:`BenchmarkSettings`: ``options``,
            ``folds``, ``limit``, ``seed``, ``group_by``, ``replicates`` and so on.

    Returns:
        the run folder, to read from.

    Raises:
        ConfigError: wrong settings; a run with other settings stands in ``out``.
        CorpusError: a corpus cannot be loaded.
        LockedRunError: another process works on ``out``.
        StorageError: ``out`` cannot be written to.

    Example:
        >>> import tempfile
        >>> from equivoice.corpora import Corpus, label_space
        >>> table = pl.DataFrame({
        ...     "utterance_id": [f"demo/{i}" for i in range(8)],
        ...     "emotion": ["happy", "happy", "happy", "sad"] * 2,
        ...     "speaker": list("aabbccdd"),
        ...     "gender": ["female"] * 4 + ["male"] * 4})
        >>> demo = Corpus("demo", label_space(["happy", "sad"], id="demo"), table)
        >>> run = benchmark("prior", demo, out=tempfile.mkdtemp(), replicates=50)
        >>> run.predictions()["emotion"].unique().to_list()
        ['happy']
    """
    task = plan_benchmark(systems, corpora, **settings)
    return run_task(
        task, out=out, overwrite=overwrite, progress=progress, render=render, command=command
    )


def plan_benchmark(
    systems: str | System | Sequence[str | System],
    corpora: str | Path | Corpus | Sequence[str | Path | Corpus],
    **settings: Any,
) -> Task:
    """What :func:`benchmark` would do with these arguments; nothing is written.

    Raises:
        ConfigError: wrong settings, all of them together.
        CorpusError: a corpus cannot be loaded.
    """
    system_list, corpus_list = _systems_of(systems), _corpora_of(corpora)
    named = tuple(one if isinstance(one, str) else one.name for one in system_list)
    places = tuple(_place(one) for one in corpus_list)
    try:
        asked = BenchmarkSettings(systems=named, corpora=places, **_without_none(settings))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigError.from_problems(problems) from error
    return load_task(
        asked,
        systems=[one for one in system_list if not isinstance(one, str)],
        corpora=[one for one in corpus_list if isinstance(one, Corpus)],
    )


def run_task(
    task: Task,
    *,
    out: str | Path,
    overwrite: bool = False,
    progress: Progress | None = None,
    render: Render | None = None,
    command: str = "",
) -> RunFolder:
    """Do the work of a task, or what remains of it; see :func:`benchmark`."""
    watcher = progress or Silence()
    record = _new_record(task, command)
    with RunFolder.open(out, overwrite=overwrite) as run:
        _begin(run, record)
        _store_reference(task, run)
        _run_cells(task, run, watcher)
        run.gather_predictions()
        if run.record.finished is None:
            _score(task, run, watcher)
        if render is not None:
            run.write_text(_REPORT, render(run))
    return RunFolder.read(out)


# ------------------------------------------------------------------ the record


def _new_record(task: Task, command: str) -> RunRecord:
    settings = task.settings
    seeds = {"root": settings.seed}
    seeds |= {
        f"folds of {name}": seed_for(settings.seed, "folds", name) for name in task.folds_made
    }
    return RunRecord(
        verb="benchmark",
        config=settings.as_config(),
        command=command,
        versions=package_versions(),
        git_revision=git_revision(),
        inputs=_input_hashes(task.corpora),
        seeds=seeds,
        host=machine(),
        started=now(),
        left_out=_left_out_before(task),
    )


def _input_hashes(corpora: Mapping[str, Corpus]) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for name, corpus in corpora.items():
        root = corpus.root
        if root is not None and (root / "corpus.json").is_file():
            files = [root / file for file in _PREPARED if (root / file).is_file()]
            hashes |= {f"{name}/{file.name}": hash_file(file) for file in files}
        else:
            hashes[f"{name}/utterances"] = hash_frame(corpus.utterances.drop("audio", strict=False))
            hashes[f"{name}/folds"] = hash_frame(corpus.folds)
        audio = hash_audio(corpus.utterances)
        if audio is not None:
            hashes[f"{name}/audio"] = audio
    return hashes


def _left_out_before(task: Task) -> dict[str, int]:
    """What was left out before anything was predicted, summed over a corpus's cells."""
    counts: dict[str, int] = {}
    for name, corpus in task.corpora.items():
        for reason, number in corpus.left_out.items():
            counts[f"{name}: {reason}"] = number
    for cell in task.plan.cells:
        for reason, number in task.parts(cell).left_out.items():
            key = f"{cell.corpus}, fold {cell.fold}: {reason}"
            counts[key] = number
    return counts


def _begin(run: RunFolder, record: RunRecord) -> None:
    """Start a run, or go on with the same one."""
    if not run.has_record:
        run.save_record(record)
        return
    old = run.record
    changed = differences(old, record, versions=old.finished is None)
    if changed:
        raise ConfigError(
            f"{run.path} holds another run, which differs in {len(changed)} settings:\n  - "
            + "\n  - ".join(changed),
            hint="give another --out, or --overwrite to begin anew "
            "(equivoice score scores finished predictions in another way)",
        )


def _store_reference(task: Task, run: RunFolder) -> None:
    if run.record.finished is not None:
        return
    tested = [_tested(task, name) for name in task.corpora]
    run.write_utterances(pl.concat(tested, how="diagonal_relaxed"))
    descriptions = [
        describe(corpus, findings=check(corpus, audio=False), folds=_fold_source(task, corpus))
        for corpus in task.corpora.values()
    ]
    save_descriptions(run, descriptions)


def _tested(task: Task, corpus: str) -> pl.DataFrame:
    """The utterances of a corpus that are tested in any cell, each once."""
    cells = {cell.fold: cell for cell in task.plan.cells if cell.corpus == corpus}
    tests = [task.parts(cell).test for cell in cells.values()]
    return (
        pl.concat(tests)
        .unique("utterance_id", maintain_order=True)
        .with_columns(corpus=pl.lit(corpus))
    )


def _fold_source(task: Task, corpus: Corpus) -> str:
    made = task.folds_made.get(corpus.name)
    if made is None:
        return f"{corpus.name}: its own folds ({len(corpus.fold_names)})."
    return (
        f"{corpus.name} has no folds of its own: {made} were made, which keep speakers apart, "
        f"with seed {task.settings.seed}."
    )


# -------------------------------------------------------------------- the work


def _run_cells(task: Task, run: RunFolder, progress: Progress) -> None:
    finished = run.finished_cells()
    sizes = {cell: task.parts(cell).test.height for cell in task.plan.cells}
    done = sum(size for cell, size in sizes.items() if cell.name in finished)
    progress.planned(len(sizes), sum(sizes.values()), done)
    for cell in task.plan.cells:
        if cell.name not in finished:
            _run_one(task, cell, run, progress)


def _run_one(task: Task, cell: Cell, run: RunFolder, progress: Progress) -> None:
    parts = task.parts(cell)
    label_space = task.corpora[cell.corpus].label_space
    recognizer = _fitted(task, cell, parts, run, progress)
    begun = time.perf_counter()
    predicted = run_cell(
        recognizer,
        parts.test,
        cell,
        plan=task.plan,
        run=run,
        label_space=label_space,
        progress=progress,
    )
    run.append_timings(_timing(cell, "predict", predicted, time.perf_counter() - begun))


def _fitted(
    task: Task, cell: Cell, parts: Parts, run: RunFolder, progress: Progress
) -> EmotionRecognizer:
    system = task.systems[cell.system]
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
    _save_selection(run, cell, fitted.selection, parts, seed)
    return fitted


def _save_selection(
    run: RunFolder, cell: Cell, choices: Sequence[Mapping[str, Any]], parts: Parts, seed: int
) -> None:
    """Put the choices of a cell into the record, in place of those of a run that was cut off."""
    place = {"system": cell.system, "corpus": cell.corpus, "fold": cell.fold}
    shown = {"seed": seed, "test_speakers": _speakers(parts.test)}
    entries = [{**place, **choice, **shown} for choice in choices]
    record = run.record
    others = [
        each for each in record.selection if any(each.get(key) != place[key] for key in place)
    ]
    run.save_record(record.model_copy(update={"selection": others + entries}))


def _speakers(utterances: pl.DataFrame) -> list[str]:
    return [str(name) for name in utterances.get_column("speaker").drop_nulls().unique().sort()]


def _timing(cell: Cell, stage: str, utterances: int, seconds: float) -> pl.DataFrame:
    row = {
        "system": cell.system,
        "corpus": cell.corpus,
        "fold": cell.fold,
        "stage": stage,
        "utterances": utterances,
        "seconds": seconds,
    }
    return pl.DataFrame([row])


# ------------------------------------------------------------------- the score


@dataclass(frozen=True)
class _Scored:
    """The scores of one corpus."""

    corpus: str
    scores: Scores


def _score(task: Task, run: RunFolder, progress: Progress) -> None:
    predictions, reference = run.predictions(), run.utterances()
    scored = []
    for corpus in task.corpora.values():
        progress.scoring(corpus.name)
        scored.append(_Scored(corpus.name, _score_corpus(task, corpus, predictions, reference)))
    run.write_estimates(pl.concat([each.scores.estimates for each in scored]))
    notes = [_fold_source(task, corpus) for corpus in task.corpora.values()]
    notes += [f"{each.corpus}: {note}" for each in scored for note in each.scores.notes]
    run.write_text(_NOTES, json.dumps(notes, ensure_ascii=False, indent=2) + "\n")
    record = run.record
    left_out = dict(record.left_out)
    for each in scored:
        left_out |= {f"{each.corpus}: {why}": n for why, n in each.scores.left_out.items()}
    run.save_record(record.model_copy(update={"finished": now(), "left_out": left_out}))


def _score_corpus(
    task: Task, corpus: Corpus, predictions: pl.DataFrame, reference: pl.DataFrame
) -> Scores:
    settings = task.settings
    own = reference.filter(pl.col("corpus") == corpus.name)
    group_by = settings.group_by
    return score(
        predictions.join(own.select("utterance_id"), on="utterance_id", how="semi"),
        own,
        label_space=corpus.label_space,
        group_by=supported_groupings(own) if group_by is None else group_by,
        convention=settings.convention,
        replicates=settings.replicates,
        permutations=settings.permutations,
        level=settings.level,
        seed=seed_for(settings.seed, "score", corpus.name),
    )


# ------------------------------------------------------------------- arguments


def _systems_of(given: str | System | Sequence[str | System]) -> list[str | System]:
    return [given] if isinstance(given, (str, EmotionRecognizer, Trainable)) else list(given)


def _corpora_of(
    given: str | Path | Corpus | Sequence[str | Path | Corpus],
) -> list[str | Path | Corpus]:
    return [given] if isinstance(given, (str, Path, Corpus)) else list(given)


def _place(corpus: str | Path | Corpus) -> str:
    if isinstance(corpus, Corpus):
        return corpus.name if corpus.root is None else str(corpus.root)
    return str(Path(corpus).absolute())


def _without_none(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}
