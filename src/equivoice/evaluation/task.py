"""A benchmark made concrete: corpora with their folds, systems, and the plan of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.corpus import Corpus, load_corpus
from equivoice.corpora.folds import make_folds, most_folds, split
from equivoice.corpora.limiting import limited
from equivoice.errors import ConfigError, CorpusError
from equivoice.evaluation.classifiers import check_training, modality_of
from equivoice.evaluation.grid import Grid, asked_part, make_grid, with_transcript
from equivoice.evaluation.settings import BenchmarkSettings
from equivoice.fairness import convention, group_items
from equivoice.inference import OPTIONS_SUFFIX, Asking, Cell, Plan, Shard, seed_for
from equivoice.models import Classifiable, LanguageBackend
from equivoice.models.registry import System, load_model
from equivoice.records import UTTERANCES

__all__ = ["Parts", "Task", "load_task", "supported_groupings"]

_ATTRIBUTES = ("gender", "age", "language", "race", "ethnicity")


@dataclass(frozen=True)
class Parts:
    """The utterances of a cell.

    Args:
        train: what the system is fitted on; every utterance has a label. Empty for a
            system that is only asked.
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
        grid: how language systems are asked.
        given_systems: the systems that were given as objects.
        given_corpora: the corpora that were given as objects.
    """

    settings: BenchmarkSettings
    systems: Mapping[str, System]
    corpora: Mapping[str, Corpus]
    folds_made: Mapping[str, int]
    plan: Plan
    grid: Grid
    given_systems: tuple[System, ...] = ()
    given_corpora: tuple[Corpus, ...] = ()
    _parts: dict[tuple[str, str, str | None], Parts] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    @property
    def asked(self) -> Mapping[str, LanguageBackend]:
        """The systems that are asked in words, by name."""
        return {
            name: system
            for name, system in self.systems.items()
            if isinstance(system, LanguageBackend)
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the plan, as sentences, each once."""
        found = (
            note
            for name, system in self.asked.items()
            for corpus in self.corpora.values()
            for note in self.grid.notes(name, system, corpus)
        )
        return tuple(dict.fromkeys(found))

    def asking(self, cell: Cell) -> Asking | None:
        """How the system of a cell is asked; ``None`` where it is not asked in words."""
        if cell.prompt is None:
            return None
        return self.grid.asking(cell, self.corpora[cell.corpus].label_space)

    def predictions(self, cell: Cell) -> int:
        """How many predictions a cell has, option scores apart."""
        asking = self.asking(cell)
        return self.parts(cell).test.height * (1 if asking is None else asking.answers)

    def sharded(self, shard: Shard | None) -> Task:
        """The same task, of whose plan only a shard is done."""
        return replace(self, plan=replace(self.plan, shard=shard))

    def parts(self, cell: Cell) -> Parts:
        """The training, validation and test utterances of a cell.

        Raises:
            CorpusError: a part is empty, or no training utterance has a label.
        """
        key = (cell.corpus, cell.fold, cell.modality)  # a grid has few parts and many cells
        if key not in self._parts:
            made = self._fitted_parts if cell.prompt is None else self._asked_parts
            self._parts[key] = made(self.corpora[cell.corpus], cell)
        return self._parts[key]

    def _fitted_parts(self, corpus: Corpus, cell: Cell) -> Parts:
        parts = split(corpus, cell.fold)
        train, unlabelled = _labelled(parts.train)
        left_out = {"training utterance without label": unlabelled}
        if train.is_empty():
            raise CorpusError(
                f"no training utterance of {corpus.name}, fold {cell.fold}, has a label"
            )
        limit, seed = self.settings.limit, self.settings.seed
        test, silent = (parts.test, 0)
        if cell.modality is not None:
            test, silent = with_transcript(parts.test, cell, corpus.name)
        left_out["test utterance without transcript"] = silent
        shortened = [limited(part, limit, seed=seed) for part in (train, test)]
        for name, before, after in zip(("training", "test"), (train, test), shortened, strict=True):
            left_out[f"{name} utterance beyond the limit"] = before.height - after.height
        validation = None if parts.validation is None else _labelled(parts.validation)[0]
        counted = {reason: number for reason, number in left_out.items() if number}
        return Parts(shortened[0], validation, shortened[1], counted)

    def _asked_parts(self, corpus: Corpus, cell: Cell) -> Parts:
        whole = asked_part(corpus, cell.fold)
        within = limited(whole, self.settings.limit, seed=self.settings.seed)
        test, silent = with_transcript(within, cell, corpus.name)
        left_out = {
            "test utterance beyond the limit": whole.height - within.height,
            "test utterance without transcript": silent,
        }
        counted = {reason: number for reason, number in left_out.items() if number}
        return Parts(whole.clear(), None, test, counted)


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
        InputError: a grouping by an attribute that no corpus has.
    """
    found_systems = _systems(settings, systems)
    found = _corpora(settings, corpora)
    fitted_systems = [s for s in found_systems.values() if not isinstance(s, LanguageBackend)]
    made = _make_missing_folds(settings, found, needed=bool(fitted_systems))
    _check_folds(settings.folds, found.values())
    _check_scoring(settings, list(found.values()))
    asked = {n: each for n, each in found_systems.items() if isinstance(each, LanguageBackend)}
    grid = make_grid(settings, asked=bool(asked))
    _check_training(settings, found_systems)
    given = {
        name: modality_of(system, settings.training.get(name, {}), name=name)
        for name, system in found_systems.items()
        if name not in asked
    }
    fitted = [
        Cell(system, corpus.name, fold, modality=given[system])
        for corpus in found.values()
        for fold in corpus.fold_names
        if settings.folds is None or fold in settings.folds
        for system in found_systems
        if system not in asked
    ]
    # system by system, so that a large model is done with before the next is loaded
    cells = fitted + [
        cell
        for name, system in asked.items()
        for corpus in found.values()
        for cell in grid.cells(name, system, corpus)
    ]
    plan = Plan(tuple(cells), seed=settings.seed, batch_size=settings.batch_size)
    return Task(settings, found_systems, found, made, plan, grid, tuple(systems), tuple(corpora))


def _check_training(settings: BenchmarkSettings, systems: Mapping[str, System]) -> None:
    """Refuse settings of trainings that are not made, or cannot be."""
    classifiers = {n: each for n, each in systems.items() if isinstance(each, Classifiable)}
    unknown = sorted(set(settings.training) - set(classifiers))
    if unknown:
        raise ConfigError(
            "settings of a training for a system that is not trained here",
            value=unknown[0],
            choices=classifiers,
            hint="classifiers are; training.NAME names one of --system",
        )
    for name, system in classifiers.items():
        check_training(system, settings.training.get(name, {}), name=name)


def _check_scoring(settings: BenchmarkSettings, corpora: Sequence[Corpus]) -> None:
    """Refuse before the first answer what scoring would refuse after the last.

    Raises:
        ConfigError: no such convention, or a grouping that cannot be read.
        InputError: no corpus has the attribute.
    """
    convention(settings.convention)
    # together, as they are scored: what one corpus lacks is null in it
    together = pl.concat([corpus.utterances for corpus in corpora], how="diagonal_relaxed")
    start = 0
    for corpus in corpora:
        own = together.slice(start, corpus.utterances.height)
        start += corpus.utterances.height
        for name in settings.group_by or ():
            group_items(own, name)


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


def _labelled(utterances: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    kept = utterances.filter(pl.col("emotion").is_not_null())
    return kept, utterances.height - kept.height


def _make_missing_folds(
    settings: BenchmarkSettings, corpora: dict[str, Corpus], *, needed: bool
) -> dict[str, int]:
    """Give folds to the corpora that have none; from each of them to how many it was given.

    Where nothing is fitted and speakers are not known, the whole corpus is one test part.
    """
    made: dict[str, int] = {}
    for name, corpus in corpora.items():
        if not corpus.folds.is_empty():
            continue
        speakers = corpus.utterances.get_column("speaker")
        if not needed and (speakers.null_count() or speakers.n_unique() < 2):
            folds = corpus.utterances.select("utterance_id", fold=pl.lit("1"), split=pl.lit("test"))
            corpora[name], made[name] = replace(corpus, folds=folds), 1
            continue
        number = most_folds(corpus.utterances, at_most=settings.n_folds)
        seed = seed_for(settings.seed, "folds", name)
        folds = make_folds(corpus.utterances, n_folds=number, seed=seed)
        corpora[name], made[name] = replace(corpus, folds=folds), number
    return made


def _systems(settings: BenchmarkSettings, given: Sequence[System]) -> dict[str, System]:
    """The systems by their names in tables, in the order asked for."""
    objects = {system.name: system for system in given}
    named = [_alias_and_name(entry) for entry in settings.systems]
    asked_for = [alias or name for alias, name in named]
    unknown = sorted(set(settings.options) - set(asked_for))
    if unknown:
        raise ConfigError(
            "options for a system that is not run", value=unknown[0], choices=asked_for
        )
    loaded = [
        objects[name]
        if name in objects
        else load_model(name, **settings.options.get(alias or name, {}))
        for alias, name in named
    ]
    names = [alias or system.name for (alias, _), system in zip(named, loaded, strict=True)]
    _refuse_twice(names, "systems")
    return dict(zip(names, loaded, strict=True))


def _alias_and_name(entry: str) -> tuple[str | None, str]:
    """``ALIAS=NAME`` taken apart; a system without an alias goes by its own name.

    Raises:
        ConfigError: an alias that would be mistaken for something else.
    """
    alias, equals, name = entry.rpartition("=")
    if not equals:
        return None, entry
    if not alias or not name or OPTIONS_SUFFIX[0] in alias:
        raise ConfigError(
            "an alias is written ALIAS=SYSTEM, without a slash", value=entry, hint="a=qwen2-audio"
        )
    return alias, name


def _corpora(settings: BenchmarkSettings, given: Sequence[Corpus]) -> dict[str, Corpus]:
    objects = {_place_of(corpus): corpus for corpus in given}
    loaded = [
        objects[place] if place in objects else load_corpus(Path(place))
        for place in settings.corpora
    ]
    checked = [replace(one, utterances=UTTERANCES.validate(one.utterances)) for one in loaded]
    return _by_name(checked)


def _place_of(corpus: Corpus) -> str:
    return corpus.name if corpus.root is None else str(corpus.root)


def _by_name(corpora: Sequence[Corpus]) -> dict[str, Corpus]:
    names = [corpus.name for corpus in corpora]
    _refuse_twice(names, "corpora")
    return dict(zip(names, corpora, strict=True))


def _refuse_twice(names: Sequence[str], kind: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        hint = "name one of them ALIAS=SYSTEM" if kind == "systems" else None
        raise ConfigError(f"two {kind} have the same name", value=twice[0], hint=hint)


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
