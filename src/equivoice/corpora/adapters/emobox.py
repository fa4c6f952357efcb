"""EmoBox metadata: JSON lines with official folds, for 32 corpora.

The layout, of which any part but the rows themselves may be missing::

    <corpus>.jsonl                                  all rows
    label_map.json                                  own name -> EmoBox's label
    fold_k/<corpus>_{train,valid,test}_fold_k.jsonl the folds

A row has ``key``, ``wav`` (``downloads/<corpus>/...``), ``emo``, ``length`` in
seconds and, where somebody added it, ``sensitive_attr`` (gender, age, race,
ethnicity, language). Rows of all files are merged by key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.filenames import gender_of
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError
from equivoice.records import FOLDS

__all__ = ["read_emobox"]

_FOLD_FILE = re.compile(r"_(train|valid|validation|dev|test)_fold_([^_.]+)\.jsonl$")
_SPLITS = {"valid": "validation", "dev": "validation"}
_LANGUAGES = {
    "amharic": "am", "bangla": "bn", "english": "en", "french": "fr", "german": "de",
    "greek": "el", "italian": "it", "mandarin": "zh", "persian": "fa", "polish": "pl",
    "russian": "ru", "spanish": "es", "turkish": "tr", "urdu": "ur",
}  # fmt: skip
_REPEATED = "repeated row of a fold file"


@dataclass
class _Merged:
    """Rows by key, fold entries, and what was counted on the way."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    splits: dict[tuple[str, str], str] = field(default_factory=dict)  # (key, fold) -> split
    repeated: int = 0
    read: list[Path] = field(default_factory=list)


def read_emobox(request: Request) -> Draft:
    """Read an EmoBox metadata folder.

    Raises:
        CorpusError: no rows, a row without key, wav or emo, files that disagree
            about a key, or a key in two splits of one fold.
    """
    folder = request.metadata_folder()
    merged = _Merged()
    everything = folder / f"{request.name}.jsonl"
    if everything.is_file():
        _merge(merged, everything, fold=None)
    for path in sorted(folder.glob("fold_*/*.jsonl")):
        fold = _FOLD_FILE.search(path.name)
        if fold is not None:
            _merge(merged, path, fold=(fold[2], _SPLITS.get(fold[1], fold[1])))
    if not merged.rows:
        raise CorpusError(
            "there are no EmoBox rows in this folder",
            file=folder,
            hint=f"it should hold {request.name}.jsonl or fold_1/{request.name}_train_fold_1.jsonl",
        )
    return Draft(
        utterances=_utterances(merged.rows, request.name),
        folds=_folds(merged.splits, request.name),
        label_map=_label_map(folder / "label_map.json"),
        left_out={_REPEATED: merged.repeated} if merged.repeated else {},
        read=tuple(merged.read),
    )


def _merge(merged: _Merged, path: Path, *, fold: tuple[str, str] | None) -> None:
    merged.read.append(path)
    for number, row in enumerate(_rows(path), start=1):
        key = row["key"]
        held = merged.rows.setdefault(key, row)
        _check_agreement(held, row, path, number)
        if row.get("sensitive_attr") and not held.get("sensitive_attr"):
            held["sensitive_attr"] = row["sensitive_attr"]
        if fold is not None:
            _enter(merged, key, fold, path, number)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CorpusError("the file is not UTF-8 text", file=path) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(line, path, number)


def _row(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise CorpusError(f"not JSON: {error.msg}", file=path, row=number, value=line) from error
    for name in ("key", "wav", "emo"):
        if not isinstance(row, dict) or not isinstance(row.get(name), str):
            raise CorpusError(f"a row lacks {name!r}", file=path, row=number, column=name)
    return dict(row)


def _check_agreement(held: Mapping[str, Any], row: Mapping[str, Any], path: Path, n: int) -> None:
    for name in ("emo", "wav"):
        if held[name] != row[name]:
            raise CorpusError(
                f"two rows disagree about {row['key']!r}: {held[name]!r} elsewhere",
                file=path,
                row=n,
                column=name,
                value=row[name],
            )


def _enter(merged: _Merged, key: str, fold: tuple[str, str], path: Path, number: int) -> None:
    name, split = fold
    held = merged.splits.get((key, name))
    if held is None:
        merged.splits[key, name] = split
    elif held == split:
        merged.repeated += 1
    else:
        raise CorpusError(
            f"an utterance stands in both {held} and {split} of fold {name}",
            file=path,
            row=number,
            column="key",
            value=key,
            hint="take it out of one of the two files",
        )


def _utterances(rows: Mapping[str, Mapping[str, Any]], name: str) -> pl.DataFrame:
    return pl.DataFrame(
        [_utterance(key, row, name) for key, row in rows.items()],
        schema={
            "utterance_id": pl.String,
            "audio": pl.String,
            "duration": pl.Float64,
            "language": pl.String,
            "gender": pl.String,
            "age": pl.Float64,
            "race": pl.String,
            "ethnicity": pl.String,
            "emotion": pl.String,
        },
    )


def _utterance(key: str, row: Mapping[str, Any], name: str) -> dict[str, Any]:
    attributes = row.get("sensitive_attr") or {}
    return {
        "utterance_id": f"{name}/{key.removeprefix(f'{name}-')}",
        "audio": str(row["wav"]).removeprefix(f"downloads/{name}/"),
        "duration": row.get("length"),
        "language": _language(attributes.get("language")),
        "gender": gender_of(attributes.get("gender")),
        "age": attributes.get("age"),
        "race": _known(attributes.get("race")),
        "ethnicity": _known(attributes.get("ethnicity")),
        "emotion": row["emo"],
    }


def _known(value: str | None) -> str | None:
    return None if value is None or value.strip().casefold() in {"", "unknown"} else value


def _language(name: str | None) -> str | None:
    return None if name is None else _LANGUAGES.get(name.casefold(), name)


def _folds(splits: Mapping[tuple[str, str], str], name: str) -> pl.DataFrame:
    rows = [
        (f"{name}/{key.removeprefix(f'{name}-')}", fold, split)
        for (key, fold), split in splits.items()
    ]
    columns = dict.fromkeys(FOLDS.names, pl.String)
    return pl.DataFrame(rows, schema=columns, orient="row")


def _label_map(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        given = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise CorpusError(f"the label map is not JSON: {error}", file=path) from error
    if not isinstance(given, dict):
        raise CorpusError("the label map is not an object", file=path)
    return {str(own): str(label) for own, label in given.items()}
