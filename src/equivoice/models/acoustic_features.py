"""Acoustic features of many utterances: in parallel, cached, faults kept apart.

A vector is a function of the decoded samples alone, so it is cached under
their hash, the version of the feature set and that of Praat. A process that is
killed loses nothing that it had measured.
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from equivoice.audio.decode import decode
from equivoice.audio.feature_set import (
    FEATURE_SET,
    feature_names,
    feature_vector,
    missing_reasons,
)
from equivoice.errors import AudioError, MissingDependencyError, RunError
from equivoice.models.protocols import FloatArray
from equivoice.store.cache import ArrayCache

__all__ = ["FeatureTable", "acoustic_features", "forget_recent"]

# Starting worker processes takes about as long as measuring this many clips.
_FEWEST_FOR_PROCESSES = 24
_MOST_REMEMBERED = 20_000


class _Piece(NamedTuple):
    """A sound file, or the part of it from start to end in seconds."""

    path: str
    start: float | None
    end: float | None


@dataclass(frozen=True)
class FeatureTable:
    """Features of utterances, in the order in which the utterances were given.

    Args:
        names: names of the features.
        values: shape (utterances, features); NaN where a feature could not be
            measured, and in the whole row of an utterance with a fault.
        missing: from reason to the number of utterances in which features are
            missing for that reason; faults are not among them.
        faults: from utterance_id to what is wrong with its sound.
    """

    names: tuple[str, ...]
    values: FloatArray
    missing: dict[str, int] = field(default_factory=dict)
    faults: dict[str, AudioError] = field(default_factory=dict)


def acoustic_features(
    utterances: pl.DataFrame,
    *,
    cache: ArrayCache,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureTable:
    """The acoustic features of utterances.

    Args:
        utterances: rows with ``utterance_id`` and ``audio``, and ``start`` and
            ``end`` where an utterance is a part of a file.
        cache: where vectors are kept.
        workers: worker processes; ``None`` for one a core that this process
            may use, 1 for none.
        progress: is told (done, all) after each utterance.

    Returns:
        a row for each utterance; sounds that cannot be used are in ``faults``.

    Raises:
        MissingDependencyError: soundfile or praat-parselmouth is not installed.
        RunError: a worker process was killed.
        StorageError: the cache cannot be written.
    """
    names = feature_names()
    pieces = _pieces(utterances)
    ids = utterances.get_column("utterance_id").to_list()
    values = np.full((len(pieces), len(names)), np.nan)
    missing: Counter[str] = Counter()
    faults: dict[str, AudioError] = {}
    for row, found in enumerate(_measured(pieces, cache, workers)):
        if isinstance(found, AudioError):
            faults[ids[row]] = found
        else:
            values[row] = found
            missing.update(() if np.isfinite(found).all() else missing_reasons(found))
        if progress is not None:
            progress(row + 1, len(pieces))
    return FeatureTable(names, values, dict(sorted(missing.items())), faults)


def forget_recent() -> None:
    """Forget the vectors that this process keeps in memory; the cache stays."""
    _recent.clear()


def _pieces(utterances: pl.DataFrame) -> list[_Piece]:
    columns = {
        name: utterances.get_column(name).to_list()
        if name in utterances.columns
        else [None] * utterances.height
        for name in ("audio", "start", "end")
    }
    return [
        _Piece(path or "", start, end) for path, start, end in zip(*columns.values(), strict=True)
    ]


def _measured(
    pieces: Sequence[_Piece], cache: ArrayCache, workers: int | None
) -> Iterator[FloatArray | AudioError]:
    """A vector or a fault for each piece, in order; recent ones from memory."""
    stamps = [_stamp(piece) for piece in pieces]
    known = {stamp: _recent[stamp] for stamp in stamps if stamp is not None and stamp in _recent}
    wanted = [piece for piece, stamp in zip(pieces, stamps, strict=True) if stamp not in known]
    fresh = _from_processes(wanted, cache, workers)
    for stamp in stamps:
        if stamp is not None and stamp in known:
            yield known[stamp]
            continue
        found = next(fresh)
        if not isinstance(found, AudioError):
            _remember(stamp, found)
        yield found


def _from_processes(
    pieces: Sequence[_Piece], cache: ArrayCache, workers: int | None
) -> Iterator[FloatArray | AudioError]:
    try:
        import joblib
    except ImportError:
        raise MissingDependencyError(
            "joblib", extra="baseline", purpose="measuring in parallel"
        ) from None
    workers = joblib.cpu_count() if workers is None else max(1, workers)
    if workers == 1 or len(pieces) < _FEWEST_FOR_PROCESSES:
        yield from (_measure(piece, cache) for piece in pieces)
        return
    try:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            parallel = joblib.Parallel(n_jobs=workers, return_as="generator")
            yield from parallel(joblib.delayed(_measure)(piece, cache) for piece in pieces)
    except BrokenProcessPool as error:
        raise RunError(
            "a process that measured acoustic features was killed, perhaps for want of memory; "
            "what it had measured is kept: run again, with fewer workers"
        ) from error


def _measure(piece: _Piece, cache: ArrayCache) -> FloatArray | AudioError:
    """The vector of one piece, from the cache or measured; a fault is returned."""
    if not piece.path:
        return AudioError("the utterance has no sound file", column="audio")
    try:
        samples = decode(piece.path, start=piece.start, end=piece.end)
    except AudioError as fault:
        return fault
    content = hashlib.sha256(samples.data).hexdigest()
    key = f"{FEATURE_SET} praat {_praat_version()} {content}"
    found = cache.get(key)
    if found is not None and found.shape == (len(feature_names()),):
        return np.asarray(found, dtype=np.float64)
    vector = feature_vector(samples)
    cache.put(key, vector)
    return vector


def _praat_version() -> str:
    import parselmouth

    return str(parselmouth.PRAAT_VERSION)


_Stamp = tuple[_Piece, int, int]
# A benchmark asks for the same utterances in every fold. A file that changes
# has another size or time, so that what is remembered is never out of date.
_recent: OrderedDict[_Stamp, FloatArray] = OrderedDict()


def _stamp(piece: _Piece) -> _Stamp | None:
    try:
        status = Path(piece.path).stat()
    except OSError:
        return None
    return piece, status.st_size, status.st_mtime_ns


def _remember(stamp: _Stamp | None, vector: FloatArray) -> None:
    if stamp is None:
        return
    _recent[stamp] = vector
    while len(_recent) > _MOST_REMEMBERED:
        _recent.popitem(last=False)
