"""``equivoice parse``: what is made of an answer, and why."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rich.markup import escape
from rich.table import Table

from equivoice.cli.config import VerbConfig, argument, configured, option, verb_app
from equivoice.cli.console import say
from equivoice.corpora.labels import label_space, lexicon
from equivoice.errors import ConfigError, SchemaError
from equivoice.prompting import parse_responses
from equivoice.records import LabelSpace, read_frame

app = verb_app()


class ParseConfig(VerbConfig):
    """Options of ``parse``."""

    answer: tuple[str, ...] = argument("answers to read", default=())
    label: tuple[str, ...] = option(
        "a label that may be named; all known ones where none is given", default=()
    )
    file: Path | None = option("a table with the column 'response'", default=None)
    limit: int = option("at most so many rows are shown", default=20, ge=0)


@app.command()
@configured(ParseConfig)
def parse(config: ParseConfig) -> None:
    """Show which label an answer is read as, and why.

    Each answer gets a status: parsed, ambiguous (several labels), refused, or
    unparsed (no label).

    Example:
      equivoice parse "The speaker sounds furious." --label angry --label happy
      equivoice parse --file predictions.csv --limit 50
    """
    labels = label_space(config.label) if config.label else lexicon()
    answers = _answers(config)
    read = parse_responses(answers, labels).with_columns(answers.alias("answer"))
    say(_as_table(read.head(config.limit)))
    counts = read.group_by("status").len().sort("len", "status", descending=[True, False])
    say(f"{read.height} answers: " + ", ".join(f"{n} {status}" for status, n in counts.rows()))
    _say_labels(labels, named=bool(config.label))


def _answers(config: ParseConfig) -> pl.Series:
    if config.file is None:
        if not config.answer:
            raise ConfigError("there is no answer to read", hint="give answers, or --file TABLE")
        return pl.Series("answer", config.answer, dtype=pl.String)
    frame = read_frame(config.file, text=("response",))
    if "response" not in frame.columns:
        raise SchemaError(
            "the table lacks the column 'response'",
            file=config.file,
            column="response",
            choices=frame.columns,
        )
    return pl.concat(
        [
            pl.Series("answer", config.answer, dtype=pl.String),
            frame.get_column("response").cast(pl.String).alias("answer"),
        ]
    )


def _as_table(read: pl.DataFrame) -> Table:
    table = Table("answer", "status", "label", "why", box=None, pad_edge=False)
    for answer, status, emotion, why in read.select("answer", "status", "emotion", "why").rows():
        table.add_row(escape(answer or ""), status, emotion or "", escape(why))
    return table


def _say_labels(labels: LabelSpace, *, named: bool) -> None:
    if not named:
        say(f"Labels: {', '.join(labels.names)} (choose with --label)")
