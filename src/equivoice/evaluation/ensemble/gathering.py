"""Members and reference brought together: the same utterances, the same labels, or an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from equivoice.corpora.balanced import balanced_sample
from equivoice.corpora.corpus import Corpus, load_corpus
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.ensemble.ballots import Ballots, ballots_of
from equivoice.evaluation.ensemble.members import Member, Source
from equivoice.evaluation.matching import check_shares, label_space_of, match
from equivoice.metrics import IntArray
from equivoice.records import UTTERANCES, LabelSpace

__all__ = [
    "Gathered",
    "Reference",
    "Utterances",
    "find_reference",
    "gather",
    "labels_of_reference",
    "truth_of",
]

Utterances = Literal["same", "common", "any"]


@dataclass(frozen=True)
class Reference:
    """What members are held against.

    Args:
        utterances: a table of ``records.UTTERANCES``.
        labels: their label space.
        corpus: its name; ``None`` where a plain table names none.
        given: the corpus, where one was named.
    """

    utterances: pl.DataFrame
    labels: LabelSpace
    corpus: str | None
    given: Corpus | None = None


@dataclass(frozen=True)
class Gathered:
    """The members' votes on what is scored.

    Args:
        members: with the predictions that take part.
        ballots: their votes; an utterance of ``utterances`` a row.
        utterances: what is scored, each with a label.
        left_out: how many predictions and utterances take no part, by reason.
    """

    members: tuple[Member, ...]
    ballots: Ballots
    utterances: pl.DataFrame
    left_out: Mapping[str, int]


def find_reference(
    sources: Sequence[Source],
    reference: str | Path | Corpus | pl.DataFrame | None,
    corpus: str | None,
) -> Reference:
    """The labels that members are held against: those named, or those of the runs.

    Args:
        sources: what members come from.
        reference: a corpus or a table; ``None`` to take the utterances of the runs.
        corpus: which corpus, where there are several.

    Raises:
        InputError: no labels anywhere, several corpora of which none is named, or runs that
            hold an utterance under two labels.
    """
    if isinstance(reference, pl.DataFrame):
        table = UTTERANCES.validate(reference)
        return Reference(table, label_space_of(table), corpus)
    if reference is not None:
        given = reference if isinstance(reference, Corpus) else load_corpus(reference)
        table = UTTERANCES.validate(given.utterances).with_columns(
            pl.col("corpus").fill_null(given.name)
        )
        return Reference(table, given.label_space, given.name, given)
    return _of_runs(sources, corpus)


def labels_of_reference(
    reference: str | Path | Corpus | pl.DataFrame | None,
) -> LabelSpace | None:
    """The labels of a reference; ``None`` where none is named.

    Raises:
        CorpusError: there is no such corpus.
    """
    return None if reference is None else find_reference([], reference, None).labels


def _of_runs(sources: Sequence[Source], corpus: str | None) -> Reference:
    known = [source for source in sources if source.utterances is not None]
    if not known:
        raise InputError(
            "tables of predictions alone do not say what is right",
            hint="name a corpus, or a table with utterance_id and emotion, with --reference",
        )
    names = list(dict.fromkeys(name for source in known for name in source.labels))
    if corpus is not None and corpus not in names:
        raise InputError("the runs have no such corpus", value=corpus, choices=names)
    if corpus is None and len(names) > 1:
        raise InputError(
            "the members were tested on several corpora, and an ensemble is of one",
            choices=names,
            hint="name it with --corpus",
        )
    name = corpus or (names[0] if names else None)
    spaces = [space for source in known for at, space in source.labels.items() if at == name]
    other = next((space for space in spaces if space.names != spaces[0].names), None)
    if other is not None:
        raise InputError(
            f"the runs know {name} with different labels: {', '.join(spaces[0].names)} and "
            f"{', '.join(other.names)}"
        )
    tables = [source.utterances for source in known if source.utterances is not None]
    if name is not None:
        tables = [_of_corpus(table, name) for table in tables]
    together = _one_label_each(pl.concat(tables, how="diagonal_relaxed"))
    return Reference(together, spaces[0] if spaces else label_space_of(together), name)


def _of_corpus(table: pl.DataFrame, name: str) -> pl.DataFrame:
    own = table.with_columns(pl.col("corpus").fill_null(name))
    return own.filter(pl.col("corpus") == name)


def _one_label_each(rows: pl.DataFrame) -> pl.DataFrame:
    labels = rows.select("utterance_id", "emotion").unique()
    twice = labels.filter(pl.col("utterance_id").is_duplicated()).sort("utterance_id")
    if twice.height:
        name = twice.get_column("utterance_id")[0]
        said = twice.filter(utterance_id=name).get_column("emotion").to_list()
        raise InputError(
            "the runs hold different reference labels",
            value=f"{name}: {', '.join(map(str, said))}",
            hint="score them against one reference, or name it with --reference",
        )
    return rows.unique("utterance_id", keep="first", maintain_order=True)


def gather(
    members: Sequence[Member],
    reference: Reference,
    *,
    utterances: str = "same",
    balanced: int | bool = False,
    seed: int = 0,
) -> Gathered:
    """The votes of the members on the utterances that all of them, or any of them, answered.

    Args:
        members: at least two, of different names.
        reference: what they are held against.
        utterances: ``same`` refuses members that answer different utterances, ``common``
            keeps what all of them answer, ``any`` lets those vote that are there.
        balanced: draw equally many utterances of each emotion: so many, or as many as
            there are (``True``).
        seed: of that draw.

    Raises:
        ConfigError: different utterances under ``same``; one name twice.
        InputError: nothing in common, or labels or probabilities outside the label space.
    """
    if utterances not in get_args(Utterances):
        raise ConfigError(
            "utterances: no such choice", value=utterances, choices=get_args(Utterances)
        )
    _refuse_names(members)
    labelled = reference.utterances.filter(pl.col("emotion").is_not_null())
    asked = {member.name: _asked(member, labelled) for member in members}
    wanted = _wanted(asked, utterances)
    left_out = _lost(asked, wanted, utterances)
    scored = labelled.filter(pl.col("utterance_id").is_in(sorted(wanted)))
    if balanced is not False:
        drawn = balanced_sample(
            scored,
            reference.labels,
            per_class=None if balanced is True else balanced,
            seed=seed,
            name="the utterances that the members answered",
        )
        scored = drawn.utterances
        left_out |= {f"balanced part: {why}": n for why, n in drawn.left_out.items()}
    tables = []
    kept = []
    for member in members:
        own, unusable = _aligned(member, scored, reference.labels)
        if unusable:
            left_out[f"{member.name}: probabilities over other labels"] = unusable
        lost = member.predictions.height - len(asked[member.name])
        if lost:
            left_out[f"{member.name}: prediction of an utterance without label here"] = lost
        tables.append((member.name, _answers(own, scored, reference.labels, member)))
        kept.append(replace(member, predictions=own))
    ballots = ballots_of(tables, scored.get_column("utterance_id").to_list(), reference.labels)
    return Gathered(tuple(kept), ballots, scored.sort("utterance_id"), left_out)


def truth_of(utterances: pl.DataFrame, labels: LabelSpace) -> IntArray:
    """The position of each utterance's label, in the order of the ids."""
    known = utterances.sort("utterance_id").get_column("emotion")
    code = {word: labels.names.index(str(labels.resolve(word))) for word in known.unique()}
    positions: IntArray = known.replace_strict(code, return_dtype=pl.Int64).to_numpy()
    return positions


