"""Utterances on which a system sides with a minority that people hold.

Its answer differs from what most listeners said, and yet somebody said the same. Against a
single label such an answer is wrong like any other; it is listed so that it can be heard.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from equivoice.annotators import VoteCounts
from equivoice.records import PREDICTIONS, UTTERANCES, LabelSpace

__all__ = ["minority"]

_NONE = "none of the labels"
_FACTS = ("transcript", "audio", "corpus", "start", "end", "speaker", "gender")
_FOUND = ("utterance_id", "system", "said", "votes_for_it", "votes", "crowd_says")


def minority(
    predictions: pl.DataFrame,
    utterances: pl.DataFrame,
    counts: VoteCounts,
    *,
    labels: LabelSpace | None = None,
) -> pl.DataFrame:
    """The answers that somebody gave, and fewer than gave another label.

    An answer that ties with the most frequent label is with no minority. Where a system
    answered several times with the same label, the utterance stands once.

    Args:
        predictions: a PREDICTIONS table.
        utterances: an UTTERANCES table.
        counts: the votes.
        labels: what words in predictions mean; without it, they are labels of ``counts``.

    Returns:
        A row an utterance, system and label: ``utterance_id``, ``system``, ``said``,
        ``votes_for_it``, ``votes`` (all on the utterance, those for none of the labels
        too), ``crowd_says`` (the labels with their votes, most first), and what is known of
        the utterance. Systems come in their own order, and of each the answers with most
        votes first.

    Example:
        >>> said = pl.DataFrame({"utterance_id": ["a", "b"], "system": ["model"] * 2,
        ...                      "emotion": ["sad", "sad"]})
        >>> votes = VoteCounts(("a", "b"), ("angry", "sad"), np.array([[4, 2], [1, 3]]),
        ...                    np.array([1, 0]))
        >>> found = minority(said, said.select("utterance_id"), votes)
        >>> found.select("utterance_id", "votes_for_it", "votes", "crowd_says").rows()
        [('a', 2, 7, 'angry 4, sad 2, none of the labels 1')]
    """
    answered = PREDICTIONS.validate(predictions).select("utterance_id", "system", "emotion")
    answered = answered.with_columns(said=_meant(answered.get_column("emotion"), counts, labels))
    answered = answered.filter(pl.col("said").is_not_null())
    voted = _votes(counts)
    sides = (
        answered.join(voted, on=("utterance_id", "said"), how="inner", maintain_order="left")
        .filter(pl.col("votes_for_it") > 0, pl.col("votes_for_it") < pl.col("most"))
        .unique(("utterance_id", "system", "said"), keep="first", maintain_order=True)
    )
    known = UTTERANCES.validate(utterances).select("utterance_id", *_FACTS)
    found = sides.join(known, on="utterance_id", how="inner", maintain_order="left")
    row_of = {name: row for row, name in enumerate(counts.items)}
    told = [_told(counts, row_of[name]) for name in found.get_column("utterance_id")]
    place = {
        name: at
        for at, name in enumerate(answered.get_column("system").unique(maintain_order=True))
    }
    order = [place[name] for name in found.get_column("system")]
    return (
        found.with_columns(
            crowd_says=pl.Series(told, dtype=pl.String), order=pl.Series(order, dtype=pl.Int64)
        )
        .with_columns(share=pl.col("votes_for_it") / pl.col("votes"))
        .sort("order", "votes_for_it", "share", descending=[False, True, True], maintain_order=True)
        .select(*_FOUND, *_FACTS)
    )


def _meant(given: pl.Series, counts: VoteCounts, labels: LabelSpace | None) -> pl.Series:
    """The label of each answer; null where it is none of those that votes are for."""
    words = given.drop_nulls().unique().to_list()
    meaning = {word: word if labels is None else labels.resolve(word) for word in words}
    known = {word: label for word, label in meaning.items() if label in counts.labels}
    return given.replace_strict(known, default=None, return_dtype=pl.String)


def _votes(counts: VoteCounts) -> pl.DataFrame:
    """A row an utterance and label: its votes, the most that any label has, and all of them."""
    n, size = counts.counts.shape
    most = counts.counts.max(-1, initial=0)
    return pl.DataFrame(
        {
            "utterance_id": np.repeat(np.array(counts.items, dtype=object), size),
            "said": np.tile(np.array(counts.labels, dtype=object), n),
            "votes_for_it": counts.counts.ravel(),
            "most": np.repeat(most, size),
            "votes": np.repeat(counts.totals(other=True), size),
        },
        schema_overrides={"utterance_id": pl.String, "said": pl.String},
    )


def _told(counts: VoteCounts, row: int) -> str:
    """``angry 4, sad 2``: labels with votes, most first, and none of the labels last."""
    votes = zip(counts.labels, counts.counts[row].tolist(), strict=True)
    ranked = sorted(((name, many) for name, many in votes if many), key=lambda each: -each[1])
    if counts.other[row]:
        ranked.append((_NONE, int(counts.other[row])))
    return ", ".join(f"{name} {many}" for name, many in ranked)
