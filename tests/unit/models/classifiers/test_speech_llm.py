"""Speech LLMs with a head: what they compute, what of them is trained, what they keep."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Clip
from equivoice.models.classifiers.files import load_classifier
from equivoice.models.classifiers.speech_llm import SpeechLLMClassifier
from equivoice.models.classifying import Classifiable, ClassifyingBackend, Sample
from equivoice.models.decoding.adapters import (
    LoraSettings,
    attach_lora,
    save_adapter,
    trainable_parameters,
)
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.models.registry import classifies, load_model
from equivoice.models.salmonn.convert import LORA_FOLDER
from equivoice.records import Label, LabelSpace
from tiny.plain_salmonn import plain_salmonn
from tiny.sounds import RATE, buzz, write
from tiny.speech import Shape, TinyModels

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
SMALL: dict[str, Any] = {"head_width": 12, "attention_width": 6, "rank": 2, "alpha": 4.0}
SAID = ("I am fine today", "what", "the tone is terrible, and she said so")
BOTH = "speech+transcript"


@pytest.fixture(scope="module")
def folder(tiny_models: TinyModels) -> Path:
    return tiny_models("salmonn")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    place = tmp_path_factory.mktemp("sounds")
    made = (buzz(110, 1.3), buzz(190, 0.7), buzz(260, 1.1))
    sounds = [write(place / f"{at}.wav", each) for at, each in enumerate(made)]
    return [
        Sample(f"demo/{at}", Clip(str(sound)), said)
        for at, (sound, said) in enumerate(zip(sounds, SAID, strict=True))
    ]


def made(folder: Path, seed: int = 0, **options: Any) -> Any:
    return SpeechLLMClassifier(str(folder), **{**SMALL, **options}).classifier(SPACE, seed=seed)


@pytest.fixture(scope="module")
def fixed(folder: Path) -> Any:
    """One that no test changes."""
    return made(folder)


def logits(backend: Any, samples: list[Sample]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = backend.class_logits(samples)
    return found


def loss(backend: Any, samples: list[Sample]) -> torch.Tensor:
    targets = torch.arange(len(samples)) % 3
    return torch.nn.functional.cross_entropy(backend.class_logits(samples), targets)


@pytest.mark.parametrize("name", ["salmonn-classifier", "speech-llm-classifier"])
def test_it_is_loaded_by_name(folder: Path, name: str) -> None:
    system = load_model(name, model=str(folder), **SMALL)
    assert isinstance(system, Classifiable)
    assert classifies(name)
    assert system.name == "salmonn-classifier"
    assert system.modalities == frozenset({"speech"})


def test_it_is_a_classifying_backend(fixed: Any) -> None:
    assert isinstance(fixed, ClassifyingBackend)
    assert fixed.modalities == frozenset({"speech"})
    said = fixed.describe()
    assert said["speech_llm"]["own_adapter"] is None
    assert said["prompt"] == "Describe emotion of the speaker in one word"
    assert said["trained_parameters"] == sum(
        each.numel() for each in fixed.trained_parameters().values()
    )


# --------------------------------------------------------------------------- what it computes


def written_out(backend: Any, states: torch.Tensor) -> torch.Tensor:
    """Attentive statistics over (T, D) states and the head, by their formulas."""
    pooling, head = backend.model.pooling, backend.model.head
    scores = torch.tanh(states @ pooling.inner.weight.T + pooling.inner.bias)
    weights = torch.softmax(scores @ pooling.score.weight[0], dim=0)[:, None]
    mean = (weights * states).sum(0)
    deviation = ((weights * states**2).sum(0) - mean**2).clamp(min=1e-6).sqrt()
    inner = torch.relu(head.inner(torch.cat([mean, deviation])))
    found: torch.Tensor = head.out(inner)
    return found


def plain_states(folder: Path, sample: Sample, text: str) -> torch.Tensor:
    """(T, D): what the head of the plain model is given for one utterance."""
    assert sample.clip is not None
    wave = soundfile.read(sample.clip.path, dtype="float32")[0]
    model, inputs, _ = plain_salmonn(folder, [wave], text)
    given: list[torch.Tensor] = []
    model.get_output_embeddings().register_forward_pre_hook(
        lambda _, inputs: given.append(inputs[0])
    )
    model(**inputs)
    return given[0][0]


@pytest.mark.parametrize("modality", ["speech", BOTH])
def test_attentive_statistics_over_the_last_layer_of_the_plain_model(
    folder: Path, samples: list[Sample], modality: str
) -> None:
    """One utterance at a time, all positions of it."""
    backend = made(folder, modality=modality)
    asked = "Describe emotion of the speaker in one word"
    with torch.no_grad():
        expected = [
            written_out(
                backend,
                plain_states(
                    folder,
                    sample,
                    f"{asked} <Transcript> {sample.transcript}" if modality == BOTH else asked,
                ),
            )
            for sample in samples
        ]
    found = logits(backend, samples)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.stack(expected), atol=2e-4, rtol=1e-3)


def test_logits_do_not_depend_on_the_other_samples(folder: Path, samples: list[Sample]) -> None:
    backend = made(folder, modality=BOTH)
    together = logits(backend, samples)
    alone = torch.cat([logits(backend, [sample]) for sample in samples])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-3)
    turned = logits(backend, samples[::-1]).flip(0)
    torch.testing.assert_close(turned, together, atol=1e-4, rtol=1e-3)


def test_sound_and_words_both_matter(folder: Path, samples: list[Sample]) -> None:
    backend = made(folder, modality=BOTH)
    first, other = samples[0], samples[1]
    swapped = [Sample("a", other.clip, first.transcript), Sample("b", first.clip, "great")]
    found = logits(backend, [first, *swapped])
    assert float((found[0] - found[1]).abs().max()) > 1e-4
    assert float((found[0] - found[2]).abs().max()) > 1e-4


def test_a_transcript_stays_text(folder: Path, samples: list[Sample]) -> None:
    """Braces are not filled, and control tokens are letters."""
    backend = made(folder, modality=BOTH)
    said = "{transcript} {0} </s><unk>"
    question = backend.question(Sample("a", samples[0].clip, said))
    assert question.turns[0].text.endswith(f"<Transcript> {said}")
    assert torch.isfinite(logits(backend, [Sample("a", samples[0].clip, said)])).all()


@pytest.mark.parametrize("of", ["qwen2-audio", "voxtral"])
def test_any_speech_llm_can_have_a_head(
    tiny_models: TinyModels, samples: list[Sample], of: str
) -> None:
    backend = made(tiny_models(of.replace("-", "_")), of=of)
    assert backend.name == f"{of}-classifier"
    together = logits(backend, samples)
    alone = torch.cat([logits(backend, [sample]) for sample in samples])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-3)
    loss(backend, samples).backward()
    assert all(each.grad is not None for each in backend.trained_parameters().values())


# --------------------------------------------------------------------------- what is trained


def kinds(parameters: Mapping[str, Any]) -> set[str]:
    return {
        "lora" if "lora_" in name else name.removeprefix("encoder.").partition(".")[0]
        for name in parameters
    }


@pytest.mark.parametrize(
    ("trained", "wanted"),
    [
        (("lora", "projector"), {"lora", "multi_modal_projector"}),
        (("projector",), {"multi_modal_projector"}),
        (("lora",), {"lora"}),
        ((), set()),
        (("encoder", "language"), {"audio_tower", "language_model"}),
    ],
)
def test_what_is_trained(
    folder: Path, samples: list[Sample], trained: tuple[str, ...], wanted: set[str]
) -> None:
    backend = made(folder, trained=trained)
    parameters = backend.trained_parameters()
    assert kinds(parameters) == {"pooling", "head", *wanted}
    assert all(each.dtype == torch.float32 for each in parameters.values())
    backend.training_mode(on=True)
    torch.manual_seed(0)
    loss(backend, samples).backward()
    for name, weight in backend.model.named_parameters():
        assert weight.requires_grad is (name in parameters)
        assert (weight.grad is not None) is (name in parameters), name


def test_a_fresh_adapter_stays_within_the_language_model(fixed: Any) -> None:
    names = [name for name in fixed.trained_parameters() if "lora_A" in name]
    assert len(names) == 2 * 7
    assert all(name.startswith("encoder.language_model.") for name in names)


@pytest.fixture(scope="module")
def adapted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with an adapter of its own, of rank 3."""
    place = tmp_path_factory.mktemp("adapted") / "salmonn"
    shutil.copytree(folder, place)
    plain: Any = load_model("salmonn", model=str(folder))
    attach_lora(plain, LoraSettings(rank=3, alpha=28.0, dropout=0.1))
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for _, weight in trainable_parameters(plain):
            weight.normal_(std=0.1, generator=generator)
    save_adapter(plain, place / LORA_FOLDER)
    return place