def _refuse_names(members: Sequence[Member]) -> None:
    names = [member.name for member in members]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        places = [member.source for member in members if member.name == twice[0]]
        raise ConfigError(
            f"two members have the same name, {twice[0]!r}",
            value=", ".join(places),
            hint=f"name one of them: NAME={places[-1]}#{twice[0]}",
        )
    if len(names) < 2:
        raise ConfigError(
            "an ensemble needs two members",
            value=", ".join(names) or None,
            hint="name a further run or table",
        )


def _asked(member: Member, labelled: pl.DataFrame) -> set[str]:
    """The utterances that a member was asked about and that have a label; failures count."""
    known = member.predictions.join(labelled, on="utterance_id", how="semi")
    if known.is_empty():
        raise InputError(
            f"{member.name} answers no utterance that the reference has a label for",
            file=member.source,
            column="utterance_id",
            value=member.predictions.get_column("utterance_id")[0],
            hint="check that predictions and reference use the same ids, such as corpus/key",
        )
    return set(known.get_column("utterance_id"))


def _wanted(asked: Mapping[str, set[str]], utterances: str) -> set[str]:
    every = set.union(*asked.values())
    common = set.intersection(*asked.values())
    if utterances == "any":
        return every
    if utterances == "same" and len(common) < len(every):
        name, own = min(asked.items(), key=lambda entry: len(entry[1]))
        missing = sorted(every - own)
        raise ConfigError(
            f"the members answer different utterances: {len(common)} have an answer of each, "
            f"{name} lacks {len(missing)} of {len(every)}",
            value=missing[0],
            hint="--utterances common keeps what all of them answer, --utterances any lets "
            "those vote that are there",
        )
    if not common:
        raise InputError(
            "no utterance was answered by all members: "
            + ", ".join(f"{name} {len(own)}" for name, own in asked.items()),
            column="utterance_id",
            hint="--utterances any lets those vote that are there",
        )
    return common


