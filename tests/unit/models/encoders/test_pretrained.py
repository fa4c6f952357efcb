"""The system speech-encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
import torch

from equivoice.errors import AudioError, ConfigError
from equivoice.models import Clip
from equivoice.models.classifying import Classifiable, ClassifyingBackend, Sample
from equivoice.models.encoders.pretrained import PretrainedClassifier, PretrainedEncoder
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.models.registry import classifies
from equivoice.records import Label, LabelSpace
from tiny.encoders import KINDS, save_tiny_encoder, speech

SPACE = LabelSpace("demo", (Label("a"), Label("b")))


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    made = []
    for number, length in enumerate((0.9, 0.4, 0.65)):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, speech(length, number), 16_000, subtype="FLOAT")
        made.append(Sample(f"demo/{number}", Clip(str(path))))
    return made


def made(folder: Path, kind: str = "wavlm", **options: object) -> PretrainedClassifier:
    base = folder / kind
    if not base.exists():
        save_tiny_encoder(kind, base, 2)
    given = {"head_width": 6, "device": "cpu", "seconds": 1.0, **options}
    return PretrainedEncoder(str(base), **given).classifier(SPACE, seed=1)  # type: ignore[arg-type]


def test_it_is_what_training_needs(tmp_path: Path) -> None:
    assert isinstance(PretrainedEncoder("org/wavlm-large"), Classifiable)
    assert classifies("speech-encoder")
    assert isinstance(made(tmp_path), ClassifyingBackend)


@pytest.mark.parametrize("layers", ["last", "weighted"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_encoder_is_run_once_for_each_clip(
    kind: str, layers: str, samples: list[Sample], tmp_path: Path
) -> None:
    backend = made(tmp_path, kind, freeze="all", layers=layers)
    with torch.no_grad():
        plain = backend.class_logits(samples)
        backend.keep_sounds(SoundCache(tmp_path / "kept"))
        first = backend.class_logits(samples)
        runs = []
        backend.encoder.register_forward_hook(lambda *_: runs.append(1))
        again = backend.class_logits(samples[::-1])
    torch.testing.assert_close(first, plain, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(again.flip(0), first, atol=1e-6, rtol=1e-5)
    assert runs == []
    assert backend.describe()["sounds_kept"]["read"] == len(samples)


def test_a_frozen_front_is_run_once_for_each_clip(samples: list[Sample], tmp_path: Path) -> None:
    backend = made(tmp_path, freeze="features")
    with torch.no_grad():
        plain = backend.class_logits(samples)
        backend.keep_sounds(SoundCache(tmp_path / "kept"))
        backend.class_logits(samples)
        runs = []
        assert backend.encoder.front is not None
        backend.encoder.front.register_forward_hook(lambda *_: runs.append(1))
        again = backend.class_logits(samples)
    assert runs == []
    torch.testing.assert_close(again, plain, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_in_training_is_what_single_clips_are_in_prediction(
    kind: str, samples: list[Sample], tmp_path: Path
) -> None:
    """On a processor, clips are predicted one by one: a batch only adds padding."""
    backend = made(tmp_path, kind, freeze="none")
    sizes = []
    backend.encoder.register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    together = backend.class_logits(samples).detach()
    with torch.no_grad():
        alone = backend.class_logits(samples)
    assert sizes == [3, 1, 1, 1]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-4)


def test_what_is_trained_is_never_kept(samples: list[Sample], tmp_path: Path) -> None:
    backend = made(tmp_path, freeze="none")
    backend.keep_sounds(SoundCache(tmp_path / "kept"))
    backend.class_logits(samples).sum().backward()
    assert not list((tmp_path / "kept").rglob("*.safetensors"))
    assert backend.describe()["sounds_kept"] is None
    assert backend.encoder.front is not None
    assert all(each.grad is not None for each in backend.encoder.front.parameters())


def test_an_encoder_that_is_frozen_has_no_graph_and_no_dropout(
    samples: list[Sample], tmp_path: Path
) -> None:
    backend = made(tmp_path, freeze="all", head_dropout=0.0)
    backend.training_mode(on=True)
    first = backend.class_logits(samples)
    assert torch.equal(backend.class_logits(samples), first)
    first.sum().backward()
    names = set(backend.trained_parameters())
    assert names
    assert not any(name.startswith("encoder.") for name in names)


def test_training_hides_moments_and_prediction_does_not(
    samples: list[Sample], tmp_path: Path
) -> None:
    from equivoice.training.learner import reseed

    backend = made(tmp_path, head_dropout=0.0)
    with torch.no_grad():
        plain = backend.class_logits(samples)
        backend.training_mode(on=True)
        reseed(1)
        first = backend.class_logits(samples)
        reseed(1)
        assert torch.equal(backend.class_logits(samples), first)
        backend.training_mode(on=False)
        assert torch.equal(backend.class_logits(samples), plain)
    assert not torch.equal(first, plain)


def test_decoded_ahead_is_the_same(samples: list[Sample], tmp_path: Path) -> None:
    backend = made(tmp_path)
    with torch.no_grad():
        plain = backend.class_logits(samples)
        backend.listen([*samples, Sample("demo/gone", Clip(str(tmp_path / "gone.wav")))])
        for sample in samples:
            assert sample.clip is not None
            Path(sample.clip.path).unlink()
        assert torch.equal(backend.class_logits(samples), plain)
    assert backend._waves == {}


def test_too_short_is_an_error_and_long_is_cut(samples: list[Sample], tmp_path: Path) -> None:
    backend = made(tmp_path, seconds=0.5)
    with torch.no_grad():
        backend.class_logits(samples)
    assert backend.describe()["clips"]["clips_cut"] == 2
    soundfile.write(tmp_path / "short.wav", speech(0.005, 0), 16_000)
    with pytest.raises(AudioError, match=r"too short[\s\S]*short\.wav"):
        backend.class_logits([Sample("demo/short", Clip(str(tmp_path / "short.wav")))])


def test_it_says_where_it_comes_from(tmp_path: Path) -> None:
    told = json.loads(json.dumps(made(tmp_path).describe()))
    assert told["model"] == str(tmp_path / "wavlm")
    assert told["weights"].startswith("sha256:")
    assert told["encoder"] == "WavLMModel"
    assert told["options"]["freeze"] == "features"
    assert 0 < told["trained_parameters"] < told["parameters"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": "some"}, "freeze: unknown choice"),
        ({"layers": "first"}, "layers: unknown choice"),
        ({"dtype": "bfloat16"}, "not all of the encoder is frozen"),
    ],
)
def test_options_that_cannot_be(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PretrainedEncoder("org/wavlm-large", **options)  # type: ignore[arg-type]


def test_a_limit_beyond_what_it_hears(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="within 0 and 1, what the encoder can hear"):
        made(tmp_path, "whisper", seconds=10.0)


def test_no_such_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such model folder"):
        PretrainedEncoder(str(tmp_path / "none")).classifier(SPACE, seed=0)
