"""``equivoice predict``: label sound files with any model, one JSON line each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import typer
from pydantic import Field

from equivoice.cli.benchmark import Numbers, Words
from equivoice.cli.config import VerbConfig, argument, configured, option, verb_app
from equivoice.cli.console import finish, note, say
from equivoice.cli.watching import run_bar
from equivoice.errors import ConfigError
from equivoice.evaluation.predicting import (
    Asked,
    Predicted,
    choose_model,
    find_sounds,
    hears,
    label_sounds,
)
from equivoice.records import replace_file

app = verb_app()

_STDIN = "-"
_MOST_NAMED = 20


class PredictConfig(VerbConfig):
    """Options of ``predict``."""

    files: tuple[str, ...] = argument(
        "sound files, folders, patterns such as 'clips/**/*.wav', tables of utterances, or - for "
        "paths on standard input"
    )
    model: str = option("a finished benchmark or training, a saved classifier, or a system by name")
    out: Path | None = option("a .jsonl file; standard output by default", default=None, short="-o")
    system: str | None = option("which system, where a benchmark ran several", default=None)
    options: dict[str, Any] = Field(default_factory=dict, description="options of the system")
    train_on: tuple[Path, ...] = option(
        "a prepared corpus to fit to, for a system that is fitted and named by name", default=()
    )
    fold: str | None = option("fit to the training part of this fold alone", default=None)
    labels: Words = option("the labels to choose among, for a model asked in words", default=())
    prompt: str | None = option("a prompt, by name or file", default=None)
    order: str | None = option("a label order, such as given", default=None)
    modality: str | None = option("speech, speech+transcript or transcript", default=None)
    temperature: Numbers = option("the sampling temperature", default=())
    decoding: dict[str, Any] = Field(
        default_factory=dict, description="how answers are sampled otherwise"
    )
    batch_size: int | None = option("sounds that the model is given at once", default=None, ge=1)
    seed: int = option("the root of all seeds", default=0, ge=0)
    dry_run: bool = option("say what would be labelled and load no sound", default=False)
    overwrite: bool = option("begin anew, whatever stands in the file", default=False)


@app.command(name="predict")
@configured(PredictConfig)
def predict_verb(config: PredictConfig) -> None:
    """Label sound files: a JSON line each, with the label and the probability of every label.

    A benchmark's fitted system is fitted again to all its corpus (or to one fold); a
    training's best checkpoint is taken as it is. Files that cannot be heard are named and
    left out, and the exit code is then 1. An interrupted call with --out goes on where it
    stopped.

    Example:
      equivoice predict interview.wav clips/ --model runs/acoustic -o labels.jsonl
      equivoice predict 'clips/**/*.flac' --model runs/encoder/best
      find . -name '*.wav' | equivoice predict - --model runs/fair
      equivoice predict a.wav --model qwen2-audio options.model=/models/Qwen2-Audio --labels angry,happy,neutral,sad
    """
    _refuse_present(config)
    asked = Asked(
        config.options, config.system, config.train_on, config.fold, config.labels, config.seed
    )
    predictor = choose_model(config.model, asked)
    asking = _asking(config)
    given = [each for each in config.files if each != _STDIN]
    listed = _lines() if _STDIN in config.files else ()
    found = find_sounds(given, listed, heard=hears(predictor, asking))
    note(*predictor.told)
    if config.dry_run:
        say(f"{found.utterances.height} sounds, labels {', '.join(predictor.labels.names)}")
        _name(found.damaged)
        return
    work = None if config.out is None else _work(config.out)
    with run_bar() as bar:
        predicted = label_sounds(
            predictor,
            found,
            seed=config.seed,
            batch_size=config.batch_size,
            work=work,
            progress=bar,
            told=None if config.out is not None else _write_lines,
            **asking,
        )
    _tell(config, predicted, told=predictor.told)


def _tell(config: PredictConfig, predicted: Predicted, *, told: Sequence[str]) -> None:
    """Name what could not be labelled, say where the result is, and end with 1 where any was lost."""
    failed = {
        row["file"]: row["reason"] or "the model gave no answer"
        for row in predicted.rows.filter(status="failed").iter_rows(named=True)
    }
    # how the model was made was said before it began
    note(*(text for text in predicted.notes if text not in told))
    _name(predicted.damaged)
    _name(failed, what="the model failed")
    if config.out is not None:
        lines = [json.dumps(row, ensure_ascii=False) for row in predicted.rows.to_dicts()]
        text = "".join(f"{line}\n" for line in lines)
        replace_file(config.out, lambda place: _write(place, text))
        _remove(_work(config.out))
        labelled = predicted.rows.drop_nulls("label").height
        say(f"{labelled} of {predicted.rows.height + len(predicted.damaged)} sounds were labelled.")
        finish(config.out)
    if predicted.damaged or failed:
        raise typer.Exit(1)


def _asking(config: PredictConfig) -> dict[str, Any]:
    """What is said of how the model is asked in words; nothing where nothing is."""
    if len(config.temperature) > 1:
        raise ConfigError("temperature: one is meant", value=list(config.temperature))
    said: dict[str, Any] = {
        "prompts": config.prompt and [config.prompt],
        "label_orders": config.order and [config.order],
        "modalities": config.modality and [config.modality],
        "temperatures": list(config.temperature),
        "decoding": config.decoding,
    }
    return {name: value for name, value in said.items() if value}


def _lines() -> Iterator[str]:
    yield from sys.stdin


def _write_lines(rows: Sequence[Mapping[str, Any]], to: TextIO | None = None) -> None:
    stream = sys.stdout if to is None else to
    for row in rows:
        stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    stream.flush()


def _name(lost: Mapping[str, str], *, what: str = "left out") -> None:
    """Say on standard error which files are lost, and why."""
    shown: Iterable[tuple[str, str]] = list(lost.items())[:_MOST_NAMED]
    note(*(f"{what}: {file}: {why}" for file, why in shown))
    if len(lost) > _MOST_NAMED:
        note(f"{what}: {len(lost) - _MOST_NAMED} further files")


def _refuse_present(config: PredictConfig) -> None:
    if config.out is None:
        return
    if config.overwrite:
        _remove(_work(config.out))
    if not config.out.exists():
        return
    if not config.overwrite:
        raise ConfigError(
            f"{config.out} is there already", hint="give another --out, or --overwrite"
        )
    if config.out.is_dir():
        raise ConfigError(f"{config.out} is a folder", hint="name a .jsonl file")


def _work(out: Path) -> Path:
    """Where an interrupted call keeps what it did."""
    return out.with_name(f".{out.name}.work")


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
