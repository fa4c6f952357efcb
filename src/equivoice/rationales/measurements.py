"""How the utterances of a corpus are spoken: one cached table, and where each stands among others.

A word like *high* needs something to be higher than. That is the other
utterances of the same speaker, where there are enough of them, and else those
of the corpus in the same language and of the same gender.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.audio.prosody import PROSODY, prosody_names, prosody_vector
from equivoice.errors import AudioError, InputError
from equivoice.models.measuring import Piece, cached_vector, in_processes, pieces_of
from equivoice.store.cache import ArrayCache

__all__ = ["LETTER_RATE", "Standing", "letter_rate", "measure_utterances", "standing"]

FloatArray = NDArray[np.float64]

LETTER_RATE = "letter_rate"
"""Letters of the transcript per second of sound; a steadier rate than nuclei where words are known."""

_KEYS = ("corpus", "speaker", "language", "gender")


def measure_utterances(
    utterances: pl.DataFrame,
    *,
    cache: ArrayCache | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """The prosody of each utterance.

    Args:
        utterances: ``utterance_id`` and ``audio``, and what else is known of
            ``start``, ``end``, ``transcript``, ``corpus``, ``speaker``,
            ``language`` and ``gender``.
        cache: where measures are kept.
        workers: processes; ``None`` for one a core.
        progress: is told (done, all).

    Returns:
        ``utterance_id``, corpus, speaker, language and gender (null where not
        known), the measures of :func:`~equivoice.audio.prosody.prosody`,
        ``letter_rate``, and ``fault``: why nothing could be measured.

    Raises:
        MissingDependencyError: an extra is not installed.
        RunError: a worker process was killed.
        StorageError: the cache cannot be used.
    """
    names = prosody_names()
    pieces = pieces_of(utterances)
    measure = partial(_measure, cache=ArrayCache() if cache is None else cache)
    values = np.full((len(pieces), len(names)), np.nan)
    faults: list[str | None] = [None] * len(pieces)
    for row, found in enumerate(in_processes(measure, pieces, workers)):
        if isinstance(found, AudioError):
            faults[row] = str(found)
        else:
            values[row] = found
        if progress is not None:
            progress(row + 1, len(pieces))
    table = pl.DataFrame(
        [utterances.get_column("utterance_id")]
        + [_column(utterances, name) for name in _KEYS]
        + [pl.Series(name, values[:, at]) for at, name in enumerate(names)]
        + [pl.Series("fault", faults, dtype=pl.String)]
    )
    texts = _column(utterances, "transcript").to_list()
    seconds = table.get_column("sounding").to_list()
    rates = [letter_rate(text, long) for text, long in zip(texts, seconds, strict=True)]
    return table.with_columns(pl.Series(LETTER_RATE, rates, dtype=pl.Float64))


def _measure(piece: Piece, cache: ArrayCache) -> FloatArray | AudioError:
    return cached_vector(
        piece, cache, version=PROSODY, size=len(prosody_names()), vector=prosody_vector
    )


def letter_rate(transcript: str | None, seconds: float) -> float:
    """Letters (or characters of a script without letters) per second; NaN where not known.

    Example:
        >>> letter_rate("Oh, no!", 0.5)
        8.0
    """
    letters = sum(map(str.isalpha, transcript or ""))
    return letters / seconds if letters and seconds > 0 else float("nan")


def _column(table: pl.DataFrame, name: str) -> pl.Series:
    if name in table.columns:
        return table.get_column(name).cast(pl.String)
    return pl.Series(name, [None] * table.height, dtype=pl.String)


@dataclass(frozen=True)
class Standing:
    """Where each utterance stands among the others, measure by measure.

    Args:
        names: the K measures.
        values: (n, K) in their units; NaN where not measured.
        shares: (n, K) from 0 (all others are higher) to 1 (all others are
            lower), ties half; NaN where there is no value or nobody to compare with.
        of_speaker: (n,) whether the others are the speaker's own utterances.
        pools: (n,) a number for each group of utterances that are compared; those
            of too few of their kind are one group, compared with the whole corpus.
        rows: from utterance_id to its row.
    """

    names: tuple[str, ...]
    values: FloatArray
    shares: FloatArray
    of_speaker: NDArray[np.bool_]
    pools: NDArray[np.int64]
    rows: dict[str, int]


def standing(measured: pl.DataFrame, *, fewest: int) -> Standing:
    """Where each utterance stands: among its speaker's, or else the corpus's.

    Args:
        measured: a table of :func:`measure_utterances`.
        fewest: so many utterances a speaker must have for comparisons with the
            speaker alone.

    Raises:
        InputError: an utterance stands in the table twice.
    """
    ids = measured.get_column("utterance_id").to_list()
    rows = {name: row for row, name in enumerate(ids)}
    if len(rows) < len(ids):
        raise InputError("an utterance was measured twice", column="utterance_id")
    names = (*prosody_names(), LETTER_RATE)
    values = measured.select(pl.col(names).cast(pl.Float64)).to_numpy().astype(np.float64)
    pools, of_speaker, alone = _pools(measured, fewest)
    corpus = _groups(measured, ("corpus",), needed=None)
    shares = np.full(values.shape, np.nan)
    for pool in np.unique(pools):
        own = pools == pool
        among = corpus == corpus[own][0] if alone[own].all() else own
        for column in range(values.shape[1]):
            shares[own, column] = _shares(values[among, column])[own[among]]
    return Standing(names, values, shares, of_speaker, pools, rows)


def _pools(
    measured: pl.DataFrame, fewest: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Pools, and who is compared with the speaker's own, and who with the whole corpus.

    Speakers with enough utterances come first, then language and gender; who is
    left is of too few of a kind.
    """
    keys = [
        _groups(measured, ("corpus", "speaker"), needed="speaker"),
        _groups(measured, ("corpus", "language", "gender"), needed=None),
    ]
    pools = np.full(measured.height, -1, dtype=np.int64)
    of_speaker = np.zeros(measured.height, dtype=bool)
    first = 0
    for number, codes in enumerate(keys):
        size = int(codes.max(initial=-1)) + 1
        open_ones = (pools < 0) & (codes >= 0)
        counts = np.bincount(codes[open_ones], minlength=size)
        enough = open_ones.copy()
        enough[open_ones] = counts[codes[open_ones]] >= fewest
        pools[enough] = first + codes[enough]
        of_speaker |= enough & (number == 0)
        first += size
    alone = pools < 0
    corpus = _groups(measured, ("corpus",), needed=None)
    return np.where(alone, first + corpus, pools), of_speaker, alone


def _groups(
    measured: pl.DataFrame, columns: Sequence[str], *, needed: str | None
) -> NDArray[np.int64]:
    numbers: dict[tuple[str | None, ...], int] = {}
    rows = measured.select(columns).rows()
    found = np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype=np.int64)
    if needed is not None:
        found[measured.get_column(needed).is_null().to_numpy()] = -1
    return found


def _shares(values: FloatArray) -> FloatArray:
    """For each value the share of the other known values below it, ties counted half."""
    known = np.isfinite(values)
    result = np.full(len(values), np.nan)
    others = int(known.sum()) - 1
    if others < 1:
        return result
    ordered = np.sort(values[known])
    below = np.searchsorted(ordered, values[known], side="left")
    up_to = np.searchsorted(ordered, values[known], side="right")
    result[known] = (below + (up_to - below - 1) / 2) / others
    return result
