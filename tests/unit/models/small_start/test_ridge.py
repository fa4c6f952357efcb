"""Ridge regression against scikit-learn, and that the strength is chosen on speakers left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import f1_score, log_loss

from equivoice.models.small_start.ridge import STRENGTHS, LabelRidge, macro_f1


def data(
    clips: int = 60, units: int = 20, labels: int = 3, speakers: int = 6, seed: int = 0
) -> tuple[torch.Tensor, np.ndarray[Any, Any], list[str]]:
    """(means, labels, speakers): the first units tell the labels, speakers shift all of them."""
    draws = np.random.default_rng(seed)
    truth = draws.integers(0, labels, clips)
    truth[:labels] = range(labels)
    who = [f"s{number % speakers}" for number in range(clips)]
    means = (
        draws.normal(size=(clips, units))
        + draws.normal(size=(speakers, units))[[int(each[1:]) for each in who]]
    )
    means[np.arange(clips), truth] += 2.5
    return torch.tensor(means, dtype=torch.float32), truth, who


def scores(readout: Any, means: torch.Tensor) -> np.ndarray[Any, Any]:
    return np.asarray(means @ readout.weights.T + readout.shift)


@pytest.mark.parametrize("units", [20, 200])
def test_scores_are_those_of_scikit_learn(units: int) -> None:
    """Fewer units than clips, and more: the two systems that are solved are equal."""
    means, truth, who = data(units=units)
    readout = LabelRidge(means, truth, who).fitted()
    share = np.bincount(truth) / len(truth)
    wanted = (np.eye(3)[truth] - share) / np.sqrt(share)
    spread = means.std(0).numpy() * np.sqrt(units)
    given = (means.numpy() - means.numpy().mean(0)) / spread
    expected = Ridge(readout.strength, fit_intercept=False).fit(given, wanted).predict(given)
    assert scores(readout, means) == pytest.approx(expected, abs=2e-3)


def test_copies_count_as_further_clips_of_the_same_speakers() -> None:
    means, truth, who = data()
    once = LabelRidge(means, truth, who)
    thrice = LabelRidge(torch.cat([means] * 3), truth, who)
    assert thrice.wanted.shape == (3 * len(truth), 3)
    assert thrice.parts.tolist() == once.parts.tolist() * 3
    every = torch.ones(len(truth), dtype=torch.bool)
    # three times each row weigh as the strength divided by 3 does, but for the spread of n − 1
    weights = thrice._weights(every.repeat(3), 3.0)
    assert weights == pytest.approx(once._weights(every, 1.0), rel=0.02, abs=5e-3)


def test_a_clip_is_scored_without_its_speaker() -> None:
    """By a regression made apart from it, on the other parts of the speakers."""
    means, truth, who = data()
    found = LabelRidge(means, truth, who)
    ours = found._left_out(1.0)
    parts = np.array([int(each[1:]) % 5 for each in who])
    given, wanted = found.given.numpy(), found.wanted.numpy()
    for part in range(5):
        inside = parts != part
        other = Ridge(1.0, fit_intercept=False).fit(given[inside], wanted[inside])
        assert ours[~inside].numpy() == pytest.approx(other.predict(given[~inside]), abs=1e-3)


def test_what_only_a_speaker_tells_is_not_believed() -> None:
    """Labels by speaker alone: perfect on the clips themselves, no better than chance left out."""
    draws = np.random.default_rng(3)
    voices = np.eye(12)[np.repeat(np.arange(12), 10)]
    means = torch.tensor(np.hstack([voices, draws.normal(size=(120, 8))]), dtype=torch.float32)
    truth = np.repeat(np.arange(12) // 5 % 2, 10)
    who = [f"s{n:02d}" for n in np.repeat(np.arange(12), 10)]
    readout = LabelRidge(means, truth, who).fitted()
    assert f1_score(truth, scores(readout, means).argmax(1), average="macro") > 0.95
    assert readout.macro_f1 < 0.7


def test_the_strength_is_the_best_of_those_tried() -> None:
    means, truth, who = data(clips=90, units=120)
    ridge = LabelRidge(means, truth, who)
    readout = ridge.fitted()
    found = {each: ridge._left_out(each).argmax(1).numpy() for each in STRENGTHS}
    values = {each: f1_score(truth, guess, average="macro") for each, guess in found.items()}
    assert readout.macro_f1 == pytest.approx(max(values.values()))
    assert values[readout.strength] == pytest.approx(readout.macro_f1)


def test_the_sharpness_has_the_least_loss_on_speakers_left_out() -> None:
    means, truth, who = data(clips=120)
    ridge = LabelRidge(means, truth, who)
    readout = ridge.fitted()
    left_out = ridge._left_out(readout.strength)

    def loss(sharpness: float) -> float:
        return float(log_loss(truth, (sharpness * left_out.double()).softmax(1).numpy()))

    assert readout.nll == pytest.approx(loss(readout.sharpness), abs=1e-4)
    assert loss(readout.sharpness) <= min(loss(readout.sharpness * by) for by in (0.8, 1.25)) + 1e-6
    assert readout.nll < np.log(3)


def test_sounds_that_tell_nothing_make_even_probabilities() -> None:
    draws = torch.Generator().manual_seed(4)
    means = torch.randn(90, 30, generator=draws)
    truth, who = np.arange(90) % 3, [f"s{n % 9}" for n in range(90)]
    readout = LabelRidge(means, truth, who).fitted()
    assert readout.nll == pytest.approx(np.log(3), abs=0.1)
    assert readout.sharpness < 1


def test_a_unit_that_never_changes_does_no_harm() -> None:
    means, truth, who = data()
    means[:, 5] = 1.0
    readout = LabelRidge(means, truth, who).fitted()
    assert bool(torch.isfinite(readout.weights).all())
    assert readout.weights[:, 5].abs().max() < 1e3


def test_two_speakers_are_enough_to_leave_one_out() -> None:
    means, truth, who = data(speakers=2)
    assert 0 < LabelRidge(means, truth, who).fitted().macro_f1 <= 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=40))
def test_macro_f1_is_scikit_learns_over_the_labels_that_occur(pairs: list[tuple[int, int]]) -> None:
    reference = np.array([each for each, _ in pairs] + [0, 1, 2, 3])
    predicted = np.array([each for _, each in pairs] + [0, 1, 2, 3])
    expected = f1_score(reference, predicted, average="macro")
    assert macro_f1(reference, predicted) == pytest.approx(expected)


def test_a_rare_label_weighs_as_much_as_the_others() -> None:
    """By hand: of shares 3/4 and 1/4, a clip of the second label is wanted at 1.5, not at .75."""
    means = torch.randn(8, 4, generator=torch.Generator().manual_seed(2))
    truth = np.array([0, 0, 0, 1, 0, 0, 0, 1])
    wanted = LabelRidge(means, truth, list("aabbaabb")).wanted
    assert wanted[3].tolist() == pytest.approx([-0.75 / 0.75**0.5, 0.75 / 0.25**0.5])
    assert wanted[0].tolist() == pytest.approx([0.25 / 0.75**0.5, -0.25 / 0.25**0.5])
    assert wanted.mean(0).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_the_size_of_units_does_not_matter() -> None:
    means, truth, who = data()
    scaled = means * torch.logspace(-2, 2, means.shape[1]) + 5
    one, other = (LabelRidge(each, truth, who).fitted() for each in (means, scaled))
    assert one.strength == other.strength
    assert scores(one, means) == pytest.approx(scores(other, scaled), abs=5e-3)


def test_a_stronger_ridge_makes_smaller_weights() -> None:
    means, truth, who = data(units=40)
    ridge = LabelRidge(means, truth, who)
    every = torch.ones(len(means), dtype=torch.bool)
    sizes = [float(ridge._weights(every, strength).norm()) for strength in (0.1, 1.0, 10.0)]
    assert sizes == sorted(sizes, reverse=True)
