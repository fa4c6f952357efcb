"""``equivoice parse``: what is made of an answer, and why."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from rich.markup import escape
from rich.table import Table

from equivoice.cli.config import VerbConfig, argument, configured, option, verb_app
from equivoice.cli.console import finish, say
from equivoice.corpora.labels import canonical, label_space, lexicon
from equivoice.errors import ConfigError, SchemaError
from equivoice.prompting import CONVENTIONS, options_as_shown, reread
from equivoice.prompting.vocabulary import emotion_of
from equivoice.records import PREDICTIONS, LabelSpace, read_frame, write_table

app = verb_app()

_READ = ("status", "emotion", "why")


class ParseConfig(VerbConfig):
    """Options of ``parse``."""

    answer: tuple[str, ...] = argument("answers to read", default=())
    label: tuple[str, ...] = option(
        "a label that may be named; all known ones where none is given", default=()
    )
    options: str | None = option(
        "the options as displayed, with commas between: 'Angry, Sad'", default=None
    )
    lettered: bool = option("the options were displayed with letters: A., B., …", default=False)
    file: Path | None = option(
        "a table with the column 'response'; its column 'options' counts as displayed", default=None
    )
    convention: str = option(f"how to read: {', '.join(CONVENTIONS)}", default=CONVENTIONS[0])
    compare: bool = option("show all conventions side by side", default=False)
    limit: int = option("at most so many rows are shown", default=20, ge=0)
    out: Path | None = option(
        "write the table of --file here, with its answers read by this convention", default=None
    )


@app.command()
@configured(ParseConfig)
def parse(config: ParseConfig) -> None:
    """Show which label an answer is read as, and why.

    Each answer gets a status: parsed, ambiguous (several labels), refused, or
    unparsed (no label). With --file, the answers of a predictions table are read
    again, and how many labels change is said.

    Example:
      equivoice parse "The speaker sounds furious." --label angry --label happy
      equivoice parse "(b)" --options "Angry, Happy" --lettered
      equivoice parse "not angry but happy" --label angry --label happy --compare
      equivoice parse --file predictions.csv --convention fairalm_code --limit 50
    """
    table = _answers(config)
    space = _space(config, table)
    if config.options is not None:
        shown = [word.strip() for word in config.options.split(",")]
        options_as_shown(space, shown, lettered=config.lettered)  # a mistake is said before work
        table = table.with_columns(options=pl.lit(shown, dtype=pl.List(pl.String)))
    names = CONVENTIONS if config.compare else (config.convention,)
    read = {name: _reread(table, space, name, config) for name in names}
    responses = table.get_column("response").to_list()
    show = _compared if config.compare else _explained
    say(show(responses[: config.limit], read))
    for name, readings in read.items():
        say(_counts(readings, name if config.compare else ""))
    if config.compare:
        say(*_agreement(read))
    if config.file is not None and {"status", "emotion"} <= set(table.columns):
        say(_changes(table, read[config.convention], config.convention))
    if not config.label and config.options is None:
        say(f"Labels: {', '.join(space.names)} (choose with --label)")
    if config.out is not None:
        finish(_write(config.out, table, read[config.convention]))


def _reread(
    table: pl.DataFrame, space: LabelSpace, convention: str, config: ParseConfig
) -> pl.DataFrame:
    lettered = True if config.lettered else None
    return reread(table, space, convention=convention, lettered=lettered)


# ------------------------------------------------------------------ what is given


def _answers(config: ParseConfig) -> pl.DataFrame:
    given = pl.DataFrame({"response": pl.Series(config.answer, dtype=pl.String)})
    if config.file is None:
        if not config.answer:
            raise ConfigError("there is no answer to read", hint="give answers, or --file TABLE")
        if config.out is not None:
            raise ConfigError("--out writes the table of --file, and none is given")
        return given
    frame = read_frame(config.file, text=PREDICTIONS.text_columns)
    if "response" not in frame.columns:
        raise SchemaError(
            "the table lacks the column 'response'",
            file=config.file,
            column="response",
            choices=frame.columns,
        )
    if config.answer and config.out is not None:
        raise ConfigError("--out takes no answers beside those of the table")
    if config.out is not None and config.out.suffix != ".parquet":
        raise ConfigError("--out writes Parquet", value=config.out.suffix, choices=[".parquet"])
    table = frame.with_columns(pl.col("response").cast(pl.String))
    return pl.concat([given, table], how="diagonal") if config.answer else table


def _space(config: ParseConfig, table: pl.DataFrame) -> LabelSpace:
    """The labels that are named, or those of the options displayed, or all known ones."""
    if config.label:
        return label_space(config.label)
    if config.options is not None:
        words = [word.strip() for word in config.options.split(",")]
        names = _names([words])
        return label_space(names if len(names) == len(words) else words)
    shown = table.get_column("options").drop_nulls() if "options" in table.columns else pl.Series()
    if shown.dtype == pl.List(pl.String) and len(shown):
        return label_space(_spelt(_names(shown.unique(maintain_order=True).to_list()), table))
    return lexicon()


def _names(shown: Sequence[Sequence[str]]) -> list[str]:
    """The emotions that words displayed stand for, in their order."""
    words = [word.strip() for words in shown for word in words if word.strip()]
    return list(dict.fromkeys(emotion_of(word) or canonical(word) for word in words))


def _spelt(names: Sequence[str], table: pl.DataFrame) -> list[str]:
    """The names as the table's own labels spell them (``fearful`` for ``fear``)."""
    if "emotion" not in table.columns:
        return list(names)
    labels = table.get_column("emotion").cast(pl.String).drop_nulls().unique().sort()
    spelling = {canonical(label): label for label in labels}
    return [spelling.get(name, name) for name in names]


