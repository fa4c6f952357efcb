"""One method applied to votes: majority, weighted or soft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.ensemble.ballots import Ballots, complete
from equivoice.evaluation.ensemble.voting import (
    Ruling,
    check_tie,
    decide,
    mean_probabilities,
    vote_shares,
)
from equivoice.metrics import UNPARSED, FloatArray
from equivoice.records import LabelSpace

__all__ = ["METHODS", "NAMES", "Rules", "check_methods", "labels_of", "rule"]

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "majority": "majority vote",
        "weighted": "weighted vote",
        "soft": "soft vote",
        "stacking": "stacking",
    }
)
"""What the ensembles are called among the systems, by method."""

METHODS = tuple(NAMES)
"""How votes can be combined."""


@dataclass(frozen=True)
class Rules:
    """How votes are decided.

    Args:
        tie: one of :data:`~equivoice.evaluation.ensemble.voting.TIES`.
        preference: all members, the tie-breaker first.
        weights: of each member; those that are not named weigh 1. Heeded by ``weighted``
            and ``soft``.
        seed: of the tie rule ``random``.
    """

    tie: str
    preference: tuple[str, ...]
    weights: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0

    def of(self, members: Sequence[str]) -> Rules:
        """The same rules among some of the members."""
        return replace(self, preference=tuple(name for name in self.preference if name in members))

    def weighing(self, members: Sequence[str]) -> FloatArray:
        """(M,) the weights of these members."""
        return np.array([float(self.weights.get(name, 1.0)) for name in members])


def check_methods(methods: Sequence[str], tie: str) -> None:
    """See that methods and tie rule exist.

    Raises:
        ConfigError: there is no such method or rule, or no method at all.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        raise ConfigError(
            "method: no such way to combine votes", value=next(iter(unknown), None), choices=METHODS
        )
    check_tie(tie)


def rule(ballots: Ballots, method: str, rules: Rules) -> Ruling:
    """The labels that a method gives.

    Args:
        ballots: the votes.
        method: ``majority``, ``weighted`` or ``soft``.
        rules: tie rule, preference and weights.

    Raises:
        InputError: a soft vote, and a member says labels without probabilities.
        ConfigError: a tie-breaker that is no member, or weights that are none.
    """
    plain = np.ones(len(ballots.members))
    if method == "majority":
        shares = vote_shares(ballots, plain)
    else:
        _check_weights(rules)
        weights = rules.weighing(ballots.members)
        if method == "soft":
            _need_probabilities(ballots)
            shares = mean_probabilities(ballots, weights)
        else:
            shares = vote_shares(ballots, weights)
    return decide(ballots, shares, tie=rules.tie, preference=rules.preference, seed=rules.seed)


def labels_of(ruling: Ruling, labels: LabelSpace) -> list[str | None]:
    """(n,) the names of the winning labels; ``None`` where there is none."""
    return [None if code == UNPARSED else labels.names[code] for code in ruling.label.tolist()]


def _check_weights(rules: Rules) -> None:
    wrong = {name: value for name, value in rules.weights.items() if not 0 < value < np.inf}
    if wrong:
        name, value = next(iter(wrong.items()))
        raise ConfigError(f"weight: that of {name} is not above 0", value=value)


def _need_probabilities(ballots: Ballots) -> None:
    """A member that says a label has a say in a soft vote only by its probabilities."""
    given = complete(ballots.probabilities)
    lacking = (ballots.choices != UNPARSED) & ~given
    if not lacking.any():
        return
    counts = lacking.sum(axis=0)
    worst = int(counts.argmax())
    row = int(np.flatnonzero(lacking[:, worst])[0])
    raise InputError(
        f"a soft vote needs probabilities, and {ballots.members[worst]} gives none for "
        f"{int(counts[worst])} of {len(ballots.utterance_ids)} utterances",
        column="probabilities",
        value=ballots.utterance_ids[row],
        hint="leave the member out, take its reading by option scores (RUN#SYSTEM/options), "
        "or vote with --method majority",
    )
