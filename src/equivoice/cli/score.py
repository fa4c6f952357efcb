"""``equivoice score``: predictions against a reference, by group, with intervals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from equivoice.annotators import RULES
from equivoice.cli.certainty import CertaintyConfig
from equivoice.cli.config import argument, command_line, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, say
from equivoice.cli.reporting import conclusions, write_report
from equivoice.cli.score_forms import named_readers, rates_in_words, read_as_asked
from equivoice.corpora import Corpus, check, load_corpus
from equivoice.corpora.exchange import FOREIGN_FORMATS, foreign_format, read_foreign
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import Scores, score
from equivoice.evaluation.described import describe, save_descriptions
from equivoice.evaluation.open_answers import Readers
from equivoice.evaluation.prediction_files import read_predictions
from equivoice.evaluation.reference_votes import gather_votes, heard_channel
from equivoice.evaluation.transcripts import gives_transcripts, transcript_scores
from equivoice.records import CHANNELS, VOTES, RunRecord, read_frame
from equivoice.store import RunFolder
from equivoice.store.provenance import begun_record, hash_file, now

app = verb_app()

_VERB = "score"
_FOLDS = "Folds play no part: all predictions are pooled."
_NO_TRANSCRIPTS = (
    "Systems say what they heard, and the reference holds no transcripts to compare it with."
)


class ScoreConfig(CertaintyConfig):
    """Options of ``score``."""

    predictions: Path | None = argument(
        "a table with 'utterance_id' and 'emotion' (or 'response'), or what another tool wrote; "
        "without it, with votes, listeners alone are scored",
        default=None,
    )
    reference: Path = option("a prepared corpus, or a table with 'utterance_id' and 'emotion'")
    group: tuple[str, ...] = option(
        "what to compare, such as gender or 'gender x age[25,35]'", default=()
    )
    votes: Path | None = option(
        "a table of votes, or a prepared corpus; with --rule the votes of the reference are found",
        default=None,
    )
    rule: str | None = option(f"how votes become labels: {', '.join(RULES)}", default=None)
    channel: str | None = option(
        f"the channel of the votes: {', '.join(CHANNELS)} (default: all for listeners, voice "
        "for systems)",
        default=None,
    )
    other: Literal["leave_out", "count"] = option(
        "what votes for none of the labels do", default="leave_out"
    )
    smoothing: float = option(
        "smoothing of distributions of votes, such as 0.05", default=0.0, ge=0, lt=1
    )
    no_consensus: Literal["random", "plurality", "leave_out"] = option(
        "the crowd's label in annotator-aware scores where there is no majority",
        default="random",
    )
    unknown: Literal["error", "other"] = option(
        "what a vote for an unknown label does; 'other': a vote for none of the labels",
        default="error",
    )
    repeated: Literal["error", "first", "keep"] = option(
        "what a further vote of one rater on one utterance does: 'first' counts the first, "
        "'keep' all",
        default="error",
    )
    listeners: bool = option("how far listeners agree and what they score", default=True)
    form: Literal["open", "closed"] | None = option(
        "read the answers again: 'open', any words, sorted into the labels and other; 'closed', "
        "the options displayed",
        default=None,
    )
    reader: str | None = option(
        "a language model that says which emotion an answer decides on; else a lexicon reads",
        default=None,
    )
    sorter: str | None = option(
        "a language model that sorts words into labels; the reader by default", default=None
    )
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options of reader and sorter, by the system's name"
    )
    transcripts: bool = option(
        "word error rates of what systems heard, where they say it", default=True
    )
    out: Path = option("the folder for the results", default=Path("scores"), short="-o")
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
      equivoice score p.csv --reference u.csv --votes votes.csv --rule majority
      equivoice score open.csv --reference u.csv --form open
      equivoice score open.csv --reference u.csv --form open --reader openai-text options.openai-text.model=gpt-oss-20b options.openai-text.base_url=http://localhost:8000/v1
      equivoice score --reference corpora/cremad --group gender   (listeners alone)
    """
    corpus = load_corpus(config.reference)
    votes = _votes(config, corpus)
    predictions, left_out = _read(config, corpus)
    readers = _readers(config)
    _refuse_other_run(config.out)
    if config.dry_run:
        say(_checked(config, corpus, predictions, votes))
        return
    record = _begin(config, votes=votes is not None, readers=readers)
    read_note: tuple[str, ...] = ()
    if config.form is not None and predictions is not None:
        reading = read_as_asked(predictions, corpus.label_space, config.form, readers)
        predictions, read_note = reading.predictions, (reading.note,)
    scores = score(
        predictions,
        corpus.utterances,
        label_space=corpus.label_space,
        group_by=config.group,
        votes=config.votes if config.votes is not None and config.votes.is_file() else votes,
        rule=config.rule,
        channel=config.channel,
        other=config.other,
        smoothing=config.smoothing,
        no_consensus=config.no_consensus,
        listeners=config.listeners,
        labels_from_votes=_made_of(votes, corpus),
        unknown=config.unknown,
        repeated=config.repeated,
        **config.certainty,
    )
    scores = _with_transcripts(scores, config, corpus, predictions)
    scores = replace(scores, notes=(*read_note, *scores.notes))
    left_out = dict(Counter(left_out) + Counter(scores.left_out))
    finished = _finished(record, left_out)
    report = _store(config.out, finished, corpus, predictions, votes, scores)
    say(*conclusions(RunFolder.read(config.out)))
    note(*scores.notes)
    note_left_out(left_out)
    finish(report)


