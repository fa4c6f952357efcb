"""``equivoice rerun``: a run repeated from its record, and whether it came out the same."""

from __future__ import annotations

from pathlib import Path

import typer

from equivoice.cli.config import (
    VerbConfig,
    argument,
    command_line,
    configured,
    option,
    verb_app,
)
from equivoice.cli.console import finish, note, say
from equivoice.cli.reporting import write_report
from equivoice.cli.watching import run_bar
from equivoice.evaluation.rerun import rerun

app = verb_app()


class RerunConfig(VerbConfig):
    """Options of ``rerun``."""

    run: Path = argument("the folder of a finished benchmark")
    out: Path = option("the folder for the repetition", short="-o")
    corpus: tuple[str, ...] = option(
        "where a corpus is now, in the record's order, where they moved", default=()
    )
    overwrite: bool = option("begin anew, whatever stands in the folder", default=False)


@app.command(name="rerun")
@configured(RerunConfig)
def rerun_verb(config: RerunConfig) -> None:
    """Repeat a benchmark from its record and say whether the tables are equal.

    Example:
      equivoice rerun runs/ravdess --out runs/ravdess-again
    """
    with run_bar() as bar:
        again = rerun(
            config.run,
            out=config.out,
            corpora=config.corpus,
            overwrite=config.overwrite,
            progress=bar,
            command=command_line(),
        )
    report = write_report(again.folder)
    say(*(str(table) for table in again.tables))
    say("The run came out the same." if again.equal else "The run came out differently.")
    note(*(f"changed since: {each}" for each in again.changed))
    finish(report)
    if not again.equal:
        raise typer.Exit(1)