def _lost(asked: Mapping[str, set[str]], wanted: set[str], utterances: str) -> dict[str, int]:
    if utterances == "any":
        missing = {name: len(wanted - own) for name, own in asked.items()}
        return {f"{name}: has no answer, does not vote": n for name, n in missing.items() if n}
    left = {name: len(own - wanted) for name, own in asked.items()}
    return {f"{name}: answered by it and not by all": n for name, n in left.items() if n}


def _aligned(member: Member, scored: pl.DataFrame, labels: LabelSpace) -> tuple[pl.DataFrame, int]:
    """A member's answers with probabilities in the order of the reference's labels.

    A run states the label space that its probabilities are over. Where that holds the same
    labels in another order they are put in order; where it holds others, or is not known
    by its id, they are dropped. A table that names no label space is taken at its word.

    Returns:
        the answers to what is scored, and how many lost their probabilities.
    """
    own = member.predictions.join(scored, on="utterance_id", how="semi")
    ids = set(own.get_column("label_space").drop_nulls())
    known = [space for space in member.spaces if not ids or ids == {space.id}]
    names = known[0].names if known else (labels.names if ids <= {labels.id} else ())
    if names == labels.names:
        return own, 0
    shares = pl.col("probabilities")
    if sorted(names) == sorted(labels.names):
        order = [names.index(name) for name in labels.names]
        ordered = shares.list.gather(order, null_on_oob=True)
        return own.with_columns(ordered, label_space=pl.lit(labels.id)), 0
    lost = own.get_column("probabilities").is_not_null().sum()
    return own.with_columns(probabilities=pl.lit(None, dtype=pl.List(pl.Float64))), int(lost)


def _answers(
    own: pl.DataFrame, scored: pl.DataFrame, labels: LabelSpace, member: Member
) -> pl.DataFrame:
    """Label and probabilities of each answer; failed ones are there and say nothing."""
    failed = own.filter(pl.col("status").eq_missing("failed"))
    silent = failed.select(
        "utterance_id", "probabilities", predicted=pl.lit(None, dtype=pl.String)
    ).with_columns(probabilities=pl.lit(None, dtype=pl.List(pl.Float64)))
    if failed.height == own.height:
        return silent
    try:
        check_shares(own.filter(pl.col("probabilities").is_not_null()), labels)
        frame = match(own, scored, labels).frame
    except InputError as error:
        raise InputError(
            f"{member.name}: {error.problem}",
            file=member.source,
            row=error.row,
            column=error.column,
            value=error.value,
            choices=error.choices,
            hint=error.hint,
        ) from error
    names = ["utterance_id", "predicted", "probabilities"]
    return pl.concat([frame.select(names), silent.select(names)])
