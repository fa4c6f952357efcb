"""Votes and ties, worked by hand, rule by rule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import VotingClassifier
from sklearn.preprocessing import LabelEncoder

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.ensemble.ballots import Ballots
from equivoice.evaluation.ensemble.ruling import Rules, check_methods, labels_of, rule
from equivoice.evaluation.ensemble.voting import (
    TIES,
    Ruling,
    decide,
    mean_probabilities,
    vote_shares,
)
from oracles.ballot_box import most_votes, votes

LABELS = ("angry", "happy", "sad")
EIGHT = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
ABHINAYA = ("S1", "S2", "T1", "T2", "ST1")


def majority(ballots: Ballots, tie: str = "among_tied", *breaker: str, seed: int = 0) -> Ruling:
    return rule(ballots, "majority", Rules(tie, breaker or ballots.members, {}, seed))


def decided(ballots: Ballots, tie: str, *breaker: str) -> list[str | None]:
    return labels_of(majority(ballots, tie, *breaker), ballots.labels)


# ----------------------------------------------------------------------- no tie at all


def test_most_votes_win_whatever_the_rule_for_ties() -> None:
    ballots = votes([("sad", "sad", "angry"), ("happy", "happy", "happy"), (None, "sad", None)])
    for tie in TIES:
        made = majority(ballots, tie)
        assert labels_of(made, ballots.labels) == ["sad", "happy", "sad"], tie
        assert not made.tied.any()
        assert made.decided_by == ("", "", "")


def test_a_plurality_is_enough() -> None:
    """2-1-1-1: the field's majority vote needs no half."""
    row = ("angry", "angry", "happy", "sad", "fear")
    ballots = votes([row], EIGHT, members=ABHINAYA)
    assert decided(ballots, "none") == ["angry"]


def test_shares_are_of_the_votes_that_were_given() -> None:
    ballots = votes([("sad", "sad", "angry"), (None, "sad", "angry"), (None, None, None)])
    shares = vote_shares(ballots, np.ones(3))
    assert shares[0].tolist() == pytest.approx([1 / 3, 0, 2 / 3])
    assert shares[1].tolist() == pytest.approx([0.5, 0, 0.5])
    assert np.isnan(shares[2]).all()


def test_nobody_voted_so_there_is_no_answer() -> None:
    ballots = votes([(None, None)])
    for tie in TIES:
        made = majority(ballots, tie)
        assert labels_of(made, ballots.labels) == [None]
        assert not made.tied.any()


# ------------------------------------------------------------ 2-2-1 of five, as ABHINAYA


TWO_TWO_ONE = ("happy", "sad", "sad", "happy", "angry")  # S1 S2 T1 T2 ST1
S2_ALONE = ("happy", "angry", "sad", "happy", "sad")


def test_two_two_one_with_the_tie_breaker_among_the_tied() -> None:
    ballots = votes([TWO_TWO_ONE], members=ABHINAYA)
    for tie in ("among_tied", "own_label", "abhinaya_paper", "first_member"):
        assert decided(ballots, tie, "S2") == ["sad"], tie
        assert majority(ballots, tie, "S2").decided_by == ("S2",)
    assert decided(ballots, "among_tied", "T2") == ["happy"]


def test_two_two_one_with_the_tie_breaker_in_the_minority() -> None:
    """The case that the paper's words do not settle: both readings have a name."""
    ballots = votes([S2_ALONE], members=ABHINAYA)
    assert decided(ballots, "own_label", "S2") == ["angry"]
    assert decided(ballots, "abhinaya_paper", "S2") == ["angry"]
    assert decided(ballots, "first_member", "S2") == ["happy"]  # S2 is not among them, S1 is
    assert decided(ballots, "among_tied", "S2") == ["angry"]  # nothing says which it prefers


