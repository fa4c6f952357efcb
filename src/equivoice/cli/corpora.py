"""``equivoice corpora``: list, show, prepare, check, balance, transcribe and export corpora."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import typer
from rich.markup import escape
from rich.table import Table

from equivoice.cli.config import VerbConfig, argument, configured, option, verb_app
from equivoice.cli.console import finish, note, note_left_out, progress, say
from equivoice.corpora import (
    FORMATS,
    Card,
    Corpus,
    Finding,
    balanced_corpus,
    check,
    corpus_names,
    load_corpus,
    prepare,
    save_corpus,
    source_of,
    votes_in_words,
)
from equivoice.corpora.exchange import export_sharegpt
from equivoice.errors import ConfigError

app = verb_app("List, show, prepare, check and export corpora.")

_MARKS = {"error": "[red]error[/red]", "warning": "[yellow]warning[/yellow]", "note": "note"}


class ListConfig(VerbConfig):
    """Options of ``corpora list``: none."""


@app.command("list")
@configured(ListConfig)
def list_corpora(_: ListConfig) -> None:
    """List the corpora that can be prepared by name, and the formats for any other.

    Example:
      equivoice corpora list
    """
    table = Table("name", "title", "languages", "licence", box=None, pad_edge=False)
    for name in corpus_names():
        card = source_of(name).card
        table.add_row(
            escape(name), escape(str(card.title)), str(card.languages), escape(str(card.licence))
        )
    say(table, f"Formats for any other corpus: {', '.join(FORMATS)}")
    say("'equivoice corpora show NAME' shows a corpus's facts with their sources.")


class ShowConfig(VerbConfig):
    """Options of ``corpora show``."""

    name: str = argument("a corpus by name, or the folder of a prepared one")


@app.command()
@configured(ShowConfig)
def show(config: ShowConfig) -> None:
    """Show what is known about a corpus, each fact with its source.

    Example:
      equivoice corpora show ravdess
      equivoice corpora show corpora/ravdess
    """
    if Path(config.name).exists():
        corpus = load_corpus(config.name)
        say(*_contents(corpus))
        say(_facts(corpus.card))
        note_left_out(corpus.left_out)
        return
    say(_facts(source_of(config.name).card))


class PrepareConfig(VerbConfig):
    """Options of ``corpora prepare``."""

    name: str = argument("a corpus by name, or a format: table, audformat, datasets, emo_superb")
    out: Path = option("the folder to make", short="-o")
    audio: Path | None = option("the folder with the recordings", default=None)
    metadata: Path | None = option("the folder or file with labels and folds", default=None)
    extra: Path | None = option(
        "a folder with further tables (CREMA-D: demographics, votes; MELD, EmotionLines: MELD's CSVs)",
        default=None,
    )
    no_audio: bool = option("prepare the metadata alone", default=False)
    allow_missing: bool = option("leave out utterances without sound, counted", default=False)
    seed: int = option("for folds that are made", default=0, ge=0)
    folds: int | None = option(
        "how many folds to make where there are none (0: none)", default=None, ge=0
    )
    corpus: str | None = option("the name of a corpus that comes in a format", default=None)
    column: tuple[str, ...] = option("OURS=THEIRS, our name of a column and theirs", default=())
    label: tuple[str, ...] = option("OWN=LABEL, the corpus's label and ours", default=())
    table: str | None = option("the table to read where there are several", default=None)
    language: str | None = option("the language (BCP 47) where no table says it", default=None)
    hub: str | None = option("a data set on the Hugging Face hub", default=None)


@app.command("prepare")
@configured(PrepareConfig)
def prepare_corpus(config: PrepareConfig) -> None:
    """Make a corpus folder out of what a corpus publishes.

    Example:
      equivoice corpora prepare ravdess --audio audio/ravdess --metadata emobox/ravdess
        --out corpora/ravdess
      equivoice corpora prepare table --metadata mine.csv --column emotion=label
        --out corpora/mine
    """
    corpus = prepare(
        config.name,
        out=config.out,
        audio=config.audio,
        metadata=config.metadata,
        extra=config.extra,
        hub=config.hub,
        corpus=config.corpus,
        columns=_pairs("column", config.column),
        labels=_pairs("label", config.label),
        table=config.table,
        language=config.language,
        folds=config.folds,
        with_audio=not config.no_audio,
        allow_missing=config.allow_missing,
        seed=config.seed,
    )
    say(*_contents(corpus))
    note_left_out(corpus.left_out)
    _say_findings([one for one in check(corpus, audio=False) if one.code != "left-out"])
    note("Next: 'equivoice corpora check' also reads the sound.")
    finish(config.out)


class CheckConfig(VerbConfig):
    """Options of ``corpora check``."""

    where: Path = argument("the folder of a prepared corpus, or a table")
    audio: bool = option("read the sound files", default=True)
    group: tuple[str, ...] = option("an attribute to look at for fairness", default=("gender",))
    workers: int = option("how many files are read at a time", default=2, ge=1)
    out: Path | None = option("a JSON file for the findings", default=None, short="-o")


@app.command("check")
@configured(CheckConfig)
def check_corpus(config: CheckConfig) -> None:
    """Say what is wrong with a corpus, or will mislead: sound, folds, balance, votes.

    Ends with exit code 2 where utterances cannot be used (an error is found), else with 0.

    Example:
      equivoice corpora check corpora/ravdess
      equivoice corpora check corpora/meld --no-audio --group gender
    """
    corpus = load_corpus(config.where)
    with progress("Reading sound") as report:
        found = check(
            corpus,
            audio=config.audio,
            groups=config.group,
            workers=config.workers,
            progress=lambda done, total: report(corpus.name, done, total),
        )
    _say_findings(found)
    counts = {level: sum(one.severity == level for one in found) for level in _MARKS}
    say(f"{corpus.name}: " + ", ".join(f"{n} {level}s" for level, n in counts.items()))
    if config.out is not None:
        _write(config.out, found)
        finish(config.out)
    else:
        finish(f"the findings above; '--out FILE' writes them, of {config.where}")
    if counts["error"]:
        raise typer.Exit(2)


class ExportConfig(VerbConfig):
    """Options of ``corpora export``."""

    where: Path = argument("the folder of a prepared corpus, or a table")
    out: Path = option("the folder to write", short="-o")
    format: Literal["sharegpt"] = option(
        "sharegpt, for LLaMA-Factory and ms-swift", default="sharegpt"
    )
    prompt: str = option("a prompt by name, or a file", default="user_labels")
    family: str = option("the model family whose wording is used", default="general")
    modality: str = option("speech, speech+transcript or transcript", default="speech")
    label_order: str = option("given, alphabetical or shuffled-K", default="given")
    fold: str | None = option("write the splits of this fold apart", default=None)
    limit: int | None = option("only the first so many utterances", default=None, ge=1)


@app.command("export")
@configured(ExportConfig)
def export_corpus(config: ExportConfig) -> None:
    """Write prompts, sound and answers for another tool.

    Example:
      equivoice corpora export corpora/ravdess --prompt user_labels --fold 1 -o sft
    """
    written = export_sharegpt(
        load_corpus(config.where),
        config.out,
        prompt=config.prompt,
        family=config.family,
        modality=config.modality,
        label_order=config.label_order,
        fold=config.fold,
        limit=config.limit,
    )
    say(*(f"{name}.jsonl: {number} conversations" for name, number in written.files.items()))
    note_left_out(written.left_out)
    note("LLaMA-Factory: --dataset_dir this folder. ms-swift: run it inside this folder.")
    finish(written.folder)


class BalanceConfig(VerbConfig):
    """Options of ``corpora balance``."""

    where: Path = argument("the folder of a prepared corpus, or a table")
    out: Path = option("the folder to make", short="-o")
    part: tuple[str, ...] = option(
        "a part of the folds to balance: validation, test", default=("validation", "test")
    )
    per_class: int | None = option(
        "utterances of each emotion; as many as a part's rarest emotion has by default",
        default=None,
        ge=1,
    )
    seed: int = option("of the draw", default=0, ge=0)


@app.command("balance")
@configured(BalanceConfig)
def balance_corpus(config: BalanceConfig) -> None:
    """Make a corpus whose validation and test parts have equally many of each emotion.

    Training parts stay as they are. The sound is not copied.

    Example:
      equivoice corpora balance corpora/msp --part validation --per-class 326 -o corpora/msp-balanced
      equivoice corpora balance corpora/meld --seed 1 -o corpora/meld-balanced
    """
    corpus, notes = balanced_corpus(
        load_corpus(config.where), parts=config.part, per_class=config.per_class, seed=config.seed
    )
    if corpus.root is not None and config.out.resolve() == corpus.root.resolve():
        raise ConfigError(f"{config.out} is the corpus itself", hint="give another --out")
    say(*notes)
    finish(save_corpus(corpus, config.out))


class TranscribeConfig(VerbConfig):
    """Options of ``corpora transcribe``."""

    where: Path = argument("the folder of a prepared corpus, or a table")
    out: Path = option("the folder of the corpus with transcripts", short="-o")
    model: str = option("a Whisper: a folder, or an id of the hub")
    language: str = option(
        "auto to have it heard, corpus for that of each utterance, or a code", default="auto"
    )
    batch: int = option("how many clips go through the model at once", default=8, ge=1)
    max_new_tokens: int | None = option(
        "the longest transcript of 30 s, in tokens", default=None, ge=1
    )
    device: str = option("auto, cpu, cuda, cuda:1", default="auto")
    dtype: str = option("auto, float32, bfloat16, float16", default="auto")
    limit: int | None = option("only so many utterances, each label in turn", default=None, ge=1)
    seed: int = option("of that choice", default=0, ge=0)


@app.command("transcribe")
@configured(TranscribeConfig)
def transcribe(config: TranscribeConfig) -> None:
    """Give a corpus transcripts by Whisper, with language and probability of no speech.

    Run it again after an interruption: what is transcribed already is kept. Ends with
    exit code 1 where sound could not be used.

    Example:
      equivoice corpora transcribe corpora/ravdess --model openai/whisper-large-v3
        -o corpora/ravdess-asr
    """
    from equivoice.inference.transcribing import transcribe_corpus
    from equivoice.models.transcribing import WhisperTranscriber

    corpus = load_corpus(config.where)
    model = WhisperTranscriber(
        config.model,
        max_new_tokens=config.max_new_tokens,
        device=config.device,
        dtype=config.dtype,
    )
    with progress("Transcribing") as report:
        found = transcribe_corpus(
            corpus,
            model,
            config.out,
            language=config.language,
            batch=config.batch,
            limit=config.limit,
            seed=config.seed,
            progress=lambda done, total: report(corpus.name, done, total),
        )
    note(*(f"no transcript: {name}: {why}" for name, why in found.failed.items()))
    say(
        f"{corpus.name}: {found.made} transcripts made, {found.found} there before, "
        f"{len(found.failed)} failed"
    )
    finish(config.out)
    if found.failed:
        raise typer.Exit(1)


def _pairs(what: str, given: Sequence[str]) -> dict[str, str]:
    split = [text.partition("=") for text in given]
    wrong = [text for text, (_, equals, _) in zip(given, split, strict=True) if not equals]
    if wrong:
        raise ConfigError(
            f"--{what} needs a pair with '='", value=wrong[0], hint=f"--{what} ONE=OTHER"
        )
    return {left: right for left, _, right in split}


def _contents(corpus: Corpus) -> list[str]:
    rows = corpus.utterances
    speakers = rows.get_column("speaker").drop_nulls()
    genders = rows.get_column("gender").value_counts(sort=True)
    found = rows.get_column("audio").is_not_null().sum()
    hours = rows.get_column("duration").sum() / 3600
    groups = ", ".join(f"{number} {name or 'unknown'}" for name, number in genders.iter_rows())
    made = corpus.provenance.get("folds", {}).get("origin") == "made"
    return [
        f"{corpus.name}: {rows.height} utterances ({found} with sound), {hours:.2f} h",
        f"labels: {', '.join(corpus.label_space.names)}",
        f"speakers: {speakers.n_unique() or 'unknown'}; utterances by gender: {groups}",
        f"folds: {len(corpus.fold_names) or 'none'}{' (made here)' if made else ''}",
        *votes_in_words(corpus),
    ]


def _facts(card: Card) -> Table:
    table = Table(box=None, pad_edge=False)
    for header in ("fact", card.name, "source"):
        table.add_column(escape(header), overflow="fold")
    for name, fact in card.facts().items():
        table.add_row(name.replace("_", " "), escape(str(fact)), escape(fact.source or ""))
    for trap in card.traps:
        table.add_row("trap", escape(str(trap)), escape(trap.source or ""))
    if card.label_map:
        mapped = ", ".join(f"{own} → {label}" for own, label in card.label_map.items())
        table.add_row("label map", escape(mapped), "Equivoice")
    return table


def _say_findings(found: Sequence[Finding]) -> None:
    table = Table("", "code", "what", box=None, pad_edge=False, show_header=False)
    for one in found:
        table.add_row(_MARKS[one.severity], one.code, escape(one.message))
    if found:
        say(table)


def _write(path: Path, found: Sequence[Finding]) -> None:
    from equivoice.records import replace_file

    text = json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False) + "\n"

    def write(target: Path) -> None:
        target.write_text(text, encoding="utf-8")

    replace_file(path, write)
