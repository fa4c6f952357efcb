"""The fake language model says what its script says, with the probabilities that it states."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.errors import AudioError, ConfigError, InputError
from equivoice.models import Decoding, Draw, LanguageBackend, PrefixBackend, Question
from equivoice.models.registry import load_model
from equivoice.models.scripted_language import ScriptedLanguageModel, ScriptedServer
from equivoice.prompting.turns import AUDIO, Turn

NEUTRAL = Decoding.neutral()


def ask(utterance: str, options: str = "Angry, Happy, Sad") -> Question:
    return Question(utterance, (Turn("user", (AUDIO, f"Which emotion? Options: {options}. ")),))


def said(fake: ScriptedServer, *questions: Question, temperature: float = 0.0) -> list[str | None]:
    draws = [[Draw(temperature, 1)]] * len(questions)
    return [answers[0].text for answers in fake.answer(questions, draws, NEUTRAL)]


def test_it_keeps_the_protocols() -> None:
    assert isinstance(ScriptedLanguageModel(), PrefixBackend)
    assert isinstance(ScriptedServer(), LanguageBackend)
    assert not isinstance(ScriptedServer(), PrefixBackend)
    assert load_model("scripted-llm", accuracy=0.5).name == "scripted-llm"


def test_greedy_answers_are_those_of_the_table_in_the_words_displayed() -> None:
    fake = ScriptedLanguageModel({"a/1": "happy", "a/2": "sad"})
    assert said(fake, ask("a/1"), ask("a/2", "SAD, HAPPY")) == ["Happy", "SAD"]


def test_it_is_right_as_often_as_told_and_less_often_on_hard_utterances() -> None:
    names = [f"a/{i}" for i in range(2000)]
    fake = ScriptedLanguageModel(
        dict.fromkeys(names, "happy"), accuracy=0.8, hard_on=names[:1000], hard_accuracy=0.3
    )
    answers = said(fake, *map(ask, names))
    hard, easy = (Counter(part)["Happy"] / 1000 for part in (answers[:1000], answers[1000:]))
    assert abs(hard - 0.3) < 0.06  # four standard errors
    assert abs(easy - 0.8) < 0.06


def test_a_phrase_in_the_prompt_decides_its_accuracy() -> None:
    fake = ScriptedLanguageModel({"a/1": "sad"}, phrases={"Which": 0.0})
    assert said(fake, ask("a/1")) != ["Sad"]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("decoding", [NEUTRAL, Decoding(top_p=0.8), Decoding(top_k=2)])
def test_samples_follow_the_stated_option_probabilities(
    temperature: float, decoding: Decoding
) -> None:
    fake = ScriptedLanguageModel(
        {"a/1": "sad"}, confidence=0.5, wordings={"exact": 0.7, "sentence": 0.2, "refusal": 0.1}
    )
    prefix = fake.prepare([ask("a/1")])
    options = ["Angry", "Happy", "Sad"]
    scores = fake.option_logprobs(prefix, options, [temperature], decoding)
    chances = np.exp(scores.logprobs[0, 0])
    assert np.isclose(chances.sum() + scores.outside[0, 0], 1.0)
    draws = [Draw(temperature, seed) for seed in range(20_000)]
    counts = Counter(each.text for each in fake.sample(prefix, [draws], decoding)[0])
    for option, chance in zip(options, chances, strict=True):
        error = np.sqrt(chance * (1 - chance) / 20_000)
        assert abs(counts[option] / 20_000 - chance) <= 5 * error, option


def test_the_share_of_wordings_holds_at_temperature_one() -> None:
    fake = ScriptedLanguageModel(wordings={"exact": 0.5, "refusal": 0.3, "gibberish": 0.2})
    prefix = fake.prepare([ask("a/1")])
    scores = fake.option_logprobs(prefix, ["Angry", "Happy", "Sad"], [0.0, 1.0], NEUTRAL)
    assert scores.outside[0].tolist() == pytest.approx([0.0, 0.5])


def test_the_first_option_can_be_favoured() -> None:
    fake = ScriptedLanguageModel({"a/1": "sad"}, first_bias=50.0)
    assert said(fake, ask("a/1", "Happy, Sad"), ask("a/1", "Sad, Happy")) == ["Happy", "Sad"]


def test_equal_seeds_give_equal_answers_in_any_batch() -> None:
    fake = ScriptedLanguageModel(seed=3)
    draws = [Draw(1.0, seed) for seed in range(50)]
    together = fake.answer([ask("a/1"), ask("a/2")], [draws, draws], NEUTRAL)
    alone = fake.answer([ask("a/2")], [draws], NEUTRAL)
    assert together[1] == alone[0]
    assert len({each.text for each in alone[0]}) > 1


def test_faults_at_chosen_utterances(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    fake = ScriptedLanguageModel(fail_on=["a/1"], silent_on=["a/2"], log=str(log), cost=0.5)
    with pytest.raises(AudioError, match="cannot be used"):
        fake.prepare([ask("a/1"), ask("a/2")])
    prefix = fake.prepare([ask("a/2"), ask("a/3")])
    answers = fake.sample(prefix, [[Draw(1.0, 1)]] * 2, NEUTRAL)
    assert (answers[0][0].text, answers[0][0].reason) == (None, "the script says nothing")
    assert answers[1][0].cost == 0.5
    assert np.isnan(fake.option_logprobs(prefix, ["Sad"], [1.0], NEUTRAL).outside[0, 0])
    assert fake.prepared == 2
    assert log.read_text(encoding="utf-8").splitlines() == ["a/1 a/2", "a/2 a/3"]


def test_answers_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    rows = {"utterance_id": ["a/1", "a/2"], "emotion": ["happy"] * 2, "accuracy": [1.0, 0.0]}
    pl.DataFrame(rows).write_csv(file)
    answers = said(ScriptedLanguageModel(str(file)), ask("a/1"), ask("a/2"))
    assert answers[0] == "Happy"
    assert answers[1] != "Happy"
    pl.DataFrame({"utterance_id": ["a/1"]}).write_csv(file)
    with pytest.raises(InputError, match="emotion"):
        ScriptedLanguageModel(str(file))


def test_wrong_shares_are_refused_together() -> None:
    with pytest.raises(ConfigError) as raised:
        ScriptedLanguageModel(accuracy=2, confidence=0.0, wordings={"song": 0.5})
    assert all(word in str(raised.value) for word in ("accuracy", "confidence", "song", "shares"))
