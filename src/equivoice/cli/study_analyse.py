"""``equivoice study analyse``: from a study's votes to estimates and a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import ValidationError

from equivoice.cli.config import VerbConfig, argument, command_line, configured, option
from equivoice.cli.console import finish, note, say
from equivoice.cli.study_people import OpenConfig, open_people_study
from equivoice.errors import ConfigError, InputError
from equivoice.rating.analysis import Uncertainty
from equivoice.rating.study_analysis import StudyVotes, study_estimates
from equivoice.rating.study_files import Question
from equivoice.records import (
    ESTIMATES,
    ITEMS,
    VOTES,
    RunRecord,
    read_frame,
    read_table,
    replace_file,
    write_table,
)
from equivoice.reports.listening import listening_page
from equivoice.reports.rating import rating_lines
from equivoice.store.provenance import git_revision, hash_file, machine, now, package_versions

__all__ = ["AnalyseConfig", "analyse_verb"]

_REPORT = "report.html"
_EXPORT = "votes"


class AnalyseConfig(VerbConfig):
    """Options of ``study analyse``."""

    folder: Path = argument("the study's folder, or what 'study export' wrote")
    out: Path = option("the folder for estimates and report", short="-o")
    database: str | None = option(
        "the study's database, where its address holds a password", default=None
    )
    attentive: bool = option(
        "only votes of raters who passed every check of attention", default=False
    )
    ties: Literal["half", "leave_out"] = option("how ties of comparisons count", default="half")
    replicates: int = option("bootstrap replicates", default=10_000, ge=20)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    seed: int = option("of all draws", default=0, ge=0)


@configured(AnalyseConfig)
def analyse_verb(config: AnalyseConfig) -> None:
    """Win rates, acceptance, shares, means, agreement and known answers, with a report.

    Each number stands there with an interval over raters (as the paper's), over items, and
    over both, which is the one that speaks of other people and other recordings.

    Example:
      equivoice study analyse study -o analysis
      equivoice study analyse votes -o analysis --attentive
    """
    started = now()
    source = _export(config)
    asked, title, study = _read(source, config)
    estimates = study_estimates(
        study,
        ties=config.ties,
        uncertainty=Uncertainty(config.level, config.replicates, config.seed),
    )
    raters = study.votes["rater"].n_unique()
    facts = (f"{raters} raters gave {study.votes.height:,} votes.",)
    record = RunRecord(
        verb="study analyse",
        config=config.model_dump(mode="json"),
        command=command_line(),
        versions=package_versions(),
        git_revision=git_revision(),
        inputs={f"votes of {title}": hash_file(source / "votes.parquet")},
        seeds={"root": config.seed},
        host=machine(),
        started=started,
        finished=now(),
    )
    page = listening_page(title, asked, estimates, record, facts)
    config.out.mkdir(parents=True, exist_ok=True)
    every = pl.concat(list(estimates.values()), how="diagonal_relaxed")
    write_table(every, config.out / "estimates.parquet", ESTIMATES)
    replace_file(config.out / _REPORT, lambda place: _write(place, page))
    for name, frame in estimates.items():
        if name in asked:
            say(f"{name}: {asked[name]}", *(f"  {line}" for line in rating_lines(frame)))
    finish(config.out / _REPORT)


def _export(config: AnalyseConfig) -> Path:
    """The exported tables: those of a folder, or those of a study, written beside the report."""
    if (config.folder / "votes.parquet").is_file():
        if config.database:
            raise ConfigError("an export needs no database", value=str(config.folder))
        return config.folder
    from equivoice.rating.app.export import write_export

    study = open_people_study(OpenConfig(folder=config.folder, database=config.database))
    try:
        write_export(study, config.out / _EXPORT)
    finally:
        study.box.close()
    return config.out / _EXPORT


def _read(source: Path, config: AnalyseConfig) -> tuple[dict[str, str], str, StudyVotes]:
    path = source / "questions.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        questions = [Question(**each) for each in content["questions"]]
        title = str(content["title"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            "what was asked cannot be read",
            file=path,
            hint="analyse a folder as 'equivoice study export' writes it",
        ) from error
    votes = read_table(source / "votes.parquet", VOTES)
    if config.attentive:
        votes = _attentive(votes, source / "raters.csv")
    study = StudyVotes(
        questions,
        votes,
        read_table(source / "items.parquet", ITEMS),
        _optional(source / "gold.csv"),
        _optional(source / "groups.csv"),
    )
    return {question.name: question.ask for question in questions}, title, study


def _attentive(votes: pl.DataFrame, path: Path) -> pl.DataFrame:
    raters = read_frame(path, text=("rater",))
    failed = raters.filter(pl.col("checks_passed") < pl.col("checks"))["rater"].to_list()
    if failed:
        note(f"left out, since they failed a check of attention: {', '.join(failed)}")
    return votes.filter(~pl.col("rater").is_in(failed))


def _optional(path: Path) -> pl.DataFrame | None:
    """A table of texts, or nothing where it has no rows."""
    if not path.is_file():
        return None
    frame = pl.read_csv(path, infer_schema=False)
    return None if frame.is_empty() else frame


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