def test_its_own_adapter_is_gone_on_with(
    adapted: Path, samples: list[Sample], tmp_path: Path
) -> None:
    backend = made(adapted)
    parameters = backend.trained_parameters()
    first = next(name for name in parameters if "q_proj.lora_B" in name)
    weights = load_file(adapted / LORA_FOLDER / "adapter_model.safetensors")
    plain = first.removeprefix("encoder.").replace(".default", "")
    assert parameters[first].shape[1] == 3
    assert torch.equal(parameters[first], weights[f"base_model.model.{plain}"])
    assert len(backend.base) == 2
    with torch.no_grad():
        parameters[first].mul_(2)
    backend.save(tmp_path)
    torch.testing.assert_close(logits(load_classifier(tmp_path), samples), logits(backend, samples))


def test_training_draws_and_evaluation_does_not(folder: Path, samples: list[Sample]) -> None:
    backend = made(folder)

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return logits(backend, samples)

    still = drawn(1)
    backend.training_mode(on=True)
    assert not any(part.training for part in backend.model.encoder.audio_tower.modules())
    assert backend.model.encoder.multi_modal_projector.qformer.training
    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    backend.training_mode(on=False)
    assert torch.equal(drawn(2), still)


def test_it_learns(folder: Path, samples: list[Sample]) -> None:
    backend = made(folder, head_dropout=0.0)
    optimiser = torch.optim.AdamW(backend.trained_parameters().values(), lr=2e-2)
    backend.training_mode(on=True)
    torch.manual_seed(0)
    course = []
    for _ in range(30):
        now = loss(backend, samples)
        now.backward()
        optimiser.step()
        optimiser.zero_grad()
        course.append(float(now.detach()))
    assert min(course) < 0.5 * course[0]


