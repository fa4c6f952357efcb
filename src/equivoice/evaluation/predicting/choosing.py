"""Which model labels: a system by name, a finished benchmark, or what a training left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.corpus import Corpus, load_corpus
from equivoice.corpora.folds import split
from equivoice.corpora.labels import label_space
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.described import read_descriptions
from equivoice.evaluation.settings import ASKING
from equivoice.evaluation.sweep import plan_benchmark
from equivoice.inference import Cell, Plan
from equivoice.models import EmotionRecognizer, FittedRecognizer, LanguageBackend, Trainable
from equivoice.models.classifiers.files import is_saved
from equivoice.models.registry import load_model, model_names
from equivoice.records import UTTERANCES, LabelSpace, RunRecord
from equivoice.store import RunFolder, TrainingFolder
from equivoice.store.training_folder import TRAIN

__all__ = ["Asked", "Predictor", "choose_model"]

_BENCHMARK = "benchmark"
_RECORD = "run.json"
_WHOLE = "all"
_BEST = "best"
_ASKED = ("label_orders", "order_seed", "modalities", "decoding", "parser", "answer_form")
_LONGEST_EXPLANATION = 512


@dataclass(frozen=True)
class Asked:
    """What the caller says of the model; what is ``None`` follows from the model.

    Args:
        options: of the system.
        system: which system of a run with several.
        train_on: corpora to fit a system to that is fitted.
        fold: fit it to the training part of this fold alone.
        labels: the labels among which a system chooses that is asked in words.
        seed: the root of all seeds.
    """

    options: Mapping[str, Any]
    system: str | None = None
    train_on: Sequence[str | Path | Corpus] = ()
    fold: str | None = None
    labels: Sequence[str] = ()
    seed: int = 0


@dataclass(frozen=True)
class Predictor:
    """A system that is ready to label.

    Args:
        name: as it stands in tables.
        system: the recogniser, or what is asked in words.
        labels: among which it chooses.
        asking: settings of a benchmark by which it is asked, as far as a run states them.
        told: how it was made, as sentences.
    """

    name: str
    system: EmotionRecognizer | LanguageBackend
    labels: LabelSpace
    asking: Mapping[str, Any]
    told: tuple[str, ...] = ()


def choose_model(model: str | Path, asked: Asked) -> Predictor:
    """The model that is meant, loaded and, where it must be, fitted.

    Args:
        model: a folder (of a benchmark, a training, its ``best``, or a saved classifier), or
            the name of a system.
        asked: what else is said of it.

    Raises:
        InputError: a folder with nothing to predict with, or an unfinished run.
        ConfigError: no such system; one that needs labels or training data and was given
            none; several systems of which none is named.
    """
    place = Path(model)
    if not place.is_dir():
        if str(model) not in model_names():
            raise ConfigError(
                "there is neither such a folder nor such a system",
                value=str(model),
                choices=model_names(),
            )
        return _by_name(str(model), asked)
    if is_saved(place):
        return _classifier(place, asked)
    if (place / _RECORD).is_file():
        run = RunFolder.read(place)
        if run.record.verb == TRAIN:
            return _trained(TrainingFolder.read(place), asked)
        if run.record.verb == _BENCHMARK:
            return _benchmarked(run, asked)
        raise InputError(
            f"the folder holds a run of {run.record.verb!r}, which has no model",
            file=place,
            hint="name the --out of 'equivoice benchmark' or 'equivoice train'",
        )
    if (place.absolute().parent / _RECORD).is_file():
        return choose_model(place.absolute().parent, asked)
    raise InputError(
        "there is no model in this folder",
        file=place,
        hint="name the --out of 'equivoice benchmark' or 'equivoice train', or a system with "
        "options.model=FOLDER",
    )


# ---------------------------------------------------------------------------- by name


def _by_name(name: str, asked: Asked) -> Predictor:
    system = load_model(name, **asked.options)
    corpora = [one if isinstance(one, Corpus) else load_corpus(one) for one in asked.train_on]
    if isinstance(system, Trainable):
        if not corpora:
            raise ConfigError(
                f"{name} is fitted to labelled speech before it can label",
                hint="name a prepared corpus with --train-on, or a finished benchmark of it "
                "with --model RUN",
            )
        return _fitted(system, name, corpora, asked)
    if isinstance(system, EmotionRecognizer):
        return Predictor(name, system, system.label_space, {})
    if not isinstance(system, LanguageBackend):
        raise ConfigError(
            f"{name} is a model before it is trained",
            hint="train it ('equivoice train', 'equivoice benchmark') and name the folder with "
            "--model",
        )
    if asked.labels:
        return Predictor(name, system, label_space(list(asked.labels), id="asked"), {})
    if corpora:
        return Predictor(name, system, _one_space(corpora), {})
    raise ConfigError(
        f"{name} is asked in words, and needs to know among which labels it may choose",
        hint="name them: --labels angry,happy,neutral,sad",
    )


def _fitted(system: Trainable, name: str, corpora: Sequence[Corpus], asked: Asked) -> Predictor:
    """The system fitted to all labelled utterances, or to the training part of one fold."""
    space = _one_space(corpora)
    if asked.fold is not None:
        if len(corpora) != 1:
            raise ConfigError("fold: is that of one corpus", value=len(corpora))
        parts = split(corpora[0], asked.fold)
        validation = None if parts.validation is None else _labelled(parts.validation)
        return _fit(system, name, corpora[0], asked.fold, _labelled(parts.train), validation, asked)
    train = pl.concat([_named(corpus) for corpus in corpora], how="diagonal_relaxed")
    names = ", ".join(corpus.name for corpus in corpora)
    together = Corpus(names, space, train)
    return _fit(system, name, together, None, _labelled(train), None, asked)


def _fit(
    system: Trainable,
    name: str,
    corpus: Corpus,
    fold: str | None,
    train: pl.DataFrame,
    validation: pl.DataFrame | None,
    asked: Asked,
) -> Predictor:
    """Fit with the seed that a benchmark gives to this system, corpus and fold."""
    seed = Plan((), asked.seed).fit_seed(Cell(name, corpus.name, fold or _WHOLE))
    fitted = system.fit(train, validation, label_space=corpus.label_space, seed=seed)
    where = "all labelled utterances" if fold is None else f"the training part of fold {fold}"
    told = f"{name} was fitted to {where} of {corpus.name} ({train.height} utterances)."
    return Predictor(name, fitted, fitted.label_space, {}, (told,))


def _named(corpus: Corpus) -> pl.DataFrame:
    rows = UTTERANCES.validate(corpus.utterances)
    return rows.with_columns(pl.col("corpus").fill_null(corpus.name))


def _labelled(utterances: pl.DataFrame) -> pl.DataFrame:
    return utterances.filter(pl.col("emotion").is_not_null())


def _one_space(corpora: Sequence[Corpus]) -> LabelSpace:
    other = next((one for one in corpora if _names(one) != _names(corpora[0])), None)
    if other is not None:
        raise InputError(
            f"{corpora[0].name} and {other.name} have different labels: "
            f"{', '.join(_names(corpora[0]))} and {', '.join(_names(other))}",
            hint="name corpora with the same labels",
        )
    return corpora[0].label_space


def _names(corpus: Corpus) -> tuple[str, ...]:
    return corpus.label_space.names


# ----------------------------------------------------------------- out of a benchmark


def _benchmarked(run: RunFolder, asked: Asked) -> Predictor:
    """The system of a benchmark, with its options and as it was asked.

    What was fitted is fitted again, to all labelled utterances of the run's corpora or to
    one fold's training part, which gives that fold's model: weights of scikit-learn are
    nothing that Equivoice stores, since they could only be pickled.
    """
    record = run.record
    if record.finished is None:
        raise InputError(
            "the run is not finished", file=run.path, hint="run its benchmark again: it goes on"
        )
    alias, name = _one_system(record, asked, run.path)
    options = {**record.config.get("options", {}).get(alias, {}), **asked.options}
    system = load_model(name, **options)
    known = {each: space.label_space for each, space in read_descriptions(run).items()}
    own = replace(asked, options=options, seed=int(record.config.get("seed", 0)))
    if isinstance(system, Trainable):
        places = list(asked.train_on) or list(record.config["corpora"])
        if asked.fold is not None:
            return _as_in_fold(system, alias, places, record, own)
        corpora = [one if isinstance(one, Corpus) else load_corpus(one) for one in places]
        return _fitted(system, alias, corpora, own)
    if isinstance(system, EmotionRecognizer):
        return Predictor(alias, system, system.label_space, {})
    if not isinstance(system, LanguageBackend):
        return _classifier(_saved_within(run, alias, asked.fold), asked, name=alias)
    asking = {each: record.config[each] for each in _ASKED if each in record.config}
    asking["prompts"] = list(record.config.get("prompts", ()))[:1]
    return Predictor(alias, system, _labels(known, asked, run.path), _first_way(asking))


def _as_in_fold(
    system: Trainable,
    alias: str,
    places: Sequence[str | Path | Corpus],
    record: RunRecord,
    asked: Asked,
) -> Predictor:
    """The very model that a benchmark fitted in one fold: its training part, its seed."""
    settings = {
        name: value
        for name, value in record.config.items()
        if name not in (*ASKING, "systems", "corpora", "options")
    }
    named = _Named(alias, system)
    task = plan_benchmark([named], list(places), **{**settings, "folds": [asked.fold]})
    if len(task.plan.cells) != 1:
        raise ConfigError(
            "fold: is that of one corpus", choices=list(task.corpora), hint="name it: --train-on"
        )
    cell = task.plan.cells[0]
    parts = task.parts(cell)
    corpus = task.corpora[cell.corpus]
    return _fit(system, alias, corpus, cell.fold, parts.train, parts.validation, asked)


@dataclass(frozen=True)
class _Named:
    """A system under its alias, so that a plan of it has the benchmark's cells."""

    name: str
    system: Trainable

    def fit(
        self,
        train: pl.DataFrame,
        validation: pl.DataFrame | None,
        *,
        label_space: LabelSpace,
        seed: int,
    ) -> FittedRecognizer:
        """Fit the system."""
        return self.system.fit(train, validation, label_space=label_space, seed=seed)


