"""One suite for every classifier that can be trained: what ``training`` relies on.

A new system adds a case to :data:`CASES`, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Clip
from equivoice.models.classifiers.files import load_classifier
from equivoice.models.classifying import Calibrates, Classifiable, ClassifyingBackend, Sample
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.models.registry import classifies, load_model
from equivoice.records import Label, LabelSpace
from equivoice.training.learner import reseed
from tiny.encoders import save_tiny_encoder, speech
from tiny.text import save_text_model

SPACE = LabelSpace("demo", (Label("angry", ("anger",)), Label("happy"), Label("sad")))
COMPACT = {"channels": [8, 8], "width": 8, "attention_width": 4}
HEAD = {"head_width": 8, "attention_width": 4, "seconds": 1.0}


@dataclass(frozen=True)
class Case:
    """A system under test.

    Args:
        system: its name in the registry.
        options: of it.
        tiny: which tiny encoder it is given as ``model``; ``None``: none.
        rarely: parameters on which a draw of a batch may not depend, by the end of their names.
    """

    system: str
    options: Mapping[str, Any]
    tiny: str | None = None
    rarely: tuple[str, ...] = field(default=("masked_spec_embed",))

    @property
    def name(self) -> str:
        parts = [self.system, self.tiny, self.options.get("freeze"), self.options.get("layers")]
        return "-".join(str(part) for part in parts if part)


CASES = (
    Case("compact-encoder", COMPACT),
    Case("compact-encoder", {**COMPACT, "pooling": "mean", "augment": False}),
    Case("speech-encoder", HEAD, "wavlm"),
    Case("speech-encoder", {**HEAD, "freeze": "all", "layers": "weighted"}, "wavlm"),
    Case("speech-encoder", {**HEAD, "freeze": "layers:1", "pooling": "mean"}, "hubert"),
    Case("speech-encoder", {**HEAD, "freeze": "none"}, "data2vec-audio"),
    Case("speech-encoder", {**HEAD, "freeze": "all"}, "wav2vec2-bert"),
    Case("speech-encoder", {**HEAD, "freeze": "layers:2", "layers": "weighted"}, "whisper"),
    Case("text-classifier", {"head_width": 8, "attention_width": 4}, "llama"),
)

SAID = ("I am fine today", "the tone is terrible", "what a voice")

Make = Callable[[int], Any]


def _save_encoder(folder: Path, kind: str) -> Path:
    save_tiny_encoder(kind, folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoders")


@pytest.fixture(params=CASES, ids=[case.name for case in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def system(case: Case, folder: Path) -> Any:
    options = dict(case.options)
    if case.tiny is not None:
        base = folder / case.tiny
        if not base.exists():
            save = save_text_model if case.tiny == "llama" else _save_encoder
            save(base, case.tiny)
        options["model"] = str(base)
    return load_model(case.system, device="cpu", **options)


@pytest.fixture
def backend(system: Any) -> Any:
    return system.classifier(SPACE, seed=1)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    place, made = tmp_path_factory.mktemp("speech"), []
    for number, seconds in enumerate((0.9, 0.35, 0.6)):
        path = place / f"{number}.wav"
        soundfile.write(path, speech(seconds, number), 16_000, subtype="FLOAT")
        made.append(Sample(f"demo/{number}", Clip(str(path)), SAID[number]))
    return made


def logits(backend: Any, samples: list[Sample]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = backend.class_logits(samples)
    return found


def test_it_has_what_the_protocols_ask_for(case: Case, system: Any, backend: Any) -> None:
    assert isinstance(system, Classifiable)
    assert classifies(case.system)
    assert isinstance(backend, ClassifyingBackend)
    assert backend.name == system.name
    assert backend.label_space == SPACE
    assert backend.modalities <= system.modalities <= {"speech", "transcript", "speech+transcript"}
    assert backend.device == torch.device("cpu")


def test_logits_are_float32_and_do_not_depend_on_the_batch(
    backend: Any, samples: list[Sample]
) -> None:
    together = logits(backend, samples)
    assert together.shape == (3, 3)
    assert together.dtype == torch.float32
    assert bool(torch.isfinite(together).all())
    alone = torch.cat([logits(backend, [sample]) for sample in samples])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    turned = logits(backend, samples[::-1]).flip(0)
    torch.testing.assert_close(together, turned, atol=1e-5, rtol=1e-4)
    # utterances are told apart
    assert together.std(dim=0).max() > 1e-4


def test_what_was_asked_before_changes_nothing(backend: Any, samples: list[Sample]) -> None:
    first = logits(backend, samples)
    backend.training_mode(on=True)
    logits(backend, samples)
    backend.training_mode(on=False)
    assert torch.equal(logits(backend, samples), first)


def test_first_weights_follow_the_seed_alone(system: Any, backend: Any) -> None:
    before = torch.random.get_rng_state()
    again = system.classifier(SPACE, seed=1).model.state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    own = backend.model.state_dict()
    assert all(torch.equal(own[name], again[name]) for name in own)
    other = system.classifier(SPACE, seed=2).model.state_dict()
    assert any(not torch.equal(own[name], other[name]) for name in own)


def test_what_is_trained_and_what_is_not(backend: Any) -> None:
    trained = backend.trained_parameters()
    named = dict(backend.model.named_parameters())
    assert trained
    assert list(trained) == [name for name in named if named[name].requires_grad]
    assert all(named[name] is each for name, each in trained.items())
    assert {each.dtype for each in trained.values()} == {torch.float32}


def test_gradients_reach_all_that_is_trained_and_nothing_else(
    case: Case, backend: Any, samples: list[Sample]
) -> None:
    backend.training_mode(on=True)
    reseed(0)
    backend.class_logits(samples).square().sum().backward()
    for name, each in backend.model.named_parameters():
        if not each.requires_grad:
            assert each.grad is None, name
        elif not name.endswith(case.rarely):
            assert each.grad is not None, name
            assert bool(torch.isfinite(each.grad).all()), name


def test_training_draws_from_the_seeded_streams_alone(backend: Any, samples: list[Sample]) -> None:
    backend.training_mode(on=True)
    drawn = []
    for _ in range(2):
        reseed(7)
        drawn.append(logits(backend, samples))
    assert torch.equal(*drawn)


def test_one_step_makes_the_loss_smaller(backend: Any, samples: list[Sample]) -> None:
    if isinstance(backend, Calibrates):
        backend.calibrate(samples)
    targets = torch.tensor([0, 1, 2])

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(backend.class_logits(samples), targets)

    parameters = list(backend.trained_parameters().values())
    before = loss()
    before.backward()
    length = torch.sqrt(sum((each.grad**2).sum() for each in parameters if each.grad is not None))
    with torch.no_grad():
        for each in parameters:
            if each.grad is not None:
                each.sub_(1e-3 * each.grad / length)
        assert loss() < before


def test_there_and_back(backend: Any, samples: list[Sample], tmp_path: Path) -> None:
    with torch.no_grad():
        for each in backend.trained_parameters().values():
            each.add_(0.01 * torch.randn_like(each))
    backend.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "weights.safetensors"}
    again = load_classifier(tmp_path, device="cpu")
    assert again.label_space == SPACE
    assert again.name == backend.name
    assert torch.equal(logits(again, samples), logits(backend, samples))


def test_kept_sounds_are_the_same_sounds(
    backend: Any, samples: list[Sample], tmp_path: Path
) -> None:
    plain = logits(backend, samples)
    backend.keep_sounds(SoundCache(tmp_path / "kept"))
    for _ in range(2):
        found = logits(backend, samples)
        torch.testing.assert_close(found, plain, atol=1e-5, rtol=1e-4)
    backend.keep_sounds(None)
    torch.testing.assert_close(logits(backend, samples), plain, atol=1e-5, rtol=1e-4)


def test_calibration_is_not_random(system: Any, samples: list[Sample]) -> None:
    made = [system.classifier(SPACE, seed=1) for _ in range(2)]
    if not isinstance(made[0], Calibrates):
        pytest.skip("it begins from pretrained weights")
    for number, each in enumerate(made):
        reseed(number)
        each.calibrate(samples)
    assert torch.equal(logits(made[0], samples), logits(made[1], samples))


def test_it_describes_itself(backend: Any) -> None:
    told = json.loads(json.dumps(backend.describe()))
    assert 0 < told["trained_parameters"] <= told["parameters"]
    if backend.modalities != {"transcript"}:
        assert told["clips"]["longer"] == "cut"
        assert np.isfinite(told["clips"]["max_seconds"])


def test_what_a_sample_lacks_is_named(backend: Any) -> None:
    lacking = "transcript" if backend.modalities == {"transcript"} else "speech"
    with pytest.raises(ConfigError, match=f"demo/none has no {lacking}"):
        backend.class_logits([Sample("demo/none")])


def test_a_sound_that_cannot_be_used_is_named(
    backend: Any, samples: list[Sample], tmp_path: Path
) -> None:
    if backend.modalities == {"transcript"}:
        pytest.skip("it hears nothing")
    with pytest.raises(AudioError, match=r"gone\.wav"):
        backend.class_logits([*samples, Sample("demo/gone", Clip(str(tmp_path / "gone.wav")))])
