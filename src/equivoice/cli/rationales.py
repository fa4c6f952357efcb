"""``equivoice rationales``: reasons by a teacher, filtered, for students to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field
from rich.table import Table

from equivoice.cli.config import VerbConfig, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, progress, say
from equivoice.cli.rationales_ground import ground_verb
from equivoice.corpora import load_corpus
from equivoice.errors import ConfigError
from equivoice.models.language import Decoding
from equivoice.rationales.filtering import Filtered, kept_by
from equivoice.rationales.filters import FilterRules
from equivoice.rationales.generating import Teaching, plan_generation, run_generation
from equivoice.rationales.refiltering import open_rationales, refilter
from equivoice.records import RATIONALES, read_frame, write_table

app = verb_app("Let a teacher explain labels, filter what it writes, and look at it.")

app.command("ground")(ground_verb)

_GROUPS = ("emotion", "gender")


@app.callback()
def rationales() -> None:
    """Let a teacher explain labels, filter what it writes, and look at it."""


def _rules(given: dict[str, Any]) -> FilterRules:
    from pydantic import ValidationError

    try:
        return FilterRules(**given)
    except ValidationError as error:
        problems = [
            f"rules.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        ]
        raise ConfigError.from_problems(problems) from error


class GenerateConfig(VerbConfig):
    """Options of ``rationales generate``."""

    teacher: str = option("the system that explains; 'equivoice models' lists them")
    corpus: Path = option("a prepared corpus: a folder")
    out: Path = option("the folder for the rationales", short="-o")
    fold: str | None = option("the fold whose training part is explained", default=None)
    prompt: str = option(
        "the teacher's prompt: published, grounded, or a file", default="published"
    )
    temperature: float = option("the sampling temperature", default=0.0, ge=0)
    max_new_tokens: int = option("the most tokens of an answer", default=256, ge=1)
    decoding: dict[str, Any] = Field(
        default_factory=dict, description="how answers are sampled otherwise: top_p, top_k, …"
    )
    only: Path | None = option("a table of utterances: explain no others", default=None)
    limit: int | None = option("at most so many utterances", default=None, ge=1)
    batch_size: int = option("utterances that the teacher is given at once", default=8, ge=1)
    seed: int = option("the root of all seeds", default=0, ge=0)
    options: dict[str, Any] = Field(default_factory=dict, description="options of the teacher")
    rules: dict[str, Any] = Field(
        default_factory=dict, description="which reasons are kept: filters, min_words, …"
    )
    dry_run: bool = option("say what would be asked and ask nothing", default=False)
    overwrite: bool = option("begin anew, whatever stands in the folder", default=False)


@app.command("generate")
@configured(GenerateConfig)
def generate_verb(config: GenerateConfig) -> None:
    """Let a teacher that hears explain the labels of a fold's training part.

    It is told transcript and label, so an utterance of the validation or test part is
    refused. Work that was cut off goes on: give the same command again. What is kept goes
    to OUT/rationales.parquet, which 'equivoice train' reads with data.rationales=OUT.

    Example:
      equivoice rationales generate --teacher qwen2-5-omni options.model=/models/Qwen2.5-Omni-7B --corpus corpora/ravdess --fold 1 -o reasons
      equivoice rationales generate --teacher scripted-writer options.texts=texts.csv --corpus corpora/synthetic --fold 1 -o reasons rules.min_words=8
    """
    only = None if config.only is None else _names(config.only)
    how = Teaching(
        config.prompt,
        config.temperature,
        _decoding(config),
        config.seed,
        config.batch_size,
        config.limit,
        _rules(config.rules),
    )
    plan = plan_generation(
        config.teacher, config.corpus, fold=config.fold, only=only, how=how, options=config.options
    )
    if config.dry_run:
        say(
            f"{plan.utterances.height} utterances of the training part of fold {plan.fold} of "
            f"{plan.corpus.name} would be explained by {plan.teacher.name}, asked with the "
            f"prompt {plan.prompt.name}",
            "nothing was written",
        )
        note_left_out(plan.left_out)
        return
    with progress("explaining") as report:
        run = run_generation(
            plan,
            config.out,
            overwrite=config.overwrite,
            watch=lambda done, total: report(plan.corpus.name, done, total),
            command=command_line(),
        )
    made = refilter(run, plan.how.rules, corpus=plan.corpus)
    _tell(made, plan.utterances)
    note_left_out(plan.left_out)
    finish(run.table_path)


def _decoding(config: GenerateConfig) -> Decoding:
    known = set(Decoding.__dataclass_fields__) - {"max_new_tokens"}
    unknown = sorted(set(config.decoding) - known)
    if unknown:
        raise ConfigError("decoding: unknown key", value=unknown[0], choices=sorted(known))
    return Decoding(config.max_new_tokens, **config.decoding)


def _names(file: Path) -> list[str]:
    table = read_frame(file, text=("utterance_id",))
    if "utterance_id" not in table.columns:
        raise ConfigError(
            "a table of utterances needs the column utterance_id",
            file=file,
            choices=table.columns,
        )
    return [str(name) for name in table.get_column("utterance_id").drop_nulls()]


class FilterConfig(VerbConfig):
    """Options of ``rationales filter``."""

    rationales: Path = option("the folder of 'rationales generate', or a table", flag="from")
    out: Path = option("the table to write (.parquet)", short="-o")
    corpus: Path | None = option("the corpus; that which the record names by default", default=None)
    rules: dict[str, Any] = Field(
        default_factory=dict, description="which reasons are kept: filters, min_words, …"
    )


@app.command("filter")
@configured(FilterConfig)
def filter_verb(config: FilterConfig) -> None:
    """Filter a teacher's answers again, by other rules, from what it wrote.

    Example:
      equivoice rationales filter --from reasons -o strict.parquet rules.max_words=120
      equivoice rationales filter --from reasons -o loose.parquet rules.filters=empty,holds_tags,label_word
    """
    rules = _rules(config.rules)
    source = open_rationales(config.rationales)
    corpus = None if config.corpus is None else load_corpus(config.corpus)
    made = refilter(source, rules, corpus=corpus)
    write_table(made.rationales, config.out, RATIONALES)
    _tell(made, None)
    finish(config.out)


class ShowConfig(VerbConfig):
    """Options of ``rationales show``."""

    rationales: Path = option("the folder of 'rationales generate', or a table", flag="from")
    status: str | None = option("show those that this filter dropped, or 'kept'", default=None)
    number: int = option("how many to show", default=3, ge=0)


@app.command("show")
@configured(ShowConfig)
def show_verb(config: ShowConfig) -> None:
    """Show what became of a teacher's answers, and some of them.

    Example:
      equivoice rationales show --from reasons
      equivoice rationales show --from reasons --status label_word --number 10
    """
    table = open_rationales(config.rationales)
    frame = table if isinstance(table, pl.DataFrame) else table.rationales()
    counts = frame.group_by("status").len().sort("len", descending=True)
    shown = Table("status", "rationales", box=None, pad_edge=False)
    for status, number in counts.iter_rows():
        shown.add_row(status, str(number))
    say(shown)
    statuses = counts.get_column("status").to_list()
    if config.status is not None and config.status not in statuses:
        raise ConfigError("no rationale has this status", value=config.status, choices=statuses)
    for status in statuses if config.status is None else [config.status]:
        for row in frame.filter(status=status).head(config.number).iter_rows(named=True):
            why = f" ({row['why']})" if row["why"] else ""
            text = row["reason"] or row["response"] or ""
            say("", f"{row['utterance_id']}  {row['emotion']}  {status}{why}", f"  {text}")


def _tell(made: Filtered, utterances: pl.DataFrame | None) -> None:
    """What each filter dropped, and of whom."""
    shown = Table("filter", "dropped", "alone", "share", "", box=None, pad_edge=False)
    for row in made.dropped.iter_rows(named=True):
        share = "–" if row["share"] is None else f"{row['share']:.1%}"
        alone = "" if row["alone"] is None else str(row["alone"])
        shown.add_row(row["filter"], str(row["dropped"]), alone, share, row["doc"])
    say(shown)
    if utterances is None:
        return
    for attribute in _GROUPS:
        if attribute not in utterances.columns:
            continue
        groups = kept_by(made.rationales, utterances, attribute)
        parts = [
            f"{row['group'] or 'unknown'} {row['kept']}/{row['n']}"
            for row in groups.iter_rows(named=True)
        ]
        note(f"kept by {attribute}: {', '.join(parts)}")
