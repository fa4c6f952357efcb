"""The test of independent runs: it seldom cries wolf, and it sees what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from equivoice.evaluation.selftests import Probes, make_probes
from equivoice.evaluation.selftests.asking import Asked, apart
from equivoice.evaluation.selftests.sampling import hidden_settings, independent_runs, seeds
from equivoice.models import Decoding, Draw, OptionScores, Said
from oracles.listeners import WORDS, Listener, ListeningServer


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Probes:
    return make_probes(tmp_path_factory.mktemp("probes"))


@dataclass
class Salted(Listener):
    """Sound, but for other draws each time that it is made."""

    salt: int = 0

    def said(self, shares: np.ndarray, draw: Draw, crowd: int) -> Said:  # noqa: ARG002
        rng = np.random.default_rng([self.salt, draw.seed])
        return Said(WORDS[int(rng.choice(len(WORDS), p=shares))])


def test_independent_runs_are_seldom_called_dependent(probes: Probes) -> None:
    """Four standard errors: of 60 sound models at most one may fail by chance."""
    gates = [independent_runs(Asked(Salted(salt=salt)), probes) for salt in range(60)]
    assert sum(gate.outcome == "failed" for gate in gates) <= 1
    sizes = [gate.measured for gate in gates]
    assert 0.1 < np.mean([size > 1 for size in sizes]) < 0.6  # of the size that chance gives


@dataclass
class HalfShared(Salted):
    """Every second pair of runs shares its draw."""

    def said(self, shares: np.ndarray, draw: Draw, crowd: int) -> Said:
        seed = draw.seed // 2 * 2 if draw.seed % 4 < 2 else draw.seed
        return super().said(shares, Draw(draw.temperature, seed), crowd)


def test_runs_that_share_a_seed_now_and_then_are_found_out(probes: Probes) -> None:
    gate = independent_runs(Asked(HalfShared()), probes)
    assert gate.outcome == "failed"
    assert gate.measured is not None
    assert gate.measured > 4


@dataclass
class Sharpened(Salted):
    """It samples from a sharper distribution than it says."""

    def said(self, shares: np.ndarray, draw: Draw, crowd: int) -> Said:
        sharp = shares**6
        return super().said(sharp / sharp.sum(), draw, crowd)


def test_samples_from_another_distribution_are_found_out(probes: Probes) -> None:
    assert independent_runs(Asked(Sharpened()), probes).outcome == "failed"


@dataclass
class Mumbling(Salted):
    """Nearly all that it says is none of the options; ``how`` says which runs share a draw."""

    how: str = "independent"

    def said(self, shares: np.ndarray, draw: Draw, crowd: int) -> Said:  # noqa: ARG002
        seed = {"independent": draw.seed, "pairs": draw.seed // 2, "all": 1}[self.how]
        rng = np.random.default_rng([self.salt, seed])
        return Said(f"mumble {rng.integers(30)}")

    def option_logprobs(self, *arguments: Any) -> OptionScores:
        scores = super().option_logprobs(*arguments)
        return OptionScores(scores.logprobs - 8.0, 1 - np.exp(scores.logprobs - 8.0).sum(-1))


@pytest.mark.parametrize(
    ("how", "outcome"), [("independent", "passed"), ("pairs", "failed"), ("all", "failed")]
)
def test_runs_are_compared_with_each_other_where_options_say_little(
    probes: Probes, how: str, outcome: str
) -> None:
    """With random weights no option has any probability, and the bounds would let all pass."""
    gate = independent_runs(Asked(Mumbling(how=how)), probes)
    assert gate.outcome == outcome, gate.why


def test_the_sentence_names_what_was_seen_and_what_was_due(probes: Probes) -> None:
    gate = independent_runs(Asked(Listener()), probes)
    assert "of 400 pairs of runs agree; independent runs agree in" in gate.why


@pytest.mark.parametrize(("flaw", "share"), [("unseeded", 0.3), ("", 0.0)])
def test_seeds_that_do_not_hold_are_measured(probes: Probes, flaw: str, share: float) -> None:
    gate = seeds(Asked(ListeningServer(frozenset({flaw}) - {""})), probes)
    assert gate.measured is not None
    assert gate.measured >= share
    assert (gate.outcome == "failed") == bool(flaw)
    assert ("cannot be repeated exactly" in gate.why) == bool(flaw)


@pytest.mark.parametrize(
    ("settings", "acting"),
    [
        ({}, 0),
        ({"top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0, "temperature": 0.7}, 0),
        ({"top_k": None}, 0),
        ({"repetition_penalty": "ignored"}, 0),
        ({"top_k": 50}, 1),
        ({"num_beams": 4, "no_repeat_ngram_size": 3, "top_p": 0.5}, 3),
    ],
)
def test_settings_that_act_on_answers_are_told_from_those_that_do_not(
    probes: Probes, settings: dict, acting: int
) -> None:
    gate = hidden_settings(Asked(Listener(described={"generation_settings": settings})), probes)
    assert (gate.outcome, gate.measured) == ("passed", acting)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ([0.0, -1.0], [0.0, -1.5], 0.5),
        ([-np.inf, 0.0], [-np.inf, 0.0], 0.0),
        ([-np.inf, 0.0], [-2.0, 0.0], np.inf),
    ],
)
def test_impossible_options_agree_with_each_other_only(
    first: Sequence[float], second: Sequence[float], distance: float
) -> None:
    assert apart(np.array(first), np.array(second)) == distance


def test_the_same_question_is_asked_about_every_clip(probes: Probes) -> None:
    """By one name too, so that a model that knows the name and not the sound is found out."""
    asked = Asked(Listener())
    one, other = asked.question(probes.first), asked.question(probes.second)
    assert (one.utterance_id, one.turns) == (other.utterance_id, other.turns)
    assert one.clip != other.clip


def test_tolerances_follow_the_precision(probes: Probes) -> None:
    assert Asked(Listener(described={"dtype": "float32"})).tolerance == 1e-3
    assert Asked(Listener(described={"dtype": "bfloat16"})).tolerance > 0.1


def test_decoding_is_neutral_in_every_question(probes: Probes) -> None:
    heard: list[Decoding] = []

    class Noting(ListeningServer):
        def answer(self, questions, draws, decoding):  # type: ignore[no-untyped-def]
            heard.append(decoding)
            return super().answer(questions, draws, decoding)

    seeds(Asked(Noting()), probes)
    assert {each.top_p for each in heard} == {1.0}
    assert {each.repetition_penalty for each in heard} == {1.0}
