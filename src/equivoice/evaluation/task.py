"""A benchmark made concrete: corpora with their folds, systems, and the plan of cells."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.corpus import Corpus, load_corpus
from equivoice.corpora.folds import make_folds, most_folds, split
from equivoice.errors import ConfigError, CorpusError
from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.inference import Cell, Plan, seed_for
from equivoice.models import EmotionRecognizer, Trainable
from equivoice.models.registry import load_model
from equivoice.records import UTTERANCES

__all__ = ["Parts", "System", "Task", "load_task", "supported_groupings"]

System = EmotionRecognizer | Trainable

_ATTRIBUTES = ("gender", "age", "language", "race", "ethnicity")


@dataclass(frozen=True)
class Parts:
    """The utterances of a cell.

    Args:
        train: what the system is fitted on; every utterance has a label.
        validation: the corpus's own validation part, or ``None``.
        test: what is predicted.
        left_out: how many utterances were left out, by reason.
    """

    train: pl.DataFrame
    validation: pl.DataFrame | None
    test: pl.DataFrame
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Task:
    """All that a benchmark works on.

    Args:
        settings: what was asked.
        systems: by name, as they stand in tables.
        corpora: by name, each with folds.
        folds_made: the corpora whose folds were made here, with how many.
        plan: the cells in the order of the work.
    """

    settings: BenchmarkSettings
    systems: Mapping[str, System]
    corpora: Mapping[str, Corpus]
    folds_made: Mapping[str, int]
    plan: Plan

    def parts(self, cell: Cell) -> Parts:
        """The training, validation and test utterances of a cell.

        Raises:
            CorpusError: a part is empty, or no training utterance has a label.
        """
        corpus = self.corpora[cell.corpus]
        parts = split(corpus, cell.fold)
        train, unlabelled = _labelled(parts.train)
        left_out = {"training utterance without label": unlabelled}
        if train.is_empty():
            raise CorpusError(
                f"no training utterance of {corpus.name}, fold {cell.fold}, has a label"
            )
        limit, seed = self.settings.limit, self.settings.seed
        shortened = [limited(part, limit, seed=seed) for part in (train, parts.test)]
        for name, before, after in zip(
            ("training", "test"), (train, parts.test), shortened, strict=True
        ):
            left_out[f"{name} utterance beyond the limit"] = before.height - after.height
        validation = None if parts.validation is None else _labelled(parts.validation)[0]
        counted = {reason: number for reason, number in left_out.items() if number}
        return Parts(shortened[0], validation, shortened[1], counted)


def load_task(
    settings: BenchmarkSettings,
    *,
    systems: Sequence[System] = (),
    corpora: Sequence[Corpus] = (),
) -> Task:
    """Load the corpora and systems of a benchmark and lay out its cells.

    Args:
        settings: what is asked; names and paths in it are looked up.
        systems: systems given as objects; they go by their own name.
        corpora: corpora given as objects; they go by their own name.

    Raises:
        CorpusError: a corpus cannot be loaded or has no folds and cannot have any.
        ConfigError: unknown systems, options, folds or groupings; two corpora or
            systems of one name.
    """
    found_systems = _systems(settings, systems)
    found = _corpora(settings, corpora)
    made: dict[str, int] = {}
    for name, corpus in found.items():
        if corpus.folds.is_empty():
            number = most_folds(corpus.utterances, at_most=settings.n_folds)
            seed = seed_for(settings.seed, "folds", name)
            folds = make_folds(corpus.utterances, n_folds=number, seed=seed)
            found[name], made[name] = replace(corpus, folds=folds), number
    _check_folds(settings.folds, found.values())
    cells = tuple(
        Cell(system, corpus.name, fold)
        for corpus in found.values()
        for fold in corpus.fold_names
        if settings.folds is None or fold in settings.folds
        for system in found_systems
    )
    plan = Plan(cells, seed=settings.seed, batch_size=settings.batch_size)
    return Task(settings, found_systems, found, made, plan)


def supported_groupings(utterances: pl.DataFrame) -> tuple[str, ...]:
    """The groupings that a table can carry: attributes of several values, and gender with each.

    Example:
        >>> table = pl.DataFrame({"gender": ["female", "male"], "language": ["en", "en"]})
        >>> supported_groupings(table)
        ('gender',)
    """
    several = [
        name
        for name in _ATTRIBUTES
        if name in utterances.columns and utterances.get_column(name).drop_nulls().n_unique() > 1
    ]
    crossed = [f"gender x {name}" for name in several if name != "gender" and "gender" in several]
    return (*several, *crossed)


def limited(utterances: pl.DataFrame, limit: int | None, *, seed: int) -> pl.DataFrame:
    """At most so many utterances, each label in its turn, chosen by hash.

    The choice depends on the seed and the ids, not on the order of the rows.
    """
    if limit is None or utterances.height <= limit:
        return utterances
    draws = [_draw(seed, name) for name in utterances.get_column("utterance_id")]
    ranked = utterances.select(
        "utterance_id", "emotion", draw=pl.Series(draws, dtype=pl.String)
    ).with_columns(turn=pl.col("draw").rank("ordinal").over("emotion"))
    kept = ranked.sort("turn", "draw").head(limit).get_column("utterance_id")
    return utterances.filter(pl.col("utterance_id").is_in(kept.to_list()))


def _draw(seed: int, utterance: str) -> str:
    return hashlib.blake2b(f"{seed}\n{utterance}".encode(), digest_size=8).hexdigest()


def _labelled(utterances: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    kept = utterances.filter(pl.col("emotion").is_not_null())
    return kept, utterances.height - kept.height


def _systems(settings: BenchmarkSettings, given: Sequence[System]) -> dict[str, System]:
    objects = {system.name: system for system in given}
    unknown = sorted(set(settings.options) - set(settings.systems))
    if unknown:
        raise ConfigError(
            "options for a system that is not run", value=unknown[0], choices=settings.systems
        )
    loaded = [
        objects[name] if name in objects else _load(name, settings.options.get(name, {}))
        for name in settings.systems
    ]
    return _by_name(loaded, "systems")


def _load(name: str, options: Mapping[str, Any]) -> System:
    return load_model(name, **options)


def _corpora(settings: BenchmarkSettings, given: Sequence[Corpus]) -> dict[str, Corpus]:
    objects = {_place_of(corpus): corpus for corpus in given}
    loaded = [
        objects[place] if place in objects else load_corpus(Path(place))
        for place in settings.corpora
    ]
    checked = [replace(one, utterances=UTTERANCES.validate(one.utterances)) for one in loaded]
    return _by_name(checked, "corpora")


def _place_of(corpus: Corpus) -> str:
    return corpus.name if corpus.root is None else str(corpus.root)


def _by_name(things: Sequence[Any], kind: str) -> dict[str, Any]:
    names = [thing.name for thing in things]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"two {kind} have the same name", value=twice[0])
    return dict(zip(names, things, strict=True))


def _check_folds(wanted: Sequence[str] | None, corpora: Any) -> None:
    if wanted is None:
        return
    if not wanted:
        raise ConfigError("no fold is named", hint="leave folds out to run all of them")
    for corpus in corpora:
        missing = [fold for fold in wanted if fold not in corpus.fold_names]
        if missing:
            raise ConfigError(
                f"{corpus.name} has no such fold", value=missing[0], choices=corpus.fold_names
            )
