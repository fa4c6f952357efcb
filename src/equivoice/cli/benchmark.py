"""``equivoice benchmark``: systems on corpora, fold by fold, to a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field
from rich.table import Table

from equivoice.cli.config import VerbConfig, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, say
from equivoice.cli.reporting import conclusions, read_notes, write_report
from equivoice.cli.watching import run_bar
from equivoice.evaluation import plan_benchmark
from equivoice.evaluation.sweep import run_task
from equivoice.evaluation.task import Task
from equivoice.store import RunFolder

app = verb_app()


class BenchmarkConfig(VerbConfig):
    """Options of ``benchmark``."""

    system: tuple[str, ...] = option("a system to run; 'equivoice models' lists them")
    corpus: tuple[str, ...] = option("a prepared corpus: a folder, or a table")
    out: Path = option("the folder for the run", short="-o")
    folds: tuple[str, ...] | None = option(
        "folds to run, such as 1,2; all by default", default=None
    )
    group: tuple[str, ...] | None = option(
        "what to compare, such as gender; what the corpus supports by default", default=None
    )
    limit: int | None = option(
        "at most so many utterances of each training and test part", default=None, ge=1
    )
    seed: int = option("the root of all seeds", default=0, ge=0)
    n_folds: int = option("folds to make where a corpus has none", default=5, ge=2)
    batch_size: int = option("utterances that a system is given at once", default=32, ge=1)
    convention: str = option("equivoice, fairalm_paper or fairalm_code", default="equivoice")
    replicates: int = option("bootstrap replicates", default=10_000, ge=1)
    permutations: int = option("arrangements of a permutation test", default=2_000, ge=1)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options of systems, by the system's name"
    )
    dry_run: bool = option("say what would be run and write nothing", default=False)
    overwrite: bool = option("begin anew, whatever stands in the folder", default=False)


@app.command()
@configured(BenchmarkConfig)
def benchmark(config: BenchmarkConfig) -> None:
    """Run systems on corpora, fold by fold, score them by group, write a report.

    A run that was cut off goes on where it stopped: give the same command again.
    Options of a system are given as options.SYSTEM.NAME=VALUE.

    Example:
      equivoice benchmark --system acoustic --corpus corpora/ravdess -o runs/a
      equivoice benchmark --system prior --corpus a --corpus b --folds 1,2 -o run
    """
    task = planned(config)
    if config.dry_run:
        say(_cells(task), f"{len(task.plan.cells)} cells; nothing was written")
        return
    with run_bar() as bar:
        run = run_task(
            task,
            out=config.out,
            overwrite=config.overwrite,
            progress=bar,
            command=command_line(),
        )
    tell(run, write_report(run))


def planned(config: BenchmarkConfig) -> Task:
    """The task that the options of ``benchmark`` ask for.

    Raises:
        ConfigError: options that cannot be.
        CorpusError: a corpus cannot be loaded.
    """
    return plan_benchmark(
        list(config.system),
        list(config.corpus),
        options=config.options,
        folds=_separated(config.folds),
        group_by=config.group,
        limit=config.limit,
        seed=config.seed,
        n_folds=config.n_folds,
        batch_size=config.batch_size,
        convention=config.convention,
        replicates=config.replicates,
        permutations=config.permutations,
        level=config.level,
    )


def tell(run: RunFolder, report: Path) -> None:
    """Print what came out of a run: verdict, main table, notes, and where the report is."""
    say(*conclusions(run))
    note(*read_notes(run))
    note_left_out(_summed(run.record.left_out))
    finish(report)


def _separated(folds: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """``--folds 1,2`` and ``--folds 1 --folds 2`` mean the same."""
    if folds is None:
        return None
    return tuple(name.strip() for word in folds for name in word.split(",") if name.strip())


def _summed(left_out: Mapping[str, int]) -> dict[str, int]:
    """Counts over the folds; the run record holds them fold by fold."""
    total: Counter[str] = Counter()
    for reason, number in left_out.items():
        place, colon, what = reason.partition(": ")
        corpus, fold, _ = place.partition(", fold ")
        total[f"{corpus}, over all folds: {what}" if colon and fold else reason] += number
    return dict(total)


def _cells(task: Task) -> Table:
    table = Table("system", "corpus", "fold", "train", "test", box=None, pad_edge=False)
    for cell in task.plan.cells:
        parts = task.parts(cell)
        counts = (str(parts.train.height), str(parts.test.height))
        table.add_row(cell.system, cell.corpus, cell.fold, *counts)
    return table