def test_among_the_tied_the_breaker_takes_what_it_finds_more_probable() -> None:
    s2 = {(0, 1): (0.6, 0.1, 0.3)}  # angry, happy, sad
    ballots = votes([S2_ALONE], members=ABHINAYA, probabilities=s2)
    made = majority(ballots, "among_tied", "S2")
    assert labels_of(made, ballots.labels) == ["sad"]
    assert made.decided_by == ("S2",)
    assert decided(ballots, "own_label", "S2") == ["angry"]


def test_a_tie_breaker_that_gave_no_label_is_passed_over() -> None:
    row = ("happy", None, "sad", "happy", "sad")
    ballots = votes([row], members=ABHINAYA)
    for tie in ("among_tied", "own_label", "first_member"):
        made = majority(ballots, tie, "S2", "ST1")
        assert labels_of(made, ballots.labels) == ["sad"], tie
        assert made.decided_by == ("ST1",)
        assert decided(ballots, tie, "S2") == ["happy"]  # S1 is the next in their own order


def test_two_against_two() -> None:
    ballots = votes([("sad", "angry", "sad", "angry")])
    assert decided(ballots, "among_tied", "m1") == ["angry"]
    assert decided(ballots, "among_tied", "m2") == ["sad"]
    assert decided(ballots, "label_order") == ["angry"]
    assert decided(ballots, "none") == [None]


def test_all_different() -> None:
    ballots = votes([("sad", "happy", "angry")])
    assert [decided(ballots, "own_label", name)[0] for name in ballots.members] == [
        "sad",
        "happy",
        "angry",
    ]
    assert decided(ballots, "label_order") == ["angry"]
    assert majority(ballots, "none").tied.tolist() == [True]


def test_by_probability_the_mean_decides_and_then_the_order_of_labels() -> None:
    given = {(0, 0): (0.1, 0.2, 0.7), (0, 1): (0.1, 0.8, 0.1)}
    ballots = votes([("sad", "happy")], probabilities=given)
    assert decided(ballots, "probability") == ["happy"]  # .5 against .4
    even = votes([("sad", "happy")], probabilities={(0, 0): (0, 0.4, 0.6), (0, 1): (0, 0.6, 0.4)})
    made = majority(even, "probability")
    assert labels_of(made, even.labels) == ["happy"]
    assert made.decided_by == ("label order",)
    assert decided(votes([("sad", "happy")]), "probability") == ["happy"]  # nothing but labels


def test_by_chance_is_by_seed_and_utterance_and_takes_each_of_the_tied() -> None:
    ballots = votes([("sad", "happy")] * 200)
    first, again = majority(ballots, "random", seed=1), majority(ballots, "random", seed=1)
    assert first.label.tolist() == again.label.tolist()
    assert first.label.tolist() != majority(ballots, "random", seed=2).label.tolist()
    drawn = labels_of(first, ballots.labels)
    assert set(drawn) == {"sad", "happy"}
    assert 70 < drawn.count("sad") < 130  # 200 fair draws: beyond with p < 0.0001
    part = ballots.rows(np.arange(100, 200))
    assert majority(part, "random", seed=1).label.tolist() == first.label[100:].tolist()


# ------------------------------------------------------------------- weights, soft votes


def test_a_weighted_vote_adds_weights_up() -> None:
    ballots = votes([("sad", "angry", "angry")])
    heavy = Rules("none", ballots.members, {"m0": 2.5})
    assert labels_of(rule(ballots, "weighted", heavy), ballots.labels) == ["sad"]
    even = Rules("none", ballots.members, {"m0": 2.0})
    assert rule(ballots, "weighted", even).tied.tolist() == [True]


def test_weights_that_are_no_binary_fractions_still_tie() -> None:
    """0.1 + 0.2 against 0.3 is a tie, though not in floating point."""
    assert 0.1 + 0.2 != 0.3
    ballots = votes([("sad", "sad", "angry")])
    rules = Rules("label_order", ballots.members, {"m0": 0.1, "m1": 0.2, "m2": 0.3})
    made = rule(ballots, "weighted", rules)
    assert made.tied.tolist() == [True]
    assert labels_of(made, ballots.labels) == ["angry"]


