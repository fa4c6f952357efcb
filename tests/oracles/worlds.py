"""Small worlds of speakers, as codes and as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from equivoice.metrics import IntArray, classification_statistics
from equivoice.records import Label, LabelSpace
from equivoice.uncertainty import ClusteredSums, clustered_sums

CLASSES = ("angry", "happy", "neutral", "sad", "fear", "calm", "disgust", "surprise")


@dataclass(frozen=True)
class World:
    """What speakers said and what was answered: codes, an entry an utterance."""

    reference: IntArray
    predicted: IntArray
    groups: IntArray
    speakers: IntArray
    classes: int
    n_groups: int

    def sums(self, *, by_speaker: bool = True) -> ClusteredSums:
        statistics = classification_statistics(self.reference, self.predicted, self.classes)
        speakers = self.speakers if by_speaker else None
        return clustered_sums(statistics, self.groups, self.n_groups, speakers)

    @property
    def labels(self) -> LabelSpace:
        return LabelSpace("world", tuple(Label(name) for name in CLASSES[: self.classes]))

    def predictions(self, **columns: object) -> pl.DataFrame:
        """PREDICTIONS with these columns added, a value or a sequence each."""
        frame = pl.DataFrame(
            {
                "utterance_id": self.ids,
                "system": ["S"] * len(self.ids),
                "emotion": [None if p < 0 else CLASSES[p] for p in self.predicted.tolist()],
            },
            schema_overrides={"emotion": pl.String},
        )
        return frame.with_columns(**{name: _column(value) for name, value in columns.items()})

    def utterances(
        self, names: Sequence[str] = ("female", "male", "other", "fourth")
    ) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "utterance_id": self.ids,
                "corpus": ["w"] * len(self.ids),
                "speaker": [f"s{speaker:03d}" for speaker in self.speakers.tolist()],
                "gender": [None if g < 0 else names[g] for g in self.groups.tolist()],
                "emotion": [CLASSES[r] for r in self.reference.tolist()],
            },
            schema_overrides={"gender": pl.String},
        )

    @property
    def ids(self) -> list[str]:
        return [f"w/{row:04d}" for row in range(len(self.reference))]


def _column(value: object) -> pl.Series | pl.Expr:
    return pl.Series(value) if isinstance(value, list) else pl.lit(value)


def world(
    sizes: Sequence[int],
    *,
    skills: Sequence[float] = (0.6,),
    classes: int = 3,
    each: int = 9,
    spread: float = 8.0,
    unparsed: float = 0.0,
    seed: int = 0,
) -> World:
    """Speakers who stand in one group each; every class is said about equally often."""
    rng = np.random.default_rng(seed)
    group_of = np.repeat(np.arange(len(sizes)), sizes)
    mean = np.resize(np.asarray(skills, dtype=float), len(sizes))[group_of]
    skill = rng.beta(mean * spread, (1 - mean) * spread)
    speakers = np.repeat(np.arange(len(group_of)), each)
    reference = np.tile(np.arange(each) % classes, len(group_of))
    right = rng.random(len(speakers)) < skill[speakers]
    wrong = (reference + rng.integers(1, max(classes, 2), len(speakers))) % classes
    predicted = np.where(right, reference, wrong)
    predicted[rng.random(len(speakers)) < unparsed] = -1
    return World(reference, predicted, group_of[speakers], speakers, classes, len(sizes))


def cell(estimates: pl.DataFrame, **where: object) -> Mapping[str, object]:
    """The one row with these values; ``class`` is written ``class_``."""
    wanted = {name.rstrip("_"): value for name, value in where.items()}
    found = estimates.filter(
        pl.all_horizontal(pl.col(name).eq_missing(pl.lit(value)) for name, value in wanted.items())
    )
    assert found.height == 1, f"{found.height} rows for {wanted}"
    return found.row(0, named=True)
