"""Each family equals transformers' own classifier, and padding changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from equivoice.errors import ConfigError
from equivoice.models import Clip
from equivoice.models.classifying import Sample
from equivoice.models.decoding.loading import LoadOptions
from equivoice.models.encoders.families import WaveEncoder, load_encoder
from equivoice.models.encoders.pretrained import PretrainedClassifier, PretrainedEncoder
from equivoice.records import Label, LabelSpace
from tiny.encoders import (
    KINDS,
    LAYERS,
    WIDTH,
    classification_model,
    extractor,
    save_tiny_encoder,
    speech,
)

SPACE = LabelSpace("demo", (Label("a"), Label("b"), Label("c")))
STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
CASES = [
    *((kind, {}) for kind in KINDS),
    *((kind, STABLE) for kind in ("wavlm", "hubert", "wav2vec2")),
]
NAMES = [kind + ("-stable" if changes else "") for kind, changes in CASES]


def seconds(kind: str) -> list[float]:
    """Whisper's classifier takes the mean of all that it pads; so nothing is padded."""
    return [1.0, 1.0] if kind == "whisper" else [0.9, 0.55, 0.21]


def pair(kind: str, changes: dict[str, Any], folder: Path) -> tuple[Any, PretrainedClassifier]:
    """Transformers' own classifier, and ours with the same weights."""
    stock = classification_model(kind, 1, **changes)
    save_tiny_encoder(kind, folder, 1, **changes)
    weighted = bool(changes.get("use_weighted_layer_sum"))
    system = PretrainedEncoder(
        str(folder),
        pooling="mean",
        projector=12,
        head_width=0,
        layers="weighted" if weighted else "last",
        seconds=1.0,
        device="cpu",
    )
    ours = system.classifier(SPACE, seed=0)
    assert ours.model.projector is not None
    ours.model.projector.load_state_dict(stock.projector.state_dict())
    ours.model.head.out.load_state_dict(stock.classifier.state_dict())
    if weighted:
        assert ours.model.mix is not None
        with torch.no_grad():
            stock.layer_weights.copy_(torch.linspace(-1, 1, LAYERS + 1))
            ours.model.mix.weights.copy_(stock.layer_weights)
    return stock, ours


def clips(kind: str, folder: Path) -> list[Sample]:
    found = []
    for number, length in enumerate(seconds(kind)):
        path = folder / f"{number}.wav"
        soundfile.write(path, speech(length, number), 16_000, subtype="FLOAT")
        found.append(Sample(f"demo/{number}", Clip(str(path))))
    return found


def stock_logits(stock: Any, kind: str) -> torch.Tensor:
    """Each clip by itself, as the documentation of transformers shows."""
    rows = []
    for number, length in enumerate(seconds(kind)):
        given = extractor(kind)(speech(length, number), sampling_rate=16_000, return_tensors="pt")
        rows.append(stock(**given).logits)
    return torch.cat(rows)


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("kind", "changes"), CASES, ids=NAMES)
def test_equal_to_the_classifier_of_transformers(
    kind: str, changes: dict[str, Any], weighted: bool, tmp_path: Path
) -> None:
    stock, ours = pair(kind, {**changes, "use_weighted_layer_sum": weighted}, tmp_path / "base")
    samples = clips(kind, tmp_path)
    with torch.no_grad():
        expected = stock_logits(stock, kind)
        together = ours.class_logits(samples)
        alone = torch.cat([ours.class_logits([sample]) for sample in samples])
    assert expected.std() > 0.05
    torch.testing.assert_close(alone, expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(together, expected, atol=5e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_all_that_is_trained(kind: str, tmp_path: Path) -> None:
    _, ours = pair(kind, {}, tmp_path / "base")
    ours.training_mode(on=True)
    torch.manual_seed(0)
    ours.class_logits(clips(kind, tmp_path)).square().sum().backward()
    without = [name for name, each in ours.trained_parameters().items() if each.grad is None]
    # it replaces moments that are hidden, of which a draw may have none
    assert {name.rpartition(".")[2] for name in without} <= {"masked_spec_embed"}
    frozen = [each for each in ours.model.parameters() if not each.requires_grad]
    assert all(each.grad is None for each in frozen)


@pytest.mark.parametrize("kind", ["wavlm", "hubert", "wav2vec2", "data2vec-audio"])
def test_samples_and_frames_are_each_others_inverse(kind: str, tmp_path: Path) -> None:
    encoder = load_encoder(LoadOptions(str(save_tiny_encoder(kind, tmp_path)), device="cpu"))
    assert isinstance(encoder, WaveEncoder)
    for frames in (1, 2, 9):
        fewest = int(encoder.samples(torch.tensor(frames)))
        assert (encoder.frames(fewest), encoder.frames(fewest - 1)) == (frames, frames - 1)
        assert int(encoder.model._get_feat_extract_output_lengths(fewest)) == frames


@pytest.mark.parametrize("kind", KINDS)
def test_width_depth_and_limit(kind: str, tmp_path: Path) -> None:
    encoder = load_encoder(LoadOptions(str(save_tiny_encoder(kind, tmp_path)), device="cpu"))
    assert (encoder.width, encoder.depth, len(encoder.layers())) == (WIDTH, LAYERS, LAYERS)
    assert encoder.longest == (1.0 if kind == "whisper" else 600.0)
    assert not any(each.requires_grad for each in encoder.parameters())


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    from transformers import GPT2Config

    GPT2Config(n_layer=1).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"no speech encoder that is known here[\s\S]*wavlm"):
        load_encoder(LoadOptions(str(tmp_path)))


def test_another_rate_is_refused(tmp_path: Path) -> None:
    save_tiny_encoder("wavlm", tmp_path)
    other = extractor("wavlm")
    other.sampling_rate = 8_000
    other.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="does not hear 16000 samples a second"):
        load_encoder(LoadOptions(str(tmp_path)))
