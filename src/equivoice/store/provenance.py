"""Where a result comes from: versions, revision, machine, and hashes of what went in.

Audio is hashed by content: the SHA-256 over (utterance_id, SHA-256 of the file's
bytes) in the order of the ids. A digest of path and size would be quicker and
would miss a recording that was exchanged or re-encoded to the same length;
reading the files once costs little beside listening to them. Neither the
folder's place nor modification times take part, so that a moved corpus keeps
its hash.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.errors import StorageError
from equivoice.records import RunRecord

__all__ = [
    "begun_record",
    "differences",
    "git_revision",
    "hash_audio",
    "hash_file",
    "hash_frame",
    "machine",
    "now",
    "package_versions",
]

_PACKAGES = ("numpy", "polars", "scipy", "scikit-learn", "praat-parselmouth", "soundfile", "soxr")
_MISSING = "missing"


def begun_record(verb: str, config: Mapping[str, Any], **told: Any) -> RunRecord:
    """The record of a run that begins here and now: versions, revision, machine, time.

    Args:
        verb: what is run.
        config: its settings, as JSON holds them.
        told: what else the record holds, and what of it is to be otherwise.

    Example:
        >>> begun_record("score", {}, seeds={"root": 3}).seeds
        {'root': 3}
    """
    own = {
        "versions": package_versions(),
        "git_revision": git_revision(),
        "host": machine(),
        "started": now(),
    }
    return RunRecord(verb=verb, config=dict(config), **{**own, **told})


def package_versions() -> dict[str, str]:
    """Versions of Python, Equivoice and the packages that shape results.

    Example:
        >>> sorted(package_versions())[:2]
        ['equivoice', 'numpy']
    """
    versions = {"python": platform.python_version()}
    for package in ("equivoice", *_PACKAGES):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def git_revision(folder: Path | None = None) -> str | None:
    """The commit of the repository that a folder lies in, ``+`` added where it has changes.

    Args:
        folder: by default the working directory.

    Returns:
        ``None`` where there is no repository or no git.
    """
    where = folder or Path.cwd()
    revision = _git(["rev-parse", "HEAD"], where)
    if revision is None:
        return None
    changes = _git(["status", "--porcelain", "--untracked-files=no"], where)
    return f"{revision}+" if changes else revision


def machine() -> dict[str, str]:
    """The machine: its name, operating system, processor and number of cores."""
    return {
        "name": platform.node(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count() or "unknown"),
    }


def now() -> str:
    """The time, ISO 8601 to the second, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        StorageError: the file cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def hash_frame(frame: pl.DataFrame) -> str:
    """SHA-256 of a table's rows as JSON lines; for tables that were given in memory."""
    return hashlib.sha256(frame.write_ndjson().encode("utf-8")).hexdigest()


def hash_audio(utterances: pl.DataFrame) -> str | None:
    """SHA-256 of the recordings of a table, by content.

    Args:
        utterances: with ``utterance_id`` and, where there is sound, absolute paths in
            ``audio``. A file that does not exist takes part as missing.

    Returns:
        ``None`` where no utterance names a file.
    """
    if "audio" not in utterances.columns:
        return None
    named = utterances.select("utterance_id", "audio").drop_nulls("audio").sort("utterance_id")
    if named.is_empty():
        return None
    files = sorted(set(named.get_column("audio")))
    with ThreadPoolExecutor() as pool:
        digests = dict(zip(files, pool.map(_hash_if_there, files), strict=True))
    total = hashlib.sha256()
    for utterance, audio in named.iter_rows():
        total.update(f"{utterance}\n{digests[audio]}\n".encode())
    return total.hexdigest()


def differences(old: RunRecord, new: RunRecord, *, versions: bool) -> list[str]:
    """In what two records of a run differ, as sentences; empty where the run can go on.

    Compared are what is to be done (verb, configuration, seeds) and what it is
    done with (input hashes). Host, times and command are not.

    Args:
        old: the record that stands in the run folder.
        new: the record of what is now asked for.
        versions: whether other package versions count, as they do when half of
            the predictions are made with the old ones.

    Example:
        >>> a = RunRecord(verb="benchmark", config={"seed": 1})
        >>> b = RunRecord(verb="benchmark", config={"seed": 2})
        >>> differences(a, b, versions=True)
        ['seed: 1 in the run, 2 now']
    """
    pairs: list[tuple[str, dict[str, object], dict[str, object]]] = [
        ("", {"verb": old.verb}, {"verb": new.verb}),
        ("", old.config, new.config),
        ("seeds.", dict(old.seeds), dict(new.seeds)),
        ("inputs.", dict(old.inputs), dict(new.inputs)),
    ]
    if versions:
        pairs.append(("versions.", dict(old.versions), dict(new.versions)))
    return [line for prefix, before, after in pairs for line in _differing(prefix, before, after)]


def _differing(prefix: str, old: dict[str, object], new: dict[str, object]) -> list[str]:
    keys = dict.fromkeys([*old, *new])
    return [
        f"{prefix}{key}: {_shown(old.get(key))} in the run, {_shown(new.get(key))} now"
        for key in keys
        if old.get(key) != new.get(key)
    ]


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _hash_if_there(path: str) -> str:
    file = Path(path)
    return hash_file(file) if file.is_file() else _MISSING


def _git(arguments: list[str], folder: Path) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            # Without optional locks git only reads: killed with us in the middle of
            # refreshing its index, it would leave the user's repository locked.
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],  # noqa: S607 - git is found on the path
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
