"""``equivoice study``: people rate in a browser; published studies, repeated for what was run."""

from __future__ import annotations

from pydantic import Field

from equivoice.cli.benchmark import Numbers, Words
from equivoice.cli.config import command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, progress, say
from equivoice.cli.planning import plan_tables
from equivoice.cli.study_abhinaya import abhinaya_verb
from equivoice.cli.study_analyse import analyse_verb
from equivoice.cli.study_asking import StudyConfig, as_asked, ask, need_both
from equivoice.cli.study_explainable import explainable_verb
from equivoice.cli.study_fair_training import fair_training_verb
from equivoice.cli.study_gender_gap import gender_gap_benchmark_verb
from equivoice.cli.study_people import VERBS as PEOPLE_VERBS
from equivoice.cli.study_rationale_chain import rationale_chain_verb
from equivoice.errors import ConfigError
from equivoice.evaluation.settings import DecodingSettings
from equivoice.evaluation.task import Task
from equivoice.store import RunFolder
from equivoice.studies.zero_shot.conventions import changes
from equivoice.studies.zero_shot.scoring import AuditSettings
from equivoice.studies.zero_shot.summary import summary_tables
from equivoice.studies.zero_shot_audit import (
    PAPER_SETTINGS,
    plan_as_published,
    write_audit,
    zero_shot_audit,
)

_HELP = """Let people rate in a browser, or repeat a published study beside what was printed."""

app = verb_app(_HELP)


@app.callback()
def study() -> None:
    """Let people rate in a browser, or repeat a published study beside what was printed."""


for _name, _verb in {**PEOPLE_VERBS, "analyse": analyse_verb}.items():
    app.command(_name)(_verb)

app.command("gender-gap-benchmark")(gender_gap_benchmark_verb)
app.command("fair-training")(fair_training_verb)
app.command("abhinaya")(abhinaya_verb)
app.command("explainable")(explainable_verb)
app.command("rationale-chain")(rationale_chain_verb)


class ZeroShotAuditConfig(StudyConfig):
    """Options of ``study zero-shot-audit``."""

    prompt: Words = option("a prompt, by name or file", default=PAPER_SETTINGS["prompts"])
    temperatures: Numbers = option(
        "the temperatures to ask at", default=PAPER_SETTINGS["temperatures"]
    )
    runs: int = option("answers at each temperature", default=PAPER_SETTINGS["runs"], ge=1)
    decoding: DecodingSettings = Field(
        default=DecodingSettings(**PAPER_SETTINGS["decoding"]),
        description="how answers are sampled otherwise",
    )
    temperature: float | None = option(
        "the temperature that the tables stand at; the lowest by default", default=None, ge=0
    )
    select_on_test: bool = option(
        "take the temperature that is best on the test data, as the paper did; it is said",
        default=False,
    )


@app.command("zero-shot-audit")
@configured(ZeroShotAuditConfig)
def zero_shot_audit_verb(config: ZeroShotAuditConfig) -> None:
    """FairALM's Tables I to IV and Figure 2 for what was run, beside the printed numbers.

    Give run folders, or systems and corpora, which are then asked with the paper's
    settings (six temperatures, ten runs; the run goes to OUT/run and is resumed).
    The stored answers are read and scored by our rules, by the paper's formulas and by
    its released code; the page says where that changes the verdict.

    Example:
      equivoice study zero-shot-audit runs/ravdess runs/cremad -o audit
      equivoice study zero-shot-audit --system qwen2-audio --corpus corpora/ravdess -o audit options.qwen2-audio.model=/models/Qwen2-Audio-7B-Instruct
    """
    need_both(config)
    if not config.run and not config.system:
        raise ConfigError("there is nothing to audit", hint="name run folders, or --system")
    if config.select_on_test and config.temperature is not None:
        raise ConfigError(
            "temperature: a named one and the best on the test data exclude each other",
            hint="leave out --temperature or --select-on-test",
        )
    task = _planned(config) if config.system else None
    if config.dry_run:
        say(*(plan_tables(task) if task else ()), f"would write to {config.out}")
        return
    runs = [RunFolder.read(path) for path in config.run]
    if task is not None:
        runs.append(ask(task, config))
    settings = AuditSettings(
        config.replicates,
        config.permutations,
        config.level,
        config.seed,
        config.temperature,
        config.select_on_test,
    )
    with progress("scoring") as report:
        audit = zero_shot_audit(runs, settings, watch=lambda what: report(what, 0, 1))
    page = write_audit(audit, config.out, command=command_line())
    say(*summary_tables(audit.tables))
    found = changes(audit.tables)
    say("", "Where the conventions part:" if found else "The conventions agree.")
    say(*(f"  - {text}" for text in found))
    note(*(f"left out: {why} ({count})" for why, count in audit.scored.left_out.items()))
    finish(page)


def _planned(config: ZeroShotAuditConfig) -> Task:
    return plan_as_published(
        config.system,
        config.corpus,
        temperatures=config.temperatures,
        runs=config.runs,
        **as_asked(config),
    )