def _saved_within(run: RunFolder, name: str, fold: str | None) -> Path:
    """The classifier that a benchmark trained for a system; of several folds, one must be named."""
    entries = [
        each
        for each in run.record.selection
        if each.get("system") == name and "training" in each and fold in (None, each.get("fold"))
    ]
    places = {str(each["fold"]): run.path / str(each["training"]) / _BEST for each in entries}
    if len(places) == 1:
        return next(iter(places.values()))
    known = {str(each.get("fold")) for each in run.record.selection if each.get("system") == name}
    raise ConfigError(
        f"the benchmark trained {name} once for each fold"
        if places
        else f"the benchmark kept no trained {name} of this fold",
        value=fold or str(run.path),
        choices=sorted(known),
        hint="name one: --fold",
    )


def _first_way(asking: Mapping[str, Any]) -> dict[str, Any]:
    """Of several orders and modalities of a sweep, the first."""
    first = {
        name: list(asking[name])[:1] for name in ("label_orders", "modalities") if name in asking
    }
    return {**asking, **first}


def _one_system(record: RunRecord, asked: Asked, place: Path) -> tuple[str, str]:
    """Alias and name of the system of a benchmark that is meant."""
    entries = [str(entry).rpartition("=") for entry in record.config["systems"]]
    pairs = [(alias or name, name) for alias, _, name in entries]
    chosen = [pair for pair in pairs if asked.system in (None, pair[0])]
    if len(chosen) == 1:
        return chosen[0]
    names = [alias for alias, _ in pairs]
    what = "has no such system" if asked.system is not None else "has several systems"
    raise ConfigError(
        f"the run {what}",
        value=asked.system or str(place),
        choices=names,
        hint="name one: --system",
    )


