"""Panels of listeners as tables, and what they score by plain counting over their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import polars as pl

from equivoice.records import Label, LabelSpace

LABELS = ("angry", "calm", "sad")
SPACE = LabelSpace("panel", (Label("angry", ("anger",)), Label("calm"), Label("sad")))
NOBODY = "other"


@dataclass(frozen=True)
class Heard:
    """One utterance and the answers of those who heard it, one by one."""

    name: str
    speaker: str
    gender: str | None
    emotion: str | None
    answers: tuple[str, ...]
    corpus: str = "demo"


def utterances_of(panel: Sequence[Heard]) -> pl.DataFrame:
    """The utterances of a panel."""
    return pl.DataFrame(
        [
            {
                "utterance_id": each.name,
                "corpus": each.corpus,
                "speaker": each.speaker,
                "gender": each.gender,
                "emotion": each.emotion,
            }
            for each in panel
        ],
        schema={
            "utterance_id": pl.String,
            "corpus": pl.String,
            "speaker": pl.String,
            "gender": pl.String,
            "emotion": pl.String,
        },
    )


def votes_of(
    panel: Iterable[Heard], channel: str | None = None, *, named: bool = False
) -> pl.DataFrame:
    """A row a vote; with names, the first answer on each utterance is the first rater's."""
    return pl.DataFrame(
        [
            {
                "item": each.name,
                "channel": channel,
                "rater": f"r{place}" if named else None,
                "question": "emotion",
                "value": answer,
            }
            for each in panel
            for place, answer in enumerate(each.answers)
        ],
        schema={
            "item": pl.String,
            "channel": pl.String,
            "rater": pl.String,
            "question": pl.String,
            "value": pl.String,
        },
    )


def random_panel(
    *,
    speakers: int = 12,
    each: int = 4,
    votes: tuple[int, int] = (2, 7),
    others: float = 0.0,
    seed: int = 0,
) -> list[Heard]:
    """Speakers of two genders; what is intended is heard in half of the votes or more."""
    rng = np.random.default_rng(seed)
    panel = []
    for speaker in range(speakers):
        for take in range(each):
            emotion = LABELS[(speaker + take) % 3]
            clear = rng.uniform(0.2, 0.9)
            answers = []
            for _ in range(rng.integers(votes[0], votes[1] + 1)):
                heard = emotion if rng.random() < clear else LABELS[rng.integers(3)]
                answers.append(NOBODY if rng.random() < others else heard)
            gender = "female" if speaker % 2 else "male"
            panel.append(
                Heard(f"u{speaker}-{take}", f"s{speaker}", gender, emotion, tuple(answers))
            )
    return panel


Cells = dict[tuple[str, str], Fraction]
"""Weights by reference and answer."""


def added(tables: Iterable[Mapping[tuple[str, str], Fraction]]) -> Cells:
    """Tables summed cell by cell."""
    total: Cells = {}
    for table in tables:
        for cell, weight in table.items():
            total[cell] = total.get(cell, Fraction(0)) + weight
    return total


def accuracy(cells: Cells) -> float:
    """The weight on the diagonal, of all."""
    right = sum(weight for (truth, answer), weight in cells.items() if truth == answer)
    return float(right / sum(cells.values()))


def recall(cells: Cells, label: str) -> float:
    """The share of a reference that was given its own label."""
    own = sum(weight for (truth, _), weight in cells.items() if truth == label)
    return float(cells.get((label, label), Fraction(0)) / own)


def f1(cells: Cells, label: str) -> float:
    """2 TP / (2 TP + FP + FN)."""
    right = cells.get((label, label), Fraction(0))
    given = sum(weight for (_, answer), weight in cells.items() if answer == label)
    own = sum(weight for (truth, _), weight in cells.items() if truth == label)
    return float(2 * right / (given + own))


def mean_over_labels(cells: Cells, each: Callable[[Cells, str], float]) -> float:
    """The mean over the labels that are a reference."""
    there = sorted({truth for (truth, _), weight in cells.items() if weight})
    return sum(each(cells, label) for label in there) / len(there)


def one_listener(each: Heard) -> Cells:
    """Every vote against the intended label, each with its share."""
    table: Cells = {}
    for answer in each.answers:
        cell = (str(each.emotion), answer)
        table[cell] = table.get(cell, Fraction(0)) + Fraction(1, len(each.answers))
    return table


def the_plurality(each: Heard) -> Cells:
    """The most frequent answers against the intended label, ties shared."""
    tally = Counter(each.answers)
    tied = [answer for answer, many in tally.items() if many == max(tally.values())]
    return {(str(each.emotion), answer): Fraction(1, len(tied)) for answer in tied}


def winner(answers: Sequence[str], rule: str, *, count_other: bool = False) -> str | None:
    """The label that a rule makes of answers; ``None`` where it makes none."""
    if not count_other:
        answers = [answer for answer in answers if answer != NOBODY]
    ranked = Counter(answers).most_common()
    if not ranked:
        return None
    first, many = ranked[0]
    if rule == "majority":
        good = 2 * many > len(answers)
    else:
        good = len(ranked) == 1 or ranked[1][1] < many
    return first if good and first != NOBODY else None


def left_out(each: Heard, rule: str, *, credited: bool = False) -> tuple[Cells, Fraction]:
    """Each listener against the others; and how many have others without a label."""
    table: Cells = {}
    lost = Fraction(0)
    share = Fraction(1, len(each.answers))
    for place, answer in enumerate(each.answers):
        others = each.answers[:place] + each.answers[place + 1 :]
        reference = answer if credited and answer in others else winner(others, rule)
        if reference is None:
            lost += share
        else:
            table[reference, answer] = table.get((reference, answer), Fraction(0)) + share
    return table, lost


def sets_of_left_out(
    panel: Iterable[Heard], above: Fraction | None
) -> list[tuple[Fraction, set[str], set[str]]]:
    """Weight, labels of the others above a share (``None``: any vote) and the own answer."""
    found = []
    for each in panel:
        for place, answer in enumerate(each.answers):
            others = each.answers[:place] + each.answers[place + 1 :]
            if others:
                tally = Counter(others)
                held = {
                    label
                    for label, many in tally.items()
                    if above is None or Fraction(many, len(others)) > above
                }
                own = {answer} if above is None or Fraction(1) > above else set()
                found.append((Fraction(1, len(each.answers)), held, own))
    return found


def macro_f1_of_sets(sets: Iterable[tuple[Fraction, set[str], set[str]]]) -> float:
    """Mean over labels that are in a reference of 2 both / (reference + answer)."""
    found = list(sets)
    values = []
    for label in LABELS:
        held = sum(weight for weight, reference, _ in found if label in reference)
        own = sum(weight for weight, _, answer in found if label in answer)
        both = sum(weight for weight, reference, answer in found if label in reference & answer)
        if held:
            values.append(float(2 * both / (held + own)))
    return sum(values) / len(values)
