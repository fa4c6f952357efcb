"""Parts of a benchmark: what a shard does, and how shards are taken over.

A shard is a run folder of its own, ``OUT/shards/K-of-N``, with its own record
and lock. The plain benchmark into ``OUT`` takes over what the shards there have
done, does what is missing, and ends with the tables of one process.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError
from equivoice.evaluation.recording import begin, new_record
from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.evaluation.task import Task, load_task
from equivoice.evaluation.working import run_cells
from equivoice.inference import Cell, Progress, Shard, Silence
from equivoice.inference.engines import RayEngine
from equivoice.models.registry import System
from equivoice.records import RunRecord
from equivoice.store import RunFolder
from equivoice.store.provenance import differences, now

__all__ = ["adopt_shards", "open_shards", "run_on_ray", "run_shard"]

_PROGRESS = "progress.json"
_VERB = "benchmark shard"


def run_shard(
    task: Task,
    shard: Shard,
    *,
    out: str | Path,
    overwrite: bool = False,
    progress: Progress | None = None,
    command: str = "",
) -> RunFolder:
    """Do one part of a benchmark, or what remains of it.

    Args:
        task: the whole benchmark.
        shard: which part.
        out: the run folder of the whole; the part goes into ``shards/K-of-N`` in it.
        overwrite: begin the part anew.
        progress: is told how far the part is.
        command: the command line as typed, for the record.

    Returns:
        the part's run folder, to read from.

    Raises:
        ConfigError: other shards or another run stand in ``out``, or it is finished.
        LockedRunError: another process works on this part.
    """
    record = new_record(task, command, verb=_VERB)
    _refuse_other_run(Path(out), record)
    _refuse_other_numbers(out, [shard.folder])
    others = [RunFolder(path) for path in RunFolder.shard_paths(out) if path.name != shard.folder]
    for other in others:
        if other.has_record and not overwrite:
            _refuse_difference(other, record)
    with RunFolder.open(RunFolder.shard_path(out, shard.folder), overwrite=overwrite) as run:
        begin(run, record)
        run_cells(task.sharded(shard), run, progress or Silence())
        if run.record.finished is None:
            run.save_record(run.record.model_copy(update={"finished": now()}))
    return RunFolder.read(run.path)


@contextmanager
def open_shards(run: RunFolder, record: RunRecord) -> Iterator[list[RunFolder]]:
    """The shards in a run folder, each under its lock; none where all predictions are there.

    Args:
        run: the run folder of the whole.
        record: of the whole; the shards must be parts of just this run.

    Raises:
        ConfigError: they are parts of another run, or of several partitions.
        LockedRunError: a shard is still at work.
    """
    if run.gathered:
        yield []
        return
    paths = [path for path in RunFolder.shard_paths(run.path) if (path / "run.json").is_file()]
    _refuse_other_numbers(run.path, [])
    with ExitStack() as stack:
        shards = [stack.enter_context(RunFolder.open(path)) for path in paths]
        for shard in shards:
            _refuse_difference(shard, record)
        yield shards


def adopt_shards(run: RunFolder, shards: Sequence[RunFolder]) -> None:
    """Take what shards noted beside their predictions: settings of models, cuts, timings."""
    if not shards:
        return
    record = run.record
    generation, cut = dict(record.generation), Counter[str]()
    for shard in shards:
        generation |= shard.record.generation
        cut.update(_beyond(shard.record.left_out, record.left_out))
        run.append_timings(shard.timings())
    told = {"generation": generation, "left_out": {**record.left_out, **cut}}
    run.save_record(record.model_copy(update=told))


def _beyond(left_out: Mapping[str, int], known: Mapping[str, int]) -> dict[str, int]:
    """What a shard left out that was not known before it began."""
    return {reason: number for reason, number in left_out.items() if reason not in known}


def run_on_ray(
    task: Task,
    engine: RayEngine,
    *,
    out: str | Path,
    progress: Progress,
    command: str = "",
) -> None:
    """Do a benchmark as shards on Ray workers.

    Systems and corpora that were given as objects are sent to the workers; those
    given by name are loaded there.
    """
    work = partial(
        _work,
        settings=task.settings,
        systems=task.given_systems,
        corpora=task.given_corpora,
        of=engine.workers,
        out=str(Path(out).absolute()),
        command=command,
    )
    total = sum(task.predictions(cell) for cell in task.plan.cells)
    names = [Shard(number, engine.workers).folder for number in range(1, engine.workers + 1)]
    _refuse_other_numbers(out, names)
    tally = _Tally([RunFolder.shard_path(out, name) for name in names], progress)
    progress.planned(len(task.plan.cells), total, 0)
    progress.working(engine.workers)
    tally.begin()
    engine.run(work, watch=tally.look)


def _work(
    number: int,
    *,
    settings: BenchmarkSettings,
    systems: Sequence[System],
    corpora: Sequence[Corpus],
    of: int,
    out: str,
    command: str,
) -> None:
    """One part, in the process of a worker."""
    task = load_task(settings, systems=systems, corpora=corpora)
    shard = Shard(number, of)
    counter = _Counter(RunFolder.shard_path(out, shard.folder) / _PROGRESS)
    run_shard(task, shard, out=out, progress=counter, command=command)


class _Counter(Silence):
    """Progress that is written down for whoever looks in from another process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._done = 0

    def planned(self, cells: int, predictions: int, done: int) -> None:  # noqa: ARG002
        self._add(done)

    def found(self, cell: Cell | None, predictions: int) -> None:  # noqa: ARG002
        self._add(predictions)

    def advanced(self, cell: Cell | None, predictions: int) -> None:  # noqa: ARG002
        self._add(predictions)

    def _add(self, number: int) -> None:
        self._done += number
        self._file.write_text(json.dumps({"done": self._done}), encoding="utf-8")


