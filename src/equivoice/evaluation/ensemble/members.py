"""Who takes part: systems of run folders, of trainings, and of plain tables of predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.described import read_descriptions
from equivoice.evaluation.prediction_files import read_predictions
from equivoice.inference import OPTIONS_SUFFIX
from equivoice.records import PREDICTIONS, TABLE_SUFFIXES, UTTERANCES, LabelSpace
from equivoice.store import RunFolder, TrainingFolder
from equivoice.store.training_folder import TRAIN

__all__ = ["Entry", "Given", "Member", "Source", "read_entry", "read_source", "read_sources"]

Given = str | Path | RunFolder | pl.DataFrame
"""What may be named as a member."""

_SHOWN = "label order"
_CONDITIONS = ("prompt", _SHOWN, "temperature", "run", "modality")


@dataclass(frozen=True)
class Entry:
    """A member or several, as they are asked for.

    Args:
        place: a run folder, a training folder or a table; or a table in memory.
        system: which of its systems; ``None`` for all of them.
        alias: what the member is called; its system's name by default.
    """

    place: Path | pl.DataFrame
    system: str | None = None
    alias: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it names a run."""
        return isinstance(self.place, Path) and self.place.is_dir()


@dataclass(frozen=True)
class Member:
    """One system under one set of conditions.

    Args:
        name: as it stands in tables.
        predictions: a PREDICTIONS table with an utterance at most once.
        source: where it comes from, for messages and the record.
        spaces: the label spaces that its probabilities are over, as far as its folder tells.
    """

    name: str
    predictions: pl.DataFrame
    source: str
    spaces: tuple[LabelSpace, ...] = ()


@dataclass(frozen=True)
class Source:
    """What stands in one place: members and, in a folder, what they were tested on.

    Args:
        members: in the order of their names.
        utterances: a table of ``records.UTTERANCES``; ``None`` where there is only a table
            of predictions.
        labels: from each corpus of a folder to its label space.
        folder: the run folder, where it is one.
    """

    members: tuple[Member, ...]
    utterances: pl.DataFrame | None = None
    labels: Mapping[str, LabelSpace] = field(default_factory=dict)
    folder: RunFolder | None = None


def read_entry(text: Given) -> Entry:
    """An entry as it is typed: ``PLACE``, ``PLACE#SYSTEM``, or ``NAME=PLACE#SYSTEM``.

    A path that exists as it stands is never taken apart.

    Raises:
        ConfigError: an empty name or place.

    Example:
        >>> read_entry("S2=runs/salmonn#salmonn-13b").alias
        'S2'
    """
    if isinstance(text, pl.DataFrame):
        return Entry(text)
    if isinstance(text, RunFolder):
        return Entry(text.path)
    if isinstance(text, Path) or Path(text).exists():
        return Entry(Path(text))
    alias, equals, place = text.partition("=")
    if not equals or Path(text.partition("#")[0]).exists():
        alias, equals, place = "", "", text
    folder, hash_sign, system = place.partition("#")
    if not folder or (equals and not alias) or (hash_sign and not system):
        raise ConfigError(
            "a member is written NAME=RUN#SYSTEM, of which RUN alone is enough",
            value=text,
            hint="such as S2=runs/salmonn#salmonn-13b, or runs/acoustic, or answers.csv",
        )
    return Entry(Path(folder), system or None, alias or None)


def read_sources(
    given: Sequence[Given] | Mapping[str, Given], labels: LabelSpace | None = None
) -> list[Source]:
    """All members that are named, in the order given.

    Folders are read first: they say as what answers in words are read, where nothing else
    does.

    Args:
        given: as of :func:`read_entry`; the names of a mapping go before their own.
        labels: what free answers of tables are read as.

    Raises:
        InputError: as :func:`read_source`.
        ConfigError: likewise.
    """
    entries = _entries(given)
    known: dict[int, Source] = {}
    for place in sorted(range(len(entries)), key=lambda at: not entries[at].is_folder):
        known[place] = read_source(entries[place], labels)
        if labels is None:
            labels = next(iter(known[place].labels.values()), None)
    return [known[place] for place in range(len(entries))]


