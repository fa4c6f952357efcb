"""Hugging Face ``datasets``: a folder saved to disk, or a data set on the hub.

Needs the package ``datasets`` (extra ``datasets``), imported when one is read. Sound
is never decoded here: its bytes are written out as they are, or its path is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.rows import draft_of, renamed
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError, MissingDependencyError

__all__ = ["read_datasets"]

_MARKERS = ("dataset_dict.json", "dataset_info.json", "state.json")
_SPLITS = {"train": "train", "validation": "validation", "valid": "validation",
           "dev": "validation", "test": "test"}  # fmt: skip
# The first bytes of the containers that libsndfile reads.
_MAGIC = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"FORM": ".aiff"}


def read_datasets(request: Request) -> Draft:
    """Read a data set and write the sound that it carries to ``out/audio``.

    Splits named train, validation and test become fold 1 where there is a test.

    Raises:
        MissingDependencyError: datasets is not installed.
        CorpusError: nothing to read there, or no column for sound or emotion.
    """
    splits = _load(request)
    has_test = any(_SPLITS.get(name) == "test" for name in splits)
    parts = [_rows(data, name, has_test, request) for name, data in splits.items()]
    rows = pl.concat(parts, how="diagonal_relaxed")
    draft = draft_of(rows, request)
    read = () if request.metadata is None else (request.metadata,)
    return replace(draft, read=read, audio_root=request.out)


def _load(request: Request) -> dict[str, Any]:
    try:
        import datasets
    except ImportError:
        raise MissingDependencyError(
            "datasets", extra="datasets", purpose="reading Hugging Face data sets"
        ) from None
    given = _load_hub(datasets, request) if request.hub else _load_folder(datasets, request)
    if isinstance(given, datasets.DatasetDict):
        return {str(name): data for name, data in given.items()}
    return {"all": given}


def _load_folder(datasets: Any, request: Request) -> Any:
    folder = request.metadata_folder()
    if not any((folder / marker).is_file() for marker in _MARKERS):
        raise CorpusError(
            "no data set that was saved to disk",
            file=folder,
            hint="save it with Dataset.save_to_disk, or name one on the hub with --hub",
        )
    try:
        return datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(f"the data set cannot be read: {error}", file=folder) from error


def _load_hub(datasets: Any, request: Request) -> Any:
    try:
        return datasets.load_dataset(request.hub)
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"the data set cannot be had from the hub: {error}", value=request.hub
        ) from error


def _rows(data: Any, split: str, has_test: bool, request: Request) -> pl.DataFrame:
    import datasets

    sound = request.columns.get("audio", "audio")
    if isinstance(data.features.get(sound), datasets.Audio):
        data = data.cast_column(sound, datasets.Audio(decode=False))
    columns = {name: list(data[name]) for name in data.column_names}
    for name, feature in data.features.items():
        if isinstance(feature, datasets.ClassLabel):
            columns[name] = [_class_name(feature, code) for code in columns[name]]
    if sound in columns:
        folder = request.out / "audio"
        columns[sound] = [_path_of(cell, folder) for cell in columns[sound]]
    rows = renamed(pl.DataFrame(columns, strict=False), request.columns)
    known = _SPLITS.get(split)
    return rows.with_columns(split=pl.lit(known)) if has_test and known else rows


def _class_name(feature: Any, code: int | None) -> str | None:
    return None if code is None or code < 0 else str(feature.int2str(code))


def _path_of(cell: Any, folder: Path) -> str | None:
    """Where the sound of a cell lies; bytes are written below ``folder``."""
    if cell is None or isinstance(cell, str):
        return cell
    content, path = cell.get("bytes"), cell.get("path")
    if content is None:
        return None if path is None else str(path)
    # The content names the file: a name given by the data set might lead anywhere.
    digest = hashlib.sha256(content).hexdigest()[:12]
    stem = Path(path).stem if path else "sound"
    target = folder / f"{_tame(stem)}-{digest}{_suffix(content, path)}"
    folder.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return f"audio/{target.name}"


def _tame(stem: str) -> str:
    kept = "".join(char if char.isalnum() or char in "-_" else "_" for char in stem)
    return kept[:80]


def _suffix(content: bytes, path: str | None) -> str:
    for magic, suffix in _MAGIC.items():
        if content.startswith(magic):
            return suffix
    return Path(path).suffix if path else ""
