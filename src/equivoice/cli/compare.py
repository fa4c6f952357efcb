"""``equivoice compare``: two runs on the same utterances, by paired tests over speakers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from equivoice.cli.certainty import CertaintyConfig
from equivoice.cli.config import argument, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, say
from equivoice.cli.reporting import read_findings, write_report
from equivoice.evaluation.compare import compare
from equivoice.reports import main_table, verdict_lines

app = verb_app()


class CompareConfig(CertaintyConfig):
    """Options of ``compare``."""

    first: Path = argument("a finished run")
    second: Path | None = argument(
        "another one; without it the systems of the first are compared", default=None
    )
    out: Path = option("the folder for the comparison", short="-o")
    tests: Literal["same", "common"] = option(
        "'same' refuses different test sets, 'common' compares on what both have", default="same"
    )
    references: Literal["same", "given", "first"] = option(
        "'same' refuses runs scored against different references, 'given' compares against the "
        "labels given, 'first' against the labels by the rule of the first run",
        default="same",
    )
    group: tuple[str, ...] = option(
        "groups within which to compare as well, such as gender", default=()
    )
    overwrite: bool = option("replace what stands in the folder", default=False)


@app.command(name="compare")
@configured(CompareConfig)
def compare_verb(config: CompareConfig) -> None:
    """Compare two runs on the same utterances, paired, with speakers as the unit.

    Example:
      equivoice compare runs/acoustic runs/prior --out runs/acoustic-or-prior
      equivoice compare runs/both --out runs/both-compared
    """
    found = compare(
        config.first,
        config.second,
        out=config.out,
        tests=config.tests,
        references=config.references,
        group_by=config.group,
        overwrite=config.overwrite,
        command=command_line(),
        **config.certainty,
    )
    findings = [] if found.folder is None else read_findings(found.folder)
    say(verdict_lines(found.estimates, findings=findings), main_table(found.estimates))
    note(*found.notes)
    note_left_out(found.left_out)
    if found.folder is not None:
        finish(write_report(found.folder))
