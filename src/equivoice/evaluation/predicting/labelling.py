"""``predict``: one label a sound, with the probabilities of all labels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.grid import make_grid, with_transcript
from equivoice.evaluation.predicting.choosing import Asked, Predictor, choose_model
from equivoice.evaluation.predicting.finding import Found, find_sounds
from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.inference import OPTIONS_SUFFIX, Asking, Cell, Plan, Progress, Silence, run_cell
from equivoice.models import LanguageBackend, PrefixBackend, cuts_of
from equivoice.records import PREDICTIONS, RunRecord
from equivoice.store import RunFolder
from equivoice.store.provenance import begun_record

__all__ = ["Predicted", "hears", "label_sounds", "predict"]

_CORPUS, _FOLD = "files", "all"
_OWN = 1.0
"""At this temperature the probabilities of options are the model's own."""
_SOUND = "speech"

Told = Callable[[Sequence[Mapping[str, Any]]], None]


@dataclass(frozen=True)
class Predicted:
    """What a model says of sounds.

    Args:
        rows: a row a sound in the order given: ``file``, ``label`` (null where there is
            none), ``status``, ``probabilities`` (a struct with a field a label; null where
            the model gives none), ``response`` (of a model that answers in words),
            ``reason`` (why there is no label), ``system``.
        labels: among which the model chose.
        damaged: from a file that could not be heard to why; these have no row.
        failed: how many rows have status ``failed``.
        notes: how the model was made, and what it cut of what was too long for it.
    """

    rows: pl.DataFrame
    labels: tuple[str, ...]
    damaged: Mapping[str, str]
    failed: int
    notes: tuple[str, ...] = field(default=())


def predict(
    files: str | Path | Sequence[str | Path],
    *,
    model: str | Path,
    system: str | None = None,
    options: Mapping[str, Any] | None = None,
    train_on: str | Path | Corpus | Sequence[str | Path | Corpus] = (),
    fold: str | None = None,
    labels: Sequence[str] = (),
    seed: int = 0,
    batch_size: int | None = None,
    work: str | Path | None = None,
    progress: Progress | None = None,
    told: Told | None = None,
    **asking: Any,
) -> Predicted:
    """Label sounds with a model of ours or of others.

    Args:
        files: sound files, folders, patterns, or tables of utterances.
        model: the folder of a finished benchmark or training, a saved classifier, or the
            name of a system.
        system: which system, where a benchmark ran several.
        options: of the system.
        train_on: corpora for a system that is fitted, where no benchmark names them.
        fold: fit to the training part of this fold alone: a benchmark's own model.
        labels: among which a model chooses that is asked in words.
        seed: the root of all seeds.
        batch_size: how many sounds the model is given at once.
        work: a folder in which what is done is kept, so that an interrupted call goes on.
        progress: is told how far the work is.
        told: is handed the rows as they come.
        asking: how a model is asked in words, where it is otherwise than in its benchmark or
            training, as in :func:`~equivoice.evaluation.benchmark`: ``prompts``, ``label_orders``,
            ``modalities``, ``temperatures``, ``decoding``, ``parser``, ``option_scores``.

    Raises:
        InputError: no sound, no model, or a model that cannot be given what is there.
        ConfigError: unknown options.
        RunError: the model fails on everything.

    Example:
        >>> import tempfile, numpy, soundfile
        >>> sound = Path(tempfile.mkdtemp()) / "a.wav"
        >>> soundfile.write(sound, numpy.zeros(16000), 16000)
        >>> from equivoice.corpora import label_space
        >>> spoken = pl.DataFrame({"utterance_id": ["demo/1", "demo/2", "demo/3"],
        ...                        "emotion": ["sad", "happy", "sad"]})
        >>> corpus = Corpus("demo", label_space(["happy", "sad"], id="demo"), spoken)
        >>> predict(sound, model="prior", train_on=corpus).rows["label"].to_list()
        ['sad']
    """
    named = [files] if isinstance(files, (str, Path)) else list(files)
    corpora = [train_on] if isinstance(train_on, (str, Path, Corpus)) else list(train_on)
    asked = Asked(options or {}, system, corpora, fold, labels, seed)
    predictor = choose_model(model, asked)
    found = find_sounds(named, heard=hears(predictor, asking))
    return label_sounds(
        predictor,
        found,
        seed=seed,
        batch_size=batch_size,
        work=work,
        progress=progress,
        told=told,
        **asking,
    )


