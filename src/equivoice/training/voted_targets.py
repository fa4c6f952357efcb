"""What votes say is to be learnt: a label by majority or plurality, or the shares of all votes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from equivoice.annotators import aggregate, read_votes
from equivoice.corpora.corpus import Corpus
from equivoice.errors import CorpusError
from equivoice.records import LabelSpace
from equivoice.training.settings import DataSettings

__all__ = ["VotedTargets", "voted_targets"]

_OTHER_LABEL = "the votes are for a label that is not asked with"


@dataclass(frozen=True)
class VotedTargets:
    """What the votes on a corpus say, by utterance.

    Args:
        labels: of each utterance that the rule keeps, its label; ``None`` where no label
            has more votes than all others (all-inclusive only).
        shares: of each of them, its distribution over the labels asked with; sums to 1.
        why: of each of the others, why it has no target.
    """

    labels: Mapping[str, str | None]
    shares: Mapping[str, tuple[float, ...]]
    why: Mapping[str, str]


def voted_targets(corpus: Corpus, space: LabelSpace, settings: DataSettings) -> VotedTargets:
    """Targets by the rule of the settings, from people's votes.

    The rule is applied to the whole label space of the corpus. Where fewer labels are
    asked with, an utterance whose label is not among them has no target, and shares are
    those among the labels that are.

    Args:
        corpus: with votes.
        space: the labels that are asked with.
        settings: rule, question and channel.

    Raises:
        CorpusError: the corpus has no votes.
        VotesError: they cannot be read: unknown labels, question or channel, bad counts.

    Example:
        >>> import polars as pl
        >>> from equivoice.corpora import label_space
        >>> space = label_space(["angry", "sad"], id="demo")
        >>> votes = pl.DataFrame({"item": ["a", "a", "b", "b"], "question": ["emotion"] * 4,
        ...                       "value": ["angry", "sad"] * 2, "count": [3, 1, 2, 2]})
        >>> demo = Corpus("demo", space, pl.DataFrame({"utterance_id": ["a", "b"]}), votes=votes)
        >>> found = voted_targets(demo, space, DataSettings(targets="votes"))
        >>> found.shares, found.labels
        ({'a': (0.75, 0.25), 'b': (0.5, 0.5)}, {'a': 'angry', 'b': None})
        >>> voted_targets(demo, space, DataSettings(targets="votes", rule="plurality")).why
        {'b': 'tie'}
    """
    if corpus.votes is None or corpus.votes.is_empty():
        raise CorpusError(
            f"{corpus.name} has no votes to learn from",
            hint="prepare it with votes, or data.targets=label",
        )
    read = read_votes(
        corpus.votes,
        corpus.label_space,
        items=corpus.utterances.get_column("utterance_id").to_list(),
        question=settings.question,
        channel=settings.channel,
        kind="person",
        unknown="other",
        repeated="keep",
    )
    made = aggregate(read.ratings.counts(), settings.rule)
    places = [made.labels.index(name) for name in space.names]
    within = made.shares[:, places]
    mass = within.sum(axis=1)
    labels: dict[str, str | None] = {}
    shares: dict[str, tuple[float, ...]] = {}
    why: dict[str, str] = {}
    for row, item in enumerate(made.items):
        if not made.kept[row] or mass[row] <= 0:
            why[item] = made.why[row] or _OTHER_LABEL
            continue
        shares[item] = tuple((within[row] / mass[row]).tolist())
        labels[item] = _most(within[row], space)
    return VotedTargets(labels, shares, why)


def _most(shares: np.ndarray[tuple[int], np.dtype[np.float64]], space: LabelSpace) -> str | None:
    """The label with the largest share, where it is the only one."""
    (best,) = np.flatnonzero(shares == shares.max())[:1].tolist()
    alone = (shares == shares.max()).sum() == 1
    return space.names[best] if alone else None