# ------------------------------------------------------------------ what is shown


def _explained(answers: Sequence[str | None], read: Mapping[str, pl.DataFrame]) -> Table:
    table = Table("answer", "status", "label", "why", box=None, pad_edge=False)
    readings = next(iter(read.values())).head(len(answers)).select(_READ).rows()
    for answer, (status, emotion, why) in zip(answers, readings, strict=True):
        table.add_row(escape(answer or ""), status, emotion or "", escape(why))
    return table


def _compared(answers: Sequence[str | None], read: Mapping[str, pl.DataFrame]) -> Table:
    table = Table("answer", *read, box=None, pad_edge=False)
    for row, answer in enumerate(answers):
        cells = [readings.row(row, named=True) for readings in read.values()]
        table.add_row(
            escape(answer or ""), *(cell["emotion"] or f"({cell['status']})" for cell in cells)
        )
    return table


def _counts(read: pl.DataFrame, convention: str) -> str:
    counts = read.group_by("status").len().sort("len", "status", descending=[True, False])
    listed = ", ".join(f"{n} {status}" for status, n in counts.rows())
    return f"{convention}{': ' if convention else ''}{read.height} answers: {listed}"


def _agreement(read: Mapping[str, pl.DataFrame]) -> list[str]:
    return [
        f"{first} and {second} read {_same(read[first], read[second])} of "
        f"{read[first].height} answers as the same label"
        for first, second in itertools.combinations(read, 2)
    ]


def _same(first: pl.DataFrame, second: pl.DataFrame) -> int:
    return int(first.get_column("emotion").eq_missing(second.get_column("emotion")).sum())


def _changes(table: pl.DataFrame, read: pl.DataFrame, convention: str) -> str:
    stored = table.select(pl.col("emotion").cast(pl.String))
    changed = read.height - _same(stored, read)
    return f"Read by {convention}, {changed} of {read.height} labels in the table change."


def _write(out: Path, table: pl.DataFrame, read: pl.DataFrame) -> Path:
    changed = table.with_columns(read.get_column("status"), read.get_column("emotion"))
    return write_table(changed, out, PREDICTIONS)
