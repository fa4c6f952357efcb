"""What is remarkable about a corpus's votes, and whether its labels follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from equivoice.annotators import VoteCounts, channels, check_votes, read_votes, winners
from equivoice.corpora.corpus import Corpus
from equivoice.corpora.finding import Finding, counted, finding, listed
from equivoice.corpora.labels import label_space

__all__ = ["check_voting", "votes_in_words"]

_SCALES = ("valence", "arousal", "dominance")
_ROUNDING = 0.0051
"""Means are published with two digits at least."""

_BY_CHOICE = ("unknown-label", "repeated-vote", "no-answer", "other-answers", "unknown-utterance")
_NONE = "no agreement"
_OTHER = "other"


def check_voting(corpus: Corpus) -> list[Finding]:
    """Findings about the votes: what cannot be read, who voted, and what labels they give.

    Where the corpus says by which rule its labels came from these votes, the rule is
    applied anew, "other" being one more answer, and the means of scales are taken anew.

    Args:
        corpus: with or without votes.
    """
    found = [*_damaged(corpus)]
    votes = corpus.votes
    if votes is None or votes.is_empty():
        return found
    found += [Finding("note", "votes", line) for line in votes_in_words(corpus)]
    found += _table(corpus, votes)
    rule = corpus.provenance.get("label_rule")
    if rule is not None:
        found += [*_consensus(corpus, votes, str(rule)), *_means(corpus, votes)]
    return found


def votes_in_words(corpus: Corpus) -> list[str]:
    """One line for each question and channel: votes, items, raters, votes an item.

    Example:
        >>> table = pl.DataFrame({"item": ["a", "a", "b"], "question": ["emotion"] * 3,
        ...                       "channel": ["voice"] * 3, "count": [2, 1, 1],
        ...                       "rater": [None] * 3}, schema_overrides={"rater": pl.String})
        >>> space, rows = label_space(["sad"]), pl.DataFrame({"utterance_id": ["a", "b"]})
        >>> votes_in_words(Corpus("demo", space, rows, votes=table))
        ['votes on emotion (voice): 4 on 2 items, 1 to 3 an item (median 2), raters not named']
    """
    if corpus.votes is None or corpus.votes.is_empty():
        return []
    groups = corpus.votes.group_by("question", "channel", maintain_order=True)
    return [_in_words(str(question), channel, rows) for (question, channel), rows in groups]


def _in_words(question: str, channel: Any, rows: pl.DataFrame) -> str:
    sizes = rows.group_by("item").agg(pl.col("count").fill_null(1).sum())["count"].to_list()
    raters = rows["rater"].drop_nulls().n_unique()
    by = counted(raters, "rater") if raters else "raters not named"
    if raters and rows["rater"].null_count():
        by += " and others not named"
    spread = f"{min(sizes)} to {max(sizes)} an item (median {median(sizes):g})"
    each = spread if min(sizes) < max(sizes) else f"{sizes[0]} an item"
    where = "" if channel is None else f" ({channel})"
    return (
        f"votes on {question}{where}: {sum(sizes):,} on {counted(len(sizes), 'item')}, {each}, {by}"
    )


def _damaged(corpus: Corpus) -> Iterator[Finding]:
    damaged = corpus.provenance.get("record", {}).get("damaged")
    if damaged:
        places = [f"{key} {one[key]}" for one in damaged["first"] for key in one if key in _PLACES]
        message = (
            f"{damaged['file']}: {counted(damaged['number'], 'place')} where labels are cut off or "
            f"have another form ({listed(places)}); they are kept word by word in corpus.json"
        )
        yield Finding("warning", "damaged-labels", message, (), damaged["number"])


_PLACES = ("line", "row")


def _table(corpus: Corpus, votes: pl.DataFrame) -> Iterator[Finding]:
    """The findings of the annotators' room, each question by the labels that it offers."""
    choices = corpus.provenance.get("choices") or {}
    own = votes.filter(~pl.col("question").is_in(list(choices)))
    found = [*check_votes(own, corpus.label_space, corpus.utterances)]
    for question, labels in choices.items():
        rows = votes.filter(pl.col("question") == question)
        space = label_space(labels, id=question)
        found += [
            one for one in check_votes(rows, space, corpus.utterances) if one.code in _BY_CHOICE
        ]
    for one in found:
        yield Finding(one.severity, one.code, one.message, (), one.count)


