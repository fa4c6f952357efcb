"""From the inputs of a report to one HTML file that opens offline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count as counter
from typing import TypeVar
from urllib.parse import urlsplit

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from equivoice.records import RunRecord
from equivoice.reports.against_votes import against_votes_section, scales_section
from equivoice.reports.answer_sections import answers_section, calibration_section
from equivoice.reports.chapter import Chapter, chapter_sections
from equivoice.reports.crowd_statements import about_listeners, people_in_full
from equivoice.reports.document import Bullets, Section
from equivoice.reports.ensembles import ensemble_section
from equivoice.reports.formatting import capital
from equivoice.reports.hardest import MOST_CLIPS, Players
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.listeners import listeners_section
from equivoice.reports.provenance import corpora_section, left_out_section, made_section
from equivoice.reports.rows import Estimate, pooled, read_estimates
from equivoice.reports.sections import (
    Run,
    chapters,
    comparisons_section,
    scores_section,
    verdict_section,
)
from equivoice.reports.sensitivity_section import sensitivity_section
from equivoice.reports.side_by_side import kept_apart
from equivoice.reports.sweep_sections import temperature_section
from equivoice.reports.sweeps import reading_of
from equivoice.reports.training_inputs import TrainingInputs
from equivoice.reports.wording import GLOSSARY, METRICS, OF_LISTENERS, metric, term

__all__ = ["facts_line", "render_page", "render_report", "told_apart"]

_Titled = TypeVar("_Titled", ReportInputs, TrainingInputs)

_MOST_CHAPTERS = 4
"""So many systems are shown in full; the chapters of others are folded."""
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)")


def render_report(
    inputs: ReportInputs | Sequence[ReportInputs],
    *,
    players: Players = "auto",
    further: Sequence[Section] = (),
) -> str:
    """One HTML page, complete in itself, for one run or several.

    The page asks for nothing from outside, runs no script, and escapes every
    text that it shows.

    Args:
        inputs: one run, or several to stand side by side.
        players: whether the hardest utterances can be heard: ``auto`` embeds the
            sound where the corpus card names a Creative Commons licence or the
            corpus is synthetic, ``embed`` always, ``none`` never.
        further: what else was found, to stand below the scores.

    Returns:
        the page as text, to be stored as UTF-8.

    Raises:
        SchemaError: the estimates break their schema.
        ValueError: no run was given.

    Example:
        >>> import polars as pl
        >>> from equivoice.records import RunRecord
        >>> row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 8}
        >>> page = render_report(ReportInputs("Demo", RunRecord(verb="score", config={}),
        ...                                   pl.DataFrame([row])))
        >>> page.startswith("<!doctype html>")
        True
    """
    runs = [inputs] if isinstance(inputs, ReportInputs) else list(inputs)
    if not runs:
        raise ValueError("a report needs at least one run")
    runs = told_apart(runs)
    return render_page(
        runs[0].title if len(runs) == 1 else f"{len(runs)} runs side by side",
        _sections(runs, players, further),
        runs=[run.title for run in runs] if len(runs) > 1 else [],
        facts=facts_line(runs[0].record),
    )


def render_page(
    title: str, sections: Iterable[Section], *, runs: Sequence[str] = (), facts: Sequence[str] = ()
) -> str:
    """Sections as one HTML page, complete in itself; empty sections are left out.

    Args:
        title: the heading.
        sections: from top to bottom.
        runs: the runs that stand side by side, to be named below the heading.
        facts: short facts for the line below.
    """
    shown = [section for section in sections if not section.empty]
    template = _environment().get_template("report.html.j2")
    page = template.render(title=title, runs=list(runs), facts=list(facts), sections=shown)
    # A file name that is not UTF-8 reaches Python with lone surrogates, which cannot be stored.
    return page.encode("utf-8", "replace").decode("utf-8")


def told_apart(runs: Sequence[_Titled]) -> list[_Titled]:
    """Runs of the same title get numbers, so that none of them passes for another."""
    titles = [run.title for run in runs]
    return [
        replace(run, title=f"{run.title} ({titles[: at + 1].count(run.title)})")
        if titles.count(run.title) > 1
        else run
        for at, run in enumerate(runs)
    ]


def _sections(
    runs: Sequence[ReportInputs], players: Players, further: Sequence[Section]
) -> list[Section]:
    read = [(run, read_estimates(run.estimates)) for run in runs]
    rows = [row for _, own in read for row in own]
    comparisons = [row for row in pooled(rows) if row.quantity == "comparison"]
    parts = chapters(read)
    return [
        verdict_section(read),
        scores_section(parts),
        *_ensembles(read),
        comparisons_section(comparisons),
        *_of_votes(read, players),
        *_temperatures(read),
        sensitivity_section(_joined(run.sensitivity for run in runs)),
        answers_section(_handed(run.answers for run in runs)),
        calibration_section(_handed(run.calibration for run in runs), told=about_listeners(rows)),
        *_chapters(parts, players),
        *further,
        corpora_section(runs),
        left_out_section(runs, rows),
        made_section(runs, rows),
        _glossary(rows),
    ]


def _ensembles(read: Sequence[Run]) -> Iterator[Section]:
    """What the ensembles among the runs gain; a section each."""
    for at, (run, rows) in enumerate(read):
        made = ensemble_section(run.ensemble, rows)
        title = f"{made.title}: {run.title}" if len(read) > 1 else made.title
        yield replace(made, title=title, anchor=f"{made.anchor}{at or ''}")


def _of_votes(read: Sequence[Run], players: Players) -> Iterator[Section]:
    """Listeners, scores against all votes, and scales: a section each, for each run."""
    for at, (run, rows) in enumerate(read):
        several = len(read) > 1
        made = (
            listeners_section(run, rows, players=players, prefix=f"listeners{at or ''}"),
            against_votes_section(rows, prefix=f"votes{at or ''}"),
            scales_section(rows, prefix=f"scales{at or ''}"),
        )
        for section in made:
            title = f"{section.title}: {run.title}" if several else section.title
            yield replace(section, title=title)


def _temperatures(read: Sequence[Run]) -> Iterator[Section]:
    """Curves against temperature; runs that must not be compared have curves of their own."""
    if not any(each.separate for each in kept_apart(read)):
        yield temperature_section([row for _, rows in read for row in rows])
        return
    for at, (run, rows) in enumerate(read):
        made = temperature_section(rows)
        parts = tuple(replace(p, anchor=f"{p.anchor}-run{at}") for p in made.sections)
        title = f"{made.title}: {run.title}"
        yield replace(made, title=title, anchor=f"{made.anchor}-run{at}", sections=parts)


def _joined(frames: Iterable[pl.DataFrame | None]) -> pl.DataFrame | None:
    given = [frame for frame in frames if frame is not None and not frame.is_empty()]
    return pl.concat(given, how="diagonal_relaxed") if given else None


def _handed(frames: Iterable[pl.DataFrame | None]) -> list[Estimate]:
    """The rows of estimates that were handed in beside the scores."""
    given = [frame for frame in frames if frame is not None and not frame.is_empty()]
    return [row for frame in given for row in read_estimates(frame)]


def _chapters(parts: Sequence[Chapter], players: Players) -> list[Section]:
    """One condition: its sections stand at the top; several: a chapter each."""
    if len(parts) == 1:
        return list(chapter_sections(parts[0], "", players=players, clips=MOST_CLIPS))
    # A page with sound in it should still open quickly: the chapters share the clips.
    systems = [part for part in parts if not part.condition.people]
    clips = max(1, MOST_CLIPS // max(1, len(systems)))
    made = [
        Section(
            capital(part.condition.title),
            f"chapter-{at}",
            sections=chapter_sections(part, f"chapter-{at}-", players=players, clips=clips),
            folded=_is_folded(part, at, only_people=not systems),
        )
        for at, part in enumerate(parts)
    ]
    full = people_in_full({part.condition: part.pooled for part in parts})
    apart = [part.condition.people and part.condition not in full for part in parts]
    shown = [section for section, aside in zip(made, apart, strict=True) if not aside]
    people = tuple(section for section, aside in zip(made, apart, strict=True) if aside)
    return [*shown, Section("People, one by one", "people", (), people)]


def _is_folded(part: Chapter, at: int, *, only_people: bool) -> bool:
    """The first few systems stand open; people do where nobody else was scored."""
    of_people = part.condition.people and not only_people
    return of_people or bool(reading_of(part.condition.system)) or at >= _MOST_CHAPTERS


def _glossary(rows: Sequence[Estimate]) -> Section:
    """The words of the report; only those metrics that it shows."""
    used = {row.metric for row in rows}
    names = [name for name in METRICS if name in used]
    passed_over = () if about_listeners(rows) else OF_LISTENERS
    words = [f"{name}: {meaning}" for name, meaning in GLOSSARY if name not in passed_over]
    words += [f"{metric(name)}: {term(name).meaning}" for name in names]
    return Section("How to read this", "reading", (Bullets(tuple((None, each) for each in words)),))


def facts_line(record: RunRecord) -> list[str]:
    """Version and time, for the line below the heading."""
    version = record.versions.get("equivoice")
    made = f"Equivoice {version}" if version else "Equivoice"
    when = _ISO.match(record.finished or "")
    return [made, f"{when[1]} {when[2]} UTC"] if when else [made]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("equivoice.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = counter(1)
    environment.globals["fresh"] = lambda prefix: f"{prefix}-{next(numbers)}"
    environment.tests["web_address"] = _is_web_address
    return environment


def _is_web_address(text: str) -> bool:
    """Whether a text is a plain http(s) address; nothing else becomes a link."""
    if any(character.isspace() or ord(character) < 32 for character in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
