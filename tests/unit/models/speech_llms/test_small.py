"""The small speech LLM: real classes, own tokenizer, loaded as any Qwen2-Audio."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equivoice.errors import ConfigError, MissingDependencyError, StorageError
from equivoice.models import Decoding, Draw, Question
from equivoice.models.hearing.trimming import trim_gate
from equivoice.models.language import Clip
from equivoice.models.registry import load_model
from equivoice.models.speech_llms.small import SIZES, SmallSize, make_small_speech_llm
from equivoice.prompting.turns import Turn
from tiny.sounds import ask, buzz, write
from tiny.stock import STOCK

LABELS = ("angry", "happy", "sad", "neutral", "fear", "disgust", "surprise", "calm")
PROMPT = "Which emotion is it? Answer:"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("small") / "model"
    return make_small_speech_llm(place, labels=LABELS, texts=[PROMPT], size="tiny", seed=3)


@pytest.fixture(scope="module")
def backend(folder: Path) -> Any:
    return load_model("qwen2-audio", model=str(folder))


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("sounds")
    return [
        write(place / f"{i}.wav", buzz(110 + 60 * i, seconds))
        for i, seconds in enumerate((1.7, 0.6, 1.1))
    ]


def test_it_is_the_real_architecture_in_float32(folder: Path, backend: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["Qwen2AudioForConditionalGeneration"]
    assert type(backend.model).__name__ == "Qwen2AudioForConditionalGeneration"
    assert type(backend.processor).__name__ == "Qwen2AudioProcessor"
    assert backend.model.dtype == torch.float32
    assert (folder / "model.safetensors").is_file()


def test_each_label_is_one_token_where_an_answer_begins(backend: Any) -> None:
    for label in (*LABELS, *(each.capitalize() for each in LABELS)):
        (token,) = backend.option_tokens(label)
        assert backend.decode([token]) == label
        assert len(backend.tokens(f" {label}")) == 1
    first = {backend.option_tokens(label)[0] for label in LABELS}
    assert len(first) == len(LABELS)


def test_a_text_that_it_never_saw_comes_back_whole(backend: Any) -> None:
    for text in ("Żółć, émotion: 怒り?", "Kids are talking by the door.", "a\n b\t<|nothing|>"):
        assert backend.decode(backend.tokens(text)) == text


def test_texts_that_it_was_made_with_are_few_tokens(tmp_path: Path, backend: Any) -> None:
    line = "Dogs are sitting by the door while kids keep talking loudly"
    made = make_small_speech_llm(tmp_path / "m", labels=LABELS, texts=[line, line], size="tiny")
    other: Any = load_model("qwen2-audio", model=str(made))
    assert len(other.tokens(line)) == len(line.split())
    assert len(backend.tokens(line)) > 2 * len(line.split())


def test_the_prompt_and_the_answers_are_those_of_the_stock_classes(
    folder: Path, backend: Any, sounds: list[Path]
) -> None:
    """The processor counts audio tokens and the model generates, as transformers does it."""
    stock = STOCK["qwen2_audio"](folder, sounds, PROMPT)
    ours = backend.prepare([ask(path, PROMPT) for path in sounds])
    assert ours.input_ids.tolist() == stock.inputs["input_ids"].tolist()
    said = backend.answer(
        [ask(path, PROMPT) for path in sounds],
        [[Draw(0.0, 0)]] * len(sounds),
        Decoding(max_new_tokens=6),
    )
    assert [one[0].text for one in said] == stock.greedy(6)


def test_the_template_writes_the_turns_and_nothing_else(backend: Any, sounds: list[Path]) -> None:
    ids = backend.prepare([ask(sounds[1], "Which?", system="Be brief.")]).input_ids[0].tolist()
    text = backend.tokenizer.decode(ids)
    assert text.replace("<|AUDIO|>", "") == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<|audio_bos|><|audio_eos|>\n"
        "Which?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert text.count("<|AUDIO|>") == backend.audio_tokens(9_600)


def test_leaving_the_padding_out_is_exact_with_its_own_steps(
    backend: Any, sounds: list[Path]
) -> None:
    assert backend.trim
    gate = trim_gate(backend, [Clip(str(path)) for path in sounds])
    assert gate.passed, gate.why
    assert backend.trim


def test_it_hears_the_sound(backend: Any, sounds: list[Path]) -> None:
    """Another sound of the same length, or none at all, has other scores."""
    quiet = write(sounds[0].parent / "quiet.wav", buzz(300, 1.7) * 0.05)
    questions = [ask(sounds[0], PROMPT), ask(quiet, PROMPT)]
    text = Question("demo/text", (Turn("user", (PROMPT,)),))
    scores = [
        backend.option_logprobs(
            backend.prepare([each]), LABELS, [1.0], Decoding.neutral()
        ).logprobs[0, 0]
        for each in (*questions, text)
    ]
    for one in range(3):
        for other in range(one):
            assert np.abs(scores[one] - scores[other]).max() > 1e-3


def test_a_seed_gives_the_same_weights_and_no_one_elses_draws_change(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    hashes = [
        _weights(make_small_speech_llm(tmp_path / name, labels=["a", "b"], size="tiny", seed=seed))
        for name, seed in (("one", 1), ("again", 1), ("other", 2))
    ]
    assert torch.equal(torch.rand(3), expected)
    assert hashes[0] == hashes[1] != hashes[2]


def _weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_positions_are_whispers_sinusoids_at_a_third(backend: Any) -> None:
    table = backend.tower.embed_positions.weight
    rows, width = table.shape
    assert rows == 30 * 16_000 // (2 * SIZES["tiny"].step)
    half = width // 2
    for place, channel in ((0, 0), (7, 0), (7, 3), (rows - 1, half - 1)):
        angle = place / 10_000 ** (channel / (half - 1))
        found = (float(table[place, channel]), float(table[place, half + channel]))
        assert found == pytest.approx((np.sin(angle) / 3, np.cos(angle) / 3), abs=1e-4)


def test_sound_keeps_its_size_through_the_convolutions(backend: Any) -> None:
    """Else only positions would reach the first layer, and nothing be learnt for long."""
    with torch.no_grad():
        noise = torch.randn(4, SIZES["tiny"].bands, 200)
        out = backend.tower.conv1(noise)
    assert 0.7 < float(out.std()) < 1.4


def test_the_small_size_has_a_few_million_weights_and_loads(tmp_path: Path) -> None:
    made = make_small_speech_llm(tmp_path / "small", labels=LABELS)
    backend: Any = load_model("qwen2-audio", model=str(made))
    weights = sum(each.numel() for each in backend.model.parameters())
    assert 1e6 < weights < 6e6
    # 20 ms a frame, two halvings: a token for 80 ms
    assert backend.audio_tokens(16_000 * 4) == 50


def test_its_first_label_can_be_learnt(folder: Path, sounds: list[Path]) -> None:
    """A few steps on one sound raise the probability of its answer: gradients reach all of it."""
    backend: Any = load_model("qwen2-audio", model=str(folder))
    stock = STOCK["qwen2_audio"](folder, sounds[:1], PROMPT)
    inputs = {name: each.clone() for name, each in stock.inputs.items()}
    token = backend.option_tokens("sad")[0]
    model = backend.model.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        logits = model(**inputs).logits[0, -1]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(token))
        optimizer.zero_grad()
        loss.backward()
        losses.append(float(loss.detach()))
        optimizer.step()
    assert losses[-1] < 0.2 * losses[0]
    assert float(backend.tower.conv1.weight.grad.abs().sum()) > 0


@pytest.mark.parametrize("labels", [[], ["happy", " "], ["happy", "happy "]])
def test_labels_that_cannot_be_told_apart_are_refused(tmp_path: Path, labels: list[str]) -> None:
    with pytest.raises(ConfigError, match="none empty and none twice"):
        make_small_speech_llm(tmp_path, labels=labels, size="tiny")


def test_an_unknown_size_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)huge.*small"):
        make_small_speech_llm(tmp_path, labels=LABELS, size="huge")


def test_a_folder_in_use_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="not empty"):
        make_small_speech_llm(tmp_path, labels=LABELS, size="tiny")
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        make_small_speech_llm(tmp_path / "file" / "model", labels=LABELS, size="tiny")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bands": 0}, "bands: 0 is below 1"),
        ({"width": 100, "heads": 3}, "heads: 3 does not divide width 100"),
        ({"text_width": 30}, "text_heads: 4 does not divide text_width 30"),
        ({"width": 9, "heads": 3}, "width: 9 is odd"),
        ({"step": 7}, "step: 30 s are no even number of 7 samples"),
        ({"dropout": 1.0}, "dropout: 1.0 is not within 0 and 1"),
    ],
)
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        SmallSize(**wrong)


def test_its_extractor_is_whispers_with_other_steps(folder: Path) -> None:
    """What the stock classes need to find in the folder, by their names."""
    from transformers import AutoFeatureExtractor

    found, size = AutoFeatureExtractor.from_pretrained(folder), SIZES["tiny"]
    assert type(found).__name__ == "WhisperFeatureExtractor"
    assert (found.feature_size, found.hop_length, found.n_fft) == (
        size.bands,
        size.step,
        size.window,
    )
    assert found.n_samples == 30 * 16_000
    config = json.loads((folder / "config.json").read_text())["audio_config"]
    assert config["num_mel_bins"] == size.bands
    # the stock encoder insists on two frames a position
    assert 2 * config["max_source_positions"] * size.step == 30 * 16_000


def test_a_clip_of_thirty_seconds_is_heard_to_its_end(backend: Any, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.wav", buzz(120, 30.0))
    changed = buzz(120, 30.0)
    changed[-8_000:] = 0
    cut = write(tmp_path / "cut.wav", changed)
    first, second = (
        backend.encode([backend.clips.read(Clip(str(each)))])[0] for each in (whole, cut)
    )
    assert len(first) == len(second) == 30 * 16_000 // (4 * SIZES["tiny"].step)
    assert float((first - second).abs().max()) > 1e-3


def test_options_and_all_other_answers_make_up_all_that_it_can_say(
    backend: Any, sounds: list[Path]
) -> None:
    prefix = backend.prepare([ask(path, PROMPT) for path in sounds])
    scores = backend.option_logprobs(prefix, LABELS, [1.0, 0.4], Decoding.neutral())
    assert scores.logprobs.shape == (len(sounds), 2, len(LABELS))
    assert np.exp(scores.logprobs).sum(axis=2) + scores.outside == pytest.approx(1.0, abs=1e-5)


def test_a_batch_says_what_each_sound_alone_says(backend: Any, sounds: list[Path]) -> None:
    questions = [ask(path, PROMPT) for path in sounds]
    together = backend.option_logprobs(
        backend.prepare(questions), LABELS, [1.0], Decoding.neutral()
    ).logprobs
    for number, each in enumerate(questions):
        alone = backend.option_logprobs(
            backend.prepare([each]), LABELS, [1.0], Decoding.neutral()
        ).logprobs
        assert together[number] == pytest.approx(alone[0], abs=1e-4)


def test_labels_of_two_words_can_be_asked_for(tmp_path: Path) -> None:
    made = make_small_speech_llm(tmp_path / "m", labels=["very happy", "sad"], size="tiny")
    backend: Any = load_model("qwen2-audio", model=str(made))
    tokens = backend.option_tokens("very happy")
    assert backend.decode(tokens) == "very happy"
    assert len(tokens) == 2


def test_sizes_of_ones_own_are_taken(tmp_path: Path) -> None:
    size = SmallSize(
        bands=24, step=800, width=32, layers=2, heads=2, inner=48, text_width=16, text_layers=2
    )
    made = make_small_speech_llm(tmp_path / "m", labels=LABELS, size=size)
    backend: Any = load_model("qwen2-audio", model=str(made))
    assert len(backend.tower.layers) == 2
    assert backend.tower.layers[1].fc1.weight.shape == (48, 32)
    assert backend.tower.conv1.weight.shape == (32, 24, 3)
    assert backend.model.config.text_config.num_hidden_layers == 2


def test_each_size_that_has_a_name_can_be_made(tmp_path: Path) -> None:
    counts = {}
    for name, size in SIZES.items():
        made = make_small_speech_llm(tmp_path / name, labels=LABELS, size=name)
        config = json.loads((made / "config.json").read_text())["audio_config"]
        assert config["encoder_ffn_dim"] == size.inner
        assert config["dropout"] == size.dropout
        counts[name] = (made / "model.safetensors").stat().st_size
    assert counts["tiny"] < counts["small"] < counts["wide"] < 24e6


def test_the_wide_size_is_the_small_one_with_more_units() -> None:
    small, wide = SIZES["small"], SIZES["wide"]
    differ = {name for name, value in vars(small).items() if value != getattr(wide, name)}
    assert differ == {"inner", "dropout"}
    assert wide.inner == 2 * small.inner


def test_sizes_are_not_changed_in_passing() -> None:
    with pytest.raises(TypeError):
        SIZES["small"] = SmallSize(bands=1)  # type: ignore[index]
    with pytest.raises(AttributeError):
        SIZES["small"].bands = 1  # type: ignore[misc]


def test_without_transformers_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"equivoice\[models\]"):
        make_small_speech_llm(tmp_path / "m", labels=LABELS, size="tiny")
    assert not (tmp_path / "m").exists()