def _readers(config: ScoreConfig) -> Readers | None:
    """Who reads the answers; refuses what nothing would heed."""
    if config.form is None:
        given = [name for name in ("reader", "sorter", "options") if getattr(config, name)]
        if given:
            raise ConfigError(
                f"{given[0]}: answers are read again only in a form",
                hint="say which: --form open, or --form closed",
            )
        return None
    if config.predictions is None:
        raise ConfigError("form: is about predictions, and none are given")
    return named_readers(config.reader, config.sorter, config.options)


def _with_transcripts(
    scores: Scores, config: ScoreConfig, corpus: Corpus, predictions: pl.DataFrame | None
) -> Scores:
    """The scores with word error rates, where systems say what they heard."""
    if predictions is None or not config.transcripts or not gives_transcripts(predictions):
        return scores
    truth = corpus.utterances
    if "transcript" not in truth.columns or truth.get_column("transcript").is_null().all():
        return replace(scores, notes=(*scores.notes, _NO_TRANSCRIPTS))
    rates = transcript_scores(
        predictions,
        truth,
        group_by=config.group,
        replicates=config.replicates,
        permutations=config.permutations,
        level=config.level,
        seed=config.seed,
    )
    notes = (*scores.notes, *rates_in_words(rates))
    return replace(scores, estimates=pl.concat([scores.estimates, rates]), notes=notes)


def _votes(config: ScoreConfig, corpus: Corpus) -> pl.DataFrame | None:
    """The votes that are scored; none where nothing asks for votes, whatever the corpus brings."""
    if config.votes is not None:
        return _read_votes(config.votes)
    asked = [name for name in ("rule", "channel") if getattr(config, name) is not None]
    if not asked and config.predictions is not None:
        return None
    if corpus.votes is None:
        what = f"{asked[0]}: " if asked else "without predictions listeners alone are scored, and "
        raise ConfigError(
            f"{what}the reference brings no votes",
            value=str(config.reference),
            hint="name a table of votes with --votes, or a table of predictions",
        )
    return corpus.votes


def _read_votes(path: Path) -> pl.DataFrame:
    """Votes from a table as it stands, or those that a prepared corpus brings."""
    if not path.is_dir():
        return read_frame(path, text=VOTES.text_columns)
    votes = load_corpus(path).votes
    if votes is None:
        raise InputError("the corpus brings no votes", file=path, hint="name a table of votes")
    return votes