def label_sounds(
    predictor: Predictor,
    found: Found,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    work: str | Path | None = None,
    progress: Progress | None = None,
    told: Told | None = None,
    **asking: Any,
) -> Predicted:
    """Label what was found with a model that was chosen; see :func:`predict`."""
    files = dict(found.utterances.select("utterance_id", "file").iter_rows())
    cell, way = _way(predictor, {**predictor.asking, **asking})
    utterances, damaged = found.utterances, dict(found.damaged)
    if cell.modality not in (None, _SOUND):
        utterances, damaged = _with_words(utterances, cell, damaged)
    if utterances.is_empty():
        return Predicted(_empty(predictor), predictor.labels.names, damaged, 0, predictor.told)

    watcher = progress or Silence()
    watcher.planned(1, utterances.height * (1 if way is None else way.answers), 0)

    def tell(frame: pl.DataFrame) -> None:
        if told is not None:
            told(_rows(frame, files, predictor).to_dicts())

    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "work" if work is None else Path(work)
        with _Telling.open(place) as run:
            run.tell = tell
            run.begin(_record(predictor, cell, way, seed, sorted(files)))
            tell(run.cell_predictions(cell.name))
            run_cell(
                predictor.system,
                utterances.drop("file"),
                cell,
                plan=Plan((cell,), seed=seed, batch_size=batch_size),
                run=run,
                label_space=predictor.labels,
                progress=watcher,
                asking=way,
            )
            rows = _rows(run.cell_predictions(cell.name), files, predictor)
    order = {name: place for place, name in enumerate(files.values())}
    rows = rows.sort(pl.col("file").replace_strict(order, return_dtype=pl.Int64))
    failed = rows.filter(status="failed").height
    notes = (*predictor.told, *_cut(predictor))
    return Predicted(rows, predictor.labels.names, damaged, failed, notes)


class _Telling(RunFolder):
    """A run folder that hands on what it stores."""

    tell: Callable[[pl.DataFrame], None]

    def append_predictions(self, cell: str, frame: pl.DataFrame) -> None:
        """Store, and hand on."""
        super().append_predictions(cell, frame)
        self.tell(frame)


# ------------------------------------------------------------------- how it is asked


def hears(predictor: Predictor, asking: Mapping[str, Any]) -> bool:
    """Whether the model is given sound."""
    if not isinstance(predictor.system, LanguageBackend):
        return _given(predictor) != "transcript"
    return _modality(predictor.system, {**predictor.asking, **asking}) != "transcript"


def _given(predictor: Predictor) -> str | None:
    """What a model that is not asked in words is given; ``None`` where it does not say."""
    given: str | None = getattr(predictor.system, "modality", None)
    return given


def _modality(system: LanguageBackend, asking: Mapping[str, Any]) -> str:
    given = [each for each in asking.get("modalities", ()) if each in system.modalities]
    return given[0] if given else min(system.modalities, key=_PREFERRED.index)


_PREFERRED = ("speech", "speech+transcript", "transcript")


def _way(predictor: Predictor, asking: Mapping[str, Any]) -> tuple[Cell, Asking | None]:
    """The only cell there is, and how a model that is asked in words is asked."""
    system = predictor.system
    if not isinstance(system, LanguageBackend):
        if asking:
            raise ConfigError(
                f"{predictor.name} is not asked in words", value=", ".join(sorted(asking))
            )
        return Cell(predictor.name, _CORPUS, _FOLD, modality=_given(predictor)), None
    settings = {"modalities": [_modality(system, asking)], **asking}
    try:
        resolved = BenchmarkSettings(
            systems=(predictor.name,), corpora=(_CORPUS,), folds=(_FOLD,), **settings
        )
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigError.from_problems(problems) from error
    _refuse_sweep(resolved)
    if (
        "temperatures" not in asking
        and resolved.option_scores
        and isinstance(system, PrefixBackend)
    ):
        resolved = resolved.model_copy(update={"temperatures": (0.0, _OWN)})
    grid = make_grid(resolved, asked=True)
    folds = pl.DataFrame({"utterance_id": [f"{_CORPUS}/x"], "fold": [_FOLD], "split": ["test"]})
    corpus = Corpus(_CORPUS, predictor.labels, pl.DataFrame(), folds)
    cell = next(iter(grid.cells(predictor.name, system, corpus)))
    return cell, grid.asking(cell, predictor.labels)


