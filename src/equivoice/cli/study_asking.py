"""What the verbs of studies over benchmarks share: runs that are there, or systems to ask first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from equivoice.cli.benchmark import Words
from equivoice.cli.config import VerbConfig, argument, command_line, option
from equivoice.cli.watching import run_bar
from equivoice.errors import ConfigError
from equivoice.evaluation.settings import DecodingSettings
from equivoice.evaluation.sweep import run_task
from equivoice.evaluation.task import Task
from equivoice.store import RunFolder

__all__ = ["StudyConfig", "as_asked", "ask", "need_both"]


class StudyConfig(VerbConfig):
    """Options of a study that reads runs of ``benchmark``, or makes one first.

    A study states its own ``prompt`` and ``decoding``: those of the paper.
    """

    run: tuple[Path, ...] = argument("run folders made by benchmark", default=())
    out: Path = option("the folder for page and tables", short="-o")
    system: tuple[str, ...] = option("a system to ask first, NAME or ALIAS=NAME", default=())
    corpus: tuple[str, ...] = option("a prepared corpus to ask it about", default=())
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options of systems, by the system's name or alias"
    )
    folds: tuple[str, ...] | None = option("folds to run; all by default", default=None)
    limit: int | None = option("at most so many utterances of each part", default=None, ge=1)
    prompt: Words = option("a prompt, by name or file", default=())
    order: Words = option("a label order, such as given or shuffled:10", default=("given",))
    order_seed: int = option("the seed of shuffled label orders", default=0, ge=0)
    decoding: DecodingSettings = Field(
        default=DecodingSettings(), description="how answers are decoded otherwise"
    )
    batch_size: int | None = option("utterances asked about at once", default=None, ge=1)
    replicates: int = option("bootstrap replicates", default=2_000, ge=20)
    permutations: int = option("arrangements of a permutation test", default=1_000, ge=1)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    seed: int = option("the root of all seeds", default=0, ge=0)
    dry_run: bool = option("say what would be run and write nothing", default=False)


def need_both(config: StudyConfig) -> None:
    """See that systems come with corpora.

    Raises:
        ConfigError: one of the two is missing.
    """
    if bool(config.system) != bool(config.corpus):
        raise ConfigError("systems need corpora, and corpora systems", hint="name both, or runs")


def as_asked(config: StudyConfig) -> dict[str, Any]:
    """What the options say of the benchmark, as :func:`~equivoice.evaluation.plan_benchmark` takes it."""
    return {
        "options": config.options,
        "folds": config.folds and [each for word in config.folds for each in word.split(",")],
        "limit": config.limit,
        "prompts": config.prompt,
        "label_orders": config.order,
        "order_seed": config.order_seed,
        "decoding": config.decoding,
        "batch_size": config.batch_size,
        "replicates": config.replicates,
        "permutations": config.permutations,
        "level": config.level,
        "seed": config.seed,
    }


def ask(task: Task, config: StudyConfig) -> RunFolder:
    """Run the benchmark, in a folder within the study's; what is there is not asked again."""
    with run_bar() as bar:
        return run_task(task, out=config.out / "run", progress=bar, command=command_line())