def test_a_soft_vote_is_the_mean_of_probabilities() -> None:
    given = {(0, 0): (0.4, 0.35, 0.25), (0, 1): (0.4, 0.35, 0.25), (0, 2): (0.0, 0.9, 0.1)}
    ballots = votes([("angry", "angry", "happy")], probabilities=given)
    assert decided(ballots, "none") == ["angry"]
    made = rule(ballots, "soft", Rules("none", ballots.members))
    assert labels_of(made, ballots.labels) == ["happy"]
    assert made.shares[0].tolist() == pytest.approx([0.8 / 3, 1.6 / 3, 0.6 / 3])
    weighted = mean_probabilities(ballots, np.array([2.0, 2.0, 1.0]))
    assert weighted[0].tolist() == pytest.approx([0.32, 0.46, 0.22])


def test_a_soft_vote_names_who_gives_no_probabilities() -> None:
    ballots = votes([("sad", "sad"), ("sad", "sad")], probabilities={(0, 0): (0, 0, 1)})
    with pytest.raises(InputError, match="m1 gives none for 2 of 2 utterances") as caught:
        rule(ballots, "soft", Rules("none", ballots.members))
    assert caught.value.value == "demo/000"
    assert "RUN#SYSTEM/options" in str(caught.value)


def test_who_is_silent_has_no_say_in_a_soft_vote() -> None:
    ballots = votes([("sad", None)], probabilities={(0, 0): (0.2, 0.2, 0.6)})
    made = rule(ballots, "soft", Rules("none", ballots.members))
    assert made.shares[0].tolist() == pytest.approx([0.2, 0.2, 0.6])


# -------------------------------------------------------------------------- bad input


def test_what_does_not_exist_is_named() -> None:
    ballots = votes([("sad", "angry")])
    with pytest.raises(ConfigError, match="tie: no such rule: 'coin'") as caught:
        majority(ballots, "coin")
    assert caught.value.choices == TIES
    with pytest.raises(ConfigError, match=r"the tie-breaker is no member.*'S9'"):
        majority(ballots, "among_tied", "S9")
    with pytest.raises(ConfigError, match="no such way to combine votes: 'mean'"):
        check_methods(["mean"], "none")
    with pytest.raises(ConfigError, match="no such way to combine votes"):
        check_methods([], "none")
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="weight: that of m0 is not above 0"):
            rule(ballots, "weighted", Rules("none", ballots.members, {"m0": wrong}))


# ------------------------------------------------- against others, and what always holds


ROWS = st.lists(
    st.lists(st.sampled_from([*LABELS, None]), min_size=4, max_size=4), min_size=1, max_size=12
)


@settings(deadline=None)
@given(ROWS, st.sampled_from(TIES))
def test_the_winner_is_the_one_that_counting_one_by_one_finds(
    rows: list[list[str | None]], tie: str
) -> None:
    ballots = votes(rows, LABELS)
    made = majority(ballots, tie)
    for row, label, tied in zip(rows, labels_of(made, ballots.labels), made.tied, strict=True):
        top, _ = most_votes(row)
        assert tied == (len(top) > 1)
        if len(top) == 1:
            assert {label} == top
        elif top and tie in ("first_member", "probability", "label_order", "random"):
            assert label in top
        elif top and tie == "none":
            assert label is None
        elif top:
            assert label in row


