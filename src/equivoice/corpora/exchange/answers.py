"""An answer from another tool, before it is joined to a corpus; and JSON read within limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from equivoice.errors import InputError

__all__ = ["Answer", "at_path", "json_lines", "key_of", "parse_json"]

_LONGEST_LINE = 64_000_000
# Where tools and task authors put the name of an item; the first that is there counts.
_KEY_FIELDS = ("utterance_id", "key", "audio", "audios", "audio_path", "wav", "path", "file")
_WITHIN = ("", "doc.", "metadata.", "submission.")


@dataclass(frozen=True)
class Answer:
    """One answer, as another tool wrote it down.

    Args:
        key: what names the utterance; ``None`` where the tool wrote nothing of the kind.
        row: the place of its item in the tool's data set, from 0.
        text: the raw answer; ``None`` where there is none.
        reason: why there is none.
        system: the model, where the tool names it.
        temperature: the sampling temperature, where the tool names it.
        label: the reference answer, where the tool repeats it.
    """

    key: str | None
    row: int
    text: str | None
    reason: str | None = None
    system: str | None = None
    temperature: float | None = None
    label: str | None = None


def json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a JSON lines file with the numbers of their lines, from 1.

    Raises:
        InputError: the file cannot be read, a line is too long or is no object.
    """
    try:
        with path.open("rb") as file:
            for number, line in _lines(file):
                yield number, _object(line, path, number)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=path) from error


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty; one that is too long is cut just past the limit."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if line.strip():
            yield number, line


def _object(line: bytes, path: Path, number: int) -> Mapping[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise InputError(f"a line of more than {_LONGEST_LINE // 10**6} MB", file=path, row=number)
    value = parse_json(line, path, row=number)
    if not isinstance(value, dict):
        raise InputError("a line is not a JSON object", file=path, row=number)
    return value


def parse_json(raw: bytes, path: str | Path, *, row: int | None = None) -> Any:
    """JSON from a stranger.

    Raises:
        InputError: it is none.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"not JSON ({type(error).__name__})", file=path, row=row, hint="write it again"
        ) from None


def at_path(item: Mapping[str, Any], dotted: str) -> Any:
    """What stands in an object at a path such as ``doc.audio.path``; ``None`` where nothing."""
    value: Any = item
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def key_of(item: Mapping[str, Any], field: str | None, *, more: Sequence[str] = ()) -> str | None:
    """What names the utterance of an item.

    Args:
        item: as the tool wrote it.
        field: the path of the field that the user named; only that is looked at.
        more: further fields of this tool, looked at last.

    Example:
        >>> key_of({"doc": {"audio": {"path": "wav/a-1.wav"}}}, None)
        'wav/a-1.wav'
    """
    usual = [within + name for name in _KEY_FIELDS for within in _WITHIN]
    fields = [field] if field is not None else [*usual, *more]
    for each in fields:
        found = _as_text(at_path(item, each))
        if found is not None:
            return found
    return None


def _as_text(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("path")
    if isinstance(value, list) and len(value) == 1:
        return _as_text(value[0])
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value) or None
