"""Simulated raters, whose reliability, confusions and bias are known.

A rater answers the emotion that is meant with the probability of their
reliability, and otherwise draws an answer from :data:`CONFUSIONS`. Then the
planted :class:`~equivoice.corpora.synthetic.biases.RatingShift` may turn the
answer. No person has listened: the votes are of kind ``model``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.corpora.synthetic.biases import Biases
from equivoice.corpora.synthetic.plan import Take
from equivoice.corpora.synthetic.recipe import EMOTIONS, GENDERS
from equivoice.corpora.synthetic.streams import stream
from equivoice.records import VOTES

__all__ = [
    "CONFUSIONS",
    "RATERS",
    "VOTES_PER_UTTERANCE",
    "Rater",
    "answer_table",
    "cast_votes",
    "raters_record",
]


@dataclass(frozen=True)
class Rater:
    """One simulated rater.

    Args:
        name: as in the votes table.
        reliability: probability of answering the emotion that is meant.
    """

    name: str
    reliability: float


RATERS = tuple(
    Rater(f"simulated-{number}", reliability)
    for number, reliability in enumerate((0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.2), start=1)
)
"""The raters; the last is careless, and worth finding."""

VOTES_PER_UTTERANCE = 5

CONFUSIONS: dict[str, dict[str, float]] = {
    "angry": {"happy": 0.15, "sad": 0.05, "neutral": 0.25, "fear": 0.20, "disgust": 0.35},
    "happy": {"angry": 0.20, "sad": 0.05, "neutral": 0.45, "fear": 0.25, "disgust": 0.05},
    "sad": {"angry": 0.05, "happy": 0.05, "neutral": 0.50, "fear": 0.20, "disgust": 0.20},
    "neutral": {"angry": 0.15, "happy": 0.20, "sad": 0.40, "fear": 0.05, "disgust": 0.20},
    "fear": {"angry": 0.20, "happy": 0.25, "sad": 0.25, "neutral": 0.15, "disgust": 0.15},
    "disgust": {"angry": 0.30, "happy": 0.05, "sad": 0.30, "neutral": 0.30, "fear": 0.05},
}
"""What is answered when the emotion that is meant is missed; each row sums to 1. Ours."""


def answer_table(rater: Rater, gender: str, biases: Biases) -> NDArray[np.float64]:
    """The probability of each answer (column) for each emotion that is meant (row).

    Args:
        rater: who answers.
        gender: of the speaker.
        biases: what is planted.

    Returns:
        (K, K) in the order of :data:`~equivoice.corpora.synthetic.recipe.EMOTIONS`.

    Example:
        >>> table = answer_table(RATERS[0], "male", Biases.none())
        >>> [float(p.round(3)) for p in table[0]]
        [0.9, 0.015, 0.005, 0.025, 0.02, 0.035]
    """
    names = list(EMOTIONS)
    missed = np.array([[CONFUSIONS[meant].get(said, 0.0) for said in names] for meant in names])
    table = rater.reliability * np.eye(len(names)) + (1 - rater.reliability) * missed
    shift = biases.rating
    if shift and shift.group == gender:
        heard, called = names.index(shift.heard), names.index(shift.called)
        turned = shift.share * table[:, heard]
        table[:, heard] -= turned
        table[:, called] += turned
    return table


def cast_votes(takes: Sequence[Take], biases: Biases, seed: int) -> pl.DataFrame:
    """A table of ``records.VOTES``: five raters an utterance, each rater as often as the others.

    Args:
        takes: what is rated.
        biases: what is planted.
        seed: the corpus's seed.
    """
    tables = {
        (rater.name, gender): answer_table(rater, gender, biases).cumsum(axis=1)
        for rater in RATERS
        for gender in GENDERS
    }
    names = list(EMOTIONS)
    rows = []
    for place, take in enumerate(takes):
        for turn in range(VOTES_PER_UTTERANCE):
            rater = RATERS[(place * VOTES_PER_UTTERANCE + turn) % len(RATERS)]
            table = tables[rater.name, take.speaker.gender]
            draw = stream(seed, "vote", take.key, rater.name).random()
            answer = int(np.searchsorted(table[names.index(take.emotion)], draw, side="right"))
            rows.append((take.utterance_id, rater.name, names[min(answer, len(names) - 1)]))
    votes = pl.DataFrame(rows, schema=["item", "rater", "value"], orient="row")
    constants = {"channel": "voice", "kind": "model", "question": "emotion", "count": 1}
    return VOTES.validate(votes.with_columns(pl.lit(v).alias(k) for k, v in constants.items()))


def raters_record() -> dict[str, Any]:
    """The raters' parameters, for ``corpus.json``."""
    return {
        "raters": [asdict(rater) for rater in RATERS],
        "votes_per_utterance": VOTES_PER_UTTERANCE,
        "confusions": CONFUSIONS,
    }
