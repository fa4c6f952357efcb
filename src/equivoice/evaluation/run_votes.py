"""What the answers of a stored run were held against: given labels, or a rule on its votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from equivoice.annotators import OtherVotes
from equivoice.annotators.counts import Repeated, Unknown
from equivoice.evaluation.described import CorpusDescription, utterances_of
from equivoice.evaluation.reference_votes import (
    ReferenceVotes,
    gather_votes,
    heard_channel,
    labelled_by,
)
from equivoice.store import RunFolder

__all__ = ["GIVEN", "HeldAgainst", "held_against", "reference_of", "votes_of"]


@dataclass(frozen=True)
class HeldAgainst:
    """What answers were held against.

    Args:
        rule: how votes became labels; ``given``: labels of the reference table.
        channel: the channel of the votes.
        other: what votes for none of the labels did.

    Example:
        >>> str(HeldAgainst("majority", "voice")), str(GIVEN)
        ('the labels by majority of the votes on voice', 'the labels given')
    """

    rule: str = "given"
    channel: str | None = None
    other: OtherVotes = "leave_out"

    def __str__(self) -> str:
        if self.rule == "given":
            return "the labels given"
        on = "" if self.channel is None else f" on {self.channel}"
        counted = ", those for none of the labels counted" if self.other == "count" else ""
        return f"the labels by {self.rule} of the votes{on}{counted}"


GIVEN = HeldAgainst()


def held_against(run: RunFolder) -> HeldAgainst:
    """The reference of a run: of ``score`` with a rule the labels by that rule, else those given.

    Raises:
        InputError: its record is damaged.
    """
    rule = _asked(run, "rule")
    if rule is None:
        return GIVEN
    return HeldAgainst(rule, _channel(run), _other(run))


def votes_of(run: RunFolder, corpus: CorpusDescription) -> ReferenceVotes | None:
    """The votes on the utterances of one corpus that systems were held against, if there are any.

    Raises:
        VotesError: the stored votes cannot be counted.
    """
    votes = run.votes()
    own = utterances_of(run, corpus.name).get_column("utterance_id").to_list()
    if not votes.filter(pl.col("item").is_in(own) & (pl.col("question") == "emotion")).height:
        return None
    return gather_votes(
        votes,
        corpus.label_space,
        own,
        channel=_channel(run),
        other=_other(run),
        unknown=cast("Unknown", _asked(run, "unknown") or "error"),
        repeated=cast("Repeated", _asked(run, "repeated") or "error"),
        file=run.path,
    )


def reference_of(run: RunFolder, corpus: CorpusDescription, held: HeldAgainst) -> pl.DataFrame:
    """The utterances of one corpus with the labels that answers are held against.

    Args:
        run: whose utterances and votes these are.
        corpus: one of its corpora.
        held: :func:`held_against` this run, or :data:`GIVEN`. Utterances to which a rule
            gives no label are left out.
    """
    given = utterances_of(run, corpus.name)
    if held.rule == "given":
        return given
    votes = votes_of(run, corpus)
    if votes is None:
        return given.clear()
    return labelled_by(given, votes, held.rule).filter(pl.col("emotion").is_not_null())


def _channel(run: RunFolder) -> str | None:
    return heard_channel(run.votes(), cast("str | None", _asked(run, "channel")))


def _other(run: RunFolder) -> OtherVotes:
    return cast("OtherVotes", _asked(run, "other") or "leave_out")


def _asked(run: RunFolder, option: str) -> Any:
    """An option of ``score``; ``None`` where the run is of another verb."""
    record = run.record
    return record.config.get(option) if record.verb == "score" else None
