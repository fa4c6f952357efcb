"""``equivoice benchmark``: systems on corpora, fold by fold, to a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from equivoice.cli.config import VerbConfig, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, say
from equivoice.cli.planning import plan_tables
from equivoice.cli.reporting import conclusions, read_notes, write_report
from equivoice.cli.watching import run_bar
from equivoice.errors import ConfigError
from equivoice.evaluation import plan_benchmark
from equivoice.evaluation.settings import DecodingSettings
from equivoice.evaluation.sharding import run_shard
from equivoice.evaluation.sweep import run_task
from equivoice.evaluation.task import Task
from equivoice.inference import Shard
from equivoice.inference.engines import RayEngine
from equivoice.store import RunFolder

app = verb_app()


def _separated(given: object) -> object:
    """``--folds 1,2`` and ``--folds 1 --folds 2`` mean the same."""
    if not isinstance(given, (list, tuple)):
        return given
    words = [str(word).split(",") if isinstance(word, str) else [word] for word in given]
    parts = [part.strip() if isinstance(part, str) else part for each in words for part in each]
    return [part for part in parts if part != ""]


Words = Annotated[tuple[str, ...], BeforeValidator(_separated)]
Numbers = Annotated[tuple[float, ...], BeforeValidator(_separated)]
Selectable = Annotated[
    tuple[Literal["temperature", "prompt", "order", "modality"], ...], BeforeValidator(_separated)
]


class BenchmarkConfig(VerbConfig):
    """Options of ``benchmark``."""

    system: tuple[str, ...] = option(
        "a system to run, NAME or ALIAS=NAME; 'equivoice models' lists them"
    )
    corpus: tuple[str, ...] = option("a prepared corpus: a folder, or a table")
    out: Path = option("the folder for the run", short="-o")
    folds: Annotated[tuple[str, ...] | None, BeforeValidator(_separated)] = option(
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
    batch_size: int | None = option(
        "utterances that a system is given at once; what suits it by default", default=None, ge=1
    )
    convention: str = option("equivoice, fairalm_paper or fairalm_code", default="equivoice")
    replicates: int = option("bootstrap replicates", default=10_000, ge=1)
    permutations: int = option("arrangements of a permutation test", default=2_000, ge=1)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options of systems, by the system's name or alias"
    )
    training: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="how classifiers are trained for each fold, by the system's name or alias",
    )
    prompt: Words = option("a prompt, by name or file", default=("user_labels",))
    order: Words = option(
        "a label order: given, alphabetical, shuffled-K, or shuffled:10 for ten", default=("given",)
    )
    order_seed: int = option("the seed of shuffled label orders", default=0, ge=0)
    modality: Words = option("speech, speech+transcript, transcript", default=("speech",))
    temperature: Numbers = option("sampling temperatures, such as 0,0.4,1", default=(0.0,))
    runs: int = option("answers at each temperature", default=1, ge=1)
    decoding: DecodingSettings = Field(
        default_factory=DecodingSettings, description="how answers are sampled otherwise"
    )
    parser: str = option("by which convention answers are read", default="equivoice")
    option_scores: bool = option(
        "compute the probability of each option, where a system can", default=True
    )
    answer_form: Literal["label_first", "reason_first", "label_only"] | None = option(
        "how a model answers that was trained with data.targets=rationales", default=None
    )
    select: Selectable = option(
        "select temperature, prompt, order or modality on validation utterances", default=()
    )
    select_by: str = option("the metric that selects", default="macro_f1")
    select_on_test: bool = option("let the test utterances select, which is said", default=False)
    shard: str | None = option(
        "do part K of N only, written K/N, for one job of an array", default=None
    )
    engine: Literal["local", "ray"] = option("who does the work", default="local")
    workers: int = option("how many Ray workers", default=2, ge=1)
    address: str | None = option("of a Ray cluster, such as auto", default=None)
    worker_gpus: float = option("accelerators that a Ray worker has", default=0.0, ge=0)
    worker_cpus: float = option("processors that a Ray worker has", default=1.0, ge=0)
    dry_run: bool = option("say what would be run and write nothing", default=False)
    overwrite: bool = option("begin anew, whatever stands in the folder", default=False)


@app.command()
@configured(BenchmarkConfig)
def benchmark(config: BenchmarkConfig) -> None:
    """Run systems on corpora, fold by fold, score them by group, write a report.

    A run that was cut off goes on where it stopped: give the same command again.
    Options of a system are given as options.SYSTEM.NAME=VALUE. A system that is
    asked in words is asked with every prompt, label order, modality and
    temperature, so often as --runs says; decoding.top_p=0.9 and the like say how
    its answers are sampled otherwise. A classifier is trained for each fold by a
    recipe: training.SYSTEM.recipe=encoder and, for any line of the recipe,
    training.SYSTEM.optimiser.epochs=5 and the like.

    Example:
      equivoice benchmark --system acoustic --corpus corpora/ravdess -o runs/a
      equivoice benchmark --system prior --corpus a --corpus b --folds 1,2 -o run
      equivoice benchmark --system qwen2-audio --corpus a -o run --shard 1/8
      equivoice benchmark --system compact-encoder --corpus a -o run training.compact-encoder.optimiser.epochs=30
      equivoice benchmark --system base=qwen2-audio options.base.model=/models/q2a --corpus a -o run --temperature 0,0.4,0.8 --runs 10
    """
    _check_engine(config)
    task = planned(config)
    if config.dry_run:
        say(*plan_tables(task), f"{len(task.plan.cells)} cells; nothing was written")
        note(*task.notes)
        return
    if config.shard is not None:
        _do_shard(config, task, Shard.read(config.shard))
        return
    with run_bar() as bar:
        run = run_task(
            task,
            out=config.out,
            overwrite=config.overwrite,
            progress=bar,
            command=command_line(),
            engine=_engine(config),
        )
    tell(run, write_report(run))


def _do_shard(config: BenchmarkConfig, task: Task, shard: Shard) -> None:
    with run_bar() as bar:
        part = run_shard(
            task,
            shard,
            out=config.out,
            overwrite=config.overwrite,
            progress=bar,
            command=command_line(),
        )
    say("Once all parts are done, the same command without --shard scores them.")
    finish(part.path)


def _engine(config: BenchmarkConfig) -> RayEngine | None:
    if config.engine == "local":
        return None
    return RayEngine(
        config.workers, config.address, cpus=config.worker_cpus, gpus=config.worker_gpus
    )


def _check_engine(config: BenchmarkConfig) -> None:
    """Mistakes that need no corpus to be found."""
    if config.shard is not None:
        Shard.read(config.shard)
        if config.engine != "local":
            raise ConfigError("a shard is done by one process", value=f"--engine {config.engine}")


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
        training=config.training,
        folds=config.folds,
        group_by=config.group,
        limit=config.limit,
        seed=config.seed,
        n_folds=config.n_folds,
        batch_size=config.batch_size,
        convention=config.convention,
        replicates=config.replicates,
        permutations=config.permutations,
        level=config.level,
        prompts=config.prompt,
        label_orders=config.order,
        order_seed=config.order_seed,
        modalities=config.modality,
        temperatures=config.temperature,
        runs=config.runs,
        decoding=config.decoding,
        parser=config.parser,
        option_scores=config.option_scores,
        answer_form=config.answer_form,
        select=config.select,
        select_by=config.select_by,
        select_on_test=config.select_on_test,
    )


def tell(run: RunFolder, report: Path | None) -> None:
    """Print what came out of a run: verdict, main table, notes, and where the report is.

    Args:
        run: the run.
        report: ``None`` where the work goes on, and its end will say where the report is.
    """
    say(*conclusions(run))
    note(*read_notes(run))
    note_left_out(_summed(run.record.left_out))
    if report is not None:
        finish(report)


def _summed(left_out: Mapping[str, int]) -> dict[str, int]:
    """Counts over the folds; the run record holds them fold by fold."""
    total: Counter[str] = Counter()
    for reason, number in left_out.items():
        place, colon, what = reason.partition(": ")
        corpus, fold, _ = place.partition(", fold ")
        total[f"{corpus}, over all folds: {what}" if colon and fold else reason] += number
    return dict(total)