@settings(deadline=None)
@given(ROWS, st.lists(st.integers(1, 3), min_size=4, max_size=4))
def test_a_weight_is_worth_as_many_voters(rows: list[list[str | None]], weights: list[int]) -> None:
    ballots = votes(rows, LABELS)
    rules = Rules("label_order", ballots.members, dict(zip(ballots.members, weights, strict=True)))
    repeated = [
        [label for label, weight in zip(row, weights, strict=True) for _ in range(weight)]
        for row in rows
    ]
    copies = votes(repeated, LABELS)
    one, other = rule(ballots, "weighted", rules), majority(copies, "label_order")
    assert one.label.tolist() == other.label.tolist()
    np.testing.assert_allclose(one.shares, other.shares, atol=1e-12)


@settings(deadline=None)
@given(ROWS, st.permutations(range(4)))
def test_the_order_of_members_does_not_matter_but_where_it_is_asked_for(
    rows: list[list[str | None]], order: list[int]
) -> None:
    ballots = votes(rows, LABELS)
    turned = ballots.of([ballots.members[at] for at in order])
    for tie in ("label_order", "probability", "none", "random"):
        assert majority(ballots, tie).label.tolist() == majority(turned, tie).label.tolist()
    breaker = "m2"
    for tie in ("own_label", "among_tied"):
        preference = (breaker, "m0", "m1", "m3")
        rules = Rules(tie, preference)
        assert rule(ballots, "majority", rules).label.tolist() == (
            rule(turned, "majority", rules).label.tolist()
        )


class _Says:
    """A classifier of scikit-learn that says what it was told to."""

    def __init__(self, codes: list[int], shares: np.ndarray) -> None:
        self._codes, self._shares = codes, shares

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.array(self._codes)[: len(x)]

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return self._shares[: len(x)]


def _sklearn(members: list[_Says], n: int, voting: str, weights: list[float]) -> list[int]:
    made = VotingClassifier(
        [(str(at), member) for at, member in enumerate(members)], voting=voting, weights=weights
    )
    made.estimators_ = members
    made.le_ = LabelEncoder().fit(range(3))
    made.classes_ = made.le_.classes_
    made.named_estimators_ = dict(enumerate(members))
    return [int(code) for code in made.predict(np.zeros((n, 1)))]


@pytest.mark.parametrize("seed", range(6))
def test_votes_are_those_of_scikit_learn(seed: int) -> None:
    """Hard and soft, with weights; at ties the label that comes first."""
    rng = np.random.default_rng(seed)
    n, members = 60, 5
    shares = rng.dirichlet(np.ones(3), size=(n, members))
    codes = shares.argmax(axis=-1)
    weights = [1.0] * members if seed % 2 else rng.integers(1, 4, members).astype(float).tolist()
    rows = [[LABELS[code] for code in row] for row in codes]
    given_shares = {
        (row, column): shares[row, column].tolist()
        for row, column in itertools.product(range(n), range(members))
    }
    ballots = votes(rows, LABELS, probabilities=given_shares)
    rules = Rules("label_order", ballots.members, dict(zip(ballots.members, weights, strict=True)))
    theirs = [_Says(codes[:, at].tolist(), shares[:, at]) for at in range(members)]
    hard = rule(ballots, "weighted", rules).label.tolist()
    assert hard == _sklearn(theirs, n, "hard", weights)
    soft = rule(ballots, "soft", rules).label.tolist()
    assert soft == _sklearn(theirs, n, "soft", weights)


def test_shares_alone_can_be_decided() -> None:
    """What a stack gives is decided as votes are."""
    ballots = votes([("sad", "happy"), ("sad", "happy")])
    shares = np.array([[0.2, 0.3, 0.5], [0.0, 0.5, 0.5]])
    made = decide(ballots, shares, tie="own_label", preference=["m1"])
    assert labels_of(made, ballots.labels) == ["sad", "happy"]
    assert made.decided_by == ("", "m1")


# --------------------------------------------------- every rule on every kind of tie, by hand

