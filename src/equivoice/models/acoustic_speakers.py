"""Centring and scaling of features within a speaker.

Transductive where test speakers are concerned: it needs several utterances of
the same speaker, though not their labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from equivoice.models.protocols import FloatArray

__all__ = ["SpeakerNorms", "speaker_keys"]

_FEWEST_UTTERANCES = 2
_SMALLEST_SD = 1e-9

Norm = tuple[FloatArray, FloatArray]


def speaker_keys(utterances: pl.DataFrame) -> tuple[list[str], int]:
    """A name for who speaks in each utterance, unique over corpora.

    Returns:
        a name a row, and how many rows have no speaker: each of these gets a
        name of its own.

    Example:
        >>> table = pl.DataFrame({"corpus": ["a", "a"], "speaker": ["f1", None]})
        >>> speaker_keys(table)
        (['a/f1', '?1'], 1)
    """
    nothing = [None] * utterances.height
    corpora, speakers = (
        utterances.get_column(name).to_list() if name in utterances.columns else nothing
        for name in ("corpus", "speaker")
    )
    keys = [
        f"?{row}" if speaker is None else f"{corpus or ''}/{speaker}"
        for row, (corpus, speaker) in enumerate(zip(corpora, speakers, strict=True))
    ]
    return keys, sum(speaker is None for speaker in speakers)


@dataclass(frozen=True)
class SpeakerNorms:
    """Centre and scale of each feature, by speaker.

    Args:
        reference: mean and standard deviation over all training utterances,
            for speakers of whom too little is known.
        speakers: from speaker to mean and standard deviation.
    """

    reference: Norm
    speakers: Mapping[str, Norm]

    @classmethod
    def of(cls, values: FloatArray, speakers: Sequence[str]) -> SpeakerNorms:
        """Norms of the training speakers.

        Args:
            values: shape (n, F), NaN allowed.
            speakers: n names.

        Example:
            >>> norms = SpeakerNorms.of(np.array([[1.0], [3.0], [10.0], [30.0]]), list("aabb"))
            >>> norms.apply(np.array([[1.0], [30.0]]), ["a", "b"]).tolist()
            [[-1.0], [1.0]]
        """
        reference = _norm(values)
        return cls(reference, _norms(values, speakers, reference))

    def with_speakers(
        self, values: FloatArray, speakers: Sequence[str], known: SpeakerNorms | None = None
    ) -> SpeakerNorms:
        """The norms of other speakers, with the same reference.

        A speaker with one utterance gets the reference.

        Args:
            values: shape (n, F), NaN allowed.
            speakers: n names.
            known: norms that go before those of ``values``.
        """
        norms = _norms(values, speakers, self.reference)
        return SpeakerNorms(self.reference, norms | dict(known.speakers if known else {}))

    def apply(self, values: FloatArray, speakers: Sequence[str]) -> FloatArray:
        """Each row less its speaker's mean, over its speaker's standard deviation."""
        norms = [self.speakers.get(speaker, self.reference) for speaker in speakers]
        means, spreads = (np.array(part) for part in zip(*norms, strict=True))
        return np.asarray((values - means) / spreads, dtype=np.float64)


def _norms(values: FloatArray, speakers: Sequence[str], reference: Norm) -> dict[str, Norm]:
    rows: dict[str, list[int]] = {}
    for row, speaker in enumerate(speakers):
        rows.setdefault(speaker, []).append(row)
    return {
        speaker: _norm(values[chosen]) if len(chosen) >= _FEWEST_UTTERANCES else reference
        for speaker, chosen in rows.items()
    }


def _norm(values: FloatArray) -> Norm:
    with warnings.catch_warnings():
        # A feature that is missing throughout stays missing: the imputer's task.
        warnings.simplefilter("ignore", RuntimeWarning)
        mean, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    return mean, np.where(spread > _SMALLEST_SD, spread, 1.0)
