"""SALMONN where it differs from its neighbours: prompt, padding, beams, its own adapter."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Clip, Decoding, Draw, Question
from equivoice.models.decoding.adapters import (
    LoraSettings,
    attach_lora,
    save_adapter,
    trainable_parameters,
    unfreeze,
)
from equivoice.models.registry import load_model
from equivoice.models.salmonn.convert import LORA_FOLDER
from equivoice.models.speech_llms import salmonn as module
from equivoice.prompting.turns import AUDIO, Turn
from tiny.plain_salmonn import plain_salmonn
from tiny.sounds import RATE, TEXT, ask, buzz, write
from tiny.speech import TinyModels

NEUTRAL = Decoding.neutral()


@pytest.fixture(scope="module")
def folder(tiny_models: TinyModels) -> Path:
    return tiny_models("salmonn")


@pytest.fixture(scope="module")
def backend(folder: Path) -> Any:
    return load_model("salmonn", model=str(folder))


def logits(backend: Any, *questions: Question) -> torch.Tensor:
    prepared: torch.Tensor = backend.prepare(list(questions)).logits
    return prepared


# ------------------------------------------------------------------------------- prompts


def test_the_prompt_is_the_releases_token_by_token(backend: Any, tmp_path: Path) -> None:
    """Begin, what stands before the sound, 88 places, what stands after it."""
    question = ask(write(tmp_path / "a.wav", buzz(110, 0.5)))
    (tokens,) = backend.lesson_prompts([question])
    tokenizer = backend.tokenizer
    before = tokenizer("USER: <Speech>", add_special_tokens=False)["input_ids"]
    after = tokenizer(f"</Speech> {TEXT}\nASSISTANT:", add_special_tokens=False)["input_ids"]
    assert tokens == [tokenizer.bos_token_id, *before, *[backend.audio_token_id] * 88, *after]


def test_the_place_of_sound_stands_where_it_is_put(backend: Any, tmp_path: Path) -> None:
    clip = Clip(str(write(tmp_path / "a.wav", buzz(110, 0.5))))
    first = Question("demo/a", (Turn("user", (AUDIO, TEXT)),), clip)
    last = Question("demo/a", (Turn("user", (TEXT, AUDIO)),), clip)
    assert float((logits(backend, first) - logits(backend, last)).abs().max()) > 1e-3


def test_a_transcript_cannot_take_the_place_of_sound(backend: Any, tmp_path: Path) -> None:
    clip = Clip(str(write(tmp_path / "a.wav", buzz(110, 0.5))))
    said = Question("demo/a", (Turn("user", (AUDIO, f"{TEXT} She said: <unk></s>")),), clip)
    (tokens,) = backend.lesson_prompts([said])
    assert tokens.count(backend.audio_token_id) == 88
    assert backend.tokenizer.eos_token_id not in tokens
    odd = load_model("salmonn", model=str(Path(backend.options.model)))
    odd.marks = ()
    with pytest.raises(ConfigError, match="stands for sound: 'demo/a'") as error:
        odd.lesson_prompts([said])
    assert "take '<unk>' out" in str(error.value)


# ------------------------------------------------------------------------------- hearing


def test_a_short_clip_is_a_second_with_silence(backend: Any, tmp_path: Path) -> None:
    """As in the release: the silence is heard, and no encoder is without frames."""
    short = 0.5 * buzz(150, 0.05)
    filled = np.pad(short, (0, RATE - len(short)))
    questions = [ask(write(tmp_path / f"{n}.wav", each)) for n, each in enumerate((short, filled))]
    ours = logits(backend, *questions)
    torch.testing.assert_close(ours[0], ours[1])
    assert backend.trimming()["on"] is False


def test_of_several_channels_the_first_is_heard(backend: Any, tmp_path: Path) -> None:
    """As in the release, whose code takes the first column of what it reads."""
    left, right = buzz(110, 0.6), buzz(260, 0.6)
    alone = ask(write(tmp_path / "left.wav", left))
    both = ask(write(tmp_path / "both.wav", np.stack([left, right], axis=1)))
    turned = ask(write(tmp_path / "turned.wav", np.stack([right, left], axis=1)))
    ours = logits(backend, alone, both, turned)
    torch.testing.assert_close(ours[1], ours[0])
    assert float((ours[2] - ours[0]).abs().max()) > 1e-3
    assert backend.describe()["clips"]["channels"] == "first"


def test_no_more_is_heard_than_thirty_seconds(folder: Path, tmp_path: Path) -> None:
    sound = buzz(110, 31.0)
    whole, first = write(tmp_path / "w.wav", sound), write(tmp_path / "f.wav", sound[: 30 * RATE])
    cutting = load_model("salmonn", model=str(folder), longer="cut")
    ours = logits(cutting, ask(whole), ask(first))
    torch.testing.assert_close(ours[0], ours[1])
    assert cutting.describe()["clips"]["clips_cut"] == 1
    with pytest.raises(AudioError, match="limit is 30 s"):
        load_model("salmonn", model=str(folder)).prepare([ask(whole)])


def test_many_clips_are_heard_a_few_at_a_time(
    backend: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waves = [buzz(100 + 20 * n, 0.3 + 0.4 * n).astype(np.float32) for n in range(3)]
    together = backend.encode(waves)
    monkeypatch.setattr(module, "_CLIPS_AT_ONCE", 2)
    before = backend.encoder_passes
    for ours, theirs in zip(backend.encode(waves), together, strict=True):
        assert ours.shape == (88, 32)
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert backend.encoder_passes == before + 3
    assert backend.hear([]) == []


# ------------------------------------------------------------------------------- beams


def test_beams_find_what_the_stock_search_finds(folder: Path, tmp_path: Path) -> None:
    heard = [buzz(110, 0.6), buzz(190, 1.2)]
    sounds = [write(tmp_path / f"{n}.wav", each) for n, each in enumerate(heard)]
    backend = load_model("salmonn", model=str(folder), beams=4)
    questions = [ask(sound) for sound in sounds]
    said = backend.answer(questions, [[Draw(0.0, 1)], [Draw(0.0, 2), Draw(0.0, 3)]], NEUTRAL)
    import soundfile

    waves = [soundfile.read(sound, dtype="float32")[0] for sound in sounds]
    model, inputs, tokenizer = plain_salmonn(folder, waves, TEXT)
    with torch.no_grad():
        rows = model.generate(
            **inputs, num_beams=4, do_sample=False, max_new_tokens=5, min_new_tokens=1
        )
    width = inputs["input_ids"].shape[1]
    theirs = [tokenizer.decode(row[width:], skip_special_tokens=True) for row in rows]
    assert [each[0].text for each in said] == theirs
    assert said[1][0] == said[1][1]
    assert backend.describe()["beams"] == 4


def test_beams_leave_what_is_drawn_as_it_is(folder: Path, backend: Any, tmp_path: Path) -> None:
    questions = [ask(write(tmp_path / f"{n}.wav", buzz(110 + 60 * n, 0.7))) for n in range(2)]
    draws = [[Draw(1.0, 4), Draw(0.0, 0), Draw(0.7, 5)], [Draw(1.2, 6)]]
    searching = load_model("salmonn", model=str(folder), beams=3)
    prefix = searching.prepare(questions)
    ours, theirs = (
        searching.sample(prefix, draws, NEUTRAL),
        backend.answer(questions, draws, NEUTRAL),
    )
    assert [ours[0][0], ours[0][2], ours[1]] == [theirs[0][0], theirs[0][2], theirs[1]]
    assert searching.sample(prefix, draws, NEUTRAL) == ours
    assert searching.answer(questions, draws, NEUTRAL) == ours
    # nothing is searched where nothing is asked for at temperature 0
    assert searching.sample(prefix, [[], draws[1]], NEUTRAL) == [[], ours[1]]
    scores = searching.option_logprobs(prefix, ["Sad"], [1.0], NEUTRAL)
    assert np.isfinite(scores.logprobs).all()


def test_fewer_beams_than_one_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="fewer beams than one: 0"):
        load_model("salmonn", model=str(folder), beams=0)


# ------------------------------------------------------------------------- its own adapter


@pytest.fixture(scope="module")
def adapted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted folder with an adapter of its own."""
    place = tmp_path_factory.mktemp("adapted") / "salmonn-7b"
    shutil.copytree(folder, place)
    plain = load_model("salmonn", model=str(folder))
    attach_lora(plain, LoraSettings(rank=2, alpha=8.0, dropout=0.1))
    with torch.no_grad():
        for _, weight in trainable_parameters(plain):
            weight.normal_(std=0.2, generator=torch.Generator().manual_seed(2))
    save_adapter(plain, place / LORA_FOLDER)
    return place


