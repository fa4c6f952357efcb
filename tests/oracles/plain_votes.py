"""Votes counted, elected and weighted the slow way: lists, dictionaries and fractions."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import exp, log
from pathlib import Path

import numpy as np

CREMA_D_CHANNELS = {"1": "voice", "2": "face", "3": "both"}
CREMA_D_LETTERS = {
    "A": "angry",
    "D": "disgust",
    "F": "fear",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
}


def crema_d(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Rows of CREMA-D's table of votes by (channel, file name), as the CSV has them."""
    with (folder / "tabulatedVotes.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return {(CREMA_D_CHANNELS[row[""][0]], row["fileName"]): row for row in rows}


def crema_d_votes(row: dict[str, str]) -> Counter[str]:
    """The votes of one row by label."""
    return Counter({label: int(row[letter]) for letter, label in CREMA_D_LETTERS.items()})


def elected(votes: Sequence[int], rule: str, none: int = 0) -> int:
    """The position that a rule elects, −1 where none; ``none`` are votes that count for nobody."""
    total = sum(votes) + none
    if total == 0:
        return -1
    shares = [Fraction(each, total) for each in votes]
    best = max(shares)
    winners = [place for place, share in enumerate(shares) if share == best]
    if rule == "majority":
        return winners[0] if best > Fraction(1, 2) else -1
    if len(winners) > 1 or best <= Fraction(none, total):
        return -1
    return winners[0]


def stratum(votes: Sequence[int]) -> str | None:
    """How far raters agree, in words."""
    if sum(votes) == 0:
        return None
    best = Fraction(max(votes), sum(votes))
    if best == 1:
        return "all agree"
    if best >= Fraction(2, 3):
        return "two thirds or more"
    if best > Fraction(1, 2):
        return "more than half"
    return "a tie" if list(votes).count(max(votes)) > 1 else "a plurality"


class PlainDawidSkene:
    """Dawid and Skene's EM, one sum at a time.

    ``votes`` are (item, rater, answer) triples; answers are 0 to ``answers`` − 1, of which
    the first ``classes`` can be true.
    """

    def __init__(
        self,
        votes: Sequence[tuple[int, int, int]],
        *,
        classes: int,
        answers: int | None = None,
        smoothing: float = 0.0,
    ) -> None:
        self.votes, self.classes, self.smoothing = list(votes), classes, smoothing
        self.answers = classes if answers is None else answers
        self.raters = sorted({rater for _, rater, _ in votes})
        self.truth: dict[int, list[float]] = {}
        for item in {item for item, _, _ in votes}:
            said = [answer for i, _, answer in votes if i == item and answer < classes]
            if said:
                self.truth[item] = [said.count(c) / len(said) for c in range(classes)]
            else:
                self.truth[item] = [1 / classes] * classes
        self.log_likelihood = float("nan")

    def step(self) -> None:
        """One M-step and one E-step."""
        self.prior = self._prior()
        self.confusion = {rater: self._confusion(rater) for rater in self.raters}
        self.log_likelihood = 0.0
        for item in self.truth:
            joint = []
            for c in range(self.classes):
                total = log(self.prior[c]) if self.prior[c] else float("-inf")
                for i, rater, answer in self.votes:
                    if i == item:
                        chance = self.confusion[rater][c][answer]
                        total += log(chance) if chance else float("-inf")
                joint.append(total)
            most = max(joint)
            raised = [exp(each - most) for each in joint]
            self.log_likelihood += most + log(sum(raised))
            self.truth[item] = [each / sum(raised) for each in raised]

    def penalised(self) -> float:
        """The log-likelihood and the logarithm of the Dirichlet priors, which EM raises."""
        cells = [p for rows in self.confusion.values() for row in rows for p in row]
        return self.log_likelihood + self.smoothing * sum(map(log, [*cells, *self.prior]))

    def _prior(self) -> list[float]:
        mass = [
            self.smoothing + sum(truth[c] for truth in self.truth.values())
            for c in range(self.classes)
        ]
        return [each / sum(mass) for each in mass]

    def _confusion(self, rater: int) -> list[list[float]]:
        table = []
        for c in range(self.classes):
            row = [self.smoothing] * self.answers
            for item, who, answer in self.votes:
                if who == rater:
                    row[answer] += self.truth[item][c]
            whole = sum(row)
            table.append([each / whole if whole else 1 / self.answers for each in row])
        return table


def simulated_votes(
    confusions: np.ndarray, prior: np.ndarray, *, items: int, share: float, seed: int
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """True labels, and (item, rater, answer) of raters who each rate a share of the items."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(len(prior), size=items, p=prior)
    votes = []
    for item in range(items):
        for rater, confusion in enumerate(confusions):
            if rng.random() < share:
                answer = rng.choice(confusion.shape[1], p=confusion[truth[item]])
                votes.append((item, rater, int(answer)))
    return truth, votes
