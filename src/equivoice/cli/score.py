"""``equivoice score``: predictions against a reference, by group, with intervals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from equivoice.cli.config import (
    VerbConfig,
    argument,
    command_line,
    configured,
    option,
    verb_app,
)
from equivoice.cli.console import finish, note, note_left_out, say
from equivoice.cli.reporting import conclusions, write_report
from equivoice.corpora import Corpus, check, load_corpus
from equivoice.corpora.exchange import FOREIGN_FORMATS, foreign_format, read_foreign
from equivoice.errors import ConfigError, InputError, SchemaError
from equivoice.evaluation import Scores, score
from equivoice.evaluation.described import describe, save_descriptions
from equivoice.prompting import parse_responses
from equivoice.records import PREDICTIONS, LabelSpace, RunRecord, read_frame
from equivoice.store import RunFolder
from equivoice.store.provenance import git_revision, hash_file, machine, now, package_versions

app = verb_app()

_VERB = "score"
_FOLDS = "Folds play no part: all predictions are pooled."


class ScoreConfig(VerbConfig):
    """Options of ``score``."""

    predictions: Path = argument(
        "a table with 'utterance_id' and 'emotion' (or 'response'), or what another tool wrote"
    )
    reference: Path = option("a prepared corpus, or a table with 'utterance_id' and 'emotion'")
    group: tuple[str, ...] = option(
        "what to compare, such as gender or 'gender x age[25,35]'", default=()
    )
    out: Path = option("the folder for the results", default=Path("scores"), short="-o")
    replicates: int = option("bootstrap replicates", default=10_000, ge=1)
    permutations: int = option("arrangements of a permutation test", default=2_000, ge=1)
    convention: str = option("equivoice, fairalm_paper or fairalm_code", default="equivoice")
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    limit: int | None = option("score only the first so many predictions", default=None, ge=1)
    format: str = option(
        f"what wrote the predictions: auto, equivoice, {', '.join(FOREIGN_FORMATS)}", default="auto"
    )
    key: str | None = option(
        "the field of another tool's file that names the utterance, such as doc.audio", default=None
    )
    keys: Path | None = option(
        "a file that tells which item of another tool is which utterance", default=None
    )
    system: str | None = option("the name of the system in another tool's file", default=None)
    seed: int = option("of all resampling", default=0, ge=0)
    dry_run: bool = option("check the input and write nothing", default=False)


@app.command(name=_VERB)
@configured(ScoreConfig)
def score_verb(config: ScoreConfig) -> None:
    """Score predictions against a reference, by group, with intervals.

    Tables may be CSV, TSV, JSON lines or Parquet. Where the predictions hold free
    answers in the column 'response', they are parsed first. Where the reference
    names speakers, intervals are over speakers. Files of lmms-eval (--log_samples),
    LLaMA-Factory (generated_predictions.jsonl) and Inspect (.eval) are read as they are.

    Example:
      equivoice score answers.csv --reference corpora/ravdess --group gender
      equivoice score p.parquet --reference u.csv --group "gender x age[25,35]" -o out
      equivoice score logs/ser.eval --reference corpora/ravdess --key metadata.audio
    """
    corpus = load_corpus(config.reference)
    predictions, left_out = _read(config, corpus)
    _refuse_other_run(config.out)
    if config.dry_run:
        say(
            f"{predictions.height} predictions, {corpus.utterances.height} utterances, "
            f"labels {', '.join(corpus.label_space.names)}; nothing was written"
        )
        return
    record = _begin(config)
    scores = score(
        predictions,
        corpus.utterances,
        label_space=corpus.label_space,
        group_by=config.group,
        convention=config.convention,
        replicates=config.replicates,
        permutations=config.permutations,
        level=config.level,
        seed=config.seed,
    )
    left_out = dict(Counter(left_out) + Counter(scores.left_out))
    report = _store(config.out, _finished(record, left_out), corpus, predictions, scores)
    say(*conclusions(RunFolder.read(config.out)))
    note(*scores.notes)
    note_left_out(left_out)
    finish(report)


def _read(config: ScoreConfig, corpus: Corpus) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """The predictions, and what was left out of another tool's file."""
    choices = ("auto", "equivoice", *FOREIGN_FORMATS)
    if config.format not in choices:
        raise ConfigError("format: unknown", value=config.format, choices=choices)
    own = config.format == "equivoice"
    name = foreign_format(config.predictions) if config.format == "auto" else config.format
    if own or name is None:
        _refuse_unheeded(config)
        return (
            read_predictions(config.predictions, corpus.label_space, limit=config.limit),
            {},
        )
    read = read_foreign(
        config.predictions,
        corpus.utterances,
        corpus.label_space,
        format=name,
        key=config.key,
        keys=config.keys,
        system=config.system,
    )
    note(f"Read as answers of {read.format}.")
    frame = read.predictions if config.limit is None else read.predictions.head(config.limit)
    return frame, read.left_out


