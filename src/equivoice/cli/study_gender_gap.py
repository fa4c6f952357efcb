"""``equivoice study gender-gap-benchmark``: ERM-MinMaxGAP's tables for what was run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from equivoice.cli.benchmark import Words
from equivoice.cli.config import command_line, configured, option
from equivoice.cli.console import finish, note, progress, say
from equivoice.cli.planning import plan_tables
from equivoice.cli.study_asking import StudyConfig, as_asked, ask, need_both
from equivoice.errors import ConfigError
from equivoice.evaluation.settings import DecodingSettings
from equivoice.store import RunFolder
from equivoice.studies.gender_gap.ablation import Entry, read_entry
from equivoice.studies.gender_gap.findings import findings
from equivoice.studies.gender_gap.reading import GapSettings
from equivoice.studies.gender_gap.summary import summary_tables
from equivoice.studies.gender_gap_benchmark import (
    STUDY_SETTINGS,
    gender_gap_benchmark,
    plan_study,
    write_benchmark,
)

__all__ = ["GenderGapConfig", "gender_gap_benchmark_verb"]


class GenderGapConfig(StudyConfig):
    """Options of ``study gender-gap-benchmark``."""

    prompt: Words = option("a prompt, by name or file", default=STUDY_SETTINGS["prompts"])
    decoding: DecodingSettings = Field(
        default=DecodingSettings(**STUDY_SETTINGS["decoding"]),
        description="how answers are decoded otherwise",
    )
    component: tuple[str, ...] = option(
        "a run for Table 3, LABEL=RUN or LABEL=RUN#SYSTEM, that differs in its components",
        default=(),
    )
    weight: tuple[str, ...] = option("the same for the weight λ of the penalty", default=())
    power: tuple[str, ...] = option("the same for the power p of the penalty", default=())
    group: str = option("the attribute whose groups are compared", default="gender")
    cells: Literal["language", "corpus"] = option("what gaps are measured in", default="language")
    labels: Literal["same", "shared"] = option(
        "whether corpora must have the same labels, or those that all of them share count",
        default="same",
    )
    temperature: float | None = option(
        "the temperature whose answers count; the lowest by default", default=None, ge=0
    )


@configured(GenderGapConfig)
def gender_gap_benchmark_verb(config: GenderGapConfig) -> None:
    """ERM-MinMaxGAP's Tables 1 to 3 for what was run, beside the printed numbers.

    Give run folders, or systems and corpora, which are then asked with and without the
    transcript (the run goes to OUT/run and is resumed). Gaps of several languages are
    combined by their mean, root mean square and maximum; the page says where that
    changes the order of systems, and what the transcript changes.

    Example:
      equivoice study gender-gap-benchmark runs/meld_st -o gaps
      equivoice study gender-gap-benchmark --component erm=runs/erm --component minmaxgap=runs/fair -o ablation
    """
    _check(config)
    task = plan_study(config.system, config.corpus, **as_asked(config)) if config.system else None
    ablation = _ablation(config)
    if config.dry_run:
        say(*(plan_tables(task) if task else ()), f"would write to {config.out}")
        return
    runs = [RunFolder.read(path) for path in config.run]
    if task is not None:
        runs.append(ask(task, config))
    settings = GapSettings(
        config.group,
        config.cells,
        config.labels,
        config.replicates,
        config.permutations,
        config.level,
        config.seed,
        config.temperature,
    )
    with progress("measuring") as report:
        found = gender_gap_benchmark(
            runs, settings, ablation=ablation, watch=lambda what: report(what, 0, 1)
        )
    page = write_benchmark(found, config.out, command=command_line())
    if not found.tables.table_2.is_empty():
        say(*summary_tables(found.tables.table_2), "")
    say(*(f"  - {text}" for text in findings(found.tables.table_2)))
    note(*(f"left out: {why} ({count})" for why, count in found.left_out.items()))
    finish(page)


def _check(config: GenderGapConfig) -> None:
    need_both(config)
    if not (config.run or config.system or config.component or config.weight or config.power):
        raise ConfigError("there is nothing to measure", hint="name run folders, or --system")


def _ablation(config: GenderGapConfig) -> list[Entry]:
    return [
        *(read_entry("components", text) for text in config.component),
        *(read_entry("weight", text) for text in config.weight),
        *(read_entry("power", text) for text in config.power),
    ]