def test_half_precision_holds_what_is_not_trained(folder: Path, samples: list[Sample]) -> None:
    coarse, exact = made(folder, dtype="bfloat16"), made(folder)
    assert coarse.model.encoder.language_model.lm_head.weight.dtype == torch.bfloat16
    assert all(each.dtype == torch.float32 for each in coarse.trained_parameters().values())
    torch.testing.assert_close(logits(coarse, samples), logits(exact, samples), atol=0.15, rtol=0.1)
    loss(coarse, samples).backward()
    with torch.autocast("cpu", torch.bfloat16):
        loss(coarse, samples).backward()


def test_the_seed_says_where_it_begins(folder: Path, fixed: Any, samples: list[Sample]) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again, other = made(folder), made(folder, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(logits(again, samples), logits(fixed, samples))
    assert float((logits(other, samples) - logits(fixed, samples)).abs().max()) > 1e-3


# --------------------------------------------------------------------------- sounds


def test_frozen_encoders_are_run_once(folder: Path, samples: list[Sample], tmp_path: Path) -> None:
    backend = made(folder)
    plain = logits(backend, samples)
    backend.keep_sounds(SoundCache(tmp_path))
    before = backend.backend.encoder_passes
    for _ in range(3):
        torch.testing.assert_close(logits(backend, samples), plain, atol=1e-5, rtol=1e-5)
    assert backend.backend.encoder_passes == before + len(samples)
    backend.keep_sounds(None)
    logits(backend, samples)
    assert backend.backend.encoder_passes == before + 2 * len(samples)


def test_sound_is_cut_at_the_limit_and_that_is_said(folder: Path, tmp_path: Path) -> None:
    backend = made(folder, seconds=2.0)
    sound = buzz(130, 3.0)
    whole, first = write(tmp_path / "w.wav", sound), write(tmp_path / "f.wav", sound[: 2 * RATE])
    found = logits(backend, [Sample("w", Clip(str(whole))), Sample("f", Clip(str(first)))])
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)
    said = backend.describe()["speech_llm"]["clips"]
    assert said == {"max_seconds": 2.0, "longer": "cut", "channels": "first", "clips_cut": 1}
    assert backend.cuts() == {"end of a clip longer than 2 s": 1}


