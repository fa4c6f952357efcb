"""Qwen2-Audio, against the stock processor and ``generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Decoding, Draw
from equivoice.models.registry import load_model
from tiny.sounds import RATE, ask, buzz, write
from tiny.speech import Shape, TinyModels
from tiny.stock import STOCK

TEXT = "Which emotion is it? Answer:"
PENALISED = (("repetition_penalty", 1.6), ("top_k", 20), ("top_p", 0.5))


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sounds")
    return [
        write(folder / f"{i}.wav", buzz(110 + 60 * i, seconds))
        for i, seconds in enumerate((1.7, 0.6))
    ]


def load(tiny_models: TinyModels, **options: Any) -> Any:
    return load_model("qwen2-audio", model=str(tiny_models("qwen2_audio")), **options)


def test_the_prompt_is_that_of_the_stock_processor(
    tiny_models: TinyModels, sounds: list[Path]
) -> None:
    """With its own system turn where the prompt has none, and with the prompt's."""
    backend = load(tiny_models)
    theirs = STOCK["qwen2_audio"](tiny_models("qwen2_audio"), sounds, TEXT).inputs
    ours = backend.prepare([ask(path, TEXT) for path in sounds])
    assert ours.input_ids.tolist() == theirs["input_ids"].tolist()
    assert ours.mask.long().tolist() == theirs["attention_mask"].tolist()
    text = backend.decode(ours.input_ids[0].tolist())
    assert "You are a helpful assistant." in text
    other = backend.prepare([ask(sounds[0], TEXT, system="Be brief.")])
    text = backend.decode(other.input_ids[0].tolist())
    assert "Be brief." in text
    assert "helpful" not in text


def test_settings_hidden_in_the_checkpoint_are_honoured_and_told(
    tiny_models: TinyModels, sounds: list[Path]
) -> None:
    folder = tiny_models("qwen2_audio", generation={"do_sample": True, **dict(PENALISED)})
    backend: Any = load_model("qwen2-audio", model=str(folder))
    theirs = STOCK["qwen2_audio"](folder, sounds, TEXT)
    questions = [ask(path, TEXT) for path in sounds]
    draws = [[Draw(0.0, 0)]] * 2
    said = backend.answer(questions, draws, Decoding(max_new_tokens=12))
    assert [one[0].text for one in said] == theirs.greedy(12)
    neutral = backend.answer(questions, draws, Decoding.neutral(max_new_tokens=12))
    assert [one[0].text for one in neutral] == theirs.greedy(12, repetition_penalty=1.0)
    assert neutral != said
    settings = backend.describe()["generation_settings"]
    assert {name: settings[name] for name, _ in PENALISED} == dict(PENALISED)


def test_rows_instead_of_a_tree_say_the_same(tiny_models: TinyModels, sounds: list[Path]) -> None:
    tree, rows = load(tiny_models), load(tiny_models, tree="off")
    questions = [ask(path) for path in sounds]
    draws = [[Draw(heat, seed) for heat in (0.0, 0.8, 1.4) for seed in range(8)]] * 2
    neutral = Decoding.neutral()
    assert tree.answer(questions, draws, neutral) == rows.answer(questions, draws, neutral)
    told = rows.describe()["optimisations"]["prefix_tree"]
    assert told == {"on": False, "why": "switched off"}
    assert tree.describe()["optimisations"]["prefix_tree"]["on"] is True


def test_eager_attention_says_the_same(tiny_models: TinyModels, sounds: list[Path]) -> None:
    questions = [ask(path) for path in sounds]
    ours = load(tiny_models).prepare(questions).logits
    eager = load(tiny_models, attention="eager").prepare(questions).logits
    np.testing.assert_allclose(eager.numpy(), ours.numpy(), atol=1e-4)


def test_each_clip_is_encoded_once_whatever_is_asked_of_it(
    tiny_models: TinyModels, sounds: list[Path]
) -> None:
    backend = load(tiny_models)
    prefix = backend.prepare([ask(path) for path in sounds])
    draws = [[Draw(heat, seed) for heat in (0.3, 1.0, 1.5) for seed in range(10)]] * 2
    backend.sample(prefix, draws, Decoding())
    backend.option_logprobs(prefix, ["Angry", "Sad"], [0.3, 1.0], Decoding())
    assert backend.encoder_passes == backend.describe()["encoder_passes"] == 2


def test_a_placeholder_in_a_transcript_is_text(tiny_models: TinyModels, sounds: list[Path]) -> None:
    backend = load(tiny_models)
    places = backend.prepare([ask(sounds[0])]).input_ids == backend.audio_token_id
    said = backend.prepare([ask(sounds[0], "She said: <|AUDIO|>")]).input_ids
    assert int((said == backend.audio_token_id).sum()) == int(places.sum())


def test_too_short_to_be_heard(tiny_models: TinyModels, tmp_path: Path) -> None:
    path = write(tmp_path / "click.wav", buzz(200, 0.01)[:300])
    with pytest.raises(AudioError, match="too short") as error:
        load(tiny_models).prepare([ask(path)])
    assert error.value.file == str(path)


def test_a_clip_that_is_cut_is_heard_up_to_there(tiny_models: TinyModels, tmp_path: Path) -> None:
    whole = buzz(140, 1.6)
    long = write(tmp_path / "long.wav", whole)
    short = write(tmp_path / "short.wav", whole[: RATE // 2])
    backend = load(tiny_models, max_seconds=0.5, longer="cut")
    cut = backend.prepare([ask(long)]).logits
    assert float((cut - backend.prepare([ask(short)]).logits).abs().max()) < 1e-5
    assert backend.describe()["clips"] == {
        "max_seconds": 0.5,
        "longer": "cut",
        "channels": "mean",
        "clips_cut": 1,
    }
    with pytest.raises(ConfigError, match="max_seconds: 31 is not within 0 and 30"):
        load(tiny_models, max_seconds=31)


def test_a_checkpoint_of_another_architecture(tiny_models: TinyModels) -> None:
    with pytest.raises(ConfigError, match="another architecture"):
        load_model("qwen2-audio", model=str(tiny_models("voxtral")))


def test_larger_shapes_are_built_by_the_same_builder(tiny_models: TinyModels) -> None:
    shape = Shape(hidden=64, layers=1, encoder_hidden=48, encoder_layers=3, vocab=500, peak=4.0)
    backend: Any = load_model("qwen2-audio", model=str(tiny_models("qwen2_audio", shape)))
    assert len(backend.tower.layers) == 3
    assert backend.language.embed.weight.shape == (500, 64)
