"""What the study measures: the vote by both readings, losses against each other, zero-shot models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora import Corpus
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import Ensemble, ensemble, score
from equivoice.evaluation.ensemble.agreement import scores_of
from equivoice.evaluation.ensemble.gathering import (
    Gathered,
    Reference,
    find_reference,
    gather,
    labels_of_reference,
)
from equivoice.evaluation.ensemble.members import Member, Source, read_sources
from equivoice.evaluation.paired import compare_predictions
from equivoice.records import WithInterval

__all__ = [
    "LOSSES",
    "AbhinayaSettings",
    "Compared",
    "Votes",
    "compare_entries",
    "read_loss",
    "vote",
]

LOSSES: Mapping[str, str] = {
    "wce": "weighted cross-entropy",
    "wfl": "weighted focal loss",
    "vs": "vector scaling loss",
}
"""The losses of Table 2; others may be put beside them under names of their own."""

PAPER, OURS = "abhinaya_paper", "among_tied"
_BREAKERS = ("S2", "ST1")

References = str | Path | Corpus | pl.DataFrame


@dataclass(frozen=True)
class AbhinayaSettings:
    """How the study scores.

    Args:
        breaker: who is asked first at a tie; ``None`` for S2 where there is one.
        balanced: score equally many utterances of each emotion: so many, or as many as
            there are (``True``).
        utterances: ``same``, ``common`` or ``any``, as in
            :func:`~equivoice.evaluation.ensemble`.
        corpus: which corpus, where runs have several.
        replicates: bootstrap replicates.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all draws.
    """

    breaker: str | None = None
    balanced: int | bool = False
    utterances: str = "same"
    corpus: str | None = None
    replicates: int = 2_000
    permutations: int = 1_000
    level: float = 0.95
    seed: int = 0

    @property
    def certainty(self) -> dict[str, Any]:
        """How intervals are made."""
        return {"replicates": self.replicates, "level": self.level, "seed": self.seed}


@dataclass(frozen=True)
class Votes:
    """The majority vote by both readings of a tie.

    Args:
        paper: ties by the tie-breaker's own label.
        ours: ties by the tie-breaker's choice among the tied labels.
    """

    paper: Ensemble
    ours: Ensemble


@dataclass(frozen=True)
class Compared:
    """One model of a table of models.

    Args:
        block: the system that is varied, such as ``S1``; ``zero-shot`` for Figure 2.
        label: the loss, or the model's name.
        macro_f1: its score.
        against: the label of the model that it is compared with; ``None`` for the first.
        difference: its score minus that one's, paired over speakers.
        p_value: of the permutation test of that difference.
        n: how many utterances.
    """

    block: str
    label: str
    macro_f1: WithInterval
    against: str | None
    difference: WithInterval | None
    p_value: float | None
    n: int


def vote(
    members: Mapping[str, Any] | Sequence[Any],
    reference: References | None,
    settings: AbhinayaSettings,
    *,
    watch: Callable[[str], None],
) -> Votes:
    """The members' majority vote, with ties by the paper's words and by ours.

    At a tie S2 is asked first, and ST1 where S2 takes no part, as in the paper's Table 4.
    """
    names = _names(members, reference)
    asked_first = (settings.breaker,) if settings.breaker else _BREAKERS
    breaker = tuple(name for name in asked_first if name in names or settings.breaker)
    made = []
    for tie in (PAPER, OURS):
        watch(f"majority vote, ties: {tie}")
        made.append(
            ensemble(
                members,
                reference=reference,
                tie=tie,
                breaker=breaker,
                balanced=settings.balanced,
                utterances=settings.utterances,
                corpus=settings.corpus,
                subsets=tie == PAPER,
                permutations=settings.permutations,
                **settings.certainty,
            )
        )
    return Votes(*made)


def _names(members: Mapping[str, Any] | Sequence[Any], reference: References | None) -> list[str]:
    sources = read_sources(members, labels_of_reference(reference))
    return [member.name for source in sources for member in source.members]


def read_loss(text: str) -> tuple[str, str, str]:
    """A run of Table 2 as it is typed: ``SYSTEM:LOSS=RUN#SYSTEM``.

    Returns:
        system, loss, and the member.

    Raises:
        ConfigError: not of this form.

    Example:
        >>> read_loss("S1:wfl=runs/focal")
        ('S1', 'wfl', 'runs/focal')
    """
    named, equals, place = text.partition("=")
    system, colon, loss = named.partition(":")
    if not (equals and colon and system.strip() and loss.strip() and place.strip()):
        raise ConfigError(
            "a run of the loss ablation is written SYSTEM:LOSS=RUN",
            value=text,
            hint="such as S1:wfl=runs/focal, or S1:wce=runs/all#weighted",
        )
    return system.strip(), loss.strip().lower(), place.strip()


def compare_entries(
    entries: Sequence[tuple[str, str, Any]],
    reference: References | None,
    settings: AbhinayaSettings,
    *,
    watch: Callable[[str], None],
) -> list[Compared]:
    """Models side by side, block by block; each against the first of its block.

    Args:
        entries: block, label, and where the predictions are.
        reference: what they are held against; the runs' own by default.
        settings: how it is scored.
        watch: is told what is at work.

    Raises:
        ConfigError: a label twice in one block, or different utterances.
        InputError: a place that holds several systems, of which none is named.
    """
    found: list[Compared] = []
    for block in dict.fromkeys(entry[0] for entry in entries):
        own = [entry for entry in entries if entry[0] == block]
        labels = [label for _, label, _ in own]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ConfigError(f"two runs of {block} have the same name", value=twice[0])
        watch(f"{block}: {', '.join(labels)}")
        places = [place for _, _, place in own]
        sources = read_sources(places, labels_of_reference(reference))
        held = find_reference(sources, reference, settings.corpus)
        members = [_only(source, label) for (_, label, _), source in zip(own, sources, strict=True)]
        found += _block(block, members, held, settings)
    return found


def _only(source: Source, label: str) -> Member:
    if len(source.members) != 1:
        raise InputError(
            f"{label} names {len(source.members)} systems",
            file=source.members[0].source,
            choices=[member.name for member in source.members],
            hint=f"name one: {label}=RUN#SYSTEM",
        )
    return replace(source.members[0], name=label)


def _block(
    block: str, members: Sequence[Member], held: Reference, settings: AbhinayaSettings
) -> Iterator[Compared]:
    tested = _gathered(members, held, settings)
    first, *others = tested.members
    for member in (first, *others):
        against = None if member is first else first
        difference, p_value = _difference(member, against, tested, held, settings)
        rows = score(
            _plain(member),
            tested.utterances,
            label_space=held.labels,
            permutations=1,
            **settings.certainty,
        ).estimates
        yield Compared(
            block,
            member.name,
            scores_of(rows)["macro_f1"],
            None if against is None else against.name,
            difference,
            p_value,
            tested.utterances.height,
        )


def _gathered(members: Sequence[Member], held: Reference, settings: AbhinayaSettings) -> Gathered:
    """One model alone can be shown too; it then stands beside itself, which changes nothing."""
    if len(members) > 1:
        return gather(
            members,
            held,
            utterances=settings.utterances,
            balanced=settings.balanced,
            seed=settings.seed,
        )
    (member,) = members
    twin = replace(member, name=f"{member.name} (again)")
    both = gather([member, twin], held, balanced=settings.balanced, seed=settings.seed)
    return Gathered(both.members[:1], both.ballots, both.utterances, both.left_out)


def _difference(
    member: Member,
    against: Member | None,
    tested: Gathered,
    held: Reference,
    settings: AbhinayaSettings,
) -> tuple[WithInterval | None, float | None]:
    if against is None:
        return None, None
    rows = compare_predictions(
        _plain(member),
        _plain(against),
        tested.utterances,
        names=(member.name, against.name),
        label_space=held.labels,
        permutations=settings.permutations,
        **settings.certainty,
    ).filter((pl.col("metric") == "macro_f1") & pl.col("class").is_null())
    row = rows.row(0, named=True)
    found = WithInterval(
        value=row["value"], low=row["low"], high=row["high"], undefined=row["undefined"]
    )
    return found, row["p_value"]


def _plain(member: Member) -> pl.DataFrame:
    """The answers alone: conditions and folds would be scored apart."""
    keep = ("utterance_id", "status", "emotion")
    return member.predictions.select(keep).with_columns(system=pl.lit(member.name))
