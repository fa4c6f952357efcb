"""The one road from run folders to a report, for every verb that writes one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import polars as pl
from rich.console import RenderableType

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.answers import answer_shares
from equivoice.evaluation.by_label import STRATA_GROUPING
from equivoice.evaluation.calibration import calibration
from equivoice.evaluation.described import (
    CorpusDescription,
    FoundInCorpus,
    read_descriptions,
    utterances_of,
)
from equivoice.evaluation.ensemble.storing import read_findings as read_ensemble
from equivoice.evaluation.minority import minority
from equivoice.evaluation.reference_votes import labels_of
from equivoice.evaluation.run_votes import GIVEN, held_against, votes_of
from equivoice.evaluation.sensitivity import sensitivity
from equivoice.records import replace_file
from equivoice.reports import ReportInputs, main_table, render_report, verdict_lines
from equivoice.reports.document import Section
from equivoice.store import RunFolder

__all__ = [
    "conclusions",
    "read_findings",
    "read_notes",
    "render_runs",
    "report_inputs",
    "write_report",
]

Players = Literal["auto", "embed", "none"]
_REPLICATES = 1_000
REPORT = "report.html"
NOTES = "notes.json"


def report_inputs(run: RunFolder, *, title: str | None = None) -> ReportInputs:
    """All that a report shows of a run, out of its folder.

    Args:
        run: the run, to read or to write.
        title: the heading; verb and folder by default.

    Raises:
        InputError: the folder holds no estimates, or a damaged file.
    """
    estimates = run.estimates()
    if estimates.is_empty():
        raise InputError(
            "the run holds no estimates", file=run.path, hint="finish its benchmark first"
        )
    record = run.record
    descriptions = read_descriptions(run)
    predictions, utterances = run.predictions(), run.utterances()
    labels, sides = _of_votes(run, descriptions)
    return ReportInputs(
        title=title or f"{record.verb}: {run.path.absolute().name}",
        record=record,
        estimates=estimates,
        predictions=predictions,
        utterances=utterances,
        answers=_answers(predictions, utterances, estimates),
        calibration=_calibration(predictions, utterances, descriptions),
        sensitivity=_sensitivity(predictions, utterances, descriptions),
        cards={name: each.card for name, each in descriptions.items()},
        findings=_findings(descriptions),
        left_out={},
        notes=read_notes(run),
        labels=labels,
        minority=sides,
        ensemble=read_ensemble(run),
    )


def _of_votes(
    run: RunFolder, descriptions: Mapping[str, CorpusDescription]
) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """The labels that a rule made of votes, and where a system sides with a minority."""
    votes = {name: votes_of(run, each) for name, each in descriptions.items()}
    known = {name: own for name, own in votes.items() if own is not None}
    held = held_against(run)
    labels = [labels_of(own, held.rule) for own in known.values()] if held != GIVEN else []
    predictions = run.predictions()
    sides = [
        minority(
            predictions,
            utterances_of(run, name),
            own.counts,
            labels=descriptions[name].label_space,
        )
        for name, own in known.items()
        if not predictions.is_empty()
    ]
    return pl.concat(labels) if labels else None, pl.concat(sides) if sides else None


def _answers(
    predictions: pl.DataFrame, utterances: pl.DataFrame, estimates: pl.DataFrame
) -> pl.DataFrame | None:
    """What became of the answers, by the groups that were scored."""
    if predictions.is_empty() or utterances.is_empty():
        return None
    named = estimates.get_column("group_by") if "group_by" in estimates.columns else pl.Series()
    # how far listeners agree is a grouping of utterances, and no attribute of theirs
    group_by = [
        name for name in named.unique(maintain_order=True) if name not in (None, STRATA_GROUPING)
    ]
    return answer_shares(predictions, utterances, group_by=group_by)


def _calibration(
    predictions: pl.DataFrame,
    utterances: pl.DataFrame,
    descriptions: Mapping[str, CorpusDescription],
) -> pl.DataFrame | None:
    """Calibration corpus by corpus; only where the label space is on record."""
    made = []
    for description, own, said in _by_corpus(predictions, utterances, descriptions):
        made.append(calibration(said, own, label_space=description.label_space))
    return pl.concat(made, how="diagonal") if made else None


def _by_corpus(
    predictions: pl.DataFrame,
    utterances: pl.DataFrame,
    descriptions: Mapping[str, CorpusDescription],
) -> Iterator[tuple[CorpusDescription, pl.DataFrame, pl.DataFrame]]:
    """Each corpus that is described, its utterances, and what was said of them."""
    for name, description in descriptions.items():
        own = utterances.filter(pl.col("corpus") == name)
        said = predictions.join(own.select("utterance_id"), on="utterance_id", how="semi")
        yield description, own, said


def _sensitivity(
    predictions: pl.DataFrame,
    utterances: pl.DataFrame,
    descriptions: Mapping[str, CorpusDescription],
) -> pl.DataFrame | None:
    """What prompt and label order do, at the lowest temperature; ``None`` where neither varies."""
    made = []
    for description, own, said in _by_corpus(predictions, utterances, descriptions):
        lowest = said.filter(
            pl.col("temperature").eq_missing(pl.col("temperature").min().over("system"))
        )
        for factor, column in (("prompt", "prompt"), ("label_order", "options")):
            varied = lowest.filter(pl.col(column).n_unique().over("system") > 1)
            if varied.is_empty():
                continue
            rows = sensitivity(
                varied,
                own,
                factor=factor,
                label_space=description.label_space,
                replicates=_REPLICATES,
            )
            made.append(
                rows.with_columns(
                    corpus=pl.lit(description.name),
                    temperature=pl.lit(varied.get_column("temperature").min(), pl.Float64),
                )
            )
    return pl.concat(made) if made else None


def read_notes(run: RunFolder) -> list[str]:
    """What a reader of the run must know, as sentences; empty where nothing was noted."""
    text = run.read_text(NOTES)
    return [] if text is None else [str(note) for note in json.loads(text)]


def read_findings(run: RunFolder) -> list[FoundInCorpus]:
    """What the checks of the corpora of a run found."""
    return _findings(read_descriptions(run))


def conclusions(run: RunFolder) -> tuple[RenderableType, RenderableType]:
    """The verdict and the main table of a run for the terminal; the report says the same."""
    estimates = run.estimates()
    lines = verdict_lines(estimates, findings=read_findings(run), selection=run.record.selection)
    return lines, main_table(estimates)


def _findings(descriptions: Mapping[str, CorpusDescription]) -> list[FoundInCorpus]:
    return [found for each in descriptions.values() for found in each.findings]


def render_runs(
    runs: RunFolder | Sequence[RunFolder],
    *,
    players: Players = "auto",
    further: Sequence[Section] = (),
) -> str:
    """The report of one run, or of several side by side, as one HTML page."""
    several = [runs] if isinstance(runs, RunFolder) else list(runs)
    inputs = [report_inputs(run) for run in several]
    return render_report(inputs, players=players, further=further)


def write_report(
    runs: RunFolder | Sequence[RunFolder],
    *,
    out: str | Path | None = None,
    players: Players = "auto",
    further: Sequence[Section] = (),
) -> Path:
    """Write the report of one run, or of several side by side.

    Args:
        runs: the runs. A run that is open for writing is written to as it is; one
            that is open for reading is locked for the moment of writing.
        out: the file to write, or a folder to write ``report.html`` into; by default
            ``report.html`` in the folder of the only run.
        players: whether the hardest utterances can be heard.
        further: sections about something else that was found.

    Returns:
        the report.

    Raises:
        ConfigError: several runs and no ``out``.
        LockedRunError: another process works on the run.
        StorageError: the report could not be written.
    """
    several = [runs] if isinstance(runs, RunFolder) else list(runs)
    if out is None and len(several) != 1:
        raise ConfigError("a report of several runs needs a place", hint="name it with --out")
    page = render_runs(several, players=players, further=further)
    if out is not None:
        place = Path(out)
        place = place / REPORT if place.is_dir() else place
        return replace_file(place, lambda target: _write(target, page))
    only = several[0]
    if only.writable:
        return only.write_text(REPORT, page)
    with RunFolder.open(only.path) as run:
        return run.write_text(REPORT, page)


def _write(target: Path, page: str) -> None:
    target.write_text(page, encoding="utf-8")
