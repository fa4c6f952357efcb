"""The FairALM benchmark for whatever was run: Tables I–IV and Figure 2, beside the paper.

1. Ask the systems as the paper asked them, or take runs that are there.
2. Read the stored answers and score them by our rules, by the paper's formulas and by
   its released code.
3. Lay out the paper's tables, with intervals, and spread over folds, runs and label
   orders apart; the printed numbers beside them.
4. Say where the choice of a convention changes the verdict.

Nothing is chosen by its score on test data unless the caller forces it, and then the
page says so first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from equivoice.evaluation import plan_benchmark
from equivoice.evaluation.task import Task
from equivoice.records import replace_file
from equivoice.reports import ReportInputs, render_page
from equivoice.store import RunFolder
from equivoice.studies.published import PublishedStudy, load_published
from equivoice.studies.zero_shot.page import paper_sections
from equivoice.studies.zero_shot.scoring import AuditSettings, Scored, score_runs
from equivoice.studies.zero_shot.summary import closing_sections, opening_sections, run_inputs
from equivoice.studies.zero_shot.tables import AuditTables, make_tables

__all__ = ["PAPER_SETTINGS", "Audit", "plan_as_published", "write_audit", "zero_shot_audit"]

PAPER_SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "prompts": ("user_labels",),
        "temperatures": (0.0, 0.3, 0.7, 1.0, 1.2, 1.5),
        "runs": 10,
        "decoding": {"max_new_tokens": 5, "min_new_tokens": 1, "top_p": 1.0},
    }
)
"""As in the released code, but for what it calls 0, which there is 0.0001, and for the
runs, which there share a seed and differ in the order of the labels."""


@dataclass(frozen=True)
class Audit:
    """What the study found.

    Args:
        scored: all estimates, by every convention.
        tables: the paper's tables.
        study: what was printed.
    """

    scored: Scored
    tables: AuditTables
    study: PublishedStudy


def plan_as_published(systems: Sequence[str], corpora: Sequence[str], **settings: Any) -> Task:
    """The benchmark with the paper's settings; what is given goes before them."""
    return plan_benchmark(list(systems), list(corpora), **{**PAPER_SETTINGS, **settings})


def zero_shot_audit(
    runs: Sequence[str | Path | RunFolder],
    settings: AuditSettings | None = None,
    *,
    watch: Callable[[str], None] = lambda _: None,
) -> Audit:
    """The paper's tables for runs of ``benchmark``, which are read and scored again.

    Raises:
        InputError: a run without predictions, or a system on a corpus in two runs.
    """
    asked = settings or AuditSettings()
    folders = [run if isinstance(run, RunFolder) else RunFolder.read(run) for run in runs]
    study = load_published("fairalm")
    scored = score_runs(folders, asked, watch=watch)
    return Audit(scored, make_tables(scored, study, asked), study)


def write_audit(audit: Audit, out: Path, *, command: str = "") -> Path:
    """Write the page and a CSV file for each table; returns the page's path."""
    inputs: list[ReportInputs] = run_inputs(audit.scored, audit.tables)
    sections = [
        *opening_sections(inputs, audit.tables),
        *paper_sections(audit.tables, audit.study),
        *closing_sections(audit.scored, command=command),
    ]
    page = render_page("Zero-shot audit: FairALM's tables for these runs", sections)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in audit.tables.named.items():
        if not table.is_empty():
            replace_file(out / f"{name}.csv", table.write_csv)
    return replace_file(out / "zero-shot-audit.html", lambda place: _write(place, page))


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