# what five members say (S1 S2 T1 T2 ST1; S2 is asked first, then as listed), and how
# probable S1 and S2 find angry, happy and sad
KINDS: dict[str, tuple[tuple[str | None, ...], dict[int, tuple[float, float, float]]]] = {
    "S2 among the tied": (("happy", "sad", "sad", "happy", "angry"), {}),
    "S2 alone": (("happy", "angry", "sad", "happy", "sad"), {}),
    "S2 alone, with probabilities": (
        ("happy", "angry", "sad", "happy", "sad"),
        {0: (0.0, 0.9, 0.1), 1: (0.6, 0.1, 0.3)},
    ),
    "S2 silent": (("happy", None, "sad", "happy", "sad"), {}),
    "S2 silent, with probabilities": (
        ("happy", None, "sad", "happy", "sad"),
        {1: (0.1, 0.2, 0.7)},
    ),
}
# by rule: the label and who decided, in the order of KINDS
BY_HAND: dict[str, list[tuple[str | None, str]]] = {
    "among_tied": [
        ("sad", "S2"),
        ("angry", "S2"),  # nothing says which of the tied it prefers: its own stands
        ("sad", "S2"),  # .3 for sad, .1 for happy
        ("happy", "S1"),
        ("happy", "S1"),  # who says nothing is passed over, whatever its probabilities
    ],
    "own_label": [
        ("sad", "S2"),
        ("angry", "S2"),
        ("angry", "S2"),
        ("happy", "S1"),
        ("happy", "S1"),
    ],
    "abhinaya_paper": [
        ("sad", "S2"),
        ("angry", "S2"),
        ("angry", "S2"),
        ("happy", "S1"),
        ("happy", "S1"),
    ],
    "first_member": [
        ("sad", "S2"),
        ("happy", "S1"),
        ("happy", "S1"),
        ("happy", "S1"),
        ("happy", "S1"),
    ],
    "probability": [
        ("happy", "label order"),
        ("happy", "label order"),
        ("happy", "mean probability"),  # .5 against .2
        ("happy", "label order"),
        ("sad", "mean probability"),  # of the one that gave any: .7 against .2
    ],
    "label_order": [("happy", "label order")] * 5,
    "none": [(None, "nobody")] * 5,
}


def test_every_rule_is_worked_by_hand_but_the_one_that_draws() -> None:
    assert {*BY_HAND, "random"} == set(TIES)


@pytest.mark.parametrize("tie", BY_HAND)
def test_the_rule_on_every_kind_of_tie(tie: str) -> None:
    shares = {
        (row, at): given
        for row, (_, probable) in enumerate(KINDS.values())
        for at, given in probable.items()
    }
    said = [row for row, _ in KINDS.values()]
    ballots = votes(said, LABELS, members=ABHINAYA, probabilities=shares)
    made = majority(ballots, tie, "S2")
    assert made.tied.all()
    found = zip(labels_of(made, ballots.labels), made.decided_by, strict=True)
    assert dict(zip(KINDS, found, strict=True)) == dict(zip(KINDS, BY_HAND[tie], strict=True))


def test_members_that_are_not_there_neither_vote_nor_break_ties() -> None:
    """S2 is missing for the second utterance: of the other four it is a tie, settled by S1."""
    row = ("happy", "sad", "sad", "happy", "sad")
    ballots = votes([row, row], LABELS, members=ABHINAYA)
    ballots.choices[1, 1] = -1
    ballots.present[1, 1] = False
    made = majority(ballots, "own_label", "S2")
    assert labels_of(made, ballots.labels) == ["sad", "happy"]
    assert made.decided_by == ("", "S1")
    np.testing.assert_allclose(made.shares, [[0, 0.4, 0.6], [0, 0.5, 0.5]])
    heavy = Rules("none", ABHINAYA, {"S1": 3.0})
    weighted = rule(ballots, "weighted", heavy)
    # 3 + 1 of 7 against 3; without S2, 4 of 6 against 2
    np.testing.assert_allclose(weighted.shares, [[0, 4 / 7, 3 / 7], [0, 4 / 6, 2 / 6]])