def test_its_own_adapter_is_part_of_it(backend: Any, adapted: Path, tmp_path: Path) -> None:
    question = ask(write(tmp_path / "a.wav", buzz(110, 0.5)))
    own = load_model("salmonn", model=str(adapted))
    assert own.name == "salmonn-7b"
    assert float((logits(own, question) - logits(backend, question)).abs().max()) > 1e-2
    assert not any(weight.requires_grad for weight in own.model.parameters())
    said = own.describe()
    assert said["own_adapter"]["lora"]["rank"] == 2
    assert said["adapter"] is None
    # the release goes on training it
    attach_lora(own, LoraSettings(rank=2, alpha=8.0, dropout=0.1))
    assert {name.rpartition(".lora_")[2][0] for name, _ in trainable_parameters(own)} == {"A", "B"}
    with pytest.raises(ConfigError, match="an adapter of other settings already"):
        attach_lora(load_model("salmonn", model=str(adapted)), LoraSettings(rank=5))


def test_what_was_trained_takes_the_place_of_its_own(adapted: Path, tmp_path: Path) -> None:
    question = ask(write(tmp_path / "a.wav", buzz(110, 0.5)))
    trained = load_model("salmonn", model=str(adapted))
    attach_lora(trained, LoraSettings(rank=2, alpha=8.0, dropout=0.1))
    unfreeze(trained, ["projector"])
    with torch.no_grad():
        for _, weight in trainable_parameters(trained):
            weight.mul_(1.3)
    save_adapter(trained, tmp_path / "fair" / "best")
    loaded = load_model("salmonn", model=str(adapted), adapter=str(tmp_path / "fair" / "best"))
    assert loaded.name == "salmonn-7b+fair"
    torch.testing.assert_close(logits(loaded, question), logits(trained, question))
    assert loaded.describe()["own_adapter"] is None
    assert loaded.describe()["adapter"]["lora"]["rank"] == 2


