"""``equivoice score``: predictions against a reference, by group, with intervals."""

from __future__ import annotations

import json
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
from equivoice.errors import InputError, SchemaError
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

    predictions: Path = argument("a table with 'utterance_id' and 'emotion' (or 'response')")
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
    seed: int = option("of all resampling", default=0, ge=0)
    dry_run: bool = option("check the input and write nothing", default=False)


@app.command(name=_VERB)
@configured(ScoreConfig)
def score_verb(config: ScoreConfig) -> None:
    """Score predictions against a reference, by group, with intervals.

    Tables may be CSV, TSV, JSON lines or Parquet. Where the predictions hold free
    answers in the column 'response', they are parsed first. Where the reference
    names speakers, intervals are over speakers.

    Example:
      equivoice score answers.csv --reference corpora/ravdess --group gender
      equivoice score p.parquet --reference u.csv --group "gender x age[25,35]" -o out
    """
    corpus = load_corpus(config.reference)
    predictions = read_predictions(config.predictions, corpus.label_space, limit=config.limit)
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
    report = _store(config.out, record, corpus, predictions, scores)
    say(*conclusions(RunFolder.read(config.out)))
    note(*scores.notes)
    note_left_out(scores.left_out)
    finish(report)


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
    if (out / "run.json").is_file() and RunFolder.read(out).record.verb != _VERB:
        raise InputError(
            "the folder holds the run of another verb", file=out, hint="give another --out"
        )
    with RunFolder.open(out, overwrite=True) as run:
        run.save_record(_finished(record, scores.left_out))
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