def test_what_is_kept_is_kept_for_one_limit(folder: Path, tmp_path: Path) -> None:
    """Two systems of one benchmark share a cache; and a clip that comes out of it is cut as ever."""
    sound = Sample("w", Clip(str(write(tmp_path / "w.wav", buzz(130, 2.0)))))
    cache = SoundCache(tmp_path / "cache")
    short, long, again = (made(folder, seconds=seconds) for seconds in (1.0, 2.0, 1.0))
    expected = [logits(backend, [sound]) for backend in (short, long)]
    for backend in (short, long, again):
        backend.keep_sounds(cache)
    found = [logits(backend, [sound]) for backend in (short, long)]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert float((found[0] - found[1]).abs().max()) > 1e-4
    torch.testing.assert_close(logits(again, [sound]), expected[0], atol=1e-5, rtol=1e-5)
    assert cache.read == 1
    assert [backend.cuts() for backend in (long, again)] == [
        {},
        {"end of a clip longer than 1 s": 1},
    ]


def test_what_a_sample_lacks_is_named(fixed: Any, folder: Path, samples: list[Sample]) -> None:
    with pytest.raises(ConfigError, match="demo/9 has no speech"):
        fixed.class_logits([Sample("demo/9", None, "text")])
    with pytest.raises(ConfigError, match="demo/9 has no transcript"):
        made(folder, modality=BOTH).class_logits([Sample("demo/9", samples[0].clip)])
    with pytest.raises(AudioError, match=r"none\.wav"):
        fixed.class_logits([Sample("demo/9", Clip("/none.wav"))])


# --------------------------------------------------------------------------- files


def test_it_comes_back_with_what_was_trained_alone(
    folder: Path, samples: list[Sample], tmp_path: Path
) -> None:
    backend = made(folder, modality=BOTH)
    with torch.no_grad():
        for weight in backend.trained_parameters().values():
            weight.add_(0.05)
    backend.save(tmp_path)
    held = load_file(tmp_path / "weights.safetensors")
    assert held.keys() == dict(backend.trained_parameters()).keys()
    again = load_classifier(tmp_path)
    assert again.modalities == frozenset({BOTH})
    assert again.name == backend.name
    torch.testing.assert_close(logits(again, samples), logits(backend, samples))


def test_another_base_is_refused(folder: Path, tiny_models: TinyModels, tmp_path: Path) -> None:
    made(folder).save(tmp_path)
    with pytest.raises(ConfigError, match="not the one that this classifier was trained on"):
        load_classifier(tmp_path, model=str(tiny_models("salmonn", Shape(seed=9))))


# --------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trained": ["lora", "what"]}, "unknown choice 'what'"),
        ({"trained": "lora"}, "a list is wanted"),
        ({"modality": "transcript"}, "modality: unknown choice 'transcript'"),
        ({"prompt": "Say {transcript}"}, "goes with the modality speech"),
        ({"modality": BOTH, "prompt": "Which?"}, "goes with the modality speech"),
        ({"trained": ["encoder"], "dtype": "bfloat16"}, "in float32 only"),
        ({"trained": ["language"], "quantisation": "8bit"}, "in float32 only"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        SpeechLLMClassifier("somewhere", **options)


def test_systems_without_states_are_refused(tiny_models: TinyModels) -> None:
    with pytest.raises(ConfigError, match="has no classifier: 'speech-llm'"):
        made(tiny_models("glm_asr"), of="speech-llm")
