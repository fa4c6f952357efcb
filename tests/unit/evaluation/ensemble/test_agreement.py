"""Agreement of members, and the oracle over them: worked by hand, and against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, recall_score

from equivoice.evaluation.ensemble.agreement import oracle_scores, pairs_of_members, right
from equivoice.evaluation.ensemble.ballots import Ballots
from oracles.ballot_box import votes

LABELS = ("angry", "happy", "sad")
TRUTH = ("angry", "angry", "happy", "happy", "sad", "sad")
PLAIN: dict[str, Any] = {"replicates": 0, "seed": 0}


def of(truth: tuple[str, ...]) -> tuple[np.ndarray, pl.DataFrame]:
    codes = np.array([LABELS.index(label) for label in truth])
    rows = {
        "utterance_id": [f"demo/{n:03d}" for n in range(len(truth))],
        "corpus": "demo",
        "speaker": [f"s{n % 3}" for n in range(len(truth))],
        "emotion": list(truth),
    }
    return codes, pl.DataFrame(rows)


@pytest.fixture
def by_hand() -> Ballots:
    """Two members; the second is not there for the fifth utterance, both refuse the last."""
    ballots = votes(
        [
            ("angry", "angry"),
            ("angry", "happy"),
            ("happy", "happy"),
            ("sad", "sad"),
            ("sad", None),
            (None, None),
        ]
    )
    ballots.present[4, 1] = False
    return ballots


def test_a_pair_by_hand(by_hand: Ballots) -> None:
    """Five utterances in common. They say the same on 0, 2, 3 and, in silence, 5: 4 of 5.

    Of (angry, happy, sad, nothing) the first says 2, 1, 1, 1 and the second 1, 2, 1, 1:
    by chance they agree (2 + 2 + 1 + 1) / 25 = .24, so κ = (.8 − .24) / .76.
    """
    codes, utterances = of(TRUTH)
    (pair,) = pairs_of_members(by_hand, codes, utterances, certainty=PLAIN)
    assert (pair.first, pair.second, pair.n) == ("m0", "m1", 5)
    assert pair.agree.value == pytest.approx(0.8)
    assert pair.kappa == pytest.approx(0.56 / 0.76)
    counted = (pair.both_right, pair.only_first, pair.only_second, pair.both_wrong)
    assert counted == (2, 1, 0, 2)


def test_the_oracle_by_hand(by_hand: Ballots) -> None:
    """It says angry angry happy sad sad and nothing: where all are wrong, what the first says.

    F1: angry 1; happy 2·1/(1 + 2) = 2/3; sad 2·1/(2 + 2) = 1/2. Recall: 1, 1/2, 1/2.
    """
    codes, utterances = of(TRUTH)
    assert right(by_hand, codes).any(axis=1).tolist() == [True, True, True, False, True, False]
    found = oracle_scores(by_hand, codes, utterances, fallback=["m1", "m0"], certainty=PLAIN)
    assert found["accuracy"].value == pytest.approx(4 / 6)
    assert found["macro_f1"].value == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    assert found["unweighted_accuracy"].value == pytest.approx(2 / 3)


def test_the_fallback_of_the_oracle_is_the_first_with_a_label() -> None:
    ballots = votes([(None, "happy", "sad")])
    codes, utterances = of(("angry",))
    wrong = {
        order: oracle_scores(ballots, codes, utterances, fallback=order, certainty=PLAIN)
        for order in (("m0", "m1", "m2"), ("m2", "m1", "m0"))
    }
    # a wrong answer is wrong whichever it is, and no member is right
    assert {each["accuracy"].value for each in wrong.values()} == {0.0}


def test_members_without_a_common_utterance() -> None:
    ballots = votes([("sad", "sad"), ("happy", "happy")])
    ballots.present[0, 0] = ballots.present[1, 1] = False
    codes, utterances = of(("sad", "happy"))
    (pair,) = pairs_of_members(ballots, codes, utterances, certainty=PLAIN)
    assert (pair.n, pair.agree.value, pair.kappa) == (0, None, None)
    assert pair.agree.undefined == "no utterance in common"


def test_members_that_say_one_label_alone_have_no_kappa() -> None:
    ballots = votes([("sad", "sad"), ("sad", "sad")])
    codes, utterances = of(("sad", "happy"))
    (pair,) = pairs_of_members(ballots, codes, utterances, certainty=PLAIN)
    assert (pair.agree.value, pair.kappa) == (1.0, None)


@pytest.mark.parametrize("seed", range(4))
def test_random_members_against_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = np.array([*LABELS, "nothing"])
    drawn = rng.choice(words, size=(60, 3), p=[0.3, 0.3, 0.3, 0.1])
    rows = [[None if word == "nothing" else str(word) for word in row] for row in drawn]
    truth = tuple(str(word) for word in rng.choice(LABELS, 60))
    ballots, (codes, utterances) = votes(rows, LABELS), of(truth)
    for pair in pairs_of_members(ballots, codes, utterances, certainty=PLAIN):
        one, two = (drawn[:, int(name[1:])] for name in (pair.first, pair.second))
        assert pair.agree.value == pytest.approx(accuracy_score(one, two))
        assert pair.kappa == pytest.approx(cohen_kappa_score(one, two))
        assert pair.both_right == sum((one == np.array(truth)) & (two == np.array(truth)))
        total = pair.both_right + pair.only_first + pair.only_second + pair.both_wrong
        assert total == pair.n == 60
    order = ["m2", "m0", "m1"]
    said = []
    for label, row in zip(truth, drawn[:, [2, 0, 1]], strict=True):
        spoken = [word for word in row if word != "nothing"]
        said.append(label if label in row else next(iter(spoken), "nothing"))
    found = oracle_scores(ballots, codes, utterances, fallback=order, certainty=PLAIN)
    how: dict[str, Any] = {"labels": LABELS, "average": "macro", "zero_division": 0}
    assert found["macro_f1"].value == pytest.approx(f1_score(truth, said, **how))
    assert found["unweighted_accuracy"].value == pytest.approx(recall_score(truth, said, **how))