def read_source(entry: Entry, labels: LabelSpace | None = None) -> Source:
    """The members that an entry names.

    A run's systems are all members, each condition (prompt, label order, temperature, run,
    modality) for itself. Readings of a system by its option scores (``NAME/…``) are left
    aside unless they are named: else one system would vote twice.

    Args:
        entry: what is asked for.
        labels: what free answers of a table are read as; needed where one holds such.

    Raises:
        InputError: nothing to read there, no such system, a system that answered an
            utterance twice under one condition.
        ConfigError: one name for several members.
    """
    if isinstance(entry.place, pl.DataFrame):
        table = PREDICTIONS.validate(entry.place)
        return Source(tuple(_members(table, entry, "a table in memory", "the table")))
    place = entry.place
    if entry.is_folder:
        return _from_folder(entry, place)
    if place.suffix.lower() not in TABLE_SUFFIXES or not place.is_file():
        raise InputError(
            "there are no predictions here",
            file=place,
            hint=f"name a finished run, or a table ({', '.join(TABLE_SUFFIXES)})",
        )
    table = read_predictions(place, labels)
    return Source(tuple(_members(table, entry, str(place), place.stem)))


def _entries(given: Sequence[Given] | Mapping[str, Given]) -> list[Entry]:
    if not isinstance(given, Mapping):
        return [read_entry(each) for each in given]
    return [replace(read_entry(each), alias=name) for name, each in given.items()]


def _from_folder(entry: Entry, place: Path) -> Source:
    run: RunFolder | TrainingFolder = RunFolder.read(place)
    if run.record.verb == TRAIN:
        run = TrainingFolder.read(place)
    predictions = run.predictions()
    if predictions.is_empty():
        raise InputError(
            "the run holds no predictions yet",
            file=place,
            hint="finish it: the same command goes on",
        )
    labels = {name: each.label_space for name, each in read_descriptions(run).items()}
    found = _members(predictions, entry, str(place), place.absolute().name)
    members = tuple(replace(member, spaces=tuple(labels.values())) for member in found)
    folder = run if isinstance(run, RunFolder) else None
    return Source(members, UTTERANCES.validate(run.utterances()), labels, folder)


def _members(table: pl.DataFrame, entry: Entry, source: str, nameless: str) -> Iterator[Member]:
    named = table.with_columns(
        pl.col("system").fill_null(nameless), pl.col("options").list.join("|").alias(_SHOWN)
    )
    chosen = _of_system(named, entry, source)
    varied = [name for name in _CONDITIONS if chosen.get_column(name).n_unique() > 1]
    parts = chosen.partition_by("system", *_CONDITIONS, as_dict=True, maintain_order=True)
    if entry.alias is not None and len(parts) > 1:
        raise ConfigError(
            f"{entry.alias} names {len(parts)} members, and one name is for one",
            value=source,
            choices=sorted({str(key[0]) for key in parts}),
            hint=f"name one: {entry.alias}=RUN#SYSTEM"
            + (
                f"; leave out the name where conditions differ ({', '.join(varied)})"
                if varied
                else ""
            ),
        )
    for key, part in parts.items():
        conditions = dict(zip(_CONDITIONS, key[1:], strict=True))
        name = entry.alias or _called(str(key[0]), conditions, varied)
        _refuse_twice(part, name, source)
        yield Member(name, part.drop(_SHOWN), source)


def _of_system(table: pl.DataFrame, entry: Entry, source: str) -> pl.DataFrame:
    names = table.get_column("system").unique().sort().to_list()
    if entry.system is None:
        spoken = [name for name in names if OPTIONS_SUFFIX not in name] or names
        return table.filter(pl.col("system").is_in(spoken))
    if entry.system not in names:
        raise InputError(
            "there is no such system among the predictions",
            file=source,
            value=entry.system,
            choices=names,
        )
    return table.filter(pl.col("system") == entry.system)


def _called(system: str, conditions: Mapping[str, Any], varied: Sequence[str]) -> str:
    """The system, with the conditions in which it stands several times.

    Example:
        >>> _called("qwen", {"temperature": 0.4, "run": 1, "prompt": "p"}, ["temperature", "run"])
        'qwen, temperature 0.4, run 1'
    """
    shown = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in conditions.items()
        if name in varied and value is not None
    ]
    return ", ".join([system, *shown])


def _refuse_twice(table: pl.DataFrame, name: str, source: str) -> None:
    names = table.get_column("utterance_id")
    twice = names.filter(names.is_duplicated())
    if len(twice):
        raise InputError(
            f"{name} answers {twice.n_unique()} utterances several times, and has one vote",
            file=source,
            value=twice[0],
            hint="keep one answer an utterance, such as that of one fold",
        )