def test_weights_trained_beside_its_own_adapter_leave_it_in_place(
    adapted: Path, tmp_path: Path
) -> None:
    question = ask(write(tmp_path / "a.wav", buzz(110, 0.5)))
    trained = load_model("salmonn", model=str(adapted))
    unfreeze(trained, ["projector"])
    with torch.no_grad():
        for _, weight in trainable_parameters(trained):
            weight.mul_(1.3)
    wanted = logits(trained, question)
    assert float((wanted - logits(load_model("salmonn", model=str(adapted)), question)).abs().max())
    save_adapter(trained, tmp_path / "best")
    loaded = load_model("salmonn", model=str(adapted), adapter=str(tmp_path / "best"))
    torch.testing.assert_close(logits(loaded, question), wanted)


# ------------------------------------------------------------------------------- loading


def test_other_folders_are_refused(tiny_models: TinyModels, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another architecture"):
        load_model("salmonn", model=str(tiny_models("qwen2_audio")))
    with pytest.raises(ConfigError, match="no such model folder"):
        load_model("salmonn", model=str(tmp_path / "none"))


def test_a_folder_with_missing_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    place = tmp_path / "salmonn"
    shutil.copytree(folder, place)
    weights = load_file(place / "model.safetensors")
    weights.pop("multi_modal_projector.proj.bias")
    save_file(weights, place / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match=r"lacks 1 .*proj\.bias"):
        load_model("salmonn", model=str(place))


def test_what_it_reads_it_reads_without_hearing(backend: Any) -> None:
    question = Question("demo/a", (Turn("user", (TEXT,)),))
    before = backend.encoder_passes
    assert logits(backend, question, replace(question, utterance_id="b")).shape[0] == 2
    assert backend.encoder_passes == before
