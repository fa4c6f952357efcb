"""ERM-MinMaxGAP's benchmark for whatever was run: Tables 1 to 3, beside the paper.

1. Ask the systems with and without the transcript, or take runs that are there.
2. Measure scores and gender gaps in each language, and over all languages by the mean,
   the root mean square and the maximum: the aggregator is always named.
3. Say what the transcript changes, with paired intervals over speakers.
4. Lay out the paper's tables, the printed numbers beside them; and an ablation out of
   the runs that the user names.
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
from equivoice.reports import render_page
from equivoice.store import RunFolder
from equivoice.studies.gender_gap.ablation import Entry, compare_entries, measure_entries
from equivoice.studies.gender_gap.measuring import measure
from equivoice.studies.gender_gap.page import study_sections
from equivoice.studies.gender_gap.reading import MODALITIES, GapSettings, read_answers
from equivoice.studies.gender_gap.summary import runs_section
from equivoice.studies.gender_gap.tables import Measured, StudyTables, make_tables
from equivoice.studies.published.gap_tables import GapTables, load_gap_tables

__all__ = ["STUDY_SETTINGS", "Benchmark", "gender_gap_benchmark", "plan_study", "write_benchmark"]

STUDY_SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "prompts": ("user_labels",),
        "modalities": MODALITIES,
        "temperatures": (0.0,),
        "runs": 1,
        "decoding": {"max_new_tokens": 5, "min_new_tokens": 1, "top_p": 1.0},
    }
)
"""The paper gives neither prompts nor decoding; these are ours."""


@dataclass(frozen=True)
class Benchmark:
    """What the study found.

    Args:
        tables: the paper's tables.
        paper: what was printed.
        runs: where it all comes from.
        left_out: what was left out, and how many.
    """

    tables: StudyTables
    paper: GapTables
    runs: tuple[RunFolder, ...]
    left_out: Mapping[str, int]


def plan_study(systems: Sequence[str], corpora: Sequence[str], **settings: Any) -> Task:
    """The benchmark in both modalities; what is given goes before our settings."""
    return plan_benchmark(list(systems), list(corpora), **{**STUDY_SETTINGS, **settings})


def gender_gap_benchmark(
    runs: Sequence[str | Path | RunFolder],
    settings: GapSettings | None = None,
    *,
    ablation: Sequence[Entry] = (),
    watch: Callable[[str], None] = lambda _: None,
) -> Benchmark:
    """The paper's tables for runs of ``benchmark``.

    Args:
        runs: run folders; a system may stand in several, as long as it was asked about
            other corpora or in another modality there.
        settings: how to measure.
        ablation: runs for Table 3, with what they vary.
        watch: is told what is at work.

    Raises:
        InputError: a run without predictions, a system twice on one corpus and modality,
            corpora with different labels, or nothing to compare.
    """
    asked = settings or GapSettings()
    folders = [run if isinstance(run, RunFolder) else RunFolder.read(run) for run in runs]
    paper = load_gap_tables()
    measured = []
    for answers in read_answers(folders, asked) if folders else ():
        watch(answers.system)
        measured.append(Measured(answers, measure(answers, asked)))
    named = measure_entries(ablation, asked, watch=watch)
    further = [entry.run for entry in ablation if entry.run.path not in {f.path for f in folders}]
    every = [*measured, *(each.measured for each in named)]
    left_out = {
        f"{one.answers.system}: {why}": number
        for one in every
        for why, number in one.answers.left_out.items()
    }
    differences = compare_entries(named, asked)
    tables = make_tables(measured, named, paper, differences)
    return Benchmark(tables, paper, (*folders, *further), left_out)


def write_benchmark(found: Benchmark, out: Path, *, command: str = "") -> Path:
    """Write the page and a CSV file for each table; returns the page's path."""
    sections = [
        *study_sections(found.tables, found.paper),
        runs_section(found.runs, found.left_out, command=command),
    ]
    page = render_page("Gender gaps by language and modality: ERM-MinMaxGAP's tables", sections)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in found.tables.named.items():
        if not table.is_empty():
            replace_file(out / f"{name}.csv", table.write_csv)
    return replace_file(out / "gender-gap-benchmark.html", lambda place: _write(place, page))


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
