"""Answers in the logs of Inspect (``.eval``, or ``.json`` after ``inspect log convert``).

An ``.eval`` file is a zip archive with ``header.json`` and one JSON file a sample and
epoch; newer ones are compressed by Zstandard, which Python's zipfile learns in 3.14
only, so that those members are read by pyarrow. All is read in memory, member by
member and within limits; nothing is unpacked, so names inside cannot lead anywhere.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from equivoice.corpora.exchange.answers import Answer, at_path, key_of, parse_json
from equivoice.errors import InputError

__all__ = ["read_inspect"]

_LARGEST_MEMBER = 256_000_000
_MOST_TOGETHER = 8_000_000_000
_LARGEST_JSON = 2_000_000_000
_ZSTANDARD = 93
_READABLE = frozenset(
    {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, _ZSTANDARD}
)
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_DAMAGES = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError)
_ENCRYPTED = 1
_HEADERS = ("header.json", "_journal/start.json")
_ATTACHED = "attachment://"


def read_inspect(path: Path, *, key: str | None = None) -> list[Answer]:
    """The answers in a log, ordered by sample and epoch.

    A sample that ended with an error is an answer without text, with its reason.

    Raises:
        InputError: no log of Inspect, damaged, too large, or compressed in a way that
            this Python cannot read.
    """
    header, samples = _from_zip(path) if zipfile.is_zipfile(path) else _from_json(path)
    system = at_path(header, "eval.model")
    temperature = at_path(header, "eval.model_generate_config.temperature")
    if temperature is None:
        temperature = at_path(header, "plan.config.temperature")
    places: dict[str, int] = {}
    found: list[Answer] = []
    for sample in sorted(samples, key=_order):
        row = places.setdefault(str(sample.get("id")), len(places))
        text, reason = _answer(sample)
        found.append(
            Answer(
                key_of(sample, key, more=("id",)),
                row,
                text,
                reason,
                system if isinstance(system, str) else None,
                float(temperature) if isinstance(temperature, (int, float)) else None,
            )
        )
    if not found:
        raise InputError("the log holds no samples", file=path, hint="has the run finished?")
    return found


def _order(sample: Mapping[str, Any]) -> tuple[bool, int, str, int]:
    """Numbers by value, then names; epochs in order."""
    name, epoch = sample.get("id"), sample.get("epoch")
    number = name if isinstance(name, int) else 0
    return not isinstance(name, int), number, str(name), epoch if isinstance(epoch, int) else 0


def _from_json(path: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= _LARGEST_JSON else b""
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=path) from error
    if size > _LARGEST_JSON:
        raise InputError(f"larger than {_LARGEST_JSON // 10**9} GB", file=path)
    log = parse_json(raw, path)
    samples = log.get("samples") if isinstance(log, dict) else None
    if not isinstance(samples, list) or not isinstance(log.get("eval"), dict):
        raise InputError("not a log of Inspect: 'eval' or 'samples' is missing", file=path)
    return log, [sample for sample in samples if isinstance(sample, dict)]


def _from_zip(path: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive, path)
            names = set(archive.namelist())
            first = next((name for name in _HEADERS if name in names), None)
            header = _member(archive, first, path) if first else {}
            return header, list(_samples(archive, path))
    except _DAMAGES as error:
        raise InputError(
            f"the log is damaged ({error})", file=path, hint="copy it again"
        ) from error


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    members = archive.infolist()
    if sum(member.file_size for member in members) > _MOST_TOGETHER:
        raise InputError(f"unpacks to more than {_MOST_TOGETHER // 10**9} GB", file=path)
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise InputError("the log is encrypted", file=path)
    if any(member.compress_type not in _READABLE for member in members):
        raise InputError(
            "the log is compressed in a way that cannot be read",
            file=path,
            hint="inspect log convert LOG --to json --output-dir DIR, and give the JSON file",
        )


def _samples(archive: zipfile.ZipFile, path: Path) -> Iterator[Mapping[str, Any]]:
    for name in archive.namelist():
        if name.startswith("samples/") and name.endswith(".json"):
            yield _member(archive, name, path)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> Mapping[str, Any]:
    member = archive.getinfo(name)
    # What a member's size is said to be need not be true, so both ways stop at the limit.
    if member.compress_type == _ZSTANDARD:
        raw = _zstandard(path, member)
    else:
        with archive.open(member) as file:
            raw = file.read(_LARGEST_MEMBER + 1)
    if len(raw) > _LARGEST_MEMBER:
        raise InputError(
            f"a member is larger than {_LARGEST_MEMBER // 10**6} MB", file=path, value=name
        )
    value = parse_json(raw, f"{path}/{name}")
    if not isinstance(value, dict):
        raise InputError("a member is not a JSON object", file=path, value=name)
    return value


def _zstandard(path: Path, member: zipfile.ZipInfo) -> bytes:
    """A member that zipfile cannot decompress; up to the limit and one byte."""
    import pyarrow as pa  # type: ignore[import-untyped]

    with path.open("rb") as file:
        file.seek(member.header_offset)
        mark, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if mark != b"PK\x03\x04" or member.compress_size > _LARGEST_MEMBER:
            raise zipfile.BadZipFile(f"bad member {member.filename!r}")
        file.seek(name_length + extra_length, 1)
        packed = file.read(member.compress_size)
    with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
        raw = stream.read(_LARGEST_MEMBER + 1)
    if len(raw) <= _LARGEST_MEMBER and zlib.crc32(raw) != member.CRC:
        raise zipfile.BadZipFile(f"bad checksum of {member.filename!r}")
    return bytes(raw)


def _answer(sample: Mapping[str, Any]) -> tuple[str | None, str | None]:
    error = at_path(sample, "error.message") or at_path(sample, "output.error")
    if error:
        return None, " ".join(str(error).split())[:300]
    text = at_path(sample, "output.completion")
    if not isinstance(text, str):
        text = _first_choice(sample)
    if text is None:
        return None, "the sample holds no output"
    return _attached(sample, text), None


def _first_choice(sample: Mapping[str, Any]) -> str | None:
    choices = at_path(sample, "output.choices")
    content = (
        at_path(choices[0], "message.content") if isinstance(choices, list) and choices else None
    )
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(str(part.get("text", "")) for part in parts)
    return content if isinstance(content, str) else None


def _attached(sample: Mapping[str, Any], text: str) -> str:
    """Long texts are kept apart in a log, under a hash."""
    if not text.startswith(_ATTACHED):
        return text
    kept = sample.get("attachments")
    found = kept.get(text.removeprefix(_ATTACHED)) if isinstance(kept, dict) else None
    return found if isinstance(found, str) else text