@dataclass
class _Tally:
    """What the workers have done in all."""

    folders: Sequence[Path]
    progress: Progress
    known: int = 0

    def begin(self) -> None:
        """What is there before anybody works was found, not made."""
        self.known = self._count()
        self.progress.found(None, self.known)

    def look(self) -> None:
        """Tell what has been done since the last look."""
        now_done = self._count()
        if now_done > self.known:
            self.progress.advanced(None, now_done - self.known)
            self.known = now_done

    def _count(self) -> int:
        total = 0
        for folder in self.folders:
            try:
                total += int(json.loads((folder / _PROGRESS).read_text(encoding="utf-8"))["done"])
            except (OSError, ValueError):  # not there yet, or just being written
                continue
        return total


def _refuse_other_numbers(out: str | Path, wanted: Sequence[str]) -> None:
    """Shards of one partition only: k of n for one n."""
    there = [path.name for path in RunFolder.shard_paths(out)]
    numbers = {name.partition("-of-")[2] for name in [*there, *wanted]}
    if len(numbers) > 1:
        raise ConfigError(
            f"{out} would hold shards of different partitions",
            value=", ".join(sorted({*there, *wanted})),
            hint=f"remove those that are not wanted from {Path(out) / 'shards'}",
        )


def _refuse_other_run(out: Path, record: RunRecord) -> None:
    run = RunFolder(out)
    if not run.has_record:
        return
    _refuse_difference(run, record)
    if run.record.finished is not None:
        raise ConfigError(
            f"the run in {out} is finished; a shard would add nothing",
            hint="give another --out, or --overwrite without --shard to begin anew",
        )


def _refuse_difference(run: RunFolder, record: RunRecord) -> None:
    other = run.record
    changed = differences(other, record.model_copy(update={"verb": other.verb}), versions=True)
    if changed:
        raise ConfigError(
            f"{run.path} is part of another run, which differs in {len(changed)} settings:\n  - "
            + "\n  - ".join(changed),
            hint="remove it, or give the settings with which it was begun",
        )
