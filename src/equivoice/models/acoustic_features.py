"""Acoustic features of many utterances: measured as :mod:`.measuring` says, and remembered."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from equivoice.audio.feature_set import (
    FEATURE_SET,
    feature_names,
    feature_vector,
    missing_reasons,
)
from equivoice.errors import AudioError
from equivoice.models.measuring import Piece, cached_vector, in_processes, pieces_of
from equivoice.models.protocols import FloatArray
from equivoice.store.cache import ArrayCache

__all__ = ["FeatureTable", "acoustic_features", "forget_recent"]

_MOST_REMEMBERED = 20_000


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
    pieces = pieces_of(utterances)
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


def _measured(
    pieces: Sequence[Piece], cache: ArrayCache, workers: int | None
) -> Iterator[FloatArray | AudioError]:
    """A vector or a fault for each piece, in order; recent ones from memory."""
    stamps = [_stamp(piece) for piece in pieces]
    known = {stamp: _recent[stamp] for stamp in stamps if stamp is not None and stamp in _recent}
    wanted = [piece for piece, stamp in zip(pieces, stamps, strict=True) if stamp not in known]
    fresh = in_processes(partial(_measure, cache=cache), wanted, workers)
    for stamp in stamps:
        if stamp is not None and stamp in known:
            yield known[stamp]
            continue
        found = next(fresh)
        if not isinstance(found, AudioError):
            _remember(stamp, found)
        yield found


def _measure(piece: Piece, cache: ArrayCache) -> FloatArray | AudioError:
    """The vector of one piece, from the cache or measured; a fault is returned."""
    return cached_vector(
        piece, cache, version=FEATURE_SET, size=len(feature_names()), vector=feature_vector
    )


_Stamp = tuple[Piece, int, int]
# A benchmark asks for the same utterances in every fold. A file that changes
# has another size or time, so that what is remembered is never out of date.
_recent: OrderedDict[_Stamp, FloatArray] = OrderedDict()


def _stamp(piece: Piece) -> _Stamp | None:
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