def _refuse_sweep(settings: BenchmarkSettings) -> None:
    """One file has one label: there is no sweep here."""
    several = {
        "prompts": len(settings.prompts),
        "label_orders": len(settings.label_orders),
        "modalities": len(settings.modalities),
        "temperatures": len(settings.temperatures),
        "runs": settings.runs,
    }
    problems = [
        f"{name}: {n} are given, and a sound gets one label" for name, n in several.items() if n > 1
    ]
    if problems:
        raise ConfigError.from_problems(problems)


def _with_words(
    utterances: pl.DataFrame, cell: Cell, damaged: dict[str, str]
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Without the utterances that lack the transcript that the model reads."""
    if "transcript" not in utterances.columns or utterances.is_empty():
        raise InputError(
            f"the model is given {cell.modality}, and no transcript is there",
            column="transcript",
            hint="name a table with utterance_id, transcript and, where it is heard, audio",
        )
    kept, _ = with_transcript(utterances, cell, _CORPUS)
    silent = utterances.join(kept, on="utterance_id", how="anti").get_column("file").to_list()
    return kept, damaged | dict.fromkeys(silent, "the utterance has no transcript")


def _cut(predictor: Predictor) -> list[str]:
    """What was cut, as sentences."""
    cut = cuts_of(predictor.system).items()
    return [f"{predictor.name} did not get the {what} ({number})." for what, number in cut]


def _record(
    predictor: Predictor, cell: Cell, way: Asking | None, seed: int, utterances: list[str]
) -> RunRecord:
    """What an interrupted call must share with the one that goes on."""
    shown = None if way is None else {"prompt": way.prompt.name, "options": way.options.shown}
    config = {
        "cell": cell.name,
        "labels": list(predictor.labels.names),
        "asking": None if shown is None else {**shown, "temperature": way and way.temperatures[0]},
        "told": list(predictor.told),
        "utterances": utterances,
    }
    return begun_record("predict", config, seeds={"root": seed})


# ------------------------------------------------------------------------------ rows


def _rows(frame: pl.DataFrame, files: Mapping[str, str], predictor: Predictor) -> pl.DataFrame:
    """Predictions as rows for people: a label, and probabilities by name.

    A model that is asked in words says its label at the lowest temperature; its options are
    scored at the highest, where their probabilities are its own.
    """
    scored = pl.col("system").str.ends_with(OPTIONS_SUFFIX)
    whole = PREDICTIONS.validate(frame)
    by_heat = whole.sort("temperature", nulls_last=False, maintain_order=True)
    given = by_heat.filter(scored).unique("utterance_id", keep="last", maintain_order=True)
    given = given.select("utterance_id", shares="probabilities")
    said = by_heat.filter(~scored).unique("utterance_id", keep="first", maintain_order=True)
    said = said.join(given, on="utterance_id", how="left", maintain_order="left")
    shares = said.get_column("probabilities").fill_null(said.get_column("shares")).to_list()
    return said.select(
        pl.col("utterance_id").replace_strict(files, return_dtype=pl.String).alias("file"),
        pl.col("emotion").alias("label"),
        "status",
        _named(shares, predictor.labels.names),
        "response",
        "reason",
        "system",
    )


def _named(shares: Sequence[Sequence[float] | None], names: Iterable[str]) -> pl.Series:
    labels = list(names)
    types = pl.Struct(dict.fromkeys(labels, pl.Float64))
    values = [None if row is None else dict(zip(labels, row, strict=True)) for row in shares]
    return pl.Series("probabilities", values, dtype=types)


def _empty(predictor: Predictor) -> pl.DataFrame:
    text = dict.fromkeys(("file", "label", "status"), pl.String)
    rest = dict.fromkeys(("response", "reason", "system"), pl.String)
    return pl.DataFrame(schema={**text}).with_columns(
        _named([], predictor.labels.names),
        *(pl.Series(name, [], dtype=of) for name, of in rest.items()),
    )
