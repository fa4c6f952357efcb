"""The report of a listening study: a part for each question, and what can be concluded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from equivoice.records import RunRecord
from equivoice.reports.document import Bullets, Section, Statements, Text
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.provenance import made_section
from equivoice.reports.rating import rating_sections, rating_statements
from equivoice.reports.render import facts_line, render_page
from equivoice.reports.rows import read_estimates
from equivoice.reports.wording import METRICS, metric, term

__all__ = ["listening_page"]

_KNOWN = "Answers that were known before"


def listening_page(
    title: str,
    asked: Mapping[str, str],
    estimates: Mapping[str, pl.DataFrame],
    record: RunRecord,
    facts: tuple[str, ...] = (),
) -> str:
    """A study's findings as one HTML page that opens offline.

    Args:
        title: of the study.
        asked: from each question's name to its words.
        estimates: from each question's name to its rows; ``gold`` for known answers.
        record: how the analysis was made.
        facts: sentences about the study, such as how many raters it has.

    Example:
        >>> row = {"quantity": "score", "metric": "acceptance", "value": 0.7, "low": 0.6,
        ...        "high": 0.8, "unit": "rater", "n": 320, "clusters": 10}
        >>> page = listening_page("Demo", {"q": "Is it right?"}, {"q": pl.DataFrame([row])},
        ...                       RunRecord(verb="study analyse", config={}))
        >>> "Is it right?" in page
        True
    """
    rows = [row for frame in estimates.values() for row in read_estimates(frame)]
    can, cannot = rating_statements(rows)
    inputs = ReportInputs(
        title, record, pl.concat(list(estimates.values()), how="diagonal_relaxed")
    )
    told = tuple(Text(fact) for fact in facts)
    parts = [
        _part(f"q{at}", asked.get(name, _KNOWN), frame)
        for at, (name, frame) in enumerate(estimates.items())
    ]
    sections = [
        Section("What can be concluded", "verdict", (*told, Statements("", can, cannot))),
        *parts,
        made_section([inputs], rows),
        Section("How to read this", "reading", (_words({row.metric for row in rows}),)),
    ]
    return render_page(title, sections, facts=facts_line(record))


def _part(anchor: str, title: str, frame: pl.DataFrame) -> Section:
    below = tuple(
        replace(section, anchor=f"{anchor}-{section.anchor}")
        for section in rating_sections(frame)
        if not section.empty
    )
    return Section(title, anchor, (), below)


def _words(used: set[str]) -> Bullets:
    named = [name for name in METRICS if name in used]
    return Bullets(tuple((None, f"{metric(name)}: {term(name).meaning}") for name in named))
