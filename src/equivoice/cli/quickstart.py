"""``equivoice quickstart``: from nothing to a fairness report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from equivoice.cli.benchmark import tell
from equivoice.cli.config import VerbConfig, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, progress, say
from equivoice.cli.reporting import render_runs, write_report
from equivoice.cli.study_fair_training import (
    Seeds,
    recipe_section,
    report_fair_training,
    tell_methods,
)
from equivoice.cli.training_bar import training_bar
from equivoice.cli.watching import run_bar
from equivoice.corpora import Corpus
from equivoice.errors import MissingDependencyError
from equivoice.store import RunFolder
from equivoice.studies.fair_training import FairTraining
from equivoice.studies.quickstart import (
    METHODS,
    audit,
    data_at_hand,
    fair_folder,
    missing_for_training,
    real_corpus,
    speech_to_learn,
    synthetic_corpus,
    train_fairly,
    trained_section,
)

app = verb_app()


class QuickstartConfig(VerbConfig):
    """Options of ``quickstart``."""

    out: Path = option(
        "the folder for corpora, run, trainings and report", default=Path("quickstart"), short="-o"
    )
    data: Path | None = option(
        "real data (audio/ravdess, emobox/ravdess); the variable EQUIVOICE_DATA names it too",
        default=None,
    )
    speakers: int = option("speakers of the synthetic corpus", default=24, ge=2)
    per_speaker: int = option("utterances of each of them", default=18, ge=1)
    training: bool = option("train small speech LLMs, by ERM and by MinMaxGAP", default=True)
    training_speakers: int = option("speakers of the speech for them", default=72, ge=18)
    training_seeds: Seeds = option(
        "of their first weights and training, such as 0,1,2", default=(0, 1, 2)
    )
    replicates: int = option("bootstrap replicates", default=10_000, ge=1)
    seed: int = option("decides everything that is drawn", default=0, ge=0)
    dry_run: bool = option("say what would be done", default=False)
    optimiser: dict[str, Any] = recipe_section("as in train: how the loss is minimised")


@app.command(name="quickstart")
@configured(QuickstartConfig)
def quickstart_verb(config: QuickstartConfig) -> None:
    """Make speech with known biases, benchmark a baseline, audit it, train fairly, report.

    With EQUIVOICE_DATA set, the audit is of RAVDESS. Then small speech LLMs are trained
    on made speech by ERM and by ERM-MinMaxGAP; --no-training leaves that out. What is
    done already is not done again.

    Example:
      equivoice quickstart
      EQUIVOICE_DATA=../shared/data equivoice quickstart --out quickstart
    """
    data = config.data or data_at_hand()
    what = "a synthetic corpus" if data is None else f"RAVDESS from {data}"
    missing = missing_for_training() if config.training else None
    if config.dry_run:
        say(f"would benchmark the baselines on {what}, in {config.out}")
        say(*_training_planned(config, missing))
        return
    note(f"Benchmarking the baselines on {what}")
    run = _audited(config, data)
    report = run.path / "report.html"
    if not config.training:
        tell(run, report)
        return
    tell(run, None)
    if missing is None:
        found = _trained(config)
        page = report_fair_training(found, fair_folder(config.out))
        write_report(run, further=[trained_section(found, page)])
        tell_methods(found.estimates)
    else:
        note(f"No models are trained: {missing}")
    finish(report)


def _training_planned(
    config: QuickstartConfig, missing: MissingDependencyError | None
) -> tuple[str, ...]:
    if not config.training:
        return ()
    if missing is not None:
        return (f"would train no models: {missing}",)
    number, methods = len(METHODS) * len(config.training_seeds), ", ".join(METHODS)
    what = f"{number} small speech LLMs ({methods}) on made speech"
    return (f"would train {what}, in {fair_folder(config.out)}",)


def _audited(config: QuickstartConfig, data: Path | None) -> RunFolder:
    corpus = _speech(config, data)
    with run_bar() as bar:
        return audit(
            corpus,
            config.out,
            seed=config.seed,
            replicates=config.replicates,
            render=render_runs,
            progress=bar,
            command=command_line(),
        )


def _speech(config: QuickstartConfig, data: Path | None) -> Corpus:
    if data is not None:
        return real_corpus(data, config.out)
    with progress("making speech") as report:
        return synthetic_corpus(
            config.out,
            seed=config.seed,
            speakers=config.speakers,
            per_speaker=config.per_speaker,
            progress=lambda done, total: report("speakers", done, total),
        )


def _trained(config: QuickstartConfig) -> FairTraining:
    """Models by both methods; bars show the making of the speech, then each training."""
    note("Training small speech LLMs on made speech, some minutes; --no-training leaves it out")
    with progress("making speech") as report:
        speech = speech_to_learn(
            config.out,
            speakers=config.training_speakers,
            seed=config.seed,
            progress=lambda done, total: report("speakers", done, total),
        )
    with training_bar(shown=True, lines=False) as bar:
        return train_fairly(
            speech,
            config.out,
            seeds=config.training_seeds,
            seed=config.seed,
            optimiser=config.optimiser,
            training=bar,
            watch=note,
            command=command_line(),
        )
