"""``benchmark``: systems × corpora × folds, fitted, predicted, scored, stored.

The work goes cell by cell. Every cell ends as predictions in the run folder;
what is there is not done again. No system sees a label of a test utterance, and
the run record holds each choice that a system made from data, with the speakers
it was made on beside the speakers it was tested on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError
from equivoice.evaluation.recording import begin, new_record, store_reference
from equivoice.evaluation.scoring import score_run
from equivoice.evaluation.selecting import check_selection, select
from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.evaluation.sharding import adopt_shards, open_shards, run_on_ray
from equivoice.evaluation.task import Task, load_task
from equivoice.evaluation.working import run_cells
from equivoice.inference import Progress, Silence
from equivoice.inference.engines import RayEngine
from equivoice.models import Classifiable, EmotionRecognizer, LanguageBackend, Trainable
from equivoice.models.registry import System
from equivoice.store import RunFolder

__all__ = ["Render", "benchmark", "plan_benchmark", "run_task"]

Render = Callable[[RunFolder], str]
"""Makes the text of the report from a finished run; handed in by the layer above."""

_REPORT = "report.html"


def benchmark(
    systems: str | System | Sequence[str | System],
    corpora: str | Path | Corpus | Sequence[str | Path | Corpus],
    *,
    out: str | Path,
    overwrite: bool = False,
    progress: Progress | None = None,
    render: Render | None = None,
    command: str = "",
    engine: RayEngine | None = None,
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
        engine: who does the work; ``None`` for this process alone.
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
        >>> import polars as pl
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
        task,
        out=out,
        overwrite=overwrite,
        progress=progress,
        render=render,
        command=command,
        engine=engine,
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
    task = load_task(
        asked,
        systems=[one for one in system_list if not isinstance(one, str)],
        corpora=[one for one in corpus_list if isinstance(one, Corpus)],
    )
    check_selection(task)
    return task


def run_task(
    task: Task,
    *,
    out: str | Path,
    overwrite: bool = False,
    progress: Progress | None = None,
    render: Render | None = None,
    command: str = "",
    engine: RayEngine | None = None,
) -> RunFolder:
    """Do the work of a task, or what remains of it; see :func:`benchmark`.

    What shards in the run folder have done is taken over (:mod:`.sharding`).
    """
    watcher = progress or Silence()
    record = new_record(task, command)
    with RunFolder.open(out, overwrite=overwrite) as run:
        begin(run, record)
        store_reference(task, run)
        if engine is not None and not run.gathered:
            run_on_ray(task, engine, out=out, progress=watcher, command=command)
        with open_shards(run, record) as shards:
            run_cells(task, run, watcher, shards=shards)
            adopt_shards(run, shards)
        select(task, run, watcher, record)
        run.gather_predictions()
        if run.record.finished is None:
            score_run(task, run, watcher)
        if render is not None:
            run.write_text(_REPORT, render(run))
    return RunFolder.read(out)


# ------------------------------------------------------------------- arguments


def _systems_of(given: str | System | Sequence[str | System]) -> list[str | System]:
    one = (str, EmotionRecognizer, Trainable, LanguageBackend, Classifiable)
    return [given] if isinstance(given, one) else list(given)


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
