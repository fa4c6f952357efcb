"""What of an encoder is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.errors import ConfigError
from equivoice.models.decoding.loading import LoadOptions
from equivoice.models.encoders.families import Encoder, load_encoder
from equivoice.models.encoders.freezing import Freezing, freeze
from tiny.encoders import KINDS, LAYERS, save_tiny_encoder


@pytest.fixture(params=KINDS)
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> Encoder:
    folder = save_tiny_encoder(request.param, tmp_path / "base")
    return load_encoder(LoadOptions(str(folder), device="cpu"))


def trained(encoder: Encoder) -> set[str]:
    return {name for name, each in encoder.named_parameters() if each.requires_grad}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", Freezing(front=True, whole=True)),
        ("features", Freezing(front=True)),
        ("none", Freezing(front=False)),
        ("layers:0", Freezing(front=True, below=0)),
    ],
)
def test_choices(text: str, expected: Freezing) -> None:
    assert Freezing.read(text) == expected


@pytest.mark.parametrize("text", ["", "some", "layers:", "layers:-1", "layers:x"])
def test_other_choices_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="choices: all, features, layers:K, none"):
        Freezing.read(text)


def test_all_is_frozen(encoder: Encoder) -> None:
    assert freeze(encoder, Freezing.read("all"), spec_augment=True) == [encoder]
    assert trained(encoder) == set()


def test_features_freezes_the_convolutions_alone(encoder: Encoder) -> None:
    parts = freeze(encoder, Freezing.read("features"), spec_augment=True)
    within = {id(each) for part in parts for each in part.parameters()}
    left = {name for name, each in encoder.named_parameters() if id(each) not in within}
    fixed = {name for name in left if name.endswith("embed_positions.weight")}
    assert trained(encoder) == left - fixed
    assert within


def test_none_trains_everything(encoder: Encoder) -> None:
    freeze(encoder, Freezing.read("none"), spec_augment=True)
    names = {name for name, _ in encoder.named_parameters()}
    assert names - trained(encoder) <= {
        name for name in names if name.endswith("embed_positions.weight")
    }


@pytest.mark.parametrize("below", [0, 2, LAYERS])
def test_layers_from_below_are_frozen(encoder: Encoder, below: int) -> None:
    parts = freeze(encoder, Freezing.read(f"layers:{below}"), spec_augment=True)
    found = trained(encoder)
    for number, layer in enumerate(encoder.layers()):
        names = {
            name
            for name, each in encoder.named_parameters()
            if any(each is own for own in layer.parameters())
        }
        assert names <= found if number >= below else not names & found
    after = {id(each) for part in encoder.above() for each in part.parameters()}
    assert all(
        ".layers." in name or id(each) in after
        for name, each in encoder.named_parameters()
        if name in found
    )
    assert all(not each.requires_grad for part in parts for each in part.parameters())


def test_more_layers_than_there_are(encoder: Encoder) -> None:
    with pytest.raises(ConfigError, match=f"the encoder has {LAYERS} layers"):
        freeze(encoder, Freezing.read("layers:9"), spec_augment=True)


def test_without_masks_their_vector_is_not_trained(encoder: Encoder) -> None:
    freeze(encoder, Freezing.read("none"), spec_augment=False)
    assert not any(name.endswith("masked_spec_embed") for name in trained(encoder))
    assert encoder.model.config.apply_spec_augment is False
