"""Dawid–Skene against a slow reference, hand-worked sums and planted confusions.

On ``planted(seed)`` for seeds 1, 2 and 3, 200 iterations and no smoothing, the posteriors
were compared once with crowd-kit 1.4.2 (``DawidSkene(n_iter=200, tol=0)``), which is no
dependency: no posterior differed by more than 1e-10 (its own floor under probabilities), and
no label. With the smoothing that is our default none differed by more than .009.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from equivoice.annotators.counts import OTHER, Ratings
from equivoice.annotators.dawid_skene import DawidSkene, dawid_skene
from equivoice.annotators.rules import aggregate
from equivoice.errors import ConfigError, VotesError
from oracles.plain_votes import PlainDawidSkene, simulated_votes

LABELS = ("angry", "happy", "sad", "calm")


def ratings(
    votes: list[tuple[int, int, int]], *, classes: int, items: int | None = None
) -> Ratings:
    """Votes as (item, rater, answer); an answer beyond the classes is for none of the labels."""
    item, rater, answer = (np.array(column, dtype=np.int64) for column in zip(*votes, strict=True))
    n = int(item.max()) + 1 if items is None else items
    return Ratings(
        tuple(f"u{i}" for i in range(n)),
        LABELS[:classes],
        tuple(f"r{i}" for i in range(int(rater.max()) + 1)),
        item,
        rater,
        np.where(answer < classes, answer, OTHER),
        np.ones(len(item), dtype=np.int64),
    )


def mixed(strength: float, classes: int) -> np.ndarray:
    """A confusion matrix: right with this probability, else any of the others."""
    off = (1 - strength) / (classes - 1)
    return np.full((classes, classes), off) + np.eye(classes) * (strength - off)


def planted(seed: int = 1) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int, int]]]:
    """Three good raters, four poor ones who say "angry", and one who swaps two labels."""
    swaps = mixed(0.9, 4)[[0, 2, 1, 3]]
    lazy = 0.3 * mixed(0.6, 4) + 0.7 * np.array([[1.0, 0, 0, 0]] * 4)
    confusions = np.stack([*[mixed(0.9, 4)] * 3, *[lazy] * 4, swaps])
    truth, votes = simulated_votes(
        confusions, np.array([0.1, 0.3, 0.3, 0.3]), items=1500, share=0.7, seed=seed
    )
    return confusions, truth, votes


# ------------------------------------------------------------- the slow reference


@pytest.mark.parametrize("smoothing", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_every_step_is_that_of_the_reference(smoothing: float, steps: int) -> None:
    confusions = np.stack([mixed(0.8, 3), mixed(0.6, 3), mixed(0.4, 3), mixed(0.7, 3)])
    _, votes = simulated_votes(confusions, np.full(3, 1 / 3), items=40, share=0.8, seed=4)
    plain = PlainDawidSkene(votes, classes=3, smoothing=smoothing)
    for _ in range(steps):
        plain.step()
    found = dawid_skene(
        ratings(votes, classes=3), iterations=steps, tolerance=0.0, smoothing=smoothing
    )
    for item, truth in plain.truth.items():
        np.testing.assert_allclose(found.posterior[item], truth, rtol=0, atol=1e-9)
    for rater, confusion in plain.confusion.items():
        np.testing.assert_allclose(found.confusion[rater], confusion, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.prior, plain.prior, rtol=0, atol=1e-12)
    assert found.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-10)
    assert found.iterations == steps


def test_votes_for_none_as_one_more_answer_are_those_of_the_reference() -> None:
    rng = np.random.default_rng(3)
    confusions = rng.dirichlet(np.ones(4), size=(5, 3))  # 3 labels, 4 answers
    _, votes = simulated_votes(confusions, np.full(3, 1 / 3), items=30, share=0.9, seed=5)
    plain = PlainDawidSkene(votes, classes=3, answers=4, smoothing=0.01)
    for _ in range(5):
        plain.step()
    given = ratings(votes, classes=3)
    found = dawid_skene(given, iterations=5, tolerance=0.0, other="count")
    assert found.confusion.shape == (5, 3, 4)
    assert found.left_out == 0
    for item, truth in plain.truth.items():
        np.testing.assert_allclose(found.posterior[item], truth, rtol=0, atol=1e-9)
    assert found.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-10)
    np.testing.assert_allclose(found.confusion.sum(-1), 1.0, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_em_never_lowers_what_it_raises(smoothing: float) -> None:
    confusions = np.stack([mixed(0.7, 3), mixed(0.5, 3), mixed(0.45, 3)])
    _, votes = simulated_votes(confusions, np.array([0.6, 0.3, 0.1]), items=30, share=1, seed=8)
    plain = PlainDawidSkene(votes, classes=3, smoothing=smoothing)
    heights, given = [], ratings(votes, classes=3)
    for steps in range(1, 16):
        found = dawid_skene(given, iterations=steps, tolerance=0.0, smoothing=smoothing)
        plain.step()
        assert found.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-10)
        heights.append(plain.penalised() if smoothing else found.log_likelihood)
    assert np.diff(heights).min() > -1e-9
    assert heights[-1] > heights[0]


# -------------------------------------------------------------- worked by hand


def test_one_step_by_hand() -> None:
    """Two items, two raters, two labels: r0 says 0, 1; r1 says 0, 0.

    T = (1, 0), (½, ½). p = (¾, ¼).
    π_r0: true 0: answers 0 with mass 1, 1 with ½ → (⅔, ⅓); true 1: 0 with 0, 1 with ½ → (0, 1).
    π_r1: it always says 0 → (1, 0) in both rows.
    Item 0: ¾·⅔·1 = ½ against ¼·0 → 1, 0. Item 1: ¾·⅓·1 = ¼ against ¼·1·1 = ¼ → ½, ½.
    """
    votes = [(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 0)]
    found = dawid_skene(ratings(votes, classes=2), iterations=1, smoothing=0.0)
    np.testing.assert_allclose(found.prior, [3 / 4, 1 / 4], atol=1e-12)
    np.testing.assert_allclose(found.confusion[0], [[2 / 3, 1 / 3], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(found.confusion[1], [[1, 0], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(found.posterior, [[1, 0], [1 / 2, 1 / 2]], atol=1e-12)
    np.testing.assert_allclose(found.reliability, [3 / 4 * 2 / 3 + 1 / 4, 3 / 4], atol=1e-12)
    assert found.log_likelihood == pytest.approx(np.log(1 / 2) + np.log(1 / 2))


def test_pseudo_votes_by_hand() -> None:
    """One vote for label 0 of two, α = 1: π = ((1 + 1)/3, ⅓), (½, ½) and p = (⅔, ⅓)."""
    found = dawid_skene(ratings([(0, 0, 0)], classes=2), iterations=1, smoothing=1.0)
    np.testing.assert_allclose(found.confusion[0], [[2 / 3, 1 / 3], [1 / 2, 1 / 2]], atol=1e-12)
    np.testing.assert_allclose(found.prior, [2 / 3, 1 / 3], atol=1e-12)
    np.testing.assert_allclose(found.posterior, [[8 / 11, 3 / 11]], atol=1e-12)


def test_raters_who_all_agree_are_all_right() -> None:
    votes = [(item, rater, item % 3) for item in range(30) for rater in range(4)]
    found = dawid_skene(ratings(votes, classes=3), smoothing=0.0)
    np.testing.assert_allclose(found.posterior.max(1), 1.0, atol=1e-9)
    np.testing.assert_allclose(found.confusion, np.tile(np.eye(3), (4, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(found.reliability, 1.0, atol=1e-9)
    assert found.converged
    assert found.log_likelihood == pytest.approx(30 * np.log(1 / 3))


def test_a_vote_that_stands_for_three_counts_three_times() -> None:
    votes = [(0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1), (2, 0, 0)]
    once = ratings([votes[0], *votes[3:]], classes=2)
    once.count[0] = 3
    first, second = dawid_skene(once), dawid_skene(ratings(votes, classes=2))
    np.testing.assert_allclose(first.posterior, second.posterior, atol=1e-12)
    np.testing.assert_allclose(first.confusion, second.confusion, atol=1e-12)


# ------------------------------------------------------------ planted confusions


@pytest.fixture(scope="module")
def fitted() -> tuple[np.ndarray, np.ndarray, Ratings, DawidSkene]:
    confusions, truth, votes = planted()
    given = ratings(votes, classes=4, items=len(truth))
    return confusions, truth, given, dawid_skene(given)


def test_planted_confusions_are_recovered(
    fitted: tuple[np.ndarray, np.ndarray, Ratings, DawidSkene],
) -> None:
    """1,500 items, 8 raters who each rate 70 %: about 300 votes a row, 100 for the rare label.

    The standard error of a cell is at most sqrt(¼ / 100) = .05 in the rare row and .03 elsewhere.
    """
    confusions, truth, _, found = fitted
    assert found.converged
    np.testing.assert_allclose(found.confusion[:, 1:], confusions[:, 1:], atol=0.09)
    np.testing.assert_allclose(found.confusion[:, 0], confusions[:, 0], atol=0.15)
    assert np.abs(found.confusion - confusions).mean() < 0.02
    np.testing.assert_allclose(found.prior, np.bincount(truth, minlength=4) / 1500, atol=0.03)


def test_reliable_raters_are_told_from_others(
    fitted: tuple[np.ndarray, np.ndarray, Ratings, DawidSkene],
) -> None:
    confusions, _, _, found = fitted
    expected = [np.array([0.1, 0.3, 0.3, 0.3]) @ np.diag(each) for each in confusions]
    np.testing.assert_allclose(found.reliability, expected, atol=0.04)
    assert found.reliability[:3].min() > found.reliability[3:].max()


def test_its_labels_are_right_more_often_than_those_of_counting(
    fitted: tuple[np.ndarray, np.ndarray, Ratings, DawidSkene],
) -> None:
    _, truth, given, found = fitted
    voted = ~np.isnan(found.posterior[:, 0])
    weighted = (found.posterior.argmax(1) == truth)[voted].mean()
    kept = {rule: aggregate(given, rule) for rule in ("majority", "plurality")}
    right = {rule: float((made.label == truth)[voted].mean()) for rule, made in kept.items()}
    among_kept = {
        rule: float((made.label == truth)[made.kept].mean()) for rule, made in kept.items()
    }
    assert weighted > 0.95
    assert weighted > right["plurality"] + 0.2 > right["majority"] + 0.2
    assert weighted > among_kept["plurality"] + 0.1
    assert weighted > among_kept["majority"]


def test_probabilities_are_calibrated_where_the_model_holds(
    fitted: tuple[np.ndarray, np.ndarray, Ratings, DawidSkene],
) -> None:
    _, truth, _, found = fitted
    voted = ~np.isnan(found.posterior[:, 0])
    top = found.posterior[voted].max(1)
    right = found.posterior[voted].argmax(1) == truth[voted]
    assert right.mean() == pytest.approx(top.mean(), abs=0.015)


def test_many_votes_take_little_time() -> None:
    rng = np.random.default_rng(2)
    m, n = 220_000, 22_000
    given = Ratings(
        tuple(map(str, range(n))),
        LABELS,
        tuple(map(str, range(2000))),
        rng.integers(0, n, m),
        rng.integers(0, 2000, m),
        rng.integers(0, 4, m),
        np.ones(m, dtype=np.int64),
    )
    started = time.process_time()
    dawid_skene(given, iterations=10, tolerance=0.0)
    assert time.process_time() - started < 5


# ------------------------------------------------------------------- the edges


def test_equal_votes_give_equal_bits() -> None:
    votes = planted(seed=7)[2]
    first, second = (dawid_skene(ratings(votes, classes=4)) for _ in range(2))
    assert first.posterior.tobytes() == second.posterior.tobytes()
    assert first.confusion.tobytes() == second.confusion.tobytes()


def test_items_without_votes_and_raters_without_votes_stay_undefined() -> None:
    votes = [(0, 0, 0), (0, 1, 0), (2, 0, 1), (2, 1, 1), (2, 2, 2)]  # r2 only says "none"
    found = dawid_skene(ratings(votes, classes=2, items=4))
    assert np.isnan(found.posterior).all(1).tolist() == [False, True, False, True]
    assert np.isnan(found.confusion).all((1, 2)).tolist() == [False, False, True]
    assert np.isnan(found.reliability).tolist() == [False, False, True]
    assert found.left_out == 1
    assert np.isfinite(found.log_likelihood)


def test_a_rater_who_rated_once_is_no_error() -> None:
    votes = [(item, rater, item % 2) for item in range(10) for rater in range(3)]
    found = dawid_skene(ratings([*votes, (0, 3, 1)], classes=2))
    assert found.posterior.argmax(1).tolist() == [item % 2 for item in range(10)]
    assert np.isfinite(found.reliability[3])


def test_without_smoothing_nothing_is_lost_to_zeros() -> None:
    """A label that nobody uses has probability 0, and its logarithm harms nothing."""
    votes = [(item, rater, item % 2) for item in range(6) for rater in range(3)]
    found = dawid_skene(ratings(votes, classes=3), smoothing=0.0)
    assert np.isfinite(found.posterior).all()
    assert found.posterior[:, 2].tolist() == [0.0] * 6
    assert found.prior.tolist() == [0.5, 0.5, 0.0]


def test_too_few_iterations_say_so() -> None:
    given = ratings(planted()[2], classes=4)
    assert not dawid_skene(given, iterations=2).converged
    assert dawid_skene(given, iterations=2).iterations == 2


def test_votes_without_a_rater_are_refused() -> None:
    given = ratings([(0, 0, 0), (1, 1, 1)], classes=2)
    given.rater[1], given.count[1] = -1, 4
    with pytest.raises(VotesError, match="4 votes have no rater") as caught:
        dawid_skene(given)
    assert caught.value.column == "rater"
    assert "another rule" in str(caught.value)


def test_votes_for_none_of_the_labels_alone_are_refused() -> None:
    with pytest.raises(VotesError, match="no vote for any of the labels"):
        dawid_skene(ratings([(0, 0, 2), (0, 1, 2)], classes=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "EM needs an iteration"),
        ({"tolerance": -1.0}, "tolerance is a number from 0"),
        ({"smoothing": float("nan")}, "smoothing is a number from 0"),
        ({"smoothing": float("inf")}, "smoothing is a number from 0"),
        ({"other": "drop"}, "unknown policy for other"),
    ],
)
def test_options_out_of_their_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dawid_skene(ratings([(0, 0, 0)], classes=2), **options)
