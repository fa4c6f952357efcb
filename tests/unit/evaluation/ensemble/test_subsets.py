"""Every subset of the members, each against votes counted one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.evaluation.ensemble.ruling import Rules
from equivoice.evaluation.ensemble.subsets import subset_scores
from oracles.ballot_box import most_votes, votes

LABELS = ("angry", "happy", "sad")
MEMBERS = ("S1", "S2", "T1", "T2")
PREFERENCE = ("S2", "T2", "S1", "T1")
WEIGHTS = {"S1": 1, "S2": 3, "T1": 2, "T2": 1}
PLAIN: dict[str, Any] = {"replicates": 0, "seed": 0}


def counted(
    row: dict[str, str | None], members: tuple[str, ...], weights: dict[str, int]
) -> tuple[str | None, bool]:
    """The label of a vote, ties by the first in the order of preference; and whether it was one."""
    top, _ = most_votes([row[name] for name in members], [weights[name] for name in members])
    if len(top) < 2:
        return next(iter(top), None), False
    first = next(name for name in PREFERENCE if name in members and row[name] in top)
    return row[first], True


@pytest.mark.parametrize("method", ["majority", "weighted"])
def test_each_subset_is_counted_one_by_one(method: str) -> None:
    rng = np.random.default_rng(7)
    truth = [str(word) for word in rng.choice(LABELS, 45)]
    said = [[rng.choice([label, *LABELS, None]) for _ in MEMBERS] for label in truth]
    ballots = votes(said, LABELS, members=MEMBERS)
    ids = list(ballots.utterance_ids)
    utterances = pl.DataFrame({"utterance_id": ids, "corpus": "demo", "emotion": truth})
    given = {name: float(value) for name, value in WEIGHTS.items()}
    rules = Rules("first_member", PREFERENCE, given if method == "weighted" else {})
    found = subset_scores(ballots, utterances, method=method, rules=rules, certainty=PLAIN)
    sizes = [len(subset.members) for subset in found]
    assert sizes == [4, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1]
    wanted = set(itertools.chain(*(itertools.combinations(MEMBERS, size) for size in range(1, 5))))
    assert {subset.members for subset in found} == wanted
    weights = WEIGHTS if method == "weighted" else dict.fromkeys(MEMBERS, 1)
    for subset in found:
        rows = [dict(zip(MEMBERS, row, strict=True)) for row in said]
        decided = [counted(row, subset.members, weights) for row in rows]
        spoken = [label or "nothing" for label, _ in decided]
        expected = f1_score(truth, spoken, labels=LABELS, average="macro", zero_division=0)
        assert subset.scores["macro_f1"].value == pytest.approx(expected, abs=1e-12)
        assert subset.ties == sum(tied for _, tied in decided)
        assert subset.breaker == next(name for name in PREFERENCE if name in subset.members)
        assert subset.n == 45
