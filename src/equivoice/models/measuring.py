"""Numbers measured on the sound of many utterances: in parallel, cached, faults kept apart.

A vector is a function of the decoded samples alone, so it is cached under
their hash, the version of the list of measures and that of Praat. A process
that is killed loses nothing that it had measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl

from equivoice.audio.decode import decode
from equivoice.errors import AudioError, MissingDependencyError, RunError
from equivoice.models.protocols import FloatArray
from equivoice.store.cache import ArrayCache

__all__ = ["Piece", "cached_vector", "in_processes", "pieces_of"]

Result = TypeVar("Result")

# Starting worker processes takes about as long as measuring this many clips.
_FEWEST_FOR_PROCESSES = 24


class Piece(NamedTuple):
    """A sound file, or the part of it from start to end in seconds."""

    path: str
    start: float | None
    end: float | None


def pieces_of(utterances: pl.DataFrame) -> list[Piece]:
    """The sound of each utterance; an empty path where it has none.

    Args:
        utterances: rows with ``audio``, and ``start`` and ``end`` where an
            utterance is a part of a file.
    """
    columns = {
        name: utterances.get_column(name).to_list()
        if name in utterances.columns
        else [None] * utterances.height
        for name in ("audio", "start", "end")
    }
    return [
        Piece(path or "", start, end) for path, start, end in zip(*columns.values(), strict=True)
    ]


def cached_vector(
    piece: Piece,
    cache: ArrayCache,
    *,
    version: str,
    size: int,
    vector: Callable[[FloatArray], FloatArray],
) -> FloatArray | AudioError:
    """The vector of one piece, from the cache or measured; a fault of the sound is returned.

    Args:
        piece: what is measured.
        cache: where vectors are kept.
        version: name and version of the list of measures.
        size: how many numbers it has.
        vector: from samples (n,) at 16 kHz to numbers (size,).

    Raises:
        MissingDependencyError: soundfile or praat-parselmouth is not installed.
        StorageError: the cache cannot be used.
    """
    if not piece.path:
        return AudioError("the utterance has no sound file", column="audio")
    try:
        samples = decode(piece.path, start=piece.start, end=piece.end)
    except AudioError as fault:
        return fault
    content = hashlib.sha256(samples.data).hexdigest()
    key = f"{version} praat {_praat_version()} {content}"
    found = cache.get(key)
    if found is not None and found.shape == (size,):
        return np.asarray(found, dtype=np.float64)
    measured = vector(np.asarray(samples, dtype=np.float64))
    cache.put(key, measured)
    return measured


def in_processes(
    measure: Callable[[Piece], Result], pieces: Sequence[Piece], workers: int | None
) -> Iterator[Result]:
    """What a function makes of each piece, in order.

    Args:
        measure: can be pickled, and writes what it must not lose.
        pieces: what it is given.
        workers: worker processes; ``None`` for one a core, 1 for none.

    Raises:
        MissingDependencyError: joblib is not installed.
        RunError: a worker process was killed.
    """
    try:
        import joblib
    except ImportError:
        raise MissingDependencyError(
            "joblib", extra="baseline", purpose="measuring in parallel"
        ) from None
    workers = joblib.cpu_count() if workers is None else max(1, workers)
    if workers == 1 or len(pieces) < _FEWEST_FOR_PROCESSES:
        yield from map(measure, pieces)
        return
    try:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            parallel = joblib.Parallel(n_jobs=workers, return_as="generator")
            yield from parallel(joblib.delayed(measure)(piece) for piece in pieces)
    except BrokenProcessPool as error:
        raise RunError(
            "a process that measured acoustic features was killed, perhaps for want of memory; "
            "what it had measured is kept: run again, with fewer workers"
        ) from error


def _praat_version() -> str:
    try:
        import parselmouth
    except ImportError:
        raise MissingDependencyError(
            "praat-parselmouth", extra="praat", purpose="acoustic measures of the voice"
        ) from None
    return str(parselmouth.PRAAT_VERSION)