def _refuse_unheeded(config: ScoreConfig) -> None:
    """Options for files of other tools would be passed over in silence."""
    given = [name for name in ("key", "keys", "system") if getattr(config, name) is not None]
    if given:
        raise ConfigError(
            f"{given[0]}: is for files of other tools, and this is read as a table of predictions",
            value=str(config.predictions),
            hint=f"leave it out, or name the tool with --format ({', '.join(FOREIGN_FORMATS)})",
        )


def _refuse_other_run(out: Path) -> None:
    """Before anything is computed: only results of ``score`` may be replaced."""
    if (out / "run.json").is_file() and RunFolder.read(out).record.verb != _VERB:
        raise InputError(
            "the folder holds the run of another verb", file=out, hint="give another --out"
        )


def read_predictions(
    path: str | Path, labels: LabelSpace, *, limit: int | None = None
) -> pl.DataFrame:
    """A predictions table from a file; free answers are parsed where it has no labels.

    Args:
        path: a table with ``utterance_id`` and ``emotion`` or ``response``.
        labels: what answers are read as.
        limit: at most so many rows.

    Raises:
        InputError: the file cannot be read.
        SchemaError: the table breaks the schema of predictions.
    """
    frame = read_frame(path, text=PREDICTIONS.text_columns)
    if limit is not None:
        frame = frame.head(limit)
    if "emotion" not in frame.columns:
        frame = _parsed(frame, labels, path)
    checked = PREDICTIONS.validate(frame, file=path)
    if checked.is_empty():
        raise SchemaError("the table holds no predictions", file=path, hint="write it again")
    return checked


def _parsed(frame: pl.DataFrame, labels: LabelSpace, path: str | Path) -> pl.DataFrame:
    if "response" not in frame.columns:
        raise SchemaError(
            "the predictions table has neither the column 'emotion' nor 'response'",
            file=path,
            column="emotion",
            choices=frame.columns,
            hint="rename one of its columns",
        )
    read = parse_responses(frame.get_column("response"), labels)
    return frame.with_columns(read.get_column("status"), read.get_column("emotion"))


def _begin(config: ScoreConfig) -> RunRecord:
    inputs = {"predictions": config.predictions, "reference": _table_of(config.reference)}
    if config.keys is not None:
        inputs["keys"] = config.keys
    return RunRecord(
        verb=_VERB,
        config=config.model_dump(mode="json"),
        command=command_line(),
        versions=package_versions(),
        git_revision=git_revision(),
        inputs={f"{name} {path}": hash_file(path) for name, path in inputs.items()},
        seeds={"root": config.seed},
        host=machine(),
        started=now(),
    )


def _table_of(reference: Path) -> Path:
    if reference.is_file():
        return reference
    return next(iter(sorted(reference.glob("utterances.*"))), reference)


def _store(
    out: Path, record: RunRecord, corpus: Corpus, predictions: pl.DataFrame, scores: Scores
) -> Path:
    """Write the run folder; results of an earlier ``score`` there are replaced."""
    with RunFolder.open(out, overwrite=True) as run:
        run.save_record(record)
        run.write_predictions(predictions)
        run.write_utterances(corpus.utterances)
        run.write_estimates(scores.estimates)
        save_descriptions(
            run, [describe(corpus, findings=check(corpus, audio=False), folds=_FOLDS)]
        )
        run.write_text("notes.json", json.dumps(scores.notes, ensure_ascii=False, indent=2) + "\n")
        return write_report(run)


def _finished(record: RunRecord, left_out: Mapping[str, int]) -> RunRecord:
    return record.model_copy(update={"finished": now(), "left_out": dict(left_out)})
