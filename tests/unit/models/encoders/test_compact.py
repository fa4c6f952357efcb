"""The system compact-encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Clip
from equivoice.models.classifying import Calibrates, Classifiable, ClassifyingBackend, Sample
from equivoice.models.encoders.augmentation import Augmentation
from equivoice.models.encoders.compact import CompactClassifier, CompactEncoder
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.models.registry import classifies, load_model
from equivoice.records import Label, LabelSpace
from tiny.sounds import buzz, write

SPACE = LabelSpace("demo", (Label("low"), Label("high")))
SMALL = {"channels": (8, 8, 8), "width": 8, "attention_width": 4}


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Low and high buzzes of unlike length."""
    made = []
    for number in range(6):
        pitch, seconds = (120, 500)[number % 2] + 7 * number, 0.4 + 0.11 * number
        path = write(tmp_path / f"{number}.wav", buzz(pitch, seconds))
        made.append(Sample(f"demo/{number}", Clip(str(path))))
    return made


def made(**options: object) -> CompactClassifier:
    return CompactEncoder(**{**SMALL, **options}).classifier(SPACE, seed=3)  # type: ignore[arg-type]


def test_it_is_what_training_needs() -> None:
    assert isinstance(load_model("compact-encoder"), Classifiable)
    assert classifies("compact-encoder")
    assert isinstance(made(), ClassifyingBackend)
    assert isinstance(made(), Calibrates)


def test_first_weights_follow_the_seed_alone() -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = made().model.state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    second = made().model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = CompactEncoder(**SMALL).classifier(SPACE, seed=4).model.state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_training_changes_speech_by_the_drawn_seed(samples: list[Sample]) -> None:
    backend = made(dropout=0.0, head_dropout=0.0)
    backend.training_mode(on=True)
    torch.manual_seed(5)
    first = backend.class_logits(samples)
    torch.manual_seed(5)
    assert torch.equal(backend.class_logits(samples), first)
    assert not torch.equal(backend.class_logits(samples), first)
    # by its name, not by its place in the batch
    torch.manual_seed(5)
    turned = backend.class_logits(samples[::-1])
    torch.testing.assert_close(turned.flip(0), first, atol=1e-5, rtol=1e-4)


def test_without_augmentation_training_hears_what_prediction_hears(samples: list[Sample]) -> None:
    backend = made(augment=False, dropout=0.0, head_dropout=0.0)
    assert backend.augmentation == Augmentation.none()
    with torch.no_grad():
        plain = backend.class_logits(samples)
        backend.training_mode(on=True)
        assert torch.equal(backend.class_logits(samples), plain)


def test_no_sound_is_decoded_twice_across_epochs(samples: list[Sample]) -> None:
    backend = made(speeds=(0.9, 1.0))
    backend.training_mode(on=True)
    for epoch in range(12):
        torch.manual_seed(epoch)
        backend.class_logits(samples)
    assert backend.heard.decoded <= 2 * len(samples)


def test_on_disk_sounds_outlive_the_process(samples: list[Sample], tmp_path: Path) -> None:
    cache = SoundCache(tmp_path / "kept")
    first, second = made(), made()
    for backend in (first, second):
        backend.keep_sounds(cache)
        with torch.no_grad():
            backend.class_logits(samples)
    assert (first.heard.decoded, second.heard.decoded) == (len(samples), 0)


def test_calibration_gives_vectors_of_mean_0(samples: list[Sample]) -> None:
    backend = made()
    backend.training_mode(on=True)
    backend.calibrate(samples)
    with torch.no_grad():
        backend.model.head.out.weight.fill_(0).diagonal().fill_(1)
        backend.model.head.out.bias.zero_()
        backend.training_mode(on=False)
        logits = backend.class_logits(samples)
    assert logits.mean(0).tolist() == pytest.approx([0, 0], abs=1e-3)


def test_it_learns_to_tell_low_from_high(samples: list[Sample]) -> None:
    backend = made(head_dropout=0.1)
    backend.calibrate(samples)
    targets = torch.tensor([0, 1] * 3)
    optimizer = torch.optim.AdamW(backend.trained_parameters().values(), lr=5e-3)
    torch.manual_seed(0)
    backend.training_mode(on=True)
    for _ in range(15):
        loss = torch.nn.functional.cross_entropy(backend.class_logits(samples), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    backend.training_mode(on=False)
    with torch.no_grad():
        assert backend.class_logits(samples).argmax(1).tolist() == targets.tolist()


def test_long_sound_is_cut_and_said_so(samples: list[Sample]) -> None:
    backend = made(seconds=0.5)
    with torch.no_grad():
        backend.class_logits(samples)
    told = backend.describe()["clips"]
    assert told == {"max_seconds": 0.5, "longer": "cut", "channels": "mean", "clips_cut": 5}


def test_a_sound_that_cannot_be_used_is_named(samples: list[Sample], tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    backend = made()
    bad = Sample("demo/bad", Clip(str(broken)))
    backend.listen([bad])
    with pytest.raises(AudioError, match=r"broken\.wav"):
        backend.class_logits([*samples, bad])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": 0.0}, "seconds is not within"),
        ({"pooling": "max"}, "pooling: unknown choice"),
        ({"channels": ()}, "channels"),
        ({"speeds": (9.0,)}, "speeds"),
        ({"device": "quantum"}, "unknown device"),
        ({"memory": -1}, "memory is below 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(**options)
