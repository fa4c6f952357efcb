"""Votes of simulated raters on any table of utterances, with known confusions and biases.

Each vote depends on the seed, the utterance and the rater alone: more raters, more
utterances or another order of rows leave the other votes as they are. No person has
listened: the votes are of kind ``model``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.corpora.synthetic.biases import Biases
from equivoice.corpora.synthetic.raters import RATERS, answer_table
from equivoice.corpora.synthetic.recipe import EMOTIONS, GENDERS
from equivoice.corpora.synthetic.streams import seed_of
from equivoice.errors import ConfigError, CorpusError
from equivoice.records import VOTES

__all__ = ["Answers", "SimulatedRater", "SimulatedVotes", "planted_raters", "simulate_votes"]

Answers = Mapping[str, Mapping[str, float]]
"""From the label that is meant to the answers with their probabilities."""

_EXACT = 1e-9


@dataclass(frozen=True)
class SimulatedRater:
    """One rater whose answers are known.

    Args:
        name: as it stands in the votes.
        answers: from the label that is meant to answers with their probabilities; an
            answer need not be a label (``other``).
        by_group: other answers for the speakers of a group.

    Example:
        >>> ann = SimulatedRater.reliable("ann", ["angry", "sad", "calm"], 0.8)
        >>> ann.answers["sad"]
        {'angry': 0.1, 'sad': 0.8, 'calm': 0.1}
        >>> ann.shifted("female", heard="angry", called="sad", share=0.5).by_group["female"]["angry"]
        {'angry': 0.4, 'sad': 0.5, 'calm': 0.1}
    """

    name: str
    answers: Answers
    by_group: Mapping[str, Answers] = field(default_factory=dict)

    @classmethod
    def reliable(
        cls,
        name: str,
        labels: Sequence[str],
        reliability: float,
        confusions: Answers | None = None,
    ) -> SimulatedRater:
        """A rater who gives the label that is meant with a probability.

        Args:
            name: as it stands in the votes.
            labels: all labels, at least two.
            reliability: probability of the label that is meant, from 0 to 1.
            confusions: what is answered otherwise; each row sums to 1. By default the
                other labels alike.

        Raises:
            ConfigError: fewer than two labels, or a reliability that is no probability.
        """
        if len(labels) < 2 or not 0 <= reliability <= 1:
            raise ConfigError(
                "a reliable rater needs two labels and a reliability from 0 to 1", value=reliability
            )
        even = 1 / (len(labels) - 1)
        answers = {}
        for meant in labels:
            missed = {said: even for said in labels if said != meant}
            if confusions is not None:
                missed = dict(confusions[meant])
            row = {said: (1 - reliability) * missed.get(said, 0.0) for said in (*labels, *missed)}
            row[meant] += reliability
            answers[meant] = {said: round(share, 12) for said, share in row.items()}
        return cls(name, answers)

    def shifted(self, group: str, *, heard: str, called: str, share: float) -> SimulatedRater:
        """The same rater, who calls a share of one answer another when a group speaks.

        Args:
            group: the speakers' group.
            heard: the answer that would have been given.
            called: the answer that is given instead.
            share: how often, from 0 to 1.

        Raises:
            ConfigError: a share that is none.
        """
        if not 0 <= share <= 1:
            raise ConfigError("a share lies between 0 and 1", value=share)
        turned = {}
        for meant, row in self.by_group.get(group, self.answers).items():
            moved = share * row.get(heard, 0.0)
            new = {**row, heard: row.get(heard, 0.0) - moved}
            turned[meant] = {**new, called: new.get(called, 0.0) + moved}
        return replace(self, by_group={**self.by_group, group: turned})

    def answers_to(self, group: str | None) -> Answers:
        """The answers to a speaker of a group."""
        return self.answers if group is None else self.by_group.get(group, self.answers)


@dataclass(frozen=True)
class SimulatedVotes:
    """Votes, and how they were made.

    Args:
        votes: a table of ``records.VOTES``.
        provenance: seed, columns and every rater's parameters, for ``corpus.json``.
    """

    votes: pl.DataFrame
    provenance: dict[str, Any]


def planted_raters(biases: Biases | None = None) -> tuple[SimulatedRater, ...]:
    """The raters of the synthetic corpus, with what is planted in them.

    Args:
        biases: what is planted; by default what the synthetic corpus plants.

    Example:
        >>> [rater.name for rater in planted_raters()][-1]
        'simulated-8'
    """
    planted = Biases() if biases is None else biases

    def rows(table: NDArray[np.float64]) -> dict[str, dict[str, float]]:
        return {
            meant: dict(zip(EMOTIONS, row, strict=True))
            for meant, row in zip(EMOTIONS, table.tolist(), strict=True)
        }

    return tuple(
        SimulatedRater(
            rater.name,
            rows(answer_table(rater, GENDERS[0], Biases.none())),
            {gender: rows(answer_table(rater, gender, planted)) for gender in GENDERS},
        )
        for rater in RATERS
    )


def simulate_votes(
    utterances: pl.DataFrame,
    raters: Sequence[SimulatedRater],
    seed: int,
    *,
    meant: str = "emotion",
    group: str = "gender",
    channel: str = "voice",
    each: int | None = None,
) -> SimulatedVotes:
    """Let raters vote on utterances.

    Args:
        utterances: with ``utterance_id`` and the column ``meant``; those without a
            label there get no votes.
        raters: who votes.
        seed: decides every vote, together with utterance and rater.
        meant: the column with the label that is meant.
        group: the column with the speaker's group, for biased raters; may be missing.
        channel: what the votes say was perceived.
        each: how many raters an utterance gets, drawn for each; all by default.

    Returns:
        The votes in the order of utterances and raters, and their provenance.

    Raises:
        ConfigError: raters of the same name, answers that do not sum to 1, a label
            that a rater does not know, or more raters wanted than there are; all
            mistakes together.
        CorpusError: a column is missing.

    Example:
        >>> table = pl.DataFrame({"utterance_id": ["a", "b"], "emotion": ["sad", None]})
        >>> sure = SimulatedRater.reliable("ann", ["angry", "sad"], 1.0)
        >>> made = simulate_votes(table, [sure], seed=0)
        >>> made.votes.select("item", "rater", "value").rows()
        [('a', 'ann', 'sad')]
        >>> made.provenance["simulated_votes"]["without_label"]
        1
    """
    for column in ("utterance_id", meant):
        if column not in utterances.columns:
            raise CorpusError(
                "the utterances lack a column", column=column, choices=utterances.columns
            )
    groups = pl.col(group) if group in utterances.columns else pl.lit(None)
    rows = utterances.select("utterance_id", meant=meant, group=groups.cast(pl.String))
    known = rows.drop_nulls("meant")
    problems = [*_problems(raters, sorted(set(known.get_column("meant"))), each)]
    if problems:
        raise ConfigError.from_problems(problems)
    votes = [
        (item, rater.name, _answer(rater.answers_to(who)[label], seed, item, rater.name))
        for item, label, who in known.iter_rows()
        for rater in _chosen(raters, each, seed, item)
    ]
    table = pl.DataFrame(
        votes, schema=dict.fromkeys(("item", "rater", "value"), pl.String), orient="row"
    )
    constants = {"channel": channel, "kind": "model", "question": "emotion", "count": 1}
    record = {
        "seed": seed,
        "meant": meant,
        "group": group if group in utterances.columns else None,
        "channel": channel,
        "raters_an_utterance": len(raters) if each is None else each,
        "without_label": rows.height - known.height,
        "raters": [asdict(rater) for rater in raters],
    }
    return SimulatedVotes(
        VOTES.validate(table.with_columns(pl.lit(v).alias(k) for k, v in constants.items())),
        {"simulated_votes": record},
    )


def _problems(
    raters: Sequence[SimulatedRater], labels: Sequence[str], each: int | None
) -> Iterator[str]:
    names = [rater.name for rater in raters]
    if not raters:
        yield "raters: there is none"
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"raters: {names.count(name)} are called {name!r}"
    if each is not None and not 1 <= each <= len(raters):
        yield f"each: {each} raters an utterance cannot be drawn from {len(raters)}"
    for rater in raters:
        tables = {
            "answers": rater.answers,
            **{f"by_group[{g!r}]": t for g, t in rater.by_group.items()},
        }
        for where, answers in tables.items():
            yield from (f"{rater.name}.{where}: {problem}" for problem in _wrong(answers, labels))


def _wrong(answers: Answers, labels: Sequence[str]) -> Iterator[str]:
    for label in labels:
        if label not in answers:
            yield f"no answers where {label!r} is meant"
    for meant, row in answers.items():
        if min(row.values(), default=-1.0) < 0 or abs(sum(row.values()) - 1) > _EXACT:
            yield f"the answers where {meant!r} is meant are no probabilities that sum to 1"


def _chosen(
    raters: Sequence[SimulatedRater], each: int | None, seed: int, item: str
) -> Sequence[SimulatedRater]:
    """The raters of an utterance, in the given order."""
    if each is None or each == len(raters):
        return raters
    lots = sorted(raters, key=lambda rater: seed_of(seed, "who votes", item, rater.name))
    drawn = {rater.name for rater in lots[:each]}
    return [rater for rater in raters if rater.name in drawn]


def _answer(row: Mapping[str, float], seed: int, item: str, rater: str) -> str:
    draw = seed_of(seed, "simulated vote", item, rater) / 2**64
    passed = 0.0
    for said, share in row.items():
        passed += share
        if draw < passed:
            return said
    return [said for said, share in row.items() if share > 0][-1]  # a sum just below 1
