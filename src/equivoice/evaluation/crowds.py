"""The people who rated a corpus in one channel, beside the utterances that they rated.

What is said of listeners is said corpus by corpus and channel by channel: what people
hear and what they see are different questions, and each corpus has a crowd of its own.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from equivoice.annotators import Ratings, VoteCounts, channels, read_votes
from equivoice.annotators.counts import Repeated, Unknown
from equivoice.errors import LabelError
from equivoice.evaluation.additive import Additive, Certainty
from equivoice.evaluation.gap_tests import scalar_measures
from equivoice.evaluation.matching import unit_codes
from equivoice.evaluation.rows import Row
from equivoice.fairness import Grouping, group_items
from equivoice.metrics import BoolArray, FloatArray, IntArray, Metric
from equivoice.records import UTTERANCES, LabelSpace
from equivoice.uncertainty import Unit

__all__ = [
    "QUESTION",
    "Crowd",
    "counts_text",
    "crowd_items",
    "given_codes",
    "listeners_kind",
    "plain_row",
    "read_crowds",
]

QUESTION = "emotion"
_PERSON = "person"


@dataclass(frozen=True, eq=False)
class Crowd:
    """Votes of one channel on the utterances of one corpus.

    Args:
        corpus: its name; ``None`` where the utterances state none.
        channel: what the listeners perceived; ``None`` where it is not stated.
        utterances: (n rows) of the corpus, rated or not.
        labels: what the votes are for.
        ratings: the votes; its items are the utterances, in their order.
        left_out: votes that could not be counted, by reason; of all corpora.
        several: whether there are other channels beside.
    """

    corpus: str | None
    channel: str | None
    utterances: pl.DataFrame
    labels: LabelSpace
    ratings: Ratings
    left_out: Mapping[str, int]
    several: bool

    def counts(self) -> VoteCounts:
        """The votes added up, an entry an utterance."""
        return self.ratings.counts()

    def units(self) -> tuple[IntArray | None, Unit]:
        """What is resampled, as :func:`~equivoice.evaluation.matching.unit_codes` has it."""
        return unit_codes(self.utterances)

    def groupings(self, group_by: Sequence[str]) -> tuple[Grouping, ...]:
        """The groups of the speakers of all its utterances, one entry a grouping."""
        return tuple(group_items(self.utterances, name) for name in group_by)


def read_crowds(
    votes: pl.DataFrame,
    utterances: pl.DataFrame,
    labels: LabelSpace,
    *,
    channel: str | None = None,
    unknown: Unknown = "error",
    repeated: Repeated = "error",
) -> tuple[Crowd, ...]:
    """The crowd of each corpus and channel that has votes on its utterances.

    Where persons and models rated, only persons are listeners.

    Args:
        votes: a VOTES table; only the question ``emotion`` is read.
        utterances: an UTTERANCES table.
        labels: the labels that votes are for.
        channel: only this channel; ``None`` for all of them.
        unknown: what an answer that is no label does, as in
            :func:`~equivoice.annotators.read_votes`.
        repeated: and what a further vote of one rater on one utterance does.

    Raises:
        VotesError: votes that cannot be counted, or no votes in the channel.
        SchemaError: a table breaks its schema.

    Example:
        >>> from equivoice.records import Label
        >>> rows = {"item": ["a", "a", "b"], "question": ["emotion"] * 3,
        ...         "channel": ["voice", "face", "voice"], "value": ["sad", "sad", "angry"]}
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> heard, seen = read_crowds(
        ...     pl.DataFrame(rows), pl.DataFrame({"utterance_id": ["a", "b"]}), space)
        >>> heard.channel, heard.counts().counts.tolist(), seen.counts().counts.tolist()
        ('voice', [[0, 1], [1, 0]], [[0, 1], [0, 0]])
    """
    table = UTTERANCES.validate(utterances)
    there = channels(votes, QUESTION)
    kind = listeners_kind(votes)
    found: list[Crowd] = []
    for each in there if channel is None else (channel,):
        read = read_votes(
            votes,
            labels,
            items=table.get_column("utterance_id").to_list(),
            question=QUESTION,
            channel=each,
            kind=kind,
            unknown=unknown,
            repeated=repeated,
        )
        for corpus, rows in _corpora(table):
            ratings = _of_items(read.ratings, rows)
            if len(ratings.item):
                own = table[rows]
                several = len(there) > 1
                found.append(Crowd(corpus, each, own, labels, ratings, read.left_out, several))
    return tuple(found)


def given_codes(crowd: Crowd) -> IntArray:
    """The labels that the utterances came with, as positions in the label space.

    Returns:
        (n,) codes; −1 where an utterance has no label.

    Raises:
        LabelError: a label is not in the label space.
    """
    given = crowd.utterances.get_column("emotion").cast(pl.String)
    names = {name: code for code, name in enumerate(crowd.labels.names)}
    codes: dict[str, int] = {}
    for word in given.drop_nulls().unique(maintain_order=True):
        label = crowd.labels.resolve(word)
        if label is None:
            raise LabelError(
                f"an utterance has a label that is not in label space {crowd.labels.id!r}",
                row=int((given == word).arg_true()[0]) + 1,
                column="emotion",
                value=word,
                choices=crowd.labels.names,
            )
        codes[word] = names[label]
    coded = given.replace_strict(codes, default=-1, return_dtype=pl.Int64)
    return np.asarray(coded.fill_null(-1).to_numpy(), dtype=np.int64)


def crowd_items(
    crowd: Crowd,
    groupings: Sequence[Grouping],
    rows: IntArray,
    statistics: FloatArray,
    metrics: Mapping[str, Metric],
    *,
    compared: Collection[str],
    left_out: Mapping[str, int],
) -> Additive:
    """Some utterances of a crowd with their statistics, ready for the engine.

    Args:
        crowd: whose votes they have.
        groupings: of all its utterances.
        rows: (k,) which utterances.
        statistics: (k, S) of these.
        metrics: by name.
        compared: the metrics with gaps between groups.
        left_out: counts that every row states.
    """
    units, unit = crowd.units()
    tested = {name: metric for name, metric in metrics.items() if name in compared}
    return Additive(
        statistics,
        metrics,
        None if units is None else units[rows],
        unit,
        tuple(grouping.subset(rows) for grouping in groupings),
        crowd.ratings.labels,
        left_out=left_out,
        compared=compared,
        measures=scalar_measures(tested),
        tests="gaps",
    )


def counts_text(counts: Mapping[str, int]) -> str | None:
    """Counts as they stand in the column ``left_out``; ``None`` where there are none."""
    return json.dumps(dict(counts), ensure_ascii=False) if counts else None


def plain_row(
    metric: str,
    value: float | None,
    *,
    n: int,
    why: str | None,
    left_out: Mapping[str, int],
    how: Certainty,
) -> Row:
    """A score over everybody that has no interval, or no value, and says why.

    Args:
        metric: its name.
        value: the score; ``None`` where it is undefined.
        n: how many utterances went in.
        why: why value or interval is missing.
        left_out: what was left out.
        how: the level that other rows state.
    """
    return {
        "quantity": "score",
        "metric": metric,
        "value": value,
        "n": n,
        "level": how.level,
        "left_out": counts_text(left_out),
        "undefined": why,
    }


def listeners_kind(votes: pl.DataFrame) -> str | None:
    """``person`` where persons and models rated: only persons are listeners. Else ``None``.

    Example:
        >>> listeners_kind(pl.DataFrame({"item": ["a", "a"], "kind": ["person", "model"]}))
        'person'
    """
    if "kind" not in votes.columns:
        return None
    there = set(votes.get_column("kind").fill_null(_PERSON).unique())
    return _PERSON if _PERSON in there and len(there) > 1 else None


def _corpora(table: pl.DataFrame) -> list[tuple[str | None, IntArray]]:
    numbered = table.select("corpus").with_row_index("row")
    return [
        (name, own.get_column("row").to_numpy().astype(np.int64))
        for (name,), own in numbered.group_by("corpus", maintain_order=True)
    ]


def _of_items(ratings: Ratings, rows: IntArray) -> Ratings:
    """The ratings of some of the items, which become all that there are."""
    place = np.full(len(ratings.items), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    item = place[ratings.item]
    here: BoolArray = item >= 0
    return replace(
        ratings,
        items=tuple(ratings.items[row] for row in rows.tolist()),
        item=item[here],
        rater=ratings.rater[here],
        label=ratings.label[here],
        count=ratings.count[here],
    )
