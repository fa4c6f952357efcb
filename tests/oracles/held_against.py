"""Answers held against votes the slow way: one utterance after the other, no arrays.

A world has utterances of speakers in groups, votes by raters, and a system with labels and
probabilities; what is asked of it is counted with dictionaries.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log

import polars as pl

from equivoice.records import Label, LabelSpace
from oracles.plain_votes import elected

LABELS = ("angry", "happy", "neutral", "sad")
SPACE = LabelSpace("world", tuple(Label(name) for name in LABELS))


@dataclass(frozen=True)
class Spoken:
    """One utterance: who said it, what people voted, and what the system answered."""

    name: str
    speaker: str
    gender: str
    given: str | None
    votes: tuple[str, ...]
    said: str | None
    probabilities: tuple[float, ...]

    def count(self, label: str) -> int:
        return self.votes.count(label)

    def share(self, label: str) -> Fraction:
        own = [vote for vote in self.votes if vote != "other"]
        return Fraction(own.count(label), len(own))


def spoken_world(size: int = 120, *, seed: int = 0, raters: int = 11) -> list[Spoken]:
    """Utterances of 24 speakers; some have no votes, some no label, some no readable answer."""
    rng = random.Random(seed)  # noqa: S311 - a world, and no secret
    made = []
    for place in range(size):
        truth = rng.choice(LABELS)
        drawn = rng.randint(0, 6) if place % 10 == 0 else rng.randint(2, 7)
        votes = tuple(
            "other" if rng.random() < 0.08 else truth if rng.random() < 0.5 else rng.choice(LABELS)
            for _ in range(min(drawn, raters))
        )
        weights = [rng.random() ** 2 + 0.01 + (2 if label == truth else 0) for label in LABELS]
        speaker = place % 24
        made.append(
            Spoken(
                f"w/{place:03}",
                f"s{speaker:02}",
                ("female", "male")[speaker % 2],
                None if place % 17 == 0 else truth,
                votes,
                None if place % 13 == 0 else truth if rng.random() < 0.6 else rng.choice(LABELS),
                tuple(weight / sum(weights) for weight in weights),
            )
        )
    return made


def utterances(world: Sequence[Spoken]) -> pl.DataFrame:
    """The world as a reference table."""
    return pl.DataFrame(
        {
            "utterance_id": [one.name for one in world],
            "corpus": ["w"] * len(world),
            "emotion": pl.Series([one.given for one in world], dtype=pl.String),
            "speaker": [one.speaker for one in world],
            "gender": [one.gender for one in world],
        }
    )


def predictions(world: Sequence[Spoken], *, probabilities: bool = False) -> pl.DataFrame:
    """The system's answers."""
    table = pl.DataFrame(
        {
            "utterance_id": [one.name for one in world],
            "system": ["S"] * len(world),
            "emotion": pl.Series([one.said for one in world], dtype=pl.String),
            "status": ["unparsed" if one.said is None else "parsed" for one in world],
        }
    )
    if not probabilities:
        return table
    return table.with_columns(probabilities=pl.Series([list(one.probabilities) for one in world]))


def votes(
    world: Sequence[Spoken], *, raters: bool = True, channel: str | None = None
) -> pl.DataFrame:
    """The votes, a row each."""
    rows = [
        {"item": one.name, "rater": f"r{number:02}", "value": vote}
        for one in world
        for number, vote in enumerate(one.votes)
    ]
    table = pl.DataFrame(rows, schema={"item": pl.String, "rater": pl.String, "value": pl.String})
    table = table.with_columns(
        question=pl.lit("emotion"), channel=pl.lit(channel, pl.String), kind=pl.lit("person")
    )
    return table if raters else table.drop("rater")


def label_by(one: Spoken, rule: str) -> str | None:
    """The label that a rule gives; votes for none of the labels do not count."""
    place = elected([one.count(label) for label in LABELS], rule)
    return None if place < 0 else LABELS[place]


def f1_by_class(pairs: Sequence[tuple[str, str | None]]) -> dict[str, float]:
    """F1 of each label that is a reference, from (reference, answer) pairs."""
    made = {}
    for label in LABELS:
        right = sum(1 for truth, said in pairs if truth == said == label)
        true = sum(1 for truth, _ in pairs if truth == label)
        told = sum(1 for _, said in pairs if said == label)
        if true:
            made[label] = 2 * right / (true + told)
    return made


def macro_f1(pairs: Sequence[tuple[str, str | None]]) -> float:
    """The mean of F1 over the labels that have a reference."""
    by_class = f1_by_class(pairs)
    return sum(by_class.values()) / len(by_class)


def accuracy(pairs: Sequence[tuple[str, str | None]]) -> float:
    """The share of answers that are the reference."""
    return sum(1 for truth, said in pairs if truth == said) / len(pairs)


def credited(world: Iterable[Spoken], rule: str) -> tuple[list[tuple[str, str | None]], int]:
    """(reference, answer) in the reading ``credited``, and how many have no reference.

    Any answer that somebody gave is right; else the label of the rule is the reference.
    """
    pairs: list[tuple[str, str | None]] = []
    lost = 0
    for one in world:
        if not any(vote in LABELS for vote in one.votes):
            continue
        if one.said is not None and one.said in one.votes:
            pairs.append((one.said, one.said))
            continue
        label = label_by(one, rule)
        if label is None:
            lost += 1
        else:
            pairs.append((label, one.said))
    return pairs, lost


def set_scores(pairs: Sequence[tuple[set[str], set[str]]]) -> dict[str, float]:
    """Scores of (reference set, predicted set) pairs."""
    by_class = []
    both = true = told = 0
    for label in LABELS:
        b = sum(1 for held, said in pairs if label in held and label in said)
        r = sum(1 for held, _ in pairs if label in held)
        p = sum(1 for _, said in pairs if label in said)
        both, true, told = both + b, true + r, told + p
        if r:
            by_class.append(2 * b / (r + p))
    return {
        "multilabel_macro_f1": sum(by_class) / len(by_class),
        "multilabel_micro_f1": 2 * both / (true + told),
        "exact_match": sum(1 for held, said in pairs if held == said) / len(pairs),
        "empty_prediction": sum(1 for _, said in pairs if not said) / len(pairs),
    }


def above(share: Callable[[str], float | Fraction], threshold: Fraction) -> set[str]:
    """The labels above a threshold, within what rounding can do."""
    return {label for label in LABELS if share(label) > threshold + Fraction(1, 10**9)}


def divergences(human: Sequence[float], said: Sequence[float]) -> dict[str, float]:
    """Distances of one distribution from another, in nats."""
    middle = [(h + p) / 2 for h, p in zip(human, said, strict=True)]

    def kl(first: Sequence[float], second: Sequence[float]) -> float:
        return sum(a * log(a / b) for a, b in zip(first, second, strict=True) if a)

    both = list(zip(human, said, strict=True))
    return {
        "kld": kl(human, said),
        "jsd": (kl(human, middle) + kl(said, middle)) / 2,
        "cross_entropy": -sum(h * log(p) for h, p in both if h),
        "soft_brier": sum((h - p) ** 2 for h, p in both),
        "total_variation": sum(abs(h - p) for h, p in both) / 2,
    }


def rated(world: Iterable[Spoken]) -> list[Spoken]:
    """The utterances with a vote for a label."""
    return [one for one in world if any(vote in LABELS for vote in one.votes)]


def tallied(one: Spoken) -> Counter[str]:
    """Votes by label, those for none of them left out."""
    return Counter(vote for vote in one.votes if vote != "other")