def _labels(known: Mapping[str, LabelSpace], asked: Asked, place: Path) -> LabelSpace:
    if asked.labels:
        return label_space(list(asked.labels), id="asked")
    if len({space.names for space in known.values()}) == 1:
        return next(iter(known.values()))
    raise ConfigError(
        "the run's corpora have different labels",
        value=str(place),
        choices=list(known),
        hint="name those to choose among: --labels angry,happy,neutral,sad",
    )


# ------------------------------------------------------------------ out of a training


def _trained(run: TrainingFolder, asked: Asked) -> Predictor:
    """What a training left in ``best``: a classifier, or an adapter of the model it began with."""
    best = run.best_path
    if not best.is_dir():
        raise InputError(
            "the training has no best checkpoint yet",
            file=run.path,
            hint="train on: the same command goes on",
        )
    record = run.record
    alias, _, name = str(record.config["system"]).rpartition("=")
    if is_saved(best):
        return _classifier(best, asked, name=alias or None)
    options = {**record.config.get("options", {}), "adapter": str(best), **asked.options}
    system = load_model(name, **options)
    if not isinstance(system, LanguageBackend):
        raise InputError("the trained model cannot be asked", file=best, value=name)
    known = {each: space.label_space for each, space in read_descriptions(run).items()}
    asking = _as_validated(record.config.get("data", {}))
    labels = _labels(known, asked, run.path) if known or asked.labels else _of_facts(run)
    told = f"{alias or name} with what was trained in {best}."
    return Predictor(alias or name, system, labels, asking, (told,))


def _as_validated(data: Mapping[str, Any]) -> dict[str, Any]:
    """How a training asked about its validation part: its prompt, its first label order."""
    said: dict[str, Any] = {
        "prompts": [data.get("prompt")],
        "label_orders": list(data.get("orders", ()))[:1],
        "order_seed": data.get("order_seed"),
        "modalities": list(data.get("modalities", ()))[:1],
        "decoding": {"max_new_tokens": 64, "min_new_tokens": 0, "checkpoint": "neutral"},
    }
    if data.get("targets") == "rationales":
        said["answer_form"] = data.get("order")
        said["decoding"]["max_new_tokens"] = _LONGEST_EXPLANATION
    return {name: value for name, value in said.items() if value not in (None, [], [None])}


def _of_facts(run: TrainingFolder) -> LabelSpace:
    names = run.utterances().get_column("emotion").drop_nulls().unique().sort().to_list()
    return label_space(names, id="trained")


def _classifier(folder: Path, asked: Asked, *, name: str | None = None) -> Predictor:
    """A saved classifier, under a name or under that which it was trained as."""
    told = {"model": str(folder), "name": name}
    system = load_model("classifier", **{**told, **asked.options})
    if not isinstance(system, EmotionRecognizer):
        raise InputError("the saved classifier cannot predict", file=folder)
    return Predictor(system.name, system, system.label_space, {})
