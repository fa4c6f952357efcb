"""Whether the sound of a corpus can be used: each file is read once, from end to end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.corpora.finding import Finding, counted, finding, listed
from equivoice.errors import AudioError

__all__ = ["Limits", "check_sound", "measure"]

Progress = Callable[[int, int], None]
_FULL_SCALE = 0.999
_RUN = 3  # consecutive samples at full scale that make a clip audible
_SILENT = 1e-4

_FAULTS = {
    "missing": ("missing-audio", "missing sound"),
    "empty": ("empty-audio", "empty sound"),
    "not finite": ("non-finite-audio", "samples that are not finite numbers"),
    "too long": ("too-long-audio", "sound too long to be used in one piece"),
    "unusable": ("corrupt-audio", "sound that cannot be read"),
}


@dataclass(frozen=True)
class Limits:
    """From when on a sound is remarkable.

    Args:
        short: seconds below which an utterance is very short.
        long: seconds above which it is very long.
        clipped: share of samples in runs at full scale above which it is clipped.
        drift: seconds by which metadata and file may differ in length.
    """

    short: float = 0.3
    long: float = 30.0
    clipped: float = 0.001
    drift: float = 0.1


def check_sound(
    utterances: pl.DataFrame,
    *,
    limits: Limits | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Finding]:
    """Read every sound file and say what is wrong with it.

    Sound that :func:`equivoice.audio.decode` refuses for its length is judged by
    its header alone, since no model will hear it.

    Args:
        utterances: with absolute ``audio`` paths.
        limits: from when on a sound is remarkable.
        workers: how many files are read at a time.
        progress: called with (files done, files in all).

    Raises:
        MissingDependencyError: soundfile is not installed.
    """
    limits = limits or Limits()
    rows = utterances.filter(pl.col("audio").is_not_null())
    if rows.is_empty():
        return [finding("note", "no-audio", "the corpus names no sound files")]
    jobs = list(rows.select("utterance_id", "audio", "start", "end").iter_rows())
    table = _measured(jobs, workers, progress)
    measured = rows.select("utterance_id", "audio", "speaker", "duration").with_columns(table)
    return [
        *_unreadable(measured),
        *_remarkable(measured, limits),
        *_duplicates(measured),
        *_drifted(measured, limits),
    ]


def measure(job: tuple[str, str, float | None, float | None]) -> dict[str, Any]:
    """What one sound is like; an unusable one says why instead.

    Args:
        job: utterance id, path, start and end in seconds.

    Returns:
        ``fault`` and ``why`` (null where it can be read), ``seconds``, ``peak``,
        ``clipped`` (share of samples) and ``digest`` of the samples.
    """
    from equivoice.audio import decode, probe

    _, audio, start, end = job
    try:
        info = probe(audio)
        samples = decode(audio, start=start, end=end, rate=info.rate)
    except AudioError as error:
        return _result(fault=_fault(Path(audio), error), why=error.problem)
    digest = hashlib.sha256(f"{info.rate}\n".encode() + samples.tobytes()).hexdigest()
    return _result(
        seconds=len(samples) / info.rate,
        peak=float(np.abs(samples).max()),
        clipped=_clipped_share(samples),
        digest=digest,
    )


def _result(
    fault: str | None = None,
    why: str | None = None,
    seconds: float | None = None,
    peak: float | None = None,
    clipped: float | None = None,
    digest: str | None = None,
) -> dict[str, Any]:
    return {
        "fault": fault,
        "why": why,
        "seconds": seconds,
        "peak": peak,
        "clipped": clipped,
        "digest": digest,
    }


def _fault(path: Path, error: AudioError) -> str:
    if not path.exists():
        return "missing"
    if path.stat().st_size == 0 or "holds no samples" in error.problem:
        return "empty"
    told = (fault for fault in ("not finite", "too long") if fault in error.problem)
    return next(told, "unusable")


def _clipped_share(samples: NDArray[np.float32]) -> float:
    """The share of samples in runs of three and more at full scale.

    Example:
        >>> _clipped_share(np.array([0, 1, 1, 1, 1, 0, 1, 0], dtype=np.float32))
        0.5
    """
    loud = np.abs(samples) >= _FULL_SCALE
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0]))))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= _RUN].sum() / len(samples))


def _measured(jobs: list[tuple[Any, ...]], workers: int, progress: Progress | None) -> pl.DataFrame:
    results: list[dict[str, Any]] = []
    # Threads suffice: reading, arithmetic and hashing all let go of the interpreter. Fresh
    # processes would import the caller's main script again, which stdin does not allow.
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for result in pool.map(measure, jobs):
            results.append(result)
            if progress is not None:
                progress(len(results), len(jobs))
    schema = {
        "fault": pl.String,
        "why": pl.String,
        "seconds": pl.Float64,
        "peak": pl.Float64,
        "clipped": pl.Float64,
        "digest": pl.String,
    }
    return pl.DataFrame(results, schema=schema)


def _unreadable(measured: pl.DataFrame) -> Iterator[Finding]:
    for fault, (code, what) in _FAULTS.items():
        rows = measured.filter(pl.col("fault") == fault)
        if rows.height:
            first = rows.row(0, named=True)
            message = (
                f"{what}: {counted(rows.height, 'file')}; the first is {first['audio']} "
                f"({first['why']})"
            )
            yield finding("error", code, message, rows.get_column("utterance_id"))


def _remarkable(measured: pl.DataFrame, limits: Limits) -> Iterator[Finding]:
    seconds, peak = pl.col("seconds"), pl.col("peak")
    cases: Iterable[tuple[str, pl.Expr, str]] = (
        ("short-audio", seconds < limits.short, f"shorter than {limits.short:g} s"),
        ("long-audio", seconds > limits.long, f"longer than {limits.long:g} s"),
        ("silent-audio", peak < _SILENT, "nothing but silence"),
        (
            "clipped-audio",
            pl.col("clipped") > limits.clipped,
            f"clipped (over {limits.clipped:.1%} of samples in runs at full scale)",
        ),
    )
    for code, condition, what in cases:
        ids = measured.filter(condition).get_column("utterance_id")
        if len(ids):
            yield finding(
                "warning", code, f"{what}: {counted(len(ids), 'utterance')} ({listed(ids)})", ids
            )


def _duplicates(measured: pl.DataFrame) -> Iterator[Finding]:
    groups = (
        measured.filter(pl.col("digest").is_not_null() & pl.col("digest").is_duplicated())
        .group_by("digest", maintain_order=True)
        .agg(pl.col("utterance_id"))
        .get_column("utterance_id")
        .to_list()
    )
    if groups:
        ids = [name for group in groups for name in group]
        same = "; ".join(" = ".join(group) for group in groups[:3])
        more = f"; and {len(groups) - 3} more" if len(groups) > 3 else ""
        message = f"{counted(len(groups), 'sound')} more than once in the corpus: {same}{more}"
        yield finding("warning", "duplicate-audio", message, ids)


def _drifted(measured: pl.DataFrame, limits: Limits) -> Iterator[Finding]:
    apart = (pl.col("seconds") - pl.col("duration")).abs() > limits.drift
    ids = measured.filter(apart).get_column("utterance_id")
    if len(ids):
        message = (
            f"length differs by more than {limits.drift:g} s from what the metadata say: "
            f"{counted(len(ids), 'utterance')} ({listed(ids)})"
        )
        yield finding("note", "length-differs", message, ids)