@dataclass(frozen=True)
class _Compared:
    """What the votes say of each item that has votes, beside what the corpus says."""

    items: list[str]
    voted: list[str]
    stated: list[str]


def _consensus(corpus: Corpus, votes: pl.DataFrame, rule: str) -> Iterator[Finding]:
    asked = channels(votes)
    if len(asked) != 1:
        return
    compared = _compare(corpus, votes, rule, asked[0])
    apart = [
        (item, voted, stated)
        for item, voted, stated in zip(compared.items, compared.voted, compared.stated, strict=True)
        if voted != stated
    ]
    total = counted(len(compared.items), "utterance")
    if not apart:
        message = f"the {rule} of the votes is the stated label of all {total} that have votes"
        yield Finding("note", "consensus-agrees", message, (), len(compared.items))
        return
    item, voted, stated = apart[0]
    message = (
        f"the {rule} of the votes is not the stated label of {len(apart):,} of {total}; the first "
        f"is {item}: by the votes {voted}, stated {stated}"
    )
    yield finding("warning", "consensus-differs", message, [item for item, _, _ in apart])


def _compare(corpus: Corpus, votes: pl.DataFrame, rule: str, channel: str | None) -> _Compared:
    items = corpus.utterances.get_column("utterance_id").to_list()
    read = read_votes(
        votes,
        corpus.label_space,
        items=items,
        channel=channel,
        unknown="other",
        repeated="keep",
    )
    counts = read.ratings.counts()
    told_apart = "consensus" in corpus.utterances.columns  # "other" from no agreement
    names = _elected(counts, rule, other=_OTHER if told_apart else _NONE)
    column = corpus.utterances.get_column("consensus" if told_apart else "emotion")
    stated = column.fill_null(_NONE).to_list()
    rows = np.flatnonzero(counts.totals(other=True) > 0).tolist()
    return _Compared(
        [items[row] for row in rows], [names[row] for row in rows], [stated[row] for row in rows]
    )


def _elected(counts: VoteCounts, rule: str, *, other: str) -> list[str]:
    """The label of each item by the rule, "other" being one more answer."""
    labels = winners(counts.counts, counts.other, rule, count_other=True)
    bar = counts.totals(other=True) if rule == "majority" else 2 * counts.counts.max(-1)
    beaten = 2 * counts.other > bar
    return [
        counts.labels[code] if code >= 0 else other if lost else _NONE
        for code, lost in zip(labels.tolist(), beaten.tolist(), strict=True)
    ]


def _means(corpus: Corpus, votes: pl.DataFrame) -> Iterator[Finding]:
    for scale in _SCALES:
        rows = votes.filter(pl.col("question") == scale).drop_nulls("number")
        weight = pl.col("count").fill_null(1)
        means = rows.group_by("item").agg(
            ((pl.col("number") * weight).sum() / weight.sum()).alias("mean")
        )
        stated = corpus.utterances.select("utterance_id", pl.col(scale).alias("stated"))
        both = stated.drop_nulls().join(
            means, left_on="utterance_id", right_on="item", maintain_order="left"
        )
        apart = both.filter((pl.col("mean") - pl.col("stated")).abs() > _ROUNDING)
        if apart.height:
            item, given, mean = apart.row(0)
            message = (
                f"the mean of the raters' {scale} is not the stated one of {apart.height:,} of "
                f"{counted(both.height, 'utterance')}; the first is {item}: by the raters "
                f"{mean:.3f}, stated {given:.3f}"
            )
            yield finding("warning", "means-differ", message, apart["utterance_id"])
