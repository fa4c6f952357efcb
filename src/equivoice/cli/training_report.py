"""The one road from training folders to a report, and to the model card beside the checkpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.check import check
from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.described import describe, read_descriptions, save_descriptions
from equivoice.evaluation.trade_off import TrainedRun, trade_off
from equivoice.evaluation.training_progress import chosen_step, training_data, training_progress
from equivoice.records import Label, LabelSpace, replace_file
from equivoice.reports.model_card import model_card
from equivoice.reports.training import render_training
from equivoice.reports.training_inputs import TrainingInputs
from equivoice.store import TrainingFolder
from equivoice.store.training_folder import TRAIN

__all__ = [
    "CARD",
    "is_training",
    "training_inputs",
    "write_model_card",
    "write_training_report",
]

CARD = "README.md"
REPORT = "report.html"
_FACTS = "training.json"
_RECORD = "run.json"
_WITHOUT_CELL = "all"
_METRIC = "macro_f1"
_SEED_AT_END = re.compile(r"[-_. ]*(seed|s)?[-_. ]*\d*$")


def is_training(path: Path) -> bool:
    """Whether a folder holds a training, by its record."""
    file = path / _RECORD
    if not file.is_file():
        return False
    try:
        return bool(json.loads(file.read_text(encoding="utf-8")).get("verb") == TRAIN)
    except (ValueError, AttributeError):
        return False


def training_inputs(run: TrainingFolder, *, title: str | None = None) -> TrainingInputs:
    """All that a report and a model card show of a training, out of its folder.

    Args:
        run: the training; it may still go on.
        title: the heading; the name of the folder by default.

    Raises:
        InputError: a file of the folder is damaged.
    """
    facts, record = _facts(run), run.record
    evaluations = run.table("evaluations")
    chosen = chosen_step(evaluations)
    descriptions = read_descriptions(run)
    config = record.config
    name = title or run.path.absolute().name
    return TrainingInputs(
        title=name,
        record=record,
        progress=training_progress(run.table("steps"), run.table("losses"), evaluations),
        data=_data(run),
        chosen=chosen,
        estimates=None if chosen is None else _estimates([run], [name]),
        attribute=facts.get("attribute", "gender"),
        cell=facts.get("cell", "language"),
        objective=facts.get("objective", ""),
        base_model=str(facts.get("base_model") or ""),
        system=str(config.get("system", facts.get("system", ""))).rpartition("=")[2],
        labels=tuple(facts.get("labels", ())),
        prompt=str(facts.get("prompt") or ""),
        tolerance=facts.get("tolerance") if facts.get("objective") == "minmaxgap" else None,
        maximum=facts.get("maximum") if facts.get("objective") == "minmaxgap" else None,
        compared=facts.get("weight_gap", "loss"),
        tuning=facts.get("tuning") or config.get("model", {}).get("tuning", "lora"),
        modalities=tuple(config.get("data", {}).get("modalities", ("speech",))),
        trainable=facts.get("trainable"),
        parameters=facts.get("parameters"),
        stopped=str(facts.get("stopped") or ""),
        cards={each.name: each.card for each in descriptions.values()},
        findings=[found for each in descriptions.values() for found in each.findings],
        notes=tuple(facts.get("notes", ())),
    )


def write_training_report(
    runs: TrainingFolder | Sequence[TrainingFolder], *, out: str | Path | None = None
) -> Path:
    """Write the report of one training, or of several side by side.

    Several trainings that answered the same validation utterances are compared: score
    against worst gap. Those that differ in their seed alone are one method.

    Args:
        runs: the trainings.
        out: the file to write, or a folder to write ``report.html`` into; by default
            ``report.html`` in the folder of the only training.

    Returns:
        the report.

    Raises:
        ConfigError: several trainings and no ``out``.
        StorageError: the report could not be written.
    """
    several = [runs] if isinstance(runs, TrainingFolder) else list(runs)
    if out is None and len(several) != 1:
        raise ConfigError("a report of several trainings needs a place", hint="name it with --out")
    compared = _compared(several) if len(several) > 1 else None
    page = render_training([training_inputs(run) for run in several], trade_off=compared)
    # One whole file or none, and nobody else writes it: no lock, so that it can be had while
    # the training goes on.
    place = several[0].path if out is None else Path(out)
    place = place / REPORT if place.is_dir() else place
    return replace_file(place, lambda target: _write(target, page))


def write_model_card(run: TrainingFolder, corpora: Mapping[str, Corpus] | None = None) -> Path:
    """Write the model card beside the chosen checkpoint.

    Args:
        run: the training, open for reading or for writing.
        corpora: what was trained on, by name; their cards and what checks find in them are
            kept in the folder, so that a later report knows them too.

    Returns:
        ``README.md`` in the folder of the best checkpoint.

    Raises:
        InputError: there is no checkpoint yet.
        LockedRunError: corpora are given, and another process works on the training.
        StorageError: the card could not be written.
    """
    if not run.best_path.is_dir():
        raise InputError(
            "there is no checkpoint to describe", file=run.best_path, hint="train on first"
        )
    if corpora:
        with TrainingFolder.open(run.path) as own:
            save_descriptions(
                own,
                [
                    describe(corpus, findings=check(corpus, audio=False), folds="")
                    for corpus in corpora.values()
                ],
            )
    card = model_card(training_inputs(run))
    return replace_file(run.best_path / CARD, lambda target: _write(target, card))


def _facts(run: TrainingFolder) -> dict[str, Any]:
    text = run.read_text(_FACTS)
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError("the facts of the training are damaged", file=run.path / _FACTS) from error
    return found if isinstance(found, dict) else {}


def _data(run: TrainingFolder) -> pl.DataFrame | None:
    """Who was trained on, where the folder says so."""
    used = run.utterances()
    needed = {"split", "cell", "group", "speaker", "corpus"}
    if used.is_empty() or not needed <= set(used.columns):
        return None
    return training_data(used)


def _estimates(runs: Sequence[TrainingFolder], names: Sequence[str]) -> pl.DataFrame | None:
    """Score against worst gap on the validation utterances that all of the runs answered."""
    facts = _facts(runs[0])
    reference, labels = _reference(runs[0], facts)
    answers = [run.predictions() for run in runs]
    if reference.is_empty() or any(each.is_empty() for each in answers):
        return None
    cell = facts.get("cell", "language")
    seeds = [int(run.record.config.get("seed", 0)) for run in runs]
    given = [
        TrainedRun(name, each, seed) for name, each, seed in zip(names, answers, seeds, strict=True)
    ]
    if cell == _WITHOUT_CELL:
        reference = reference.with_columns(pl.lit(_WITHOUT_CELL).alias(_WITHOUT_CELL))
    return trade_off(
        given,
        reference,
        label_space=labels,
        cell=cell,
        attribute=facts.get("attribute", "gender"),
        metric=_METRIC,
        seed=0,
    )


def _reference(run: TrainingFolder, facts: Mapping[str, Any]) -> tuple[pl.DataFrame, LabelSpace]:
    """The validation utterances with a label that the model could answer."""
    labels = LabelSpace("training", tuple(Label(name) for name in facts.get("labels", ())))
    used = run.utterances()
    if "split" not in used.columns:
        return used.clear(), labels
    own = used.filter(pl.col("split") == "validation", pl.col("emotion").is_in(labels.names))
    return own, labels


def _compared(runs: Sequence[TrainingFolder]) -> pl.DataFrame | None:
    """The trainings as methods; nothing where they do not share utterances, groups and labels."""
    told = {json.dumps([_facts(run).get(key) for key in _COMMON]) for run in runs}
    answered = [run.predictions() for run in runs]
    shared = answered[0].select("utterance_id").unique()
    for each in answered[1:]:
        shared = shared.join(each, on="utterance_id", how="semi")
    if len(told) > 1 or shared.is_empty():
        return None
    return _estimates(runs, _methods(runs))


_COMMON = ("attribute", "cell", "labels")


def _methods(runs: Sequence[TrainingFolder]) -> list[str]:
    """What each training is called: those that differ in their seed alone are called alike."""
    alike: dict[str, list[TrainingFolder]] = {}
    for run in runs:
        alike.setdefault(_but_for_the_seed(run), []).append(run)
    names: dict[str, str] = {}
    for settings, own in alike.items():
        name = _common_name([run.path.absolute().name for run in own])
        names[settings] = str(own[0].path) if name in names.values() else name
    seen: set[tuple[str, object]] = set()
    called = []
    for run in runs:
        settings, seed = _but_for_the_seed(run), run.record.config.get("seed")
        # The same training done twice is no second seed: it stands under the name of its folder.
        called.append(str(run.path) if (settings, seed) in seen else names[settings])
        seen.add((settings, seed))
    return called


def _but_for_the_seed(run: TrainingFolder) -> str:
    config = {name: value for name, value in run.record.config.items() if name != "seed"}
    return json.dumps(config, sort_keys=True)


def _common_name(folders: Sequence[str]) -> str:
    """What the names of folders have in common, without a seed at the end; else the first name."""
    if len(folders) == 1:
        return folders[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*folders, strict=False))
    return _SEED_AT_END.sub("", "".join(letters[0] for letters in alike)) or folders[0]


def _write(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")
