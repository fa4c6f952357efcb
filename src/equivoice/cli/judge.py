"""``equivoice judge``: a language model judges reasons, and the report says who is preferred."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from equivoice.cli.config import VerbConfig, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, progress, say
from equivoice.errors import ConfigError
from equivoice.evaluation.ensemble.gathering import find_reference
from equivoice.evaluation.ensemble.members import Member, read_entry, read_source
from equivoice.evaluation.settings import DecodingSettings
from equivoice.models import LanguageBackend
from equivoice.models.registry import load_model
from equivoice.rating.analysis import Uncertainty
from equivoice.rating.analysis.judged import judged_estimates
from equivoice.rating.judge import Judging, choose_modality, judge
from equivoice.rating.rubrics import Rubric, load_rubric, rubric_names
from equivoice.rating.sampling import Sampled, sample_pairs, sample_reasons
from equivoice.reports.rating import judging_page, rating_lines
from equivoice.store.judging_folder import JudgingFolder

app = verb_app()

_REPORT = "report.html"
_ALL = "all"


class JudgeConfig(VerbConfig):
    """Options of ``judge``."""

    system: tuple[str, ...] = option(
        "whose reasons: a finished run, RUN#SYSTEM, NAME=RUN#SYSTEM, or a table; two for a "
        "pairwise rubric, one or more for a pointwise one",
        min_length=1,
    )
    judge: str = option("the system that judges, by name; 'equivoice models' lists them")
    out: Path = option("the folder for what it says", short="-o")
    options: dict[str, Any] = Field(default_factory=dict, description="options of the judge")
    rubric: str = option(
        f"what is asked: {', '.join(rubric_names())}, or a .yaml file", default="pairwise"
    )
    reference: Path | None = option(
        "a corpus with sound or transcripts; that of the runs by default", default=None
    )
    corpus: str | None = option("which corpus, where the runs have several", default=None)
    modality: str | None = option(
        "speech, speech+transcript or transcript; what judge and rubric allow by default",
        default=None,
    )
    per_emotion: str = option("how many items of each predicted emotion, or 'all'", default="50")
    order: Literal["both", "random", "given"] = option(
        "pairs are shown in both orders, in one that is drawn, or as given", default="both"
    )
    ties: Literal["half", "leave_out"] = option("how ties count", default="half")
    temperature: float = option("sampling temperature of the judge", default=0.0, ge=0)
    decoding: DecodingSettings = Field(
        default_factory=lambda: DecodingSettings(max_new_tokens=256),
        description="how its answers are sampled otherwise",
    )
    batch_size: int = option("items that the judge is given at once", default=8, ge=1)
    seed: int = option("of what is drawn", default=0, ge=0)
    replicates: int = option("bootstrap replicates", default=10_000, ge=20)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    dry_run: bool = option("draw the items, ask nothing and write nothing", default=False)
    overwrite: bool = option("begin anew, whatever stands in the folder", default=False)


@app.command(name="judge")
@configured(JudgeConfig)
def judge_verb(config: JudgeConfig) -> None:
    """Let a language model judge reasons: which of two is better, or one by one.

    Pairs are of reasons for the same predicted emotion, so many an emotion, shown in both
    orders without names; ties may be called. The judge's verdicts are votes, and the report
    gives win rates with intervals over items, how far place and length moved the judge, and
    what could not be read. An interrupted call goes on where it stopped.

    Example:
      equivoice judge --system ours=runs/ours --system q2a=runs/q2a --judge openai-text options.model=gpt-4o -o judged
      equivoice judge --system runs/ours --judge qwen2-5-omni options.model=/models/omni --rubric acceptance -o judged
    """
    rubric = load_rubric(config.rubric)
    sources = [read_source(read_entry(each)) for each in config.system]
    members = [member for source in sources for member in source.members]
    reference = find_reference(sources, config.reference, config.corpus)
    sampled = _sampled(config, rubric, members, reference.utterances)
    if config.dry_run:
        _tell_items(sampled)
        say("nothing was written")
        return
    backend = _judge(config)
    judging = Judging(
        rubric,
        choose_modality(backend, rubric, config.modality),
        config.temperature,
        config.decoding.resolved,
        config.batch_size,
        config.seed,
    )
    with JudgingFolder.open(config.out, overwrite=config.overwrite) as folder:
        with progress("judging") as report:
            judge(
                backend,
                sampled,
                reference.utterances,
                judging,
                folder,
                config=_drawn(config, members),
                command=command_line(),
                progress=lambda done, total: report(backend.name, done, total),
            )
        estimates = judged_estimates(
            rubric,
            **{name: folder.table(name) for name in ("votes", "items", "groups")},
            judgments=folder.judgments(),
            systems=[member.name for member in members],
            ties=config.ties,
            uncertainty=Uncertainty(config.level, config.replicates, config.seed),
        )
        folder.write("estimates", estimates)
        page = folder.write_text(_REPORT, judging_page(estimates, folder.record, rubric.about))
    say(*rating_lines(estimates))
    _tell_items(sampled)
    finish(page)


def _judge(config: JudgeConfig) -> LanguageBackend:
    backend = load_model(config.judge, **config.options)
    if not isinstance(backend, LanguageBackend):
        raise ConfigError(
            "this system cannot answer in words, and a judge must",
            value=config.judge,
            hint="'equivoice models' lists the systems and what they do",
        )
    return backend


def _sampled(
    config: JudgeConfig, rubric: Rubric, members: list[Member], utterances: pl.DataFrame
) -> Sampled:
    names = [member.name for member in members]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError(
            "two of the systems have one name",
            value=min(twice),
            hint="name them: --system ours=RUN#SYSTEM --system theirs=RUN#SYSTEM",
        )
    many = _number(config.per_emotion)
    predictions = {member.name: member.predictions for member in members}
    if rubric.kind == "pairwise":
        if len(predictions) != 2:
            raise ConfigError(
                f"the rubric {rubric.name!r} compares two systems, and there are {len(names)}",
                choices=names,
                hint="name two: --system RUN#SYSTEM --system RUN#SYSTEM",
            )
        return sample_pairs(predictions, per_emotion=many, order=config.order, seed=config.seed)
    labelled = utterances if utterances.get_column("emotion").null_count() == 0 else None
    return Sampled.together(
        {
            name: sample_reasons(
                table, system=name, reference=labelled, per_emotion=many, seed=config.seed
            )
            for name, table in predictions.items()
        }
    )


def _number(text: str) -> int | None:
    if text == _ALL:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError("per_emotion: neither a number nor 'all'", value=text)
    return int(text)


def _drawn(config: JudgeConfig, members: list[Member]) -> dict[str, Any]:
    """What the record must know besides how the judge was asked."""
    return {
        "systems": {member.name: member.source for member in members},
        "judge_system": config.judge,
        "options": config.options,
        "per_emotion": config.per_emotion,
        "order": config.order,
    }


def _tell_items(sampled: Sampled) -> None:
    emotions = sampled.groups.group_by("emotion").len().sort("emotion")
    listed = ", ".join(f"{emotion} {count}" for emotion, count in emotions.rows())
    note(f"{sampled.items.height} items: {listed}")
    for name, count in sampled.short.items():
        note(f"fewer than asked for: {name} ({count})")
    note_left_out(sampled.left_out)
