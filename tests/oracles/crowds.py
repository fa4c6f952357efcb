"""Crowds of listeners, and their scores by plain counting: vote by vote, half by half, in fractions.

Nothing here shares a line with what it checks: no arrays, no closed form.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from equivoice.annotators import VoteCounts

Table = dict[tuple[int, int], Fraction]
"""Weights by (reference, answer); an answer of −1 is none of the labels."""

NONE = -1


def crowd(rows: Sequence[Sequence[int]], other: Sequence[int] | None = None) -> VoteCounts:
    """Counts written by hand: a row an utterance, a column a label."""
    table = np.array(rows, dtype=np.int64).reshape(len(rows), -1)
    labels = tuple(f"label {k}" for k in range(table.shape[1]))
    beside = np.zeros(len(rows), np.int64) if other is None else np.array(other, dtype=np.int64)
    return VoteCounts(tuple(f"u{k}" for k in range(len(rows))), labels, table, beside)


def random_crowd(
    n: int, classes: int = 4, *, votes: tuple[int, int] = (1, 12), seed: int = 0, other: int = 0
) -> VoteCounts:
    """Utterances that are heard in different ways, with unequal numbers of votes."""
    rng = np.random.default_rng(seed)
    heard = rng.dirichlet(np.full(classes, 0.6), n)
    numbers = rng.integers(votes[0], votes[1] + 1, n)
    rows = [rng.multinomial(number, share) for number, share in zip(numbers, heard, strict=True)]
    return crowd([row.tolist() for row in rows], rng.integers(0, other + 1, n).tolist())


@st.composite
def crowds(
    draw: st.DrawFn, *, classes: tuple[int, int] = (2, 4), items: int = 6, most: int = 4
) -> VoteCounts:
    """Small crowds, also without votes, with one vote, and with votes for none of the labels."""
    width = draw(st.integers(*classes))
    cells = st.integers(0, most)
    rows = draw(
        st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=items)
    )
    other = draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    return crowd(rows, other)


def said(counts: VoteCounts, *, with_other: bool = False) -> list[list[int]]:
    """The answers on each utterance, one by one."""
    found = []
    for row, beside in zip(counts.counts.tolist(), counts.other.tolist(), strict=True):
        answers = [label for label, many in enumerate(row) for _ in range(many)]
        found.append(answers + [NONE] * (beside if with_other else 0))
    return found


def elected(answers: Sequence[int], rule: str) -> int | None:
    """The label that a rule makes of answers."""
    tally = Counter(answers)
    if not tally:
        return None
    top = max(tally.values())
    first = [answer for answer, many in tally.items() if many == top]
    if rule == "majority":
        return first[0] if 2 * top > len(answers) and first[0] != NONE else None
    return first[0] if len(first) == 1 and first[0] != NONE else None


def alpha(units: Sequence[Sequence[int]], *, of: int | None = None) -> float:
    """Krippendorff's alpha by its definition: pairs of votes within units, and among all."""
    if of is not None:
        units = [[int(answer == of) for answer in unit] for unit in units]
    units = [unit for unit in units if len(unit) > 1]
    pool = [answer for unit in units for answer in unit]
    if not pool or len(set(pool)) == 1:
        return math.nan
    observed = sum(
        Fraction(a != b, len(unit) - 1)
        for unit in units
        for a, b in itertools.permutations(unit, 2)
    ) / len(pool)
    expected = Fraction(
        sum(a != b for a, b in itertools.permutations(pool, 2)), len(pool) * (len(pool) - 1)
    )
    return float(1 - observed / expected)


def left_out_table(
    answers: Sequence[int], rule: str, *, credited: bool = False
) -> tuple[Table, Fraction]:
    """Each listener of one utterance against the others, one after the other."""
    table: Table = {}
    lost = Fraction(0)
    for position, answer in enumerate(answers):
        others = [*answers[:position], *answers[position + 1 :]]
        reference = elected(others, rule)
        if credited and answer != NONE and answer in others:
            reference = answer
        share = Fraction(1, len(answers))
        if reference is None:
            lost += share
        else:
            table[reference, answer] = table.get((reference, answer), Fraction(0)) + share
    return table, lost


def half_table(
    answers: Sequence[int], rule: str, *, silent_ties: bool = False
) -> tuple[Table, Fraction]:
    """Every half of one utterance's listeners against the rest, each as likely."""
    table: Table = {}
    halves = list(itertools.combinations(range(len(answers)), len(answers) // 2))
    lost = Fraction(0)
    for half in halves:
        rest = [answer for place, answer in enumerate(answers) if place not in half]
        reference = elected(rest, rule)
        if reference is None or not half:
            lost += Fraction(1, len(halves))
            continue
        tally = Counter(answers[place] for place in half)
        tied = [answer for answer, many in tally.items() if many == max(tally.values())]
        if silent_ties and len(tied) > 1:
            tied = [NONE]
        for answer in tied:
            share = Fraction(1, len(halves) * len(tied))
            table[reference, answer] = table.get((reference, answer), Fraction(0)) + share
    return table, lost


def as_array(table: Table, classes: int) -> np.ndarray:
    """(C, C + 1), none of the labels in the last column."""
    found = np.zeros((classes, classes + 1))
    for (reference, answer), weight in table.items():
        found[reference, answer] += float(weight)
    return found


def outcomes(tables: Sequence[Table]) -> Iterator[tuple[Fraction, list[int], list[int]]]:
    """Every way in which one listener an utterance can answer: how likely, references, answers.

    An utterance whose weights sum to less than 1 is absent with the rest.
    """
    choices = []
    for table in tables:
        absent = 1 - sum(table.values(), Fraction(0))
        cells: list[tuple[tuple[int, int] | None, Fraction]] = list(table.items())
        choices.append(cells + ([(None, absent)] if absent else []))
    for combination in itertools.product(*choices):
        likely = math.prod((weight for _, weight in combination), start=Fraction(1))
        met = [cell for cell, _ in combination if cell is not None]
        yield likely, [reference for reference, _ in met], [answer for _, answer in met]
