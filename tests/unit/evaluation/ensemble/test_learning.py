"""What is learnt, and from what: scores and stacks against scikit-learn, fold by fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.evaluation.ensemble.gathering import Gathered, Reference, gather
from equivoice.evaluation.ensemble.learning import (
    common_folds,
    member_scores,
    refuse_tested,
    stacked_across,
    stacked_from,
)
from equivoice.evaluation.ensemble.members import Member
from equivoice.records import PREDICTIONS
from oracles.ballot_box import space
from oracles.stacks import plain_stack

LABELS = ("angry", "happy", "sad")
SPACE = space(LABELS)


def shares_of(truth: np.ndarray, seed: int, strength: float) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(size=(len(truth), 3))
    scores += strength * np.eye(3)[truth]
    raised = np.exp(scores)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def made(n: int, seed: int, *, prefix: str = "demo", folds: Any = None) -> tuple[Gathered, Any]:
    """Two members with probabilities on n utterances, and the codes of the labels."""
    truth = np.random.default_rng(seed).integers(0, 3, n)
    ids = [f"{prefix}/{row:03d}" for row in range(n)]
    utterances = pl.DataFrame(
        {
            "utterance_id": ids,
            "corpus": "demo",
            "speaker": [f"{prefix}-{row % 6}" for row in range(n)],
            "emotion": [LABELS[code] for code in truth],
        }
    )
    members = []
    for at, strength in enumerate((1.5, 0.5)):
        shares = shares_of(truth, 100 * seed + at, strength)
        table = pl.DataFrame(
            {
                "utterance_id": ids,
                "emotion": [LABELS[code] for code in shares.argmax(axis=1)],
                "probabilities": shares.tolist(),
                "fold": folds or [None] * n,
            },
            schema_overrides={"fold": pl.String},
        )
        members.append(Member(f"m{at}", PREDICTIONS.validate(table), "a test"))
    return gather(members, Reference(utterances, SPACE, "demo")), truth


def logs(gathered: Gathered) -> np.ndarray:
    """(n, M, C): the logarithms of the members' probabilities."""
    return np.asarray(np.log(gathered.ballots.probabilities))


def test_members_are_put_in_order_by_the_macro_f1_of_scikit_learn() -> None:
    gathered, truth = made(80, 1)
    found = member_scores(gathered, SPACE)
    for at, name in enumerate(("m0", "m1")):
        said = gathered.ballots.choices[:, at]
        assert found[name] == pytest.approx(f1_score(truth, said, average="macro"), abs=1e-12)
    assert found["m0"] > found["m1"]


def test_a_stack_from_validation_is_that_of_newtons_method() -> None:
    known, truth = made(150, 2, prefix="val")
    tested, _ = made(60, 3)
    learnt = stacked_from(known, tested.ballots)
    expected = plain_stack(logs(known), truth, logs(tested))
    np.testing.assert_allclose(learnt.shares, expected, atol=1e-6)
    assert learnt.source == "Stacking was fitted to 150 validation utterances."
    assert refuse_tested(known, tested) == []


def test_a_stack_across_folds_is_fitted_anew_for_each() -> None:
    folds = [str(row % 3) for row in range(120)]
    tested, truth = made(120, 4, folds=folds)
    learnt = stacked_across(tested, seed=0)
    features, own = logs(tested), np.array(folds)
    for fold in "012":
        rest, here = own != fold, own == fold
        expected = plain_stack(features[rest], truth[rest], features[here])
        np.testing.assert_allclose(learnt.shares[here], expected, atol=1e-6)
    assert "folds that the members were tested in but one, 3 times" in learnt.source


def test_without_folds_no_speaker_is_learnt_from_and_answered() -> None:
    """Labels of one speaker exchanged: the answers on that speaker's fold stay as they are."""
    tested, _ = made(90, 5)
    before = stacked_across(tested, seed=0).shares
    # as many of each as before: folds are made so that each has its share of every label
    turned = pl.col("emotion").reverse().over("speaker")
    spoilt = tested.utterances.with_columns(
        emotion=pl.when(pl.col("speaker") == "demo-2").then(turned).otherwise("emotion")
    )
    after = stacked_across(Gathered(tested.members, tested.ballots, spoilt, {}), seed=0).shares
    same = np.isclose(before, after, atol=1e-12).all(axis=1)
    own = (tested.utterances.get_column("speaker") == "demo-2").to_numpy()
    assert same[own].all()
    assert not same[~own].all()


def test_folds_are_common_where_all_members_name_the_same() -> None:
    one, _ = made(4, 6, folds=["1", "1", "2", "2"])
    assert list(common_folds(one).values()) == ["1", "1", "2", "2"]
    first, second = one.members
    turned = second.predictions.with_columns(fold=pl.lit("1"))
    other = Gathered(
        (first, Member("m1", turned, "a test")), one.ballots, one.utterances, one.left_out
    )
    assert list(common_folds(other).values()) == ["1", "1", None, None]
