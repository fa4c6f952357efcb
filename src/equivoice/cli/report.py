"""``equivoice report``: the report of one run, or of several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from equivoice.cli.config import VerbConfig, argument, configured, option, verb_app
from equivoice.cli.console import finish, say
from equivoice.cli.reporting import conclusions, write_report
from equivoice.store import RunFolder

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

    The report is made from what stands in the run folders; no model is run.

    Example:
      equivoice report runs/ravdess
      equivoice report runs/a runs/b --out side-by-side.html
    """
    runs = [RunFolder.read(path) for path in config.run]
    place = write_report(runs, out=config.out, players=config.players)
    for run in runs:
        say(*conclusions(run))
    finish(place)
