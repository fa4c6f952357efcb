"""``equivoice report``: the report of one run, or of several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from equivoice.cli.config import VerbConfig, argument, configured, option, verb_app
from equivoice.cli.console import finish, say
from equivoice.cli.reporting import conclusions, write_report
from equivoice.cli.training_report import is_training, training_inputs, write_training_report
from equivoice.errors import ConfigError
from equivoice.reports.terminal import statement_lines
from equivoice.reports.training import training_statements
from equivoice.store import RunFolder, TrainingFolder
from equivoice.store.judging_folder import JUDGE
from equivoice.store.rationale_folder import GENERATE

app = verb_app()


class ReportConfig(VerbConfig):
    """Options of ``report``."""

    run: tuple[Path, ...] = argument("run folders", min_length=1)
    out: Path | None = option(
        "the file or folder to write; needed for several runs", default=None, short="-o"
    )
    players: Literal["auto", "embed", "none"] = option(
        "whether the hardest utterances can be heard; auto asks the corpus's licence",
        default="auto",
    )


@app.command()
@configured(ReportConfig)
def report(config: ReportConfig) -> None:
    """Write the report of one run, or of several side by side.

    The report is made from what stands in the run folders; no model is run. Of the folder of
    a training it shows the curves, and of several trainings score against worst gap.

    Example:
      equivoice report runs/ravdess
      equivoice report runs/a runs/b --out side-by-side.html
      equivoice report runs/erm runs/minmaxgap --out trainings.html
    """
    trainings = [path for path in config.run if is_training(path)]
    if trainings:
        _refuse_mixed(config.run, trainings)
        _report_trainings([TrainingFolder.read(path) for path in trainings], config.out)
        return
    runs = [RunFolder.read(path) for path in config.run]
    for run in runs:
        _refuse_other_work(run)
    place = write_report(runs, out=config.out, players=config.players)
    for run in runs:
        say(*conclusions(run))
    finish(place)


def _report_trainings(runs: list[TrainingFolder], out: Path | None) -> None:
    place = write_training_report(runs, out=out)
    for run in runs:
        can, cannot = training_statements(training_inputs(run), curves=False)
        subject = run.path.absolute().name if len(runs) > 1 else ""
        say(statement_lines(can, cannot, subject=subject))
    finish(place)


_ELSEWHERE = {
    JUDGE: "its report is report.html in it; give the command of 'equivoice judge' again to write it anew",
    GENERATE: "'equivoice rationales show --from FOLDER' shows what became of them, and "
    "'equivoice rationales ground --from FOLDER' writes a report",
}


def _refuse_other_work(run: RunFolder) -> None:
    """Name what reports on a folder that holds other work than answers with scores."""
    hint = _ELSEWHERE.get(run.record.verb)
    if hint is not None:
        raise ConfigError(f"{run.path} is the work of {run.record.verb!r}, not a run", hint=hint)


def _refuse_mixed(given: tuple[Path, ...], trainings: list[Path]) -> None:
    others = [path for path in given if path not in trainings]
    if others:
        raise ConfigError(
            f"{trainings[0]} is a training and {others[0]} is not: they have no report in common",
            hint="write two reports",
        )
