"""From the names that other tools give to items, to utterances; by key, never by place alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import polars as pl

from equivoice.corpora.exchange.answers import Answer, json_lines
from equivoice.errors import InputError
from equivoice.records import read_frame

__all__ = ["Keys", "join_answers", "read_keys"]

_SUFFIXES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Keys:
    """Which utterance an item is, from a file.

    Args:
        by_name: from a key, as text, to an utterance.
        answers: the reference answers in order, where the file is one of our exports.
        file: where it was read.
    """

    by_name: Mapping[str, str]
    answers: tuple[str, ...] | None
    file: Path


def read_keys(path: str | Path) -> Keys:
    """A table with ``key`` and ``utterance_id``, or a JSON lines file of ``corpora export``.

    In an export the key of an item is its place, from 0, as other tools count.

    Raises:
        InputError: the file cannot be read or lacks a column.
    """
    path = Path(path)
    if path.suffix.lower() in _SUFFIXES:
        rows = [row for _, row in json_lines(path)]
        if rows and all("messages" in row and "utterance_id" in row for row in rows):
            return Keys(
                {str(place): str(row["utterance_id"]) for place, row in enumerate(rows)},
                tuple(str(row["messages"][-1].get("content", "")) for row in rows),
                path,
            )
    frame = read_frame(path, text=("key", "utterance_id"))
    for column in ("key", "utterance_id"):
        if column not in frame.columns:
            raise InputError(
                "the table of keys lacks a column",
                file=path,
                column=column,
                choices=frame.columns,
                hint="give a table with 'key' and 'utterance_id', or a file of 'corpora export'",
            )
    known = frame.select(pl.col("key", "utterance_id").cast(pl.String)).drop_nulls()
    return Keys(dict(known.iter_rows()), None, path)


def join_answers(
    answers: Sequence[Answer], utterances: pl.DataFrame, keys: Keys | None, *, file: str | Path
) -> tuple[list[tuple[str, Answer]], Counter[str]]:
    """The utterance of each answer, and how many answers were left out, by reason.

    An answer's key is an utterance's id, the id without the corpus, or the path of
    its sound (the stem counts). With a file of keys, the key (or, where an answer has
    none, its place) is looked up there alone.

    Args:
        answers: as a tool wrote them.
        utterances: of the corpus.
        keys: from :func:`read_keys`.
        file: where the answers were read.

    Returns:
        pairs of utterance and answer in the order given, and the counts.

    Raises:
        InputError: no answer could be joined, answers have no key and there is no file
            of keys, or the file of keys is that of other answers.
    """
    if keys is not None:
        _check_belong(answers, keys, file)
    known = set(utterances.get_column("utterance_id"))
    names = _names(utterances)
    pairs: list[tuple[str, Answer]] = []
    strays: list[str] = []
    for answer in answers:
        wanted = str(answer.row) if answer.key is None else answer.key
        found = _looked_up(wanted, answer, names, keys)
        if found in known and found is not None:
            pairs.append((found, answer))
        else:
            strays.append(wanted)
    if not pairs:
        raise _nothing_joined(answers, strays, names, keys, file)
    left_out = Counter({"answers of another tool that name no utterance here": len(strays)})
    return pairs, +left_out


def _looked_up(
    wanted: str, answer: Answer, names: Mapping[str, str], keys: Keys | None
) -> str | None:
    if keys is not None:
        return keys.by_name.get(wanted)
    if answer.key is None:
        return None
    return names.get(wanted) or names.get(_stem(wanted))


def _names(utterances: pl.DataFrame) -> dict[str, str]:
    """All unambiguous names of utterances: id, id without corpus, stem of the sound."""
    ids = utterances.get_column("utterance_id").to_list()
    sounds = (
        utterances.get_column("audio").to_list()
        if "audio" in utterances.columns
        else [None] * len(ids)
    )
    kinds = (
        [(_stem(sound), one) for one, sound in zip(ids, sounds, strict=True) if sound],
        [(_stem(one), one) for one in ids],
        [(one.partition("/")[2], one) for one in ids],
        [(one, one) for one in ids],
    )
    names: dict[str, str] = {}
    for pairs in kinds:  # the later, the surer
        times = Counter(name for name, _ in pairs)
        names |= {name: one for name, one in pairs if name and times[name] == 1}
    return names


def _stem(path: str) -> str:
    """The stem of a path, written with either slash."""
    name = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
    head, dot, tail = name.rpartition(".")
    return head if dot and head and tail.isalnum() and len(tail) <= 4 else name


def _check_belong(answers: Sequence[Answer], keys: Keys, file: str | Path) -> None:
    """Places are only as good as the order; lengths and reference answers must agree."""
    if keys.answers is None or any(answer.key is not None for answer in answers):
        return
    if {answer.row for answer in answers} != set(range(len(keys.answers))):
        raise InputError(
            f"the answers are of {len({answer.row for answer in answers})} items, and the file "
            f"of keys has {len(keys.answers)}",
            file=file,
            value=str(keys.file),
            hint="give the exported file that these answers were made from, whole",
        )
    for answer in answers:
        wanted = keys.answers[answer.row]
        if answer.label is not None and _folded(answer.label) != _folded(wanted):
            raise InputError(
                f"the reference answer is {answer.label.strip()!r} here and {wanted!r} in the "
                "file of keys: the rows do not belong together",
                file=file,
                row=answer.row + 1,
                value=str(keys.file),
                hint="give the exported file that these answers were made from",
            )


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _nothing_joined(
    answers: Sequence[Answer],
    strays: Sequence[str],
    names: Mapping[str, str],
    keys: Keys | None,
    file: str | Path,
) -> InputError:
    if keys is None and all(answer.key is None for answer in answers):
        return InputError(
            "the answers do not say which utterances they are of",
            file=file,
            hint="name their field with --key, or give --keys FILE: the exported file that they "
            "were made from, or a table with 'key' (their place, from 0) and 'utterance_id'",
        )
    return InputError(
        "none of the answers names an utterance of the reference",
        file=file,
        value=", ".join(strays[:5]),
        choices=list(names)[:10],
        hint="name the right field with --key, or give a table with --keys",
    )
