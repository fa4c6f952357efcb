"""The scripted model's distribution against one written down by hand, at any setting."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models import Decoding, Draw, Question
from equivoice.models.scripted_language import (
    WORDINGS,
    ScriptedLanguageModel,
    ScriptedPrefix,
    ScriptedServer,
)
from equivoice.prompting.turns import AUDIO, Turn

NEUTRAL = Decoding.neutral()
# of whole weights, so that two shares are equal or clearly are not
SHARES = st.lists(st.integers(1, 100), min_size=1, max_size=6).map(
    lambda weights: [weight / sum(weights) for weight in weights]
)


def ask(utterance: str = "a/1", text: str = "Options: Angry, Happy, Sad") -> Question:
    return Question(utterance, (Turn("user", (AUDIO, text)),))


def prefix_of(shares: list[float]) -> tuple[ScriptedPrefix, list[str]]:
    texts = [f"answer {place}" for place in range(len(shares))]
    return ScriptedPrefix((tuple(texts),), (np.log(np.array(shares)),), (None,)), texts


def stated(shares: list[float], temperature: float, decoding: Decoding) -> list[float]:
    prefix, texts = prefix_of(shares)
    scores = ScriptedLanguageModel().option_logprobs(prefix, texts, [temperature], decoding)
    return [float(each) for each in np.exp(scores.logprobs[0, 0])]


def by_hand(shares: list[float], temperature: float, top_k: int, top_p: float) -> list[float]:
    """Powers, then the largest k, then the fewest that reach the mass; each renormalised."""
    heated = [share ** (1 / temperature) for share in shares]
    order = sorted(range(len(heated)), key=lambda place: (-heated[place], place))
    kept = order[: top_k or len(order)]
    total = math.fsum(heated[place] for place in kept)
    nucleus: list[int] = []
    for place in kept:
        if math.fsum(heated[each] for each in nucleus) / total >= top_p - 1e-12:
            break
        nucleus.append(place)
    rest = math.fsum(heated[place] for place in nucleus)
    return [heated[place] / rest if place in nucleus else 0.0 for place in range(len(heated))]


@given(SHARES, st.floats(0.2, 3), st.integers(0, 4), st.sampled_from([0.3, 0.61, 0.87, 1.0]))
def test_temperature_top_k_and_top_p_are_those_of_samplers(
    shares: list[float], temperature: float, top_k: int, top_p: float
) -> None:
    found = stated(shares, temperature, Decoding(top_p=top_p, top_k=top_k))
    expected = by_hand(shares, temperature, top_k, top_p)
    assert found == pytest.approx(expected, abs=1e-9)


@given(SHARES)
def test_at_temperature_0_the_most_probable_answer_is_certain(shares: list[float]) -> None:
    found = stated(shares, 0.0, NEUTRAL)
    assert found.count(1.0) == 1
    assert sum(found) == 1.0
    assert found.index(1.0) == shares.index(max(shares))


@given(SHARES, st.floats(0, 3), st.integers(0, 2**63 - 1), st.integers(0, 3))
def test_nothing_is_said_that_has_no_probability(
    shares: list[float], temperature: float, seed: int, top_k: int
) -> None:
    decoding = Decoding(top_k=top_k)
    prefix, texts = prefix_of(shares)
    said = ScriptedLanguageModel().sample(prefix, [[Draw(temperature, seed)]], decoding)[0][0]
    chances = dict(zip(texts, stated(shares, temperature, decoding), strict=True))
    assert said.text is not None
    assert chances[said.text] > 0
    assert said.finished


def test_what_is_stated_of_other_options_is_nothing_and_all_is_outside() -> None:
    fake = ScriptedLanguageModel({"a/1": "sad"})
    scores = fake.option_logprobs(fake.prepare([ask()]), ["Bored"], [0.0, 1.0], NEUTRAL)
    assert np.isneginf(scores.logprobs).all()
    assert scores.outside.tolist() == [[1.0, 1.0]]


@given(st.permutations(["Angry", "Happy", "Sad"]), st.floats(0.05, 0.95))
def test_the_order_of_display_changes_nothing_unless_it_is_told_to(
    shown: list[str], confidence: float
) -> None:
    fake = ScriptedLanguageModel(confidence=confidence, seed=5)
    prefix = fake.prepare([ask("a/7", f"Options: {', '.join(shown)}")])
    best = fake.sample(prefix, [[Draw(0.0, 1)]], NEUTRAL)[0][0].text
    chosen = (
        ScriptedServer(confidence=0.99, seed=5)
        .answer([ask("a/7")], [[Draw(0.0, 1)]], NEUTRAL)[0][0]
        .text
    )
    scores = fake.option_logprobs(prefix, [str(chosen)], [1.0], NEUTRAL)
    assert np.exp(scores.logprobs[0, 0, 0]) == pytest.approx(confidence)
    assert best == chosen or confidence < 0.5


@pytest.mark.parametrize("bias", [-3.0, 0.0, 1.5])
def test_a_bias_moves_the_odds_of_the_first_option_by_its_exponential(bias: float) -> None:
    def odds(first_bias: float) -> float:
        fake = ScriptedLanguageModel({"a/1": "sad"}, first_bias=first_bias)
        found = fake.option_logprobs(fake.prepare([ask()]), ["Angry", "Sad"], [1.0], NEUTRAL)
        return float(found.logprobs[0, 0, 0] - found.logprobs[0, 0, 1])

    assert odds(bias) - odds(0.0) == pytest.approx(bias)


def test_every_kind_of_wording_has_its_share() -> None:
    share = 1 / len(WORDINGS)
    fake = ScriptedLanguageModel({"a/1": "sad"}, wordings=dict.fromkeys(WORDINGS, share))
    prefix = fake.prepare([ask()])
    chances = dict(zip(prefix.texts[0], np.exp(prefix.logits[0]), strict=True))
    assert math.fsum(chances.values()) == pytest.approx(1)
    for kind, templates in WORDINGS.items():
        words = ("Angry", "Happy", "Sad")
        texts = {each.format(word=word) for each in templates for word in words}
        assert math.fsum(chances[text] for text in texts) == pytest.approx(share), kind


def test_words_are_found_as_they_are_written_once_each_and_whole() -> None:
    fake = ScriptedLanguageModel({"a/1": "sad"})
    text = "SAD or disgusted, not sadness nor sad? Disgust!"
    texts = fake.prepare([ask(text=text)]).texts[0]
    assert texts == ("SAD", "disgusted", "Disgust")


def test_a_prompt_without_a_known_word_leaves_all_of_them() -> None:
    fake = ScriptedLanguageModel(words=("up", "down"))
    assert set(fake.prepare([ask(text="Which way?")]).texts[0]) == {"up", "down"}


def test_a_single_option_is_certain() -> None:
    fake = ScriptedLanguageModel({"a/1": "happy"})
    prefix = fake.prepare([ask(text="Options: Sad")])
    assert prefix.texts[0] == ("Sad",)
    assert fake.option_logprobs(prefix, ["Sad"], [1.0], NEUTRAL).logprobs.tolist() == [[[0.0]]]


def test_rows_of_a_table_without_an_accuracy_have_the_usual_one(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "utterance_id": ["a/1", "a/2", "a/3"],
            "emotion": ["sad", "sad", None],
            "accuracy": [None, 0.0, None],
        }
    )
    table.write_parquet(tmp_path / "answers.parquet")
    fake = ScriptedLanguageModel(tmp_path / "answers.parquet", accuracy=1.0)
    draws = [[Draw(0.0, 1)]] * 2
    said = [each[0].text for each in fake.answer([ask("a/1"), ask("a/2")], draws, NEUTRAL)]
    assert said[0] == "Sad"
    assert said[1] != "Sad"


def test_the_last_phrase_of_a_prompt_decides() -> None:
    phrases = {"Options": 0.0, "carefully": 1.0}
    fake = ScriptedLanguageModel({"a/1": "sad"}, accuracy=0.0, phrases=phrases)
    questions = [ask(text="Listen carefully. Options: Angry, Sad"), ask(text="Options: Angry, Sad")]
    said = fake.answer(questions, [[Draw(0.0, 1)]] * 2, NEUTRAL)
    assert [each[0].text for each in said] == ["Sad", "Angry"]


def test_an_armed_trap_that_is_not_there_is_no_trap(tmp_path: Path) -> None:
    fake = ScriptedLanguageModel({"a/1": "sad"}, kill_at="a/1", trap=str(tmp_path / "none"))
    assert fake.answer([ask()], [[Draw(0.0, 1)]], NEUTRAL)[0][0].text == "Sad"


@pytest.mark.parametrize("shares", [{}, {"exact": 0.5}, {"exact": 1.5, "refusal": -0.5}])
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="not shares of 1"):
        ScriptedLanguageModel(wordings=shares)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1])
def test_a_certain_model_is_refused(confidence: float) -> None:
    """Its other answers would have no logit, at any temperature."""
    with pytest.raises(ConfigError, match="not between 0 and 1"):
        ScriptedServer(confidence=confidence)
