"""Text language models: a chat template in, answers and option scores out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.models.language import (
    Decoding,
    Draw,
    LanguageBackend,
    PrefixBackend,
    Question,
)
from equivoice.models.text_llms.causal import CausalTextModel
from equivoice.prompting.turns import AUDIO, Turn
from tiny.text import END, PAD, STOP, make_tokenizer, question, save_text_model, text_model

QUESTIONS = [question("the speaker sounds sad"), question("happy", system=None)]


def test_it_is_a_prefix_backend() -> None:
    model = text_model()
    assert isinstance(model, LanguageBackend)
    assert isinstance(model, PrefixBackend)
    assert model.name == "llama"
    assert model.family == "text"
    assert model.modalities == {"transcript"}


def test_the_prompt_is_the_chat_templates() -> None:
    model = text_model()
    assert model.prompt(QUESTIONS[0]) == (
        "<|system|> which emotion is it ? <|end|> <|user|> the speaker sounds sad <|end|> "
        "<|assistant|>"
    )
    assert model.prompt(QUESTIONS[1]) == "<|user|> happy <|end|> <|assistant|>"


def test_prompts_are_padded_on_the_left() -> None:
    model = text_model()
    prefix = model.prepare(QUESTIONS)
    length = prefix.mask.shape[1]
    assert prefix.mask.sum(dim=1).tolist() == [length, 4]
    assert prefix.mask[1].tolist() == [False] * (length - 4) + [True] * 4
    assert prefix.input_ids[1, : length - 4].tolist() == [PAD] * (length - 4)
    assert prefix.eos_ids == (END, STOP)


def test_answering_is_preparing_and_sampling() -> None:
    model = text_model("qwen2")
    draws = [[Draw(heat, seed) for heat in (0.0, 1.0) for seed in range(5)]] * 2
    answers = model.answer(QUESTIONS, draws, Decoding())
    assert answers == model.sample(model.prepare(QUESTIONS), draws, Decoding())
    assert answers[0] != answers[1]


def test_options_are_tokens_without_special_ones() -> None:
    assert text_model().option_tokens("very sad") == make_tokenizer().encode("very sad")
    several = text_model("qwen2").option_tokens("Surprised")
    assert len(several) > 1
    assert text_model("qwen2").tokenizer.decode(several) == "Surprised"


def test_the_transcript_reaches_the_model() -> None:
    model = text_model()
    options = ["happy", "sad"]
    said = [
        model.option_logprobs(model.prepare([question(text)]), options, [1.0], Decoding())
        for text in ("happy", "sad")
    ]
    assert np.abs(said[0].logprobs - said[1].logprobs).max() > 0.01


def test_sound_is_refused() -> None:
    heard = Question("demo/1", (Turn("user", (AUDIO, "which emotion is it ?")),))
    with pytest.raises(ConfigError, match="cannot hear") as told:
        text_model().prepare([heard])
    assert "transcript" in str(told.value)


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = None
    folder = save_text_model(tmp_path / "base", tokenizer=tokenizer)
    with pytest.raises(ConfigError, match="no chat template"):
        CausalTextModel(str(folder))


def test_the_description_says_what_a_run_record_needs(tmp_path: Path) -> None:
    folder = save_text_model(
        tmp_path / "hidden",
        generation={"do_sample": True, "top_k": 20, "no_repeat_ngram_size": 2},
    )
    model = CausalTextModel(str(folder), name="mine", device="cpu")
    assert model.name == "mine"
    told = model.describe()
    json.dumps(told)
    assert told["generation_settings"]["top_k"] == 20
    assert told["generation_settings"]["ignored"] == {"no_repeat_ngram_size": 2}
    assert told["optimisations"]["prefix_tree"]["on"] is None
    model.answer(QUESTIONS, [[Draw(1.0, 1)]] * 2, Decoding())
    assert model.describe()["optimisations"]["prefix_tree"]["on"] is True


def test_a_tokenizer_without_padding_is_padded_with_an_end(tmp_path: Path) -> None:
    folder = save_text_model(tmp_path / "unpadded")
    model = CausalTextModel(str(folder), device="cpu")
    draws = [[Draw(0.7, seed) for seed in range(5)]] * 2
    expected = model.answer(QUESTIONS, draws, Decoding(repetition_penalty=1.5))
    model.tokenizer.pad_token = None
    assert model.prepare(QUESTIONS).input_ids[1, 0] == END
    assert model.answer(QUESTIONS, draws, Decoding(repetition_penalty=1.5)) == expected


def test_a_checkpoint_that_names_no_end_takes_the_tokenizers(tmp_path: Path) -> None:
    folder = save_text_model(tmp_path / "endless", eos_token_id=None)
    (folder / "generation_config.json").write_text("{}")
    assert CausalTextModel(str(folder), device="cpu").prepare(QUESTIONS).eos_ids == (END,)


def test_a_template_that_refuses_the_turns(tmp_path: Path) -> None:
    template = "{{ raise_exception('no system turn, please') }}"
    save_text_model(tmp_path, tokenizer=make_tokenizer(template=template))
    with pytest.raises(ConfigError, match="does not take the prompt: no system turn, please"):
        CausalTextModel(str(tmp_path)).prompt(QUESTIONS[0])