def _made_of(votes: pl.DataFrame | None, corpus: Corpus) -> bool:
    """Whether the labels of the corpus were made of these votes."""
    return votes is not None and (
        votes is corpus.votes and corpus.provenance.get("label_rule") is not None
    )


def _checked(
    config: ScoreConfig,
    corpus: Corpus,
    predictions: pl.DataFrame | None,
    votes: pl.DataFrame | None,
) -> str:
    """What would be scored, once the votes were counted."""
    parts = ["no predictions" if predictions is None else f"{predictions.height} predictions"]
    parts.append(f"{corpus.utterances.height} utterances")
    if votes is not None:
        counted = gather_votes(
            votes,
            corpus.label_space,
            corpus.utterances.get_column("utterance_id").to_list(),
            channel=heard_channel(votes, config.channel, file=config.votes),
            unknown=config.unknown,
            repeated=config.repeated,
            file=config.votes,
        )
        on = "" if counted.channel is None else f" on {counted.channel}"
        parts.append(f"{int(counted.ratings.count.sum())} votes{on}")
    parts.append(f"labels {', '.join(corpus.label_space.names)}")
    return f"{', '.join(parts)}; nothing was written"


def _read(config: ScoreConfig, corpus: Corpus) -> tuple[pl.DataFrame | None, Mapping[str, int]]:
    """The predictions, and what was left out of another tool's file."""
    if config.predictions is None:
        _refuse_unheeded(config, "limit")
        return None, {}
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


def _refuse_unheeded(config: ScoreConfig, *further: str) -> None:
    """Options for files of other tools would be passed over in silence."""
    known = ("key", "keys", "system", *further)
    given = [name for name in known if getattr(config, name) is not None]
    if given and config.predictions is None:
        raise ConfigError(f"{given[0]}: is about predictions, and none are given")
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


def _begin(config: ScoreConfig, *, votes: bool, readers: Readers | None) -> RunRecord:
    inputs = {"reference": _table_of(config.reference, "utterances")}
    if config.predictions is not None:
        inputs = {"predictions": config.predictions, **inputs}
    if config.keys is not None:
        inputs["keys"] = config.keys
    if votes:
        inputs["votes"] = _table_of(config.votes or config.reference, "votes")
    return begun_record(
        _VERB,
        config.model_dump(mode="json"),
        command=command_line(),
        inputs={f"{name} {path}": hash_file(path) for name, path in inputs.items()},
        seeds={"root": config.seed},
        generation={} if readers is None else {"readers": readers.describe()},
    )


def _table_of(path: Path, stem: str) -> Path:
    """The table of a corpus, or of the folder that a plain table stands in."""
    if path.is_file() and path.stem == "utterances":
        path = path if stem == "utterances" else path.parent
    if path.is_file():
        return path
    return next(iter(sorted(path.glob(f"{stem}.*"))), path)


def _store(
    out: Path,
    record: RunRecord,
    corpus: Corpus,
    predictions: pl.DataFrame | None,
    votes: pl.DataFrame | None,
    scores: Scores,
) -> Path:
    """Write the run folder; results of an earlier ``score`` there are replaced."""
    if votes is not None:
        votes = VOTES.validate(votes)
        corpus = replace(corpus, votes=votes)
    with RunFolder.open(out, overwrite=True) as run:
        run.save_record(record)
        if predictions is not None:
            run.write_predictions(predictions)
        if votes is not None:
            run.write_votes(votes)
        run.write_utterances(corpus.utterances)
        run.write_estimates(scores.estimates)
        save_descriptions(
            run, [describe(corpus, findings=check(corpus, audio=False), folds=_FOLDS)]
        )
        run.write_text("notes.json", json.dumps(scores.notes, ensure_ascii=False, indent=2) + "\n")
        return write_report(run)


def _finished(record: RunRecord, left_out: Mapping[str, int]) -> RunRecord:
    return record.model_copy(update={"finished": now(), "left_out": dict(left_out)})
